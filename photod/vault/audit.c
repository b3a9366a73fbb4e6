#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/base/text.h"
#include "photod/vault/audit.h"

static void leaf_printf(struct leaf *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void leaf_printf(struct leaf *l, const char *format, ...)
{
    size_t room = sizeof l->text - l->len;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(l->text + l->len, room, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= room)
        l->full = true;
    else
        l->len += (size_t)n;
}

void leaf_begin(struct leaf *l, const char *type)
{
    char now[CLOCK_TEXT];

    *l = (struct leaf){.len = 0};
    clock_format(now, clock_wall_ms());
    leaf_printf(l, "{\"v\":1,\"t\":\"%s\",\"type\":\"%s\"", now, type);
}

/* Values are ours or shape-checked; one that could break out of its quotes is a bug, and makes the leaf
 * unusable. */
void leaf_text(struct leaf *l, const char *key, const char *value)
{
    for (const char *c = value; *c; c++)
        if (*c < ' ' || *c > '~' || *c == '"' || *c == '\\')
            l->full = true;
    leaf_printf(l, ",\"%s\":\"%s\"", key, value);
}

void leaf_number(struct leaf *l, const char *key, uint64_t value)
{
    leaf_printf(l, ",\"%s\":%llu", key, (unsigned long long)value);
}

void leaf_hex(struct leaf *l, const char *key, const void *bytes, size_t len)
{
    char text[2 * 64 + 1];

    if (len > 64) {
        l->full = true;
        return;
    }
    hex_encode(text, bytes, len);
    leaf_text(l, key, text);
}

void leaf_commit(struct leaf *l, const struct vault *v, const char *key, const void *bytes, size_t len)
{
    unsigned char commitment[COMMITMENT_BYTES];

    keys_commit(commitment, v->keys, key, bytes, len);
    leaf_hex(l, key, commitment, sizeof commitment);
}

void leaf_actor(struct leaf *l, const struct vault *v, const struct actor *a)
{
    if (a->ori[0])
        leaf_text(l, "ori", a->ori);
    if (a->district[0])
        leaf_text(l, "district", a->district);
    leaf_commit(l, v, "credential", a->credential, sizeof a->credential);
}

/* The side record opens with 32 random bytes, so that its digest in the leaf tells nothing. */
static enum err seal_detail(struct leaf *l, struct vault *v, const struct buf *detail, struct buf *sealed)
{
    CLEANUP(buf) struct buf *plain = NULL;
    unsigned char digest[crypto_hash_sha256_BYTES];
    struct binding b;
    unsigned char *salt;

    TRY(buf_new(&plain, 1u << 16));
    TRY(buf_extend(plain, 32, &salt));
    randombytes_buf(salt, 32);
    TRY(buf_append(plain, buf_bytes(detail), buf_len(detail)));
    (void)crypto_hash_sha256(digest, buf_bytes(plain), buf_len(plain));
    leaf_hex(l, "detail", digest, sizeof digest);
    b = binding_of(SEAL_DETAIL, digest, 0);
    return envelope_seal(sealed, keys_record_key(v->keys), &b, buf_bytes(plain), buf_len(plain));
}

enum err leaf_add(struct leaf *l, struct vault *v, struct store_batch *b, const struct buf *detail)
{
    CLEANUP(buf) struct buf *sealed = NULL;

    TRY(buf_new(&sealed, 1u << 16));
    if (detail)
        TRY(seal_detail(l, v, detail, sealed));
    leaf_printf(l, "}");
    if (l->full) {
        log_error("a leaf does not fit its %d bytes", LEAF_MAX);
        return ERR_LIMIT;
    }
    return store_batch_leaf(b, l->text, l->len, buf_bytes(sealed), buf_len(sealed));
}

/* ---- Refusals and leaves that stand alone ---- */

struct lone_leaf {
    struct job job;
    struct asker to;
    enum problem problem;
    char text[200];
};

static void lone_leaf_done(struct vault *v, struct job *j)
{
    struct lone_leaf *a = (struct lone_leaf *)j;
    enum err e = job_result(j);

    if (e)
        log_error("an audit leaf could not be committed: %s", err_name(e));
    if (a->to.peer)
        answer_refused(v, a->to, e ? problem_of(e) : a->problem, e ? NULL : a->text,
                       e ? 0 : j->outcome.first_leaf + 1);
    job_clear(j);
    free(a);
}

static enum err lone_leaf_submit(struct vault *v, struct leaf *l, const struct buf *detail,
                                 struct lone_leaf *a)
{
    TRY(store_batch_new(&a->job.batch));
    TRY(leaf_add(l, v, a->job.batch, detail));
    a->job.done = lone_leaf_done;
    return committer_submit(v->committer, &a->job);
}

void refuse_known(struct vault *v, struct asker to, const struct actor *a, enum problem problem,
                  const char *text, const struct buf *detail)
{
    struct lone_leaf *r = calloc(1, sizeof *r);
    struct leaf l;
    enum err e = r ? OK : ERR_NOMEM;

    if (!e) {
        leaf_begin(&l, "refusal");
        leaf_actor(&l, v, a);
        leaf_text(&l, "problem", problem_text(problem)->code);
        r->to = to;
        r->problem = problem;
        r->job.lane = a->ori[0] ? LANE_LAW : LANE_BULK;
        (void)snprintf(r->text, sizeof r->text, "%s", text ? text : "");
        e = lone_leaf_submit(v, &l, detail, r);
    }
    if (!e)
        return;
    if (to.peer)
        answer_refused(v, to, problem_of(e), NULL, 0);
    if (r)
        job_clear(&r->job);
    free(r);
}

void leaf_alone(struct vault *v, struct leaf *l)
{
    struct lone_leaf *a = calloc(1, sizeof *a);

    if (a) {
        a->job.lane = LANE_BULK;
        if (!lone_leaf_submit(v, l, NULL, a))
            return;
        job_clear(&a->job);
    }
    free(a);
    log_error("an audit leaf could not be queued");
}

/* ---- Receipts ---- */

static enum err append_base64(struct buf *out, const void *bytes, size_t len)
{
    char text[2048];

    if (sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL) > sizeof text)
        return ERR_LIMIT;
    (void)sodium_bin2base64(text, sizeof text, bytes, len, sodium_base64_VARIANT_ORIGINAL);
    return buf_printf(out, "%s", text);
}

/* {"leaf":"<entry>"} or {"leaf":"<entry>","salt":"<hex>"}: the entry is printable ASCII, so only its quotes
 * need escaping. */
static enum err append_extra(struct buf *out, const char *leaf, const unsigned char *salt)
{
    CLEANUP(buf) struct buf *json = NULL;
    char hex[65];

    TRY(buf_new(&json, 1400));
    TRY(buf_printf(json, "{\"leaf\":\""));
    for (const char *c = leaf; *c; c++)
        TRY(*c == '"' ? buf_printf(json, "\\\"") : buf_append(json, c, 1));
    if (salt) {
        hex_encode(hex, salt, 32);
        TRY(buf_printf(json, "\",\"salt\":\"%s", hex));
    }
    TRY(buf_printf(json, "\"}"));
    return append_base64(out, buf_bytes(json), buf_len(json));
}

enum err receipt_build(char *out, size_t size, const char *leaf, const unsigned char *salt, uint64_t index,
                       const struct buf *proof, const struct buf *checkpoint)
{
    CLEANUP(buf) struct buf *text = NULL;

    TRY(buf_new(&text, size - 1));
    TRY(buf_printf(text, "c2sp.org/tlog-proof@v1\nextra "));
    TRY(append_extra(text, leaf, salt));
    TRY(buf_printf(text, "\nindex %llu\n", (unsigned long long)index));
    for (size_t at = 0; at < buf_len(proof); at += LOG_HASH_BYTES) {
        TRY(append_base64(text, buf_bytes(proof) + at, LOG_HASH_BYTES));
        TRY(buf_printf(text, "\n"));
    }
    TRY(buf_printf(text, "\n"));
    TRY(buf_append(text, buf_bytes(checkpoint), buf_len(checkpoint)));
    return text_copy(out, size, buf_text(text));
}
