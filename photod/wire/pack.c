#include <string.h>
#include "photod/wire/pack.h"

void pack_raw(struct pack *p, const void *bytes, size_t len)
{
    if (!p->err)
        p->err = buf_append(p->buf, bytes, len);
}

static void pack_number(struct pack *p, uint64_t value, size_t bytes)
{
    unsigned char raw[8];

    for (size_t i = 0; i < bytes; i++)
        raw[i] = (unsigned char)(value >> (8 * i));
    pack_raw(p, raw, bytes);
}

void pack_u8(struct pack *p, unsigned value)
{
    pack_number(p, value, 1);
}

void pack_u32(struct pack *p, uint32_t value)
{
    pack_number(p, value, 4);
}

void pack_u64(struct pack *p, uint64_t value)
{
    pack_number(p, value, 8);
}

void pack_date(struct pack *p, struct date d)
{
    pack_u32(p, (uint32_t)(d.year * 10000 + d.month * 100 + d.day));
}

void pack_bytes(struct pack *p, const void *bytes, size_t len)
{
    if (len > UINT32_MAX) {
        p->err = ERR_LIMIT;
        return;
    }
    pack_u32(p, (uint32_t)len);
    pack_raw(p, bytes, len);
}

void pack_text(struct pack *p, const char *text)
{
    pack_bytes(p, text, strlen(text));
}

enum err pack_end(const struct pack *p)
{
    return p->err;
}

static const unsigned char *take_run(struct take *t, size_t len)
{
    const unsigned char *run = t->at;

    if (t->err || len > (size_t)(t->end - t->at)) {
        t->err = ERR_MALFORMED;
        return NULL;
    }
    t->at += len;
    return run;
}

static uint64_t take_number(struct take *t, size_t bytes)
{
    const unsigned char *raw = take_run(t, bytes);
    uint64_t value = 0;

    for (size_t i = 0; raw && i < bytes; i++)
        value |= (uint64_t)raw[i] << (8 * i);
    return value;
}

unsigned take_u8(struct take *t)
{
    return (unsigned)take_number(t, 1);
}

uint32_t take_u32(struct take *t)
{
    return (uint32_t)take_number(t, 4);
}

uint64_t take_u64(struct take *t)
{
    return take_number(t, 8);
}

struct date take_date(struct take *t)
{
    uint32_t n = take_u32(t);
    struct date d = {0};

    if (n == 0)
        return d;
    d = (struct date){(int)(n / 10000), (int)(n / 100 % 100), (int)(n % 100)};
    if (!date_is_valid(d)) {
        t->err = ERR_MALFORMED;
        d = (struct date){0};
    }
    return d;
}

void take_raw(struct take *t, void *bytes, size_t len)
{
    const unsigned char *run = take_run(t, len);

    if (run)
        memcpy(bytes, run, len);
    else
        memset(bytes, 0, len);
}

const unsigned char *take_bytes(struct take *t, size_t *len, size_t max)
{
    size_t n = take_u32(t);
    const unsigned char *run;

    *len = 0;
    if (n > max)
        t->err = ERR_MALFORMED;
    run = take_run(t, n);
    if (!run)
        return (const unsigned char *)"";
    *len = n;
    return run;
}

void take_text(struct take *t, char *text, size_t size)
{
    size_t len;
    const unsigned char *bytes = take_bytes(t, &len, size - 1);

    if (memchr(bytes, '\0', len)) {
        t->err = ERR_MALFORMED;
        len = 0;
    }
    memcpy(text, bytes, len);
    text[len] = '\0';
}

bool take_more(const struct take *t)
{
    return !t->err && t->at < t->end;
}

enum err take_end(const struct take *t)
{
    if (t->err)
        return t->err;
    return t->at == t->end ? OK : ERR_MALFORMED;
}
