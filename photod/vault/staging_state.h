#ifndef PHOTOD_VAULT_STAGING_STATE_H
#define PHOTOD_VAULT_STAGING_STATE_H

#include "photod/vault/photo.h"
#include "photod/vault/staging.h"
#include "photod/wire/bulk.h"

/*
 * The batch being judged, shared by the files that judge it: listing.c (what
 * the ZIP lists), index.c (whom its index names), imaging.c (one picture), rows.c (verdicts without a
 * picture) and staging.c (begin, go on, end).
 */
#define IMAGES_MAX        64
#define PHOTOS_AT_ONCE    32 /* photos on their way to the disk */

#define INDEX_MISSING_MAX 40000 /* rows of an index that name no file */

/*
 * A file of the ZIP:
 *   TO_READ   a photo of a child who may be stored
 *   READING   the ZIP worker unpacks it
 *   READ      its bytes wait for a worker
 *   IMAGING   a worker normalises it
 *   STORING   photo and row are on their way to the disk; if that fails, TO_READ again
 *   VERDICT   judged without a picture; its row is still to be committed
 *   ROWING    that row is on its way to the disk; if that fails, VERDICT again
 *   ROWED     its row is durable
 */
enum phase { TO_READ, READING, READ, IMAGING, STORING, VERDICT, ROWING, ROWED };

struct entry {
    struct verdict verdict;
    enum phase phase;
    unsigned tries;
    bool padded;   /* zeros were put before its name: an exact name goes before it */
    bool decided;  /* its child is the clerk's decision, in review */
    bool readable; /* a file of the ZIP that may be unpacked */
    bool named;    /* by a row of the index, as this person, in this size */
    uint64_t person;
    unsigned char size; /* enum zip_size */
    int fd;             /* READ: its bytes */
};

struct imaging {
    uint64_t worker; /* peer id; 0: none */
    uint32_t entry;
};

struct staging {
    unsigned char id[SUBJECT_BYTES];
    struct shape_batch_record record;
    struct dek *dek;           /* of the chunks */
    struct dek *row_dek;       /* of the report */
    struct foretold *foretold; /* of a dry run with a roster: what that would change; else NULL */

    uint64_t zip_worker; /* peer id; 0: none */
    unsigned opens;
    bool listed, finishing;
    bool comparing, compared; /* same.c: what the rows have in common */
    bool counting, counted;   /* summary.c: what it means to each school */

    struct listing *listing; /* what the ZIP lists, while it is judged: listing.c; else NULL */

    bool indexed; /* the ZIP has an index: what the worker said of it, and its rows */
    struct shape_zip_indexed form;
    struct bulk index;

    struct entry *entries; /* the files of the ZIP, then rows of its index that name none */
    uint32_t files, count, rowed, stored, review;
    uint32_t next; /* no entry before it is TO_READ */
    bool reading;  /* the entry in hand is READING or READ */
    uint32_t in_hand;
    unsigned photos; /* photo jobs at the committing thread */
    bool broken;     /* gave up until the next wake: the disk refused */
    struct imaging imaging[IMAGES_MAX];
};

/* For judging its photos. */
static inline struct photo_batch staging_batch(const struct staging *s)
{
    return (struct photo_batch){s->id, &s->record, s->row_dek, s->foretold};
}

/* Whatever can go on, does.  The batch may be finished and gone afterwards. */
void staging_pump(struct vault *v);
/* The ZIP worker died (code NULL) or refused the archive with this code. */
void staging_zip_lost(struct vault *v, struct staging *s, const char *code);
/* The upload as a whole is of no use. */
void staging_fault(struct vault *v, struct staging *s, enum outcome why);
/* Lets the ZIP worker go. */
void staging_close_zip(struct vault *v, struct staging *s);
/* The file is to be read (again). */
void entry_to_read(struct staging *s, uint32_t index);
/* A worker died over this file: it is tried once more, then gets this outcome. */
void entry_lost(struct vault *v, struct staging *s, uint32_t index, enum outcome outcome);

/* The row of this entry is durable. */
void entry_rowed(struct staging *s, uint32_t index, const struct verdict *verdict);
/* What a ZIP listed and its index said are known no more. */
void listing_forget(struct staging *s);
/* Gives a file its verdict and commits the row. */
void entry_verdict(struct vault *v, struct staging *s, uint32_t index, enum outcome outcome);
void entry_verdict_code(struct vault *v, struct staging *s, uint32_t index, const char *code);
/* Commits the rows of all entries of phase VERDICT. */
void rows_commit(struct vault *v, struct staging *s);

/* The slot of a worker that normalises a picture; worker 0: a free slot.  NULL: none. */
struct imaging *imaging_of(struct staging *s, uint64_t worker);
/* Gives the picture in hand to a worker, if one is idle. */
void imaging_dispatch(struct vault *v, struct staging *s);

#endif
