/* The honest way through the vault, played by the test: a roster, a batch, a photo. */
#include <check.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include "lawapi/expiry.h"
#include "photod/base/clock.h"
#include "vault_rig.h"

int rig_bulk(const void *bytes, size_t len)
{
    int fd = -1;

    ck_assert_int_eq(bulk_new(&fd, bytes, len), OK);
    return fd;
}

int rig_unsealed(size_t len)
{
    int fd = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    ck_assert_int_eq(ftruncate(fd, (off_t)len), 0);
    return fd;
}

void rig_state_id(char out[static 10], uint32_t n)
{
    (void)snprintf(out, 10, "%09u", 12345678 + n);
}

int rig_table(struct buf *b, const struct pack *p)
{
    int fd;

    ck_assert_int_eq(pack_end(p), OK);
    fd = rig_bulk(buf_bytes(b), buf_len(b));
    buf_free(b);
    return fd;
}

int rig_listing_of(uint32_t first, uint32_t count)
{
    struct buf *b = NULL;
    struct pack p;

    ck_assert_int_eq(buf_new(&b, 64u << 20), OK);
    p = PACK(b);
    for (uint32_t n = 0; n < count; n++) {
        struct shape_zip_entry row = {.index = n, .bytes = 1000};

        rig_state_id(row.name, first + n);
        memcpy(row.name + 9, ".jpg", 5);
        pack_zip_entry(&p, &row);
    }
    return rig_table(b, &p);
}

int rig_listing(uint32_t count)
{
    return rig_listing_of(0, count);
}

int rig_roster_of(uint32_t first, uint32_t count)
{
    struct buf *b = NULL;
    struct pack p;

    ck_assert_int_eq(buf_new(&b, 64u << 20), OK);
    p = PACK(b);
    for (uint32_t n = 0; n < count; n++) {
        struct shape_roster_row row = {.line = n + 2,
                                       .district = RIG_DISTRICT,
                                       .last = "Doe",
                                       .first = "Jo",
                                       .born = {2015, 5, 17},
                                       .opt_in = 1};

        rig_state_id(row.state_id, first + n);
        row.opt_in_on = law_today(clock_wall_ms());
        pack_roster_row(&p, &row);
    }
    return rig_table(b, &p);
}

int rig_roster_table(uint32_t count)
{
    return rig_roster_of(0, count);
}

void rig_pictures(int fds[static 3])
{
    static const char picture[] = "\xff\xd8\xff\xe0" RIG_MARK;

    for (unsigned i = 0; i < 3; i++)
        fds[i] = rig_bulk(picture, sizeof picture);
}

void rig_worker_draws(struct channel *c, const struct shape_image_done *done, const int fds[static 3])
{
    ck_assert_int_eq(channel_send(c, MSG_IMAGE_DONE, 0, done, fds, 3, true), OK);
    for (unsigned i = 0; i < 3; i++)
        (void)close(fds[i]);
    c->state = STATE_IDLE;
}

static uint32_t worker_index(const struct rig *r, const struct channel *c)
{
    return (uint32_t)(c - r->workers);
}

void rig_worker_dropped(struct rig *r, struct channel *c)
{
    rig_expect_dropped(r, c, PROCESS_INTAKE, worker_index(r, c));
}

void rig_worker_replaced(struct rig *r, struct channel *c)
{
    rig_link(r, c, PROCESS_INTAKE, worker_index(r, c));
}

struct channel *rig_worker_asked(struct rig *r, enum msg expected, enum channel_state state,
                                 struct message *out)
{
    struct pollfd fds[RIG_WORKERS];

    for (unsigned i = 0; i < RIG_WORKERS; i++)
        fds[i] = (struct pollfd){.fd = r->workers[i].fd, .events = POLLIN};
    ck_assert_msg(poll(fds, RIG_WORKERS, 15000) > 0, "no worker is asked, expected %s",
                  message_name(expected));
    for (unsigned i = 0; i < RIG_WORKERS; i++)
        if (fds[i].revents) {
            rig_worker_hear(&r->workers[i], out, expected);
            r->workers[i].state = state;
            return &r->workers[i];
        }
    return NULL;
}

uint64_t rig_open(struct rig *r, enum msg open, const void *shape)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;

    rig_ask(r, &r->office, open, shape, -1, &m, MSG_UPLOAD_READY);
    return m.is.upload_state.upload;
}

void rig_chunk(struct rig *r, uint64_t upload, uint64_t offset, const void *bytes, size_t len,
               enum msg expected)
{
    const struct shape_upload_chunk chunk = {.upload = upload, .offset = offset};
    CLEANUP(message) struct message m = MESSAGE_NONE;

    rig_ask(r, &r->office, MSG_UPLOAD_CHUNK, &chunk, rig_bulk(bytes, len), &m, expected);
}

/* ---- Rosters ---- */

struct shape_roster_open rig_roster_open(const struct rig *r)
{
    struct shape_roster_open open = {
        .source = "192.0.2.2", .district = RIG_DISTRICT, .media = "text/tab-separated-values", .length = 6};

    memcpy(open.key, r->key, sizeof open.key);
    return open;
}

struct channel *rig_roster_parsing_for(struct rig *r, const struct shape_batch_name *batch)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_roster_open open = rig_roster_open(r);
    struct shape_upload_chunk chunk = {.upload = 0};

    if (batch)
        memcpy(open.batch, batch->batch, sizeof open.batch);
    chunk.upload = rig_open(r, MSG_ROSTER_OPEN, &open);
    (void)rig_send(r, &r->office, MSG_UPLOAD_CHUNK, &chunk, rig_bulk("roster", 6));
    return rig_worker_asked(r, MSG_ROSTER_PARSE, STATE_ROSTER, &m);
}

struct channel *rig_roster_parsing(struct rig *r)
{
    return rig_roster_parsing_for(r, NULL);
}

const struct shape_roster_summary rig_summary = {.format = "CSV with header row, 5 columns, UTF-8"};

void rig_roster(struct rig *r, uint32_t count)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct channel *worker = rig_roster_parsing(r);
    uint32_t question = r->request;

    rig_worker_say(r, worker, MSG_ROSTER_PARSED, &rig_summary, rig_roster_table(count), STATE_IDLE);
    r->request = question;
    rig_hear(r, &r->office, &m);
    ck_assert_msg(m.type == MSG_ROSTER_REPORT, "the roster is answered by %s", message_name(m.type));
    ck_assert_str_eq(m.is.roster_report.format, rig_summary.format);
    ck_assert_uint_eq(m.is.roster_report.in, count);
}

/* ---- Batches ---- */

void rig_batch_new(struct rig *r, struct shape_batch_name *ask)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_batch_create create = {
        .source = "192.0.2.2", .district = RIG_DISTRICT, .dry_run = r->dry_run};

    *ask = (struct shape_batch_name){.source = "192.0.2.2", .district = RIG_DISTRICT};
    memcpy(ask->key, r->key, sizeof ask->key);
    memcpy(create.key, r->key, sizeof create.key);
    date_format(create.taken_on, law_today(clock_wall_ms()));
    rig_ask(r, &r->office, MSG_BATCH_CREATE, &create, -1, &m, MSG_BATCH_STATE);
    memcpy(ask->batch, m.is.batch_state.batch, sizeof m.is.batch_state.batch);
}

struct shape_upload_create rig_upload_create(const struct shape_batch_name *batch, uint64_t length)
{
    struct shape_upload_create create = {.length = length};

    memcpy(create.key, batch->key, sizeof create.key);
    memcpy(create.source, batch->source, sizeof create.source);
    memcpy(create.district, batch->district, sizeof create.district);
    memcpy(create.batch, batch->batch, sizeof create.batch);
    return create;
}

struct shape_upload_resume rig_upload_resume(const struct shape_batch_name *batch, uint64_t offset,
                                             uint64_t bytes)
{
    struct shape_upload_resume resume = {.offset = offset, .bytes = bytes};

    memcpy(resume.key, batch->key, sizeof resume.key);
    memcpy(resume.source, batch->source, sizeof resume.source);
    memcpy(resume.district, batch->district, sizeof resume.district);
    memcpy(resume.batch, batch->batch, sizeof resume.batch);
    return resume;
}

struct channel *rig_batch(struct rig *r, struct shape_batch_name *ask)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_upload_create create;

    rig_batch_new(r, ask);
    create = rig_upload_create(ask, 3);
    rig_chunk(r, rig_open(r, MSG_UPLOAD_CREATE, &create), 0, "zip", 3, MSG_BATCH_STATE);
    return rig_worker_asked(r, MSG_ZIP_OPEN, STATE_ZIP, &m);
}

struct shape_batch_state rig_batch_staged(struct rig *r, const struct shape_batch_name *ask)
{
    const struct timespec pause = {.tv_nsec = 20000000};
    CLEANUP(message) struct message m = MESSAGE_NONE;
    int64_t until_ms = clock_steady_ms() + 20000;

    do {
        (void)nanosleep(&pause, NULL);
        rig_ask(r, &r->office, MSG_BATCH_GET, ask, -1, &m, MSG_BATCH_REPORT);
        ck_assert_msg(clock_steady_ms() < until_ms, "the batch stays at %u of %u files",
                      m.is.batch_state.judged, m.is.batch_state.files);
    } while (m.is.batch_state.state == BATCH_STAGING);
    ck_assert_uint_eq(m.is.batch_state.state, r->dry_run ? BATCH_CHECKED : BATCH_STAGED);
    return m.is.batch_state;
}

struct shape_report_row rig_row(struct rig *r, const struct shape_batch_name *ask, unsigned index)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    CLEANUP(bulk) struct bulk table = {(const unsigned char *)"", 0};
    struct shape_report_row row = {.line = 0};
    struct take t;

    rig_ask(r, &r->office, MSG_BATCH_GET, ask, -1, &m, MSG_BATCH_REPORT);
    ck_assert_int_eq(bulk_map(&table, m.fds[0], 1u << 20), OK);
    ck_assert_uint_lt(index, m.is.batch_state.judged);
    t = TAKE_BYTES(table.bytes, table.len);
    for (unsigned i = 0; i <= index; i++)
        take_report_row(&t, &row);
    ck_assert_int_eq(t.err, OK);
    return row;
}

/* ---- A crowd ---- */

void rig_crowd_ask(struct rig *r, struct rig_crowd *c)
{
    struct shape_lookup ask = rig_lookup(r, RIG_CHILD);
    struct shape_district_add add = {.name = "Waiting"};

    for (unsigned i = 0; i < RIG_CROWD; i++) {
        (void)snprintf(add.district, sizeof add.district, "%04u", 1001 + i);
        c->asked[i] = rig_send(r, &r->ctl, MSG_DISTRICT_ADD, &add, -1);
    }
    c->lookup = rig_send(r, &r->law, MSG_LOOKUP, &ask, -1);
}

uint64_t rig_crowd_hear(struct rig *r, const struct rig_crowd *c)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    uint64_t newest;

    r->request = c->lookup;
    rig_hear(r, &r->law, &m);
    ck_assert_int_eq(m.type, MSG_NONE);
    newest = m.is.none.leaf;
    for (unsigned i = 0; i < RIG_CROWD; i++) {
        r->request = c->asked[i];
        rig_hear(r, &r->ctl, &m);
        ck_assert_int_eq(m.type, MSG_DONE);
        if (m.is.done.leaf > newest)
            newest = m.is.done.leaf;
    }
    return newest;
}

void rig_pause(struct rig *r)
{
    ck_assert_int_eq(kill(r->pid, SIGSTOP), 0);
    ck_assert_int_eq(waitpid(r->pid, NULL, WUNTRACED), r->pid);
}

void rig_resume(struct rig *r)
{
    ck_assert_int_eq(kill(r->pid, SIGCONT), 0);
}

/* ---- Judging ---- */

/* The worker answers what it was asked; false: it is to let the ZIP go. */
static bool judge_one(struct rig *r, struct channel *c, const struct rig_picture *pictures, uint32_t *images)
{
    static unsigned different;
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_image_done done = {.width = 1200, .height = 1500};
    CLEANUP(bulk) struct bulk entry = {(const unsigned char *)"", 0};
    const struct rig_picture *p;
    char text[64];
    int fds[3];

    ck_assert_int_eq(channel_recv(c, &m, true), OK);
    if (m.type == MSG_ZIP_CLOSE) {
        c->state = STATE_IDLE;
        return false;
    }
    if (m.type == MSG_ZIP_READ) {
        p = pictures ? &pictures[m.is.zip_index.index] : NULL;
        (void)snprintf(text, sizeof text, "%u %u", m.is.zip_index.index, ++different);
        if (p && p->bytes)
            (void)snprintf(text, sizeof text, "%u %s", m.is.zip_index.index, p->bytes);
        rig_worker_say(r, c, MSG_ZIP_BYTES, &m.is.zip_index, rig_bulk(text, strlen(text)), STATE_ZIP);
        return true;
    }
    ck_assert_int_eq(m.type, MSG_IMAGE);
    ck_assert_int_eq(bulk_map(&entry, m.fds[0], 64), OK);
    for (unsigned i = 0; i < sizeof done.phash; i++) /* no two alike, nor near */
        done.phash[i] = (unsigned char)rand();
    if (pictures)
        done = pictures[strtoul((const char *)entry.bytes, NULL, 10)].done;
    rig_pictures(fds);
    rig_worker_draws(c, &done, fds);
    ++*images;
    return true;
}

uint32_t rig_judge_listed(struct rig *r, struct channel *zip, const struct rig_picture *pictures,
                          uint32_t most)
{
    uint32_t images = 0;
    bool more = true;

    while (more && images < most) {
        struct pollfd fds[RIG_WORKERS];

        for (unsigned i = 0; i < RIG_WORKERS; i++) {
            fds[i] = (struct pollfd){.fd = r->workers[i].fd, .events = POLLIN};
            if (&r->workers[i] != zip)
                r->workers[i].state = STATE_IDLE;
        }
        ck_assert_msg(poll(fds, RIG_WORKERS, 20000) > 0, "no worker is asked");
        for (unsigned i = 0; more && i < RIG_WORKERS && images < most; i++)
            if (fds[i].revents)
                more = judge_one(r, &r->workers[i], pictures, &images);
    }
    return images;
}

uint32_t rig_judge_some(struct rig *r, struct channel *zip, uint32_t count,
                        const struct rig_picture *pictures, uint32_t most)
{
    const struct shape_zip_listed listed = {.count = count};

    rig_worker_say(r, zip, MSG_ZIP_LISTED, &listed, rig_listing(count), STATE_ZIP);
    return rig_judge_listed(r, zip, pictures, most);
}

uint32_t rig_judge_all(struct rig *r, struct channel *zip, uint32_t count, const struct rig_picture *pictures)
{
    return rig_judge_some(r, zip, count, pictures, UINT32_MAX);
}

void rig_judge(struct rig *r, struct channel *zip)
{
    ck_assert_uint_eq(rig_judge_all(r, zip, 1, NULL), 1);
}

struct shape_batch_state rig_batch_step(struct rig *r, const struct shape_batch_name *ask, enum msg step)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;

    rig_ask(r, &r->office, step, ask, -1, &m, MSG_BATCH_STATE);
    return m.is.batch_state;
}

struct shape_erasure_state rig_left(struct rig *r, uint32_t n)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_erasure ask = {.state_id = ""};

    rig_state_id(ask.state_id, n);
    rig_ask(r, &r->ctl, MSG_ERASURE, &ask, -1, &m, MSG_ERASURE_IS);
    return m.is.erasure_state;
}

void rig_child(struct rig *r)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_batch_name ask;

    rig_roster(r, 1);
    rig_judge(r, rig_batch(r, &ask));
    ck_assert_uint_eq(rig_batch_staged(r, &ask).stored, 1);
    rig_ask(r, &r->office, MSG_BATCH_COMMIT, &ask, -1, &m, MSG_BATCH_STATE);
    ck_assert_uint_eq(m.is.batch_state.state, BATCH_COMMITTED);
}

int rig_suite(const char *name, const TTest *const *tests, size_t count, SFun setup, SFun teardown)
{
    Suite *suite = suite_create(name);
    TCase *all = tcase_create(name);
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(all, 120);
    tcase_add_checked_fixture(all, setup, teardown);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(all, tests[i]);
    suite_add_tcase(suite, all);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
