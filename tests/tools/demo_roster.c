#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "photod/base/cleanup.h"
#include "photod/base/text.h"
#include "tests/tools/demo_code.h"
#include "tests/tools/demo_names.h"
#include "tests/tools/demo_random.h"
#include "tests/tools/demo_roster.h"
#include "tests/tools/demo_say.h"

static const struct school {
    const char *number, *folder;
    int from_grade;
} schools[] = {
    {"0412", "Chokecherry Elementary", 0},
    {"1093", "Larch Middle", 6},
    {"0777", "Seven Coulees High", 9},
};

static const struct {
    const char *name;
    int orientation;
    unsigned wanted;    /* that many of the opted-in children; the rest are plain */
    const char *suffix; /* of its name, where that is no JPEG's */
} kinds[] = {
    [KIND_PLAIN] = {"plain", 1, 0},      [KIND_EXIF2] = {"exif2", 2, 1},
    [KIND_EXIF3] = {"exif3", 3, 2},      [KIND_EXIF4] = {"exif4", 4, 1},
    [KIND_EXIF5] = {"exif5", 5, 1},      [KIND_EXIF6] = {"exif6", 6, 6},
    [KIND_EXIF7] = {"exif7", 7, 1},      [KIND_EXIF8] = {"exif8", 8, 4},
    [KIND_GREY] = {"grey", 1, 1},        [KIND_PROGRESSIVE] = {"progressive", 1, 1},
    [KIND_CMYK] = {"cmyk", 1, 3},        [KIND_CMYK_PROFILE] = {"cmyk-profile", 1, 1},
    [KIND_PNG] = {"png", 1, 2, "png"},   [KIND_PNG16] = {"png16", 1, 1, "png"},
    [KIND_TIFF] = {"tiff", 1, 1, "tif"}, [KIND_WEBP] = {"webp", 1, 1, "webp"},
    [KIND_CORRUPT] = {"corrupt", 1, 1},  [KIND_NONE] = {"none", 1, 5},
};

static const char *const answers[] = {"", "IN", "OUT", ""};
/* For expected.tsv no field is empty, so that a shell can read it. */
static const char *const answer_words[] = {"blank", "IN", "OUT", "unlisted"};

/* Width, height, and how many of a hundred pictures have that size. */
static const struct {
    int width, height;
    unsigned percent;
} sizes[] = {{640, 800, 68},  {960, 1200, 16}, {960, 1280, 3}, {800, 1200, 3},
             {1200, 1500, 6}, {1600, 2000, 2}, {2400, 3000, 2}};

int kind_orientation(enum kind kind)
{
    return kinds[kind].orientation;
}

static struct date school_year_start(struct date today)
{
    return (struct date){today.month >= 7 ? today.year : today.year - 1, 7, 1};
}

static struct date days_after(struct date d, int64_t days)
{
    return date_from_days(date_to_days(d) + days);
}

/* One step through all pairs of names: no two of a district share both, up to a few thousand. */
static void choose_name(struct student *s, uint64_t seed)
{
    struct random r = random_init(seed, RANDOM_DISTRICT, 2);
    uint64_t pairs = first_names_count * last_names_count;
    uint64_t pair = (random_next(&r) % pairs + (uint64_t)s->index * 1009) % pairs;
    const struct first_name *first = &first_names[pair / last_names_count];

    s->first = first->text;
    s->girl = first->girl;
    s->last = last_names[pair % last_names_count];
}

/*
 * Every tenth State ID begins with 0.  The other eight digits are the index,
 * its halves stirred into each other: no number comes twice, none is next to another.
 */
static void choose_state_id(struct student *s, uint64_t seed, struct random *r)
{
    unsigned first = s->index % 10 == 3 ? 0 : (unsigned)random_between(r, 1, 9);
    uint64_t left = s->index / 10000, right = s->index % 10000;

    for (unsigned round = 0; round < 4; round++) {
        struct random stir = random_init(seed + round, RANDOM_DISTRICT, 1000 + right);
        uint64_t next = (left + random_next(&stir)) % 10000;

        left = right;
        right = next;
    }
    snprintf(s->state_id, sizeof s->state_id, "%u%04u%04u", first % 10, (unsigned)left % 10000,
             (unsigned)right % 10000);
}

static const struct school *school_of(int grade)
{
    const struct school *school = schools;

    for (size_t i = 1; i < sizeof schools / sizeof *schools; i++)
        if (grade >= schools[i].from_grade)
            school = &schools[i];
    return school;
}

static void choose_picture(struct student *s, uint64_t seed, int scale)
{
    struct random r = random_init(seed, RANDOM_PICTURE, s->index);
    unsigned at = random_below(&r, 100), size = 0;

    while (at >= sizes[size].percent)
        at -= sizes[size++].percent;
    s->width = sizes[size].width * scale;
    s->height = sizes[size].height * scale;
    s->grain = random_chance(&r, 30);
    s->gps = random_chance(&r, 6);
    if (random_chance(&r, 8))
        snprintf(s->file, sizeof s->file, "%s/%s.jpg", school_of(s->grade)->folder, s->state_id);
    else
        snprintf(s->file, sizeof s->file, "%s.%s", s->state_id, random_chance(&r, 3) ? "JPG" : "jpg");
}

/* Everything that depends on today, and on nothing else but the student's own stream. */
static void choose_dates(struct student *s, struct date today, struct random *r)
{
    struct date start = school_year_start(today),
                picture_day = days_after(start, 76 + random_between(r, 0, 2));
    int64_t elapsed = date_to_days(today) - date_to_days(start);
    struct date fifth = {start.year - 5 - s->grade, 9,
                         10}; /* five years old by 10 September (MCA 20-5-101) */
    unsigned late = random_below(r, 14);

    s->born = days_after(fifth, -random_between(r, 0, 364));
    if (s->answer != ANSWER_BLANK)
        s->answered_on = days_after(start, random_between(r, 0, (int)elapsed));
    if (!random_chance(r, 85) && !s->gps)
        return;
    s->taken_on = date_compare(picture_day, today) <= 0 ? picture_day : days_after(today, -1 - (int64_t)late);
}

static void choose_student(struct student *s, const struct district *d, uint32_t index)
{
    struct random r = random_init(d->seed, RANDOM_STUDENT, index);
    unsigned answer = random_below(&r, 100);

    s->index = index;
    s->grade = random_between(&r, 0, 12);
    s->answer = answer < 75 ? ANSWER_IN : answer < 88 ? ANSWER_OUT : ANSWER_BLANK;
    if (index >= d->listed)
        s->answer = ANSWER_UNLISTED;
    /* Half of those who may not be stored were in front of the camera all the same. */
    s->kind = answer < 75 || index >= d->listed || random_chance(&r, 50) ? KIND_PLAIN : KIND_NONE;
    s->middle = middle_names[random_below(&r, (unsigned)middle_names_count)];
    choose_name(s, d->seed);
    choose_state_id(s, d->seed, &r);
    snprintf(s->local_id, sizeof s->local_id, "%u", 10000 + index * 7);
    snprintf(s->school, sizeof s->school, "%s", school_of(s->grade)->number);
    snprintf(s->homeroom, sizeof s->homeroom, "%c%d%c", s->grade ? 'R' : 'K', 100 + s->grade,
             random_chance(&r, 50) ? 'A' : 'B');
    choose_picture(s, d->seed, d->scale ? (int)d->scale : 1);
    choose_dates(s, d->today, &r);
}

/* Deals the special kinds to opted-in children drawn by lot, for as long as there are any. */
static void deal_kinds(struct district *d, struct student **opted_in, size_t count)
{
    struct random r = random_init(d->seed, RANDOM_DISTRICT, 4);
    size_t next = 0;

    for (size_t i = count; i > 1; i--) {
        size_t j = random_below(&r, (unsigned)i);
        struct student *held = opted_in[j];

        opted_in[j] = opted_in[i - 1];
        opted_in[i - 1] = held;
    }
    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++)
        for (unsigned n = 0; n < kinds[kind].wanted && next < count; n++, next++) {
            struct student *s = opted_in[next];

            s->kind = (enum kind)kind;
            if (kinds[kind].orientation != 1 && !date_is_set(s->taken_on))
                s->taken_on = days_after(d->today, -1); /* a tag needs an EXIF block */
            if (kinds[kind].suffix) { /* of a size at which every format stays far under 20 MB */
                s->width = 960;
                s->height = 1200;
            }
            if (kind == KIND_CORRUPT || kinds[kind].suffix)
                snprintf(s->file, sizeof s->file, "%s.%s", s->state_id,
                         kinds[kind].suffix ? kinds[kind].suffix : "jpg");
        }
}

enum err district_init(struct district *d)
{
    CLEANUP(heap) struct student **opted_in = NULL;
    CLEANUP(heap) struct student *students = NULL;
    size_t count = 0;

    d->all = d->listed + DISTRICT_UNLISTED;
    students = calloc(d->all, sizeof *students);
    opted_in = calloc(d->all, sizeof(struct student *));
    if (!students || !opted_in)
        return say(ERR_NOMEM, "there is not enough memory for %" PRIu32 " students", d->listed);
    for (uint32_t i = 0; i < d->all; i++) {
        choose_student(&students[i], d, i);
        if (students[i].answer == ANSWER_IN)
            opted_in[count++] = &students[i];
    }
    deal_kinds(d, opted_in, count);
    d->students = TAKE(students);
    return OK;
}

void district_clear(struct district *d)
{
    free(d->students);
    d->students = NULL;
}

enum err district_find(const struct student **out, const struct district *d, const char *who)
{
    uint64_t line;

    if (text_is_digits(who, 9)) {
        for (uint32_t i = 0; i < d->all; i++)
            if (strcmp(d->students[i].state_id, who) == 0) {
                *out = &d->students[i];
                return OK;
            }
        return ERR_NOTFOUND;
    }
    if (u64_parse(&line, who, d->all) || line == 0)
        return ERR_NOTFOUND;
    *out = &d->students[line - 1];
    return OK;
}

/* MM/DD/YYYY, or nothing for no date: how AIM files write it. */
#define AIM_DATE 16
static const char *aim_date(char text[static AIM_DATE], struct date d)
{
    text[0] = '\0';
    if (date_is_set(d))
        snprintf(text, AIM_DATE, "%02u/%02u/%04u", (unsigned)d.month % 100, (unsigned)d.day % 100,
                 (unsigned)d.year % 10000);
    return text;
}

static enum err open_for_writing(FILE **out, const char *path)
{
    FILE *f = fopen(path, "wbe");

    if (!f)
        return say(ERR_IO, "%s cannot be written: %s", path, strerror(errno));
    *out = f;
    return OK;
}

/* Takes f. */
static enum err finish_writing(FILE *f, const char *path)
{
    int failed = ferror(f);

    if (fclose(f) || failed)
        return say(ERR_IO, "%s was not written whole: %s", path, strerror(errno));
    return OK;
}

enum err district_write_roster(const struct district *d, const char *path)
{
    char today[AIM_DATE], born[AIM_DATE], answered[AIM_DATE], grade[12];
    FILE *f = NULL;

    TRY(open_for_writing(&f, path));
    fprintf(f, "HD\t%s\t06:15:00\tMT9.1\n", aim_date(today, d->today));
    for (uint32_t i = 0; i < d->listed; i++) {
        const struct student *s = &d->students[i];

        snprintf(grade, sizeof grade, s->grade ? "%02d" : "KG", s->grade);
        fprintf(f, "SD\t%s\t%s\t%s\t%s\t%s\t%s\t%c\t%s\t%s\t%s\t%s\t%s\t%s\n", d->code, s->state_id,
                s->local_id, s->last, s->first, s->middle, s->girl ? 'F' : 'M', aim_date(born, s->born),
                s->school, grade, s->homeroom, answers[s->answer], aim_date(answered, s->answered_on));
    }
    return finish_writing(f, path);
}

enum err district_write_expected(const struct district *d, const char *path)
{
    FILE *f = NULL;

    TRY(open_for_writing(&f, path));
    fputs("state_id\toptin\tfile\tkind\tcode\twidth\theight\texif_date\tgps\n", f);
    for (uint32_t i = 0; i < d->all; i++) {
        const struct student *s = &d->students[i];
        char taken[DATE_TEXT];

        date_format(taken, s->taken_on);
        if (s->kind == KIND_NONE)
            fprintf(f, "%s\t%s\t-\tnone\t%" PRIu32 "\t-\t-\t-\t-\n", s->state_id, answer_words[s->answer],
                    code_number(d->seed, s->index));
        else
            fprintf(f, "%s\t%s\t%s\t%s\t%" PRIu32 "\t%d\t%d\t%s\t%s\n", s->state_id, answer_words[s->answer],
                    s->file, kinds[s->kind].name, code_number(d->seed, s->index), s->width, s->height,
                    *taken ? taken : "-", s->gps ? "gps" : "-");
    }
    fprintf(f, "-\t-\t%s\tunnamed\t%" PRIu32 "\t640\t800\t-\t-\n", ZIP_UNNAMED, code_number(d->seed, d->all));
    fprintf(f, "-\t-\t%s%s.jpg\tjunk\t-\t-\t-\t-\t-\n", ZIP_RESOURCES, d->students[0].state_id);
    fprintf(f, "-\t-\t%s\tjunk\t-\t-\t-\t-\t-\n", ZIP_THUMBS);
    return finish_writing(f, path);
}
