#include "photod/intake/zip_index.h"

#include "photod/base/text.h"
#include "photod/wire/bulk.h"
#include "ingest/package.h"

/* A memfd is a file to RLIMIT_FSIZE, 64 MiB in this process. */
#define TABLE_MAX ((size_t)60 << 20)

_Static_assert((int)ZIP_MAPPING == (int)PACKAGE_MAPPING && (int)ZIP_INDEX == (int)PACKAGE_INDEX, "forms");
_Static_assert((int)ZIP_FOLDER == (int)PACKAGE_FOLDER && (int)ZIP_EXACT == (int)PACKAGE_EXACT, "matches");
_Static_assert((int)ZIP_LARGE == (int)INDEX_SIZE_LARGE && (int)ZIP_SMALL == (int)INDEX_SIZE_SMALL, "sizes");

static enum err fill(struct shape_index_row *to, const struct index_row *row)
{
    TRY(text_copy(to->fault, sizeof to->fault, row->fault ? row->fault : ""));
    TRY(text_copy(to->file, sizeof to->file, row->file));
    TRY(text_copy(to->volume, sizeof to->volume, row->volume));
    TRY(text_copy(to->grade, sizeof to->grade, row->grade));
    TRY(text_copy(to->last, sizeof to->last, row->last));
    TRY(text_copy(to->first, sizeof to->first, row->first));
    TRY(text_copy(to->folded_last, sizeof to->folded_last, row->folded_last));
    TRY(text_copy(to->folded_first, sizeof to->folded_first, row->folded_first));
    TRY(text_copy(to->homeroom, sizeof to->homeroom, row->homeroom));
    TRY(text_copy(to->teacher, sizeof to->teacher, row->teacher));
    TRY(text_copy(to->department, sizeof to->department, row->department));
    TRY(text_copy(to->title, sizeof to->title, row->title));
    return text_copy(to->number, sizeof to->number, row->number);
}

static enum err take_row(void *context, const struct index_row *row, enum package_match match, size_t entry)
{
    struct pack *rows = context;
    struct shape_index_row to = {.line = row->line,
                                 .entry = (uint32_t)entry,
                                 .match = (unsigned char)match,
                                 .size = (unsigned char)row->size};

    TRY(fill(&to, row));
    pack_index_row(rows, &to);
    return pack_end(rows);
}

enum err zip_index_read(struct shape_zip_indexed *out, int *table, struct archive *a)
{
    CLEANUP(buf) struct buf *rows = NULL;
    struct package p;
    struct pack packed;

    TRY(buf_new(&rows, TABLE_MAX));
    packed = PACK(rows);
    TRY(package_read(&p, a, take_row, &packed));
    *out = (struct shape_zip_indexed){.form = (unsigned char)p.form};
    if (p.form == PACKAGE_BY_NAME)
        return OK;
    out->columns = p.first.columns;
    out->has_header = p.first.has_header;
    out->indexes = p.indexes;
    TRY(text_copy(out->charset, sizeof out->charset, charset_name(p.first.charset)));
    return bulk_new(table, buf_bytes(rows), buf_len(rows));
}
