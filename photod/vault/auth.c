#include <stdio.h>
#include <string.h>
#include "keys/api_key.h"
#include "lawapi/names.h"
#include "photod/base/clock.h"
#include "photod/base/text.h"
#include "photod/vault/auth.h"

/* ---- Strangers ---- */

static uint32_t stranger_counts[PROBLEM_COUNT];
static int64_t stranger_minute;

void strangers_note(struct vault *v, enum problem problem, uint32_t count)
{
    (void)v;
    if (problem > PROBLEM_NONE && problem < PROBLEM_COUNT)
        stranger_counts[problem] += count;
}

void strangers_flush(struct vault *v, int64_t now_ms)
{
    if (now_ms / 60000 == stranger_minute)
        return;
    stranger_minute = now_ms / 60000;
    for (unsigned p = 1; p < PROBLEM_COUNT; p++) {
        struct leaf l;

        if (!stranger_counts[p])
            continue;
        leaf_begin(&l, "strangers");
        leaf_text(&l, "problem", problem_text((enum problem)p)->code);
        leaf_number(&l, "count", stranger_counts[p]);
        leaf_alone(v, &l);
        stranger_counts[p] = 0;
    }
}

/* ---- Credentials ---- */

static enum err find_certificate(struct vault *v, const unsigned char fingerprint[static 32],
                                 struct actor *out)
{
    CLEANUP(record) struct record r = RECORD_NONE;
    struct shape_credential_record c;
    struct take t;

    keys_index(out->credential, v->keys, INDEX_CREDENTIAL, fingerprint, 32);
    TRY(record_get(v, KIND_PRINCIPAL, SEAL_PRINCIPAL, out->credential, NULL, &r));
    if (!record_is_there(&r))
        return ERR_NOTFOUND;
    t = record_take(&r);
    take_credential_record(&t, &c);
    TRY(take_end(&t));
    out->not_after_ms = c.not_after_ms;
    TRY(text_copy(out->label, sizeof out->label, c.label));
    return text_copy(out->ori, sizeof out->ori, c.ori);
}

static enum err find_key(struct vault *v, const char *text, struct actor *out)
{
    CLEANUP(record) struct record r = RECORD_NONE;
    char kid[API_KEY_KID_TEXT];
    unsigned char hash[API_KEY_HASH_BYTES];
    struct shape_key_record k;
    struct take t;

    if (api_key_parse(text, kid, hash))
        return ERR_NOTFOUND;
    keys_index(out->credential, v->keys, INDEX_KEY, kid, strlen(kid));
    TRY(record_get(v, KIND_PRINCIPAL, SEAL_PRINCIPAL, out->credential, NULL, &r));
    if (!record_is_there(&r))
        return ERR_NOTFOUND;
    t = record_take(&r);
    take_key_record(&t, &k);
    TRY(take_end(&t));
    if (api_key_compare(hash, k.hash))
        return ERR_NOTFOUND;
    out->not_after_ms = k.not_after_ms;
    TRY(text_copy(out->label, sizeof out->label, k.label));
    return text_copy(out->district, sizeof out->district, k.district);
}

static bool is_over(const struct actor *a)
{
    return (uint64_t)clock_wall_ms() >= a->not_after_ms;
}

static enum err refuse_stranger(struct vault *v, struct asker to, enum err e)
{
    enum problem p = e == ERR_NOTFOUND ? PROBLEM_CREDENTIAL_UNKNOWN : problem_of(e);

    if (e == ERR_NOTFOUND)
        strangers_note(v, p, 1);
    answer_refused(v, to, p, NULL, 0);
    return e;
}

enum err auth_certificate(struct vault *v, struct asker to, const unsigned char fingerprint[static 32],
                          const char *source, struct actor *out)
{
    enum err e;

    *out = (struct actor){.ori = ""};
    (void)snprintf(out->source, sizeof out->source, "%s", source);
    e = find_certificate(v, fingerprint, out);
    if (!e && is_over(out))
        e = ERR_NOTFOUND;
    return e ? refuse_stranger(v, to, e) : OK;
}

enum err auth_key(struct vault *v, struct asker to, const char *key, const char *district, const char *source,
                  struct actor *out)
{
    enum err e;

    *out = (struct actor){.ori = ""};
    (void)snprintf(out->source, sizeof out->source, "%s", source);
    e = find_key(v, key, out);
    if (!e && is_over(out))
        e = ERR_NOTFOUND;
    if (e)
        return refuse_stranger(v, to, e);
    if (strcmp(out->district, district) != 0) {
        refuse_known(v, to, out, PROBLEM_CREDENTIAL_SCOPE, NULL, NULL);
        return ERR_DENIED;
    }
    return OK;
}

enum err auth_known(struct vault *v, const unsigned char fingerprint[static 32], const char *key,
                    struct actor *out)
{
    *out = (struct actor){.ori = ""};
    return *key ? find_key(v, key, out) : find_certificate(v, fingerprint, out);
}
