#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "photod/ctl/say.h"

static bool progress_open;

void say_json(const json_t *result)
{
    (void)json_dumpf(result, stdout, JSON_INDENT(2));
    (void)putchar('\n');
}

void say_clean(char *text)
{
    for (unsigned char *p = (unsigned char *)text; *p; p++) {
        if (*p < 0x20 || *p == 0x7f)
            *p = '?';
        else if (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f) /* C1 in UTF-8 */
            p[0] = p[1] = '?';
    }
}

static void speak(const char *prefix, const char *format, va_list args)
{
    char text[1200];

    say_progress_end();
    (void)vsnprintf(text, sizeof text, format, args);
    say_clean(text);
    (void)fflush(stdout);
    (void)fprintf(stderr, "%s%s\n", prefix, text);
}

void say_error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    speak("photoctl: ", format, args);
    va_end(args);
}

enum ctl_exit say_fail(enum ctl_exit code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    speak("photoctl: ", format, args);
    va_end(args);
    return code;
}

void say_hint(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    speak("", format, args);
    va_end(args);
}

void say_progress(const char *format, ...)
{
    char text[120];
    va_list args;

    if (!isatty(STDERR_FILENO))
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    say_clean(text);
    (void)fprintf(stderr, "\r%s\033[K", text);
    (void)fflush(stderr);
    progress_open = true;
}

void say_progress_end(void)
{
    if (progress_open)
        (void)fputc('\n', stderr);
    progress_open = false;
}

enum err fault_set(struct fault *fault, enum err e, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
    return e;
}
