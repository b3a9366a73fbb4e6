#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include "tests/tools/demo_code.h"
#include "tests/tools/demo_random.h"

enum {
    CELLS = CODE_ACROSS + CODE_DOWN - 1,
    CHECK_BITS = 12,
    MIN_WIDTH = 160, /* 240x300 holds a 2:3 picture as 200x300 */
    MIN_HEIGHT = 200,
    DARK = 112, /* lightness of 255: below is 0, above BRIGHT is 1, between is no code */
    BRIGHT = 150,
    TINT = 40 /* how far red and blue must be apart for a picture to count as coloured */
};

/* The eight ways a picture can lie; the first is upright. */
static const struct lie {
    bool transpose, flip_x, flip_y;
    const char *words;
} lies[] = {
    {false, false, false, "upright"},
    {true, true, false, "turned a quarter to the right"},
    {false, true, true, "upside down"},
    {true, false, true, "turned a quarter to the left"},
    {false, true, false, "mirrored"},
    {false, false, true, "upside down and mirrored"},
    {true, false, false, "mirrored and turned a quarter to the left"},
    {true, true, true, "mirrored and turned a quarter to the right"},
};

struct view {
    const unsigned char *rgb;
    int width, height; /* as stored */
    struct lie lie;
};

uint32_t code_number(uint64_t seed, uint32_t index)
{
    struct random r = random_init(seed, RANDOM_DISTRICT, 1);
    uint32_t step = (uint32_t)random_next(&r) | 1, start = (uint32_t)random_next(&r);

    return (start + index * step) & ((1u << CODE_BITS) - 1);
}

static uint32_t checksum(uint32_t number)
{
    return ((number ^ 0x5A5A5u) * 2654435761u) >> (32 - CHECK_BITS);
}

/* Bit of a cell; cells count from the top left corner to the right, then down the left edge. */
static bool cell_bit(uint32_t number, int cell)
{
    uint32_t bits = number << CHECK_BITS | checksum(number);

    if (cell == 0 || cell == CELLS - 1)
        return true;
    if (cell == CODE_ACROSS - 1)
        return false;
    return bits >> (cell < CODE_ACROSS ? 32 - cell : 33 - cell) & 1;
}

enum err code_draw(struct buf *svg, uint32_t number, double width, double height)
{
    double w = width / CODE_ACROSS, h = height / CODE_DOWN;

    for (int cell = 0; cell < CELLS; cell++) {
        int across = cell < CODE_ACROSS ? cell : 0, down = cell < CODE_ACROSS ? 0 : cell - CODE_ACROSS + 1;

        TRY(buf_printf(svg,
                       "<rect x='%.2f' y='%.2f' width='%.2f' height='%.2f' fill='%s' "
                       "shape-rendering='crispEdges'/>\n",
                       across * w, down * h, w, h, cell_bit(number, cell) ? "#eec64a" : "#2a3f8f"));
    }
    return OK;
}

static const unsigned char *view_pixel(const struct view *v, int x, int y)
{
    int stored_x = v->lie.transpose ? y : x, stored_y = v->lie.transpose ? x : y;

    if (v->lie.flip_x)
        stored_x = v->width - 1 - stored_x;
    if (v->lie.flip_y)
        stored_y = v->height - 1 - stored_y;
    return v->rgb + 3 * ((size_t)stored_y * (size_t)v->width + (size_t)stored_x);
}

/* Mean colour of the middle of a cell, as the eye of the given view sees it. */
static void mean_of_cell(double mean[static 3], const struct view *v, int across, int down)
{
    int width = v->lie.transpose ? v->height : v->width, height = v->lie.transpose ? v->width : v->height;
    double w = (double)width / CODE_ACROSS, h = (double)height / CODE_DOWN;
    int left = (int)((across + 0.25) * w), right = (int)((across + 0.75) * w);
    int top = (int)((down + 0.25) * h), bottom = (int)((down + 0.75) * h);
    long sum[3] = {0};

    for (int y = top; y <= bottom; y++)
        for (int x = left; x <= right; x++)
            for (int band = 0; band < 3; band++)
                sum[band] += view_pixel(v, x, y)[band];
    for (int band = 0; band < 3; band++)
        mean[band] = (double)sum[band] / ((double)(right - left + 1) * (bottom - top + 1));
}

/* Expected: ERR_MALFORMED. */
static enum err read_view(uint32_t *number, bool *exchanged, const struct view *v)
{
    bool cells[CELLS];
    uint32_t bits = 0;
    int wrong_tint = 0;

    for (int cell = 0; cell < CELLS; cell++) {
        double mean[3], light;

        mean_of_cell(mean, v, cell < CODE_ACROSS ? cell : 0, cell < CODE_ACROSS ? 0 : cell - CODE_ACROSS + 1);
        light = 0.299 * mean[0] + 0.587 * mean[1] + 0.114 * mean[2];
        if (light >= DARK && light <= BRIGHT)
            return ERR_MALFORMED;
        cells[cell] = light > BRIGHT;
        wrong_tint += (cells[cell] ? mean[2] - mean[0] : mean[0] - mean[2]) > TINT;
        if (cell != 0 && cell != CODE_ACROSS - 1 && cell != CELLS - 1)
            bits = bits << 1 | cells[cell];
    }
    *number = bits >> CHECK_BITS;
    for (int cell = 0; cell < CELLS; cell++)
        if (cells[cell] != cell_bit(*number, cell))
            return ERR_MALFORMED;
    *exchanged = wrong_tint > 0;
    return OK;
}

enum err code_read(uint32_t *number, char why[static CODE_WHY], const unsigned char *rgb, int width,
                   int height)
{
    if ((width < height ? width : height) < MIN_WIDTH || (width > height ? width : height) < MIN_HEIGHT) {
        snprintf(why, CODE_WHY, "the picture is too small to show a code (%dx%d)", width, height);
        return ERR_MALFORMED;
    }
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct view v = {rgb, width, height, lies[i]};
        bool exchanged;
        uint32_t found;

        if (read_view(&found, &exchanged, &v))
            continue;
        if (i == 0 && !exchanged) {
            *number = found;
            return OK;
        }
        snprintf(why, CODE_WHY, "the picture shows code %u but %s%s", found,
                 i == 0 ? "its colours are exchanged" : "is not upright: it is ",
                 i == 0 ? "" : lies[i].words);
        return ERR_MALFORMED;
    }
    snprintf(why, CODE_WHY, "the picture shows no code");
    return ERR_MALFORMED;
}
