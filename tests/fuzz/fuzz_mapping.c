/* Mapping files of student systems: ingest/index.h.  The ZIP beside it holds what ends in "g". */
#include <string.h>
#include "ingest/fold.h"
#include "ingest/index.h"
#include "tests/fuzz/index_promise.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    PROMISE(fold_init() == OK);
    return 0;
}

static bool names_file(void *context, const char *name)
{
    size_t len = strlen(name);

    (void)context;
    return len && name[len - 1] == 'g';
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct index_summary summary;
    struct index_seen seen = {0};
    enum err e = mapping_parse(&summary, bytes, len, names_file, index_row_is_sound, &seen);

    if (!e)
        PROMISE(summary.rows == seen.rows && summary.faulty == seen.faulty);
    else
        PROMISE(e == ERR_MALFORMED);
    return 0;
}
