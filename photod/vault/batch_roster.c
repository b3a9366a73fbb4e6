#include "photod/vault/batch_roster.h"

#include <string.h>
#include "photod/vault/record.h"
#include "photod/vault/upload.h"

#define ROWS_MAX  (256u << 20)
#define HEADER    8    /* bytes of the first chunk: how many rows' bytes follow in all */
#define SPOOL_BIT 0x40 /* of the first place; the next bit is the second's */

void batch_roster_spool(unsigned char out[static SPOOL_ID_BYTES],
                        const unsigned char batch[static SUBJECT_BYTES], unsigned place)
{
    memcpy(out, batch, SPOOL_ID_BYTES);
    out[0] ^= (unsigned char)(SPOOL_BIT << (place - 1));
}

static unsigned other_place(unsigned place)
{
    return place == 1 ? 2 : 1;
}

static bool takes_roster(struct vault *v, const unsigned char *id, const struct shape_batch_record *r)
{
    return r->state == BATCH_STAGING && !r->uploaded && !upload_into(v, id);
}

enum err batch_roster_may(struct vault *v, struct asker to, const struct shape_roster_open *ask,
                          struct actor *a, unsigned char id[static SUBJECT_BYTES], bool *dry_run)
{
    CLEANUP(batch_asked) struct batch_asked found = {.to = to};
    struct shape_batch_name name = {.key = ""};

    memcpy(name.key, ask->key, sizeof name.key);
    memcpy(name.source, ask->source, sizeof name.source);
    memcpy(name.district, ask->district, sizeof name.district);
    memcpy(name.batch, ask->batch, sizeof name.batch);
    TRY(batch_find(v, &found, &name));
    *a = found.actor;
    *dry_run = found.record.dry_run != 0;
    memcpy(id, found.id, sizeof found.id);
    if (takes_roster(v, id, &found.record))
        return OK;
    batch_refuse_state(v, &found, "; its roster is sent before its photos");
    return ERR_DENIED;
}

enum err batch_roster_put(struct vault *v, struct store_batch *b,
                          const unsigned char id[static SUBJECT_BYTES], unsigned *place)
{
    CLEANUP(record) struct record read = RECORD_NONE;
    struct shape_batch_record r;

    TRY(batch_load(v, id, &r, &read));
    if (!takes_roster(v, id, &r))
        return ERR_DENIED;
    *place = other_place(r.roster);
    r.roster = (unsigned char)*place;
    TRY(record_expect(b, KIND_BATCH, id, &read));
    return batch_put(v, b, id, &r);
}

/* ---- The spool ---- */

static enum err write_first(struct vault *v, const unsigned char *spool, const struct dek *dek,
                            const unsigned char *rows, size_t len, size_t *written)
{
    CLEANUP(buf) struct buf *chunk = NULL;
    struct pack p;

    *written = len < VAULT_CHUNK - HEADER ? len : VAULT_CHUNK - HEADER;
    TRY(buf_new(&chunk, VAULT_CHUNK));
    p = PACK(chunk);
    pack_u64(&p, len);
    pack_raw(&p, rows, *written);
    TRY(pack_end(&p));
    return spool_write(v, spool, dek, 0, buf_bytes(chunk), buf_len(chunk));
}

enum err batch_roster_write(struct vault *v, const unsigned char id[static SUBJECT_BYTES], unsigned place,
                            const struct dek *dek, const unsigned char *rows, size_t len)
{
    unsigned char spool[SPOOL_ID_BYTES];
    size_t at, run;

    batch_roster_spool(spool, id, place);
    TRY(spool_restart(v, spool));
    TRY(write_first(v, spool, dek, rows, len, &at));
    for (; at < len; at += run) {
        run = len - at < VAULT_CHUNK ? len - at : VAULT_CHUNK;
        TRY(spool_write(v, spool, dek, at + HEADER, rows + at, run));
    }
    return OK;
}

enum err batch_roster_read(struct batch_roster *r, struct vault *v,
                           const unsigned char id[static SUBJECT_BYTES], unsigned place,
                           const struct dek *dek, bool *whole)
{
    unsigned char spool[SPOOL_ID_BYTES];
    uint64_t len;
    struct take t;

    *whole = false;
    if (!place)
        return ERR_NOTFOUND;
    batch_roster_spool(spool, id, place);
    if (!r->bytes)
        TRY(buf_new(&r->bytes, ROWS_MAX + VAULT_CHUNK));
    TRY(spool_read(v, spool, dek, r->chunks++, r->bytes));
    t = TAKE_BYTES(buf_bytes(r->bytes), buf_len(r->bytes));
    len = take_u64(&t);
    if (t.err || len > ROWS_MAX || buf_len(r->bytes) > len + HEADER)
        return ERR_CORRUPT;
    *whole = buf_len(r->bytes) == len + HEADER;
    return OK;
}

enum err batch_roster_crosswalk(struct crosswalk **out, const struct batch_roster *r)
{
    return crosswalk_begin(out, buf_bytes(r->bytes) + HEADER, buf_len(r->bytes) - HEADER);
}

enum err batch_roster_foretold(struct foretold **out, struct batch_roster *r, const char *district)
{
    return foretold_begin(out, &r->bytes, HEADER, district);
}

enum err batch_roster_load(struct crosswalk **out, struct vault *v,
                           const unsigned char id[static SUBJECT_BYTES], unsigned place,
                           const struct dek *dek)
{
    CLEANUP(batch_roster) struct batch_roster r = {.bytes = NULL};
    bool whole = false;

    while (!whole)
        TRY(batch_roster_read(&r, v, id, place, dek, &whole));
    return crosswalk_new(out, buf_bytes(r.bytes) + HEADER, buf_len(r.bytes) - HEADER);
}

static void empty(struct vault *v, const unsigned char *id, unsigned place)
{
    unsigned char spool[SPOOL_ID_BYTES];

    batch_roster_spool(spool, id, place);
    spool_remove(v, spool);
}

void batch_roster_keep(struct vault *v, const unsigned char id[static SUBJECT_BYTES], unsigned place)
{
    empty(v, id, other_place(place));
}

void batch_roster_remove(struct vault *v, const unsigned char id[static SUBJECT_BYTES])
{
    for (unsigned place = 1; place <= BATCH_ROSTER_PLACES; place++)
        empty(v, id, place);
}
