/* JPEG: ITU-T T.81. */
#include <string.h>
#include "ingest/probe_format.h"

/* Markers: table B.1. */
enum {
    SOF0 = 0xc0,
    SOF1 = 0xc1,
    SOF2 = 0xc2,
    DHT = 0xc4,
    DAC = 0xcc,
    SOF15 = 0xcf,
    RST0 = 0xd0,
    RST7 = 0xd7,
    SOI = 0xd8,
    EOI = 0xd9,
    SOS = 0xda,
    APP1 = 0xe1,
    TEM = 0x01,
};

struct walk {
    const unsigned char *at, *end;
};

/* The next marker, found as libjpeg finds it, so that both see the same ones; EOI when the data ends. */
static unsigned next_marker(struct walk *w)
{
    for (;;) {
        w->at = memchr(w->at, 0xff, (size_t)(w->end - w->at));
        if (!w->at)
            w->at = w->end;
        while (w->at < w->end && *w->at == 0xff)
            w->at++;
        if (w->at == w->end)
            return EOI;
        if (*w->at++ != 0)
            return w->at[-1];
    }
}

/* The next marker after the coded data of a scan: a restart marker belongs to that data. */
static unsigned next_marker_past_scan(struct walk *w)
{
    unsigned marker;

    do
        marker = next_marker(w);
    while (marker >= RST0 && marker <= RST7);
    return marker;
}

/* Cuts a marker's segment off the walk.  NULL when it does not fit. */
static const unsigned char *take_segment(struct walk *w, size_t *len)
{
    const unsigned char *segment = w->at + 2;

    if (w->end - w->at < 2)
        return NULL;
    *len = (size_t)(w->at[0] << 8 | w->at[1]);
    if (*len < 2 || *len > (size_t)(w->end - w->at))
        return NULL;
    w->at += *len;
    *len -= 2;
    return segment;
}

static bool is_frame(unsigned marker)
{
    return marker >= SOF0 && marker <= SOF15 && marker != DHT && marker != DAC;
}

/* Bytes that the coefficients of a picture take, two for each sample: components may be smaller than it. */
static uint64_t coefficient_bytes(const struct probe *p, const unsigned char *components)
{
    uint64_t samples = 0, across = 1, down = 1;

    for (unsigned i = 0; i < p->components; i++) {
        unsigned h = components[3 * i + 1] >> 4, v = components[3 * i + 1] & 15;

        samples += h * v;
        across = h > across ? h : across;
        down = v > down ? v : down;
    }
    return (uint64_t)p->width * p->height * 2 * samples / (across * down);
}

/* Huffman-coded frames of 8 bits, baseline, extended or progressive: what cameras and editors write. */
static enum err take_frame(struct probe *p, const char **fault, unsigned marker, const unsigned char *segment,
                           size_t len)
{
    if (p->components || len < 6 || len != 6 + 3u * segment[5])
        return fault_found(fault, FAULT_UNREADABLE);
    if (marker > SOF2 || segment[0] != 8 || (segment[5] != 1 && segment[5] != 3 && segment[5] != 4))
        return fault_found(fault, FAULT_UNSUPPORTED);
    p->height = probe_be16(segment + 1);
    p->width = probe_be16(segment + 3);
    p->components = segment[5];
    p->progressive = marker == SOF2;
    p->buffered_bytes = coefficient_bytes(p, segment + 6);
    return p->width && p->height ? OK : fault_found(fault, FAULT_UNREADABLE);
}

static enum err take_scan(struct probe *p, const char **fault, const unsigned char *segment, size_t len)
{
    if (!p->components || !len || len != 4 + 2u * segment[0] || !segment[0] || segment[0] > p->components)
        return fault_found(fault, FAULT_UNREADABLE);
    if (!p->scans++)
        p->buffered = p->progressive || segment[0] < p->components;
    return p->scans > PROBE_SCANS_MAX ? fault_found(fault, FAULT_TOO_MANY_SCANS) : OK;
}

/* The first picture only: what follows its EOI (MPF, gain maps) is nobody's face. */
enum err probe_jpeg(struct probe *p, const char **fault, const unsigned char *bytes, size_t len)
{
    struct walk w = {bytes + 2, bytes + len};
    const unsigned char *segment;
    unsigned marker;

    for (marker = next_marker(&w); marker != EOI;
         marker = marker == SOS ? next_marker_past_scan(&w) : next_marker(&w)) {
        if ((marker >= RST0 && marker <= RST7) || marker == TEM)
            continue;
        segment = marker == SOI ? NULL : take_segment(&w, &len);
        if (!segment)
            return fault_found(fault, FAULT_UNREADABLE);
        if (marker == APP1 && !p->exif.len && len > 4 && memcmp(segment, "Exif", 4) == 0)
            p->exif = (struct probe_part){segment, len};
        if (is_frame(marker))
            TRY(take_frame(p, fault, marker, segment, len));
        if (marker == SOS)
            TRY(take_scan(p, fault, segment, len));
    }
    if (!p->buffered)
        p->buffered_bytes = 0;
    return p->scans ? OK : fault_found(fault, FAULT_UNREADABLE);
}
