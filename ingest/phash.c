#include "ingest/phash.h"

#include <stdlib.h>
#include <string.h>

#define CELLS 64 /* a side */
#define BANDS 3
#define WAVES 16 /* kept of the transform, each way, without the constant ones */

/*
 * The mean square of the cells' second differences under which there is
 * nothing to see: 0 for an even colour or a ramp, under 1 for a backdrop lit
 * from white to black, 3 for the grain of a small picture; 13 and more for a
 * portrait printed at a quarter of its contrast, hundreds for most.
 */
#define DETAIL_MIN 5

struct cells {
    int of[BANDS][CELLS][CELLS]; /* mean values */
};

struct span {
    size_t begin, end;
};

/* The pixels of the i-th cell of a side; at least one, also where there are fewer pixels than cells. */
static struct span span(size_t i, size_t side)
{
    struct span s = {i * side / CELLS, (i + 1) * side / CELLS};

    if (s.end == s.begin)
        s.end++;
    return s;
}

static void average(struct cells *c, size_t row, size_t column, const struct pixels *p)
{
    struct span y = span(row, p->height), x = span(column, p->width);
    size_t count = (y.end - y.begin) * (x.end - x.begin);
    uint64_t sums[BANDS] = {0};

    for (size_t line = y.begin; line < y.end; line++) {
        const unsigned char *at = p->bytes + (line * p->width + x.begin) * BANDS;

        for (size_t i = x.begin; i < x.end; i++, at += BANDS) {
            sums[0] += at[0];
            sums[1] += at[1];
            sums[2] += at[2];
        }
    }
    for (size_t band = 0; band < BANDS; band++)
        c->of[band][row][column] = (int)((sums[band] + count / 2) / count);
}

static bool is_flat(const struct cells *c)
{
    int64_t squares = 0;
    int64_t count = (int64_t)2 * BANDS * CELLS * (CELLS - 2);

    for (size_t band = 0; band < BANDS; band++)
        for (size_t i = 0; i < CELLS; i++)
            for (size_t j = 1; j < CELLS - 1; j++) {
                const int(*cell)[CELLS] = c->of[band];
                int across = cell[i][j - 1] - 2 * cell[i][j] + cell[i][j + 1];
                int down = cell[j - 1][i] - 2 * cell[j][i] + cell[j + 1][i];

                squares += (int64_t)across * across + (int64_t)down * down;
            }
    return squares < DETAIL_MIN * count;
}

/* cos(pi * k / 128) in units of 1/4096. */
static int cosine(unsigned k)
{
    static const int quarter[CELLS + 1] = {
        4096, 4095, 4091, 4085, 4076, 4065, 4052, 4036, 4017, 3996, 3973, 3948, 3920, 3889, 3857, 3822, 3784,
        3745, 3703, 3659, 3612, 3564, 3513, 3461, 3406, 3349, 3290, 3229, 3166, 3102, 3035, 2967, 2896, 2824,
        2751, 2675, 2598, 2520, 2440, 2359, 2276, 2191, 2106, 2019, 1931, 1842, 1751, 1660, 1567, 1474, 1380,
        1285, 1189, 1092, 995,  897,  799,  700,  601,  501,  401,  301,  201,  101,  0};

    k %= 4 * CELLS;
    if (k > 2 * CELLS)
        k = 4 * CELLS - k;
    return k > CELLS ? -quarter[2 * CELLS - k] : quarter[k];
}

static int luma(const struct cells *c, size_t row, size_t column)
{
    return (299 * c->of[0][row][column] + 587 * c->of[1][row][column] + 114 * c->of[2][row][column]) / 10;
}

/* The slowest waves of the luma, across and down (a two-dimensional DCT-II). */
static void transform(int64_t out[static WAVES * WAVES], const struct cells *c)
{
    int waves[WAVES][CELLS], across[CELLS][WAVES] = {{0}};

    for (unsigned u = 0; u < WAVES; u++)
        for (unsigned x = 0; x < CELLS; x++)
            waves[u][x] = cosine((2 * x + 1) * (u + 1));
    for (unsigned row = 0; row < CELLS; row++)
        for (unsigned x = 0; x < CELLS; x++) {
            int light = luma(c, row, x);

            for (unsigned u = 0; u < WAVES; u++)
                across[row][u] += light * waves[u][x] / 4096;
        }
    for (unsigned v = 0; v < WAVES; v++)
        for (unsigned u = 0; u < WAVES; u++)
            for (unsigned y = 0; y < CELLS; y++)
                out[v * WAVES + u] += (int64_t)across[y][u] * waves[v][y];
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* A bit for each wave that is stronger than the middle one, the first wave's foremost. */
static void threshold(struct phash *out, const int64_t waves[static WAVES * WAVES])
{
    int64_t sorted[WAVES * WAVES];

    memcpy(sorted, waves, sizeof sorted);
    qsort(sorted, WAVES * WAVES, sizeof sorted[0], compare);
    for (size_t i = 0; i < WAVES * WAVES; i++)
        if (waves[i] > sorted[WAVES * WAVES / 2 - 1])
            out->bits[i / 8] |= (unsigned char)(0x80u >> i % 8);
}

struct phash phash_of(const struct pixels *p)
{
    struct phash out = {0};
    struct cells cells;
    int64_t waves[WAVES * WAVES] = {0};

    for (size_t row = 0; row < CELLS; row++)
        for (size_t column = 0; column < CELLS; column++)
            average(&cells, row, column, p);
    transform(waves, &cells);
    threshold(&out, waves);
    out.is_flat = is_flat(&cells);
    return out;
}
