/* TIFF 6.0 with Technical Note 2 (JPEG): the first directory, which is the picture; BigTIFF is refused. */
#include <string.h>
#include "ingest/probe_format.h"

#define SAMPLES_MAX   5u /* four inks and an opacity */
#define TILE_SIDE_MAX 4096u

enum { BYTE = 1, SHORT = 3, LONG = 4 };
enum { NONE = 1, LZW = 5, JPEG = 7, DEFLATE = 8, PACKBITS = 32773, OLD_DEFLATE = 32946 };
enum { WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, SEPARATED = 5, YCBCR };
enum { CONTIGUOUS = 1, PLANES = 2 };

/* What is read of the directory: first value and number of values of each tag. */
enum {
    WIDTH,
    HEIGHT,
    BITS,
    COMPRESSION,
    PHOTOMETRIC,
    OFFSETS,
    SAMPLES,
    ROWS,
    COUNTS,
    PLANAR,
    PREDICTOR,
    TILE_WIDTH,
    TILE_HEIGHT,
    TILE_OFFSETS,
    TILE_COUNTS,
    INKS,
    EXTRA,
    FORMAT,
    TAGS
};

static const struct {
    unsigned tag;
    uint32_t otherwise; /* where TIFF 6.0 has a default */
} tags[TAGS] = {
    [WIDTH] = {256, 0},         [HEIGHT] = {257, 0},
    [BITS] = {258, 1},          [COMPRESSION] = {259, NONE},
    [PHOTOMETRIC] = {262, 999}, [OFFSETS] = {273, 0},
    [SAMPLES] = {277, 1},       [ROWS] = {278, UINT32_MAX},
    [COUNTS] = {279, 0},        [PLANAR] = {284, CONTIGUOUS},
    [PREDICTOR] = {317, 1},     [TILE_WIDTH] = {322, 0},
    [TILE_HEIGHT] = {323, 0},   [TILE_OFFSETS] = {324, 0},
    [TILE_COUNTS] = {325, 0},   [INKS] = {332, 1},
    [EXTRA] = {338, 0},         [FORMAT] = {339, 1},
};

struct tiff {
    const unsigned char *bytes;
    size_t len;
    bool is_big_endian;
    struct {
        uint32_t count, first;
        bool is_mixed; /* not all its values are the first one */
    } of[TAGS];
};

static uint32_t read16(const struct tiff *t, size_t at)
{
    return probe_16(t->is_big_endian, t->bytes + at);
}

static uint32_t read32(const struct tiff *t, size_t at)
{
    return probe_32(t->is_big_endian, t->bytes + at);
}

static uint32_t read_value(const struct tiff *t, unsigned type, size_t at)
{
    return type == BYTE ? t->bytes[at] : type == SHORT ? read16(t, at) : read32(t, at);
}

/* Numbers of one to four bytes; they stand in the entry itself where they fit. */
static bool take_values(struct tiff *t, unsigned i, size_t entry)
{
    unsigned type = read16(t, entry + 2);
    size_t size = type == BYTE ? 1 : type == SHORT ? 2 : 4, count = read32(t, entry + 4), at = entry + 8;

    if ((type != BYTE && type != SHORT && type != LONG) || !count || count > PROBE_CHUNKS_MAX ||
        t->of[i].count)
        return false;
    if (count * size > 4)
        at = read32(t, at);
    if (at > t->len || count * size > t->len - at)
        return false;
    t->of[i].count = (uint32_t)count;
    t->of[i].first = read_value(t, type, at);
    for (size_t n = 1; n < count && n < SAMPLES_MAX; n++)
        t->of[i].is_mixed |= read_value(t, type, at + n * size) != t->of[i].first;
    return true;
}

static bool take_directory(struct tiff *t)
{
    size_t at = read32(t, 4), count;

    if (at < PROBE_TIFF_LEN || at > t->len - 2)
        return false;
    count = read16(t, at);
    if (count * PROBE_ENTRY_LEN > t->len - at - 2)
        return false;
    for (unsigned i = 0; i < TAGS; i++)
        t->of[i].first = tags[i].otherwise;
    for (size_t entry = at + 2; count; count--, entry += PROBE_ENTRY_LEN)
        for (unsigned i = 0; i < TAGS; i++)
            if (read16(t, entry) == tags[i].tag && !take_values(t, i, entry))
                return false;
    return true;
}

static uint32_t first(const struct tiff *t, unsigned i)
{
    return t->of[i].first;
}

/* Bands of colour for each kind of picture that we read, 0 for every other. */
static unsigned colours(const struct tiff *t)
{
    switch (first(t, PHOTOMETRIC)) {
    case WHITE_IS_ZERO:
    case BLACK_IS_ZERO:
        return 1;
    case PALETTE:
        return first(t, BITS) == 8 ? 1 : 0;
    case RGB:
        return 3;
    case YCBCR: /* elsewhere libtiff leaves it to us to upsample */
        return first(t, COMPRESSION) == JPEG ? 3 : 0;
    case SEPARATED:
        return first(t, INKS) == 1 ? 4 : 0;
    default:
        return 0;
    }
}

static bool is_compression_read(uint32_t compression)
{
    static const uint32_t read[] = {NONE, LZW, JPEG, DEFLATE, PACKBITS, OLD_DEFLATE};
    size_t i = 0;

    while (i < sizeof read / sizeof read[0] && read[i] != compression)
        i++;
    return i < sizeof read / sizeof read[0];
}

static bool is_kind_read(const struct tiff *t)
{
    uint32_t bits = first(t, BITS), samples = first(t, SAMPLES);

    return colours(t) && samples >= colours(t) && samples <= colours(t) + 1 && (bits == 8 || bits == 16) &&
           !t->of[BITS].is_mixed && (first(t, COMPRESSION) != JPEG || (bits == 8 && samples == colours(t))) &&
           is_compression_read(first(t, COMPRESSION)) && first(t, FORMAT) == 1 && !t->of[FORMAT].is_mixed &&
           first(t, PREDICTOR) <= 2 && (first(t, PLANAR) == CONTIGUOUS || first(t, PLANAR) == PLANES);
}

/*
 * How much is unpacked at once: a strip, or the tiles side by side.  libtiff
 * reads the lists of pieces as long as they say, so their length must be what
 * the picture needs.
 */
static bool take_pieces(struct probe *p, const struct tiff *t)
{
    bool is_tiled = t->of[TILE_WIDTH].count || t->of[TILE_OFFSETS].count;
    uint64_t width = is_tiled ? first(t, TILE_WIDTH) : p->width;
    uint64_t height = is_tiled ? first(t, TILE_HEIGHT) : first(t, ROWS);
    uint64_t across, pieces;
    uint32_t count = t->of[is_tiled ? TILE_OFFSETS : OFFSETS].count;

    if (!width || !height || (is_tiled && (width > TILE_SIDE_MAX || height > TILE_SIDE_MAX)))
        return false;
    height = height < p->height || is_tiled ? height : p->height;
    across = (p->width + width - 1) / width;
    pieces = across * ((p->height + height - 1) / height);
    if (first(t, PLANAR) == PLANES)
        pieces *= first(t, SAMPLES);
    p->buffered_bytes = across * width * height * first(t, SAMPLES) * (first(t, BITS) / 8);
    return count == pieces && t->of[is_tiled ? TILE_COUNTS : COUNTS].count == pieces;
}

enum err probe_tiff(struct probe *p, const char **fault, const unsigned char *bytes, size_t len)
{
    struct tiff t = {.bytes = bytes, .len = len};

    if (len < PROBE_TIFF_LEN + 2)
        return fault_found(fault, FAULT_UNREADABLE);
    t.is_big_endian = bytes[0] == 'M';
    if (read16(&t, 2) != PROBE_TIFF_CLASSIC)
        return fault_found(fault, FAULT_UNSUPPORTED);
    if (!take_directory(&t))
        return fault_found(fault, FAULT_UNREADABLE);
    p->width = first(&t, WIDTH);
    p->height = first(&t, HEIGHT);
    if (!p->width || !p->height)
        return fault_found(fault, FAULT_UNREADABLE);
    if (!is_kind_read(&t))
        return fault_found(fault, FAULT_UNSUPPORTED);
    p->exif = (struct probe_part){bytes, len};
    p->components = colours(&t);
    p->bits = first(&t, BITS);
    p->has_stray_band = first(&t, SAMPLES) > p->components && first(&t, EXTRA) == 0;
    if (p->width <= PROBE_SIDE_MAX && p->height <= PROBE_SIDE_MAX && !take_pieces(p, &t))
        return fault_found(fault, FAULT_UNREADABLE);
    return OK;
}
