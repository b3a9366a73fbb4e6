#include <math.h>
#include <stddef.h>
#include "tests/tools/demo_hair.h"

/*
 * Hair is drawn around a face of half width w and half height h centred on
 * 0,0.  Most styles share one cap: an arch over the skull whose lower edge,
 * the hairline, is what tells them apart.
 */

#define PI 3.14159265358979323846

static double half_width(const struct portrait *p)
{
    return p->face_w;
}

static double half_height(const struct portrait *p)
{
    return p->face_h;
}

/* The arch from temple to temple, standing `over` units off the skull; the caller draws the hairline back. */
static enum err arch(struct buf *svg, const struct portrait *p, double over, double down)
{
    double w = half_width(p) + over * 0.6, top = -(half_height(p) + over) * 1.32;

    return buf_printf(svg, "<path fill='url(#hair)' d='M%.0f %.0f C%.0f %.0f %.0f %.0f %.0f %.0f ", -w, down,
                      -w * 1.12, top, w * 1.12, top, w, down);
}

static enum err strand(struct buf *svg, const struct portrait *p, double x0, double y0, double bend,
                       double x1, double y1)
{
    return buf_printf(svg,
                      "<path d='M%.0f %.0f Q%.0f %.0f %.0f %.0f' fill='none' stroke='%s' stroke-width='5' "
                      "stroke-linecap='round' opacity='.45'/>\n",
                      x0, y0, (x0 + x1) / 2 + bend, (y0 + y1) / 2, x1, y1, p->hair->light);
}

static enum err tuft(struct buf *svg, const struct portrait *p, double x, double y, double r, bool lit)
{
    return buf_printf(svg, "<circle cx='%.0f' cy='%.0f' r='%.0f' fill='%s'/>\n", x, y, r,
                      lit ? p->hair->base : p->hair->dark);
}

static enum err nothing(struct buf *svg, const struct portrait *p)
{
    (void)svg;
    (void)p;
    return OK;
}

static enum err shaven(struct buf *svg, const struct portrait *p)
{
    double w = half_width(p), h = half_height(p);

    TRY(arch(svg, p, 6, -h * 0.18));
    return buf_printf(svg, "L%.0f %.0f C%.0f %.0f %.0f %.0f %.0f %.0f C%.0f %.0f %.0f %.0f %.0f %.0f Z'/>\n",
                      w * 0.86, -h * 0.3, w * 0.8, -h * 0.62, w * 0.5, -h * 0.7, 0.0, -h * 0.68, -w * 0.5,
                      -h * 0.7, -w * 0.8, -h * 0.62, -w * 0.86, -h * 0.3);
}

static enum err side_part(struct buf *svg, const struct portrait *p)
{
    double w = half_width(p), h = half_height(p);

    TRY(arch(svg, p, 30, -h * 0.05));
    TRY(buf_printf(svg,
                   "L%.0f %.0f C%.0f %.0f %.0f %.0f %.0f %.0f C%.0f %.0f %.0f %.0f %.0f %.0f "
                   "C%.0f %.0f %.0f %.0f %.0f %.0f Z'/>\n",
                   w * 0.9, -h * 0.2, w * 0.9, -h * 0.5, w * 0.75, -h * 0.62, w * 0.5, -h * 0.72, w * 0.1,
                   -h * 0.4, -w * 0.5, -h * 0.5, -w * 0.75, -h * 0.45, -w * 0.86, -h * 0.4, -w * 0.9,
                   -h * 0.3, -w * 0.92, -h * 0.15));
    TRY(strand(svg, p, w * 0.45, -h * 0.8, -30, -w * 0.6, -h * 0.68));
    return strand(svg, p, w * 0.35, -h * 0.95, -40, -w * 0.7, -h * 0.85);
}

static enum err spikes(struct buf *svg, const struct portrait *p)
{
    double w = half_width(p), h = half_height(p);
    enum { COUNT = 9 };

    TRY(shaven(svg, p));
    TRY(buf_printf(svg, "<path fill='url(#hair)' d='M%.0f %.0f ", -w * 0.92, -h * 0.42));
    for (int i = 0; i <= COUNT; i++) {
        double a = PI * (1.0 - (i + 0.5) / (COUNT + 1.0)), b = PI * (1.0 - (i + 1.0) / (COUNT + 1.0));
        double far = 1.22 + 0.08 * (i % 3), near = 1.02;

        TRY(buf_printf(svg, "L%.0f %.0f L%.0f %.0f ", w * far * cos(a), -h * 0.1 - h * far * 0.9 * sin(a),
                       w * near * cos(b), -h * 0.1 - h * near * 0.86 * sin(b)));
    }
    return buf_printf(svg, "L%.0f %.0f Q0 %.0f %.0f %.0f Z'/>\n", w * 0.92, -h * 0.42, -h * 0.86, -w * 0.92,
                      -h * 0.42);
}

static enum err bowl(struct buf *svg, const struct portrait *p)
{
    double w = half_width(p), h = half_height(p);

    TRY(arch(svg, p, 28, h * 0.05));
    TRY(buf_printf(svg, "L%.0f %.0f C%.0f %.0f %.0f %.0f %.0f %.0f Q0 %.0f %.0f %.0f L%.0f %.0f Z'/>\n",
                   w * 0.9, h * 0.05, w * 0.92, -h * 0.2, w * 0.86, -h * 0.32, w * 0.8, -h * 0.36, -h * 0.44,
                   -w * 0.8, -h * 0.36, -w * 0.9, h * 0.05));
    for (int i = -3; i <= 3; i++)
        TRY(strand(svg, p, i * w * 0.16, -h * 1.02, i * 8, i * w * 0.24, -h * 0.48));
    return OK;
}

static enum err curls(struct buf *svg, const struct portrait *p)
{
    double w = half_width(p), h = half_height(p);

    for (int row = 0; row < 3; row++)
        for (int i = 0; i <= 9; i++) {
            double a = PI * (-0.06 + 1.12 * i / 9.0), r = 1.1 - 0.15 * row;
            double x = w * r * cos(a) * 1.02, y = -h * 0.06 - h * r * sin(a) * 0.94;

            if (y < -h * 0.38 || row == 0)
                TRY(tuft(svg, p, x, y, 34 - 3 * row, (i + row) % 2));
        }
    return OK;
}

static enum err afro_behind(struct buf *svg, const struct portrait *p)
{
    double w = half_width(p), h = half_height(p);

    TRY(buf_printf(svg, "<ellipse cx='0' cy='%.0f' rx='%.0f' ry='%.0f' fill='url(#hair)'/>\n", -h * 0.42,
                   w * 1.62, h * 1.12));
    for (int i = 0; i <= 16; i++) {
        double a = PI * (-0.22 + 1.44 * i / 16.0);

        TRY(tuft(svg, p, w * 1.55 * cos(a), -h * 0.42 - h * 1.06 * sin(a), 30, i % 2));
    }
    return OK;
}

static enum err afro(struct buf *svg, const struct portrait *p)
{
    double w = half_width(p), h = half_height(p);

    TRY(shaven(svg, p));
    for (int i = 0; i <= 6; i++) {
        double a = PI * (0.14 + 0.72 * i / 6.0);

        TRY(tuft(svg, p, w * 0.86 * cos(a), -h * 0.1 - h * 0.72 * sin(a), 26, i % 2));
    }
    return OK;
}

/* A curtain behind the head down to y, `flare` wider than the face. */
static enum err curtain(struct buf *svg, const struct portrait *p, double y, double flare)
{
    double w = half_width(p) + 34, h = half_height(p);

    return buf_printf(svg,
                      "<path fill='%s' d='M%.0f 0 C%.0f %.0f %.0f %.0f %.0f 0 C%.0f %.0f %.0f %.0f %.0f %.0f "
                      "Q0 %.0f %.0f %.0f C%.0f %.0f %.0f %.0f %.0f 0 Z'/>\n",
                      p->hair->dark, -w, -w * 1.1, -h * 1.5, w * 1.1, -h * 1.5, w, w + 10, y * 0.4, w + flare,
                      y * 0.7, w + flare * 0.5, y, y + 24, -w - flare * 0.5, y, -w - flare, y * 0.7, -w - 10,
                      y * 0.4, -w);
}

static enum err long_behind(struct buf *svg, const struct portrait *p)
{
    return curtain(svg, p, half_height(p) + 170, 26);
}

static enum err bob_behind(struct buf *svg, const struct portrait *p)
{
    return curtain(svg, p, half_height(p) * 0.86, 34);
}

static enum err shag_behind(struct buf *svg, const struct portrait *p)
{
    return curtain(svg, p, half_height(p) * 0.5, 12);
}

static enum err waves_behind(struct buf *svg, const struct portrait *p)
{
    double w = half_width(p) + 20, h = half_height(p);

    TRY(curtain(svg, p, h + 90, 20));
    for (int i = 0; i < 8; i++) {
        double y = -h * 0.5 + i * (h * 1.5 + 110) / 7, x = w + 14 + 16 * (i % 2) + 3 * i;

        TRY(tuft(svg, p, -x, y, 36, i % 2));
        TRY(tuft(svg, p, x, y, 36, i % 2));
    }
    return OK;
}

/* Parted in the middle (at = 0) or to a side (-1 to 1), falling along both cheeks down to y. */
static enum err parted(struct buf *svg, const struct portrait *p, double at, double y)
{
    double w = half_width(p), h = half_height(p), x = at * w * 0.5;

    TRY(arch(svg, p, 30, y));
    TRY(buf_printf(
        svg, "L%.0f %.0f C%.0f %.0f %.0f %.0f %.0f %.0f C%.0f %.0f %.0f %.0f %.0f %.0f L%.0f %.0f Z'/>\n",
        w * 0.93, y, w * 1.02, -h * 0.35, w * 0.55 + x * 0.4, -h * 0.55, x, -h * 0.86, -w * 0.55 + x * 0.4,
        -h * 0.55, -w * 1.02, -h * 0.35, -w * 0.93, y, -w * 1.05, y));
    TRY(strand(svg, p, x + 8, -h * 0.95, 40, w * 0.93, -h * 0.35));
    return strand(svg, p, x - 8, -h * 0.95, -40, -w * 0.93, -h * 0.35);
}

static enum err middle_part(struct buf *svg, const struct portrait *p)
{
    return parted(svg, p, 0, half_height(p) * 0.25);
}

static enum err long_side(struct buf *svg, const struct portrait *p)
{
    return parted(svg, p, 0.8, half_height(p) * 0.35);
}

static enum err swept(struct buf *svg, const struct portrait *p)
{
    return parted(svg, p, -0.9, -half_height(p) * 0.05);
}

/* All hair drawn back: only the arch over the forehead is seen. */
static enum err drawn_back(struct buf *svg, const struct portrait *p)
{
    double w = half_width(p), h = half_height(p);

    TRY(arch(svg, p, 16, -h * 0.02));
    TRY(buf_printf(svg, "C%.0f %.0f %.0f %.0f 0 %.0f C%.0f %.0f %.0f %.0f %.0f %.0f Z'/>\n", w * 0.9,
                   -h * 0.5, w * 0.5, -h * 0.74, -h * 0.76, -w * 0.5, -h * 0.74, -w * 0.9, -h * 0.5,
                   -half_width(p) - 10, -h * 0.02));
    for (int i = -2; i <= 2; i++)
        TRY(strand(svg, p, i * w * 0.3, -h * 0.8, 0, i * w * 0.2, -h * 1.0));
    return OK;
}

static enum err tail_behind(struct buf *svg, const struct portrait *p)
{
    double w = half_width(p), h = half_height(p);

    return buf_printf(
        svg,
        "<path fill='%s' d='M%.0f %.0f C%.0f %.0f %.0f %.0f %.0f %.0f C%.0f %.0f %.0f %.0f %.0f %.0f "
        "Z'/>\n<circle cx='%.0f' cy='%.0f' r='17' fill='%s'/>\n",
        p->hair->dark, w * 0.3, -h * 1.05, w * 1.5, -h * 1.5, w * 2.1, -h * 0.2, w * 1.55, h * 0.85, w * 1.5,
        h * 0.2, w * 1.2, -h * 0.5, w * 0.55, -h * 0.7, w * 0.62, -h * 1.02, p->trim);
}

static enum err bun_behind(struct buf *svg, const struct portrait *p)
{
    double h = half_height(p);

    TRY(buf_printf(svg, "<circle cx='0' cy='%.0f' r='62' fill='%s'/>\n", -h * 1.28, p->hair->dark));
    return buf_printf(svg,
                      "<path d='M-40 %.0f q40 -34 80 0 M-30 %.0f q30 -26 60 0' fill='none' stroke='%s' "
                      "stroke-width='6' opacity='.5'/>\n",
                      -h * 1.28, -h * 1.18, p->hair->light);
}

static enum err puffs_behind(struct buf *svg, const struct portrait *p)
{
    double w = half_width(p), h = half_height(p);

    for (int side = -1; side <= 1; side += 2) {
        for (int i = 0; i < 7; i++)
            TRY(tuft(svg, p, side * w * 1.06 + 42 * cos(i * PI / 3.5), -h * 0.92 + 42 * sin(i * PI / 3.5), 32,
                     i % 2));
        TRY(tuft(svg, p, side * w * 1.06, -h * 0.92, 44, true));
    }
    return OK;
}

/* Two braids that fall before the shoulders. */
static enum err braids(struct buf *svg, const struct portrait *p)
{
    double w = half_width(p), h = half_height(p);

    TRY(middle_part(svg, p));
    for (int side = -1; side <= 1; side += 2) {
        for (int i = 0; i < 9; i++)
            TRY(buf_printf(svg,
                           "<ellipse cx='%.0f' cy='%.0f' rx='29' ry='21' fill='%s' "
                           "transform='rotate(%d %.0f %.0f)'/>\n",
                           side * (w + 8 + i), h * 0.2 + i * 31.0, i % 2 ? p->hair->base : p->hair->dark,
                           side * (i % 2 ? 28 : -28), side * (w + 8 + i), h * 0.2 + i * 31.0));
        TRY(buf_printf(svg, "<rect x='%.0f' y='%.0f' width='44' height='20' rx='8' fill='%s'/>\n",
                       side * (w + 16) - 22, h * 0.2 + 266, p->trim));
    }
    return OK;
}

const struct hair_style hair_styles[] = {
    {"shaven", 0, 3, nothing, shaven},
    {"side part", 1, 4, nothing, side_part},
    {"spikes", 0, 3, nothing, spikes},
    {"bowl", 1, 3, nothing, bowl},
    {"curls", 2, 3, nothing, curls},
    {"afro", 2, 2, afro_behind, afro},
    {"shag", 1, 2, shag_behind, swept},
    {"long, parted", 4, 1, long_behind, middle_part},
    {"long, to a side", 3, 0, long_behind, long_side},
    {"bob with fringe", 3, 0, bob_behind, bowl},
    {"bob", 2, 1, bob_behind, swept},
    {"waves", 4, 0, waves_behind, long_side},
    {"braids", 3, 2, bob_behind, braids},
    {"horse tail", 3, 0, tail_behind, drawn_back},
    {"bun", 2, 1, bun_behind, drawn_back},
    {"puffs", 2, 0, puffs_behind, drawn_back},
    {NULL, 0, 0, NULL, NULL},
};
