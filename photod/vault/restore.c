#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "keys/note.h"
#include "keys/seal.h"
#include "photod/base/log.h"
#include "photod/base/text.h"
#include "photod/vault/audit.h"
#include "photod/vault/erasure.h"
#include "photod/vault/fsck.h"
#include "photod/vault/open.h"
#include "photod/vault/orphans.h"
#include "photod/vault/restore.h"
#include "photod/vault/restore_erase.h"
#include "photod/vault/restore_rows.h"
#include "photod/wire/bulk.h"

#define DAMAGE_SAID 10

/* What photoctl orders; both roots are from checkpoints that it verified. */
struct order {
    const char *state, *origin;
    uint64_t root_key, passphrase; /* descriptors; none: UINT64_MAX */
    struct restore_root own;       /* of the backup itself: its whole log */
    struct restore_root known;     /* from outside the backup */
    uint64_t lost;                 /* leaves that the one outside has and the backup has not */
};

struct restore {
    struct vault v;
    struct order order;
    struct restored got;
    struct secret *root;
    struct store_head head; /* as restored */
    uint64_t replayed;      /* keys removed */
    char old_origin[128];
};

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    (void)putchar('\n');
}

/* ---- The root key ---- */

static enum err append_fd(struct buf *to, uint64_t fd)
{
    unsigned char chunk[4096];
    ssize_t n = -1;
    enum err e = OK;

    (void)lseek((int)fd, 0, SEEK_SET); /* who filled memory left its offset at the end */
    while (!e && (n = read((int)fd, chunk, sizeof chunk)) > 0)
        e = buf_append(to, chunk, (size_t)n);
    sodium_memzero(chunk, sizeof chunk);
    if (n < 0)
        log_errno("the root key cannot be read");
    return n < 0 ? ERR_IO : e;
}

/* As the parent hands it to the vault at a start: the file, and the passphrase as the line behind it. */
static enum err open_root(struct secret **root, const struct order *o)
{
    CLEANUP(buf) struct buf *opening = NULL;
    CLEANUP(fd) int fd = -1;
    bool is_sealed = o->passphrase != UINT64_MAX;

    TRY(buf_new(&opening, 1u << 17));
    TRY(append_fd(opening, o->root_key));
    if (is_sealed)
        TRY(append_fd(opening, o->passphrase));
    TRY(bulk_new(&fd, buf_bytes(opening), buf_len(opening)));
    return seal_open(root, is_sealed ? "passphrase" : "key-file", fd); /* says itself what is wrong */
}

static enum err open_keys(struct restore *r)
{
    enum err e = keys_open(&r->v.keys, r->root, buf_bytes(r->got.key_file), buf_len(r->got.key_file));

    if (e == ERR_CORRUPT)
        log_error(
            "the key file in the backup does not open: the root key is another state's, or was replaced "
            "(keys rekey) after this backup was made");
    else if (e)
        log_error("the keys of the backup cannot be held or used here: %s", err_name(e));
    if (!e)
        (void)snprintf(r->old_origin, sizeof r->old_origin, "%s", keys_origin(r->v.keys));
    return e;
}

/* ---- Built ---- */

static enum err make_state(struct restore *r)
{
    struct vault *v = &r->v;

    v->state_fd = open(r->order.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (v->state_fd < 0 || mkdirat(v->state_fd, "spool", 0700) || mkdirat(v->state_fd, "log", 0700)) {
        log_errno("%s", r->order.state);
        return errno == ENOSPC ? ERR_FULL : ERR_IO;
    }
    v->log_fd = openat(v->state_fd, "log", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    TRY(store_create(v->state_fd));
    return store_open(&v->store, v->state_fd);
}

/* ---- Proven ---- */

static enum err prove(struct restore *r)
{
    const struct order *o = &r->order;

    TRY(store_log_head(r->v.store, &r->head));
    if (r->head.size != o->own.size || memcmp(r->head.root, o->own.root, sizeof o->own.root) != 0) {
        log_error("the log in the backup has not the root of the backup's own checkpoint");
        return ERR_CORRUPT;
    }
    say("Built: %llu rows up to position %llu; %llu keys, %llu leaves.", (unsigned long long)r->got.rows,
        (unsigned long long)r->got.position, (unsigned long long)r->got.keys,
        (unsigned long long)r->got.leaves);
    if (o->lost)
        say("NOT proven against the checkpoint from outside: %llu leaves are lost, as was accepted. The log "
            "is "
            "whole up to the backup's own signed checkpoint.",
            (unsigned long long)o->lost);
    else
        say("Proven: the log has the root of the checkpoint from outside at %llu leaves; %llu more follow "
            "it.",
            (unsigned long long)o->known.size, (unsigned long long)(r->head.size - o->known.size));
    return OK;
}

/* ---- Erased ---- */

static enum err commit(struct restore *r, struct store_batch *b)
{
    struct store_outcome outcome;

    store_commit(r->v.store, &b, 1, &outcome, &r->head);
    return outcome.result == STORE_COMMITTED ? OK : outcome.result == STORE_FULL ? ERR_FULL : ERR_IO;
}

static enum err erase(struct restore *r)
{
    CLEANUP(store_batch) struct store_batch *b = NULL;
    CLEANUP(store_batch) struct store_batch *sweep = NULL;
    size_t orphans;

    TRY(store_batch_new(&b));
    TRY(restore_erasures(&r->v, b, r->got.keys_leaves, &r->replayed));
    TRY(commit(r, b));
    TRY(store_batch_new(&sweep));
    TRY(orphans_remove(&r->v, sweep, &orphans));
    TRY(commit(r, sweep));
    say("Erased: %llu keys of erasures newer than the copy of keys, %zu that belong to nothing.",
        (unsigned long long)r->replayed, orphans);
    return OK;
}

/* ---- Opened ---- */

static uint64_t said;

static void say_damage(const struct shape_fsck_damage *row)
{
    if (said++ < DAMAGE_SAID)
        log_error("damaged: %s %.32s...: %s", row->kind, row->key, row->what);
}

static enum err open_everything(struct restore *r)
{
    uint64_t opened = 0, damaged = 0;

    TRY(fsck_all(&r->v, say_damage, &opened, &damaged));
    if (store_verify(r->v.store, 0, r->head.size, NULL, NULL)) {
        log_error("the log that was built does not verify");
        return ERR_CORRUPT;
    }
    if (!damaged) {
        say("Opened: all %llu sealed values and %llu leaves.", (unsigned long long)opened,
            (unsigned long long)r->head.size);
        return OK;
    }
    if (r->got.keys_leaves < r->order.own.size)
        log_error("%llu of %llu values do not open: the copy of keys is older than the records (%llu leaves "
                  "against %llu); take the newest copy",
                  (unsigned long long)damaged, (unsigned long long)opened,
                  (unsigned long long)r->got.keys_leaves, (unsigned long long)r->order.own.size);
    else
        log_error(
            "%llu of %llu values do not open: they were damaged when the backup was made; take an older "
            "one",
            (unsigned long long)damaged, (unsigned long long)opened);
    return ERR_CORRUPT;
}

/* ---- Begun, and whole ---- */

/* <old name>/restored-<8 digits>: no two restores, nor the state that was lost, sign under one name or key.
 */
static enum err new_origin(char *out, size_t size, const struct restore *r)
{
    static const char mark[] = "/restored-";
    const char *old = r->old_origin, *end = strstr(old, mark);
    unsigned char random[4];
    char hex[2 * sizeof random + 1];

    if (r->order.origin)
        return text_copy(out, size, r->order.origin);
    randombytes_buf(random, sizeof random);
    hex_encode(hex, random, sizeof random);
    (void)snprintf(out, size, "%.*s%s%s", end ? (int)(end - old) : (int)strlen(old), old, mark, hex);
    return OK;
}

static enum err begin_log(struct restore *r)
{
    char origin[160];
    enum err e;

    TRY(new_origin(origin, sizeof origin, r));
    if (strcmp(origin, r->old_origin) == 0) {
        log_error("the log needs another name than the one that was lost: two logs of one name could "
                  "contradict each other");
        return ERR_DENIED;
    }
    e = keys_begin_log(r->v.keys, origin);
    if (e == ERR_MALFORMED)
        log_error("%s is no name for a log (1 to 100 characters, no blanks, no `+`): give --origin", origin);
    return e;
}

static enum err commit_restored(struct restore *r)
{
    const struct restore_root *cited = r->order.lost ? &r->order.own : &r->order.known;
    CLEANUP(store_batch) struct store_batch *b = NULL;
    struct leaf l;

    TRY(store_batch_new(&b));
    leaf_begin(&l, "restored");
    leaf_text(&l, "from", r->old_origin);
    leaf_number(&l, "size", cited->size);
    leaf_hex(&l, "root", cited->root, sizeof cited->root);
    leaf_number(&l, "leaves", r->head.size);
    leaf_number(&l, "lost", r->order.lost);
    leaf_number(&l, "erased", r->replayed);
    TRY(leaf_add(&l, &r->v, b, NULL));
    return commit(r, b);
}

static enum err publish(struct restore *r)
{
    CLEANUP(buf) struct buf *checkpoint = NULL;
    CLEANUP(buf) struct buf *verifier = NULL;

    TRY(buf_new(&checkpoint, 4096));
    TRY(keys_sign_checkpoint(checkpoint, r->v.keys, r->head.size, r->head.root));
    TRY(tiles_open(&r->v.tiles, r->v.store, r->v.log_fd));
    TRY(tiles_publish(r->v.tiles, &r->head, buf_bytes(checkpoint), buf_len(checkpoint)));
    r->v.root = TAKE(r->root);
    TRY(key_file_write(&r->v));
    TRY(buf_new(&verifier, 4096));
    TRY(keys_verifier(verifier, r->v.keys));
    say("Begun: the log goes on as %s, with a new key; its leaf %llu names the log before it.",
        keys_origin(r->v.keys), (unsigned long long)r->head.size - 1);
    say("%s", buf_text(verifier)); /* the last line: photoctl keeps it */
    return fflush(stdout) ? ERR_IO : OK;
}

static enum err restore(struct restore *r)
{
    TRY(open_root(&r->root, &r->order));
    TRY(make_state(r));
    TRY(restore_rows(&r->got, &r->v, stdin, &r->order.known));
    TRY(open_keys(r));
    TRY(prove(r));
    TRY(erase(r));
    TRY(open_everything(r));
    TRY(begin_log(r));
    TRY(commit_restored(r));
    return publish(r);
}

/* ---- The command line ---- */

static enum err take_number(uint64_t *to, const char *text)
{
    return u64_parse(to, text, UINT64_MAX);
}

static enum err take_option(struct order *o, int c, const char *value)
{
    switch (c) {
    case 's':
        o->state = value;
        return OK;
    case 'k':
        return u64_parse(&o->root_key, value, INT_MAX);
    case 'p':
        return u64_parse(&o->passphrase, value, INT_MAX);
    case 'o':
        o->origin = value;
        return OK;
    case 'l':
        return take_number(&o->own.size, value);
    case 'r':
        return hex_decode(o->own.root, sizeof o->own.root, value);
    case 'L':
        return take_number(&o->known.size, value);
    case 'R':
        return hex_decode(o->known.root, sizeof o->known.root, value);
    case 'x':
        return take_number(&o->lost, value);
    default:
        return ERR_MALFORMED;
    }
}

static enum err parse(struct order *o, int argc, char **argv)
{
    static const struct option known[] = {
        {"state", required_argument, NULL, 's'},         {"root-key-fd", required_argument, NULL, 'k'},
        {"passphrase-fd", required_argument, NULL, 'p'}, {"origin", required_argument, NULL, 'o'},
        {"size", required_argument, NULL, 'l'},          {"root", required_argument, NULL, 'r'},
        {"known-size", required_argument, NULL, 'L'},    {"known-root", required_argument, NULL, 'R'},
        {"lost", required_argument, NULL, 'x'},          {NULL, 0, NULL, 0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1)
        TRY(take_option(o, c, optarg));
    return o->state && o->root_key != UINT64_MAX && o->own.size && o->known.size && optind == argc
               ? OK
               : ERR_MALFORMED;
}

int vault_restore_main(int argc, char **argv)
{
    static struct restore r = {
        .v = {.state_fd = -1, .spool_fd = -1, .log_fd = -1, .admin_listen = -1, .parent = {.fd = -1}},
        .order = {.root_key = UINT64_MAX, .passphrase = UINT64_MAX}};
    const struct rlimit none = {0, 0};
    enum err e;

    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (parse(&r.order, argc, argv)) {
        log_error("photod-vault --restore is for photoctl restore, which knows its options");
        return 2;
    }
    if (keys_init())
        return 1;
    e = restore(&r);
    if (e && e != ERR_CORRUPT && e != ERR_MALFORMED && e != ERR_DENIED)
        log_error("the state could not be restored: %s", err_name(e));
    restored_clear(&r.got);
    secret_free(r.root);
    vault_close(&r.v);
    return e ? 1 : 0;
}
