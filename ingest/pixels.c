/*
 * libvips, used as a library of pixel operations: one pipeline per picture,
 * pulled through in strips by vips_region_prepare(), so that neither its
 * thread pool nor its cache takes part.  Runs in photod-intake, confined:
 * after pixels_start() nothing here may need a file.
 */
#include "ingest/pixels.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <vips/vips.h>
#include "ingest/profile.h"
#include "ingest/turn.h"
#include "photod/base/log.h"

#define LOAD_STRICTLY "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR

#define STRIP_ROWS    64
#define HEAP_KEPT     (32 << 20)
#define DAY_MS        86400000
/* Before this year a clock is a camera's that was never set. */
#define PLAUSIBLE_YEAR 2001

/* Every loader is blocked but these.  The suffix is for writing a sample of the format. */
static const struct {
    const char *loader, *suffix;
    unsigned bands;
} formats[] = {
    [PROBE_JPEG] = {"VipsForeignLoadJpegSource", ".jpg", 4},
    [PROBE_PNG] = {"VipsForeignLoadPngSource", ".png", 3},
    [PROBE_TIFF] = {"VipsForeignLoadTiffSource", ".tif[compression=lzw]", 3},
    [PROBE_WEBP] = {"VipsForeignLoadWebpSource", ".webp", 3},
};

static void image_cleanup(VipsImage **image)
{
    if (*image)
        g_object_unref(*image);
}

static void region_cleanup(VipsRegion **region)
{
    if (*region)
        g_object_unref(*region);
}

static void source_cleanup(VipsSource **source)
{
    if (*source)
        g_object_unref(*source);
}

static void gmem_cleanup(void *held)
{
    g_free(*(void **)held);
}

static void ignore_message(const char *domain, GLogLevelFlags level, const char *message, void *unused)
{
    (void)domain, (void)level, (void)message, (void)unused;
}

enum err pixels_start(void)
{
    /* Pixels come and go by the megabyte: fresh pages for each would cost an eighth of the rate. */
    (void)mallopt(M_MMAP_THRESHOLD, HEAP_KEPT);
    (void)mallopt(M_TRIM_THRESHOLD, HEAP_KEPT);
    /* Keeps vips_init() from loading its modules: 40 libraries for formats we refuse. */
    if (setenv("VIPSHOME", "/nonexistent", 1) != 0 || VIPS_INIT("photod-intake") != 0) {
        log_error("libvips does not start");
        return ERR_IO;
    }
    /* Warnings quote the picture; the journal is not theirs to fill. */
    (void)g_log_set_handler("VIPS", G_LOG_LEVEL_MASK, ignore_message, NULL);
    vips_operation_block_set("VipsForeignLoad", TRUE);
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        vips_operation_block_set(formats[i].loader, FALSE);
    vips_concurrency_set(1);
    vips_cache_set_max(0);
    return OK;
}

/*
 * libvips has one error; the bytes are taken to be at fault unless it, or
 * libjpeg or libtiff through it, could not have memory.  (lcms2 speaks of
 * memory, too, where a profile is cut short.)
 */
static enum err refused(void)
{
    static const char *const words[] = {"ut of memory", "nsufficient memory", "allocate memory"};
    bool is_memory = false;

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        is_memory |= strstr(vips_error_buffer(), words[i]) != NULL;
    vips_error_clear();
    return is_memory ? ERR_NOMEM : ERR_MALFORMED;
}

/* JPEG and WebP shrink while they decode; the others answer at full size. */
static enum err load(VipsImage **out, enum probe_format format, const void *bytes, size_t len,
                     unsigned shrink)
{
    CLEANUP(source) VipsSource *source = vips_source_new_from_memory(bytes, len);
    int failed = -1;

    if (source && format == PROBE_JPEG)
        failed = vips_jpegload_source(source, out, "shrink", (int)shrink, LOAD_STRICTLY, NULL);
    else if (source && format == PROBE_WEBP)
        failed = vips_webpload_source(source, out, "scale", 1.0 / shrink, LOAD_STRICTLY, NULL);
    else if (source && format == PROBE_PNG)
        failed = vips_pngload_source(source, out, LOAD_STRICTLY, NULL);
    else if (source)
        failed = vips_tiffload_source(source, out, LOAD_STRICTLY, NULL);
    return failed ? refused() : OK;
}

/* The upper half of 16 bits; what the eye and a JPEG make of it is the same. */
static enum err to_eight_bits(VipsImage **out, VipsImage *in)
{
    CLEANUP(image) VipsImage *bytes = NULL;
    VipsInterpretation kind = vips_image_get_interpretation(in);

    if (vips_msb(in, &bytes, NULL) != 0)
        return refused();
    if (kind == VIPS_INTERPRETATION_RGB16)
        kind = VIPS_INTERPRETATION_sRGB;
    if (kind == VIPS_INTERPRETATION_GREY16)
        kind = VIPS_INTERPRETATION_B_W;
    return vips_copy(bytes, out, "interpretation", kind, NULL) == 0 ? OK : refused();
}

/* On white, before anything is resampled: colour under full transparency is often black, and must not bleed.
 */
static enum err flatten(VipsImage **out, VipsImage *in)
{
    double white = vips_image_get_interpretation(in) == VIPS_INTERPRETATION_CMYK ? 0 : 255;
    VipsArrayDouble *background = vips_array_double_new(&white, 1);
    int failed = vips_flatten(in, out, "background", background, NULL);

    vips_area_unref(VIPS_AREA(background));
    return failed ? refused() : OK;
}

/* Takes the image, and gives it back as opaque bytes in its own colours. */
static enum err plain(VipsImage **image, bool has_stray_band)
{
    if ((*image)->BandFmt == VIPS_FORMAT_USHORT) {
        CLEANUP(image) VipsImage *deep = TAKE(*image);

        TRY(to_eight_bits(image, deep));
    }
    if (has_stray_band) {
        CLEANUP(image) VipsImage *more = TAKE(*image);

        if (vips_extract_band(more, image, 0, "n", more->Bands - 1, NULL) != 0)
            return refused();
    } else if (vips_image_hasalpha(*image)) {
        CLEANUP(image) VipsImage *through = TAKE(*image);

        TRY(flatten(image, through));
    }
    return OK;
}

/* Whether the picture carries a profile that its pixels must go through. */
static bool has_foreign_profile(VipsImage *image)
{
    const void *profile;
    size_t len;

    return vips_image_get_typeof(image, VIPS_META_ICC_NAME) &&
           vips_image_get_blob(image, VIPS_META_ICC_NAME, &profile, &len) == 0 &&
           !profile_is_srgb(profile, len);
}

/*
 * Only what is not sRGB already: lcms on every untagged picture would cost
 * six times the rest.  Untagged CMYK is read as libvips' built-in press
 * profile has it.  Black point compensation, as in the programs photographers
 * judge their pictures by.  A profile that does not work is ignored.
 */
static enum err to_srgb(VipsImage **out, VipsImage *in)
{
    bool is_cmyk = vips_image_get_interpretation(in) == VIPS_INTERPRETATION_CMYK;

    if (is_cmyk || has_foreign_profile(in)) {
        if (vips_icc_transform(in, out, "srgb", "embedded", TRUE, "input_profile", is_cmyk ? "cmyk" : "srgb",
                               "black_point_compensation", TRUE, NULL) == 0)
            return OK;
        if (is_cmyk)
            return refused();
        vips_error_clear();
    }
    return vips_colourspace(in, out, VIPS_INTERPRETATION_sRGB, NULL) == 0 ? OK : refused();
}

/* Pulls a pipeline's pixels into memory, strip by strip from the top, as sequential loaders ask. */
static enum err render(struct pixels *out, VipsImage *in)
{
    CLEANUP(region) VipsRegion *region = vips_region_new(in);
    CLEANUP(heap) unsigned char *bytes = NULL;
    size_t row = (size_t)in->Xsize * (size_t)in->Bands;

    if (!region || in->BandFmt != VIPS_FORMAT_UCHAR)
        return refused();
    bytes = malloc(row * (size_t)in->Ysize);
    if (!bytes)
        return ERR_NOMEM;
    for (int top = 0; top < in->Ysize; top += STRIP_ROWS) {
        const VipsRect strip = {0, top, in->Xsize, VIPS_MIN(STRIP_ROWS, in->Ysize - top)};

        if (vips_region_prepare(region, &strip) != 0)
            return refused();
        for (int y = 0; y < strip.height; y++)
            memcpy(bytes + row * (size_t)(top + y), VIPS_REGION_ADDR_TOPLEFT(region) + region->bpl * y, row);
    }
    *out = (struct pixels){TAKE(bytes), (uint32_t)in->Xsize, (uint32_t)in->Ysize, (unsigned)in->Bands};
    return OK;
}

/* Borrows the pixels: they must outlive the image. */
static enum err wrap(VipsImage **out, const struct pixels *p)
{
    static const VipsInterpretation kinds[] = {
        [1] = VIPS_INTERPRETATION_B_W, [3] = VIPS_INTERPRETATION_sRGB, [4] = VIPS_INTERPRETATION_CMYK};
    CLEANUP(image)
    VipsImage *bare =
        vips_image_new_from_memory(p->bytes, (size_t)p->width * p->height * p->bands, (int)p->width,
                                   (int)p->height, (int)p->bands, VIPS_FORMAT_UCHAR);

    if (!bare || vips_copy(bare, out, "interpretation", kinds[p->bands], NULL) != 0)
        return refused();
    return OK;
}

/* Resamples the columns to the given height, and converts to sRGB if asked. */
static enum err reduce_columns(struct pixels *out, VipsImage *in, uint32_t height, bool wants_srgb)
{
    CLEANUP(image) VipsImage *reduced = NULL;
    CLEANUP(image) VipsImage *srgb = NULL;

    if (vips_reducev(in, &reduced, (double)in->Ysize / height, "gap", 2.0, NULL) != 0)
        return refused();
    if (!wants_srgb)
        return render(out, reduced);
    TRY(to_srgb(&srgb, reduced));
    return srgb->Bands == 3 ? render(out, srgb) : refused();
}

static void copy_profile(VipsImage *to, VipsImage *from)
{
    const void *profile;
    size_t len;

    if (vips_image_get_typeof(from, VIPS_META_ICC_NAME) &&
        vips_image_get_blob(from, VIPS_META_ICC_NAME, &profile, &len) == 0)
        vips_image_set_blob_copy(to, VIPS_META_ICC_NAME, profile, len);
}

/*
 * Fits an image to width x height, then turns it.  Rows are resampled as
 * columns of the transposed picture: libvips 8.14 has vector code for
 * columns only, which makes the detour three times faster than vips_resize().
 */
static enum err fit(struct pixels *out, VipsImage *in, unsigned orientation, uint32_t width, uint32_t height)
{
    CLEANUP(pixels) struct pixels p = {0};
    CLEANUP(pixels) struct pixels transposed = {0};
    CLEANUP(image) VipsImage *image = NULL;

    if ((uint32_t)in->Xsize == width) {
        TRY(reduce_columns(&p, in, height, true));
        return turn(out, &p, orientation);
    }
    TRY(reduce_columns(&p, in, height, false));
    TRY(turn(&transposed, &p, TURN_TRANSPOSE));
    pixels_clear(&p);
    TRY(wrap(&image, &transposed));
    copy_profile(image, in);
    TRY(reduce_columns(&p, image, width, true));
    return turn(out, &p, turn_of_transposed(orientation));
}

enum err pixels_decode(struct pixels *out, const struct probe *probe, const void *bytes, size_t len,
                       unsigned shrink, unsigned orientation, uint32_t width, uint32_t height)
{
    CLEANUP(image) VipsImage *loaded = NULL;
    bool is_lying = orientation >= 5;

    vips_error_clear(); /* what lcms2 said of an earlier picture's profile */
    TRY(load(&loaded, probe->format, bytes, len, shrink));
    TRY(plain(&loaded, probe->has_stray_band));
    return fit(out, loaded, orientation, is_lying ? height : width, is_lying ? width : height);
}

/* Each pixel the mean of four. */
static enum err halve(struct pixels *out, const struct pixels *in)
{
    struct pixels half = {NULL, in->width / 2, in->height / 2, in->bands};
    size_t row = (size_t)in->width * in->bands;
    unsigned char *to = malloc((size_t)half.width * half.height * half.bands);

    if (!to)
        return ERR_NOMEM;
    half.bytes = to;
    for (size_t y = 0; y < half.height; y++)
        for (size_t x = 0; x < half.width; x++) {
            const unsigned char *from = in->bytes + 2 * (y * row + x * in->bands);

            for (size_t band = 0; band < in->bands; band++, from++)
                *to++ =
                    (unsigned char)((from[0] + from[in->bands] + from[row] + from[row + in->bands] + 2) / 4);
        }
    *out = half;
    return OK;
}

/* From one rendition to the next of half its size, the usual case, is no work for a resampler. */
enum err pixels_resize(struct pixels *out, const struct pixels *in, uint32_t width, uint32_t height)
{
    CLEANUP(image) VipsImage *image = NULL;

    if (in->width == 2 * width && in->height == 2 * height)
        return halve(out, in);
    TRY(wrap(&image, in));
    return fit(out, image, TURN_NONE, width, height);
}

enum err pixels_encode_sample(struct buf *out, enum probe_format format, uint32_t width, uint32_t height)
{
    unsigned bands = formats[format].bands;
    size_t size = (size_t)width * height * bands, len;
    CLEANUP(heap) unsigned char *bytes = malloc(size);
    CLEANUP(image) VipsImage *image = NULL;
    __attribute__((cleanup(gmem_cleanup))) void *file = NULL;

    if (!bytes)
        return ERR_NOMEM;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(i * 7 & 0x7f);
    TRY(wrap(&image, &(struct pixels){bytes, width, height, bands}));
    if (vips_image_write_to_buffer(image, formats[format].suffix, &file, &len, NULL) != 0)
        return refused();
    buf_truncate(out, 0);
    return buf_append(out, file, len);
}
