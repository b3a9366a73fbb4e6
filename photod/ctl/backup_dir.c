#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "photod/base/cleanup.h"
#include "photod/base/clock.h"
#include "photod/base/text.h"
#include "photod/ctl/backup_dir.h"
#include "photod/ctl/file.h"
#include "photod/ctl/receipt.h"

#define MANIFEST     "manifest"
#define MANIFEST_MAX (1u << 20)
#define FIRST_LINE   "photod backup 1"
#define SEAL_LINE    "sha256 "
#define PROOF_MARK   "\nc2sp.org/tlog-proof@v1\n"
#define DAY_MS       86400000

enum ctl_exit backup_dir_open(int *dir_fd, const char *path, bool make)
{
    CLEANUP(fd) int fd = -1;

    if (make && mkdir(path, 0700) && errno != EEXIST)
        return say_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return say_fail(CTL_FAILED, "%s: %s", path, strerror(errno));
    if (flock(fd, (make ? LOCK_EX : LOCK_SH) | LOCK_NB))
        return say_fail(CTL_FAILED, "%s: another backup or restore is using it", path);
    *dir_fd = TAKE_FD(fd);
    return CTL_OK;
}

/* ---- Names ---- */

void backup_photos_name(char name[static BACKUP_NAME], uint64_t from, uint64_t to)
{
    (void)snprintf(name, BACKUP_NAME, "photos-%" PRIu64 "-%" PRIu64 ".age", from, to);
}

void backup_keys_name(char name[static BACKUP_NAME], uint64_t position, int64_t made_ms)
{
    time_t made = (time_t)(made_ms / 1000);
    char when[32];
    struct tm t;

    (void)strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", gmtime_r(&made, &t));
    (void)snprintf(name, BACKUP_NAME, "keys-%" PRIu64 "-%s.age", position, when);
}

enum err backup_keys_time(int64_t *made_ms, const char *name)
{
    struct tm t = {.tm_sec = 0};
    const char *when = strrchr(name, '-'), *end;

    if (strncmp(name, "keys-", 5) != 0 || !when || when < name + 5)
        return ERR_MALFORMED;
    end = strptime(when + 1, "%Y%m%dT%H%M%SZ", &t);
    if (!end || strcmp(end, ".age") != 0)
        return ERR_MALFORMED;
    *made_ms = (int64_t)timegm(&t) * 1000;
    return OK;
}

/* A name from a manifest must stay in its directory. */
static bool is_name(const char *name)
{
    size_t len = strlen(name);

    for (const char *c = name; *c; c++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzTZ0123456789-.", *c))
            return false;
    return len > 4 && len < BACKUP_NAME && name[0] != '.' && strcmp(name + len - 4, ".age") == 0;
}

/* ---- The manifest ---- */

static enum err take_file(struct backup_file *files, unsigned *count, unsigned max, char *text)
{
    struct backup_file *f = &files[*count];
    char *name = strtok_r(text, " ", &text), *bytes = strtok_r(NULL, " ", &text),
         *hash = strtok_r(NULL, " ", &text);

    if (*count == max || !name || !bytes || !hash || !is_name(name) ||
        u64_parse(&f->bytes, bytes, UINT64_MAX) || hex_decode(f->sha256, sizeof f->sha256, hash))
        return ERR_CORRUPT;
    (void)snprintf(f->name, sizeof f->name, "%s", name);
    ++*count;
    return OK;
}

static enum err take_line(struct manifest *m, char *line)
{
    char *value = strchr(line, ' ');
    uint64_t made;

    if (!value)
        return ERR_CORRUPT;
    *value++ = '\0';
    if (strcmp(line, "origin") == 0)
        return text_copy(m->origin, sizeof m->origin, value) ? ERR_CORRUPT : OK;
    if (strcmp(line, "line") == 0)
        return hex_decode(m->line, sizeof m->line, value) ? ERR_CORRUPT : OK;
    if (strcmp(line, "position") == 0)
        return u64_parse(&m->position, value, UINT64_MAX) ? ERR_CORRUPT : OK;
    if (strcmp(line, "leaves") == 0)
        return u64_parse(&m->leaves, value, UINT64_MAX) ? ERR_CORRUPT : OK;
    if (strcmp(line, "made-ms") == 0) {
        TRY(u64_parse(&made, value, INT64_MAX));
        m->made_ms = (int64_t)made;
        return OK;
    }
    if (strcmp(line, "photos") == 0)
        return take_file(m->photos, &m->photos_count, BACKUP_PHOTOS_MAX, value);
    if (strcmp(line, "keys") == 0)
        return take_file(m->keys, &m->keys_count, BACKUP_KEYS_MAX, value);
    return strcmp(line, "made") == 0 ? OK : ERR_CORRUPT; /* for people */
}

/* The last line of its text is the hash of all before it: a damaged byte is told from a foreign hand. */
static enum err check_seal(struct manifest *m, char *text, size_t len)
{
    const size_t seal = strlen(SEAL_LINE) + 2 * HASH_BYTES + 1;
    char *line = text + len - seal, is[2 * HASH_BYTES + 1];

    if (len < seal || memcmp(line, SEAL_LINE, strlen(SEAL_LINE)) != 0 || text[len - 1] != '\n')
        return ERR_CORRUPT;
    hash_sha256(m->hash, text, len - seal);
    hex_encode(is, m->hash, sizeof m->hash);
    *line = '\0';
    return memcmp(is, line + strlen(SEAL_LINE), 2 * HASH_BYTES) == 0 ? OK : ERR_CORRUPT;
}

static enum err parse(struct manifest *m, char *text, size_t len)
{
    static const char mark[] = "\ncheckpoint\n";
    char *proof = strstr(text, PROOF_MARK), *checkpoint, *line;

    if (strlen(text) != len || !proof || text_copy(m->proof, sizeof m->proof, proof + 1))
        return ERR_CORRUPT;
    TRY(check_seal(m, text, (size_t)(proof + 1 - text)));
    checkpoint = strstr(text, mark);
    if (!checkpoint || text_copy(m->checkpoint, sizeof m->checkpoint, checkpoint + strlen(mark)))
        return ERR_CORRUPT;
    *checkpoint = '\0';
    line = strtok_r(text, "\n", &text);
    if (!line || strcmp(line, FIRST_LINE) != 0)
        return ERR_CORRUPT;
    while ((line = strtok_r(NULL, "\n", &text)))
        TRY(take_line(m, line));
    return m->photos_count && m->position ? OK : ERR_CORRUPT;
}

enum err manifest_read(struct manifest *m, struct fault *fault, int dir_fd)
{
    CLEANUP(buf) struct buf *b = NULL;
    CLEANUP(heap) char *text = NULL;
    enum err e = file_read_at(&b, dir_fd, MANIFEST, MANIFEST_MAX);

    memset(m, 0, sizeof *m);
    if (e == ERR_NOTFOUND)
        return e;
    if (!e) {
        text = malloc(buf_len(b) + 1);
        e = text ? OK : ERR_NOMEM;
    }
    if (!e) {
        memcpy(text, buf_text(b), buf_len(b) + 1);
        e = parse(m, text, buf_len(b));
    }
    if (e)
        return fault_set(fault, ERR_CORRUPT, "manifest: it is damaged, or of another version (%s)",
                         err_name(e));
    return OK;
}

static enum err print(struct buf *b, const struct manifest *m)
{
    char line[2 * sizeof m->line + 1], hash[2 * HASH_BYTES + 1], made[CLOCK_TEXT];

    hex_encode(line, m->line, sizeof m->line);
    clock_format(made, m->made_ms);
    TRY(buf_printf(b,
                   FIRST_LINE "\norigin %s\nline %s\nposition %" PRIu64 "\nleaves %" PRIu64
                              "\nmade %s\nmade-ms %" PRId64 "\n",
                   m->origin, line, m->position, m->leaves, made, m->made_ms));
    for (unsigned i = 0; i < m->photos_count + m->keys_count; i++) {
        bool photos = i < m->photos_count;
        const struct backup_file *f = photos ? &m->photos[i] : &m->keys[i - m->photos_count];

        hex_encode(hash, f->sha256, sizeof f->sha256);
        TRY(buf_printf(b, "%s %s %" PRIu64 " %s\n", photos ? "photos" : "keys", f->name, f->bytes, hash));
    }
    return buf_printf(b, "checkpoint\n%s", m->checkpoint);
}

enum err manifest_hash(struct manifest *m)
{
    CLEANUP(buf) struct buf *b = NULL;

    TRY(buf_new(&b, MANIFEST_MAX));
    TRY(print(b, m));
    hash_sha256(m->hash, buf_bytes(b), buf_len(b));
    return OK;
}

enum ctl_exit manifest_write(const struct manifest *m, int dir_fd)
{
    CLEANUP(buf) struct buf *b = NULL;
    CLEANUP(fd) int fd = -1;
    char hash[2 * HASH_BYTES + 1];

    hex_encode(hash, m->hash, sizeof m->hash);
    if (buf_new(&b, MANIFEST_MAX) || print(b, m) || buf_printf(b, SEAL_LINE "%s\n%s", hash, m->proof))
        return say_fail(CTL_FAILED, "the manifest does not fit");
    fd = openat(dir_fd, MANIFEST ".part", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return say_fail(CTL_FAILED, MANIFEST ".part: %s", strerror(errno));
    TRY_CTL(file_fill(fd, MANIFEST ".part", buf_bytes(b), buf_len(b)));
    if (renameat(dir_fd, MANIFEST ".part", dir_fd, MANIFEST) || fsync(dir_fd))
        return say_fail(CTL_FAILED, MANIFEST ": %s", strerror(errno));
    return CTL_OK;
}

/* ---- Who wrote it ---- */

static bool is_number(const json_t *leaf, const char *name, uint64_t number)
{
    const json_t *value = json_object_get(leaf, name);

    return json_is_integer(value) && (uint64_t)json_integer_value(value) == number;
}

static bool is_text(const json_t *leaf, const char *name, const char *text)
{
    const char *value = json_string_value(json_object_get(leaf, name));

    return value && strcmp(value, text) == 0;
}

static bool is_its_leaf(const struct manifest *m, const struct receipt *r)
{
    json_t *leaf = json_loadb(r->leaf, r->leaf_len, JSON_REJECT_DUPLICATES, NULL);
    char hash[2 * HASH_BYTES + 1];
    bool is;

    hex_encode(hash, m->hash, sizeof m->hash);
    is = is_text(leaf, "type", "backup") && is_text(leaf, "manifest", hash) &&
         is_number(leaf, "position", m->position) && is_number(leaf, "leaves", m->leaves);
    json_decref(leaf);
    return is;
}

enum err manifest_prove(const struct manifest *m, struct fault *fault, const struct vkey *key)
{
    __attribute__((cleanup(receipt_cleanup))) struct receipt r = {.index = 0};
    struct fault inner;

    if (strcmp(m->origin, key->name) != 0)
        return fault_set(fault, ERR_DENIED, "manifest: it is of the log %s, not of %s", m->origin, key->name);
    if (receipt_open(&r, &inner, m->proof, strlen(m->proof), key))
        return fault_set(fault, ERR_CORRUPT, "manifest: the log does not know it: %s", inner.text);
    if (!is_its_leaf(m, &r))
        return fault_set(fault, ERR_CORRUPT,
                         "manifest: the log knows another one: files were exchanged, or it was rewritten");
    return OK;
}

/* ---- Files ---- */

static enum err file_hash(struct backup_file *f, int dir_fd)
{
    CLEANUP(fd) int fd = openat(dir_fd, f->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT ? ERR_NOTFOUND : ERR_IO;
    return hash_sha256_fd(f->sha256, &f->bytes, fd);
}

enum ctl_exit backup_file_compare(const struct backup_file *f, uint64_t bytes,
                                  const unsigned char sha256[static HASH_BYTES])
{
    if (bytes != f->bytes)
        return say_fail(CTL_UNVERIFIED, "%s is damaged: it has %" PRIu64 " bytes, the manifest says %" PRIu64,
                        f->name, bytes, f->bytes);
    if (memcmp(sha256, f->sha256, sizeof f->sha256) != 0)
        return say_fail(CTL_UNVERIFIED, "%s is damaged: it is not the file of the manifest (SHA-256)",
                        f->name);
    return CTL_OK;
}

enum ctl_exit backup_file_check(const struct backup_file *f, int dir_fd)
{
    struct backup_file is = *f;
    enum err e = file_hash(&is, dir_fd);

    if (e == ERR_NOTFOUND && strncmp(f->name, "keys-", 5) == 0)
        return say_fail(CTL_UNVERIFIED, "%s is missing from the backup: copies of keys live 7 days", f->name);
    if (e == ERR_NOTFOUND)
        return say_fail(CTL_UNVERIFIED, "%s is missing from the backup", f->name);
    if (e)
        return say_fail(CTL_FAILED, "%s cannot be read", f->name);
    return backup_file_compare(f, is.bytes, is.sha256);
}

/* ---- Old copies of keys ---- */

static bool is_old(const char *name, int64_t now)
{
    int64_t made;

    return !backup_keys_time(&made, name) && now - made >= (int64_t)BACKUP_KEYS_DAYS * DAY_MS;
}

void manifest_forget_keys(struct manifest *m)
{
    int64_t now = clock_wall_ms();
    unsigned kept = 0;

    for (unsigned i = 0; i < m->keys_count; i++)
        if (!is_old(m->keys[i].name, now))
            m->keys[kept++] = m->keys[i];
    m->keys_count = kept;
}

enum ctl_exit backup_keys_expire(int dir_fd, unsigned *gone)
{
    int64_t now = clock_wall_ms();
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    enum ctl_exit code = CTL_OK;
    struct dirent *entry;

    *gone = 0;
    if (!dir)
        return say_fail(CTL_FAILED, "the backup's directory: %s", strerror(errno));
    while (!code && (entry = readdir(dir))) {
        if (!is_old(entry->d_name, now))
            continue;
        if (unlinkat(dir_fd, entry->d_name, 0))
            code = say_fail(CTL_FAILED, "%s is older than %d days and cannot be deleted: %s", entry->d_name,
                            BACKUP_KEYS_DAYS, strerror(errno));
        else
            ++*gone;
    }
    (void)closedir(dir);
    if (*gone && fsync(dir_fd) && !code)
        code = say_fail(CTL_FAILED, "the backup's directory: %s", strerror(errno));
    return code;
}
