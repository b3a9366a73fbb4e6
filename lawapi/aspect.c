#include "lawapi/aspect.h"

bool photo_aspect_is_odd(uint32_t width, uint32_t height)
{
    return (uint64_t)width * 10 > (uint64_t)height * 11 || (uint64_t)width * 2 < height;
}
