/* When two pictures are one: the hash of ingest under the rule of lawapi, measured on 200 drawn children. */
#include <stdio.h>
#include <string.h>
#include <vips/vips.h>
#include "ingest/phash.h"
#include "lawapi/same_picture.h"
#include "tests/tools/demo_code.h"
#include "tests/tools/demo_portrait.h"
#include "tests/unit/suite.h"

#define CHILDREN 200
#define WIDTH    480
#define HEIGHT   600

static void begin(void)
{
    ck_assert_int_eq(VIPS_INIT("test_phash"), 0);
}

/* The i-th child, without the strip that carries its number: that would tell any two apart. */
static VipsImage *portrait(uint32_t i)
{
    const int left = WIDTH / (CODE_ACROSS - 1), top = HEIGHT / (CODE_DOWN - 1);
    CLEANUP(buf) struct buf *svg = NULL;
    struct portrait p;
    VipsImage *drawn, *opaque, *cut, *image;

    portrait_choose(&p, 7, i, (int)(i % 13), i % 2);
    ck_assert_int_eq(buf_new(&svg, 256 * 1024), OK);
    ck_assert_int_eq(portrait_draw(svg, &p, WIDTH + left, HEIGHT + top), OK);
    ck_assert_int_eq(vips_svgload_buffer((void *)(uintptr_t)buf_bytes(svg), buf_len(svg), &drawn, NULL), 0);
    ck_assert_int_eq(vips_flatten(drawn, &opaque, NULL), 0);
    ck_assert_int_eq(vips_crop(opaque, &cut, left, top, WIDTH, HEIGHT, NULL), 0);
    image = vips_image_copy_memory(cut);
    g_object_unref(cut);
    g_object_unref(opaque);
    g_object_unref(drawn);
    return image;
}

/* Takes the image. */
static struct phash hash(VipsImage *image)
{
    VipsImage *bytes = NULL, *memory;
    struct phash h;

    ck_assert_int_eq(vips_cast(image, &bytes, VIPS_FORMAT_UCHAR, NULL), 0);
    memory = vips_image_copy_memory(bytes);
    ck_assert_int_eq(memory->Bands, 3);
    h = phash_of(&(struct pixels){(void *)(uintptr_t)vips_image_get_data(memory), (uint32_t)memory->Xsize,
                                  (uint32_t)memory->Ysize, 3});
    g_object_unref(memory);
    g_object_unref(bytes);
    g_object_unref(image);
    return h;
}

/* ---- copies ---- */

static VipsImage *encoded(VipsImage *in, double quality)
{
    void *bytes;
    size_t len;
    VipsImage *loaded, *out;

    ck_assert_int_eq(vips_jpegsave_buffer(in, &bytes, &len, "Q", (int)quality, NULL), 0);
    ck_assert_int_eq(vips_jpegload_buffer(bytes, len, &loaded, NULL), 0);
    out = vips_image_copy_memory(loaded);
    g_object_unref(loaded);
    g_free(bytes);
    return out;
}

static VipsImage *resized(VipsImage *in, double scale)
{
    VipsImage *out;

    ck_assert_int_eq(vips_resize(in, &out, scale, NULL), 0);
    return out;
}

static VipsImage *brightened(VipsImage *in, double factor)
{
    VipsImage *out;

    ck_assert_int_eq(vips_linear1(in, &out, factor, 0, NULL), 0);
    return out;
}

static VipsImage *tinted(VipsImage *in, double factor)
{
    double factors[] = {factor, 1, 1 / factor}, zeros[] = {0, 0, 0};
    VipsImage *out;

    ck_assert_int_eq(vips_linear(in, &out, factors, zeros, 3, NULL), 0);
    return out;
}

static const struct {
    const char *what;
    VipsImage *(*make)(VipsImage *in, double by);
    double by;
} copies[] = {
    {"quality 95", encoded, 95},    {"quality 75", encoded, 75},  {"quality 60", encoded, 60},
    {"size 0.4", resized, 0.4},     {"size 0.73", resized, 0.73}, {"size 2", resized, 2},
    {"brighter", brightened, 1.08}, {"darker", brightened, 0.92}, {"warmer", tinted, 1.08},
    {"cooler", tinted, 0.92},
};

#define COPIES (sizeof copies / sizeof copies[0])

START_TEST(a_copy_is_the_same_picture)
{
    unsigned furthest[COPIES] = {0};

    begin();
    for (uint32_t i = 0; i < CHILDREN; i += 5) {
        VipsImage *original = portrait(i);
        struct phash h = hash(g_object_ref(original));

        for (size_t n = 0; n < COPIES; n++) {
            struct phash copy = hash(copies[n].make(original, copies[n].by));
            unsigned distance = same_picture_distance(h.bits, copy.bits);

            ck_assert_msg(same_picture(h.bits, copy.bits), "child %u, %s: %u bits", i, copies[n].what,
                          distance);
            furthest[n] = distance > furthest[n] ? distance : furthest[n];
        }
        g_object_unref(original);
    }
    for (size_t n = 0; n < COPIES; n++)
        printf("%-10s at most %2u of 256 bits, over %d children\n", copies[n].what, furthest[n],
               CHILDREN / 5);
}
END_TEST

START_TEST(two_children_are_two_pictures)
{
    static struct phash h[CHILDREN];
    unsigned nearest = 8 * PHASH_BYTES, pairs = 0;

    begin();
    for (uint32_t i = 0; i < CHILDREN; i++) {
        h[i] = hash(portrait(i));
        ck_assert_msg(!h[i].is_flat, "child %u is taken for a bare backdrop", i);
        for (uint32_t j = 0; j < i; j++, pairs++) {
            unsigned distance = same_picture_distance(h[i].bits, h[j].bits);

            ck_assert_msg(distance > PHASH_SAME_MAX, "children %u and %u: %u bits", i, j, distance);
            nearest = distance < nearest ? distance : nearest;
        }
    }
    printf("%u pairs of %d children: at least %u of 256 bits, one picture up to %d\n", pairs, CHILDREN,
           nearest, PHASH_SAME_MAX);
}
END_TEST

/* ---- what shows nobody ---- */

typedef double shade(double x, double y, size_t band); /* 0 to 1 across and down; answers 0 to 255 */

static double grey(double x, double y, size_t band)
{
    (void)x, (void)y, (void)band;
    return 128;
}

static double white(double x, double y, size_t band)
{
    (void)x, (void)y, (void)band;
    return 255;
}

static double cloth(double x, double y, size_t band)
{
    (void)x, (void)y;
    return band == 2 ? 180 : 60;
}

static double ramp(double x, double y, size_t band)
{
    (void)x, (void)band;
    return 255 * y;
}

static double slanted(double x, double y, size_t band)
{
    return 40 + 100 * x + 90 * y + 10 * (double)band;
}

static double vignette(double x, double y, size_t band)
{
    double r = (x - 0.5) * (x - 0.5) + (y - 0.42) * (y - 0.42);

    (void)band;
    return 255 - 400 * r;
}

static VipsImage *shaded(shade *of)
{
    VipsImage *image;
    unsigned char *bytes = malloc((size_t)WIDTH * HEIGHT * 3);

    for (size_t i = 0; i < (size_t)WIDTH * HEIGHT * 3; i++) {
        double value = of((double)(i / 3 % WIDTH) / WIDTH, (double)(i / 3 / WIDTH) / HEIGHT, i % 3);

        bytes[i] = (unsigned char)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
    image = vips_image_new_from_memory_copy(bytes, (size_t)WIDTH * HEIGHT * 3, WIDTH, HEIGHT, 3,
                                            VIPS_FORMAT_UCHAR);
    free(bytes);
    return image;
}

static VipsImage *grained(VipsImage *in)
{
    VipsImage *noise, *sum;

    ck_assert_int_eq(
        vips_gaussnoise(&noise, in->Xsize, in->Ysize, "mean", 0.0, "sigma", 6.0, "seed", 1, NULL), 0);
    ck_assert_int_eq(vips_add(in, noise, &sum, NULL), 0);
    g_object_unref(noise);
    return sum;
}

START_TEST(a_bare_backdrop_is_flat)
{
    shade *const shades[] = {grey, white, cloth, ramp, slanted, vignette};

    begin();
    for (size_t i = 0; i < sizeof shades / sizeof shades[0]; i++) {
        VipsImage *image = shaded(shades[i]);

        ck_assert_msg(hash(grained(image)).is_flat, "with grain: %zu", i);
        ck_assert_msg(hash(encoded(image, 60)).is_flat, "encoded: %zu", i);
        ck_assert_msg(hash(image).is_flat, "%zu", i);
    }
}
END_TEST

START_TEST(a_faded_portrait_is_not_flat)
{
    begin();
    for (uint32_t i = 0; i < CHILDREN; i += 4) {
        VipsImage *original = portrait(i), *faded;

        ck_assert_int_eq(vips_linear1(original, &faded, 0.25, 96, NULL), 0);
        ck_assert_msg(!hash(faded).is_flat, "child %u", i);
        g_object_unref(original);
    }
    printf("%d portraits at a quarter of their contrast, none flat\n", CHILDREN / 4);
}
END_TEST

START_TEST(the_smallest_and_the_longest_pictures_have_a_hash)
{
    static const struct {
        uint32_t width, height;
    } sizes[] = {{1, 1}, {63, 65}, {240, 5}, {5, 240}, {1200, 24}};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t len = (size_t)sizes[i].width * sizes[i].height * 3;
        unsigned char *bytes = calloc(len, 1);

        ck_assert(phash_of(&(struct pixels){bytes, sizes[i].width, sizes[i].height, 3}).is_flat);
        memset(bytes + len / 2, 255, len - len / 2);
        (void)phash_of(&(struct pixels){bytes, sizes[i].width, sizes[i].height, 3});
        free(bytes);
    }
}
END_TEST

/* ---- the rule ---- */

START_TEST(the_distance_is_the_number_of_bits_that_differ)
{
    unsigned char a[PHASH_BYTES] = {0}, b[PHASH_BYTES] = {0};

    ck_assert_uint_eq(same_picture_distance(a, b), 0);
    for (unsigned bit = 0; bit < 8 * PHASH_BYTES; bit++) {
        b[bit / 8] |= (unsigned char)(1u << bit % 8);
        ck_assert_uint_eq(same_picture_distance(a, b), bit + 1);
        ck_assert_uint_eq(same_picture_distance(b, a), bit + 1);
        ck_assert_int_eq(same_picture(a, b), bit + 1 <= PHASH_SAME_MAX);
    }
}
END_TEST

SUITE("phash", a_copy_is_the_same_picture, two_children_are_two_pictures, a_bare_backdrop_is_flat,
      a_faded_portrait_is_not_flat, the_smallest_and_the_longest_pictures_have_a_hash,
      the_distance_is_the_number_of_bits_that_differ)
