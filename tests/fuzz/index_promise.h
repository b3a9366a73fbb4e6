#ifndef TESTS_FUZZ_INDEX_PROMISE_H
#define TESTS_FUZZ_INDEX_PROMISE_H

#include <string.h>
#include "ingest/index.h"
#include "tests/fuzz/promise.h"

/* What every row of an index or mapping file promises; an index_take. */
struct index_seen {
    unsigned rows, faulty, line;
};

static inline bool is_kept_text(const char *text, size_t size)
{
    return strnlen(text, size) < size && charset_is_utf_8(text, strlen(text));
}

static inline enum err index_row_is_sound(void *context, const struct index_row *row)
{
    struct index_seen *seen = context;

    PROMISE(row->line > seen->line);
    seen->line = row->line;
    seen->rows++;
    seen->faulty += row->fault != NULL;
    PROMISE(is_kept_text(row->file, sizeof row->file) && is_kept_text(row->folder, sizeof row->folder));
    PROMISE(is_kept_text(row->last, sizeof row->last) && is_kept_text(row->first, sizeof row->first));
    PROMISE(is_kept_text(row->homeroom, sizeof row->homeroom) &&
            is_kept_text(row->number, sizeof row->number));
    PROMISE(strspn(row->folded_last, "abcdefghijklmnopqrstuvwxyz0123456789 ") == strlen(row->folded_last));
    return OK;
}

#endif
