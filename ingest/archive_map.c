#include "ingest/archive_map.h"

#include <stdlib.h>
#include <string.h>

/* Numbers are little-endian; names of fields follow APPNOTE 4.3.7, 4.3.12, 4.3.14-16. */
#define LOCAL_MAGIC     0x04034b50u
#define LOCAL_LEN       30u
#define CENTRAL_MAGIC   0x02014b50u
#define CENTRAL_LEN     46u
#define END_MAGIC       0x06054b50u
#define END_LEN         22u
#define LOCATOR64_MAGIC 0x07064b50u
#define LOCATOR64_LEN   20u
#define END64_MAGIC     0x06064b50u
#define END64_LEN       56u
#define EXTRA64_ID      1u

#define DIRECTORY_MAX   ((uint64_t)16 << 20) /* 20,000 entries with names and extras of 800 bytes */
#define TAIL_MAX        (END_LEN + 65535u)

struct directory {
    uint64_t offset, size, count;
};

static uint16_t le16(const unsigned char *b)
{
    return (uint16_t)(b[0] | b[1] << 8);
}

static uint32_t le32(const unsigned char *b)
{
    return (uint32_t)le16(b) | (uint32_t)le16(b + 2) << 16;
}

static uint64_t le64(const unsigned char *b)
{
    return le32(b) | (uint64_t)le32(b + 4) << 32;
}

static enum err read_at(const struct archive_source *source, uint64_t offset, void *to, size_t len,
                        const char **fault)
{
    if (offset > source->size || len > source->size - offset)
        return fault_found(fault, FAULT_ZIP_INCONSISTENT);
    return source->read(source->context, offset, to, len);
}

/* The end record that the locator before the plain one points to, if there is one. */
static enum err find_end64(struct directory *d, const char **fault, const struct archive_source *source,
                           uint64_t end_at)
{
    unsigned char locator[LOCATOR64_LEN], end[END64_LEN];

    if (end_at < LOCATOR64_LEN)
        return OK;
    TRY(read_at(source, end_at - LOCATOR64_LEN, locator, sizeof locator, fault));
    if (le32(locator) != LOCATOR64_MAGIC)
        return OK;
    TRY(read_at(source, le64(locator + 8), end, sizeof end, fault));
    if (le32(end) != END64_MAGIC)
        return fault_found(fault, FAULT_ZIP_INCONSISTENT);
    *d = (struct directory){.count = le64(end + 32), .size = le64(end + 40), .offset = le64(end + 48)};
    return OK;
}

/* The last end record that fits; bytes after it do no harm. */
static enum err find_directory(struct directory *d, const char **fault, const struct archive_source *source)
{
    size_t len = source->size < TAIL_MAX ? (size_t)source->size : TAIL_MAX;
    CLEANUP(heap) unsigned char *tail = malloc(len + 1);
    const unsigned char *end;
    uint64_t end_at;

    if (!tail)
        return ERR_NOMEM;
    TRY(read_at(source, source->size - len, tail, len, fault));
    if (len < END_LEN)
        return fault_found(fault, FAULT_NOT_A_ZIP);
    for (end = tail + len - END_LEN; le32(end) != END_MAGIC || le16(end + 20) > tail + len - end - END_LEN;
         end--)
        if (end == tail)
            return fault_found(fault, FAULT_NOT_A_ZIP);
    end_at = source->size - len + (uint64_t)(end - tail);
    *d = (struct directory){.count = le16(end + 10), .size = le32(end + 12), .offset = le32(end + 16)};
    TRY(find_end64(d, fault, source, end_at));
    if (d->offset > end_at || d->size > end_at - d->offset)
        return fault_found(fault, FAULT_ZIP_INCONSISTENT);
    if (d->count > ARCHIVE_ENTRIES_MAX || d->size > DIRECTORY_MAX)
        return fault_found(fault, FAULT_ZIP_TOO_MANY);
    return OK;
}

/* The body of the ZIP64 extra field: its length, or 0 when there is none. */
static size_t find_extra64(const unsigned char **body, const unsigned char *extra, size_t len)
{
    while (len >= 4) {
        size_t run = le16(extra + 2);

        if (run > len - 4)
            break;
        *body = extra + 4;
        if (le16(extra) == EXTRA64_ID)
            return run;
        extra += 4 + run;
        len -= 4 + run;
    }
    return 0;
}

/* Large values stand there in this order, each only if its 32-bit place holds all ones. */
static enum err take_extra64(struct archive_place *p, const char **fault, const unsigned char *extra,
                             size_t len)
{
    uint64_t *const wide[] = {&p->size, &p->packed, &p->offset};
    const unsigned char *at = NULL;
    size_t left = find_extra64(&at, extra, len);

    for (size_t i = 0; i < 3; i++) {
        if (*wide[i] != UINT32_MAX)
            continue;
        if (left < 8)
            return fault_found(fault, FAULT_ZIP_INCONSISTENT);
        *wide[i] = le64(at);
        at += 8;
        left -= 8;
    }
    return OK;
}

/* One header of the directory; *used is its length. */
static enum err take_place(struct archive_place *p, size_t *used, const char **fault, const unsigned char *at,
                           size_t left)
{
    size_t extra_len;

    if (left < CENTRAL_LEN || le32(at) != CENTRAL_MAGIC)
        return fault_found(fault, FAULT_ZIP_INCONSISTENT);
    *p = (struct archive_place){
        .method = le16(at + 10),
        .crc = le32(at + 16),
        .packed = le32(at + 20),
        .size = le32(at + 24),
        .name_len = le16(at + 28),
        .offset = le32(at + 42),
        .name = at + CENTRAL_LEN,
    };
    extra_len = le16(at + 30);
    *used = CENTRAL_LEN + p->name_len + extra_len + le16(at + 32);
    if (*used > left)
        return fault_found(fault, FAULT_ZIP_INCONSISTENT);
    return take_extra64(p, fault, p->name + p->name_len, extra_len);
}

static enum err take_places(struct archive_map *m, const char **fault, const struct directory *d)
{
    const unsigned char *at = buf_bytes(m->directory);
    size_t left = buf_len(m->directory), used;

    m->places = calloc(d->size / CENTRAL_LEN + 1, sizeof *m->places);
    if (!m->places)
        return ERR_NOMEM;
    for (; left; at += used, left -= used) {
        if (m->count == ARCHIVE_ENTRIES_MAX)
            return fault_found(fault, FAULT_ZIP_TOO_MANY);
        TRY(take_place(&m->places[m->count], &used, fault, at, left));
        m->count++;
    }
    if (m->count != d->count)
        return fault_found(fault, FAULT_ZIP_INCONSISTENT);
    return OK;
}

static int by_offset(const void *left, const void *right)
{
    const struct archive_place *const *l = left, *const *r = right;

    return (*l)->offset < (*r)->offset ? -1 : (*l)->offset > (*r)->offset;
}

/* Packed bytes may serve one entry only: shared ones are how a small ZIP unpacks to petabytes. */
static enum err refuse_overlap(struct archive_map *m, const char **fault, uint64_t end)
{
    CLEANUP(heap) struct archive_place **sorted = calloc(m->count + 1, sizeof *sorted);

    if (!sorted)
        return ERR_NOMEM;
    for (size_t i = 0; i < m->count; i++)
        sorted[i] = &m->places[i];
    qsort(sorted, m->count, sizeof *sorted, by_offset);
    for (size_t i = m->count; i-- > 0; end = sorted[i]->offset) {
        struct archive_place *p = sorted[i];
        uint64_t header = LOCAL_LEN + p->name_len;

        p->limit = end;
        if (p->offset > end || header > end - p->offset || p->packed > end - p->offset - header)
            return fault_found(fault, FAULT_ZIP_INCONSISTENT);
    }
    return OK;
}

enum err archive_map_init(struct archive_map *out, const char **fault, const struct archive_source *source)
{
    struct directory d = {0};
    unsigned char *space;

    *out = (struct archive_map){0};
    TRY(find_directory(&d, fault, source));
    TRY(buf_new(&out->directory, DIRECTORY_MAX));
    TRY(buf_extend(out->directory, (size_t)d.size, &space));
    TRY(read_at(source, d.offset, space, (size_t)d.size, fault));
    TRY(take_places(out, fault, &d));
    return refuse_overlap(out, fault, d.offset);
}

void archive_map_clear(struct archive_map *m)
{
    buf_free(m->directory);
    free(m->places);
    *m = (struct archive_map){0};
}

enum err archive_map_check_local(const struct archive_map *m, const char **fault,
                                 const struct archive_source *source, size_t index)
{
    const struct archive_place *p = &m->places[index];
    CLEANUP(heap) unsigned char *header = malloc(LOCAL_LEN + p->name_len);
    uint64_t len;

    if (!header)
        return ERR_NOMEM;
    TRY(read_at(source, p->offset, header, LOCAL_LEN + p->name_len, fault));
    len = LOCAL_LEN + p->name_len + le16(header + 28) + p->packed;
    if (le32(header) != LOCAL_MAGIC || le16(header + 8) != p->method || le16(header + 26) != p->name_len ||
        memcmp(header + LOCAL_LEN, p->name, p->name_len) != 0 || len > p->limit - p->offset)
        return fault_found(fault, FAULT_ZIP_INCONSISTENT);
    return OK;
}
