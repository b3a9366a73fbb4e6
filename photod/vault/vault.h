#ifndef PHOTOD_VAULT_VAULT_H
#define PHOTOD_VAULT_VAULT_H

#include <stdbool.h>
#include <stdint.h>
#include "keys/envelope.h"
#include "keys/keyfile.h"
#include "lawapi/consent.h"
#include "lawapi/problem.h"
#include "photod/base/config.h"
#include "photod/confine/confine.h"
#include "photod/vault/peer.h"
#include "photod/wire/channel.h"
#include "store/store.h"
#include "store/tiles.h"

/*
 * photod-vault: the only place where store and keys meet.  Two threads.  The
 * deciding thread owns everything in struct vault but what is marked; the
 * committing thread (commit.h) does what waits for the disk.  A decision is
 * made from what was read, and is void when that changed before it was
 * committed: it is then made again.
 */
struct vault {
    struct config config;
    struct confined confined;
    struct secret *root; /* for writing the key file anew */
    struct keys *keys;
    struct store *store;
    struct tiles *tiles; /* the committing thread's once it runs */
    int state_fd, spool_fd, log_fd;
    enum consent_policy policy;
    int64_t started_ms;

    struct channel parent;
    int admin_listen; /* photoctl's socket */
    struct peer *peers;
    uint64_t next_peer_id;
    bool stopping;

    struct committer *committer;
    struct ballast *ballast;          /* ballast.c; let go of by either thread */
    struct lookup *lookups;           /* lookups not answered yet: lookup.c */
    struct upload *uploads;           /* uploads under way: upload.c */
    struct upload_wait *upload_waits; /* questions about them that wait: batch_upload.c */
    uint64_t next_upload_id;
    struct staging *staging;     /* the batch being judged: staging.c */
    bool batches_waiting;        /* some may be uploaded and not judged */
    bool undos_waiting, undoing; /* what undone batches brought is to be erased; is being erased: undo.c */
    struct roster_job *rosters;  /* rosters being parsed: roster.c */
    struct sweep *sweep;         /* the search for keys of nothing: orphans.c */
    struct rotation *rotation;   /* the ring key being replaced: rotate.c */
    int64_t purged_day;          /* the civil day of the last purge, as days since 1970; 0: none */
    bool purging;
    bool forecasting;
    bool unhealthy;          /* a commit took longer than a second */
    bool disk_failed;        /* below a commit: this process answers what it was asked, and leaves */
    int64_t heartbeat_ms;    /* steady time at which the next one is due; 0: now */
    int64_t clock_seen_ms;   /* wall time of the last heartbeat before this start; 0: none */
    int64_t clock_offset_ms; /* wall minus steady time, as last seen */
    bool clock_suspect;      /* clockwatch.c: nothing is erased by date */

    struct shape_process processes[96]; /* as the parent reports them, for status */
    unsigned process_count;
};

#define VAULT_CHUNK (1u << 20) /* bytes of an upload in one message and one spool file */
#define VAULT_TRIES 3          /* how often a decision is made again after a conflict */

#endif
