/* PNG: https://www.w3.org/TR/png-3/, chunk layout 5.3, header 11.2.1 */
#include <string.h>
#include "ingest/probe_format.h"

#define SIGNATURE_LEN 8u
#define CHUNK_LEN     12u /* length, name, checksum */
#define HEADER_LEN    13u

enum { GREY = 0, RGB = 2, PALETTE = 3, GREY_ALPHA = 4, RGB_ALPHA = 6, COLOURS };

/* For each kind of colour: its bands once decoded, and which depths it may have, a bit for each. */
static const struct {
    unsigned components, bands, depths;
} colours[COLOURS + 1] = {
    [GREY] = {1, 2, 1 | 2 | 4 | 8 | 16}, [RGB] = {3, 4, 8 | 16},       [PALETTE] = {1, 4, 1 | 2 | 4 | 8},
    [GREY_ALPHA] = {1, 2, 8 | 16},       [RGB_ALPHA] = {3, 4, 8 | 16}, [COLOURS] = {0},
};

static enum err take_header(struct probe *p, const char **fault, const unsigned char *header)
{
    unsigned depth = header[8], colour = header[9] < COLOURS ? header[9] : COLOURS;

    p->width = probe_be32(header);
    p->height = probe_be32(header + 4);
    if (!p->width || !p->height || p->width > INT32_MAX || p->height > INT32_MAX || depth > 16 ||
        (depth & (depth - 1)) || !(colours[colour].depths & depth) || header[10] || header[11] ||
        header[12] > 1)
        return fault_found(fault, FAULT_UNREADABLE);
    p->components = colours[colour].components;
    p->bits = depth;
    p->buffered = header[12] == 1;
    if (p->buffered && p->width <= PROBE_SIDE_MAX && p->height <= PROBE_SIDE_MAX)
        p->buffered_bytes = (uint64_t)p->width * p->height * colours[colour].bands * (depth > 8 ? 2 : 1);
    return OK;
}

/* Texts come compressed, and libpng unpacks every one. */
static bool is_text(const unsigned char *name)
{
    return memcmp(name, "tEXt", 4) == 0 || memcmp(name, "zTXt", 4) == 0 || memcmp(name, "iTXt", 4) == 0;
}

enum err probe_png(struct probe *p, const char **fault, const unsigned char *bytes, size_t len)
{
    unsigned texts = 0;
    bool has_data = false;
    size_t at = SIGNATURE_LEN;

    for (unsigned n = 0; n < PROBE_CHUNKS_MAX; n++) {
        const unsigned char *name;
        size_t size;

        if (len - at < CHUNK_LEN)
            break;
        size = probe_be32(bytes + at);
        name = bytes + at + 4;
        if (size > len - at - CHUNK_LEN)
            break;
        if ((n == 0) != (memcmp(name, "IHDR", 4) == 0) || (n == 0 && size != HEADER_LEN))
            break;
        if (n == 0)
            TRY(take_header(p, fault, name + 4));
        has_data = has_data || memcmp(name, "IDAT", 4) == 0;
        if (memcmp(name, "IEND", 4) == 0 && has_data)
            return OK;
        if (memcmp(name, "eXIf", 4) == 0)
            p->exif = (struct probe_part){name + 4, size};
        if (is_text(name) && ++texts > PROBE_TEXTS_MAX)
            break;
        at += size + CHUNK_LEN;
    }
    return fault_found(fault, FAULT_UNREADABLE);
}
