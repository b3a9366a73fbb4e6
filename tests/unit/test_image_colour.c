/*
 * Every way a picture may be stored, against what it should look like.  The
 * picture is a formula, so that the right pixels are known at any size; where
 * a profile is involved lcms2 is asked itself, and what comes out is read by
 * libjpeg itself.  Tolerance: 40 dB, a mean error of 2.5 in 255, of which
 * the JPEG at quality 85 takes its part.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <jpeglib.h>
#include <lcms2.h>
#include "ingest/turn.h"
#include "tests/unit/image_scene.h"
#include "tests/unit/suite.h"

#define WIDTH     480
#define HEIGHT    600
#define PSNR_MIN  40.0
#define BANDS_MAX 4

/* Samples of 0 to 1, `bands` to a pixel. */
struct picture {
    int width, height, bands;
    double *samples;
};

typedef void paint(double *sample, double x, double y); /* 0 to 1 across and down */

static struct picture picture(int width, int height, int bands, paint *of)
{
    struct picture p = {width, height, bands, NULL};

    p.samples = calloc((size_t)width * (size_t)height * (size_t)bands, sizeof(double));
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            of(p.samples + (y * width + x) * bands, (x + 0.5) / width, (y + 0.5) / height);
    return p;
}

/* No two corners, edges or turns of it look alike. */
static void colours(double *sample, double x, double y)
{
    sample[0] = 0.5 + 0.45 * sin(5 * x + 2 * y);
    sample[1] = 0.5 + 0.45 * cos(4 * y - 3 * x * x);
    sample[2] = 0.1 + 0.8 * x * (1 - y);
}

static void greys(double *sample, double x, double y)
{
    sample[0] = 0.5 + 0.45 * sin(5 * x + 3 * y * y);
}

static void inks(double *sample, double x, double y)
{
    colours(sample, x, y);
    sample[3] = 0.3 * y * y;
}

static void through(double *sample, double x, double y)
{
    colours(sample, x, y);
    sample[3] = x < 0.2 ? 0 : x > 0.9 ? 1 : 0.5 + 0.4 * sin(9 * y);
}

/* Eight by ten cells of one colour each: a palette holds them all. */
static void cells(double *sample, double x, double y)
{
    colours(sample, floor(x * 8) / 8, floor(y * 10) / 10);
}

static int level(double sample, int most)
{
    return (int)lround(sample * most);
}

/* Eight or sixteen bits, as an image of libvips. */
static VipsImage *to_image(struct picture p, int bits, VipsInterpretation kind)
{
    size_t count = (size_t)p.width * (size_t)p.height * (size_t)p.bands;
    VipsBandFormat format = bits == 16 ? VIPS_FORMAT_USHORT : VIPS_FORMAT_UCHAR;
    unsigned char *bytes = malloc(count * 2);
    VipsImage *bare, *image;

    for (size_t i = 0; i < count; i++)
        if (bits == 16)
            ((uint16_t *)(void *)bytes)[i] = (uint16_t)level(p.samples[i], 65535);
        else
            bytes[i] = (unsigned char)level(p.samples[i], 255);
    bare = vips_image_new_from_memory_copy(bytes, count * (bits == 16 ? 2 : 1), p.width, p.height, p.bands,
                                           format);
    ck_assert_int_eq(vips_copy(bare, &image, "interpretation", kind, NULL), 0);
    g_object_unref(bare);
    free(bytes);
    return image;
}

static VipsImage *rgb(int bits)
{
    struct picture p = picture(WIDTH, HEIGHT, 3, colours);
    VipsImage *image = to_image(p, bits, bits == 16 ? VIPS_INTERPRETATION_RGB16 : VIPS_INTERPRETATION_sRGB);

    free(p.samples);
    return image;
}

/* ---- what it should look like ---- */

/* Takes the picture. */
static unsigned char *seen_as(struct picture p, void (*see)(unsigned char *rgb, const double *sample))
{
    unsigned char *bytes = malloc((size_t)p.width * (size_t)p.height * 3);

    for (int i = 0; i < p.width * p.height; i++)
        see(bytes + i * 3, p.samples + i * p.bands);
    free(p.samples);
    return bytes;
}

static void see_rgb(unsigned char *seen, const double *sample)
{
    for (int band = 0; band < 3; band++)
        seen[band] = (unsigned char)level(sample[band], 255);
}

static void see_grey(unsigned char *seen, const double *sample)
{
    memset(seen, level(sample[0], 255), 3);
}

static void see_on_white(unsigned char *seen, const double *sample)
{
    for (int band = 0; band < 3; band++)
        seen[band] = (unsigned char)level(sample[band] * sample[3] + 1 - sample[3], 255);
}

/* lcms2's own sRGB of samples under a profile, relative to white, black points matched.  Takes both. */
static unsigned char *seen_through(struct picture p, cmsHPROFILE profile, cmsUInt32Number format)
{
    size_t pixels = (size_t)p.width * (size_t)p.height;
    cmsHPROFILE srgb = cmsCreate_sRGBProfile();
    cmsHTRANSFORM t = cmsCreateTransform(profile, format, srgb, TYPE_RGB_8, INTENT_RELATIVE_COLORIMETRIC,
                                         cmsFLAGS_BLACKPOINTCOMPENSATION | cmsFLAGS_NOCACHE);
    unsigned char *bytes = malloc(pixels * (size_t)p.bands), *seen = malloc(pixels * 3);

    ck_assert_ptr_nonnull(t);
    for (size_t i = 0; i < pixels * (size_t)p.bands; i++)
        bytes[i] = (unsigned char)level(p.samples[i], 255);
    cmsDoTransform(t, bytes, seen, (cmsUInt32Number)pixels);
    cmsDeleteTransform(t);
    cmsCloseProfile(srgb);
    cmsCloseProfile(profile);
    free(bytes);
    free(p.samples);
    return seen;
}

static cmsHPROFILE own_profile(const char *name)
{
    VipsBlob *blob = NULL;
    cmsHPROFILE profile;
    const void *bytes;
    size_t len;

    ck_assert_int_eq(vips_profile_load(name, &blob, NULL), 0);
    bytes = vips_blob_get(blob, &len);
    profile = cmsOpenProfileFromMem(bytes, (cmsUInt32Number)len);
    ck_assert_ptr_nonnull(profile);
    vips_area_unref(VIPS_AREA(blob));
    return profile;
}

/* As Adobe RGB (1998) has it. */
static cmsHPROFILE wide_profile(void)
{
    const cmsCIExyY white = {0.3127, 0.3290, 1};
    const cmsCIExyYTRIPLE primaries = {{0.64, 0.33, 1}, {0.21, 0.71, 1}, {0.15, 0.06, 1}};
    cmsToneCurve *gamma = cmsBuildGamma(NULL, 2.19921875), *curves[] = {gamma, gamma, gamma};
    cmsHPROFILE profile = cmsCreateRGBProfile(&white, &primaries, curves);

    cmsFreeToneCurve(gamma);
    return profile;
}

static cmsHPROFILE grey_profile(void)
{
    cmsToneCurve *gamma = cmsBuildGamma(NULL, 1.6);
    cmsHPROFILE profile = cmsCreateGrayProfile(cmsD50_xyY(), gamma);

    cmsFreeToneCurve(gamma);
    return profile;
}

static void embed(VipsImage *image, cmsHPROFILE profile)
{
    cmsUInt32Number len = 0;
    void *bytes;

    ck_assert(cmsSaveProfileToMem(profile, NULL, &len));
    bytes = malloc(len);
    ck_assert(cmsSaveProfileToMem(profile, bytes, &len));
    vips_image_set_blob_copy(image, VIPS_META_ICC_NAME, bytes, len);
    free(bytes);
}

/* ---- what comes out ---- */

static unsigned char *read_jpeg(const struct buf *jpeg, unsigned width, unsigned height)
{
    struct jpeg_decompress_struct d;
    struct jpeg_error_mgr errors;
    unsigned char *bytes = malloc((size_t)width * height * 3);

    d.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&d);
    jpeg_mem_src(&d, buf_bytes(jpeg), buf_len(jpeg));
    ck_assert_int_eq(jpeg_read_header(&d, TRUE), JPEG_HEADER_OK);
    d.out_color_space = JCS_RGB;
    jpeg_start_decompress(&d);
    ck_assert_uint_eq(d.output_width, width);
    ck_assert_uint_eq(d.output_height, height);
    while (d.output_scanline < height) {
        unsigned char *row = bytes + (size_t)d.output_scanline * width * 3;

        jpeg_read_scanlines(&d, &row, 1);
    }
    jpeg_finish_decompress(&d);
    jpeg_destroy_decompress(&d);
    return bytes;
}

static double psnr(const unsigned char *a, const unsigned char *b, size_t count)
{
    double squares = 0;

    for (size_t i = 0; i < count; i++)
        squares += (double)(a[i] - b[i]) * (a[i] - b[i]);
    return squares > 0 ? 10 * log10(255.0 * 255.0 * (double)count / squares) : 99;
}

/* Takes file and seen; the full rendition is of the given size. */
static void expect_seen_at(const char *what, struct buf *file, unsigned char *seen, unsigned width,
                           unsigned height)
{
    CLEANUP(image_result) struct image_result r = normalise(file);
    unsigned char *found;
    double decibels;

    expect_size(&r.renditions[0], width, height);
    found = read_jpeg(r.renditions[0].jpeg, width, height);
    decibels = psnr(found, seen, (size_t)width * height * 3);
    printf("%-52s %4.1f dB\n", what, decibels);
    ck_assert_msg(decibels >= PSNR_MIN, "%s: %.1f dB", what, decibels);
    free(found);
    free(seen);
    buf_free(file);
}

static void expect_seen(const char *what, struct buf *file, unsigned char *seen)
{
    expect_seen_at(what, file, seen, WIDTH, HEIGHT);
}

static unsigned char *seen_colours(void)
{
    return seen_as(picture(WIDTH, HEIGHT, 3, colours), see_rgb);
}

/* ---- depths and formats ---- */

START_TEST(each_format_and_depth_comes_out_right)
{
    static const struct {
        const char *suffix;
        int bits;
    } cases[] = {
        {".jpg[Q=95]", 8},
        {".jpg[Q=95,interlace]", 8},
        {".png", 8},
        {".png[interlace]", 8},
        {".png[bitdepth=16]", 16},
        {".png[bitdepth=16,interlace]", 16},
        {".tif", 8},
        {".tif", 16},
        {".tif[compression=lzw]", 8},
        {".tif[compression=lzw,predictor=horizontal]", 16},
        {".tif[compression=deflate,tile]", 16},
        {".tif[compression=packbits]", 8},
        {".tif[compression=jpeg,Q=95]", 8},
        {".tif[compression=jpeg,Q=95,tile]", 8},
        {".webp[Q=95]", 8},
        {".webp[lossless]", 8},
    };

    begin();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char what[80];

        snprintf(what, sizeof what, "%s of %d bits", cases[i].suffix, cases[i].bits);
        expect_seen(what, file_of(rgb(cases[i].bits), cases[i].suffix), seen_colours());
    }
}
END_TEST

START_TEST(greys_come_out_right)
{
    static const struct {
        const char *suffix;
        int bits;
    } cases[] = {{".jpg[Q=95]", 8}, {".png", 8},  {".png[bitdepth=16]", 16},
                 {".tif", 8},       {".tif", 16}, {".tif[miniswhite]", 8},
                 {".webp[Q=95]", 8}};

    begin();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct picture p = picture(WIDTH, HEIGHT, 1, greys);
        VipsImage *image = to_image(
            p, cases[i].bits, cases[i].bits == 16 ? VIPS_INTERPRETATION_GREY16 : VIPS_INTERPRETATION_B_W);
        char what[80];

        snprintf(what, sizeof what, "grey %s of %d bits", cases[i].suffix, cases[i].bits);
        expect_seen(what, file_of(image, cases[i].suffix), seen_as(p, see_grey));
    }
}
END_TEST

START_TEST(a_palette_comes_out_right)
{
    struct picture p;
    struct buf *file;

    begin();
    p = picture(WIDTH, HEIGHT, 3, cells);
    file = file_of(to_image(p, 8, VIPS_INTERPRETATION_sRGB), ".png[palette,dither=0]");
    expect_seen("palette .png", file, seen_as(p, see_rgb));
}
END_TEST

START_TEST(opacity_is_laid_on_white)
{
    static const struct {
        const char *suffix;
        int bits;
    } cases[] = {{".png", 8},  {".png[bitdepth=16]", 16}, {".png[interlace]", 8}, {".tif", 8},
                 {".tif", 16}, {".webp[lossless]", 8},    {".webp[Q=95]", 8}};

    begin();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct picture p = picture(WIDTH, HEIGHT, 4, through);
        VipsImage *image = to_image(
            p, cases[i].bits, cases[i].bits == 16 ? VIPS_INTERPRETATION_RGB16 : VIPS_INTERPRETATION_sRGB);
        char what[80];

        snprintf(what, sizeof what, "opacity %s of %d bits", cases[i].suffix, cases[i].bits);
        expect_seen(what, file_of(image, cases[i].suffix), seen_as(p, see_on_white));
    }
}
END_TEST

/* Four bands in one uncompressed strip; ExtraSamples as given, absent if negative (TIFF 6.0). */
static struct buf *tiff_of_four(struct picture p, int extra)
{
    const uint32_t size = (uint32_t)(p.width * p.height * 4), data = 8 + 2 + 11 * 12 + 4 + 8;
    const struct {
        uint16_t tag, type;
        uint32_t count, value;
    } entries[] = {{256, 4, 1, (uint32_t)p.width},
                   {257, 4, 1, (uint32_t)p.height},
                   {258, 3, 4, data - 8},
                   {259, 3, 1, 1},
                   {262, 3, 1, 2},
                   {273, 4, 1, data},
                   {277, 3, 1, 4},
                   {278, 4, 1, (uint32_t)p.height},
                   {279, 4, 1, size},
                   {284, 3, 1, 1},
                   {extra < 0 ? 700 : 338, 3, 1, extra < 0 ? 0 : (uint32_t)extra}};
    struct buf *file = NULL;
    unsigned char *bytes;

    ck_assert_int_eq(buf_new(&file, 1 << 24), OK);
    ck_assert_int_eq(buf_extend(file, data + size, &bytes), OK);
    memcpy(bytes, "II\x2a\0\x08\0\0\0\x0b\0", 10);
    memcpy(bytes + 10, entries, sizeof entries);
    memset(bytes + 10 + sizeof entries, 0, 4);
    memcpy(bytes + data - 8, "\x08\0\x08\0\x08\0\x08", 8);
    for (uint32_t i = 0; i < size; i++)
        bytes[data + i] = (unsigned char)level(p.samples[i], 255);
    return file;
}

static void premultiply(struct picture p)
{
    for (int i = 0; i < p.width * p.height; i++)
        for (int band = 0; band < 3; band++)
            p.samples[4 * i + band] *= p.samples[4 * i + 3];
}

START_TEST(a_fourth_band_of_a_tiff_is_opacity_only_where_it_says_so)
{
    struct picture p, shown;

    begin();
    p = picture(WIDTH, HEIGHT, 4, through);
    expect_seen("a band of nothing in particular .tif", tiff_of_four(p, 0), seen_colours());
    expect_seen("a band without a word .tif", tiff_of_four(p, -1), seen_colours());
    expect_seen("unassociated opacity .tif", tiff_of_four(p, 2),
                seen_as(picture(WIDTH, HEIGHT, 4, through), see_on_white));
    shown = picture(WIDTH, HEIGHT, 4, through);
    premultiply(p);
    expect_seen("associated opacity .tif", tiff_of_four(p, 1), seen_as(shown, see_on_white));
    free(p.samples);
}
END_TEST

/* ---- profiles ---- */

START_TEST(an_rgb_profile_is_honoured_in_each_format)
{
    static const struct {
        const char *suffix;
        int bits;
    } cases[] = {
        {".jpg[Q=95]", 8}, {".png", 8}, {".png[bitdepth=16]", 16}, {".tif", 8}, {".tif[compression=lzw]", 16},
        {".webp[Q=95]", 8}};

    begin();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char what[80];
        VipsImage *image = rgb(cases[i].bits);
        cmsHPROFILE wide = wide_profile();

        tag(image, "p3");
        snprintf(what, sizeof what, "Display P3 %s of %d bits", cases[i].suffix, cases[i].bits);
        expect_seen(what, file_of(image, cases[i].suffix),
                    seen_through(picture(WIDTH, HEIGHT, 3, colours), own_profile("p3"), TYPE_RGB_8));
        image = rgb(cases[i].bits);
        embed(image, wide);
        snprintf(what, sizeof what, "Adobe RGB %s of %d bits", cases[i].suffix, cases[i].bits);
        expect_seen(what, file_of(image, cases[i].suffix),
                    seen_through(picture(WIDTH, HEIGHT, 3, colours), wide, TYPE_RGB_8));
    }
}
END_TEST

START_TEST(a_grey_profile_is_honoured)
{
    static const char *const suffixes[] = {".jpg[Q=95]", ".png", ".tif"};

    begin();
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        struct picture p = picture(WIDTH, HEIGHT, 1, greys);
        VipsImage *image = to_image(p, 8, VIPS_INTERPRETATION_B_W);
        cmsHPROFILE grey = grey_profile();
        char what[80];

        embed(image, grey);
        snprintf(what, sizeof what, "grey of gamma 1.6 %s", suffixes[i]);
        expect_seen(what, file_of(image, suffixes[i]), seen_through(p, grey, TYPE_GRAY_8));
    }
}
END_TEST

/* A JPEG of inks as Adobe's programs write it: inverted, with their marker, as CMYK or as YCCK. */
static struct buf *adobe_jpeg(struct picture p, J_COLOR_SPACE space, const char *profile)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    unsigned char *bytes = NULL, *row = malloc((size_t)p.width * 4);
    unsigned long len = 0;
    struct buf *file = NULL;

    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &bytes, &len);
    c.image_width = (JDIMENSION)p.width;
    c.image_height = (JDIMENSION)p.height;
    c.input_components = 4;
    c.in_color_space = JCS_CMYK;
    jpeg_set_defaults(&c);
    jpeg_set_colorspace(&c, space);
    jpeg_set_quality(&c, 95, TRUE);
    jpeg_start_compress(&c, TRUE);
    if (profile) {
        VipsBlob *blob = NULL;
        const void *icc;
        size_t icc_len;

        ck_assert_int_eq(vips_profile_load(profile, &blob, NULL), 0);
        icc = vips_blob_get(blob, &icc_len);
        jpeg_write_icc_profile(&c, icc, (unsigned)icc_len);
        vips_area_unref(VIPS_AREA(blob));
    }
    for (int y = 0; y < p.height; y++) {
        for (int i = 0; i < p.width * 4; i++)
            row[i] = (unsigned char)(255 - level(p.samples[y * p.width * 4 + i], 255));
        jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    ck_assert_int_eq(buf_new(&file, len), OK);
    ck_assert_int_eq(buf_append(file, bytes, len), OK);
    free(bytes);
    free(row);
    return file;
}

START_TEST(inks_come_out_right)
{
    static const struct {
        const char *what;
        J_COLOR_SPACE space;
        const char *profile;
    } cases[] = {{"CMYK of Adobe, profile .jpg", JCS_CMYK, "cmyk"},
                 {"CMYK of Adobe, no profile .jpg", JCS_CMYK, NULL},
                 {"YCCK of Adobe, profile .jpg", JCS_YCCK, "cmyk"},
                 {"YCCK of Adobe, no profile .jpg", JCS_YCCK, NULL}};

    begin();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct picture p = picture(WIDTH, HEIGHT, 4, inks);
        struct buf *file = adobe_jpeg(p, cases[i].space, cases[i].profile);

        expect_seen(cases[i].what, file, seen_through(p, own_profile("cmyk"), TYPE_CMYK_8));
    }
    for (int bits = 8; bits <= 16; bits += 8) {
        struct picture p = picture(WIDTH, HEIGHT, 4, inks);
        VipsImage *tagged = to_image(p, bits, VIPS_INTERPRETATION_CMYK);

        tag(tagged, "cmyk");
        expect_seen(bits == 8 ? "CMYK, profile .tif" : "CMYK of 16 bits, profile .tif",
                    file_of(tagged, ".tif"), seen_through(p, own_profile("cmyk"), TYPE_CMYK_8));
    }
    {
        struct picture p = picture(WIDTH, HEIGHT, 4, inks);
        struct buf *file = file_of(to_image(p, 8, VIPS_INTERPRETATION_CMYK), ".tif");

        expect_seen("CMYK, no profile .tif", file, seen_through(p, own_profile("cmyk"), TYPE_CMYK_8));
    }
}
END_TEST

/* ---- place ---- */

/* Where a pixel of the stored picture is seen (Exif 2.3, tag 0x0112). */
static void seen_at(int *x, int *y, int orientation, int column, int row, int width, int height)
{
    const int right = width - 1 - column, up = height - 1 - row;
    const int places[9][2] = {[1] = {column, row}, [2] = {right, row}, [3] = {right, up}, [4] = {column, up},
                              [5] = {row, column}, [6] = {up, column}, [7] = {up, right}, [8] = {row, right}};

    *x = places[orientation][0];
    *y = places[orientation][1];
}

/* Puts the notes of a camera after the header of a PNG, where libvips writes none.  Takes the file. */
static struct buf *with_orientation(struct buf *png, int orientation)
{
    unsigned char piece[12 + 26] = "\0\0\0\x1a"
                                   "eXIfMM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01";
    const size_t header = 8 + 25;
    struct buf *file = NULL;
    uint32_t sum = 0xffffffff;

    piece[27] = (unsigned char)orientation;
    for (size_t i = 4; i < 34; i++) { /* CRC-32 of name and content */
        sum ^= piece[i];
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (sum & 1 ? 0xedb88320 : 0);
    }
    for (int i = 0; i < 4; i++)
        piece[34 + i] = (unsigned char)(~sum >> 8 * (3 - i));
    ck_assert_int_eq(buf_new(&file, 1 << 24), OK);
    ck_assert_int_eq(buf_append(file, buf_bytes(png), header), OK);
    ck_assert_int_eq(buf_append(file, piece, sizeof piece), OK);
    ck_assert_int_eq(buf_append(file, buf_bytes(png) + header, buf_len(png) - header), OK);
    buf_free(png);
    return file;
}

START_TEST(each_orientation_is_set_upright_in_each_format)
{
    static const char *const suffixes[] = {".jpg[Q=95]", ".tif", ".webp[Q=95]", ".png"};

    begin();
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++)
        for (int orientation = 1; orientation <= 8; orientation++) {
            VipsImage *image = rgb(8);
            unsigned char *stored = seen_colours(), *seen = malloc((size_t)WIDTH * HEIGHT * 3);
            int width = orientation >= 5 ? HEIGHT : WIDTH;
            struct buf *file;
            char what[80];

            for (int row = 0; row < HEIGHT; row++)
                for (int column = 0; column < WIDTH; column++) {
                    int x, y;

                    seen_at(&x, &y, orientation, column, row, WIDTH, HEIGHT);
                    memcpy(seen + (y * width + x) * 3, stored + (row * WIDTH + column) * 3, 3);
                }
            vips_image_set_int(image, VIPS_META_ORIENTATION, orientation);
            snprintf(what, sizeof what, "orientation %d %s", orientation, suffixes[i]);
            file = file_of(image, suffixes[i]);
            if (strcmp(suffixes[i], ".png") == 0)
                file = with_orientation(file, orientation);
            expect_seen_at(what, file, seen, (unsigned)width, (unsigned)(orientation >= 5 ? WIDTH : HEIGHT));
            free(stored);
        }
}
END_TEST

/* Larger ones pass the resampler, and a JPEG's decoder shrinks them first. */
START_TEST(a_larger_picture_is_the_same_picture)
{
    static const struct {
        const char *suffix;
        int width, height, full_width, full_height;
    } cases[] = {{".jpg[Q=95]", 1300, 1600, 1200, 1477}, {".jpg[Q=95]", 2400, 3000, 1200, 1500},
                 {".jpg[Q=95]", 2500, 3121, 1200, 1498}, {".jpg[Q=95]", 4000, 3000, 1200, 900},
                 {".png", 2000, 2501, 1200, 1500},       {".tif[compression=lzw]", 2400, 3000, 1200, 1500},
                 {".webp[Q=95]", 2000, 2500, 1200, 1500}};

    begin();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct picture p = picture(cases[i].width, cases[i].height, 3, colours);
        char what[80];

        snprintf(what, sizeof what, "%dx%d %s", cases[i].width, cases[i].height, cases[i].suffix);
        expect_seen_at(what, file_of(to_image(p, 8, VIPS_INTERPRETATION_sRGB), cases[i].suffix),
                       seen_as(picture(cases[i].full_width, cases[i].full_height, 3, colours), see_rgb),
                       (unsigned)cases[i].full_width, (unsigned)cases[i].full_height);
        free(p.samples);
    }
}
END_TEST

SUITE("image colour", each_format_and_depth_comes_out_right, greys_come_out_right, a_palette_comes_out_right,
      opacity_is_laid_on_white, a_fourth_band_of_a_tiff_is_opacity_only_where_it_says_so,
      an_rgb_profile_is_honoured_in_each_format, a_grey_profile_is_honoured, inks_come_out_right,
      each_orientation_is_set_upright_in_each_format, a_larger_picture_is_the_same_picture)
