#include "tests/unit/image_scene.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "ingest/probe.h"
#include "ingest/turn.h"
#include "photod/base/clock.h"

#define NOW_MS 1795400000000 /* 2026-11-22 */

const struct image_shape shapes[3] = {{1200, 1500, 397200}, {480, 600, 98192}, {240, 300, 20000}};

void begin(void)
{
    clock_fake_wall_ms(NOW_MS);
    ck_assert_int_eq(image_init(), OK);
}

/* ---- pictures ---- */

VipsImage *from_memory(const unsigned char *bytes, int width, int height, int bands)
{
    VipsImage *bare = vips_image_new_from_memory_copy(bytes, (size_t)width * (size_t)height * (size_t)bands,
                                                      width, height, bands, VIPS_FORMAT_UCHAR);
    VipsImage *image = NULL;
    VipsInterpretation kind = bands == 4   ? VIPS_INTERPRETATION_CMYK
                              : bands == 3 ? VIPS_INTERPRETATION_sRGB
                                           : VIPS_INTERPRETATION_B_W;

    ck_assert_int_eq(vips_copy(bare, &image, "interpretation", kind, NULL), 0);
    g_object_unref(bare);
    return image;
}

VipsImage *quarters(int width, int height, const struct colour corners[static 4])
{
    unsigned char *bytes = malloc((size_t)width * (size_t)height * 3);
    VipsImage *image;

    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            memcpy(bytes + (y * width + x) * 3, &corners[(y >= height / 2) * 2 + (x >= width / 2)], 3);
    image = from_memory(bytes, width, height, 3);
    free(bytes);
    return image;
}

VipsImage *flat(int width, int height, int bands, const unsigned char *value)
{
    unsigned char *bytes = malloc((size_t)width * (size_t)height * (size_t)bands);
    VipsImage *image;

    for (int i = 0; i < width * height * bands; i++)
        bytes[i] = value[i % bands];
    image = from_memory(bytes, width, height, bands);
    free(bytes);
    return image;
}

VipsImage *noise(int width, int height)
{
    unsigned char *bytes = malloc((size_t)width * (size_t)height * 3);
    uint32_t state = 1;
    VipsImage *image;

    for (int i = 0; i < width * height * 3; i++) {
        state = state * 1664525u + 1013904223u;
        bytes[i] = (unsigned char)(state >> 24);
    }
    image = from_memory(bytes, width, height, 3);
    free(bytes);
    return image;
}

void tag(VipsImage *image, const char *name)
{
    VipsBlob *profile = NULL;
    const void *bytes;
    size_t len;

    ck_assert_int_eq(vips_profile_load(name, &profile, NULL), 0);
    bytes = vips_blob_get(profile, &len);
    vips_image_set_blob_copy(image, VIPS_META_ICC_NAME, bytes, len);
    vips_area_unref(VIPS_AREA(profile));
}

static struct buf *to_buf(void *bytes, size_t len)
{
    struct buf *b = NULL;

    ck_assert_int_eq(buf_new(&b, 1 << 27), OK);
    ck_assert_int_eq(buf_append(b, bytes, len), OK);
    g_free(bytes);
    return b;
}

struct buf *file_of(VipsImage *image, const char *suffix)
{
    void *bytes = NULL;
    size_t len;

    ck_assert_msg(vips_image_write_to_buffer(image, suffix, &bytes, &len, NULL) == 0, "%s",
                  vips_error_buffer());
    g_object_unref(image);
    return to_buf(bytes, len);
}

struct buf *jpeg_of(VipsImage *image, bool interlace)
{
    return file_of(image, interlace ? ".jpg[Q=95,interlace]" : ".jpg[Q=95]");
}

struct buf *photo(int width, int height)
{
    return jpeg_of(quarters(width, height, (const struct colour[]){RED, GREEN, BLUE, WHITE}), false);
}

/* ---- expectations ---- */

struct image_result normalise(const struct buf *jpeg)
{
    struct image_result r;
    const char *fault = "";
    enum err e = image_normalise(&r, &fault, buf_bytes(jpeg), buf_len(jpeg), shapes, 3);

    ck_assert_msg(e == OK, "%s: %s", err_name(e), fault);
    return r;
}

void expect_fault(const void *bytes, size_t len, const char *code)
{
    struct image_result r;
    const char *fault = "none";

    ck_assert_int_eq(image_normalise(&r, &fault, bytes, len, shapes, 3), ERR_MALFORMED);
    ck_assert_str_eq(fault, code);
}

struct pixels decode(const struct image_rendition *r)
{
    const struct probe probe = {.format = PROBE_JPEG};
    struct pixels p;

    ck_assert_int_eq(
        pixels_decode(&p, &probe, buf_bytes(r->jpeg), buf_len(r->jpeg), 1, TURN_NONE, r->width, r->height),
        OK);
    return p;
}

void expect_colour(const struct pixels *p, uint32_t x, uint32_t y, struct colour c, int tolerance)
{
    const unsigned char *at = p->bytes + ((size_t)y * p->width + x) * 3;

    ck_assert_msg(abs(at[0] - c.red) <= tolerance && abs(at[1] - c.green) <= tolerance &&
                      abs(at[2] - c.blue) <= tolerance,
                  "(%u, %u) is %d %d %d, not %d %d %d", x, y, at[0], at[1], at[2], c.red, c.green, c.blue);
}

void expect_quarters(const struct image_rendition *r, const struct colour corners[static 4])
{
    CLEANUP(pixels) struct pixels p = decode(r);

    expect_colour(&p, p.width / 4, p.height / 4, corners[0], 6);
    expect_colour(&p, p.width * 3 / 4, p.height / 4, corners[1], 6);
    expect_colour(&p, p.width / 4, p.height * 3 / 4, corners[2], 6);
    expect_colour(&p, p.width * 3 / 4, p.height * 3 / 4, corners[3], 6);
}

void expect_centre(const struct image_rendition *r, struct colour c, int tolerance)
{
    CLEANUP(pixels) struct pixels p = decode(r);

    expect_colour(&p, p.width / 2, p.height / 2, c, tolerance);
}

const unsigned char *find_marker(const struct buf *jpeg, unsigned marker)
{
    const unsigned char *at = buf_bytes(jpeg) + 2, *end = buf_bytes(jpeg) + buf_len(jpeg);

    while (end - at > 4 && at[0] == 0xff && at[1] != 0xda) {
        if (at[1] == marker)
            return at;
        at += 2 + (at[2] << 8 | at[3]);
    }
    return end - at > 4 && at[1] == marker ? at : NULL;
}

void expect_size(const struct image_rendition *r, uint32_t width, uint32_t height)
{
    const unsigned char *frame = find_marker(r->jpeg, 0xc0);

    ck_assert_ptr_nonnull(frame);
    ck_assert_uint_eq(r->width, width);
    ck_assert_uint_eq(r->height, height);
    ck_assert_uint_eq((unsigned)(frame[7] << 8 | frame[8]), width);
    ck_assert_uint_eq((unsigned)(frame[5] << 8 | frame[6]), height);
}
