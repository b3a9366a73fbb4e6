#ifndef INGEST_INDEX_H
#define INGEST_INDEX_H

#include "ingest/charset.h"
#include "ingest/fault.h"

/*
 * Who is on which picture, as the package around it says.  Two forms:
 *
 *   PSPA/PSPI  INDEX.TXT of a yearbook package (PSPI 2017-18): 13 columns of
 *              which the first seven are the ones everybody has, with or
 *              without a header row; names, no student numbers
 *   mapping    a student system's table (PowerSchool): a student number and
 *              a file name, header row optional
 *
 * Every row is answered, good or not, under its own line.
 */
#define INDEX_CELL      101 /* bytes of a cell and its NUL, as in a roster */
#define INDEX_FOLDED    128
#define INDEX_PATH      256
#define INDEX_ROWS_MAX  40000u /* two sizes of as many children as a ZIP may hold files */
#define INDEX_BYTES_MAX ((size_t)16 << 20)

/* PSPI's Image Size; a package may hold each child in both. */
enum index_size { INDEX_SIZE_UNKNOWN, INDEX_SIZE_SMALL, INDEX_SIZE_LARGE };

struct index_row {
    unsigned line;
    const char *fault;                                             /* NULL: good.  Else a code */
    char volume[INDEX_CELL], folder[INDEX_PATH], file[INDEX_PATH]; /* as written, '/' between folders */
    char grade[INDEX_CELL], last[INDEX_CELL], first[INDEX_CELL];
    char folded_last[INDEX_FOLDED], folded_first[INDEX_FOLDED];
    char homeroom[INDEX_CELL], teacher[INDEX_CELL], department[INDEX_CELL], title[INDEX_CELL];
    enum index_size size;
    char number[INDEX_CELL]; /* mapping only */
};

struct index_summary {
    enum charset charset;
    bool has_header;
    unsigned columns; /* the most of any row */
    unsigned rows, faulty;
};

/* Takes one row, in line order; the row is the callee's until it returns.  What it returns, if not OK, goes
 * up. */
typedef enum err index_take(void *context, const struct index_row *row);

/*
 * An INDEX.TXT.  Needs fold_init().  Expected: ERR_MALFORMED, it is no text
 * or none of its rows is good; ERR_LIMIT, more than INDEX_ROWS_MAX rows.
 */
MUST_CHECK enum err index_parse(struct index_summary *out, const void *bytes, size_t len, index_take *take,
                                void *context);
/*
 * A mapping file; names_file says whether a text is the name of a file that
 * came with it.  Expected: ERR_MALFORMED, fewer than half of its rows name
 * one: then it is some other text; ERR_LIMIT as above.
 */
MUST_CHECK enum err mapping_parse(struct index_summary *out, const void *bytes, size_t len,
                                  bool (*names_file)(void *context, const char *name), index_take *take,
                                  void *context);

#endif
