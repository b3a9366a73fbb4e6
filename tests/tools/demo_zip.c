#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "photod/base/cleanup.h"
#include "tests/tools/demo_picture.h"
#include "tests/tools/demo_random.h"
#include "tests/tools/demo_say.h"
#include "tests/tools/demo_zip.h"

/* 1 January 1980, midnight: no date, as far as a ZIP can say so. */
enum { DOS_DATE = 1 << 5 | 1, DOS_TIME = 0 };

static void archive_cleanup(zip_t **archive)
{
    if (*archive)
        zip_discard(*archive);
}

/* Takes bytes, which are from malloc, whether or not it succeeds. */
static enum err add(zip_t *archive, const char *name, void *bytes, size_t len, int method)
{
    zip_source_t *source = zip_source_buffer(archive, bytes, len, 1);
    zip_int64_t at;

    if (!source) {
        free(bytes);
        return say(ERR_NOMEM, "the ZIP has no room for %s", name);
    }
    at = zip_file_add(archive, name, source, ZIP_FL_ENC_UTF_8);
    if (at < 0) {
        zip_source_free(source);
        return say(ERR_IO, "%s cannot be added to the ZIP: %s", name, zip_strerror(archive));
    }
    if (zip_set_file_compression(archive, (zip_uint64_t)at, method, 0) ||
        zip_file_set_dostime(archive, (zip_uint64_t)at, DOS_TIME, DOS_DATE, 0))
        return say(ERR_IO, "%s cannot be added to the ZIP: %s", name, zip_strerror(archive));
    return OK;
}

enum err zip_add_text(zip_t *archive, const char *name, const void *bytes, size_t len)
{
    void *copy = malloc(len);

    if (!copy)
        return say(ERR_NOMEM, "the ZIP has no room for %s", name);
    memcpy(copy, bytes, len);
    return add(archive, name, copy, len, ZIP_CM_DEFLATE);
}

enum err zip_add_file(zip_t *archive, const char *name, void *bytes, size_t len)
{
    return add(archive, name, bytes, len, ZIP_CM_STORE);
}

static enum err add_picture(zip_t *archive, const struct student *s, uint64_t seed)
{
    void *bytes = NULL;
    size_t len = 0;

    TRY(picture_camera_file(&bytes, &len, s, seed));
    return add(archive, s->file, bytes, len, s->index % 4 == 1 ? ZIP_CM_DEFLATE : ZIP_CM_STORE);
}

/* What computers leave behind, and a picture that names nobody. */
static enum err add_strays(zip_t *archive, const struct district *d)
{
    static const unsigned char resource[] = {0,   5,   0x16, 7,   0,   2,   0,   0,
                                             'M', 'a', 'c',  ' ', 'O', 'S', ' ', 'X'};
    static const unsigned char thumbs[] = {0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1, 0, 0, 0, 0};
    struct student nobody = {.index = d->all, .grade = 4, .width = 640, .height = 800, .file = ZIP_UNNAMED};
    char name[64];

    TRY(add_picture(archive, &nobody, d->seed));
    snprintf(name, sizeof name, "%s%s.jpg", ZIP_RESOURCES, d->students[0].state_id);
    TRY(zip_add_text(archive, name, resource, sizeof resource));
    return zip_add_text(archive, ZIP_THUMBS, thumbs, sizeof thumbs);
}

enum err zip_write_district(const struct district *d, const char *path)
{
    CLEANUP(archive) zip_t *archive = NULL;
    int error;

    archive = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &error);
    if (!archive)
        return say(ERR_IO, "%s cannot be written: %s", path, strerror(errno));
    for (uint32_t i = 0; i < d->all; i++)
        if (d->students[i].kind != KIND_NONE)
            TRY(add_picture(archive, &d->students[i], d->seed));
    TRY(add_strays(archive, d));
    if (zip_close(archive))
        return say(ERR_IO, "%s was not written: %s", path, zip_strerror(archive));
    archive = NULL;
    return OK;
}

/* ---- The same again ---- */

static void member_cleanup(zip_file_t **member)
{
    if (*member)
        (void)zip_fclose(*member);
}

/* A JPEG gets a comment behind its first marker, everything else a few bytes behind its end. */
static enum err retake_entry(zip_t *old, zip_uint64_t index, zip_t *new, const char *number)
{
    const unsigned char comment[] = {0xff, 0xfe, 0, (unsigned char)(2 + strlen(number))};
    CLEANUP(member) zip_file_t *member = NULL;
    size_t extra = sizeof comment + strlen(number);
    unsigned char *bytes;
    zip_stat_t st;

    if (zip_stat_index(old, index, ZIP_FL_ENC_RAW, &st) || !(member = zip_fopen_index(old, index, 0)))
        return say(ERR_IO, "the ZIP cannot be read: %s", zip_strerror(old));
    bytes = malloc((size_t)st.size + extra);
    if (!bytes)
        return say(ERR_NOMEM, "there is no room for %s", st.name);
    if (zip_fread(member, bytes, st.size) != (zip_int64_t)st.size) {
        free(bytes);
        return say(ERR_IO, "%s cannot be read", st.name);
    }
    if (st.size < 2 || bytes[0] != 0xff || bytes[1] != 0xd8) {
        memcpy(bytes + st.size, number, strlen(number));
        return add(new, st.name, bytes, (size_t)st.size + strlen(number), ZIP_CM_STORE);
    }
    memmove(bytes + 2 + extra, bytes + 2, (size_t)st.size - 2);
    memcpy(bytes + 2, comment, sizeof comment);
    memcpy(bytes + 2 + sizeof comment, number, strlen(number));
    return add(new, st.name, bytes, (size_t)st.size + extra, ZIP_CM_STORE);
}

enum err zip_retake(const char *from, const char *to, const char *number)
{
    CLEANUP(archive) zip_t *old = zip_open(from, ZIP_RDONLY, NULL);
    CLEANUP(archive) zip_t *new = zip_open(to, ZIP_CREATE | ZIP_TRUNCATE, NULL);

    if (!old || !new)
        return say(ERR_IO, "%s cannot be opened", old ? to : from);
    for (zip_uint64_t i = 0; i < (zip_uint64_t)zip_get_num_entries(old, 0); i++)
        TRY(retake_entry(old, i, new, number));
    if (zip_close(new))
        return say(ERR_IO, "%s was not written: %s", to, zip_strerror(new));
    new = NULL;
    return OK;
}

/* ---- A large one ---- */

#define SWOLLEN_BYTES 18000000u /* below what one file may be: it must be read to be refused */

static enum err add_noise(zip_t *archive, const char *name, uint64_t seed)
{
    struct random r = random_init(seed, RANDOM_PICTURE, 0);
    uint64_t *words = malloc(SWOLLEN_BYTES);

    if (!words)
        return say(ERR_NOMEM, "the ZIP has no room for %s", name);
    for (size_t i = 0; i < SWOLLEN_BYTES / sizeof *words; i++)
        words[i] = random_next(&r);
    return add(archive, name, words, SWOLLEN_BYTES, ZIP_CM_STORE);
}

static enum err swell_entry(zip_t *old, zip_uint64_t index, zip_t *new, unsigned *left)
{
    zip_stat_t st;

    if (zip_stat_index(old, index, ZIP_FL_ENC_RAW, &st))
        return say(ERR_IO, "the ZIP cannot be read: %s", zip_strerror(old));
    if (!*left || index % 3)
        return retake_entry(old, index, new, "");
    --*left;
    printf("%s\n", st.name);
    return add_noise(new, st.name, index);
}

enum err zip_swell(const char *from, const char *to, unsigned files)
{
    CLEANUP(archive) zip_t *old = zip_open(from, ZIP_RDONLY, NULL);
    CLEANUP(archive) zip_t *new = zip_open(to, ZIP_CREATE | ZIP_TRUNCATE, NULL);

    if (!old || !new)
        return say(ERR_IO, "%s cannot be opened", old ? to : from);
    for (zip_uint64_t i = 0; i < (zip_uint64_t)zip_get_num_entries(old, 0); i++)
        TRY(swell_entry(old, i, new, &files));
    if (zip_close(new))
        return say(ERR_IO, "%s was not written: %s", to, zip_strerror(new));
    new = NULL;
    return files ? say(ERR_NOTFOUND, "%u files too few", files) : OK;
}
