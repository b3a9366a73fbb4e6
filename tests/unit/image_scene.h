#ifndef TESTS_UNIT_IMAGE_SCENE_H
#define TESTS_UNIT_IMAGE_SCENE_H

#include <stdbool.h>
#include <vips/vips.h>
#include "ingest/image.h"
#include "ingest/pixels.h"

/* Pictures to send in, and what is expected of the renditions that come out.  Everything here fails the test.
 */

struct colour {
    unsigned char red, green, blue;
};

static const struct colour RED = {220, 30, 30}, GREEN = {30, 200, 40}, BLUE = {30, 40, 210},
                           WHITE = {245, 245, 245};

/* Full, standard and mobile, as the law has them. */
extern const struct image_shape shapes[3];

/* Every test runs in a process of its own, after the fork that libvips' threads would not survive. */
void begin(void);

/* ---- pictures; of 1 band grey, of 3 sRGB, of 4 CMYK ---- */

VipsImage *from_memory(const unsigned char *bytes, int width, int height, int bands);
/* One colour in each quarter: top left, top right, bottom left, bottom right. */
VipsImage *quarters(int width, int height, const struct colour corners[static 4]);
VipsImage *flat(int width, int height, int bands, const unsigned char *value);
/* Nothing that compresses: the worst a budget can meet. */
VipsImage *noise(int width, int height);
/* Embeds one of libvips' own profiles: srgb, p3, cmyk. */
void tag(VipsImage *image, const char *profile);

/* The image in a file; the suffix chooses the format and its options, as in ".jpg[interlace]".  Takes the
 * image. */
struct buf *file_of(VipsImage *image, const char *suffix);
struct buf *jpeg_of(VipsImage *image, bool interlace);
struct buf *photo(int width, int height);

/* ---- expectations ---- */

struct image_result normalise(const struct buf *file);
void expect_fault(const void *bytes, size_t len, const char *code);
struct pixels decode(const struct image_rendition *r);
void expect_colour(const struct pixels *p, uint32_t x, uint32_t y, struct colour c, int tolerance);
void expect_quarters(const struct image_rendition *r, const struct colour corners[static 4]);
void expect_centre(const struct image_rendition *r, struct colour c, int tolerance);
/* Both what is said of a rendition and what stands in its frame. */
void expect_size(const struct image_rendition *r, uint32_t width, uint32_t height);
/* Where a marker's segment begins, or NULL. */
const unsigned char *find_marker(const struct buf *jpeg, unsigned marker);

#endif
