#include "ingest/turn.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 32 /* pixels a side: both pictures' rows of a block stay in the cache */

/* Where the walk through the source starts, and how far a step right or down in the target moves it. */
struct walk {
    ptrdiff_t start, right, down;
};

static struct walk walk_for(const struct pixels *in, unsigned orientation)
{
    static const struct {
        bool swap, from_right, from_bottom;
    } turns[] = {[2] = {0, 1, 0}, [3] = {0, 1, 1}, [4] = {0, 0, 1}, [5] = {1, 0, 0},
                 [6] = {1, 0, 1}, [7] = {1, 1, 1}, [8] = {1, 1, 0}};
    ptrdiff_t pixel = in->bands, row = pixel * in->width;
    ptrdiff_t x = turns[orientation].from_right ? -pixel : pixel;
    ptrdiff_t y = turns[orientation].from_bottom ? -row : row;

    return (struct walk){(x < 0 ? row - pixel : 0) + (y < 0 ? row * (in->height - 1) : 0),
                         turns[orientation].swap ? y : x, turns[orientation].swap ? x : y};
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Inlined once for each constant `bands`: a copy of known length is a move or two. */
static inline __attribute__((always_inline)) void copy_run(unsigned char *to, const unsigned char *from,
                                                           ptrdiff_t step, size_t count, size_t bands)
{
    for (; count; count--, to += bands, from += step)
        memcpy(to, from, bands);
}

static inline __attribute__((always_inline)) void copy(struct pixels *out, const struct pixels *in,
                                                       struct walk w, size_t bands)
{
    for (size_t top = 0; top < out->height; top += BLOCK)
        for (size_t left = 0; left < out->width; left += BLOCK)
            for (size_t y = top; y < least(top + BLOCK, out->height); y++)
                copy_run(out->bytes + (y * out->width + left) * bands,
                         in->bytes + w.start + (ptrdiff_t)y * w.down + (ptrdiff_t)left * w.right, w.right,
                         least(BLOCK, out->width - left), bands);
}

enum err turn(struct pixels *out, struct pixels *in, unsigned orientation)
{
    bool is_swap = orientation >= 5;
    struct pixels turned = {NULL, is_swap ? in->height : in->width, is_swap ? in->width : in->height,
                            in->bands};
    struct walk w;

    if (orientation < 2 || orientation > 8) {
        *out = *in;
        *in = (struct pixels){0};
        return OK;
    }
    turned.bytes = malloc((size_t)turned.width * turned.height * turned.bands);
    if (!turned.bytes)
        return ERR_NOMEM;
    w = walk_for(in, orientation);
    if (in->bands == 3)
        copy(&turned, in, w, 3);
    else if (in->bands == 4)
        copy(&turned, in, w, 4);
    else
        copy(&turned, in, w, 1);
    pixels_clear(in);
    *out = turned;
    return OK;
}

void pixels_clear(struct pixels *p)
{
    free(p->bytes);
    *p = (struct pixels){0};
}
