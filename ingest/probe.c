#include "ingest/probe.h"

#include <string.h>
#include "ingest/probe_format.h"

#define MAGIC_MAX 8

static const struct format {
    enum probe_format format;
    enum err (*walk)(struct probe *p, const char **fault, const unsigned char *bytes, size_t len);
    size_t len;
    unsigned char magic[MAGIC_MAX];
} formats[] = {
    {PROBE_JPEG, probe_jpeg, 3, {0xff, 0xd8, 0xff}},
    {PROBE_PNG, probe_png, 8, {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'}},
    {PROBE_TIFF, probe_tiff, 3, {'I', 'I', 42}},
    {PROBE_TIFF, probe_tiff, 3, {'I', 'I', 43}},
    {PROBE_TIFF, probe_tiff, 4, {'M', 'M', 0, 42}},
    {PROBE_TIFF, probe_tiff, 4, {'M', 'M', 0, 43}},
    {PROBE_WEBP, probe_webp, 4, {'R', 'I', 'F', 'F'}},
};

static enum err judge_size(const struct probe *p, const char **fault)
{
    uint64_t pixels = (uint64_t)p->width * p->height;

    if (p->width > PROBE_SIDE_MAX || p->height > PROBE_SIDE_MAX || pixels > PROBE_PIXELS_MAX ||
        (p->buffered && pixels > PROBE_PIXELS_MAX_BUFFERED) || p->buffered_bytes > PROBE_BYTES_MAX)
        return fault_found(fault, FAULT_TOO_MANY_PIXELS);
    if (p->width < PROBE_SIDE_MIN || p->height < PROBE_SIDE_MIN)
        return fault_found(fault, FAULT_TOO_SMALL);
    return OK;
}

enum err probe_image(struct probe *out, const char **fault, const void *bytes, size_t len)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        struct probe p = {.format = formats[i].format, .bits = 8};

        if (len < formats[i].len || memcmp(bytes, formats[i].magic, formats[i].len) != 0)
            continue;
        TRY(formats[i].walk(&p, fault, bytes, len));
        TRY(judge_size(&p, fault));
        *out = p;
        return OK;
    }
    return fault_found(fault, FAULT_NOT_AN_IMAGE);
}
