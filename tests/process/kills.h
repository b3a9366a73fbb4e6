#ifndef TESTS_PROCESS_KILLS_H
#define TESTS_PROCESS_KILLS_H

#include "lawapi/expiry.h"
#include "photod/ctl/note.h"
#include "vault_rig.h"

/*
 * A photod-vault that is always at work and killed again and again, and what
 * it acknowledged meanwhile.  Everybody who talks to it is played from one
 * loop (kills_play.c): a clerk who uploads rosters and batches and withdraws
 * children, an officer who looks children up, two workers, an administrator
 * who purges and rotates.  What was acknowledged is kept here and held
 * against the vault after every kill and at the end (kills_check.c).
 *
 * The children: groups that are photographed again and again, each batch a
 * whole group, every picture with its batch's number on it; and sets that
 * pass through: enrolled, photographed nearly two years ago (so that the next
 * days' purges erase two of them), the third withdrawn.
 */
#define GROUPS     4
#define GROUP_SIZE 3
#define SETS_FIRST 100 /* the number of the first child of the first set */
#define SETS_MAX   8192
#define LOOKUPS    3 /* under way at a time */
#define PEOPLE     5 /* channels: law, office, ctl, workers */

/* What the vault can be at when it is killed. */
enum act {
    ACT_START,
    ACT_ROSTER,
    ACT_UPLOAD,
    ACT_JUDGING,
    ACT_COMMIT,
    ACT_WITHDRAWAL,
    ACT_LOOKUP,
    ACT_PURGE,
    ACT_ROTATION,
    ACT_COMPACTION, /* of the keyring, within a rotation */
    ACT_COUNT
};

struct act_state {
    bool on;
    int64_t since_us;
    double mean_us;                /* how long it takes, lately */
    uint64_t aimed, hit, finished; /* kills meant for it; kills while it was under way; times it ended */
};

enum phase {
    ROSTER_OPEN,
    ROSTER_CHUNK,
    BATCH_CREATE,
    BATCH_UPLOAD, /* from the start */
    BATCH_FIRST,
    BATCH_LOOK, /* what was acknowledged must still be there */
    BATCH_RESUME,
    BATCH_REST,
    BATCH_WAIT,
    BATCH_COMMIT,
    WITHDRAW,
    PHASE_COUNT
};

struct set {
    uint32_t serial; /* of its batch; 0: none yet */
    uint32_t stored;
    struct date ends_on;   /* of its photos */
    bool committed, maybe; /* acknowledged; asked for */
    bool leaving, gone;    /* the third child's withdrawal, the same */
};

struct batch {
    char id[33];
    uint32_t serial;
    bool uploaded, committed; /* acknowledged */
};

struct release {
    uint64_t leaf;
    char *text;
};

struct ack {
    uint64_t leaf;
    const char *type;
};

struct lookup {
    uint32_t request; /* 0: none under way */
    uint32_t child;
    uint32_t at_least; /* the batch acknowledged when it was asked */
    bool must_show, must_not;
};

/* A growing array of any of these. */
struct list {
    void *rows;
    size_t count, max;
};

struct world {
    struct rig rig;
    struct vkey key;
    bool dead; /* killed: it is still heard, nothing is sent */
    struct act_state acts[ACT_COUNT];

    uint32_t acked[GROUPS], maybe[GROUPS]; /* the batch that must, may be seen */
    struct set sets[SETS_MAX];
    uint32_t set_count; /* the last one is under way */
    struct list batches, releases, acks;
    struct list roots; /* by size: 32 bytes, all zero: not seen */
    uint64_t leaves;   /* that must be there */

    struct office {
        enum phase phase;
        bool asked, for_set, unsure;
        uint32_t request, group, serial;
        int64_t not_before_us;
        uint64_t upload, offset; /* of the batch's next byte */
    } office;
    struct lookup lookups[LOOKUPS];
    struct {
        bool asked, rotates;
        uint32_t request;
        int64_t not_before_us;
    } admin;
    struct {
        uint32_t serial, first, count;
    } zips[RIG_WORKERS];

    struct totals {
        uint64_t kills, committed, released, none, withdrawn, purges, rotations, rosters, refused,
            checkpoints, erased, leaves, audits, checked;
    } totals;
};

/* A row more, zeroed. */
void *list_add(struct list *l, size_t row_bytes);
uint32_t any_below(uint32_t n);
int64_t now_us(void);
struct date world_today(const struct world *w);

/* ---- Playing (kills_play.c) ---- */

/* What was under way is asked again, or asked about. */
void play_resume(struct world *w);
/* Whoever has nothing under way asks for something.  When it wants to be called again at the latest. */
int64_t play_ask(struct world *w, bool may_begin);
/* Hears whoever has something to say. */
void play_hear(struct world *w);
/* Whether the keyring is being rewritten. */
void play_look(struct world *w);
/* Whether nobody waits for anything. */
bool play_is_idle(const struct world *w);

void act_begin(struct world *w, enum act a);
void act_end(struct world *w, enum act a);

/* ---- Checking (kills_check.c) ---- */

void expect_of_child(const struct world *w, struct lookup *l);
/* An answer to a lookup; false: ask again. */
bool check_answer(struct world *w, const struct lookup *l, struct message *m, uint32_t *serial);
void check_root(struct world *w, const struct checkpoint *head);
/* The checkpoint as it lies there. */
void check_file(struct world *w);
/* After a start: what was acknowledged is there, and no batch by half. */
void check_start(struct world *w);
/* At the end, everybody idle: everything against everything.  The vault is stopped and started in between. */
void check_all(struct world *w);

#endif
