/* Everybody who talks to a vault that is killed again and again: see kills.h. */
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "kills.h"
#include "lawapi/problem.h"

#define WAIT_US      2000 /* between two looks at a batch being judged */
#define UPLOAD_BYTES 21
#define FIRST_BYTES  11 /* of a batch's upload, in a piece of its own */

int64_t now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void act_begin(struct world *w, enum act a)
{
    if (!w->acts[a].on)
        w->acts[a].since_us = now_us();
    w->acts[a].on = true;
}

void act_end(struct world *w, enum act a)
{
    struct act_state *s = &w->acts[a];
    double took = (double)(now_us() - s->since_us);

    if (!s->on)
        return;
    s->on = false;
    if (!w->dead) /* what is heard late took no longer */
        s->mean_us = s->finished ? s->mean_us * 0.9 + took * 0.1 : took;
    s->finished++;
}

static void acknowledged(struct world *w, uint64_t leaf, const char *type)
{
    struct ack *a = list_add(&w->acks, sizeof *a);

    *a = (struct ack){leaf, type};
    if (leaf >= w->leaves)
        w->leaves = leaf + 1;
}

/* ---- The clerk ---- */

static struct set *last_set(struct world *w)
{
    return &w->sets[w->set_count - 1];
}

static uint32_t first_of_set(const struct world *w)
{
    return SETS_FIRST + (w->set_count - 1) * GROUP_SIZE;
}

static struct batch *last_batch(struct world *w)
{
    return (struct batch *)w->batches.rows + w->batches.count - 1;
}

static uint32_t say(struct world *w, enum msg type, const void *shape, int fd)
{
    return rig_send(&w->rig, &w->rig.office, type, shape, fd);
}

static struct shape_batch_name name_of_batch(struct world *w)
{
    struct shape_batch_name n = {.source = "192.0.2.2", .district = RIG_DISTRICT};

    memcpy(n.key, w->rig.key, sizeof n.key);
    memcpy(n.batch, last_batch(w)->id, sizeof last_batch(w)->id);
    return n;
}

static uint32_t ask_create(struct world *w)
{
    struct shape_batch_create create = {.source = "192.0.2.2", .district = RIG_DISTRICT};
    struct date day = world_today(w);

    if (w->office.for_set) {
        day = date_from_days(date_to_days(day) - 729);
        last_set(w)->ends_on = photo_ends_on(day);
    }
    memcpy(create.key, w->rig.key, sizeof create.key);
    date_format(create.taken_on, day);
    return say(w, MSG_BATCH_CREATE, &create, -1);
}

static uint32_t ask_chunk(struct world *w)
{
    struct shape_upload_chunk chunk = {.upload = w->office.upload};
    uint32_t first = w->office.for_set ? first_of_set(w) : w->office.group * GROUP_SIZE;
    uint64_t end = w->office.phase == BATCH_FIRST ? FIRST_BYTES : UPLOAD_BYTES;
    char text[64] = "";

    (void)snprintf(text, sizeof text, "%010u %010u", w->office.serial, first);
    chunk.offset = w->office.phase == BATCH_REST ? w->office.offset : 0;
    return say(w, MSG_UPLOAD_CHUNK, &chunk, rig_bulk(text + chunk.offset, end - chunk.offset));
}

static uint32_t ask_upload(struct world *w)
{
    const struct shape_batch_name batch = name_of_batch(w);
    const struct shape_upload_create create = rig_upload_create(&batch, UPLOAD_BYTES);
    const struct shape_upload_resume resume =
        rig_upload_resume(&batch, w->office.offset, UPLOAD_BYTES - w->office.offset);

    act_begin(w, ACT_UPLOAD);
    if (w->office.phase == BATCH_LOOK)
        return say(w, MSG_UPLOAD_GET, &batch, -1);
    return w->office.phase == BATCH_UPLOAD ? say(w, MSG_UPLOAD_CREATE, &create, -1)
                                           : say(w, MSG_UPLOAD_RESUME, &resume, -1);
}

static uint32_t ask_office(struct world *w)
{
    struct shape_roster_open roster = rig_roster_open(&w->rig);
    struct shape_withdraw withdraw = {.source = "192.0.2.2", .district = RIG_DISTRICT, .reason = "asked to"};
    struct shape_batch_name batch;

    switch ((int)w->office.phase) {
    case ROSTER_OPEN:
        act_begin(w, ACT_ROSTER);
        roster.length = UPLOAD_BYTES;
        return say(w, MSG_ROSTER_OPEN, &roster, -1);
    case ROSTER_CHUNK:
    case BATCH_FIRST:
    case BATCH_REST:
        return ask_chunk(w);
    case BATCH_UPLOAD:
    case BATCH_LOOK:
    case BATCH_RESUME:
        return ask_upload(w);
    case BATCH_CREATE:
        act_begin(w, ACT_UPLOAD);
        return ask_create(w);
    case WITHDRAW:
        act_begin(w, ACT_WITHDRAWAL);
        last_set(w)->leaving = true;
        memcpy(withdraw.key, w->rig.key, sizeof withdraw.key);
        rig_state_id(withdraw.state_id, first_of_set(w) + 2);
        return say(w, MSG_WITHDRAW, &withdraw, -1);
    default:
        break;
    }
    batch = name_of_batch(w);
    if (w->office.phase == BATCH_WAIT) {
        act_begin(w, ACT_JUDGING);
        return say(w, MSG_BATCH_GET, &batch, -1);
    }
    act_begin(w, ACT_COMMIT);
    if (w->office.for_set)
        last_set(w)->maybe = true;
    else
        w->maybe[w->office.group] = w->office.serial;
    return say(w, MSG_BATCH_COMMIT, &batch, -1);
}

/* The next batch is another group's, or that of a new set, whose children come first. */
static void next_round(struct world *w)
{
    w->office.for_set = !w->office.for_set;
    w->office.serial++;
    if (w->office.for_set) {
        ck_assert_uint_lt(w->set_count, SETS_MAX);
        w->sets[w->set_count++] = (struct set){.serial = w->office.serial};
    } else {
        w->office.group = any_below(GROUPS);
    }
    w->office.phase = w->office.for_set ? ROSTER_OPEN : BATCH_CREATE;
}

static void committed(struct world *w)
{
    last_batch(w)->committed = true;
    w->totals.committed++;
    act_end(w, ACT_COMMIT);
    if (w->office.for_set) {
        last_set(w)->committed = true;
        w->office.phase = WITHDRAW;
        w->office.unsure = false;
        return;
    }
    w->acked[w->office.group] = w->office.serial;
    w->maybe[w->office.group] = 0;
    next_round(w);
}

static void heard_state(struct world *w, const struct shape_batch_state *s)
{
    if (s->state == BATCH_STAGING) {
        w->office.not_before_us = now_us() + WAIT_US;
        return;
    }
    act_end(w, ACT_JUDGING);
    ck_assert_str_eq(s->fault, "");
    ck_assert_uint_eq(s->files, GROUP_SIZE);
    if (w->office.for_set)
        last_set(w)->stored = s->stored; /* the day may have ended meanwhile */
    else
        ck_assert_uint_eq(s->stored, GROUP_SIZE);
    if (s->state == BATCH_COMMITTED)
        committed(w); /* its answer was lost with the vault */
    else
        w->office.phase = BATCH_COMMIT;
}

static void created(struct world *w, const struct shape_batch_state *s)
{
    struct batch *b = list_add(&w->batches, sizeof *b);

    memcpy(b->id, s->batch, sizeof b->id);
    b->serial = w->office.serial;
    acknowledged(w, s->leaf, "batch-create");
    w->office.phase = BATCH_UPLOAD;
}

static void withdrawn(struct world *w)
{
    last_set(w)->gone = true;
    w->totals.withdrawn++;
    act_end(w, ACT_WITHDRAWAL);
    next_round(w);
}

/* What another one's answer may have said already. */
static bool is_told_late(const struct world *w, const struct message *m)
{
    return m->type == MSG_REFUSED && w->office.phase == WITHDRAW && w->office.unsure &&
           m->is.refused.problem == PROBLEM_CHILD_UNKNOWN;
}

/* Batches of which a kill swallowed the answer stand open, nobody knows their names; a night will see to
 * them. */
static bool has_left_many(const struct world *w, const struct message *m)
{
    return w->office.phase == BATCH_CREATE && m->is.refused.problem == PROBLEM_BATCHES_OPEN;
}

static void refused(struct world *w, const struct message *m)
{
    if (is_told_late(w, m)) {
        withdrawn(w);
        return;
    }
    if (w->office.phase == BATCH_COMMIT && m->type == MSG_REFUSED &&
        m->is.refused.problem == PROBLEM_BATCH_STATE) { /* a purge looked after it meanwhile */
        w->office.phase = BATCH_WAIT;
        return;
    }
    ck_assert_msg(m->type == MSG_REFUSED && (m->is.refused.retry_after_s || has_left_many(w, m)),
                  "%s (problem %u, %s) in phase %d", message_name(m->type), m->is.refused.problem,
                  m->is.refused.detail, (int)w->office.phase);
    w->totals.refused++;
    w->office.not_before_us = now_us() + 10000;
    if (w->office.phase == ROSTER_CHUNK)
        w->office.phase = ROSTER_OPEN;
    if (w->office.phase == BATCH_FIRST)
        w->office.phase = BATCH_UPLOAD;
    if (w->office.phase == BATCH_REST || w->office.phase == BATCH_RESUME)
        w->office.phase = BATCH_LOOK;
}

static void uploaded(struct world *w)
{
    last_batch(w)->uploaded = true;
    act_end(w, ACT_UPLOAD);
    w->office.phase = BATCH_WAIT;
}

static void looked(struct world *w, const struct shape_upload_state *s)
{
    ck_assert_uint_ge(s->offset, FIRST_BYTES);
    ck_assert_uint_le(s->offset, UPLOAD_BYTES);
    ck_assert_uint_eq(s->length, UPLOAD_BYTES);
    w->office.offset = s->offset;
    w->office.phase = BATCH_RESUME;
    if (s->offset == UPLOAD_BYTES) /* its answer was lost with the vault */
        uploaded(w);
}

static void hear_office(struct world *w, const struct message *m)
{
    static const enum msg expected[PHASE_COUNT] = {
        [ROSTER_OPEN] = MSG_UPLOAD_READY,  [ROSTER_CHUNK] = MSG_ROSTER_REPORT,
        [BATCH_CREATE] = MSG_BATCH_STATE,  [BATCH_UPLOAD] = MSG_UPLOAD_READY,
        [BATCH_FIRST] = MSG_UPLOAD_KEPT,   [BATCH_LOOK] = MSG_UPLOAD_IS,
        [BATCH_RESUME] = MSG_UPLOAD_READY, [BATCH_REST] = MSG_BATCH_STATE,
        [BATCH_WAIT] = MSG_BATCH_REPORT,   [BATCH_COMMIT] = MSG_BATCH_STATE,
        [WITHDRAW] = MSG_WITHDRAWN,
    };
    enum phase phase = w->office.phase;

    if (!w->office.asked || m->request != w->office.request)
        return;
    w->office.asked = false;
    if (m->type != expected[phase]) {
        refused(w, m);
        return;
    }
    switch ((int)phase) {
    case ROSTER_OPEN:
    case BATCH_UPLOAD:
    case BATCH_RESUME:
        w->office.upload = m->is.upload_state.upload;
        w->office.phase++;
        break;
    case BATCH_FIRST:
        w->office.offset = FIRST_BYTES;
        w->office.phase = BATCH_REST;
        break;
    case BATCH_LOOK:
        looked(w, &m->is.upload_state);
        break;
    case ROSTER_CHUNK:
        ck_assert_uint_eq(m->is.roster_report.in, GROUP_SIZE);
        acknowledged(w, m->is.roster_report.leaf, ""); /* its first, which is the first child's answer */
        w->totals.rosters++;
        act_end(w, ACT_ROSTER);
        w->office.phase = BATCH_CREATE;
        break;
    case BATCH_CREATE:
        created(w, &m->is.batch_state);
        break;
    case BATCH_REST:
        acknowledged(w, m->is.batch_state.leaf, "batch-upload");
        uploaded(w);
        break;
    case BATCH_WAIT:
        heard_state(w, &m->is.batch_state);
        break;
    case BATCH_COMMIT:
        acknowledged(w, m->is.batch_state.leaf, "batch-commit");
        committed(w);
        break;
    case WITHDRAW:
        acknowledged(w, m->is.withdrawn.leaf, "withdrawal");
        withdrawn(w);
        break;
    default:
        w->office.phase++;
        break;
    }
}

static void resume_office(struct world *w)
{
    static const enum phase again[PHASE_COUNT] = {
        [ROSTER_OPEN] = ROSTER_OPEN,   [ROSTER_CHUNK] = ROSTER_OPEN, [BATCH_CREATE] = BATCH_CREATE,
        [BATCH_UPLOAD] = BATCH_UPLOAD, [BATCH_FIRST] = BATCH_UPLOAD, [BATCH_RESUME] = BATCH_RESUME,
        [BATCH_REST] = BATCH_LOOK,     [BATCH_WAIT] = BATCH_WAIT,    [BATCH_COMMIT] = BATCH_WAIT,
        [WITHDRAW] = WITHDRAW,
    };

    w->office.unsure = w->office.phase == WITHDRAW && last_set(w)->leaving;
    w->office.phase = again[w->office.phase];
    w->office.asked = false;
    w->office.not_before_us = 0;
}

/* ---- The officer ---- */

static uint32_t any_child(const struct world *w)
{
    uint32_t back = any_below(2) ? 4 : w->set_count;

    if (!w->set_count || any_below(2))
        return any_below(GROUPS * GROUP_SIZE);
    if (back > w->set_count)
        back = w->set_count;
    return SETS_FIRST + (w->set_count - 1 - any_below(back)) * GROUP_SIZE + any_below(GROUP_SIZE);
}

static void ask_law(struct world *w, struct lookup *l)
{
    struct shape_lookup ask;
    char state_id[10];

    rig_state_id(state_id, l->child);
    ask = rig_lookup(&w->rig, state_id);
    expect_of_child(w, l);
    l->request = rig_send(&w->rig, &w->rig.law, MSG_LOOKUP, &ask, -1);
    act_begin(w, ACT_LOOKUP);
}

static void hear_law(struct world *w, struct message *m)
{
    uint32_t serial;

    for (unsigned i = 0; i < LOOKUPS; i++)
        if (w->lookups[i].request == m->request) {
            if (!check_answer(w, &w->lookups[i], m, &serial))
                w->totals.refused++;
            w->lookups[i].request = 0;
            act_end(w, ACT_LOOKUP);
            return;
        }
}

/* ---- The administrator ---- */

static void ask_admin(struct world *w)
{
    act_begin(w, w->admin.rotates ? ACT_ROTATION : ACT_PURGE);
    w->admin.request =
        rig_send(&w->rig, &w->rig.ctl, w->admin.rotates ? MSG_KEYS_ROTATE : MSG_PURGE, NULL, -1);
    w->admin.asked = true;
}

static void hear_admin(struct world *w, const struct message *m)
{
    if (!w->admin.asked || m->request != w->admin.request)
        return;
    w->admin.asked = false;
    if (m->type == MSG_DONE) {
        acknowledged(w, m->is.done.leaf, "ring-rotated");
        w->totals.rotations++;
        act_end(w, ACT_ROTATION);
    } else if (m->type == MSG_PURGED) {
        acknowledged(w, m->is.purged.leaf, "purge");
        w->totals.purges++;
        act_end(w, ACT_PURGE);
    } else {
        ck_assert_msg(m->type == MSG_REFUSED && m->is.refused.retry_after_s, "%s: problem %u, %s",
                      message_name(m->type), m->is.refused.problem, m->is.refused.detail);
        if (strstr(m->is.refused.detail, "clock") && !w->dead)
            (void)rig_send(&w->rig, &w->rig.ctl, MSG_CLOCK_ACCEPT, NULL, -1);
        w->admin.not_before_us = now_us() + 1000;
        return;
    }
    w->admin.rotates = !w->admin.rotates;
    w->admin.not_before_us = now_us() + 5000;
}

/* ---- The workers ---- */

/* Two numbers, as ask_chunk() and give_bytes() write them. */
static void read_numbers(struct message *m, uint32_t *a, uint32_t *b)
{
    CLEANUP(bulk) struct bulk bytes = {(const unsigned char *)"", 0};
    char text[22] = "";

    ck_assert_int_eq(bulk_map(&bytes, m->fds[0], 64), OK);
    ck_assert_uint_eq(bytes.len, 21);
    memcpy(text, bytes.bytes, 21);
    ck_assert_int_eq(sscanf(text, "%u %u", a, b), 2);
}

static void give_pictures(struct channel *c, uint32_t serial, uint32_t child)
{
    struct shape_image_done done = {.width = 1200, .height = 1500};
    char picture[64] = "\xff\xd8\xff\xe0";
    int fds[3];

    (void)snprintf(picture + 4, sizeof picture - 4, "%010u %010u", serial, child);
    for (unsigned i = 0; i < sizeof done.phash; i++) /* each child looks like nobody else */
        done.phash[i] = (unsigned char)((child + 1) * (2654435761u + 40503u * i) >> 13);
    for (unsigned i = 0; i < 3; i++)
        fds[i] = rig_bulk(picture, 25);
    rig_worker_draws(c, &done, fds);
}

static void hear_worker(struct world *w, unsigned i, struct message *m)
{
    struct channel *c = &w->rig.workers[i];
    const struct shape_zip_listed listed = {.count = GROUP_SIZE};
    const struct shape_chunk first = {.number = 0};
    uint32_t serial, child;
    char text[64];

    if (w->dead)
        return;
    switch ((int)m->type) {
    case MSG_ZIP_OPEN:
        rig_worker_say(&w->rig, c, MSG_CHUNK_WANT, &first, -1, STATE_ZIP);
        break;
    case MSG_CHUNK:
        read_numbers(m, &w->zips[i].serial, &w->zips[i].first);
        rig_worker_say(&w->rig, c, MSG_ZIP_LISTED, &listed, rig_listing_of(w->zips[i].first, GROUP_SIZE),
                       STATE_ZIP);
        break;
    case MSG_ZIP_READ:
        (void)snprintf(text, sizeof text, "%010u %010u", w->zips[i].serial,
                       w->zips[i].first + m->is.zip_index.index);
        rig_worker_say(&w->rig, c, MSG_ZIP_BYTES, &m->is.zip_index, rig_bulk(text, 21), STATE_ZIP);
        break;
    case MSG_IMAGE:
        read_numbers(m, &serial, &child);
        give_pictures(c, serial, child);
        break;
    case MSG_ROSTER_PARSE:
        read_numbers(m, &serial, &child);
        rig_worker_say(&w->rig, c, MSG_ROSTER_PARSED, NULL, rig_roster_of(child, GROUP_SIZE), STATE_IDLE);
        break;
    case MSG_ZIP_CLOSE:
        c->state = STATE_IDLE;
        break;
    default:
        ck_abort_msg("a worker hears %s", message_name(m->type));
    }
}

/* ---- All ---- */

static struct channel *person(struct world *w, unsigned n)
{
    struct channel *const people[PEOPLE] = {&w->rig.law, &w->rig.office, &w->rig.ctl, &w->rig.workers[0],
                                            &w->rig.workers[1]};

    return people[n];
}

static void hear(struct world *w, unsigned n, struct message *m)
{
    switch (n) {
    case 0:
        hear_law(w, m);
        break;
    case 1:
        hear_office(w, m);
        break;
    case 2:
        hear_admin(w, m);
        break;
    default:
        hear_worker(w, n - 3, m);
    }
}

void play_hear(struct world *w)
{
    for (unsigned n = 0; n < PEOPLE; n++) {
        CLEANUP(message) struct message m = MESSAGE_NONE;
        enum err e = ERR_BUSY;

        while (person(w, n)->fd >= 0 && !(e = channel_recv(person(w, n), &m, false)))
            hear(w, n, &m);
        ck_assert_msg(w->dead || e == ERR_BUSY, "%s is cut off: %s", process_name(person(w, n)->self),
                      err_name(e));
    }
}

/* Of this nobody tells: the new file is there, or not. */
void play_look(struct world *w)
{
    char path[128];

    (void)snprintf(path, sizeof path, "%s/state/keyring/data.mdb.new", w->rig.dir);
    if (access(path, F_OK) == 0)
        act_begin(w, ACT_COMPACTION);
    else
        act_end(w, ACT_COMPACTION);
}

int64_t play_ask(struct world *w, bool may_begin)
{
    int64_t now = now_us(), next = now + 50000;
    bool rests = w->office.phase == BATCH_CREATE || w->office.phase == ROSTER_OPEN;

    for (unsigned i = 0; may_begin && i < LOOKUPS; i++)
        if (!w->lookups[i].request) {
            w->lookups[i].child = any_child(w);
            ask_law(w, &w->lookups[i]);
        }
    if (!w->office.asked && now >= w->office.not_before_us && (may_begin || !rests)) {
        w->office.request = ask_office(w);
        w->office.asked = true;
    }
    if (!w->admin.asked && now >= w->admin.not_before_us && may_begin)
        ask_admin(w);
    if (!w->office.asked && w->office.not_before_us < next)
        next = w->office.not_before_us;
    if (!w->admin.asked && w->admin.not_before_us < next)
        next = w->admin.not_before_us;
    return next;
}

void play_resume(struct world *w)
{
    for (unsigned a = 0; a < ACT_COUNT; a++)
        w->acts[a].on = false;
    for (unsigned i = 0; i < LOOKUPS; i++)
        w->lookups[i].request = 0;
    resume_office(w);
    w->admin.asked = false;
    w->admin.not_before_us = 0;
}

bool play_is_idle(const struct world *w)
{
    bool rests = w->office.phase == BATCH_CREATE || w->office.phase == ROSTER_OPEN;

    for (unsigned i = 0; i < LOOKUPS; i++)
        if (w->lookups[i].request)
            return false;
    return rests && !w->office.asked && !w->admin.asked;
}
