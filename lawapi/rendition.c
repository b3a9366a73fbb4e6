#include <stddef.h>
#include <string.h>
#include "lawapi/rendition.h"

/*
 * The store keeps a large value in whole pages, so a picture at its budget ends where a page ends: beside it
 * stand its digest (32 bytes), the longest envelope (64) and the first page's head (16).
 */
#define PAGE_BYTES 4096u
#define PAGES(n)   ((n)*PAGE_BYTES - (32u + 64u + 16u))
#define MOBILE     20000u /* what a message switch takes, and five pages */

_Static_assert(MOBILE <= PAGES(5) && MOBILE + PAGE_BYTES / 8 > PAGES(5), "the last page is nearly full");

static const struct rendition_shape shapes[] = {
    [RENDITION_FULL] = {"full", 1200, 1500, PAGES(97)},
    [RENDITION_STANDARD] = {"standard", 480, 600, PAGES(24)},
    [RENDITION_MOBILE] = {"mobile", 240, 300, MOBILE},
};

const struct rendition_shape *rendition_shape(enum rendition r)
{
    return r < RENDITION_COUNT ? &shapes[r] : NULL;
}

enum rendition rendition_from_name(const char *name)
{
    enum rendition r = 0;

    while (r < RENDITION_COUNT && strcmp(shapes[r].name, name) != 0)
        r++;
    return r;
}
