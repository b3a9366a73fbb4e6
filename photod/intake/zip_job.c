/*
 * One archive, from ZIP_OPEN to ZIP_CLOSE.  The vault holds it sealed in its
 * spool and hands out one chunk at a time; the last few stay mapped, because
 * libzip goes back and forth between directory and entries.
 */
#include <string.h>
#include "photod/base/text.h"
#include "photod/intake/jobs.h"
#include "photod/intake/limit.h"
#include "photod/intake/zip_index.h"
#include "photod/wire/bulk.h"
#include "ingest/archive.h"

#define CHUNKS_KEPT 4
#define CHUNK_MAX   (16u << 20)
#define LISTING_MAX ((size_t)16 << 20)

struct zip {
    struct worker *worker;
    uint64_t bytes;
    uint32_t chunk_bytes;
    uint32_t request; /* of the question under way */
    struct chunk {
        struct bulk bulk;
        uint32_t number;
        uint64_t used_at; /* 0: empty */
    } chunks[CHUNKS_KEPT];
    uint64_t uses;
    struct archive *archive;
};

static void zip_cleanup(struct zip *z)
{
    archive_close(z->archive);
    for (unsigned i = 0; i < CHUNKS_KEPT; i++)
        if (z->chunks[i].used_at)
            bulk_unmap(&z->chunks[i].bulk);
}

static size_t chunk_len(const struct zip *z, uint32_t number)
{
    uint64_t left = z->bytes - (uint64_t)number * z->chunk_bytes;

    return left < z->chunk_bytes ? (size_t)left : z->chunk_bytes;
}

/* The vault's slowness is not the archive's: the clock stands while it is awaited. */
static enum err receive_chunk(struct zip *z, struct message *m)
{
    struct limit_rest rest = limit_pause();
    enum err e = worker_receive(z->worker, m);

    limit_resume(rest);
    return e;
}

static enum err fetch(struct zip *z, struct bulk *out, uint32_t number)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    const struct shape_chunk want = {.number = number};

    TRY(worker_answer(z->worker, MSG_CHUNK_WANT, z->request, &want, NULL, 0));
    TRY(receive_chunk(z, &m));
    if (m.type != MSG_CHUNK || m.is.chunk.number != number)
        return ERR_MALFORMED;
    if (bulk_map(out, m.fds[0], CHUNK_MAX))
        return ERR_MALFORMED;
    if (out->len == chunk_len(z, number))
        return OK;
    bulk_unmap(out);
    return ERR_MALFORMED;
}

static struct chunk *oldest(struct zip *z)
{
    struct chunk *c = &z->chunks[0];

    for (unsigned i = 1; i < CHUNKS_KEPT; i++)
        if (z->chunks[i].used_at < c->used_at)
            c = &z->chunks[i];
    return c;
}

static enum err borrow_chunk(struct zip *z, const struct bulk **out, uint32_t number)
{
    struct chunk *c = NULL;
    struct bulk fresh;

    for (unsigned i = 0; i < CHUNKS_KEPT && !c; i++)
        if (z->chunks[i].used_at && z->chunks[i].number == number)
            c = &z->chunks[i];
    if (!c) {
        TRY(fetch(z, &fresh, number));
        c = oldest(z);
        if (c->used_at)
            bulk_unmap(&c->bulk);
        c->bulk = fresh;
        c->number = number;
    }
    c->used_at = ++z->uses;
    *out = &c->bulk;
    return OK;
}

/*
 * The archive's read callback.  The archive must not take a failure of ours
 * for one of its bytes: nothing here is ERR_MALFORMED to it.
 */
static enum err read_chunks(void *context, uint64_t offset, void *to, size_t len)
{
    struct zip *z = context;

    while (len) {
        uint32_t number = (uint32_t)(offset / z->chunk_bytes);
        size_t at = (size_t)(offset % z->chunk_bytes), run;
        const struct bulk *chunk;
        enum err e = borrow_chunk(z, &chunk, number);

        if (e)
            return e == ERR_MALFORMED ? ERR_CORRUPT : e;
        run = chunk->len - at < len ? chunk->len - at : len;
        memcpy(to, chunk->bytes + at, run);
        to = (unsigned char *)to + run;
        offset += run;
        len -= run;
    }
    return OK;
}

static enum err pack_entries(struct buf *out, struct archive *a)
{
    struct pack p = PACK(out);

    for (size_t i = 0; i < archive_count(a) && !p.err; i++) {
        struct shape_zip_entry row = {.index = (uint32_t)i};
        struct archive_entry entry;

        archive_describe(&entry, a, i);
        row.bytes = entry.size;
        TRY(text_copy(row.name, sizeof row.name, entry.name));
        TRY(text_copy(row.fault, sizeof row.fault, entry.fault ? entry.fault : ""));
        pack_zip_entry(&p, &row);
    }
    return pack_end(&p);
}

static enum err answer_listing(struct zip *z)
{
    CLEANUP(buf) struct buf *rows = NULL;
    CLEANUP(fd) int table = -1;
    struct shape_zip_listed listed = {.count = (uint32_t)archive_count(z->archive)};

    TRY(buf_new(&rows, LISTING_MAX));
    TRY(pack_entries(rows, z->archive));
    TRY(bulk_new(&table, buf_bytes(rows), buf_len(rows)));
    return worker_answer(z->worker, MSG_ZIP_LISTED, z->request, &listed, &table, 1);
}

/* Who is on which picture, if the ZIP itself says so. */
static enum err answer_index(struct zip *z, const char **fault)
{
    CLEANUP(fd) int table = -1;
    struct shape_zip_indexed indexed;
    enum err e = zip_index_read(&indexed, &table, z->archive);

    if (e == ERR_LIMIT)
        return fault_found(fault, FAULT_ZIP_TOO_MANY);
    if (e || indexed.form == ZIP_BY_NAME)
        return e;
    return worker_answer(z->worker, MSG_ZIP_INDEXED, z->request, &indexed, &table, 1);
}

static enum err answer_refused(struct zip *z, const char *code)
{
    struct shape_fault fault = {0};

    TRY(text_copy(fault.code, sizeof fault.code, code));
    return worker_answer(z->worker, MSG_ZIP_REFUSED, z->request, &fault, NULL, 0);
}

static enum err answer_fault(struct zip *z, uint32_t index, const char *code)
{
    struct shape_zip_fault fault = {.index = index};

    TRY(text_copy(fault.code, sizeof fault.code, code));
    return worker_answer(z->worker, MSG_ZIP_FAULT, z->request, &fault, NULL, 0);
}

/* Unpacks in place: the bytes are written once, where the next worker will read them. */
static enum err extract(struct zip *z, const char **fault, int *fd, uint32_t index, size_t len)
{
    CLEANUP(fd) int made = -1;
    unsigned char *bytes;
    enum err e;

    TRY(bulk_begin(&made, &bytes, len));
    limit_begin(LIMIT_ENTRY_S);
    e = archive_extract(z->archive, fault, index, bytes, len);
    limit_end();
    TRY(bulk_seal(made, bytes, len));
    if (!e)
        *fd = TAKE_FD(made);
    return e;
}

static enum err answer_read(struct zip *z, uint32_t index)
{
    CLEANUP(fd) int fd = -1;
    const struct shape_zip_index answer = {.index = index};
    struct archive_entry entry;
    const char *fault = NULL;
    enum err e;

    if (index >= archive_count(z->archive))
        return ERR_MALFORMED;
    archive_describe(&entry, z->archive, index);
    if (entry.fault)
        return answer_fault(z, index, entry.fault);
    e = extract(z, &fault, &fd, index, (size_t)entry.size);
    if (e == ERR_MALFORMED && fault)
        return answer_fault(z, index, fault);
    if (e)
        return e;
    return worker_answer(z->worker, MSG_ZIP_BYTES, z->request, &answer, &fd, 1);
}

static enum err serve(struct zip *z)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;

    for (;;) {
        TRY(worker_receive(z->worker, &m));
        if (m.type == MSG_ZIP_CLOSE)
            return OK;
        if (m.type != MSG_ZIP_READ) /* a CHUNK nobody asked for */
            return ERR_MALFORMED;
        z->request = m.request;
        TRY(answer_read(z, m.is.zip_index.index));
    }
}

static enum err open_and_serve(struct zip *z)
{
    const struct archive_source source = {read_chunks, z, z->bytes};
    const char *fault = NULL;
    enum err e;

    limit_begin(LIMIT_LISTING_S);
    e = archive_open(&z->archive, &fault, source);
    if (!e)
        e = answer_index(z, &fault);
    if (!e)
        e = answer_listing(z);
    limit_end();
    if (e == ERR_MALFORMED && fault)
        return answer_refused(z, fault);
    if (e)
        return e;
    return serve(z);
}

enum err zip_job(struct worker *w, struct message *open)
{
    const struct shape_zip_open *o = &open->is.zip_open;
    __attribute__((cleanup(zip_cleanup))) struct zip z = {
        .worker = w, .bytes = o->bytes, .chunk_bytes = o->chunk_bytes, .request = open->request};

    if (!o->chunk_bytes || o->chunk_bytes > CHUNK_MAX || o->bytes / o->chunk_bytes >= UINT32_MAX)
        return ERR_MALFORMED;
    return open_and_serve(&z);
}
