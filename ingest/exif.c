#include "ingest/exif.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "ingest/probe_format.h"
#include "photod/base/clock.h"

/* With the NUL that follows: before the notes in a JPEG, and of some writers elsewhere. */
#define PREFIX "Exif\0"
#define DAY_MS 86400000
/* Before this year a clock is a camera's that was never set. */
#define PLAUSIBLE_YEAR 2001

enum { ORIENTATION = 0x0112, EXIF_DIRECTORY = 0x8769, TAKEN_ON = 0x9003 };
enum { ASCII = 2, SHORT = 3, LONG = 4 };

struct notes {
    const unsigned char *bytes;
    size_t len;
    bool is_big;
};

/* The entry of a tag, if it is of that type, in the directory at that offset; NULL otherwise. */
static const unsigned char *find(const struct notes *n, size_t at, unsigned tag, unsigned type)
{
    size_t count;

    if (at > n->len || n->len - at < 2)
        return NULL;
    count = probe_16(n->is_big, n->bytes + at);
    for (at += 2; count && n->len - at >= PROBE_ENTRY_LEN; count--, at += PROBE_ENTRY_LEN)
        if (probe_16(n->is_big, n->bytes + at) == tag)
            return probe_16(n->is_big, n->bytes + at + 2) == type ? n->bytes + at : NULL;
    return NULL;
}

/* Exactly "YYYY:MM:DD" as EXIF writes it; the time of day does not matter. */
static struct date plausible_date(const unsigned char *text)
{
    char iso[DATE_TEXT] = "";
    struct date d;

    if (text[4] != ':' || text[7] != ':')
        return (struct date){0};
    memcpy(iso, text, DATE_TEXT - 1);
    iso[4] = iso[7] = '-';
    if (date_parse(&d, iso) || d.year < PLAUSIBLE_YEAR || date_to_days(d) > clock_wall_ms() / DAY_MS)
        return (struct date){0};
    return d;
}

static struct date taken_on(const struct notes *n, size_t directory)
{
    const unsigned char *entry = find(n, directory, TAKEN_ON, ASCII);
    size_t len, at;

    if (!entry)
        return (struct date){0};
    len = probe_32(n->is_big, entry + 4);
    at = probe_32(n->is_big, entry + 8);
    if (len < DATE_TEXT - 1 || at > n->len || n->len - at < len)
        return (struct date){0};
    return plausible_date(n->bytes + at);
}

struct exif exif_read(const void *bytes, size_t len)
{
    struct notes n = {bytes, len, false};
    struct exif exif = {.orientation = 1};
    const unsigned char *entry;
    size_t directory;

    if (len >= sizeof PREFIX && memcmp(bytes, PREFIX, sizeof PREFIX) == 0)
        n = (struct notes){n.bytes + sizeof PREFIX, len - sizeof PREFIX, false};
    if (n.len < PROBE_TIFF_LEN)
        return exif;
    n.is_big = n.bytes[0] == 'M';
    if (probe_16(n.is_big, n.bytes + 2) != PROBE_TIFF_CLASSIC)
        return exif;
    directory = probe_32(n.is_big, n.bytes + 4);
    entry = find(&n, directory, ORIENTATION, SHORT);
    if (entry && probe_16(n.is_big, entry + 8) >= 1 && probe_16(n.is_big, entry + 8) <= 8)
        exif.orientation = probe_16(n.is_big, entry + 8);
    entry = find(&n, directory, EXIF_DIRECTORY, LONG);
    if (entry)
        exif.taken_on = taken_on(&n, probe_32(n.is_big, entry + 8));
    return exif;
}
