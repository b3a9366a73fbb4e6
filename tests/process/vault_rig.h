#ifndef TESTS_PROCESS_VAULT_RIG_H
#define TESTS_PROCESS_VAULT_RIG_H

#include <check.h>
#include <sys/types.h>
#include "photod/wire/bulk.h"
#include "photod/wire/channel.h"
#include "tests/fault/faultio.h"

#define RIG_DISTRICT "0487"
#define RIG_CHILD    "012345678" /* opted in, with a committed photo, after rig_child() */
#define RIG_WORKERS  2
#define RIG_MARK     "THIS-IS-THE-PICTURE" /* stands in every rendition of that photo */

/*
 * A real photod-vault on a state of its own; the test is its parent and
 * everybody who talks to it.  Each channel is the far end of one of the
 * vault's; channel_send() lets it say anything.
 */
struct rig {
    const char *below; /* where its directory is made; NULL: /tmp; set before rig_start() */
    char dir[64];
    pid_t pid;
    struct channel control; /* the parent's end */
    struct channel law, office, ctl, workers[RIG_WORKERS];
    struct shape_ready ready;
    unsigned char fingerprint[32]; /* of an enrolled certificate */
    char key[100];                 /* of the district */
    bool dry_run;                  /* of the batches made from now on */
    uint32_t request;              /* the number of the last question */
    unsigned ballast_mib;          /* set before rig_start(), if any */
    const char *clock_library;     /* tests/fault/libclock.c, or NULL; set before rig_start() */
    int64_t clock_shift_ms;        /* with it, how far the vault's day is ahead */
    const char *fault_library;     /* tests/fault/libfaultio.c, or NULL; set before rig_start() */
    struct faultio *fault;         /* with it, what its disk does from now on */
};

/* Makes the state, starts the vault, connects everybody and enrols agency, certificate, district and key. */
void rig_start(struct rig *r);
/* The vault must leave in order, with exit code 0: a sanitizer's finding fails the test here. */
void rig_stop(struct rig *r);
/* kill -9; what it said before can still be received.  It must have been alive. */
void rig_kill(struct rig *r);
/* Starts it again on the same state, in two steps: told to go; ready, and connected with everybody. */
void rig_launch(struct rig *r);
/* Whether it ends by itself within that time; then its exit code is `status`. */
bool rig_ends_within(struct rig *r, unsigned ms, int status);
bool rig_is_ready(struct rig *r); /* in between: whether it has said so */
void rig_join(struct rig *r);
/* Kills it and removes the state. */
void rig_clear(struct rig *r);
/* A new channel in the place of an old one; index only counts for workers. */
void rig_link(struct rig *r, struct channel *c, enum process process, uint32_t index);
/* The channel to that process; NULL: nobody's. */
struct channel *rig_channel(struct rig *r, enum process process, unsigned index);

/* Sends a question; its number.  fd: closed; -1: none. */
uint32_t rig_send(struct rig *r, struct channel *c, enum msg type, const void *shape, int fd);
/* The answer to the last question; fails the test when none comes. */
void rig_hear(struct rig *r, struct channel *c, struct message *out);
/* Whatever it says next. */
void rig_hear_any(struct rig *r, struct channel *c, struct message *out);
/* Question and answer, which must be of that type. */
void rig_ask(struct rig *r, struct channel *c, enum msg type, const void *shape, int fd, struct message *out,
             enum msg expected);
/* The same; the answer must be REFUSED with that problem. */
void rig_refused(struct rig *r, struct channel *c, enum msg type, const void *shape, int fd,
                 uint32_t problem);
/* What the vault asks a worker next. */
void rig_worker_hear(struct channel *c, struct message *out, enum msg expected);
/* The same, whichever worker it asks; moves that one's channel to `state`. */
struct channel *rig_worker_asked(struct rig *r, enum msg expected, enum channel_state state,
                                 struct message *out);
/* What that worker did was enough: rig_expect_dropped(). */
void rig_worker_dropped(struct rig *r, struct channel *c);
/* It is gone, and another is in its place. */
void rig_worker_replaced(struct rig *r, struct channel *c);
/* A worker answers. */
void rig_worker_say(struct rig *r, struct channel *c, enum msg type, const void *shape, int fd,
                    enum channel_state state);

/* Bytes as they are, with any descriptors (borrowed). */
void rig_send_raw(struct channel *c, const void *bytes, size_t len, const int *fds, unsigned count);
/* The vault closed that channel, within 10 s; what it said before is thrown away. */
void rig_expect_cut(struct channel *c);
/* The log holds such a leaf, within 10 s. */
void rig_expect_leaf(struct rig *r, const char *text);
/* How many leaves with this in them the log's files hold: all there are, right after a start. */
unsigned rig_count_leaves(struct rig *r, const char *text);
/* Cut off, a peer-dropped leaf of that process, and the vault serves: then a new channel takes its place. */
void rig_expect_dropped(struct rig *r, struct channel *c, enum process process, uint32_t index);

/* The vault lives, and answers STATUS and a lookup.  The log's size. */
uint64_t rig_expect_serving(struct rig *r);
struct shape_lookup rig_lookup(const struct rig *r, const char *state_id);

/* Sealed bytes. */
int rig_bulk(const void *bytes, size_t len);
/* What was packed into b, sealed; frees b. */
int rig_table(struct buf *b, const struct pack *p);
/* A file in memory that anyone may still change. */
int rig_unsealed(size_t len);
/* The State ID of child n; 0 is RIG_CHILD. */
void rig_state_id(char out[static 10], uint32_t n);
/* A ZIP's listing: numbers 0 to count - 1, the photos of child `first` and those after. */
int rig_listing_of(uint32_t first, uint32_t count);
int rig_listing(uint32_t count); /* of RIG_CHILD and those after */
/* A roster: child `first` and those after, all opted in. */
int rig_roster_of(uint32_t first, uint32_t count);
int rig_roster_table(uint32_t count); /* of RIG_CHILD and those after */
/* What such a worker says of the file. */
extern const struct shape_roster_summary rig_summary;
/* Three renditions that pass for JPEG. */
void rig_pictures(int fds[static 3]);
/* The worker answers IMAGE with them, and is idle; fds are closed. */
void rig_worker_draws(struct channel *c, const struct shape_image_done *done, const int fds[static 3]);

#define RIG_CROWD 20
/* Who waits: photoctl, which is heard once a turn, with so many new districts, and an officer with a lookup
 * of RIG_CHILD, who has no photo. */
struct rig_crowd {
    uint32_t lookup, asked[RIG_CROWD];
};
void rig_crowd_ask(struct rig *r, struct rig_crowd *c);
/* All are answered; the newest of their leaves. */
uint64_t rig_crowd_hear(struct rig *r, const struct rig_crowd *c);
/* The vault stands still, so that what is sent waits; it goes on. */
void rig_pause(struct rig *r);
void rig_resume(struct rig *r);

/* Opens an upload; its name. */
uint64_t rig_open(struct rig *r, enum msg open, const void *shape);
/* Sends a chunk of it; the answer must be of that type. */
void rig_chunk(struct rig *r, uint64_t upload, uint64_t offset, const void *bytes, size_t len,
               enum msg expected);
/* Of six bytes. */
struct shape_roster_open rig_roster_open(const struct rig *r);
/* A roster is whole and with a worker, which is returned; the report is still to come, as the answer to
 * r->request. */
struct channel *rig_roster_parsing(struct rig *r);
/* The same, of a batch; NULL: of the district. */
struct channel *rig_roster_parsing_for(struct rig *r, const struct shape_batch_name *batch);
/* Puts RIG_CHILD and the children after it on the roster, all opted in. */
void rig_roster(struct rig *r, uint32_t count);
/* A new batch; *ask names it. */
void rig_batch_new(struct rig *r, struct shape_batch_name *ask);
struct shape_upload_create rig_upload_create(const struct shape_batch_name *batch, uint64_t length);
struct shape_upload_resume rig_upload_resume(const struct shape_batch_name *batch, uint64_t offset,
                                             uint64_t bytes);
/* A batch whose upload is whole; a worker is asked to open it, and is returned.  *ask names the batch. */
struct channel *rig_batch(struct rig *r, struct shape_batch_name *ask);
/* The batch's state now; waits until every file has its verdict. */
struct shape_batch_state rig_batch_staged(struct rig *r, const struct shape_batch_name *ask);
/* The row of a file, counted from 0. */
struct shape_report_row rig_row(struct rig *r, const struct shape_batch_name *ask, unsigned index);
/* Judges a batch of RIG_CHILD's photo as an honest worker would; zip: who was asked to open it. */
void rig_judge(struct rig *r, struct channel *zip);
/* What the workers find in one file. */
struct rig_picture {
    const char *bytes; /* the file; NULL: some that no other has */
    struct shape_image_done done;
};
/*
 * Judges a batch whose ZIP holds the photos of the first `count` children.
 * pictures: one for each, or NULL for ordinary ones.  How many were given to
 * a worker to normalise.
 */
uint32_t rig_judge_all(struct rig *r, struct channel *zip, uint32_t count,
                       const struct rig_picture *pictures);
/* The same, but stops once that many were given. */
uint32_t rig_judge_some(struct rig *r, struct channel *zip, uint32_t count,
                        const struct rig_picture *pictures, uint32_t most);
/* The same, of a batch whose files the worker has listed. */
uint32_t rig_judge_listed(struct rig *r, struct channel *zip, const struct rig_picture *pictures,
                          uint32_t most);
/* Commits or undoes (MSG_BATCH_COMMIT, _UNDO) and returns the answer. */
struct shape_batch_state rig_batch_step(struct rig *r, const struct shape_batch_name *ask, enum msg step);
/* What is left of the n-th child. */
struct shape_erasure_state rig_left(struct rig *r, uint32_t n);
/* Roster, batch, photo, commit: RIG_CHILD's photo is served. */
void rig_child(struct rig *r);

/* Runs tests, each between setup and teardown; the exit code of main(). */
int rig_suite(const char *name, const TTest *const *tests, size_t count, SFun setup, SFun teardown);

#endif
