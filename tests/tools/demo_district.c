/*
 * demo-district: a wholly synthetic school district, and the questions a test
 * has about its pictures.  No real child, no downloaded face.  Runs in tests
 * and in the demonstration only; nothing of it is installed.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <vips/vips.h>
#include "photod/base/cleanup.h"
#include "photod/base/clock.h"
#include "photod/base/text.h"
#include "tests/tools/demo_forms.h"
#include "tests/tools/demo_package.h"
#include "tests/tools/demo_picture.h"
#include "tests/tools/demo_roster.h"
#include "tests/tools/demo_say.h"
#include "tests/tools/demo_zip.h"

static const char help[] =
    "Makes a synthetic school district, and reads the pictures that come back from photod.\n"
    "\n"
    "  demo-district [--seed N] [--students N] [--district 0487] [--today YYYY-MM-DD]\n"
    "                [--scale N] [--forms] --out DIR\n"
    "      Writes DIR/roster.tsv (AIM Student Demographic file), DIR/photos.zip and\n"
    "      DIR/expected.tsv (the truth, for tests only: state_id, optin, file, kind, code,\n"
    "      width, height, exif_date, gps; '-' stands for nothing).  --scale 2 to 4: larger pictures.\n"
    "      --forms: the roster also as CSV and TSV with a header row, in other encodings and of\n"
    "      answers only, each damaged by a spreadsheet, and DIR/damage.tsv, the truth about that.\n"
    "  demo-district --packages [...] --out DIR\n"
    "      The same district as DIR/roster.tsv, DIR/pspi.zip (yearbook package), DIR/powerschool.zip\n"
    "      (with mapping file) and DIR/packages.tsv (the truth: form, file, outcome, state_id, code).\n"
    "  demo-district --read-code FILE [--as-tagged]\n"
    "      Prints the code shown by an upright picture.  Pixels are taken as they are stored;\n"
    "      with --as-tagged the EXIF Orientation is obeyed first.\n"
    "  demo-district --expected WHO --width W --height H --out FILE.png [--seed N] [--students N]\n"
    "      Writes what a rendition of WHO (a State ID, or a line of the roster from 1) should\n"
    "      show: upright, sRGB, fit inside W x H, never enlarged.\n"
    "  demo-district --retake N PHOTOS.zip NEW.zip\n"
    "      Writes the same pictures into files of other bytes, as if exported again.\n"
    "  demo-district --swell N PHOTOS.zip NEW.zip\n"
    "      Writes the same with 18 MB of noise in the place of N pictures, and prints their names.\n"
    "  demo-district --psnr A B\n"
    "      Prints how alike two pictures of one size are, in dB (100.00: identical).\n"
    "\n"
    "Defaults: --seed 20261123 --students 220 --district 0487 --today (the day in Montana).\n"
    "The same seed, number of students and day give the same bytes.\n"
    "Exit status: 0 done, 1 the answer is no or something failed, 2 the command line is wrong.\n";

enum { EXIT_USAGE = 2 };

struct wish {
    const char *out, *read_code, *expected, *psnr, *retake, *swell, *first, *second;
    const char *seed, *students, *district, *today, *scale, *width, *height;
    bool as_tagged, forms, packages, help;
};

/* Texts are stored by their place in struct wish. */
static const struct option options[] = {
    {"out", required_argument, NULL, 'o'},
    {"seed", required_argument, NULL, 's'},
    {"students", required_argument, NULL, 'n'},
    {"district", required_argument, NULL, 'd'},
    {"today", required_argument, NULL, 't'},
    {"scale", required_argument, NULL, 'c'},
    {"read-code", required_argument, NULL, 'r'},
    {"as-tagged", no_argument, NULL, 'a'},
    {"forms", no_argument, NULL, 'f'},
    {"expected", required_argument, NULL, 'e'},
    {"width", required_argument, NULL, 'w'},
    {"height", required_argument, NULL, 'h'},
    {"psnr", required_argument, NULL, 'p'},
    {"retake", required_argument, NULL, 'k'},
    {"packages", no_argument, NULL, 'P'},
    {"swell", required_argument, NULL, 'b'},
    {"help", no_argument, NULL, '?'},
    {NULL, 0, NULL, 0},
};

/* Expected: ERR_MALFORMED. */
static enum err parse_wish(struct wish *wish, int argc, char **argv)
{
    const struct {
        int letter;
        const char **text;
    } texts[] = {{'o', &wish->out},   {'s', &wish->seed},   {'n', &wish->students},  {'d', &wish->district},
                 {'t', &wish->today}, {'c', &wish->scale},  {'r', &wish->read_code}, {'e', &wish->expected},
                 {'w', &wish->width}, {'h', &wish->height}, {'p', &wish->psnr},      {'k', &wish->retake},
                 {'b', &wish->swell}};
    int letter, index = -1;

    opterr = 0;
    while ((letter = getopt_long(argc, argv, "", options, &index)) != -1) {
        if (index < 0)
            return say(ERR_MALFORMED, "%s is not understood or lacks its value; see --help",
                       argv[optind - 1]);
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
            if (texts[i].letter == letter)
                *texts[i].text = optarg;
        wish->as_tagged |= letter == 'a';
        wish->forms |= letter == 'f';
        wish->packages |= letter == 'P';
        wish->help |= letter == '?';
        index = -1;
    }
    if ((wish->psnr || wish->retake || wish->swell) && optind < argc)
        wish->first = argv[optind++];
    if ((wish->retake || wish->swell) && optind < argc)
        wish->second = argv[optind++];
    if (optind < argc)
        return say(ERR_MALFORMED, "%s is one word too many; see --help", argv[optind]);
    return OK;
}

static enum err parse_number(uint64_t *out, const char *text, const char *name, uint64_t max)
{
    if (text && (u64_parse(out, text, max) || *out == 0))
        return say(ERR_MALFORMED, "%s must be a number from 1 to %" PRIu64, name, max);
    return OK;
}

/* The day it is in Montana, by the rule itself, so that no zone file is needed. */
static struct date today_in_montana(void)
{
    time_t now = (time_t)(clock_wall_ms() / 1000);
    struct tm tm;

    setenv("TZ", "MST7MDT,M3.2.0,M11.1.0", 1);
    tzset();
    localtime_r(&now, &tm);
    return (struct date){tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday};
}

static enum err parse_district(struct district *d, const struct wish *wish)
{
    const char *code = wish->district ? wish->district : "0487";
    uint64_t seed = 20261123, students = 220, scale = 1;

    TRY(parse_number(&seed, wish->seed, "--seed", UINT64_MAX));
    TRY(parse_number(&scale, wish->scale, "--scale", 4));
    TRY(parse_number(&students, wish->students, "--students", DISTRICT_MAX));
    if (!text_is_digits(code, 4))
        return say(ERR_MALFORMED, "--district must be four digits");
    if (wish->today ? date_parse(&d->today, wish->today) : OK)
        return say(ERR_MALFORMED, "--today must be a day, as in 2026-11-23");
    if (!wish->today)
        d->today = today_in_montana();
    d->seed = seed;
    d->listed = (uint32_t)students;
    d->scale = (unsigned)scale;
    return text_copy(d->code, sizeof d->code, code);
}

static enum err write_district(const struct district *d, const struct wish *wish)
{
    const char *folder = wish->out;
    static const struct {
        const char *name;
        enum err (*write)(const struct district *d, const char *path);
    } files[] = {
        {"roster.tsv", district_write_roster},
        {"expected.tsv", district_write_expected},
        {"photos.zip", zip_write_district},
    };
    size_t count = wish->packages ? 1 : sizeof files / sizeof *files;
    char path[4096];

    if (mkdir(folder, 0755) && errno != EEXIST)
        return say(ERR_IO, "the folder %s cannot be made: %s", folder, strerror(errno));
    for (size_t i = 0; i < count; i++) {
        if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, files[i].name) >= sizeof path)
            return say(ERR_LIMIT, "the name of the folder is too long");
        TRY(files[i].write(d, path));
    }
    if (wish->packages)
        TRY(package_write_all(d, folder));
    return wish->forms ? forms_write(d, folder) : OK;
}

static enum err write_expected(const struct district *d, const struct wish *wish, int width, int height)
{
    const struct student *s;

    if (district_find(&s, d, wish->expected))
        return say(ERR_NOTFOUND, "there is no student %s in this district", wish->expected);
    return picture_write_expected(s, d->seed, width, height, wish->out);
}

static void district_cleanup(struct district *d)
{
    district_clear(d);
}

/* Expected: ERR_MALFORMED, the command line; the others are answers or failures. */
static enum err make(const struct wish *wish, bool *usage)
{
    CLEANUP(district) struct district d = {.seed = 0};
    uint64_t width = 0, height = 0;

    *usage = true;
    TRY(parse_district(&d, wish));
    TRY(parse_number(&width, wish->width, "--width", 10000));
    TRY(parse_number(&height, wish->height, "--height", 10000));
    if (!wish->out)
        return say(ERR_MALFORMED, "--out is missing; see --help");
    if (wish->expected && (!width || !height))
        return say(ERR_MALFORMED, "--expected needs --width and --height");
    *usage = false;
    TRY(district_init(&d));
    return wish->expected ? write_expected(&d, wish, (int)width, (int)height) : write_district(&d, wish);
}

static enum err print_code(const struct wish *wish)
{
    uint32_t number;

    TRY(picture_read_code(&number, wish->read_code, wish->as_tagged));
    printf("%" PRIu32 "\n", number);
    return OK;
}

static enum err print_psnr(const struct wish *wish)
{
    double decibels;

    TRY(picture_psnr(&decibels, wish->psnr, wish->first));
    printf("%.2f\n", decibels);
    return OK;
}

static enum err swell(const struct wish *wish, bool *usage)
{
    uint64_t files = 0;

    *usage = true;
    TRY(parse_number(&files, wish->swell, "--swell", 1000));
    *usage = false;
    return zip_swell(wish->first, wish->second, (unsigned)files);
}

/* What libvips only warns of is also an error where it matters; the user gets one sentence. */
static void keep_quiet(const char *domain, GLogLevelFlags level, const char *message, void *data)
{
    (void)domain;
    (void)level;
    (void)message;
    (void)data;
}

int main(int argc, char **argv)
{
    struct wish wish = {.out = NULL};
    bool usage = false;
    enum err e;

    if (parse_wish(&wish, argc, argv))
        return EXIT_USAGE;
    if (wish.help) {
        fputs(help, stdout);
        return EXIT_SUCCESS;
    }
    if ((wish.psnr && !wish.first) || ((wish.retake || wish.swell) && !wish.second)) {
        (void)say(ERR_MALFORMED, "--psnr needs two pictures, --retake and --swell two ZIPs");
        return EXIT_USAGE;
    }
    if (VIPS_INIT(argv[0])) {
        (void)say(ERR_IO, "libvips does not start: %s", vips_error_buffer());
        return EXIT_FAILURE;
    }
    vips_cache_set_max(0); /* nothing is asked for twice */
    g_log_set_handler("VIPS", G_LOG_LEVEL_WARNING, keep_quiet, NULL);
    if (wish.read_code)
        e = print_code(&wish);
    else if (wish.psnr)
        e = print_psnr(&wish);
    else if (wish.retake)
        e = zip_retake(wish.first, wish.second, wish.retake);
    else if (wish.swell)
        e = swell(&wish, &usage);
    else
        e = make(&wish, &usage);
    vips_shutdown();
    if (usage && e)
        return EXIT_USAGE;
    return e || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
