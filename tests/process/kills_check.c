/* What a vault that is killed again and again must still hold: see kills.h. */
#include <check.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "kills.h"
#include "lawapi/none.h"
#include "photod/base/clock.h"
#include "photod/ctl/log_verify.h"
#include "photod/ctl/receipt.h"

#define PATIENCE_MS 10000

void *list_add(struct list *l, size_t row_bytes)
{
    if (l->count == l->max) {
        l->max = l->max ? 2 * l->max : 64;
        l->rows = realloc(l->rows, l->max * row_bytes);
        ck_assert_ptr_nonnull(l->rows);
    }
    memset((char *)l->rows + l->count * row_bytes, 0, row_bytes);
    return (char *)l->rows + l->count++ * row_bytes;
}

struct date world_today(const struct world *w)
{
    return law_today(clock_wall_ms() + w->rig.clock_shift_ms);
}

/* ---- Checkpoints ---- */

void check_root(struct world *w, const struct checkpoint *head)
{
    static const unsigned char none[HASH_BYTES];
    unsigned char *root;

    while (w->roots.count <= head->size)
        (void)list_add(&w->roots, HASH_BYTES);
    root = (unsigned char *)w->roots.rows + head->size * HASH_BYTES;
    if (memcmp(root, none, HASH_BYTES) == 0)
        w->totals.checkpoints++;
    else
        ck_assert_msg(memcmp(root, head->root, HASH_BYTES) == 0, "two checkpoints of size %llu",
                      (unsigned long long)head->size);
    memcpy(root, head->root, HASH_BYTES);
}

void check_file(struct world *w)
{
    struct checkpoint head;
    struct fault fault;
    char path[128], note[4096];
    FILE *f;
    size_t len;

    (void)snprintf(path, sizeof path, "%s/state/log/checkpoint", w->rig.dir);
    f = fopen(path, "r");
    ck_assert_msg(f, "there is no checkpoint");
    len = fread(note, 1, sizeof note, f);
    (void)fclose(f);
    ck_assert_msg(!checkpoint_open(&head, &fault, note, len, &w->key), "the checkpoint: %s", fault.text);
    check_root(w, &head);
}

/* ---- Lookups ---- */

static const struct set *set_of(const struct world *w, uint32_t child)
{
    return child >= SETS_FIRST ? &w->sets[(child - SETS_FIRST) / GROUP_SIZE] : NULL;
}

void expect_of_child(const struct world *w, struct lookup *l)
{
    const struct set *s = set_of(w, l->child);
    bool third = l->child >= SETS_FIRST && (l->child - SETS_FIRST) % GROUP_SIZE == 2, expired;

    if (!s) {
        l->at_least = w->acked[l->child / GROUP_SIZE];
        l->must_show = l->at_least != 0;
        l->must_not = false;
        return;
    }
    expired = s->committed && date_compare(world_today(w), s->ends_on) >= 0;
    l->at_least = 0;
    l->must_not = (third && s->gone) || expired;
    l->must_show = s->committed && s->stored == GROUP_SIZE && !expired && !(third && s->leaving);
}

static bool may_be_seen(const struct world *w, const struct lookup *l, uint32_t serial)
{
    const struct set *s = set_of(w, l->child);

    if (s)
        return serial == s->serial && s->maybe;
    /* What was acknowledged when it was asked, or was committed since, or may be. */
    return serial >= l->at_least &&
           (serial <= w->acked[l->child / GROUP_SIZE] || serial == w->maybe[l->child / GROUP_SIZE]);
}

static void check_receipt(struct world *w, const struct message *m, const void *picture, size_t len)
{
    CLEANUP(receipt) struct receipt r = {.leaf = NULL};
    const char *text = m->is.released.receipt;
    struct release *seen;
    struct fault fault;

    ck_assert_msg(!receipt_verify(&r, &fault, text, strlen(text), picture, len, &w->key), "a receipt: %s",
                  fault.text);
    ck_assert_uint_eq(r.index, m->is.released.leaf);
    check_root(w, &r.head);
    seen = list_add(&w->releases, sizeof *seen);
    *seen = (struct release){r.index, strndup(r.leaf, r.leaf_len)};
    if (r.head.size > w->leaves)
        w->leaves = r.head.size;
}

static void check_released(struct world *w, const struct lookup *l, struct message *m, uint32_t *serial)
{
    CLEANUP(bulk) struct bulk picture = {(const unsigned char *)"", 0};
    char text[22] = "";
    uint32_t child;

    ck_assert_int_eq(bulk_map(&picture, m->fds[0], 64), OK);
    ck_assert_uint_eq(picture.len, 25);
    memcpy(text, picture.bytes + 4, 21);
    ck_assert_int_eq(sscanf(text, "%u %u", serial, &child), 2);
    ck_assert_msg(child == l->child, "child %u is shown as child %u", child, l->child);
    ck_assert_msg(!l->must_not, "child %u is shown, whose photo is expired or withdrawn", child);
    ck_assert_msg(may_be_seen(w, l, *serial), "child %u is shown by batch %u, acknowledged was %u", child,
                  *serial, l->at_least);
    check_receipt(w, m, picture.bytes, picture.len);
    w->totals.released++;
}

bool check_answer(struct world *w, const struct lookup *l, struct message *m, uint32_t *serial)
{
    *serial = 0;
    if (m->type == MSG_REFUSED && m->is.refused.retry_after_s)
        return false;
    if (m->type == MSG_RELEASED) {
        check_released(w, l, m, serial);
        return true;
    }
    ck_assert_msg(m->type == MSG_NONE, "%s answers a lookup (problem %u, %s)", message_name(m->type),
                  m->type == MSG_REFUSED ? m->is.refused.problem : 0,
                  m->type == MSG_REFUSED ? m->is.refused.detail : "");
    /* A day may have ended since it was asked. */
    ck_assert_msg(!l->must_show || m->is.none.reason == NONE_EXPIRED, "the photo of child %u is lost (%s)",
                  l->child, none_code((enum none_reason)m->is.none.reason));
    w->totals.none++;
    if (m->is.none.leaf >= w->leaves)
        w->leaves = m->is.none.leaf + 1;
    return true;
}

/* Looks children up, all at once; the batches on their pictures, 0: none. */
static void look(struct world *w, const uint32_t *children, uint32_t *serials, size_t count)
{
    struct lookup asked[GROUPS * GROUP_SIZE + 16] = {{.request = 0}};
    size_t open = 0;

    ck_assert_uint_le(count, sizeof asked / sizeof asked[0]);
    for (size_t i = 0; i < count; i++)
        asked[i].child = children[i];
    do {
        CLEANUP(message) struct message m = MESSAGE_NONE;

        for (size_t i = 0; i < count; i++)
            if (!asked[i].request) {
                struct shape_lookup ask;
                char state_id[10];

                rig_state_id(state_id, asked[i].child);
                ask = rig_lookup(&w->rig, state_id);
                expect_of_child(w, &asked[i]);
                asked[i].request = rig_send(&w->rig, &w->rig.law, MSG_LOOKUP, &ask, -1);
                open++;
            }
        rig_hear_any(&w->rig, &w->rig.law, &m);
        for (size_t i = 0; i < count; i++)
            if (asked[i].request == m.request) {
                open--;
                asked[i].request = check_answer(w, &asked[i], &m, &serials[i]) ? UINT32_MAX : 0;
            }
    } while (open);
}

/* ---- After a start ---- */

static void check_groups(struct world *w)
{
    uint32_t children[GROUPS * GROUP_SIZE], serials[GROUPS * GROUP_SIZE];

    for (uint32_t n = 0; n < GROUPS * GROUP_SIZE; n++)
        children[n] = n;
    look(w, children, serials, GROUPS * GROUP_SIZE);
    for (uint32_t g = 0; g < GROUPS; g++) {
        const uint32_t *s = &serials[g * GROUP_SIZE];

        for (uint32_t i = 1; i < GROUP_SIZE; i++)
            ck_assert_msg(s[i] == s[0], "a batch by half: group %u shows batches %u and %u", g, s[0], s[i]);
        ck_assert_msg(s[0] == w->acked[g] || s[0] == w->maybe[g], "group %u shows batch %u, not %u", g, s[0],
                      w->acked[g]);
        w->totals.checked++;
    }
}

/* The last sets: who was withdrawn stays away, who was committed stays, unless the day came. */
static void check_sets(struct world *w)
{
    uint32_t children[2 * GROUP_SIZE], serials[2 * GROUP_SIZE];
    size_t count = 0;

    for (uint32_t back = 1; back <= 2 && back <= w->set_count; back++)
        for (uint32_t i = 0; i < GROUP_SIZE; i++)
            children[count++] = SETS_FIRST + (w->set_count - back) * GROUP_SIZE + i;
    if (count)
        look(w, children, serials, count);
}

static uint64_t leaves_now(struct world *w)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;

    rig_ask(&w->rig, &w->rig.ctl, MSG_STATUS, NULL, -1, &m, MSG_STATUS_ANSWER);
    return m.is.status.leaves;
}

void check_start(struct world *w)
{
    ck_assert_uint_ge(leaves_now(w), w->leaves);
    check_file(w);
    check_groups(w);
    check_sets(w);
}

/* ---- At the end ---- */

/* What the log says of one batch. */
struct told {
    char id[33];
    enum batch_state state;
    uint64_t photos;
};

struct reading {
    struct world *world;
    struct list told;
};

static struct told *told_of(struct reading *r, const char *id)
{
    struct told *t = r->told.rows;

    for (size_t i = r->told.count; i-- > 0;)
        if (strcmp(t[i].id, id) == 0)
            return &t[i];
    t = list_add(&r->told, sizeof *t);
    (void)snprintf(t->id, sizeof t->id, "%s", id);
    return t;
}

static void read_leaf(struct reading *r, const char *text, size_t len)
{
    json_t *leaf = json_loadb(text, len, 0, NULL);
    const char *type = json_string_value(json_object_get(leaf, "type"));
    const char *id = json_string_value(json_object_get(leaf, "batch"));

    ck_assert_ptr_nonnull(type);
    if (strcmp(type, "purge") == 0)
        r->world->totals.erased += (uint64_t)json_integer_value(json_object_get(leaf, "expired"));
    if (id) {
        struct told *t = told_of(r, id);

        t->photos += strcmp(type, "photo") == 0;
        if (strcmp(type, "batch-staged") == 0)
            t->state = BATCH_STAGED;
        if (strcmp(type, "batch-commit") == 0)
            t->state = BATCH_COMMITTED;
        if (strcmp(type, "batch-undo") == 0) /* left lying for a week */
            t->state = BATCH_UNDONE;
    }
    json_decref(leaf);
}

static int by_leaf(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Every release that was seen and everything acknowledged has its leaf, and every leaf of a batch is read. */
static void read_log(struct world *w, struct reading *r, int log_fd, uint64_t size)
{
    const struct release *release = w->releases.rows;
    const struct ack *ack = w->acks.rows;
    size_t releases = 0, acks = 0;

    if (w->releases.count)
        qsort(w->releases.rows, w->releases.count, sizeof *release, by_leaf);
    if (w->acks.count)
        qsort(w->acks.rows, w->acks.count, sizeof *ack, by_leaf);
    for (uint64_t at = 0; at < size; at += LOG_TILE_WIDTH) {
        CLEANUP(buf) struct buf *bundle = NULL;
        struct log_entry entries[LOG_TILE_WIDTH];
        struct log_file f = {LOG_ENTRIES, at / LOG_TILE_WIDTH, 0};

        f.width = log_file_width(size, LOG_ENTRIES, f.index);
        ck_assert_int_eq(log_file_read(&bundle, log_fd, f), OK);
        ck_assert_int_eq(log_bundle_split(entries, f.width, bundle), OK);
        for (unsigned i = 0; i < f.width; i++) {
            const char *text = (const char *)entries[i].bytes;
            char want[64];

            read_leaf(r, text, entries[i].len);
            for (; releases < w->releases.count && release[releases].leaf == at + i; releases++)
                ck_assert_msg(strlen(release[releases].text) == entries[i].len &&
                                  memcmp(release[releases].text, text, entries[i].len) == 0,
                              "a release without its leaf: %llu", (unsigned long long)(at + i));
            for (; acks < w->acks.count && ack[acks].leaf == at + i; acks++) {
                (void)snprintf(want, sizeof want, "\"type\":\"%s", ack[acks].type);
                ck_assert_msg(memmem(text, entries[i].len, want, strlen(want)), "leaf %llu is no %s",
                              (unsigned long long)(at + i), ack[acks].type);
            }
        }
    }
    ck_assert_msg(releases == w->releases.count, "%zu releases are beyond the end of the log",
                  w->releases.count - releases);
    ck_assert_msg(acks == w->acks.count, "what was acknowledged is beyond the end of the log");
    w->totals.leaves += size;
}

/* Each checkpoint ever seen is of a beginning of the log as it is now. */
static void check_roots(struct world *w, int log_fd, uint64_t size)
{
    static const unsigned char none[HASH_BYTES];
    struct merkle tree = {.size = 0};
    const unsigned char *roots = w->roots.rows;

    ck_assert_uint_le(w->roots.count, size + 1);
    for (uint64_t n = 0; n < w->roots.count; n++) {
        unsigned char hash[HASH_BYTES];
        CLEANUP(buf) struct buf *entry = NULL;

        if (memcmp(roots + n * HASH_BYTES, none, HASH_BYTES) != 0) {
            merkle_root(&tree, hash);
            ck_assert_msg(memcmp(hash, roots + n * HASH_BYTES, HASH_BYTES) == 0,
                          "the checkpoint of size %llu is not the log's", (unsigned long long)n);
        }
        if (n == size)
            return;
        ck_assert_int_eq(buf_new(&entry, 1024), OK);
        ck_assert_int_eq(log_entry_read(entry, log_fd, size, n), OK);
        merkle_leaf(hash, buf_bytes(entry), buf_len(entry));
        merkle_push(&tree, 0, hash);
    }
}

static void check_log(struct world *w, struct reading *r)
{
    CLEANUP(log_report) struct log_report report = {.findings = NULL};
    char path[128];
    int log_fd;

    (void)snprintf(path, sizeof path, "%s/state/log", w->rig.dir);
    log_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(log_fd, 0);
    ck_assert_int_eq(log_verify(&report, log_fd, &w->key, NULL), OK);
    ck_assert_msg(!report.count, "the log: %s: %s", report.findings[0].file, report.findings[0].what);
    check_root(w, &report.head);
    ck_assert_uint_ge(report.head.size, w->leaves);
    read_log(w, r, log_fd, report.head.size);
    check_roots(w, log_fd, report.head.size);
    (void)close(log_fd);
}

/* Whatever the log says of a batch is so, and whatever was acknowledged is in the log. */
static void check_batches(struct world *w, struct reading *r)
{
    const struct batch *batches = w->batches.rows;
    const struct told *told = r->told.rows;

    for (size_t i = 0; i < w->batches.count; i++) {
        const struct told *t = told_of(r, batches[i].id);

        ck_assert_msg(!batches[i].committed || t->state == BATCH_COMMITTED, "batch %u is lost",
                      batches[i].serial);
    }
    ck_assert_uint_ge(r->told.count, w->batches.count);
    for (size_t i = 0; i < r->told.count; i++) {
        struct shape_batch_name ask = {.source = "192.0.2.2", .district = RIG_DISTRICT};
        CLEANUP(message) struct message m = MESSAGE_NONE;

        memcpy(ask.key, w->rig.key, sizeof ask.key);
        memcpy(ask.batch, told[i].id, sizeof told[i].id);
        rig_ask(&w->rig, &w->rig.office, MSG_BATCH_GET, &ask, -1, &m, MSG_BATCH_REPORT);
        ck_assert_msg(m.is.batch_state.state == told[i].state, "a leaf without its write: batch %s",
                      told[i].id);
        ck_assert_uint_eq(m.is.batch_state.stored, told[i].photos);
        w->totals.checked++;
    }
}

/* fsck opens every value there is. */
static void check_values(struct world *w)
{
    struct shape_fsck ask = {.phase = 0};
    CLEANUP(message) struct message m = MESSAGE_NONE;

    do {
        CLEANUP(bulk) struct bulk damage = {(const unsigned char *)"", 0};

        rig_ask(&w->rig, &w->rig.ctl, MSG_FSCK, &ask, -1, &m, MSG_FSCK_STEP);
        ck_assert_int_eq(bulk_map(&damage, m.fds[0], 1u << 20), OK);
        ck_assert_msg(!damage.len, "fsck finds damage in phase %u", ask.phase);
        ask = (struct shape_fsck){.phase = m.is.fsck_step.phase,
                                  .cursor = m.is.fsck_step.cursor,
                                  .key_len = m.is.fsck_step.key_len};
        memcpy(ask.key, m.is.fsck_step.key, sizeof ask.key);
        w->totals.checked += m.is.fsck_step.checked;
    } while (!m.is.fsck_step.done);
}

/* Of a withdrawn child nothing is left but its answers, of an expired photo no key. */
static void check_erased(struct world *w)
{
    for (uint32_t n = 0; n < w->set_count; n++)
        for (uint32_t i = 0; i < GROUP_SIZE; i++) {
            const struct set *s = &w->sets[n];
            struct shape_erasure ask = {.state_id = ""};
            CLEANUP(message) struct message m = MESSAGE_NONE;
            bool withdrawn = i == 2 && s->gone;

            if (!withdrawn && !(s->committed && date_compare(world_today(w), s->ends_on) >= 0))
                continue;
            rig_state_id(ask.state_id, SETS_FIRST + n * GROUP_SIZE + i);
            rig_ask(&w->rig, &w->rig.ctl, MSG_ERASURE, &ask, -1, &m, MSG_ERASURE_IS);
            ck_assert_uint_eq(m.is.erasure_state.photos, 0);
            ck_assert_uint_eq(m.is.erasure_state.open, 0);
            ck_assert_uint_eq(m.is.erasure_state.record, withdrawn || (i == 2 && s->leaving) ? 0 : 1);
            ck_assert_uint_eq(m.is.erasure_state.deks, m.is.erasure_state.record);
            w->totals.checked++;
        }
}

static void purge(struct world *w)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    int64_t until_ms = clock_steady_ms() + PATIENCE_MS;

    do {
        (void)usleep(2000);
        (void)rig_send(&w->rig, &w->rig.ctl, MSG_PURGE, NULL, -1);
        rig_hear(&w->rig, &w->rig.ctl, &m);
        ck_assert_int_lt(clock_steady_ms(), until_ms);
    } while (m.type != MSG_PURGED);
    rig_ask(&w->rig, &w->rig.ctl, MSG_KEYS_ROTATE, NULL, -1, &m, MSG_DONE); /* and every erasure is ended */
}

void check_all(struct world *w)
{
    struct reading r = {.world = w};

    check_start(w);
    purge(w);
    check_values(w);
    check_erased(w);
    rig_stop(&w->rig);
    check_log(w, &r);
    rig_launch(&w->rig);
    rig_join(&w->rig);
    check_batches(w, &r);
    check_start(w);
    free(r.told.rows);
    w->totals.audits++;
}
