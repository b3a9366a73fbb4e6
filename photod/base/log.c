#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "photod/base/log.h"

static const char *process_name = "photod";
static bool to_terminal;

void log_init(const char *process)
{
    process_name = process;
    (void)prctl(PR_SET_NAME, process, 0, 0, 0); /* one started by descriptor would show as a number */
    to_terminal = isatty(STDERR_FILENO);
}

/* One write per line, so that lines of several processes never mix. */
static void write_line(int priority, const char *format, va_list args, const char *cause)
{
    char line[1024];
    size_t used = 0;
    int n;

    n = to_terminal ? snprintf(line, sizeof line, "%s: ", process_name)
                    : snprintf(line, sizeof line, "<%d>%s: ", priority, process_name);
    if (n > 0)
        used = (size_t)n;
    n = vsnprintf(line + used, sizeof line - used - 1, format, args);
    if (n > 0)
        used += (size_t)n;
    if (used > sizeof line - 2)
        used = sizeof line - 2;
    if (cause) {
        n = snprintf(line + used, sizeof line - used - 1, ": %s", cause);
        if (n > 0)
            used += (size_t)n;
        if (used > sizeof line - 2)
            used = sizeof line - 2;
    }
    line[used++] = '\n';
    (void)!write(STDERR_FILENO, line, used);
}

#define LOG_BODY(priority, cause)                                                                            \
    do {                                                                                                     \
        va_list args;                                                                                        \
        va_start(args, format);                                                                              \
        write_line(priority, format, args, cause);                                                           \
        va_end(args);                                                                                        \
    } while (0)

void log_error(const char *format, ...)
{
    LOG_BODY(3, NULL);
}

void log_warning(const char *format, ...)
{
    LOG_BODY(4, NULL);
}

void log_info(const char *format, ...)
{
    LOG_BODY(6, NULL);
}

void log_errno(const char *format, ...)
{
    char text[128];
    const char *cause = strerror_r(errno, text, sizeof text);

    LOG_BODY(3, cause);
}
