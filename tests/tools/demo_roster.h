#ifndef PHOTOD_TESTS_TOOLS_DEMO_ROSTER_H
#define PHOTOD_TESTS_TOOLS_DEMO_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "photod/base/date.h"
#include "photod/base/err.h"

/*
 * Who attends the synthetic district, what their parents answered, and which
 * picture of them stands in the ZIP.  What a child looks like, its State ID,
 * answer and kind of picture follow from seed, number of students and index
 * alone; only dates depend on today.
 */

enum answer { ANSWER_BLANK, ANSWER_IN, ANSWER_OUT, ANSWER_UNLISTED };

/* How a picture is stored.  KIND_EXIFn: pixels lie so that Orientation n sets them upright. */
enum kind {
    KIND_PLAIN,
    KIND_EXIF2,
    KIND_EXIF3,
    KIND_EXIF4,
    KIND_EXIF5,
    KIND_EXIF6,
    KIND_EXIF7,
    KIND_EXIF8,
    KIND_GREY,
    KIND_PROGRESSIVE,
    KIND_CMYK,
    KIND_CMYK_PROFILE,
    KIND_PNG,
    KIND_PNG16,
    KIND_TIFF,
    KIND_WEBP,
    KIND_CORRUPT,
    KIND_NONE, /* no picture in the ZIP */
};

struct student {
    uint32_t index; /* unlisted children follow the listed */
    char state_id[10], local_id[8], school[5], homeroom[16];
    const char *last, *first, *middle;
    bool girl;
    int grade; /* 0 is KG */
    struct date born;
    enum answer answer;
    struct date answered_on; /* not set when blank */

    enum kind kind;
    char file[64];     /* name in the ZIP */
    int width, height; /* of the picture, upright */
    bool grain;        /* noise of a camera */
    bool gps;
    struct date taken_on; /* not set: the file has no EXIF */
};

/* UNLISTED pictures are of children not on the roster. */
enum { DISTRICT_UNLISTED = 3, DISTRICT_MAX = 8000 };

struct district {
    uint64_t seed;
    char code[5];
    struct date today;
    uint32_t listed, all;
    unsigned scale;           /* of all pictures; 0: 1 */
    struct student *students; /* `all` of them, the listed first */
};

/* Fills d from its seed, code, today and listed.  Expected: ERR_NOMEM. */
MUST_CHECK enum err district_init(struct district *d);
void district_clear(struct district *d);

/* Expected: ERR_NOTFOUND.  who is a State ID (nine digits) or a line of the roster, from 1. */
MUST_CHECK enum err district_find(const struct student **out, const struct district *d, const char *who);

/* Both say what failed. */
MUST_CHECK enum err district_write_roster(const struct district *d, const char *path);
MUST_CHECK enum err district_write_expected(const struct district *d, const char *path);

/* 1 to 8. */
int kind_orientation(enum kind kind);

/* Names in the ZIP that are nobody's picture. */
#define ZIP_UNNAMED   "IMG_0042.jpg"
#define ZIP_THUMBS    "Thumbs.db"
#define ZIP_RESOURCES "__MACOSX/._"

#endif
