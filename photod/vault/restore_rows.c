/* The rows of a backup into an empty store. */
#include <string.h>
#include "photod/base/log.h"
#include "photod/vault/record.h"
#include "photod/vault/restore_rows.h"
#include "photod/wire/backup_row.h"

#define GROUP_BYTES  (4u << 20)
#define GROUP_ROWS   4096u
#define KEY_FILE_MAX 65536u

/* One row, in memory of its own. */
struct row {
    unsigned char part, kind, gone;
    unsigned char key[BACKUP_KEY_MAX];
    size_t key_len;
    struct buf *value;
};

struct build {
    struct vault *vault;
    FILE *from;
    const struct restore_root *known;
    struct restored *out;
    struct row row;
    struct store_batch *batch;
    size_t bytes, count;
    uint64_t next_leaf;
    bool has_keys, has_line;
    unsigned char line[STORE_LINE_BYTES];
};

static void build_cleanup(struct build *b)
{
    store_batch_free(b->batch);
    buf_free(b->row.value);
}

static enum err malformed(const char *what)
{
    log_error("the backup cannot be restored: %s", what);
    return ERR_MALFORMED;
}

/* ---- Reading ---- */

static enum err read_exactly(struct build *b, void *to, size_t len)
{
    return fread(to, 1, len, b->from) == len ? OK : malformed("its rows end in the middle of one");
}

static enum err read_length(struct build *b, size_t *len, size_t max)
{
    unsigned char bytes[4];

    TRY(read_exactly(b, bytes, sizeof bytes));
    *len = (size_t)bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 24;
    return *len <= max ? OK : malformed("a row is larger than any that photod writes");
}

/* Expected: ERR_NOTFOUND at the end. */
static enum err read_row(struct build *b)
{
    unsigned char *value;
    size_t len;
    int first = getc(b->from);

    if (first == EOF)
        return ferror(b->from) ? malformed("it cannot be read") : ERR_NOTFOUND;
    b->row.part = (unsigned char)first;
    TRY(read_exactly(b, &b->row.kind, 1));
    TRY(read_exactly(b, &b->row.gone, 1));
    TRY(read_length(b, &b->row.key_len, sizeof b->row.key));
    TRY(read_exactly(b, b->row.key, b->row.key_len));
    TRY(read_length(b, &len, BACKUP_VALUE_MAX));
    buf_truncate(b->row.value, 0);
    TRY(buf_extend(b->row.value, len, &value));
    return read_exactly(b, value, len);
}

/* ---- Building ---- */

static enum err flush(struct build *b)
{
    struct store_outcome outcome;
    struct store_head head;

    store_commit(b->vault->store, &b->batch, 1, &outcome, &head);
    store_batch_free(b->batch);
    b->batch = NULL;
    b->bytes = b->count = 0;
    if (outcome.result != STORE_COMMITTED) {
        log_error("the restored store cannot be written: %s",
                  outcome.result == STORE_FULL ? "the disk is full" : "the disk failed");
        return outcome.result == STORE_FULL ? ERR_FULL : ERR_IO;
    }
    if (head.size == b->known->size && memcmp(head.root, b->known->root, sizeof head.root) != 0) {
        log_error("the log in the backup is not the one of the checkpoint: another root at %llu leaves",
                  (unsigned long long)head.size);
        return ERR_CORRUPT;
    }
    return store_batch_new(&b->batch);
}

/* Some come twice, because the store went on while it was copied; never one before its turn. */
static enum err add_leaf(struct build *b)
{
    uint64_t index = 0;

    if (b->row.gone || b->row.key_len != 8)
        return malformed("a leaf is missing");
    for (size_t i = 0; i < b->row.key_len; i++)
        index = index << 8 | b->row.key[i];
    if (index < b->next_leaf)
        return OK;
    if (index > b->next_leaf)
        return malformed("leaves of the log are missing");
    TRY(store_batch_leaf(b->batch, buf_bytes(b->row.value), buf_len(b->row.value), "", 0));
    b->next_leaf++;
    return b->next_leaf == b->known->size ? flush(b) : OK;
}

static enum err add_entry(struct build *b, enum store_kind kind)
{
    enum err e;

    if (b->row.gone)
        e = store_batch_delete(b->batch, kind, b->row.key, b->row.key_len);
    else
        e = store_batch_put(b->batch, kind, b->row.key, b->row.key_len, buf_bytes(b->row.value),
                            buf_len(b->row.value));
    return e == ERR_DENIED || e == ERR_LIMIT ? malformed("a row is of no kind that photod copies") : e;
}

/* Every file ends in one: it says which store it is of, and that nothing lies between it and the one before.
 */
static enum err add_mark(struct build *b)
{
    struct take t = TAKE_BYTES(buf_bytes(b->row.value), buf_len(b->row.value));
    struct shape_backup_mark mark;

    take_backup_mark(&t, &mark);
    if (take_end(&t))
        return malformed("a file's last row is malformed");
    if (b->has_line && memcmp(mark.line, b->line, sizeof b->line) != 0)
        return malformed("its files are of two stores");
    memcpy(b->line, mark.line, sizeof b->line);
    b->has_line = true;
    if (!b->has_keys) { /* of the first file */
        b->has_keys = true;
        b->out->keys_leaves = mark.leaves;
        return b->out->key_file ? OK : malformed("there is no key file among the keys");
    }
    if (mark.from != b->out->position)
        return malformed("a file of records is missing between two others");
    if (mark.leaves != b->next_leaf)
        return malformed("a file has not the leaves that it says");
    b->out->position = mark.number;
    return OK;
}

static enum err take_key_file(struct build *b)
{
    if (b->out->key_file || b->has_keys)
        return malformed("there are two key files");
    TRY(buf_new(&b->out->key_file, KEY_FILE_MAX));
    if (buf_append(b->out->key_file, buf_bytes(b->row.value), buf_len(b->row.value)))
        return malformed("the key file is larger than any that photod writes");
    return OK;
}

static enum err add_row(struct build *b)
{
    const struct row *r = &b->row;

    b->bytes += r->key_len + buf_len(r->value);
    b->count++;
    if (r->part == BACKUP_KEY_FILE)
        return take_key_file(b);
    if (r->part == BACKUP_MARK)
        return add_mark(b);
    if ((r->part == BACKUP_KEYS) != (r->kind == KIND_KEY) || (r->part == BACKUP_KEYS) == b->has_keys)
        return malformed("a row is in the wrong file");
    b->out->rows++;
    return r->kind == KIND_LEAF ? add_leaf(b) : add_entry(b, (enum store_kind)r->kind);
}

enum err restore_rows(struct restored *out, struct vault *v, FILE *from, const struct restore_root *known)
{
    CLEANUP(build) struct build b = {.vault = v, .from = from, .known = known, .out = out};
    enum err e;

    *out = (struct restored){.rows = 0};
    TRY(buf_new(&b.row.value, BACKUP_VALUE_MAX));
    TRY(store_batch_new(&b.batch));
    while (!(e = read_row(&b))) {
        TRY(add_row(&b));
        if (b.bytes >= GROUP_BYTES || b.count >= GROUP_ROWS)
            TRY(flush(&b));
    }
    if (e != ERR_NOTFOUND)
        return e;
    TRY(flush(&b));
    out->leaves = b.next_leaf;
    return store_count(v->store, KIND_KEY, &out->keys);
}

void restored_clear(struct restored *r)
{
    buf_free(r->key_file);
    r->key_file = NULL;
}
