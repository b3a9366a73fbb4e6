#include <stdarg.h>
#include <stdio.h>
#include "tests/tools/demo_say.h"

enum err say(enum err e, const char *format, ...)
{
    va_list args;

    fputs("demo-district: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs(".\n", stderr);
    return e;
}
