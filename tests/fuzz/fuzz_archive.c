/* ZIP listings: ingest/archive.h.  Lists everything, and unpacks what may be unpacked of the first entries.
 */
#include <string.h>
#include "ingest/archive.h"
#include "ingest/charset.h"
#include "ingest/fold.h"
#include "ingest/package.h"
#include "tests/fuzz/promise.h"
#include "tests/fuzz/target.h"

#define UNPACKED_MAX ((size_t)1 << 20) /* of one input: unpacking is libzip's and zlib's */

struct input {
    const uint8_t *bytes;
    size_t len;
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    PROMISE(fold_init() == OK);
    return 0;
}

static enum err read_input(void *context, uint64_t offset, void *to, size_t len)
{
    const struct input *in = context;

    PROMISE(offset <= in->len && len <= in->len - offset);
    memcpy(to, in->bytes + offset, len);
    return OK;
}

static void extract(struct archive *a, size_t index, size_t len)
{
    CLEANUP(heap) unsigned char *bytes = malloc(len ? len : 1);
    const char *fault = NULL;
    enum err e;

    PROMISE(bytes);
    e = archive_extract(a, &fault, index, bytes, len);
    PROMISE(e == OK || (e == ERR_MALFORMED && fault && *fault));
}

struct rows {
    size_t entries, count;
};

static enum err take_row(void *context, const struct index_row *row, enum package_match match, size_t entry)
{
    struct rows *rows = context;

    rows->count++;
    PROMISE(row->line > 0 && memchr(row->file, 0, sizeof row->file));
    PROMISE(match == PACKAGE_NONE || entry < rows->entries);
    return OK;
}

static void read_package(struct archive *a)
{
    struct rows rows = {.entries = archive_count(a)};
    struct package p;
    enum err e = package_read(&p, a, take_row, &rows);

    PROMISE(e == OK || e == ERR_LIMIT);
    if (!e && p.form == PACKAGE_BY_NAME)
        PROMISE(rows.count == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    CLEANUP(archive) struct archive *a = NULL;
    struct input in = {bytes, len};
    const char *fault = NULL;
    size_t unpacked = 0;
    enum err e = archive_open(&a, &fault, (struct archive_source){read_input, &in, len});

    if (e) {
        PROMISE(e == ERR_MALFORMED && fault && *fault && !a);
        return 0;
    }
    PROMISE(archive_count(a) <= ARCHIVE_ENTRIES_MAX);
    for (size_t i = 0; i < archive_count(a); i++) {
        struct archive_entry entry;

        archive_describe(&entry, a, i);
        PROMISE(memchr(entry.name, 0, sizeof entry.name));
        PROMISE(charset_is_utf_8(entry.name, strlen(entry.name)));
        if (entry.fault)
            continue;
        PROMISE(entry.size <= ARCHIVE_ENTRY_MAX);
        if (entry.size > UNPACKED_MAX - unpacked)
            break;
        unpacked += (size_t)entry.size;
        extract(a, i, (size_t)entry.size);
    }
    if (unpacked < UNPACKED_MAX) /* what is claimed larger would be unpacked again */
        read_package(a);
    return 0;
}
