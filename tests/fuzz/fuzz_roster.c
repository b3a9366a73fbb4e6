/* Rosters: ingest/roster.h.  The whole file is the input; what comes of it must be text the vault can keep.
 */
#include <string.h>
#include "ingest/roster.h"
#include "photod/base/clock.h"
#include "tests/fuzz/promise.h"
#include "tests/fuzz/target.h"

#define COLUMNS                                                                                              \
    "SD district stateid localid last first middle gender born school grade homeroom optin optin_date"
#define NOW_MS 1795400000000 /* 2026-11-22 */

static struct roster_columns columns;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    clock_fake_wall_ms(NOW_MS);
    PROMISE(roster_init() == OK);
    PROMISE(roster_columns_parse(&columns, COLUMNS) == OK);
    return 0;
}

static bool is_folded(const char *text)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789 ") == strlen(text);
}

static enum err take_row(void *context, const struct roster_row *row)
{
    unsigned *rows = context;

    ++*rows;
    PROMISE(row->line > 0);
    PROMISE(strlen(row->state_id) < sizeof row->state_id);
    PROMISE(charset_is_utf_8(row->last, strlen(row->last)));
    PROMISE(charset_is_utf_8(row->first, strlen(row->first)));
    PROMISE(charset_is_utf_8(row->school, strlen(row->school)));
    PROMISE(charset_is_utf_8(row->homeroom, strlen(row->homeroom)));
    PROMISE(!row->last[strcspn(row->last, "\t\r\n")]);
    if (row->fault)
        return OK;
    PROMISE(strspn(row->state_id, "0123456789") == 9);
    PROMISE(is_folded(row->folded_last) && is_folded(row->folded_first));
    return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const struct roster_file file = {bytes, len, "text/csv"};
    char fault[ROSTER_SENTENCE] = "";
    struct roster_summary summary;
    unsigned rows = 0;
    enum err e = roster_parse(&summary, fault, &file, &columns, take_row, &rows);

    if (e == ERR_MALFORMED)
        PROMISE(*fault && rows == 0);
    else
        PROMISE(e == OK && summary.rows == rows && summary.faulty <= rows);
    return 0;
}
