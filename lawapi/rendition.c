#include <stddef.h>
#include <string.h>
#include "lawapi/rendition.h"

static const struct rendition_shape shapes[] = {
    [RENDITION_FULL] = {"full", 1200, 1500, 400000},
    [RENDITION_STANDARD] = {"standard", 480, 600, 100000},
    [RENDITION_MOBILE] = {"mobile", 240, 300, 20000},
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
