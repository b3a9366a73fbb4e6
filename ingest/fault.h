#ifndef INGEST_FAULT_H
#define INGEST_FAULT_H

#include "photod/base/err.h"

/*
 * What can be wrong with foreign bytes, by stable code.  The texts are those
 * of the outcome table (lawapi/outcome.def), which this library, linked into
 * the sandbox only, does not include; a test compares the two.
 *
 * The convention of every parser here: ERR_MALFORMED means that the bytes are
 * at fault, and only then *fault is set, to one of these.  Every other error
 * is the machine's or the caller's.
 */
#define FAULT_SKIPPED               "skipped"

#define FAULT_NOT_A_ZIP             "not-a-zip"
#define FAULT_ZIP_INCONSISTENT      "zip-inconsistent"
#define FAULT_ZIP_TOO_MANY          "zip-too-many"
#define FAULT_ZIP_BOMB              "zip-bomb"
#define FAULT_ENTRY_ENCRYPTED       "entry-encrypted"
#define FAULT_ENTRY_TOO_LARGE       "entry-too-large"
#define FAULT_ENTRY_NAME_UNSAFE     "entry-name-unsafe"
#define FAULT_ENTRY_NOT_A_FILE      "entry-not-a-file"
#define FAULT_ENTRY_DAMAGED         "entry-damaged"

#define FAULT_NOT_AN_IMAGE          "not-an-image"
#define FAULT_UNSUPPORTED           "unsupported-kind"
#define FAULT_UNREADABLE            "unreadable"
#define FAULT_TOO_MANY_PIXELS       "too-many-pixels"
#define FAULT_TOO_MANY_SCANS        "too-many-scans"
#define FAULT_TOO_SMALL             "too-small"
#define FAULT_OVER_BUDGET           "over-budget"

#define FAULT_ROW_COLUMNS           "row-columns"
#define FAULT_ROW_ENCODING          "row-encoding"
#define FAULT_ROW_QUOTES            "row-quotes"
#define FAULT_CELL_TOO_NARROW       "cell-too-narrow"
#define FAULT_CELL_ERROR            "cell-error"
#define FAULT_DATE_SERIAL           "date-serial"
#define FAULT_STATE_ID_MALFORMED    "state-id-malformed"
#define FAULT_STATE_ID_SCIENTIFIC   "state-id-scientific"
#define FAULT_STATE_ID_REPEATED     "state-id-repeated"
#define FAULT_DISTRICT_MISMATCH     "district-mismatch"
#define FAULT_BIRTH_DATE_MALFORMED  "birth-date-malformed"
#define FAULT_NAME_MISSING          "name-missing"
#define FAULT_OPT_IN_MALFORMED      "opt-in-malformed"
#define FAULT_OPT_IN_DATE_MALFORMED "opt-in-date-malformed"
#define FAULT_FIELD_TOO_LONG        "field-too-long"

/* For `return fault_found(fault, FAULT_...)`. */
static inline enum err fault_found(const char **fault, const char *code)
{
    *fault = code;
    return ERR_MALFORMED;
}

#endif
