/*
 * mutants: damaged copies of good files, as a hostile or careless sender
 * would make them.  Repeatable: the same seed and files give the same bytes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zip.h>
#include "photod/base/buf.h"
#include "photod/base/cleanup.h"
#include "tests/tools/demo_random.h"
#include "tests/tools/demo_say.h"

#define FILE_MAX_BYTES (64u << 20)
#define PICTURES_MAX   4096
#define END            1024 /* of a file: where half of all damage goes, twice as often to the first as to the last */

static const char help[] =
    "  mutants pictures SEED FROM.zip OUT.zip <state-ids\n"
    "      A ZIP with one damaged picture for each State ID read: copies of the pictures of FROM.\n"
    "  mutants small COUNT FROM.zip OUT.zip\n"
    "      The COUNT smallest entries of FROM as they are: to be damaged as a file.\n"
    "  mutants text SEED FROM.zip OUT.zip\n"
    "      FROM, with its .txt, .tsv and .csv files damaged.\n"
    "  mutants file SEED FROM OUT\n"
    "      FROM, damaged.\n";

struct bytes {
    unsigned char *at;
    size_t len;
};

/* ---- Damage ---- */

static size_t any_place(struct random *r, size_t len)
{
    if (len <= END || random_chance(r, 50))
        return random_below(r, (unsigned)len);
    return random_chance(r, 67) ? random_below(r, END) : len - 1 - random_below(r, END);
}

static void flip_bit(struct bytes *b, struct random *r)
{
    b->at[any_place(r, b->len)] ^= (unsigned char)(1u << random_below(r, 8));
}

static void set_byte(struct bytes *b, struct random *r)
{
    static const unsigned char odd[] = {0, 1, 0x20, 0x7f, 0x80, 0xd8, 0xfe, 0xff};

    b->at[any_place(r, b->len)] = odd[random_below(r, sizeof odd)];
}

/* A number of two or four bytes that is a limit somewhere. */
static void set_number(struct bytes *b, struct random *r)
{
    static const uint32_t odd[] = {0,      1,      2,          0x7f,       0xff,       0x7fff,
                                   0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x10000};
    uint32_t value = odd[random_below(r, sizeof odd / sizeof odd[0])];
    unsigned width = random_chance(r, 50) ? 2 : 4;
    size_t at = any_place(r, b->len);
    bool big = random_chance(r, 50);

    for (unsigned i = 0; i < width && at + i < b->len; i++)
        b->at[at + i] = (unsigned char)(value >> 8 * (big ? width - 1 - i : i));
}

static void cut_out(struct bytes *b, struct random *r)
{
    size_t at = any_place(r, b->len), n = 1 + random_below(r, (unsigned)(b->len - at));

    if (n > 4096 && random_chance(r, 75))
        n = 1 + random_below(r, 64);
    memmove(b->at + at, b->at + at + n, b->len - at - n);
    b->len -= n;
}

static void cut_off(struct bytes *b, struct random *r)
{
    b->len = 1 + random_below(r, (unsigned)b->len);
}

static void repeat(struct bytes *b, struct random *r)
{
    size_t from = any_place(r, b->len), to = any_place(r, b->len), n = 1 + random_below(r, 512);

    if (n > b->len - from)
        n = b->len - from;
    if (n > b->len - to)
        n = b->len - to;
    memmove(b->at + to, b->at + from, n);
}

static void noise(struct bytes *b, struct random *r)
{
    size_t at = any_place(r, b->len), n = 1 + random_below(r, 64);

    for (size_t i = 0; i < n && at + i < b->len; i++)
        b->at[at + i] = (unsigned char)random_next(r);
}

static void damage(struct bytes *b, struct random *r)
{
    static void (*const ways[])(struct bytes *, struct random *) = {
        flip_bit, flip_bit, set_byte, set_number, set_number, cut_out, repeat, noise};
    unsigned times = 1 + random_below(r, 6);

    for (unsigned i = 0; i < times && b->len > 1; i++)
        ways[random_below(r, sizeof ways / sizeof ways[0])](b, r);
    if (b->len > 1 && random_chance(r, 10))
        cut_off(b, r);
}

/* ---- ZIPs ---- */

static void archive_cleanup(zip_t **archive)
{
    if (*archive)
        zip_discard(*archive);
}

static enum err read_entry(struct bytes *out, zip_t *from, zip_uint64_t index)
{
    zip_stat_t st;
    zip_file_t *f;
    bool whole;

    if (zip_stat_index(from, index, 0, &st) || st.size > FILE_MAX_BYTES)
        return say(ERR_IO, "an entry cannot be read: %s", zip_strerror(from));
    out->len = (size_t)st.size;
    out->at = malloc(out->len ? out->len : 1);
    f = out->at ? zip_fopen_index(from, index, 0) : NULL;
    whole = f && zip_fread(f, out->at, out->len) == (zip_int64_t)out->len;
    if (f)
        (void)zip_fclose(f);
    return whole ? OK : say(ERR_IO, "an entry cannot be read: %s", zip_strerror(from));
}

/* Takes the bytes. */
static enum err add(zip_t *to, const char *name, struct bytes b)
{
    zip_source_t *source = zip_source_buffer(to, b.at, b.len, 1);
    zip_int64_t at = source ? zip_file_add(to, name, source, ZIP_FL_ENC_UTF_8) : -1;

    if (at < 0 || zip_set_file_compression(to, (zip_uint64_t)at, ZIP_CM_STORE, 0))
        return say(ERR_IO, "%s cannot be added: %s", name, zip_strerror(to));
    return OK;
}

static bool ends_with(const char *name, const char *const *endings)
{
    size_t len = strlen(name);

    for (; *endings; endings++)
        if (len > strlen(*endings) && strcasecmp(name + len - strlen(*endings), *endings) == 0)
            return true;
    return false;
}

static enum err open_both(zip_t **from, zip_t **to, char **argv)
{
    int error;

    *from = zip_open(argv[0], ZIP_RDONLY, &error);
    *to = zip_open(argv[1], ZIP_CREATE | ZIP_TRUNCATE, &error);
    if (*from && *to)
        return OK;
    return say(ERR_IO, "%s cannot be opened", *from ? argv[1] : argv[0]);
}

static enum err close_new(zip_t **to)
{
    if (zip_close(*to))
        return say(ERR_IO, "the ZIP was not written: %s", zip_strerror(*to));
    *to = NULL;
    return OK;
}

static enum err make_pictures(uint64_t seed, char **argv)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", NULL};
    struct random r = random_init(seed, RANDOM_PICTURE, 0);
    CLEANUP(archive) zip_t *from = NULL;
    CLEANUP(archive) zip_t *to = NULL;
    zip_uint64_t pictures[PICTURES_MAX];
    unsigned count = 0;
    char line[64], name[80];

    TRY(open_both(&from, &to, argv));
    for (zip_int64_t i = 0; i < zip_get_num_entries(from, 0) && count < PICTURES_MAX; i++)
        if (ends_with(zip_get_name(from, (zip_uint64_t)i, 0), endings))
            pictures[count++] = (zip_uint64_t)i;
    while (count && fgets(line, sizeof line, stdin)) {
        struct bytes b = {NULL, 0};
        unsigned which = random_below(&r, count);
        enum err e = read_entry(&b, from, pictures[which]);

        if (e) {
            free(b.at);
            return e;
        }
        damage(&b, &r);
        line[strcspn(line, "\n")] = '\0';
        (void)snprintf(name, sizeof name, "%s.jpg", line);
        TRY(add(to, name, b));
    }
    return close_new(&to);
}

static enum err make_text(uint64_t seed, char **argv)
{
    static const char *const endings[] = {".txt", ".tsv", ".csv", NULL};
    struct random r = random_init(seed, RANDOM_PICTURE, 1);
    CLEANUP(archive) zip_t *from = NULL;
    CLEANUP(archive) zip_t *to = NULL;

    TRY(open_both(&from, &to, argv));
    for (zip_int64_t i = 0; i < zip_get_num_entries(from, 0); i++) {
        const char *name = zip_get_name(from, (zip_uint64_t)i, 0);
        struct bytes b = {NULL, 0};
        enum err e = read_entry(&b, from, (zip_uint64_t)i);

        if (e) {
            free(b.at);
            return e;
        }
        if (ends_with(name, endings) && b.len)
            damage(&b, &r);
        TRY(add(to, name, b));
    }
    return close_new(&to);
}

static zip_uint64_t size_of(zip_t *from, zip_int64_t i)
{
    zip_stat_t st;

    return zip_stat_index(from, (zip_uint64_t)i, 0, &st) ? UINT64_MAX : st.comp_size;
}

/* How many entries come before this one by size. */
static zip_uint64_t place_of(zip_t *from, zip_int64_t i)
{
    zip_uint64_t size = size_of(from, i), place = 0;

    for (zip_int64_t j = 0; j < zip_get_num_entries(from, 0); j++)
        place += size_of(from, j) < size || (size_of(from, j) == size && j < i);
    return place;
}

static enum err make_small(uint64_t count, char **argv)
{
    CLEANUP(archive) zip_t *from = NULL;
    CLEANUP(archive) zip_t *to = NULL;

    TRY(open_both(&from, &to, argv));
    for (zip_int64_t i = 0; i < zip_get_num_entries(from, 0); i++) {
        const char *name = zip_get_name(from, (zip_uint64_t)i, 0);
        zip_source_t *source;

        if (place_of(from, i) >= count)
            continue;
        source = zip_source_zip(to, from, (zip_uint64_t)i, ZIP_FL_COMPRESSED, 0, -1);
        if (!source || zip_file_add(to, name, source, ZIP_FL_ENC_UTF_8) < 0)
            return say(ERR_IO, "%s cannot be added: %s", name, zip_strerror(to));
    }
    return close_new(&to);
}

/* ---- Files ---- */

static enum err make_file(uint64_t seed, char **argv)
{
    struct random r = random_init(seed, RANDOM_PICTURE, 2);
    CLEANUP(file) FILE *from = fopen(argv[0], "rb");
    CLEANUP(file) FILE *to = fopen(argv[1], "wb");
    CLEANUP(heap) unsigned char *at = malloc(FILE_MAX_BYTES);
    struct bytes b = {at, 0};

    if (!from || !to || !at)
        return say(ERR_IO, "%s cannot be opened: %s", from ? argv[1] : argv[0], strerror(errno));
    b.len = fread(at, 1, FILE_MAX_BYTES, from);
    if (b.len)
        damage(&b, &r);
    return fwrite(at, 1, b.len, to) == b.len ? OK : say(ERR_IO, "%s was not written", argv[1]);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        enum err (*make)(uint64_t number, char **argv);
    } kinds[] = {
        {"pictures", make_pictures}, {"small", make_small}, {"text", make_text}, {"file", make_file}};

    for (size_t i = 0; argc == 5 && i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(argv[1], kinds[i].name) == 0)
            return kinds[i].make(strtoull(argv[2], NULL, 10), argv + 3) ? EXIT_FAILURE : EXIT_SUCCESS;
    (void)fputs(help, stderr);
    return 2;
}
