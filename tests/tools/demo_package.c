#include "tests/tools/demo_package.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "photod/base/buf.h"
#include "tests/tools/demo_code.h"
#include "tests/tools/demo_picture.h"
#include "tests/tools/demo_say.h"
#include "tests/tools/demo_zip.h"

#define TEXT_MAX    (1u << 20)
#define TWO_SIZES   12 /* children that are there in both sizes; the rest are LARGE only */
#define SECOND_DISC 5  /* the last opted-in children are on the disc without header row */

/* The student system's pictures are other files than the photographer's of the same children. */
enum { LARGE_WIDTH = 640, SYSTEM_WIDTH = 800, SMALL_WIDTH = 320, SMALL_HEIGHT = 400 };

struct package {
    const struct district *d;
    const char *form;
    int width; /* of a LARGE picture */
    zip_t *zip;
    struct buf *index, *second; /* of both discs; a mapping file has the first only */
    FILE *truth;
};

static enum err row(struct buf *index, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* To Windows-1252, as photographers' programs write names; letters it lacks lose their marks. */
static void to_latin(char *text)
{
    static const struct {
        const char *letter, *plain;
    } lacking[] = {{"\u0141", "L"}, {"\u0142", "l"}, {"\u011b", "e"}, {"\u0159", "r"}};
    char *to = text;

    for (const char *from = text; *from;) {
        const unsigned char lead = (unsigned char)from[0], next = (unsigned char)from[lead != '\0'];
        bool is_latin = (lead & 0xfc) == 0xc0;
        size_t i = 0;

        while (i < sizeof lacking / sizeof *lacking && strncmp(from, lacking[i].letter, 2) != 0)
            i++;
        from += i < sizeof lacking / sizeof *lacking || is_latin ? 2 : 1;
        if (i < sizeof lacking / sizeof *lacking)
            *to++ = *lacking[i].plain;
        else
            *to++ = (char)(is_latin ? (lead & 3) << 6 | (next & 0x3f) : lead);
    }
    *to = '\0';
}

static enum err row(struct buf *index, const char *format, ...)
{
    char text[600];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    to_latin(text);
    return buf_append(index, text, strlen(text));
}

static void tell(struct package *p, const char *file, const char *outcome, const struct student *s)
{
    if (s)
        fprintf(p->truth, "%s\t%s\t%s\t%s\t%" PRIu32 "\n", p->form, file, outcome, s->state_id,
                code_number(p->d->seed, s->index));
    else
        fprintf(p->truth, "%s\t%s\t%s\t-\t-\n", p->form, file, outcome);
}

/* A plain picture of the child under this name. */
static enum err picture(struct package *p, const struct student *s, const char *file, bool large)
{
    struct student plain = *s;
    void *bytes = NULL;
    size_t len = 0;

    plain.kind = KIND_PLAIN;
    plain.gps = plain.grain = false;
    plain.taken_on = (struct date){0};
    plain.width = large ? p->width : SMALL_WIDTH;
    plain.height = large ? p->width / 4 * 5 : SMALL_HEIGHT;
    TRY(picture_camera_file(&bytes, &len, &plain, p->d->seed));
    return zip_add_file(p->zip, file, bytes, len);
}

static enum err text_file(struct package *p, const char *file, const char *text, const char *outcome)
{
    tell(p, file, outcome, NULL);
    return zip_add_text(p->zip, file, text, strlen(text));
}

/* ---- PSPI ---- */

static const char *grade_of(const struct student *s, char text[static 12])
{
    snprintf(text, 12, s->grade ? "%d" : "KG", s->grade);
    return text;
}

/* One line of the first disc: 13 columns. */
static enum err index_row(struct package *p, const struct student *s, const char *school, const char *first,
                          const char *grade, const char *room, const char *size, const char *file)
{
    return row(p->index, "%s Fall 2026\t%s\t%s\t%s\t%s\t%s\t%s\t\t\t\t\t\t%s\r\n", school, size, file, grade,
               s->last, first, room, size);
}

struct slip {
    const char *outcome;
    bool school, first, grade, room; /* what the index says otherwise than the roster */
};

/* What befalls the first opted-in children, in this order; the others come out right. */
static const struct slip slips[] = {
    {"needs-review", false, true, false, false},
    {"needs-review", false, false, false, true},
    {"needs-review", true, false, false, false},
    {"needs-review", false, false, true, false},
};
enum { SLIPS = sizeof slips / sizeof *slips, RETAKEN = SLIPS, LOST, TWICE_NAMED, SMALL_ONLY, NOBODY };

static enum err add_slipped(struct package *p, const struct student *s, const struct slip *slip)
{
    char file[80], path[160], first[64], grade[12];
    const char *school = slip->school ? (strcmp(s->school, "0412") == 0 ? "1093" : "0412") : s->school;

    snprintf(file, sizeof file, "A%04" PRIu32 ".jpg", s->index);
    snprintf(first, sizeof first, "%s%s", s->first, slip->first ? "y" : "");
    snprintf(path, sizeof path, "Disc/%s Fall 2026/LARGE/%s", school, file);
    tell(p, path, slip->outcome, s);
    TRY(index_row(p, s, school, first, slip->grade ? "11" : grade_of(s, grade),
                  slip->room ? "Z9" : s->homeroom, "LARGE", file));
    return picture(p, s, path, true);
}

/* A child in one size or both, under its own name. */
static enum err add_sizes(struct package *p, const struct student *s, const char *outcome, bool large,
                          bool small, char suffix)
{
    char file[80], path[160], grade[12];

    snprintf(file, sizeof file, "A%04" PRIu32 "%c.jpg", s->index, suffix);
    for (int is_large = 0; is_large < 2; is_large++) {
        const char *size = is_large ? "LARGE" : "SMALL";

        if (is_large ? !large : !small)
            continue;
        snprintf(path, sizeof path, "Disc/%s Fall 2026/%s/%s", s->school, size, file);
        tell(p, path, !is_large && large ? "smaller-copy" : outcome, s);
        TRY(index_row(p, s, s->school, s->first, grade_of(s, grade), s->homeroom, size, file));
        TRY(picture(p, s, path, is_large));
    }
    return OK;
}

static enum err add_opted_in(struct package *p, const struct student *s, unsigned k)
{
    char grade[12], path[160];

    if (k < SLIPS)
        return add_slipped(p, s, &slips[k]);
    switch (k) {
    case RETAKEN: /* twice, and nobody knows whether both are the same child */
        TRY(add_sizes(p, s, "needs-review", true, false, 'a'));
        return add_sizes(p, s, "needs-review", true, false, 'b');
    case LOST: /* its file is not in the ZIP */
        tell(p, "lost.jpg", "file-missing", s);
        return index_row(p, s, s->school, s->first, grade_of(s, grade), s->homeroom, "LARGE", "lost.jpg");
    case TWICE_NAMED: /* another line gives the file to somebody else */
        snprintf(path, sizeof path, "A%04" PRIu32 "a.jpg", s->index);
        TRY(add_sizes(p, s, "named-twice", true, false, 'a'));
        return index_row(p, s, s->school, "Otherwise", grade_of(s, grade), s->homeroom, "LARGE", path);
    case SMALL_ONLY:
        return add_sizes(p, s, "stored", false, true, 'a');
    case NOBODY: /* the index has a name that no child comes near */
        snprintf(path, sizeof path, "Disc/%s Fall 2026/LARGE/nobody.jpg", s->school);
        tell(p, path, "not-on-roster", NULL);
        TRY(row(p->index, "%s Fall 2026\tLARGE\tnobody.jpg\t5\tZzyzx\tQqq\tR9\t\t\t\t\t\tLARGE\r\n",
                s->school));
        return picture(p, s, path, true);
    default:
        return add_sizes(p, s, "stored", true, k < TWO_SIZES, 'a');
    }
}

/* The disc without header row: seven columns, folders by grade. */
static enum err add_second(struct package *p, const struct student *s)
{
    char path[160], grade[12];

    snprintf(path, sizeof path, "Retakes/%s/Grade %02d/B%04" PRIu32 ".JPG", s->school, s->grade, s->index);
    tell(p, path, "stored", s);
    TRY(row(p->second, "%s\tGrade %02d\tB%04" PRIu32 ".jpg\t%s\t%s\t%s\t%s\n", s->school, s->grade, s->index,
            grade_of(s, grade), s->last, s->first, s->homeroom));
    return picture(p, s, path, true);
}

/* In Windows-1252, as Excel saves it. */
static enum err add_staff(struct package *p)
{
    static const struct {
        const char *grade, *last, *department, *title;
    } staff[] = {
        {"FAC", "Mu\u00f1oz", "Science", "Teacher"}, {"", "Ray", "", "Principal"}, {"Staff", "Lee", "", ""}};
    char file[80], path[160];

    for (uint32_t i = 0; i < sizeof staff / sizeof *staff; i++) {
        struct student face = p->d->students[0];

        face.index = p->d->all + 1 + i;
        snprintf(file, sizeof file, "S%04" PRIu32 ".jpg", i);
        snprintf(path, sizeof path, "Disc/Staff/%s", file);
        tell(p, path, "staff", NULL);
        TRY(row(p->index, "Staff\t\t%s\t%s\t%s\tJo\t\t\t\t\t%s\t%s\t\r\n", file, staff[i].grade,
                staff[i].last, staff[i].department, staff[i].title));
        TRY(picture(p, &face, path, true));
    }
    return OK;
}

static enum err add_children(struct package *p)
{
    uint32_t opted_in = 0, k = 0;

    for (uint32_t i = 0; i < p->d->listed; i++)
        opted_in += p->d->students[i].answer == ANSWER_IN;
    if (opted_in < TWO_SIZES + SECOND_DISC)
        return say(ERR_LIMIT, "packages need more students");
    for (uint32_t i = 0; i < p->d->listed; i++) {
        const struct student *s = &p->d->students[i];

        if (s->answer != ANSWER_IN)
            TRY(s->index % 3 ? OK : add_sizes(p, s, "not-opted-in", true, false, 'a'));
        else if (k + SECOND_DISC >= opted_in)
            TRY(add_second(p, s));
        else
            TRY(add_opted_in(p, s, k));
        k += s->answer == ANSWER_IN;
    }
    return OK;
}

static enum err write_pspi(struct package *p)
{
    static const char header[] =
        "Volume Name\tImage Folder\tImage File Name\tGrade\tLast Name\tFirst Name\tHome Room\t"
        "Period\tTeacher Name\tTrack\tDepartment\tTitle\tImage Size\r\n";

    TRY(row(p->index, header));
    TRY(add_children(p));
    TRY(add_staff(p));
    tell(p, "Disc/stray.jpg", "not-in-index", NULL);
    TRY(picture(p, &p->d->students[0], "Disc/stray.jpg", true));
    TRY(text_file(p, "Disc/COPYRIGHT.TXT", "All synthetic.\r\n", "package-file"));
    TRY(text_file(p, "__MACOSX/Disc/._INDEX.TXT", "x", "skipped"));
    TRY(text_file(p, "Disc/INDEX.TXT", buf_text(p->index), "package-file"));
    return text_file(p, "Retakes/index.txt", buf_text(p->second), "package-file");
}

/* ---- PowerSchool ---- */

static enum err map_child(struct package *p, const struct student *s, unsigned k, const char *outcome)
{
    char file[80];

    snprintf(file, sizeof file, "IMG_%04" PRIu32 ".jpg", s->index);
    tell(p, file, outcome, s);
    switch (k) {
    case 0: /* by State ID */
        TRY(row(p->index, "%s\t%s\n", s->state_id, file));
        break;
    case 1: /* a zero more than the roster has */
        TRY(row(p->index, "0%s\t%s\n", s->local_id, file));
        break;
    case 2: /* the ending as the camera wrote it */
        TRY(row(p->index, "%s\tIMG_%04" PRIu32 ".JPEG\n", s->local_id, s->index));
        break;
    default:
        TRY(row(p->index, "%s\t%s\n", s->local_id, file));
    }
    return picture(p, s, file, true);
}

static enum err write_powerschool(struct package *p)
{
    unsigned k = 0;

    TRY(row(p->index, "Student_Number\tFile\n"));
    for (uint32_t i = 0; i < p->d->listed; i++) {
        const struct student *s = &p->d->students[i];

        if (s->answer == ANSWER_IN)
            TRY(map_child(p, s, k++, "stored"));
        else if (s->index % 3 == 0)
            TRY(map_child(p, s, UINT32_MAX, "not-opted-in"));
    }
    tell(p, "unknown.jpg", "not-on-roster", NULL);
    TRY(row(p->index, "31337\tunknown.jpg\n77\tgone.jpg\n"));
    TRY(picture(p, &p->d->students[0], "unknown.jpg", true));
    tell(p, "gone.jpg", "file-missing", NULL);
    tell(p, "stray.jpg", "not-in-index", NULL);
    TRY(picture(p, &p->d->students[0], "stray.jpg", true));
    return text_file(p, "photo_map.txt", buf_text(p->index), "package-file");
}

/* ---- Both ---- */

static void package_cleanup(struct package *p)
{
    if (p->zip)
        zip_discard(p->zip);
    buf_free(p->index);
    buf_free(p->second);
}

static enum err write_one(const struct district *d, FILE *truth, const char *folder, const char *form,
                          int width, enum err (*write)(struct package *p))
{
    __attribute__((cleanup(package_cleanup))) struct package p = {
        .d = d, .form = form, .width = width, .truth = truth};
    char path[4096];
    int error;

    if ((size_t)snprintf(path, sizeof path, "%s/%s.zip", folder, form) >= sizeof path)
        return say(ERR_LIMIT, "the name of the folder is too long");
    TRY(buf_new(&p.index, TEXT_MAX));
    TRY(buf_new(&p.second, TEXT_MAX));
    p.zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &error);
    if (!p.zip)
        return say(ERR_IO, "%s cannot be written: %s", path, strerror(errno));
    TRY(write(&p));
    if (zip_close(p.zip))
        return say(ERR_IO, "%s was not written: %s", path, zip_strerror(p.zip));
    p.zip = NULL;
    return OK;
}

enum err package_write_all(const struct district *d, const char *folder)
{
    CLEANUP(file) FILE *truth = NULL;
    char path[4096];

    if ((size_t)snprintf(path, sizeof path, "%s/packages.tsv", folder) >= sizeof path)
        return say(ERR_LIMIT, "the name of the folder is too long");
    truth = fopen(path, "wbe");
    if (!truth)
        return say(ERR_IO, "%s cannot be written: %s", path, strerror(errno));
    fputs("form\tfile\toutcome\tstate_id\tcode\n", truth);
    TRY(write_one(d, truth, folder, "pspi", LARGE_WIDTH, write_pspi));
    TRY(write_one(d, truth, folder, "powerschool", SYSTEM_WIDTH, write_powerschool));
    return fflush(truth) ? say(ERR_IO, "%s was not written whole: %s", path, strerror(errno)) : OK;
}
