#include <stdio.h>
#include <string.h>
#include "photod/base/cleanup.h"
#include "photod/ctl/init_config.h"

#define COMMENT_WIDTH 78
#define TEXT(number)  #number

static const struct key {
    const char *name, *fallback, *help;
} keys[] = {
#define CONFIG_TEXT(key, size, fallback, help) {#key, fallback, help},
#define CONFIG_NUMBER(key, min, max, fallback, help)                                                         \
    {#key, TEXT(fallback), help " (" TEXT(min) " to " TEXT(max) ")"},
#include "photod/base/config.def"
#undef CONFIG_TEXT
#undef CONFIG_NUMBER
};

static const char *value_of(const char *key, const struct init_values *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(values[i].key, key) == 0)
            return values[i].value;
    return NULL;
}

/* The help as comment lines, folded at blanks. */
static enum err add_comment(struct buf *out, const char *text)
{
    size_t column = 0;

    while (*text) {
        size_t len = strcspn(text, " ");

        if (column && column + 1 + len > COMMENT_WIDTH) {
            TRY(buf_append(out, "\n", 1));
            column = 0;
        }
        TRY(buf_printf(out, column ? " %.*s" : "# %.*s", (int)len, text));
        column += len + (column ? 1 : 2);
        text += len;
        text += strspn(text, " ");
    }
    return buf_append(out, "\n", 1);
}

enum err init_config(struct buf *out, const struct init_values *values, size_t count)
{
    TRY(buf_printf(out,
                   "# photod.conf, made by `photoctl init`.  Lines of `key = value`; `#` starts a comment\n"
                   "# line.  A key that is commented out has the value shown.\n"));
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *value = value_of(keys[i].name, values, count);

        TRY(buf_append(out, "\n", 1));
        TRY(add_comment(out, keys[i].help));
        TRY(buf_printf(out, "%s%s = %s\n", value ? "" : "#", keys[i].name,
                       value              ? value
                       : keys[i].fallback ? keys[i].fallback
                                          : ""));
    }
    return OK;
}
