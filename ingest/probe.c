#include "ingest/probe.h"

#include <string.h>

/* Markers of ITU-T T.81 table B.1. */
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

/* Huffman-coded frames of 8 bits, baseline, extended or progressive: what cameras and editors write. */
static enum err take_frame(struct probe *p, const char **fault, unsigned marker, const unsigned char *segment,
                           size_t len)
{
    if (marker > SOF2 || p->components || len < 6 || segment[0] != 8)
        return fault_found(fault, FAULT_UNREADABLE);
    p->height = (uint32_t)(segment[1] << 8 | segment[2]);
    p->width = (uint32_t)(segment[3] << 8 | segment[4]);
    p->components = segment[5];
    p->progressive = marker == SOF2;
    if (!p->width || !p->height || len != 6 + 3 * p->components ||
        (p->components != 1 && p->components != 3 && p->components != 4))
        return fault_found(fault, FAULT_UNREADABLE);
    return OK;
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
static enum err walk_jpeg(struct probe *p, const char **fault, const unsigned char *bytes, size_t len)
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
        if (is_frame(marker))
            TRY(take_frame(p, fault, marker, segment, len));
        if (marker == SOS)
            TRY(take_scan(p, fault, segment, len));
    }
    return p->scans ? OK : fault_found(fault, FAULT_UNREADABLE);
}

static const struct format {
    enum probe_format format;
    unsigned char magic[3];
    enum err (*walk)(struct probe *p, const char **fault, const unsigned char *bytes, size_t len);
} formats[] = {
    {PROBE_JPEG, {0xff, SOI, 0xff}, walk_jpeg},
};

static enum err judge_size(const struct probe *p, const char **fault)
{
    uint64_t pixels = (uint64_t)p->width * p->height;

    if (p->width > PROBE_SIDE_MAX || p->height > PROBE_SIDE_MAX || pixels > PROBE_PIXELS_MAX ||
        (p->buffered && pixels > PROBE_PIXELS_MAX_BUFFERED))
        return fault_found(fault, FAULT_TOO_MANY_PIXELS);
    if (p->width < PROBE_SIDE_MIN || p->height < PROBE_SIDE_MIN)
        return fault_found(fault, FAULT_TOO_SMALL);
    return OK;
}

enum err probe_image(struct probe *out, const char **fault, const void *bytes, size_t len)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        struct probe p = {.format = formats[i].format};

        if (len < sizeof formats[i].magic || memcmp(bytes, formats[i].magic, sizeof formats[i].magic) != 0)
            continue;
        TRY(formats[i].walk(&p, fault, bytes, len));
        TRY(judge_size(&p, fault));
        *out = p;
        return OK;
    }
    return fault_found(fault, FAULT_NOT_AN_IMAGE);
}
