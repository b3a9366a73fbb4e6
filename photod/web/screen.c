/* Framing, Authorization and Accept, in photod-web; text as it came. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "photod/base/text.h"
#include "photod/web/screen.h"

/* Headers that may stand once. */
static const char *const singles[] = {
    "content-length", "host",          "authorization", "content-type",    "idempotency-key",    "expect",
    "tus-resumable",  "upload-length", "upload-offset", "upload-metadata", "upload-defer-length"};
#define SINGLES (sizeof singles / sizeof *singles)

struct screening {
    struct request *r;
    unsigned seen[SINGLES];
    bool good;
};

static bool is_tchar(unsigned char c)
{
    return isalnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_name(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!is_tchar((unsigned char)name[i]))
            return false;
    return len > 0;
}

static bool is_value(const char *value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)value[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static bool is_proxys(const char *name)
{
    return strcasecmp(name, "via") == 0 || strcasecmp(name, "forwarded") == 0 ||
           strncasecmp(name, "x-forwarded-", 12) == 0;
}

static bool count_single(struct screening *s, const char *name)
{
    for (size_t i = 0; i < SINGLES; i++)
        if (strcasecmp(name, singles[i]) == 0)
            return ++s->seen[i] == 1;
    return true;
}

static enum MHD_Result screen_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                     const char *value, size_t value_len)
{
    struct screening *s = cls;

    (void)kind;
    if (!is_name(name, name_len) || (value && !is_value(value, value_len)))
        s->good = refuse(s->r, PROBLEM_BAD_FRAMING,
                         "a header's name or value has characters that may not be there");
    else if (is_proxys(name))
        s->good = refuse(s->r, PROBLEM_THROUGH_PROXY, "%.40s", name);
    else if (strcasecmp(name, "transfer-encoding") == 0)
        s->good = refuse(s->r, PROBLEM_BAD_FRAMING, "Transfer-Encoding");
    else if (!count_single(s, name))
        s->good = refuse(s->r, PROBLEM_BAD_FRAMING, "%.40s is given twice", name);
    return s->good ? MHD_YES : MHD_NO;
}

bool screen_framing(struct request *r)
{
    struct screening s = {.r = r, .good = true};
    const char *length = request_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);

    (void)MHD_get_connection_values_n(r->connection, MHD_HEADER_KIND, screen_header, &s);
    if (s.good && length && u64_parse(&r->length, length, INT64_MAX))
        return refuse(r, PROBLEM_BAD_FRAMING, "Content-Length is no number");
    return s.good;
}

void screen_key(struct request *r)
{
    const char *value = request_header(r, MHD_HTTP_HEADER_AUTHORIZATION);

    if (!value || strncasecmp(value, "Bearer ", 7) != 0)
        return;
    value += 7 + strspn(value + 7, " ");
    if (strncmp(value, "phk_", 4) == 0)
        (void)!text_copy(r->key, sizeof r->key, value);
}

/* "0.25" -> 250; anything odd counts as 1. */
static unsigned read_quality(const char *params, size_t len)
{
    unsigned thousandths = 0, unit = 100;
    const char *end = params + len, *at;

    for (at = params; at + 2 < end; at++)
        if ((*at == ';' || *at == ' ') && (at[1] == 'q' || at[1] == 'Q') && at[2] == '=')
            break;
    if (at + 3 >= end || (at[3] != '0' && at[3] != '1'))
        return 1000;
    if (at[3] == '1')
        return 1000;
    at += 4;
    if (at < end && *at == '.')
        for (at++; at < end && isdigit((unsigned char)*at) && unit; at++, unit /= 10)
            thousandths += (unsigned)(*at - '0') * unit;
    return thousandths;
}

/* How closely a range names a type: 0 not at all, 1 any, 2 its kind, 3 itself. */
static unsigned match(const char *range, size_t len, const char *type)
{
    size_t kind = (size_t)(strchr(type, '/') - type) + 1;

    if (len == strlen(type) && strncasecmp(range, type, len) == 0)
        return 3;
    if (len == kind + 1 && range[kind] == '*' && strncasecmp(range, type, kind) == 0)
        return 2;
    return len == 3 && memcmp(range, "*/*", 3) == 0;
}

static unsigned quality(const char *accept, const char *type)
{
    unsigned best = 0, found = 0;

    while (*accept) {
        size_t len, name;

        accept += strspn(accept, ", \t");
        len = strcspn(accept, ",");
        name = strcspn(accept, ",; \t");
        if (match(accept, name, type) > best) {
            best = match(accept, name, type);
            found = read_quality(accept + name, len - name);
        }
        accept += len;
    }
    return found;
}

struct accepted screen_accept(const char *accept)
{
    if (!accept || !*accept)
        return (struct accepted){.json = 1000, .jpeg = 1000};
    return (struct accepted){.json = quality(accept, "application/json"),
                             .jpeg = quality(accept, "image/jpeg")};
}
