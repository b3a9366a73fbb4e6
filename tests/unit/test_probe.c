/* What a file says of itself before a decoder sees it: PNG, TIFF and WebP.  The walk over JPEG: test_image.c.
 */
#include <string.h>
#include "ingest/probe.h"
#include "tests/unit/image_scene.h"
#include "tests/unit/suite.h"

static const char *judge(const struct buf *file, struct probe *p)
{
    const char *fault = NULL;

    ck_assert_int_eq(probe_image(p, &fault, buf_bytes(file), buf_len(file)), fault ? ERR_MALFORMED : OK);
    return fault ? fault : "good";
}

static void expect(const struct buf *file, const char *code)
{
    struct probe p;

    ck_assert_str_eq(judge(file, &p), code);
}

static struct buf *bytes_of(const void *bytes, size_t len)
{
    struct buf *b = NULL;

    ck_assert_int_eq(buf_new(&b, 1 << 24), OK);
    ck_assert_int_eq(buf_append(b, bytes, len), OK);
    return b;
}

/* A copy of which nothing but the first len bytes is there, so that ASan sees a step too far. */
static void expect_no_step_too_far(const struct buf *file)
{
    for (size_t len = 0; len < buf_len(file); len += len < 2000 ? 1 : 997) {
        unsigned char *cut = malloc(len ? len : 1);
        struct probe p;
        const char *fault;

        memcpy(cut, buf_bytes(file), len);
        (void)!probe_image(&p, &fault, cut, len);
        free(cut);
    }
}

static struct buf *saved(const char *suffix, int bands)
{
    static const unsigned char ink[] = {90, 120, 200, 10};

    return file_of(flat(301, 403, bands, ink), suffix);
}

START_TEST(the_probe_sees_what_each_encoder_wrote)
{
    static const struct {
        const char *suffix;
        int bands;
        enum probe_format format;
        unsigned components;
        bool buffered;
        uint64_t buffered_bytes;
    } cases[] = {
        {".png", 3, PROBE_PNG, 3, false, 0},
        {".png", 1, PROBE_PNG, 1, false, 0},
        {".png[interlace]", 3, PROBE_PNG, 3, true, 301 * 403 * 4},
        {".png[palette]", 3, PROBE_PNG, 1, false, 0},
        {".tif", 3, PROBE_TIFF, 3, false, 301 * 128 * 3},
        {".tif", 4, PROBE_TIFF, 4, false, 301 * 128 * 4},
        {".tif[compression=lzw,predictor=horizontal]", 3, PROBE_TIFF, 3, false, 301 * 128 * 3},
        {".tif[compression=deflate]", 1, PROBE_TIFF, 1, false, 301 * 128},
        {".tif[compression=packbits]", 3, PROBE_TIFF, 3, false, 301 * 128 * 3},
        {".tif[compression=jpeg]", 3, PROBE_TIFF, 3, false, 301 * 128 * 3},
        {".tif[tile,tile-width=128,tile-height=64]", 3, PROBE_TIFF, 3, false, 3 * 128 * 64 * 3},
        {".webp", 3, PROBE_WEBP, 3, true, 301 * 403 * 4},
        {".webp[lossless]", 3, PROBE_WEBP, 3, true, 301 * 403 * 8},
    };

    begin();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CLEANUP(buf) struct buf *file = saved(cases[i].suffix, cases[i].bands);
        struct probe p;

        ck_assert_str_eq(judge(file, &p), "good");
        ck_assert_msg(p.format == cases[i].format && p.width == 301 && p.height == 403 &&
                          p.components == cases[i].components && p.bits == 8 &&
                          p.buffered == cases[i].buffered,
                      "%s", cases[i].suffix);
        ck_assert_msg(p.buffered_bytes == cases[i].buffered_bytes, "%s: %llu bytes", cases[i].suffix,
                      (unsigned long long)p.buffered_bytes);
        expect_no_step_too_far(file);
    }
}
END_TEST

START_TEST(kinds_that_no_camera_writes_are_refused)
{
    static const char *const suffixes[] = {".tif[compression=ccittfax4,bitdepth=1]", ".tif[bigtiff]",
                                           ".tif[compression=zstd]", ".tif[compression=webp]",
                                           ".tif[bitdepth=1]"};

    begin();
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        CLEANUP(buf) struct buf *file = saved(suffixes[i], strstr(suffixes[i], "bitdepth") ? 1 : 3);

        expect(file, FAULT_UNSUPPORTED);
    }
}
END_TEST

/* ---- PNG ---- */

static void put32(unsigned char *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (unsigned char)(value >> 8 * (3 - i));
}

/* A header with one empty piece of data: nobody looks at the checksums here. */
static struct buf *png(uint32_t width, uint32_t height, unsigned depth, unsigned colour, unsigned interlace)
{
    unsigned char file[8 + 25 + 12 + 12] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

    put32(file + 16, width);
    put32(file + 20, height);
    file[24] = (unsigned char)depth;
    file[25] = (unsigned char)colour;
    file[28] = (unsigned char)interlace;
    memcpy(file + 37, "IDAT", 4);
    memcpy(file + 49, "IEND", 4);
    return bytes_of(file, sizeof file);
}

static void expect_png(uint32_t width, uint32_t height, unsigned depth, unsigned colour, unsigned interlace,
                       const char *code)
{
    CLEANUP(buf) struct buf *file = png(width, height, depth, colour, interlace);

    expect(file, code);
}

START_TEST(a_png_is_judged_by_its_header)
{
    expect_png(640, 800, 8, 2, 0, "good");
    expect_png(640, 800, 16, 6, 1, "good");
    expect_png(8192, 8192, 8, 6, 0, "good");
    expect_png(8193, 8193, 8, 2, 0, FAULT_TOO_MANY_PIXELS);
    expect_png(300, 12001, 8, 2, 0, FAULT_TOO_MANY_PIXELS);
    expect_png(0x7fffffff, 0x7fffffff, 8, 2, 1, FAULT_TOO_MANY_PIXELS);
    expect_png(6024, 4024, 8, 6, 1, "good");
    expect_png(6024, 4024, 16, 6, 1, FAULT_TOO_MANY_PIXELS);
    expect_png(5100, 5000, 8, 0, 1, FAULT_TOO_MANY_PIXELS);
    expect_png(239, 400, 8, 2, 0, FAULT_TOO_SMALL);
    expect_png(0, 400, 8, 2, 0, FAULT_UNREADABLE);
    expect_png(0x80000000u, 400, 8, 2, 0, FAULT_UNREADABLE);
    expect_png(640, 800, 3, 0, 0, FAULT_UNREADABLE);
    expect_png(640, 800, 0, 0, 0, FAULT_UNREADABLE);
    expect_png(640, 800, 4, 2, 0, FAULT_UNREADABLE);
    expect_png(640, 800, 16, 3, 0, FAULT_UNREADABLE);
    expect_png(640, 800, 8, 1, 0, FAULT_UNREADABLE);
    expect_png(640, 800, 8, 5, 0, FAULT_UNREADABLE);
    expect_png(640, 800, 8, 7, 0, FAULT_UNREADABLE);
    expect_png(640, 800, 8, 2, 2, FAULT_UNREADABLE);
}
END_TEST

/* A good header, then count pieces of that name, then data and end. */
static void expect_png_with(const char *name, unsigned count, const char *code)
{
    CLEANUP(buf) struct buf *whole = png(640, 800, 8, 2, 0);
    CLEANUP(buf) struct buf *file = bytes_of(buf_bytes(whole), 33);
    unsigned char piece[12] = {0};

    memcpy(piece + 4, name, 4);
    while (count--)
        ck_assert_int_eq(buf_append(file, piece, sizeof piece), OK);
    ck_assert_int_eq(buf_append(file, buf_bytes(whole) + 33, 24), OK);
    expect(file, code);
}

START_TEST(the_pieces_of_a_png_are_counted)
{
    expect_png_with("iTXt", 100, "good");
    expect_png_with("iTXt", 101, FAULT_UNREADABLE);
    expect_png_with("zTXt", 101, FAULT_UNREADABLE);
    expect_png_with("tEXt", 101, FAULT_UNREADABLE);
    expect_png_with("IDAT", 60000, "good");
    expect_png_with("IDAT", PROBE_CHUNKS_MAX, FAULT_UNREADABLE);
    expect_png_with("IHDR", 1, FAULT_UNREADABLE);
    expect_png_with("acTL", 1, "good");
}
END_TEST

/* ---- TIFF ---- */

struct entry {
    unsigned tag, type;
    uint32_t count, value;
};

/* Little endian or big, as `order` says; numbers of two bytes stand at the start of their field. */
static struct buf *tiff(char order, const struct entry *entries, size_t count)
{
    unsigned char file[8 + 2 + 32 * 12 + 4] = {(unsigned char)order, (unsigned char)order};
    bool big = order == 'M';
    size_t at = 10;
    const unsigned char *const head = (const unsigned char *)(big ? "\0\x2a\0\0\0\x08" : "\x2a\0\x08\0\0\0");

    memcpy(file + 2, head, 6);
    file[big ? 9 : 8] = (unsigned char)count;
    for (size_t i = 0; i < count; i++, at += 12) {
        const struct {
            uint32_t value;
            unsigned size;
        } fields[] = {{entries[i].tag, 2},
                      {entries[i].type, 2},
                      {entries[i].count, 4},
                      {entries[i].value, entries[i].type == 3 ? 2u : 4u}};
        size_t to = at;

        for (size_t f = 0; f < 4; to += fields[f].size, f++)
            for (unsigned b = 0; b < fields[f].size; b++)
                file[to + b] = (unsigned char)(fields[f].value >> 8 * (big ? fields[f].size - 1 - b : b));
    }
    return bytes_of(file, at + 4);
}

enum { SHORT = 3, LONG = 4, RATIONAL = 5 };

/* 640x800 RGB in one strip, with one entry other than usual, or one more. */
static void expect_tiff(struct entry other, const char *code)
{
    struct entry entries[16] = {
        {256, SHORT, 1, 640}, {257, LONG, 1, 800}, {258, SHORT, 1, 8}, {259, SHORT, 1, 5},
        {262, SHORT, 1, 2},   {273, LONG, 1, 8},   {277, SHORT, 1, 3}, {278, LONG, 1, 800},
        {279, LONG, 1, 100},  {284, SHORT, 1, 1},
    };
    size_t count = 10, at = 0;

    while (at < count && entries[at].tag != other.tag)
        at++;
    entries[at] = other;
    count += at == count;
    for (const char *order = "IM"; *order; order++) {
        CLEANUP(buf) struct buf *file = tiff(*order, entries, count);
        struct probe p;
        const char *found = judge(file, &p);

        ck_assert_msg(strcmp(found, code) == 0, "%c, tag %u of %u: %s, not %s", *order, other.tag,
                      other.value, found, code);
    }
}

START_TEST(a_tiff_is_judged_by_its_directory)
{
    static const struct {
        struct entry entry;
        const char *code;
    } cases[] = {
        {{305, SHORT, 1, 0}, "good"},
        {{256, LONG, 1, 12001}, FAULT_TOO_MANY_PIXELS},
        {{256, LONG, 1, 0xffffffff}, FAULT_TOO_MANY_PIXELS},
        {{256, SHORT, 1, 0}, FAULT_UNREADABLE},
        {{256, SHORT, 1, 239}, FAULT_TOO_SMALL},
        {{256, RATIONAL, 1, 640}, FAULT_UNREADABLE},
        {{256, SHORT, 0, 640}, FAULT_UNREADABLE},
        {{258, SHORT, 1, 16}, "good"},
        {{258, SHORT, 1, 1}, FAULT_UNSUPPORTED},
        {{258, SHORT, 1, 32}, FAULT_UNSUPPORTED},
        {{258, SHORT, 3, 0xfffffff0}, FAULT_UNREADABLE},
        {{259, SHORT, 1, 1}, "good"},
        {{259, SHORT, 1, 4}, FAULT_UNSUPPORTED},
        {{259, SHORT, 1, 6}, FAULT_UNSUPPORTED},
        {{259, SHORT, 1, 7}, "good"},
        {{259, SHORT, 1, 8}, "good"},
        {{259, SHORT, 1, 32773}, "good"},
        {{259, SHORT, 1, 32946}, "good"},
        {{259, SHORT, 1, 34661}, FAULT_UNSUPPORTED},
        {{259, SHORT, 1, 50000}, FAULT_UNSUPPORTED},
        {{262, SHORT, 1, 6}, FAULT_UNSUPPORTED},
        {{262, SHORT, 1, 5}, FAULT_UNSUPPORTED},
        {{262, SHORT, 1, 8}, FAULT_UNSUPPORTED},
        {{262, SHORT, 1, 32803}, FAULT_UNSUPPORTED},
        {{273, LONG, 2, 8}, FAULT_UNREADABLE},
        {{273, LONG, 0xffffffff, 8}, FAULT_UNREADABLE},
        {{273, LONG, 70000, 8}, FAULT_UNREADABLE},
        {{277, SHORT, 1, 4}, "good"},
        {{277, SHORT, 1, 5}, FAULT_UNSUPPORTED},
        {{277, SHORT, 1, 2}, FAULT_UNSUPPORTED},
        {{278, LONG, 1, 0}, FAULT_UNREADABLE},
        {{278, LONG, 1, 0xffffffff}, "good"},
        {{278, LONG, 1, 400}, FAULT_UNREADABLE},
        {{284, SHORT, 1, 2}, FAULT_UNREADABLE},
        {{284, SHORT, 1, 3}, FAULT_UNSUPPORTED},
        {{317, SHORT, 1, 2}, "good"},
        {{317, SHORT, 1, 3}, FAULT_UNSUPPORTED},
        {{322, LONG, 1, 0x10000}, FAULT_UNREADABLE},
        {{324, LONG, 1, 8}, FAULT_UNREADABLE},
        {{339, SHORT, 1, 3}, FAULT_UNSUPPORTED},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_tiff(cases[i].entry, cases[i].code);
}
END_TEST

START_TEST(a_directory_that_says_a_thing_twice_is_unreadable)
{
    const struct entry twice[] = {{256, SHORT, 1, 640}, {256, SHORT, 1, 12000}};
    CLEANUP(buf) struct buf *file = tiff('I', twice, 2);

    expect(file, FAULT_UNREADABLE);
}
END_TEST

/* ---- WebP ---- */

struct part {
    const char *name;
    const char *bytes;
    size_t len;
};

static struct buf *webp(const struct part *parts, size_t count)
{
    unsigned char file[200] = "RIFF\0\0\0\0WEBP";
    size_t at = 12;

    for (size_t i = 0; i < count; i++) {
        memcpy(file + at, parts[i].name, 4);
        file[at + 4] = (unsigned char)parts[i].len;
        memcpy(file + at + 8, parts[i].bytes, parts[i].len);
        at += 8 + parts[i].len;
    }
    file[4] = (unsigned char)(at - 8);
    return bytes_of(file, at);
}

#define LOSSY(size)                                                                                          \
    {                                                                                                        \
        "VP8 ", "\x10\0\0\x9d\x01\x2a" size, 10                                                              \
    }
#define LOSSLESS(size)                                                                                       \
    {                                                                                                        \
        "VP8L", "\x2f" size, 6                                                                               \
    }
#define CANVAS(flags, width, height)                                                                         \
    {                                                                                                        \
        "VP8X", flags "\0\0\0" width height, 10                                                              \
    }

START_TEST(a_webp_is_judged_by_its_chunks)
{
    static const struct {
        struct part parts[3];
        const char *code;
    } cases[] = {
        {{LOSSY("\x80\x02\x20\x03")}, "good"},                /* 640x800 */
        {{LOSSY("\xff\x3f\xff\x3f")}, FAULT_TOO_MANY_PIXELS}, /* 16383x16383 */
        {{LOSSY("\x88\x13\xec\x13")}, FAULT_TOO_MANY_PIXELS}, /* 5000x5100 */
        {{LOSSY("\0\0\x20\x03")}, FAULT_UNREADABLE},
        {{LOSSY("\x10\0\x20\x03")}, FAULT_TOO_SMALL},
        {{{"VP8 ", "\x11\0\0\x9d\x01\x2a\x80\x02\x20\x03", 10}}, FAULT_UNREADABLE}, /* no key frame */
        {{LOSSLESS("\x7f\xc2\xc7\0\0")}, "good"},                                   /* 640x800 */
        {{LOSSLESS("\x7f\xc2\xc7\x20\0")}, FAULT_UNREADABLE},                       /* version 1 */
        {{CANVAS("\0", "\x7f\x02\0", "\x1f\x03\0"), LOSSY("\x80\x02\x20\x03")}, "good"},
        {{CANVAS("\0", "\x7f\x02\0", "\x1f\x03\x01"), LOSSY("\x80\x02\x20\x03")}, FAULT_UNREADABLE},
        {{CANVAS("\x02", "\x7f\x02\0", "\x1f\x03\0"), LOSSY("\x80\x02\x20\x03")}, FAULT_UNSUPPORTED},
        {{CANVAS("\0", "\x7f\x02\0", "\x1f\x03\0"), {"ANMF", "", 0}}, FAULT_UNSUPPORTED},
        {{CANVAS("\0", "\x7f\x02\0", "\x1f\x03\0"), {"ICCP", "", 0}}, FAULT_UNREADABLE}, /* and no picture */
        {{{"EXIF", "", 0}, {"ALPH", "", 0}, LOSSY("\x80\x02\x20\x03")}, "good"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t count = 0;

        while (count < 3 && cases[i].parts[count].name)
            count++;
        {
            CLEANUP(buf) struct buf *file = webp(cases[i].parts, count);
            struct probe p;
            const char *code = judge(file, &p);

            ck_assert_msg(strcmp(code, cases[i].code) == 0, "case %zu: %s, not %s", i, code, cases[i].code);
        }
    }
}
END_TEST

SUITE("probe", the_probe_sees_what_each_encoder_wrote, kinds_that_no_camera_writes_are_refused,
      a_png_is_judged_by_its_header, the_pieces_of_a_png_are_counted, a_tiff_is_judged_by_its_directory,
      a_directory_that_says_a_thing_twice_is_unreadable, a_webp_is_judged_by_its_chunks)
