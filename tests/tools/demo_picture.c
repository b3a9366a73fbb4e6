#include <math.h>
#include <stdio.h>
#include <string.h>
#include <vips/vips.h>
#include "photod/base/cleanup.h"
#include "tests/tools/demo_code.h"
#include "tests/tools/demo_picture.h"
#include "tests/tools/demo_portrait.h"
#include "tests/tools/demo_random.h"
#include "tests/tools/demo_say.h"

enum { SVG_MAX_BYTES = 256 * 1024 };

#define GRAIN_SIGMA 2.5

static void image_cleanup(VipsImage **image)
{
    g_clear_object(image);
}

/* libvips keeps its words for itself, one a line; the sentence of a user has one line. */
static enum err say_vips(const char *what)
{
    CLEANUP(heap) char *words = vips_error_buffer_copy();

    for (char *c = words; c && *c; c++)
        if (*c == '\n')
            *c = c[1] ? ';' : '\0';
    return say(ERR_IO, "%s: %s", what, words && *words ? words : "libvips gives no reason");
}

/* Puts next in place of *image. */
static void replace(VipsImage **image, VipsImage *next)
{
    g_object_unref(*image);
    *image = next;
}

static enum err add_grain(VipsImage **image, uint64_t seed, uint32_t index)
{
    struct random r = random_init(seed, RANDOM_PICTURE, index ^ 0x80000000u);
    CLEANUP(image) VipsImage *noise = NULL;
    CLEANUP(image) VipsImage *sum = NULL;
    VipsImage *next;

    if (vips_gaussnoise(&noise, (*image)->Xsize, (*image)->Ysize, "mean", 0.0, "sigma", GRAIN_SIGMA, "seed",
                        (int)random_below(&r, 1u << 30), NULL) ||
        vips_add(*image, noise, &sum, NULL) || vips_cast(sum, &next, VIPS_FORMAT_UCHAR, NULL))
        return say_vips("the grain cannot be made");
    next->Type = VIPS_INTERPRETATION_sRGB;
    replace(image, next);
    return OK;
}

/* The upright picture in memory, three bands of sRGB at the size the camera gave it. */
static enum err render(VipsImage **out, const struct student *s, uint64_t seed)
{
    CLEANUP(buf) struct buf *svg = NULL;
    CLEANUP(image) VipsImage *drawn = NULL;
    CLEANUP(image) VipsImage *image = NULL;
    struct portrait portrait;
    VipsImage *next;

    portrait_choose(&portrait, seed, s->index, s->grade, s->girl);
    TRY(buf_new(&svg, SVG_MAX_BYTES));
    TRY(portrait_draw(svg, &portrait, s->width, s->height));
    /* Rendered whole: random access would draw the picture anew for each row of tiles. */
    if (vips_svgload_buffer((void *)(uintptr_t)buf_bytes(svg), buf_len(svg), &drawn, NULL) ||
        vips_flatten(drawn, &image, NULL))
        return say_vips("a portrait cannot be drawn");
    if (s->grain)
        TRY(add_grain(&image, seed, s->index));
    next = vips_image_copy_memory(image);
    if (!next)
        return say_vips("a portrait cannot be drawn");
    *out = next;
    return OK;
}

static int to_grey(VipsImage *in, VipsImage **out)
{
    return vips_colourspace(in, out, VIPS_INTERPRETATION_B_W, NULL);
}

static int to_cmyk_with_profile(VipsImage *in, VipsImage **out)
{
    return vips_icc_transform(in, out, "cmyk", "input_profile", "srgb", NULL);
}

static int to_cmyk(VipsImage *in, VipsImage **out)
{
    CLEANUP(image) VipsImage *tagged = NULL;

    if (to_cmyk_with_profile(in, &tagged) || vips_copy(tagged, out, NULL))
        return -1;
    vips_image_remove(*out, VIPS_META_ICC_NAME);
    return 0;
}

static int to_sixteen_bits(VipsImage *in, VipsImage **out)
{
    CLEANUP(image) VipsImage *deep = NULL;

    return vips_cast(in, &deep, VIPS_FORMAT_USHORT, "shift", TRUE, NULL) ||
           vips_copy(deep, out, "interpretation", VIPS_INTERPRETATION_RGB16, NULL);
}

static int turn(VipsImage *in, VipsImage **out, VipsAngle angle, bool mirror)
{
    CLEANUP(image) VipsImage *turned = NULL;

    if (vips_rot(in, &turned, angle, NULL))
        return -1;
    return mirror ? vips_flip(turned, out, VIPS_DIRECTION_HORIZONTAL, NULL) : vips_copy(turned, out, NULL);
}

static enum err store_as(VipsImage **image, enum kind kind)
{
    /* How upright pixels must lie for Orientation n to set them right: TIFF 6.0, Orientation. */
    static const struct {
        VipsAngle angle;
        bool mirror;
    } lies[] = {[2] = {VIPS_ANGLE_D0, true},  [3] = {VIPS_ANGLE_D180, false}, [4] = {VIPS_ANGLE_D180, true},
                [5] = {VIPS_ANGLE_D90, true}, [6] = {VIPS_ANGLE_D270, false}, [7] = {VIPS_ANGLE_D270, true},
                [8] = {VIPS_ANGLE_D90, false}};
    int orientation = kind_orientation(kind), failed = 0;
    VipsImage *next = NULL;

    if (kind == KIND_GREY)
        failed = to_grey(*image, &next);
    else if (kind == KIND_PNG16)
        failed = to_sixteen_bits(*image, &next);
    else if (kind == KIND_CMYK)
        failed = to_cmyk(*image, &next);
    else if (kind == KIND_CMYK_PROFILE)
        failed = to_cmyk_with_profile(*image, &next);
    else if (orientation != 1)
        failed = turn(*image, &next, lies[orientation].angle, lies[orientation].mirror);
    else
        failed = vips_copy(*image, &next, NULL);
    if (failed)
        return say_vips("a portrait cannot be turned into its kind");
    replace(image, next);
    return OK;
}

/* Changes image, which must be the caller's own copy. */
static void tag(VipsImage *image, const struct student *s)
{
    char when[32];

    snprintf(when, sizeof when, "%04d:%02d:%02d %02d:%02d:%02d", s->taken_on.year, s->taken_on.month,
             s->taken_on.day, 8 + (int)s->index % 6, (int)s->index * 7 % 60, (int)s->index * 13 % 60);
    vips_image_set_string(image, "exif-ifd0-Make", "Synthetic");
    vips_image_set_string(image, "exif-ifd0-Model", "Demo Camera 1");
    vips_image_set_string(image, "exif-ifd0-DateTime", when);
    vips_image_set_string(image, "exif-ifd2-DateTimeOriginal", when);
    vips_image_set_int(image, VIPS_META_ORIENTATION, kind_orientation(s->kind));
    if (!s->gps)
        return;
    vips_image_set_string(image, "exif-ifd3-GPSLatitudeRef", "N");
    vips_image_set_string(image, "exif-ifd3-GPSLatitude", "46/1 52/1 48/1");
    vips_image_set_string(image, "exif-ifd3-GPSLongitudeRef", "W");
    vips_image_set_string(image, "exif-ifd3-GPSLongitude", "109/1 57/1 12/1");
}

/* The format and its options, as libvips reads them off a name. */
static const char *suffix_of(enum kind kind)
{
    static const char *const suffixes[KIND_NONE] = {[KIND_PROGRESSIVE] = ".jpg[Q=88,interlace]",
                                                    [KIND_PNG] = ".png",
                                                    [KIND_PNG16] = ".png",
                                                    [KIND_TIFF] = ".tif[compression=lzw]",
                                                    [KIND_WEBP] = ".webp[Q=88]"};

    return suffixes[kind] ? suffixes[kind] : ".jpg[Q=88]";
}

enum err picture_camera_file(void **bytes, size_t *len, const struct student *s, uint64_t seed)
{
    CLEANUP(image) VipsImage *image = NULL;
    bool tagged = date_is_set(s->taken_on);
    void *saved;
    size_t saved_len;

    TRY(render(&image, s, seed));
    TRY(store_as(&image, s->kind));
    if (tagged)
        tag(image, s);
    if (vips_image_write_to_buffer(image, suffix_of(s->kind), &saved, &saved_len, "strip",
                                   !tagged && s->kind != KIND_CMYK_PROFILE, NULL))
        return say_vips("a portrait cannot be saved");
    /* The disc that was pulled out too early: a good head, and the rest missing. */
    *len = s->kind == KIND_CORRUPT ? saved_len * 2 / 5 : saved_len;
    *bytes = saved;
    return OK;
}

enum err picture_write_expected(const struct student *s, uint64_t seed, int width, int height,
                                const char *path)
{
    CLEANUP(image) VipsImage *image = NULL;
    CLEANUP(image) VipsImage *fitted = NULL;
    CLEANUP(image) VipsImage *rgb = NULL;

    TRY(render(&image, s, seed));
    if (s->kind == KIND_GREY)
        TRY(store_as(&image, KIND_GREY));
    if (vips_thumbnail_image(image, &fitted, width, "height", height, "size", VIPS_SIZE_DOWN, NULL) ||
        vips_colourspace(fitted, &rgb, VIPS_INTERPRETATION_sRGB, NULL) || vips_pngsave(rgb, path, NULL))
        return say_vips("the expected portrait cannot be written");
    return OK;
}

/* Three bands of 8-bit sRGB in memory, as stored or as its Orientation tag wants it. */
static enum err load_rgb(VipsImage **out, const char *path, bool as_tagged)
{
    CLEANUP(image) VipsImage *loaded = NULL;
    CLEANUP(image) VipsImage *upright = NULL;
    CLEANUP(image) VipsImage *rgb = NULL;
    CLEANUP(image) VipsImage *opaque = NULL;
    CLEANUP(image) VipsImage *eight = NULL;
    VipsImage *image;

    loaded = vips_image_new_from_file(path, "fail_on", VIPS_FAIL_ON_ERROR, NULL);
    if (!loaded || (as_tagged ? vips_autorot(loaded, &upright, NULL) : vips_copy(loaded, &upright, NULL)) ||
        vips_colourspace(upright, &rgb, VIPS_INTERPRETATION_sRGB, NULL) ||
        (vips_image_hasalpha(rgb) ? vips_flatten(rgb, &opaque, NULL) : vips_copy(rgb, &opaque, NULL)) ||
        vips_cast(opaque, &eight, VIPS_FORMAT_UCHAR, NULL))
        return say_vips("the picture cannot be read");
    image = vips_image_copy_memory(eight);
    if (!image)
        return say_vips("the picture cannot be read");
    if (image->Bands != 3) {
        g_object_unref(image);
        return say(ERR_MALFORMED, "%s has %d channels of colour, not 3", path, eight->Bands);
    }
    *out = image;
    return OK;
}

enum err picture_read_code(uint32_t *number, const char *path, bool as_tagged)
{
    CLEANUP(image) VipsImage *image = NULL;
    char why[CODE_WHY];

    TRY(load_rgb(&image, path, as_tagged));
    if (code_read(number, why, vips_image_get_data(image), image->Xsize, image->Ysize))
        return say(ERR_MALFORMED, "%s: %s", path, why);
    return OK;
}

enum err picture_psnr(double *decibels, const char *path_a, const char *path_b)
{
    CLEANUP(image) VipsImage *a = NULL;
    CLEANUP(image) VipsImage *b = NULL;
    const unsigned char *bytes_a, *bytes_b;
    size_t samples;
    double squares = 0;

    TRY(load_rgb(&a, path_a, false));
    TRY(load_rgb(&b, path_b, false));
    if (a->Xsize != b->Xsize || a->Ysize != b->Ysize)
        return say(ERR_MALFORMED, "the pictures differ in size: %dx%d and %dx%d", a->Xsize, a->Ysize,
                   b->Xsize, b->Ysize);
    bytes_a = vips_image_get_data(a);
    bytes_b = vips_image_get_data(b);
    samples = (size_t)a->Xsize * (size_t)a->Ysize * 3;
    for (size_t i = 0; i < samples; i++) {
        double difference = (double)bytes_a[i] - bytes_b[i];

        squares += difference * difference;
    }
    *decibels = squares > 0 ? fmin(100, 10 * log10(255.0 * 255.0 * (double)samples / squares)) : 100;
    return OK;
}
