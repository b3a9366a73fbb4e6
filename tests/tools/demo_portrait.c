#include <stddef.h>
#include "tests/tools/demo_code.h"
#include "tests/tools/demo_hair.h"
#include "tests/tools/demo_portrait.h"
#include "tests/tools/demo_random.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { CANVAS = 800, GLASSES = 5, CLOTHES = 6, NOSES = 3, MOUTHS = 4 };

static const struct skin skins[] = {
    {"#f6d3bd", "#fde6d6", "#dba98e", "#c9656b"}, {"#efc3a4", "#f9dcc4", "#cf9a78", "#bd5c5c"},
    {"#e3b08a", "#f1cba9", "#bd8560", "#ad5450"}, {"#d09a6e", "#e3b68e", "#a8744c", "#9c4b44"},
    {"#b98058", "#d09c74", "#905e3c", "#8c4038"}, {"#9a6743", "#b5835c", "#744a2d", "#7a3833"},
    {"#7c4f33", "#98694a", "#5a3721", "#6d322f"}, {"#5f3b28", "#7c543d", "#422718", "#5d2a2a"},
};
static const struct hair_colour hairs[] = {
    {"#221d20", "#141114", "#5a5058"}, {"#3a2a22", "#261a15", "#7a5e4c"}, {"#55392a", "#3b261b", "#94705a"},
    {"#7a5436", "#583a23", "#b38c66"}, {"#8e4a2a", "#66321b", "#cf8058"}, {"#c2662f", "#95491d", "#eba06a"},
    {"#c99d58", "#a07a3d", "#ecd095"}, {"#e6cf98", "#c0a569", "#fbf0cf"}, {"#3f6f9e", "#2a4d72", "#86b0d8"},
    {"#a2497f", "#763059", "#d88cb8"},
};
static const char *const eyes[] = {"#5b3a22", "#3b2718", "#3d6b8f", "#5d7f4e", "#7b7f86", "#8a6a32"};
static const char *const cloths[] = {"#c8403c", "#2f6fb3", "#2f8a5b", "#e08a2c", "#7a4fa0",
                                     "#d9668f", "#2b3a55", "#5e6b73", "#efe7d8", "#1f8f96",
                                     "#8a2f3f", "#b9b23a", "#30302f", "#86b6dc"};
static const char *const trims[] = {"#ffffff", "#f4c430", "#1f2a44", "#e4572e", "#3fa796", "#d7d2cb"};
/* Inner and outer tone of the cloth behind the child. */
static const char *const backdrops[][2] = {
    {"#cfdde8", "#8fa9bd"}, {"#e4ddd2", "#b1a391"}, {"#d3e2d2", "#91ac92"}, {"#ddd3e6", "#a596b8"},
    {"#e9d7cf", "#bd9b8d"}, {"#b8c2cc", "#6d7b89"}, {"#cbe3e3", "#83b0b2"}, {"#efe9dc", "#c9bea5"},
};

static const struct hair_style *choose_style(struct random *r, bool girl)
{
    const struct hair_style *style = hair_styles;
    int all = 0, at;

    for (const struct hair_style *s = hair_styles; s->name; s++)
        all += girl ? s->girls : s->boys;
    at = random_between(r, 0, all - 1);
    while ((at -= girl ? style->girls : style->boys) >= 0)
        style++;
    return style;
}

void portrait_choose(struct portrait *out, uint64_t seed, uint32_t index, int grade, bool girl)
{
    struct random r = random_init(seed, RANDOM_PORTRAIT, index);
    int skin = random_between(&r, 0, COUNT(skins) - 1);
    /* Dyed hair from the seventh grade on, and seldom; fair hair goes with fair skin. */
    int hair = grade >= 7 && random_chance(&r, 7)
                   ? random_between(&r, 8, 9)
                   : random_between(&r, 0, skin <= 2 ? 7 : (skin <= 4 ? 4 : 2));

    *out = (struct portrait){
        .code = code_number(seed, index),
        .skin = &skins[skin],
        .hair = &hairs[hair],
        .style = choose_style(&r, girl),
        .eye = eyes[skin <= 3 ? random_below(&r, COUNT(eyes)) : random_below(&r, 2)],
        .cloth = cloths[random_below(&r, COUNT(cloths))],
        .trim = trims[random_below(&r, COUNT(trims))],
        .backdrop = random_between(&r, 0, COUNT(backdrops) - 1),
        .clothes = random_between(&r, 0, CLOTHES - 1),
        .glasses = random_chance(&r, 30) ? random_between(&r, 1, GLASSES - 1) : 0,
        .nose = random_between(&r, 0, NOSES - 1),
        .mouth = random_between(&r, 0, MOUTHS - 1),
        .face_w = random_between(&r, 112, 138),
        .face_h = random_between(&r, 142, 160) + grade * 2,
        .jaw = random_between(&r, 42, 74),
        .chin = random_between(&r, 34, 66),
        .eye_gap = random_between(&r, 40, 47),
        .eye_h = random_between(&r, 13, 17) + (12 - grade) / 4,
        .brow_w = random_between(&r, 5, 9) + grade / 6,
        .brow_tilt = random_between(&r, -7, 9),
        .shift = random_between(&r, -22, 22),
        .tilt = random_between(&r, -4, 4),
        .scale = random_between(&r, 116, 126) + grade / 2,
        .blush = random_between(&r, 8, 34),
        .freckles = skin <= 3 && random_chance(&r, 22),
        .earrings = girl && random_chance(&r, 35),
        .girl = girl,
    };
}

static enum err draw_paints(struct buf *svg, const struct portrait *p)
{
    const char *const *back = backdrops[p->backdrop];

    TRY(buf_printf(
        svg,
        "<defs><radialGradient id='back' cx='.5' cy='.42' r='.75'><stop offset='0' stop-color='%s'/>"
        "<stop offset='1' stop-color='%s'/></radialGradient>\n",
        back[0], back[1]));
    TRY(buf_printf(
        svg,
        "<radialGradient id='face' cx='.42' cy='.38' r='.72'><stop offset='0' stop-color='%s'/>"
        "<stop offset='.55' stop-color='%s'/><stop offset='1' stop-color='%s'/></radialGradient>\n",
        p->skin->light, p->skin->base, p->skin->shade));
    TRY(buf_printf(
        svg,
        "<linearGradient id='hair' x1='.2' y1='0' x2='.8' y2='1'><stop offset='0' stop-color='%s'/>"
        "<stop offset='.3' stop-color='%s'/><stop offset='1' stop-color='%s'/></linearGradient>\n",
        p->hair->light, p->hair->base, p->hair->dark));
    return buf_printf(
        svg, "<linearGradient id='fold' x1='0' y1='0' x2='1' y2='0'><stop offset='0' stop-color='#000' "
             "stop-opacity='.34'/><stop offset='.4' stop-color='#fff' stop-opacity='.12'/>"
             "<stop offset='1' stop-color='#000' stop-opacity='.3'/></linearGradient></defs>\n");
}

/* The garment over the shoulders; `neck` is the height of its opening below the face's centre. */
static enum err draw_garment(struct buf *svg, const struct portrait *p, const char *fill, double neck)
{
    double w = p->face_w, shoulder = w * 2.25;

    return buf_printf(svg,
                      "<path fill='%s' d='M%.0f 900 C%.0f %.0f %.0f %.0f %.0f %.0f Q0 %.0f %.0f %.0f "
                      "C%.0f %.0f %.0f %.0f %.0f 900 Z'/>\n",
                      fill, -shoulder, -shoulder * 0.98, neck + 80, -w * 1.15, neck + 34, -w * 0.62, neck - 6,
                      neck + 66, w * 0.62, neck - 6, w * 1.15, neck + 34, shoulder * 0.98, neck + 80,
                      shoulder);
}

static enum err draw_clothes(struct buf *svg, const struct portrait *p)
{
    double w = p->face_w, neck = p->face_h + 52;

    TRY(draw_garment(svg, p, p->cloth, neck));
    switch (p->clothes) {
    case 0: /* T-shirt with a rib at the neck */
        TRY(buf_printf(svg,
                       "<path d='M%.0f %.0f Q0 %.0f %.0f %.0f' fill='none' stroke='%s' stroke-width='16'/>\n",
                       -w * 0.64, neck - 4, neck + 72, w * 0.64, neck - 4, p->trim));
        break;
    case 1: /* hood and its strings */
        TRY(buf_printf(svg,
                       "<path d='M%.0f %.0f C%.0f %.0f %.0f %.0f 0 %.0f C%.0f %.0f %.0f %.0f %.0f %.0f' "
                       "fill='none' stroke='%s' stroke-width='46' stroke-linecap='round'/>\n",
                       -w * 0.78, neck - 18, -w * 0.8, neck + 70, -w * 0.2, neck + 90, neck + 92, w * 0.2,
                       neck + 90, w * 0.8, neck + 70, w * 0.78, neck - 18, p->cloth));
        TRY(buf_printf(svg,
                       "<path d='M-34 %.0f v110 M34 %.0f v120' stroke='%s' stroke-width='8' "
                       "stroke-linecap='round'/>\n",
                       neck + 100, neck + 100, p->trim));
        break;
    case 2: /* collar */
        TRY(buf_printf(svg,
                       "<path d='M%.0f %.0f L0 %.0f L%.0f %.0f L%.0f %.0f L0 %.0f L%.0f %.0f Z' fill='%s' "
                       "stroke='#0003' stroke-width='3'/>\n",
                       -w * 0.66, neck - 24, neck + 56, w * 0.66, neck - 24, w * 0.95, neck + 60, neck + 62,
                       -w * 0.95, neck + 60, p->trim));
        for (int i = 0; i < 4; i++)
            TRY(buf_printf(svg, "<circle cx='0' cy='%.0f' r='7' fill='%s'/>\n", neck + 100 + 62.0 * i,
                           p->trim));
        break;
    case 3: /* V-neck over a shirt */
        TRY(buf_printf(svg, "<path d='M%.0f %.0f L0 %.0f L%.0f %.0f Z' fill='%s'/>\n", -w * 0.62, neck - 8,
                       neck + 140, w * 0.62, neck - 8, p->trim));
        break;
    case 4: /* stripes across */
        for (int i = 0; i < 5; i++)
            TRY(buf_printf(svg,
                           "<path d='M%.0f %.0f Q0 %.0f %.0f %.0f' fill='none' stroke='%s' "
                           "stroke-width='22'/>\n",
                           -w * (1.3 + 0.2 * i), neck + 76 + 58.0 * i, neck + 116 + 58.0 * i,
                           w * (1.3 + 0.2 * i), neck + 76 + 58.0 * i, p->trim));
        break;
    default: /* dungarees */
        TRY(buf_printf(svg,
                       "<path d='M%.0f %.0f L%.0f 900 M%.0f %.0f L%.0f 900' stroke='%s' stroke-width='44'/>"
                       "<rect x='%.0f' y='%.0f' width='%.0f' height='400' rx='18' fill='%s'/>\n",
                       -w, neck + 36, -w * 0.8, w, neck + 36, w * 0.8, p->trim, -w * 0.98, neck + 170,
                       w * 1.96, p->trim));
    }
    return draw_garment(svg, p, "url(#fold)", neck);
}

static enum err draw_neck_and_ears(struct buf *svg, const struct portrait *p)
{
    double w = p->face_w, h = p->face_h;

    TRY(buf_printf(svg,
                   "<path d='M%.0f %.0f L%.0f %.0f Q0 %.0f %.0f %.0f L%.0f %.0f Z' fill='%s'/>"
                   "<path d='M%.0f %.0f Q0 %.0f %.0f %.0f L%.0f %.0f Q0 %.0f %.0f %.0f Z' fill='%s' "
                   "opacity='.75'/>\n",
                   -w * 0.5, h * 0.4, -w * 0.62, h + 56, h + 130, w * 0.62, h + 56, w * 0.5, h * 0.4,
                   p->skin->base, -w * 0.52, h * 0.7, h * 1.25, w * 0.52, h * 0.7, w * 0.54, h * 0.98,
                   h * 1.42, -w * 0.54, h * 0.98, p->skin->shade));
    for (int side = -1; side <= 1; side += 2) {
        double x = side * (w + 3);

        TRY(buf_printf(svg,
                       "<ellipse cx='%.0f' cy='14' rx='20' ry='34' fill='%s'/>"
                       "<ellipse cx='%.0f' cy='16' rx='10' ry='20' fill='%s'/>\n",
                       x, p->skin->base, x, p->skin->shade));
        if (p->earrings)
            TRY(buf_printf(svg, "<circle cx='%.0f' cy='54' r='9' fill='%s'/>\n", x, p->trim));
    }
    return OK;
}

static enum err draw_face(struct buf *svg, const struct portrait *p)
{
    double w = p->face_w, h = p->face_h, jaw = h * p->jaw / 100, chin = w * p->chin / 100;

    TRY(buf_printf(
        svg,
        "<path d='M%.0f 0 C%.0f %.0f %.0f %.0f %.0f 0 C%.0f %.0f %.0f %.0f 0 %.0f C%.0f %.0f %.0f %.0f "
        "%.0f 0 Z' fill='url(#face)'/>\n",
        -w, -w, -h * 1.33, w, -h * 1.33, w, w, jaw, chin, h, h, -chin, h, -w, jaw, -w));
    for (int side = -1; side <= 1; side += 2)
        TRY(buf_printf(svg, "<ellipse cx='%.0f' cy='%.0f' rx='%.0f' ry='24' fill='%s' opacity='.%02d'/>\n",
                       side * w * 0.56, h * 0.3, w * 0.24, p->skin->lip, p->blush));
    if (!p->freckles)
        return OK;
    for (int i = 0; i < 14; i++)
        TRY(buf_printf(svg, "<circle cx='%.0f' cy='%.0f' r='3.4' fill='%s'/>\n",
                       (i % 2 ? 1 : -1) * w * (0.2 + 0.06 * (i / 2)), h * (0.2 + 0.045 * (i * 5 % 4)),
                       p->skin->shade));
    return OK;
}

static enum err draw_eyes(struct buf *svg, const struct portrait *p)
{
    for (int side = -1; side <= 1; side += 2) {
        int x = side * p->face_w * p->eye_gap / 100, h = p->eye_h, y = -6;

        TRY(buf_printf(
            svg,
            "<path d='M%d %d Q%d %d %d %d Q%d %d %d %d Z' fill='#fbfaf7'/>"
            "<circle cx='%d' cy='%d' r='%d' fill='%s'/><circle cx='%d' cy='%d' r='6' fill='#16110f'/>"
            "<circle cx='%d' cy='%d' r='4' fill='#fff'/>\n",
            x - 28, y, x, y - 2 * h, x + 28, y, x, y + 2 * h - 4, x - 28, y, x, y, h - 1, p->eye, x, y, x - 4,
            y - 5));
        TRY(buf_printf(svg,
                       "<path d='M%d %d Q%d %d %d %d' fill='none' stroke='#2a1c18' stroke-width='%d' "
                       "stroke-linecap='round'/>\n",
                       x - 29, y, x, y - 2 * h - 2, x + 29, y, p->girl ? 7 : 5));
        TRY(buf_printf(svg,
                       "<path d='M%d %d Q%d %d %d %d' fill='none' stroke='%s' stroke-width='%d' "
                       "stroke-linecap='round'/>\n",
                       x - 34, y - 36 - side * p->brow_tilt, x, y - 54, x + 34, y - 36 + side * p->brow_tilt,
                       p->hair->dark, p->brow_w + 2));
    }
    return OK;
}

static enum err draw_nose_and_mouth(struct buf *svg, const struct portrait *p)
{
    static const char *const noses[NOSES] = {
        "M-6 14 Q-22 54 -14 58 Q0 70 16 58",
        "M-3 6 Q-12 44 -26 56 Q-14 70 0 64 Q14 70 26 56",
        "M-14 56 Q0 68 14 56",
    };
    double h = p->face_h, w = p->face_w * 0.4, y = h * 0.58;

    TRY(buf_printf(svg,
                   "<path d='%s' fill='none' stroke='%s' stroke-width='6' stroke-linecap='round' "
                   "stroke-linejoin='round'/>\n",
                   noses[p->nose], p->skin->shade));
    switch (p->mouth) {
    case 0: /* laughing, teeth seen */
        return buf_printf(svg,
                          "<path d='M%.0f %.0f Q0 %.0f %.0f %.0f Q0 %.0f %.0f %.0f Z' fill='#6d2027'/>"
                          "<path d='M%.0f %.0f Q0 %.0f %.0f %.0f Q0 %.0f %.0f %.0f Z' fill='#fffdf8'/>\n",
                          -w, y - 8, y + 6, w, y - 8, y + 74, -w, y - 8, -w * 0.88, y - 4, y + 8, w * 0.88,
                          y - 4, y + 40, -w * 0.88, y - 4);
    case 1: /* smiling */
        return buf_printf(svg,
                          "<path d='M%.0f %.0f Q0 %.0f %.0f %.0f' fill='none' stroke='%s' stroke-width='9' "
                          "stroke-linecap='round'/>\n",
                          -w * 0.8, y, y + 38, w * 0.8, y, p->skin->lip);
    case 2: /* earnest, full lips */
        return buf_printf(svg,
                          "<path d='M%.0f %.0f Q%.0f %.0f 0 %.0f Q%.0f %.0f %.0f %.0f Q0 %.0f %.0f %.0f Z' "
                          "fill='%s'/><path d='M%.0f %.0f Q0 %.0f %.0f %.0f' fill='none' stroke='#5008' "
                          "stroke-width='4'/>\n",
                          -w * 0.7, y + 4, -w * 0.3, y - 16, y - 8, w * 0.3, y - 16, w * 0.7, y + 4, y + 40,
                          -w * 0.7, y + 4, p->skin->lip, -w * 0.66, y + 4, y + 10, w * 0.66, y + 4);
    default: /* half a smile */
        return buf_printf(
            svg,
            "<path d='M%.0f %.0f Q%.0f %.0f %.0f %.0f' fill='none' stroke='%s' stroke-width='9' "
            "stroke-linecap='round'/>\n",
            -w * 0.7, y + 6, w * 0.2, y + 30, w * 0.8, y - 8, p->skin->lip);
    }
}

static enum err draw_glasses(struct buf *svg, const struct portrait *p)
{
    static const struct {
        int rx, ry, round, width;
        const char *colour;
    } frames[GLASSES] = {
        {0, 0, 0, 0, ""},           {42, 40, 40, 8, "#2b2b2f"}, {48, 34, 12, 12, "#1d1d22"},
        {46, 32, 26, 7, "#a8322f"}, {44, 36, 22, 9, "#31589a"},
    };
    int g = p->glasses, x = p->face_w * p->eye_gap / 100;

    if (!g)
        return OK;
    for (int side = -1; side <= 1; side += 2)
        TRY(buf_printf(svg,
                       "<rect x='%d' y='%d' width='%d' height='%d' rx='%d' fill='#fff2' stroke='%s' "
                       "stroke-width='%d'/><path d='M%d -10 L%d -14' stroke='%s' stroke-width='%d'/>\n",
                       side * x - frames[g].rx, -4 - frames[g].ry, 2 * frames[g].rx, 2 * frames[g].ry,
                       frames[g].round, frames[g].colour, frames[g].width, side * (x + frames[g].rx),
                       side * (p->face_w + 4), frames[g].colour, frames[g].width));
    return buf_printf(svg, "<path d='M%d -8 Q0 -20 %d -8' fill='none' stroke='%s' stroke-width='%d'/>\n",
                      frames[g].rx - x, x - frames[g].rx, frames[g].colour, frames[g].width);
}

enum err portrait_draw(struct buf *svg, const struct portrait *p, int width, int height)
{
    double tall = (double)CANVAS * height / width;

    TRY(buf_printf(svg,
                   "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' viewBox='0 0 %d %.3f' "
                   "preserveAspectRatio='none'>\n",
                   width, height, CANVAS, tall));
    TRY(draw_paints(svg, p));
    TRY(buf_printf(svg, "<rect width='%d' height='%.0f' fill='url(#back)'/>\n", CANVAS, tall + 1));
    /* The head stands a little right of the middle, clear of the strip of code. */
    TRY(buf_printf(svg, "<g transform='translate(%d %.0f) scale(%.2f)'>\n", 425 + p->shift, tall * 0.47,
                   p->scale / 100.0));
    TRY(buf_printf(svg, "<g transform='rotate(%d 0 200)'>\n", p->tilt));
    TRY(p->style->behind(svg, p));
    TRY(draw_neck_and_ears(svg, p));
    TRY(buf_printf(svg, "</g>\n"));
    TRY(draw_clothes(svg, p));
    TRY(buf_printf(svg, "<g transform='rotate(%d 0 200)'>\n", p->tilt));
    TRY(draw_face(svg, p));
    TRY(draw_eyes(svg, p));
    TRY(draw_nose_and_mouth(svg, p));
    TRY(p->style->before(svg, p));
    TRY(draw_glasses(svg, p));
    TRY(buf_printf(svg, "</g></g>\n"));
    TRY(code_draw(svg, p->code, CANVAS, tall));
    return buf_printf(svg, "</svg>\n");
}
