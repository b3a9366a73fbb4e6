#include "ingest/image.h"

#include <stdbool.h>
#include "ingest/exif.h"
#include "ingest/pixels.h"
#include "ingest/probe.h"
#include "photod/base/log.h"

#define QUALITY_BEST  85
#define QUALITY_WORST 40
/* Shorter side under which a face is no longer one. */
#define SIDE_WORST 48
#define JPEG_MAX   ((size_t)64 << 20)

struct size {
    uint32_t width, height;
};

static uint32_t scaled(uint32_t side, uint64_t numerator, uint64_t denominator)
{
    uint64_t result = (side * numerator + denominator / 2) / denominator;

    return result ? (uint32_t)result : 1;
}

/* The largest size of the same ratio inside a shape, never larger than it was. */
static struct size fit(struct size s, const struct image_shape *shape)
{
    if (s.width <= shape->width && s.height <= shape->height)
        return s;
    if ((uint64_t)s.width * shape->height > (uint64_t)s.height * shape->width)
        return (struct size){shape->width, scaled(s.height, shape->width, s.width)};
    return (struct size){scaled(s.width, shape->height, s.height), shape->height};
}

/*
 * The decoder shrinks for next to nothing, in steps; what remains is left to
 * the resampler.  (vips_thumbnail keeps a factor of 2 for it, at three times
 * the cost and no visible gain.)
 */
static unsigned shrink_for(struct size from, struct size to)
{
    unsigned shrink = 8;

    while (shrink > 1 && (from.width / shrink < to.width || from.height / shrink < to.height))
        shrink /= 2;
    return shrink;
}

/*
 * The next quality to try when one gave len bytes for max.  Bytes go about
 * as the 0.7th power of libjpeg's table scale (its quality 50 is 100 %), so
 * the scale wanted is close to scale * r * (1 + r) / 2, in thousandths here.
 */
static int lower_quality(int quality, size_t len, size_t max)
{
    uint64_t scale = quality < 50 ? 5000u / (unsigned)quality : 200u - 2u * (unsigned)quality;
    uint64_t r = (uint64_t)len * 1000 / max;
    uint64_t wanted = scale * (r < 20000 ? r : 20000) * ((r < 20000 ? r : 20000) + 1000) / 2000000 + 1;
    int next = wanted <= 100 ? (int)(200 - wanted) / 2 : (int)(5000 / wanted);

    return next < quality ? next : quality - 1;
}

/* Encodes at the best quality that fits; ERR_LIMIT when the worst does not. */
static enum err encode_within(struct buf *jpeg, const struct pixels *p, size_t max_bytes)
{
    for (int quality = QUALITY_BEST;;) {
        TRY(pixels_encode(jpeg, p, quality));
        if (buf_len(jpeg) <= max_bytes)
            return OK;
        if (quality == QUALITY_WORST)
            return ERR_LIMIT;
        quality = lower_quality(quality, buf_len(jpeg), max_bytes);
        if (quality < QUALITY_WORST)
            quality = QUALITY_WORST;
    }
}

/* Quality goes first; a picture that is still too large loses a tenth of its side at a time. */
static enum err make_rendition(struct image_rendition *out, const struct pixels *p, size_t max_bytes)
{
    CLEANUP(buf) struct buf *jpeg = NULL;
    enum err e;

    TRY(buf_new(&jpeg, JPEG_MAX));
    e = encode_within(jpeg, p, max_bytes);
    *out = (struct image_rendition){NULL, p->width, p->height};
    while (e == ERR_LIMIT && out->width * 9 / 10 >= SIDE_WORST && out->height * 9 / 10 >= SIDE_WORST) {
        CLEANUP(pixels) struct pixels smaller = {0};

        out->width = out->width * 9 / 10;
        out->height = scaled(p->height, out->width, p->width);
        TRY(pixels_resize(&smaller, p, out->width, out->height));
        e = encode_within(jpeg, &smaller, max_bytes);
    }
    if (!e)
        out->jpeg = TAKE(jpeg);
    return e;
}

/* Each rendition is resampled from the pixels of the one before: decoded once, and less to read each time. */
static enum err make_renditions(struct image_result *r, struct pixels *p, const struct image_shape *shapes,
                                size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct size size = fit((struct size){r->width, r->height}, &shapes[i]);

        if (size.width != p->width || size.height != p->height) {
            struct pixels smaller;

            TRY(pixels_resize(&smaller, p, size.width, size.height));
            pixels_clear(p);
            *p = smaller;
        }
        TRY(make_rendition(&r->renditions[i], p, shapes[i].max_bytes));
    }
    r->phash = phash_of(p);
    return OK;
}

static enum err decode(struct pixels *p, struct image_result *r, const struct probe *probe, const void *bytes,
                       size_t len, const struct image_shape *largest)
{
    struct exif exif = exif_read(probe->exif.bytes, probe->exif.len);
    bool is_lying = exif.orientation >= 5;
    struct size size;

    r->taken_on = exif.taken_on;
    r->width = is_lying ? probe->height : probe->width;
    r->height = is_lying ? probe->width : probe->height;
    size = fit((struct size){r->width, r->height}, largest);
    return pixels_decode(p, probe, bytes, len, shrink_for((struct size){r->width, r->height}, size),
                         exif.orientation, size.width, size.height);
}

enum err image_normalise(struct image_result *out, const char **fault, const void *bytes, size_t len,
                         const struct image_shape *shapes, size_t count)
{
    CLEANUP(image_result) struct image_result r = {0};
    CLEANUP(pixels) struct pixels p = {0};
    struct probe probe;
    enum err e;

    if (count == 0 || count > IMAGE_SHAPES_MAX)
        return ERR_LIMIT;
    TRY(probe_image(&probe, fault, bytes, len));
    e = decode(&p, &r, &probe, bytes, len, &shapes[0]);
    if (e == ERR_MALFORMED)
        return fault_found(fault, FAULT_UNREADABLE);
    if (!e)
        e = make_renditions(&r, &p, shapes, count);
    if (e == ERR_LIMIT || e == ERR_MALFORMED)
        return fault_found(fault, FAULT_OVER_BUDGET);
    if (e)
        return e;
    *out = r;
    r = (struct image_result){0};
    return OK;
}

void image_result_clear(struct image_result *r)
{
    for (size_t i = 0; i < IMAGE_SHAPES_MAX; i++)
        buf_free(r->renditions[i].jpeg);
    *r = (struct image_result){0};
}

static enum err warm_up(enum probe_format format)
{
    static const struct image_shape shapes[] = {{240, 300, 100000}, {120, 150, 100000}};
    CLEANUP(image_result) struct image_result result = {0};
    CLEANUP(buf) struct buf *file = NULL;
    const char *fault = "";
    enum err e;

    TRY(buf_new(&file, JPEG_MAX));
    e = pixels_encode_sample(file, format, 320, 400);
    if (!e)
        e = image_normalise(&result, &fault, buf_bytes(file), buf_len(file), shapes, 2);
    if (e)
        log_error("libvips cannot make a rendition of format %d: %s %s", (int)format, err_name(e), fault);
    return e ? ERR_IO : OK;
}

enum err image_init(void)
{
    TRY(pixels_start());
    for (enum probe_format format = PROBE_JPEG; format <= PROBE_WEBP; format++)
        TRY(warm_up(format));
    return OK;
}
