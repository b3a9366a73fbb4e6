#ifndef PHOTOD_TESTS_TOOLS_DEMO_PORTRAIT_H
#define PHOTOD_TESTS_TOOLS_DEMO_PORTRAIT_H

#include <stdbool.h>
#include <stdint.h>
#include "photod/base/buf.h"

/*
 * A drawn school portrait: head and shoulders before a plain backdrop, made
 * up from a few dozen choices so that no two look alike at a glance.  Nobody
 * real is pictured.
 */

struct skin {
    const char *base, *light, *shade, *lip;
};

struct hair_colour {
    const char *base, *dark, *light;
};

/* Lengths are in units of the canvas, which is 800 across; the face is centred on 0,0. */
struct portrait {
    uint32_t code;
    const struct skin *skin;
    const struct hair_colour *hair;
    const struct hair_style *style;
    const char *eye, *cloth, *trim;
    int backdrop, clothes, glasses, nose, mouth;
    int face_w, face_h, jaw, chin; /* half width and height; percent */
    int eye_gap, eye_h, brow_w, brow_tilt;
    int shift, tilt, scale; /* where the head stands in the picture: units, degrees, percent */
    int blush;
    bool freckles, earrings, girl;
};

/* Chooses a look for the index-th child of a seed; grade is 0 (KG) to 12. */
void portrait_choose(struct portrait *out, uint64_t seed, uint32_t index, int grade, bool girl);

/* Appends the drawing, its code included, as an SVG document of width x height pixels. */
MUST_CHECK enum err portrait_draw(struct buf *svg, const struct portrait *p, int width, int height);

#endif
