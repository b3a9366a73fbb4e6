/*
 * Shares as they come in: files and pipes, read whole, or a person at a
 * terminal.  The texts are key bytes and stay in locked memory.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "keys/inside.h"
#include "photod/base/log.h"

#define FILE_MAX  16384
#define TYPED_MAX 256

/* What was read of one share; in locked memory. */
struct draft {
    unsigned char packed[SHARE_PACKED];
    struct share share;
    char title[SHARE_TEXT];
    char line[TYPED_MAX];
};

static void draft_cleanup(struct draft **d)
{
    sodium_free(*d);
}

static enum err draft_new(struct draft **out)
{
    void *at;

    TRY(locked_new(&at, sizeof **out));
    *out = at;
    return OK;
}

/* ---- Files ---- */

/* A text that is read line by line; lines without their ends. */
struct reader {
    const char *at, *end;
    unsigned given; /* shares begun */
    char name[40];  /* of the one being read */
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next line that is not empty, without blanks at its ends; false at the end of the text. */
static bool next_line(struct reader *r, const char **line, size_t *len)
{
    while (r->at < r->end) {
        const char *end = memchr(r->at, '\n', (size_t)(r->end - r->at));
        const char *from = r->at, *to = end ? end : r->end;

        r->at = end ? end + 1 : r->end;
        while (from < to && is_space(*from))
            from++;
        while (to > from && is_space(to[-1]))
            to--;
        if (from < to) {
            *line = from;
            *len = (size_t)(to - from);
            return true;
        }
    }
    return false;
}

/* How a share is called in a fault: by its first line where that says it, else by its place. */
static void name_share(struct reader *r, const char *line, size_t len)
{
    static const char begins[] = "photod recovery share ";
    size_t n = sizeof begins - 1;

    r->given++;
    if (len > n && memcmp(line, begins, n) == 0 && line[n] >= '1' && line[n] <= '0' + SHARES_MADE)
        (void)snprintf(r->name, sizeof r->name, "share %c", line[n]);
    else
        (void)snprintf(r->name, sizeof r->name, "the share in place %u", r->given);
}

static enum err named(struct share_fault *fault, enum err e, const char *name, const char *what)
{
    char text[sizeof fault->text];

    (void)snprintf(text, sizeof text, "%s: %s", name, what);
    memcpy(fault->text, text, sizeof text);
    return e;
}

static enum err read_one(struct draft *d, struct share_fault *fault, struct reader *r, const char *title,
                         size_t title_len)
{
    struct share_fault inner = {""};
    const char *line;
    size_t len;
    enum err e;

    name_share(r, title, title_len);
    for (unsigned n = 1; n <= SHARE_LINES; n++) {
        if (!next_line(r, &line, &len)) {
            (void)snprintf(inner.text, sizeof inner.text, "line %u is missing", n);
            return named(fault, ERR_MALFORMED, r->name, inner.text);
        }
        e = share_take_line(d->packed, &inner, n, line, len, false);
        if (e)
            return named(fault, e, r->name, inner.text);
    }
    e = share_finish(&d->share, &inner, d->packed);
    if (e)
        return named(fault, e, r->name, inner.text);
    /* The groups hold what the first line says; it must say the same. */
    share_print_title(d->title, &d->share);
    if (title_len != strlen(d->title) || strncasecmp(title, d->title, title_len) != 0)
        return named(fault, ERR_MALFORMED, r->name, "its first line has a typing error");
    return OK;
}

/* To the end; what is longer than max shows as max bytes. */
static enum err drain(unsigned char *to, size_t *len, size_t max, int fd)
{
    ssize_t n;

    for (*len = 0; *len < max; *len += (size_t)n) {
        n = read(fd, to + *len, max - *len);
        if (n == 0)
            return OK;
        if (n < 0 && errno == EINTR)
            n = 0;
        else if (n < 0) {
            log_errno("cannot read the shares");
            return ERR_IO;
        }
    }
    return OK;
}

enum err shares_read(struct shares *all, struct share_fault *fault, int fd)
{
    CLEANUP(secret) struct secret *text = NULL;
    __attribute__((cleanup(draft_cleanup))) struct draft *d = NULL;
    struct reader r = {.given = 0};
    const char *line;
    size_t len;

    fault->text[0] = '\0';
    TRY(secret_new(&text, FILE_MAX));
    TRY(draft_new(&d));
    TRY(drain(secret_bytes(text), &len, FILE_MAX, fd));
    if (len == FILE_MAX)
        return named(fault, ERR_MALFORMED, "no shares", "more text than a whole set has");
    r.at = (const char *)secret_peek(text);
    r.end = r.at + len;
    while (next_line(&r, &line, &len)) {
        TRY(read_one(d, fault, &r, line, len));
        TRY(shares_add(all, fault, &d->share));
    }
    return r.given ? OK : named(fault, ERR_MALFORMED, "no shares", "the text is empty");
}

/* ---- A terminal ---- */

static void tell(int out, const char *text)
{
    (void)!write(out, text, strlen(text));
}

/* One line without its end; what does not fit is dropped, and so found wrong. */
static enum err type_line(char line[static TYPED_MAX], size_t *len, int in)
{
    ssize_t n;
    char c;

    *len = 0;
    while ((n = read(in, &c, 1)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            log_errno("cannot read the shares");
            return ERR_IO;
        }
        if (c == '\n')
            return OK;
        if (*len < TYPED_MAX)
            line[(*len)++] = c;
    }
    return ERR_CLOSED;
}

/* The first line may be typed or left out. */
static bool is_title(const char *line, size_t len)
{
    return len >= 6 && strncasecmp(line, "photod", 6) == 0;
}

static bool is_empty(const char *line, size_t len)
{
    while (len && is_space(line[len - 1]))
        len--;
    return len == 0;
}

/* Line n, asked for until it is right. */
static enum err ask_line(struct draft *d, unsigned n, int in, int out)
{
    struct share_fault inner;
    char text[sizeof inner.text + 32];
    size_t len;

    for (;;) {
        (void)snprintf(text, sizeof text, "  line %u: ", n);
        tell(out, text);
        TRY(type_line(d->line, &len, in));
        if (is_empty(d->line, len) || is_title(d->line, len))
            continue;
        if (!share_take_line(d->packed, &inner, n, d->line, len, true)) {
            /* Over the typed line, so that the next person does not read it. */
            (void)snprintf(text, sizeof text, "\033[1A\r\033[K  line %u is right\n", n);
            tell(out, text);
            return OK;
        }
        (void)snprintf(text, sizeof text, "\033[1A\r\033[K  %s; again:\n", inner.text);
        tell(out, text);
    }
}

static enum err ask_one(struct draft *d, struct shares *all, int in, int out)
{
    struct share_fault inner = {""};
    char text[sizeof inner.text + 80];
    enum err e;

    (void)snprintf(text, sizeof text,
                   "Share %u of the %d that are needed: type its lines 1 to %d, whichever share it is.\n",
                   all->count + 1, SHARES_NEEDED, SHARE_LINES);
    tell(out, text);
    for (unsigned n = 1; n <= SHARE_LINES; n++)
        TRY(ask_line(d, n, in, out));
    e = share_finish(&d->share, &inner, d->packed);
    if (!e)
        e = shares_add(all, &inner, &d->share);
    if (e)
        (void)snprintf(text, sizeof text, "  Not taken: %s.\n", inner.text);
    else
        (void)snprintf(text, sizeof text, "  Share %u is taken.\n", d->share.index);
    tell(out, text);
    return OK;
}

enum err shares_ask(struct shares *all, struct share_fault *fault, int in, int out)
{
    __attribute__((cleanup(draft_cleanup))) struct draft *d = NULL;
    enum err e = OK;

    fault->text[0] = '\0';
    TRY(draft_new(&d));
    while (!e && all->count < SHARES_NEEDED)
        e = ask_one(d, all, in, out);
    return e == ERR_CLOSED ? named(fault, e, "no more shares", "the input ended") : e;
}
