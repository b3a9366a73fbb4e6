/* WebP (RIFF container): https://developers.google.com/speed/webp/docs/riff_container */
#include <string.h>
#include "ingest/probe_format.h"

#define RIFF_LEN  12u /* RIFF, size, WEBP */
#define CHUNK_LEN 8u  /* name, size */

/* What libwebp holds for a pixel: its answer, the coded planes, and of a lossless picture all of it twice. */
#define LOSSY_BYTES    4u
#define ALPHA_BYTES    2u
#define LOSSLESS_BYTES 8u

#define FLAG_ANIMATED  0x02u

struct chunk {
    const unsigned char *name, *bytes;
    size_t len;
};

static bool take_chunk(struct chunk *out, const unsigned char **at, const unsigned char *end)
{
    size_t padded;

    if (end - *at < (ptrdiff_t)CHUNK_LEN)
        return false;
    *out = (struct chunk){*at, *at + CHUNK_LEN, probe_le32(*at + 4)};
    if (out->len > (size_t)(end - out->bytes))
        return false;
    padded = out->len + (out->len & 1);
    *at = padded < (size_t)(end - out->bytes) ? out->bytes + padded : end;
    return true;
}

static bool is(const struct chunk *c, const char *name)
{
    return memcmp(c->name, name, 4) == 0;
}

struct frame {
    uint32_t width, height;
    unsigned pixel_bytes;
};

/* A lossy key frame: RFC 6386, 9.1. */
static bool take_lossy(struct frame *f, const struct chunk *c)
{
    if (c->len < 10 || c->bytes[0] & 1 || memcmp(c->bytes + 3, "\x9d\x01\x2a", 3) != 0)
        return false;
    *f = (struct frame){probe_le16(c->bytes + 6) & 0x3fff, probe_le16(c->bytes + 8) & 0x3fff,
                        f->pixel_bytes + LOSSY_BYTES};
    return true;
}

static bool take_lossless(struct frame *f, const struct chunk *c)
{
    uint32_t sizes;

    if (c->len < 5 || c->bytes[0] != 0x2f)
        return false;
    sizes = probe_le32(c->bytes + 1);
    *f = (struct frame){(sizes & 0x3fff) + 1, (sizes >> 14 & 0x3fff) + 1, f->pixel_bytes + LOSSLESS_BYTES};
    return sizes >> 29 == 0;
}

static bool take_canvas(struct probe *p, const struct chunk *c)
{
    if (c->len < 10 || p->width)
        return false;
    p->width = (probe_le32(c->bytes + 4) & 0xffffff) + 1;
    p->height = (probe_le32(c->bytes + 6) >> 8) + 1;
    return true;
}

/* Of the extended form the canvas must be the picture, whole. */
static bool take_frame(struct probe *p, struct frame *f, const struct chunk *c)
{
    if (!(is(c, "VP8 ") ? take_lossy(f, c) : take_lossless(f, c)) || !f->width || !f->height ||
        (p->width && (p->width != f->width || p->height != f->height)))
        return false;
    p->width = f->width;
    p->height = f->height;
    p->buffered_bytes = (uint64_t)f->width * f->height * f->pixel_bytes;
    return true;
}

static enum err walk(struct probe *p, const char **fault, const unsigned char *at, const unsigned char *end)
{
    struct frame f = {0};
    struct chunk c;
    bool is_good = true;

    while (is_good && take_chunk(&c, &at, end)) {
        if (is(&c, "ANIM") || is(&c, "ANMF") || (is(&c, "VP8X") && c.len && c.bytes[0] & FLAG_ANIMATED))
            return fault_found(fault, FAULT_UNSUPPORTED);
        if (is(&c, "VP8X"))
            is_good = take_canvas(p, &c);
        else if (is(&c, "ALPH"))
            f.pixel_bytes += ALPHA_BYTES;
        else if (is(&c, "EXIF"))
            p->exif = (struct probe_part){c.bytes, c.len};
        else if ((is(&c, "VP8 ") || is(&c, "VP8L")) && !f.width)
            is_good = take_frame(p, &f, &c);
    }
    return is_good && f.width ? OK : fault_found(fault, FAULT_UNREADABLE);
}

enum err probe_webp(struct probe *p, const char **fault, const unsigned char *bytes, size_t len)
{
    size_t size;

    if (len < RIFF_LEN || memcmp(bytes + 8, "WEBP", 4) != 0)
        return fault_found(fault, FAULT_NOT_AN_IMAGE); /* sound and video have the same head */
    size = probe_le32(bytes + 4);
    if (size < 4 || size > len - 8)
        return fault_found(fault, FAULT_UNREADABLE);
    p->components = 3;
    p->buffered = true;
    return walk(p, fault, bytes + RIFF_LEN, bytes + 8 + size);
}
