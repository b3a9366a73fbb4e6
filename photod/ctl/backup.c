/*
 * `photoctl backup`: copies what changed since the last one, while photod
 * serves.  It sees sealed bytes only, and seals them once more for whoever
 * keeps the backup.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "photod/base/clock.h"
#include "photod/base/text.h"
#include "photod/ctl/age.h"
#include "photod/ctl/backup_dir.h"
#include "photod/ctl/commands.h"
#include "photod/ctl/file.h"
#include "photod/ctl/local.h"
#include "photod/wire/backup_row.h"
#include "photod/wire/bulk.h"

#define TABLE_MAX  (64u << 20)
#define KEYS_TRIES 5

/* A file being written. */
struct stream {
    const char *part;
    int fd;
    struct age_writer *writer;
    uint64_t rows;
};

struct backup {
    struct local_where where;
    const char *to, *checkpoint_out;
    struct option_list recipients;
    bool full, json;

    struct age_recipients for_whom;
    int dir_fd;
    struct manifest *manifest;
    bool have_manifest;
    uint64_t from;           /* position; 0: everything */
    struct shape_backup ask; /* the next step */
    struct shape_backup_step last;
    struct stream photos, keys;
    char photos_name[BACKUP_NAME], keys_name[BACKUP_NAME];
    unsigned expired;
};

/* ---- Files ---- */

static enum ctl_exit say_file(const char *name, enum err e)
{
    if (e == ERR_FULL || e == ERR_IO)
        return say_fail(CTL_FAILED, "%s: %s", name, strerror(errno));
    return say_fail(CTL_FAILED, "%s: %s", name, err_name(e));
}

static void stream_close(struct stream *s)
{
    age_writer_free(s->writer);
    s->writer = NULL;
    if (s->fd >= 0)
        (void)close(s->fd);
    s->fd = -1;
    s->rows = 0;
}

/* Anew, also when it was begun before. */
static enum ctl_exit stream_open(struct stream *s, const struct backup *b)
{
    enum err e;

    stream_close(s);
    s->fd = openat(b->dir_fd, s->part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (s->fd < 0)
        return say_fail(CTL_FAILED, "%s: %s", s->part, strerror(errno));
    e = age_writer_new(&s->writer, s->fd, &b->for_whom);
    return e ? say_file(s->part, e) : CTL_OK;
}

static enum ctl_exit stream_put(struct stream *s, const unsigned char *bytes, size_t len)
{
    enum err e = age_write(s->writer, bytes, len);

    s->rows++;
    return e ? say_file(s->part, e) : CTL_OK;
}

/* The mark, the last chunk, the disk. */
static enum ctl_exit stream_end(struct stream *s, const struct backup *b, uint64_t from)
{
    struct shape_backup_mark mark = {.from = from, .number = b->last.number, .leaves = b->last.leaves};
    struct backup_row row = {.part = BACKUP_MARK, .key = (const unsigned char *)""};
    CLEANUP(buf) struct buf *value = NULL;
    CLEANUP(buf) struct buf *bytes = NULL;
    struct pack p;
    enum err e;

    if (buf_new(&value, 256) || buf_new(&bytes, 512))
        return say_fail(CTL_FAILED, "out of memory");
    memcpy(mark.line, b->last.line, sizeof mark.line);
    p = PACK(value);
    pack_backup_mark(&p, &mark);
    row.value = buf_bytes(value);
    row.value_len = buf_len(value);
    p = PACK(bytes);
    pack_backup_row(&p, &row);
    TRY_CTL(stream_put(s, buf_bytes(bytes), buf_len(bytes)));
    e = age_write_end(s->writer);
    if (!e && fsync(s->fd))
        e = ERR_IO;
    return e ? say_file(s->part, e) : CTL_OK;
}

/* ---- Steps ---- */

/* Each row, as it is, to its file; keys: NULL while they are not walked yet. */
static enum ctl_exit route(const struct message *m, struct stream *photos, struct stream *keys)
{
    __attribute__((cleanup(bulk_cleanup))) struct bulk rows = {0};
    struct backup_row r;
    struct take t;

    if (bulk_map(&rows, m->fds[0], TABLE_MAX))
        return say_fail(CTL_FAILED, "photod's rows cannot be read");
    t = TAKE_BYTES(rows.bytes, rows.len);
    while (take_more(&t)) {
        const unsigned char *start = t.at;
        struct stream *to;

        take_backup_row(&t, &r);
        to = r.part == BACKUP_PHOTOS ? photos : keys;
        if (!t.err && to)
            TRY_CTL(stream_put(to, start, (size_t)(t.at - start)));
    }
    return take_end(&t) ? say_fail(CTL_FAILED, "photod's rows are malformed") : CTL_OK;
}

static enum ctl_exit step(struct backup *b, struct stream *photos, struct stream *keys)
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;

    TRY_CTL(local_ask(&answer, &b->where, MSG_BACKUP, &b->ask, MSG_BACKUP_STEP));
    b->last = answer.is.backup_step;
    if (b->last.full)
        return CTL_OK;
    TRY_CTL(route(&answer, photos, keys));
    b->ask.kind = b->last.kind;
    memcpy(b->ask.key, b->last.key, sizeof b->ask.key);
    b->ask.key_len = b->last.key_len;
    say_progress("%" PRIu64 " records, %" PRIu64 " keys", b->photos.rows, b->keys.rows);
    return CTL_OK;
}

static void stand_at(struct backup *b)
{
    memcpy(b->ask.line, b->last.line, sizeof b->ask.line);
    b->ask.number = b->last.number;
    b->ask.seen = b->last.seen;
}

static enum ctl_exit take_changes(struct backup *b, enum backup_ask ask, struct stream *keys)
{
    b->ask.ask = (unsigned char)ask;
    do {
        TRY_CTL(step(b, &b->photos, keys));
        if (b->last.full)
            return CTL_OK;
        stand_at(b);
    } while (!b->last.done);
    return CTL_OK;
}

static enum ctl_exit take_everything(struct backup *b)
{
    b->from = 0;
    b->ask = (struct shape_backup){.ask = BACKUP_BEGIN};
    TRY_CTL(stream_open(&b->photos, b));
    TRY_CTL(step(b, NULL, NULL));
    stand_at(b);
    b->ask.ask = BACKUP_WALK;
    b->ask.kind = 0;
    do
        TRY_CTL(step(b, &b->photos, NULL));
    while (!b->last.done);
    return take_changes(b, BACKUP_CHANGES, NULL);
}

static enum ctl_exit take_photos(struct backup *b)
{
    const struct manifest *m = b->manifest;

    if (!b->have_manifest || b->full || m->photos_count == BACKUP_PHOTOS_MAX)
        return take_everything(b);
    b->from = m->position;
    memcpy(b->ask.line, m->line, sizeof b->ask.line);
    b->ask.number = m->position;
    TRY_CTL(stream_open(&b->photos, b));
    TRY_CTL(take_changes(b, BACKUP_CHANGES, NULL));
    if (!b->last.full)
        return CTL_OK;
    say_hint("photod no longer knows what changed since the last backup: taking everything.");
    return take_everything(b);
}

/* The keys, then what came meanwhile, to a moment at which all belongs together. */
static enum ctl_exit take_keys(struct backup *b)
{
    for (unsigned i = 0; i < KEYS_TRIES; i++) {
        TRY_CTL(stream_open(&b->keys, b));
        b->ask.ask = BACKUP_WALK_KEYS;
        b->ask.key_len = 0;
        b->ask.epoch = 0;
        do {
            TRY_CTL(step(b, NULL, &b->keys));
            if (!b->ask.epoch)
                b->ask.epoch = b->last.epoch;
        } while (!b->last.done);
        TRY_CTL(take_changes(b, BACKUP_END, &b->keys));
        if (b->last.full)
            return say_fail(CTL_FAILED,
                            "photod was restored or changed too much during the backup; run it again");
        if (!b->last.keys_again)
            return CTL_OK;
    }
    return say_fail(CTL_FAILED, "the ring key was replaced during each of %d tries; run it again",
                    KEYS_TRIES);
}

/* ---- Keeping ---- */

static enum ctl_exit keep_file(const struct backup *b, const struct stream *s, const char *name,
                               struct backup_file *entry)
{
    const struct manifest *m = b->manifest;

    for (unsigned i = 0; i < m->photos_count; i++)
        if (strcmp(m->photos[i].name, name) == 0)
            return say_fail(CTL_FAILED, "%s is in use by the backup before: give a new directory", name);
    if (renameat(b->dir_fd, s->part, b->dir_fd, name) || fsync(b->dir_fd))
        return say_fail(CTL_FAILED, "%s: %s", name, strerror(errno));
    (void)snprintf(entry->name, sizeof entry->name, "%s", name);
    age_writer_hash(entry->sha256, &entry->bytes, s->writer);
    return CTL_OK;
}

/* The files are durable; the log knows the manifest before anybody else does. */
static enum ctl_exit log_manifest(struct backup *b)
{
    struct manifest *m = b->manifest;
    struct shape_backup_kept kept = {.number = m->position, .leaves = m->leaves};
    CLEANUP(message) struct message answer = MESSAGE_NONE;

    if (manifest_hash(m))
        return say_fail(CTL_FAILED, "the manifest does not fit");
    memcpy(kept.manifest, m->hash, sizeof kept.manifest);
    TRY_CTL(local_ask(&answer, &b->where, MSG_BACKUP_KEPT, &kept, MSG_BACKUP_LOGGED));
    return text_copy(m->proof, sizeof m->proof, answer.is.backup_logged.proof)
               ? say_fail(CTL_FAILED, "photod's proof does not fit")
               : CTL_OK;
}

static enum ctl_exit keep(struct backup *b)
{
    struct manifest *m = b->manifest;
    struct backup_file photos = {.name = ""}, keys;
    bool is_new = !b->from || b->photos.rows;

    m->made_ms = clock_wall_ms();
    if (is_new) {
        TRY_CTL(stream_end(&b->photos, b, b->from));
        backup_photos_name(b->photos_name, b->from, b->last.number);
        TRY_CTL(keep_file(b, &b->photos, b->photos_name, &photos));
    }
    TRY_CTL(stream_end(&b->keys, b, 0));
    backup_keys_name(b->keys_name, b->last.number, m->made_ms);
    TRY_CTL(keep_file(b, &b->keys, b->keys_name, &keys));
    if (!b->from) /* keys of another chain open nothing of this one */
        m->photos_count = m->keys_count = 0;
    manifest_forget_keys(m);
    if (is_new)
        m->photos[m->photos_count++] = photos;
    if (m->keys_count == BACKUP_KEYS_MAX)
        memmove(m->keys, m->keys + 1, --m->keys_count * sizeof m->keys[0]);
    m->keys[m->keys_count++] = keys;
    memcpy(m->line, b->last.line, sizeof m->line);
    m->position = b->last.number;
    m->leaves = b->last.leaves;
    (void)snprintf(m->checkpoint, sizeof m->checkpoint, "%s", b->last.checkpoint);
    (void)snprintf(m->origin, sizeof m->origin, "%.*s", (int)strcspn(m->checkpoint, "\n"), m->checkpoint);
    TRY_CTL(log_manifest(b));
    return manifest_write(m, b->dir_fd);
}

/* ---- Saying ---- */

static void print_done(const struct backup *b)
{
    const struct manifest *m = b->manifest;
    bool is_new = b->photos_name[0];

    (void)printf("Backed up to position %" PRIu64 ", %" PRIu64 " leaves of the audit log:\n", m->position,
                 m->leaves);
    if (is_new)
        (void)printf("  %s  %" PRIu64 " bytes, %s; may be kept long\n", b->photos_name,
                     m->photos[m->photos_count - 1].bytes, b->from ? "what changed" : "everything");
    else
        (void)printf("  no record has changed since the last backup\n");
    (void)printf("  %s  %" PRIu64 " bytes; goes after %d days, as must every copy of it\n", b->keys_name,
                 m->keys[m->keys_count - 1].bytes, BACKUP_KEYS_DAYS + 1);
    if (b->expired)
        (void)printf("Deleted %u older %s of keys.\n", b->expired, b->expired == 1 ? "copy" : "copies");
    if (!b->checkpoint_out)
        (void)printf(
            "A restore asks for a checkpoint from outside the backup: keep one elsewhere (--checkpoint "
            "FILE, or STATE/log/checkpoint).\n");
}

static void print_json(const struct backup *b)
{
    const struct manifest *m = b->manifest;
    json_t *o = json_pack("{s:I, s:I, s:s?, s:s, s:b, s:I}", "position", (json_int_t)m->position, "leaves",
                          (json_int_t)m->leaves, "photos", b->photos_name[0] ? b->photos_name : NULL, "keys",
                          b->keys_name, "full", (int)!b->from, "deleted", (json_int_t)b->expired);

    say_json(o);
    json_decref(o);
}

static enum ctl_exit keep_checkpoint(const struct backup *b)
{
    const char *text = b->manifest->checkpoint;
    CLEANUP(fd) int fd = -1;

    if (!b->checkpoint_out)
        return CTL_OK;
    fd = open(b->checkpoint_out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return say_fail(CTL_FAILED, "%s: %s", b->checkpoint_out, strerror(errno));
    return file_fill(fd, b->checkpoint_out, text, strlen(text));
}

/* ---- The command ---- */

static enum ctl_exit open_all(struct backup *b)
{
    struct fault fault;

    if (!b->recipients.count)
        return say_fail(CTL_USAGE,
                        "backup: --recipient age1... is missing: who may open it (age-keygen makes one)");
    for (unsigned i = 0; i < b->recipients.count; i++)
        if (age_recipient_add(&b->for_whom, &fault, b->recipients.values[i]))
            return say_fail(CTL_USAGE, "--recipient: %s", fault.text);
    TRY_CTL(backup_dir_open(&b->dir_fd, b->to, true));
    return CTL_OK;
}

/* What is added to must be ours: the leaf of the next manifest vouches for all of its files. */
static enum ctl_exit read_manifest(struct backup *b)
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    struct fault fault;
    struct vkey key;
    enum err e = manifest_read(b->manifest, &fault, b->dir_fd);

    if (e == ERR_NOTFOUND)
        return CTL_OK;
    if (!e) {
        TRY_CTL(local_ask(&answer, &b->where, MSG_AUDIT_KEY, NULL, MSG_AUDIT_KEY_IS));
        if (vkey_parse(&key, answer.is.audit_key.verifier))
            return say_fail(CTL_FAILED, "photod's log key is malformed");
        e = manifest_prove(b->manifest, &fault, &key);
    }
    if (e == ERR_CORRUPT)
        return say_fail(CTL_UNVERIFIED, "%s/%s; begin a new directory", b->to, fault.text);
    if (e)
        say_hint("The backup there is of another log, as when photod was restored: taking everything.");
    b->have_manifest = !e;
    return CTL_OK;
}

static enum ctl_exit run(struct backup *b)
{
    TRY_CTL(open_all(b));
    /* First of all: no fault that comes later may let an old copy of keys live. */
    TRY_CTL(backup_keys_expire(b->dir_fd, &b->expired));
    TRY_CTL(read_manifest(b));
    TRY_CTL(take_photos(b));
    TRY_CTL(take_keys(b));
    say_progress_end();
    TRY_CTL(keep(b));
    return keep_checkpoint(b);
}

static const char about[] =
    "Copies photod's store while it serves: everything the first time, then what changed. The copy is of one "
    "moment. The files are sealed for the age recipients given, and hold only what photod keeps sealed "
    "anyway: "
    "to restore takes the age identity and the root key.\n\n"
    "Key copies decide how long an erased photo could still be had from old copies: this command deletes its "
    "own after 6 days, so that with a backup a day none gets older than 7 days. Whoever copies them "
    "elsewhere "
    "must delete them too.";

enum ctl_exit command_backup(int argc, char **argv)
{
    struct backup b = {
        .dir_fd = -1, .photos = {.part = "photos.part", .fd = -1}, .keys = {.part = "keys.part", .fd = -1}};
    const struct option_row rows[] = {
        OPTION_NEED("to", "DIR", b.to, "The directory of backups; made if it is not there."),
        OPTION_LIST("recipient", "age1...", b.recipients,
                    "Who may open the files: a public key of age. Again for each recipient."),
        OPTION_FLAG("full", b.full, "Take everything, not only what changed."),
        OPTION_TEXT(
            "checkpoint", "FILE", b.checkpoint_out,
            "Also write the log's checkpoint of this moment to FILE, which should lie elsewhere: a restore "
            "is measured by it."),
        OPTION_FLAG("json", b.json, "Print JSON."),
        LOCAL_OPTIONS(b.where),
    };
    const struct usage u = {"backup", "", about, rows, sizeof rows / sizeof rows[0], NULL, 0};
    CLEANUP(heap) struct manifest *manifest = calloc(1, sizeof *manifest);
    enum ctl_exit code;

    if (!options_read(&code, &u, argc, argv))
        return code;
    if (!manifest || age_init())
        return say_fail(CTL_FAILED, "out of memory");
    b.manifest = manifest;
    code = run(&b);
    say_progress_end();
    stream_close(&b.photos);
    stream_close(&b.keys);
    if (b.dir_fd >= 0) {
        (void)unlinkat(b.dir_fd, b.photos.part, 0);
        (void)unlinkat(b.dir_fd, b.keys.part, 0);
        (void)close(b.dir_fd);
    }
    if (code)
        return code;
    if (b.json)
        print_json(&b);
    else
        print_done(&b);
    return CTL_OK;
}
