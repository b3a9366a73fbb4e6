#ifndef LAWAPI_CASE_H
#define LAWAPI_CASE_H

#include <stdbool.h>
#include <stdint.h>
#include "lawapi/names.h"
#include "photod/base/err.h"

/*
 * The case without which no photo is released: MCA 20-7-1317(1) allows one
 * purpose, a child identified as missing.  An agency (ORI) and its case
 * number (OCA) together *are* the case; the time of the report starts the
 * two hours of MCA 44-2-505.  Rules and formats only: which cases there are
 * is the vault's.
 */
struct law_case {
    char ori[ORI_TEXT];
    char oca[OCA_TEXT];
    char nic[NIC_TEXT]; /* may follow later; "" until then */
    int64_t reported_ms;
};

/* How far an officer's clock may be ahead of ours before a report counts as of the future. */
#define CASE_CLOCK_SKEW_MS (5 * 60 * 1000)

/*
 * RFC 3339 with its offset, to milliseconds since 1970 UTC; a later fraction
 * is cut off, a leap second refused.  Expected: ERR_MALFORMED; ERR_DENIED
 * when it lies before 1970 or in the future of now_ms.
 */
MUST_CHECK enum err case_parse_time(int64_t *reported_ms, const char *text, int64_t now_ms);

/* Until when the photo must be with the report: two hours on, MCA 44-2-505. */
int64_t case_due_ms(int64_t reported_ms);

/* Whether the law knows the basis a request asserts ("missing-child-report"). */
bool case_basis_is_known(const char *basis);

#endif
