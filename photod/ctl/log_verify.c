/*
 * Works from the entries upwards, one tile of 256 at a time:
 *   entries/N  gives the leaf hashes of   tile/0/N
 *   tile/0/N   gives one hash of          tile/1/(N/256)      and so on
 * The leaf hashes also go into one Merkle tree, whose root must be the
 * checkpoint's.  Where an entry bundle and its tile differ, the hash one
 * level up (for the tile at the right edge: the root) says which is wrong,
 * and what is believed goes on upwards, so that one fault is one finding.
 */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "photod/base/cleanup.h"
#include "photod/base/clock.h"
#include "photod/ctl/file.h"
#include "photod/ctl/log_verify.h"

#define CHECKPOINT_MAX (1u << 20)

struct hashes {
    bool known;
    unsigned char at[LOG_TILE_WIDTH][HASH_BYTES];
};

struct verify {
    struct log_report *report;
    int dir_fd;
    uint64_t size;
    bool unknown; /* hashes are missing: what is above them cannot be judged */
    bool broken;  /* no memory */
    struct merkle tree;
    const struct checkpoint *older; /* NULL: none, or judged */
    struct merkle older_tree;
    struct hashes level[LOG_LEVELS]; /* the tile at the right edge of each level above 0, as computed */
    unsigned used[LOG_LEVELS];
    uint64_t index[LOG_LEVELS];
};

/* ---- Findings ---- */

static void add(struct verify *v, const char *file, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

static void add(struct verify *v, const char *file, const char *format, va_list args)
{
    struct log_report *r = v->report;
    struct log_finding *f;

    if (r->count == LOG_FINDINGS_MAX)
        return;
    if (!r->findings)
        r->findings = calloc(LOG_FINDINGS_MAX, sizeof *r->findings);
    if (!r->findings) {
        v->broken = true;
        return;
    }
    f = &r->findings[r->count++];
    f->file = strdup(file);
    if (vasprintf(&f->what, format, args) < 0)
        f->what = NULL;
    if (!f->file || !f->what) {
        v->broken = true;
        return;
    }
    say_clean(f->file);
    say_clean(f->what);
}

static void find(struct verify *v, const char *file, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void find(struct verify *v, const char *file, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(v, file, format, args);
    va_end(args);
}

static void find_in(struct verify *v, struct log_file f, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void find_in(struct verify *v, struct log_file f, const char *format, ...)
{
    char path[LOG_PATH];
    va_list args;

    log_file_path(path, f);
    va_start(args, format);
    add(v, path, format, args);
    va_end(args);
}

static void find_unreadable(struct verify *v, struct log_file f, enum err e)
{
    char path[LOG_PATH];

    log_file_path(path, f);
    if (e == ERR_NOTFOUND)
        find(v, path, "is missing");
    else if (e == ERR_MALFORMED)
        find(v, path, "is not a regular file");
    else
        find(v, path, "cannot be read: %s", err_name(e));
}

void log_report_clear(struct log_report *r)
{
    for (size_t i = 0; i < r->count; i++) {
        free(r->findings[i].file);
        free(r->findings[i].what);
    }
    free(r->findings);
    *r = (struct log_report){.count = 0};
}

/* ---- Files ---- */

void log_entry_time(char *out, size_t size, const void *entry, size_t len)
{
    json_t *json = json_loadb(entry, len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *t = json_object_get(json, "t");

    *out = '\0';
    if (json_is_string(t)) {
        (void)snprintf(out, size, "%s", json_string_value(t));
        say_clean(out);
    } else if (json_is_integer(t)) {
        char text[CLOCK_TEXT];

        clock_format(text, json_integer_value(t));
        (void)snprintf(out, size, "%s", text);
    }
    json_decref(json);
}

static void note_times(struct verify *v, const struct log_entry *entries, uint64_t first, unsigned count)
{
    struct log_report *r = v->report;

    if (first == 0)
        log_entry_time(r->first_time, sizeof r->first_time, entries[0].bytes, entries[0].len);
    if (first + count == v->size)
        log_entry_time(r->last_time, sizeof r->last_time, entries[count - 1].bytes, entries[count - 1].len);
}

static void read_bundle(struct verify *v, uint64_t index, unsigned width, struct hashes *out)
{
    CLEANUP(buf) struct buf *b = NULL;
    struct log_entry entries[LOG_TILE_WIDTH];
    struct log_file f = {LOG_ENTRIES, index, width};
    enum err e = log_file_read(&b, v->dir_fd, f);

    out->known = false;
    if (e) {
        find_unreadable(v, f, e);
        return;
    }
    if (log_bundle_split(entries, width, b)) {
        find_in(v, f, "does not hold %u whole entries: cut short, too long or changed", width);
        return;
    }
    for (unsigned i = 0; i < width; i++)
        merkle_leaf(out->at[i], entries[i].bytes, entries[i].len);
    note_times(v, entries, index * LOG_TILE_WIDTH, width);
    out->known = true;
}

/* quiet: for a second look at a tile that is judged on its own. */
static void read_tile(struct verify *v, int level, uint64_t index, unsigned width, bool quiet,
                      struct hashes *out)
{
    CLEANUP(buf) struct buf *b = NULL;
    struct log_file f = {level, index, width};
    enum err e = log_file_read(&b, v->dir_fd, f);

    out->known = !e && buf_len(b) == (size_t)width * HASH_BYTES;
    if (out->known)
        memcpy(out->at, buf_bytes(b), (size_t)width * HASH_BYTES);
    else if (e && !quiet)
        find_unreadable(v, f, e);
    else if (!quiet)
        find_in(v, f, "is not %u hashes long: cut short or too long", width);
}

/* ---- Judging ---- */

static unsigned first_difference(const struct hashes *a, const struct hashes *b, unsigned width)
{
    unsigned i = 0;

    while (i < width && memcmp(a->at[i], b->at[i], HASH_BYTES) == 0)
        i++;
    return i;
}

/* Whether these leaf hashes, at the right edge, give the signed root. */
static bool gives_root(const struct verify *v, const struct hashes *h, unsigned width)
{
    struct merkle tree = v->tree;
    unsigned char root[HASH_BYTES];

    for (unsigned i = 0; i < width; i++)
        merkle_push(&tree, 0, h->at[i]);
    merkle_root(&tree, root);
    return memcmp(root, v->report->head.root, HASH_BYTES) == 0;
}

/* What tile/1 holds for a full tile of level 0; false: nothing. */
static bool parent_hash(struct verify *v, uint64_t index, unsigned char out[static HASH_BYTES])
{
    CLEANUP(heap) struct hashes *h = malloc(sizeof *h);
    uint64_t parent = index / LOG_TILE_WIDTH;

    if (!h)
        return false;
    read_tile(v, 1, parent, log_file_width(v->size, 1, parent), true, h);
    if (h->known)
        memcpy(out, h->at[index % LOG_TILE_WIDTH], HASH_BYTES);
    return h->known;
}

static bool borne_out(struct verify *v, uint64_t index, unsigned width, const struct hashes *h)
{
    unsigned char root[HASH_BYTES], parent[HASH_BYTES];

    if (width < LOG_TILE_WIDTH)
        return gives_root(v, h, width);
    merkle_root_of(root, h->at[0], width);
    return parent_hash(v, index, parent) && memcmp(root, parent, HASH_BYTES) == 0;
}

/* Entries and tile differ: names the wrong one, and returns the one to go on with. */
static struct hashes *choose(struct verify *v, uint64_t index, unsigned width, struct hashes *entries,
                             struct hashes *tile)
{
    unsigned long long leaf = index * LOG_TILE_WIDTH + first_difference(entries, tile, width);
    struct log_file bundle_file = {LOG_ENTRIES, index, width}, tile_file = {0, index, width};

    if (borne_out(v, index, width, entries)) {
        find_in(v, tile_file, "the hash of entry %llu is not that of the entry", leaf);
        return entries;
    }
    find_in(v, bundle_file, "entry %llu is not the one that was logged", leaf);
    if (borne_out(v, index, width, tile))
        return tile;
    find_in(v, tile_file, "the hash of entry %llu is not the one that was signed", leaf);
    return entries;
}

static void judge_older(struct verify *v, const struct hashes *h, unsigned width)
{
    unsigned char root[HASH_BYTES];

    for (unsigned i = 0; i < width && v->older && v->older_tree.size < v->older->size; i++)
        merkle_push(&v->older_tree, 0, h->at[i]);
    if (!v->older || v->older_tree.size < v->older->size)
        return;
    merkle_root(&v->older_tree, root);
    if (memcmp(root, v->older->root, HASH_BYTES) != 0)
        find(v, "checkpoint", "its log had another history at %llu entries",
             (unsigned long long)v->older->size);
    v->older = NULL;
}

/* ---- Levels ---- */

static void judge_upper(struct verify *v, int level, uint64_t index, const struct hashes *computed,
                        unsigned width)
{
    CLEANUP(heap) struct hashes *tile = malloc(sizeof *tile);

    if (!tile) {
        v->broken = true;
        return;
    }
    read_tile(v, level, index, width, false, tile);
    if (tile->known && !v->unknown && first_difference(computed, tile, width) < width)
        find_in(v, (struct log_file){level, index, width}, "hash %u is not that of the tile below it",
                first_difference(computed, tile, width));
}

/* A full tile of the level below has this root. */
static void climb(struct verify *v, int level, const unsigned char hash[static HASH_BYTES])
{
    unsigned char up[HASH_BYTES];

    memcpy(up, hash, HASH_BYTES);
    for (; level < LOG_LEVELS; level++) {
        struct hashes *h = &v->level[level];

        memcpy(h->at[v->used[level]++], up, HASH_BYTES);
        if (v->used[level] < LOG_TILE_WIDTH)
            return;
        judge_upper(v, level, v->index[level]++, h, LOG_TILE_WIDTH);
        v->used[level] = 0;
        merkle_root_of(up, h->at[0], LOG_TILE_WIDTH);
    }
}

static void accept(struct verify *v, const struct hashes *h, unsigned width)
{
    unsigned char root[HASH_BYTES];

    judge_older(v, h, width);
    if (width < LOG_TILE_WIDTH) {
        for (unsigned i = 0; i < width; i++)
            merkle_push(&v->tree, 0, h->at[i]);
        return;
    }
    merkle_root_of(root, h->at[0], width);
    merkle_push(&v->tree, 8, root);
    climb(v, 1, root);
}

static void verify_tile(struct verify *v, uint64_t index, unsigned width, struct hashes *entries,
                        struct hashes *tile)
{
    read_bundle(v, index, width, entries);
    read_tile(v, 0, index, width, false, tile);
    if (entries->known && tile->known && first_difference(entries, tile, width) < width)
        accept(v, choose(v, index, width, entries, tile), width);
    else if (entries->known || tile->known)
        accept(v, entries->known ? entries : tile, width);
    else
        v->unknown = true; /* two findings say so; nothing above can be computed */
}

static void verify_tree(struct verify *v, struct hashes *entries, struct hashes *tile)
{
    unsigned char root[HASH_BYTES];

    for (uint64_t i = 0; v->report->count < LOG_FINDINGS_MAX && !v->broken; i++) {
        unsigned width = log_file_width(v->size, 0, i);

        if (!width)
            break;
        if (v->unknown) { /* keep to what can still be said */
            read_bundle(v, i, width, entries);
            read_tile(v, 0, i, width, false, tile);
            continue;
        }
        verify_tile(v, i, width, entries, tile);
    }
    for (int level = 1; level < LOG_LEVELS; level++)
        if (!v->unknown && v->used[level])
            judge_upper(v, level, v->index[level], &v->level[level], v->used[level]);
    if (v->unknown || v->report->count == LOG_FINDINGS_MAX)
        return;
    merkle_root(&v->tree, root);
    if (memcmp(root, v->report->head.root, HASH_BYTES) != 0)
        find(v, "checkpoint", "the root it signs is not that of these entries");
}

static void visit_file(void *context, const char *path, bool is_file)
{
    struct verify *v = context;

    if (*path == '.' && !strchr(path, '/') && is_file)
        return;
    if (!log_has_file(v->size, path))
        find(v, path, "does not belong to a log of %llu entries", (unsigned long long)v->size);
    else if (!is_file && strcmp(path, "checkpoint") == 0)
        find(v, path, "is not a regular file");
}

static void verify_head(struct verify *v, const struct vkey *key)
{
    CLEANUP(buf) struct buf *note = NULL;
    struct fault fault;
    enum err e = file_read_at(&note, v->dir_fd, "checkpoint", CHECKPOINT_MAX);

    if (e) {
        find(v, "checkpoint", "%s", e == ERR_NOTFOUND ? "is missing" : "cannot be read");
        return;
    }
    if (checkpoint_open(&v->report->head, &fault, buf_bytes(note), buf_len(note), key)) {
        find(v, "checkpoint", "%s", fault.text);
        return;
    }
    v->report->head_ok = true;
}

enum err log_verify(struct log_report *out, int dir_fd, const struct vkey *key,
                    const struct checkpoint *older)
{
    CLEANUP(heap) struct verify *v = calloc(1, sizeof *v);
    CLEANUP(heap) struct hashes *h = calloc(2, sizeof *h);
    enum err e = OK;

    *out = (struct log_report){.count = 0};
    if (!v || !h)
        return ERR_NOMEM;
    v->report = out;
    v->dir_fd = dir_fd;
    v->older = older;
    verify_head(v, key);
    if (out->head_ok) {
        v->size = out->head.size;
        if (older && older->size > v->size)
            find(v, "checkpoint", "has %llu entries: this copy is older than the other checkpoint",
                 (unsigned long long)v->size);
        verify_tree(v, &h[0], &h[1]);
        e = log_walk(dir_fd, visit_file, v);
    }
    if (v->broken)
        e = ERR_NOMEM;
    if (e)
        log_report_clear(out);
    return e;
}
