/* Indexes of yearbook packages: ingest/index.h. */
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

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct index_summary summary;
    struct index_seen seen = {0};
    enum err e = index_parse(&summary, bytes, len, index_row_is_sound, &seen);

    if (!e)
        PROMISE(summary.rows == seen.rows && summary.faulty == seen.faulty && seen.faulty < seen.rows);
    else
        PROMISE(e == ERR_MALFORMED);
    return 0;
}
