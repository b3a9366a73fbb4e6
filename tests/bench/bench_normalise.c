/*
 * How many pictures of each kind one core brings into their three renditions,
 * and how much memory that takes at most.  Only the library, unconfined: what
 * sandbox and store cost is measured by tests/bench/one_photo.sh.
 *
 *   tests/bench/normalise.sh
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <vips/vips.h>
#include "ingest/image.h"
#include "tests/tools/demo_portrait.h"

static const struct kind {
    const char *name;
    int width, height;
    const char *suffix, *profile;
    int orientation;
    bool is_smooth; /* drawn without grain, which no PNG of 20 MB holds at that size */
} kinds[] = {
    {"640x800", 640, 800, ".jpg[Q=88]", NULL, 1, false},
    {"1280x1600", 1280, 1600, ".jpg[Q=88]", NULL, 1, false},
    {"2400x3000", 2400, 3000, ".jpg[Q=88]", NULL, 1, false},
    {"4000x6000 (24 MP)", 4000, 6000, ".jpg[Q=88]", NULL, 1, false},
    {"4000x6000 progressive", 4000, 6000, ".jpg[Q=88,interlace]", NULL, 1, false},
    {"1280x1600 rotated", 1280, 1600, ".jpg[Q=88]", NULL, 6, false},
    {"1280x1600 Display P3", 1280, 1600, ".jpg[Q=88]", "p3", 1, false},
    {"1280x1600 CMYK", 1280, 1600, ".jpg[Q=88]", "cmyk", 1, false},
    {"1280x1600 PNG", 1280, 1600, ".png", NULL, 1, false},
    {"1280x1600 TIFF, LZW", 1280, 1600, ".tif[compression=lzw]", NULL, 1, false},
    {"1280x1600 WebP", 1280, 1600, ".webp[Q=88]", NULL, 1, false},
    /* The heaviest that the probe lets through. */
    {"64 MP", 6936, 9248, ".jpg[Q=88]", NULL, 1, true},
    {"24 MP progressive, 4:4:4", 4000, 6000, ".jpg[Q=88,interlace,subsample-mode=off]", NULL, 1, true},
    {"18 MP progressive, CMYK", 3600, 5000, ".jpg[Q=88,interlace]", "cmyk", 1, true},
    {"64 MP PNG", 6936, 9248, ".png", NULL, 1, true},
    {"24 MP PNG interlaced", 4000, 6000, ".png[interlace]", NULL, 1, true},
    {"18 MP PNG interlaced, 16 bits", 3600, 5000, ".png[interlace,bitdepth=16]", NULL, 1, true},
    {"24 MP TIFF, LZW", 4000, 6000, ".tif[compression=lzw]", NULL, 1, true},
    {"24 MP WebP", 4000, 6000, ".webp[Q=88]", NULL, 1, false},
    {"18 MP WebP, lossless", 3600, 5000, ".webp[lossless,effort=0]", NULL, 1, true},
};

#define KINDS (sizeof kinds / sizeof kinds[0])

static const struct image_shape shapes[] = {{1200, 1500, 397200}, {480, 600, 98192}, {240, 300, 20000}};

static void must(bool is_good, const char *what)
{
    if (!is_good) {
        fprintf(stderr, "%s: %s\n", what, vips_error_buffer());
        exit(EXIT_FAILURE);
    }
}

static VipsImage *draw(int width, int height, double grain)
{
    CLEANUP(buf) struct buf *svg = NULL;
    VipsImage *drawn = NULL, *opaque = NULL, *noise = NULL, *sum = NULL, *bytes = NULL, *image;
    struct portrait p;

    portrait_choose(&p, 1, 1, 5, true);
    must(!buf_new(&svg, 1 << 18) && !portrait_draw(svg, &p, width, height), "a portrait");
    must(!vips_svgload_buffer((void *)(uintptr_t)buf_bytes(svg), buf_len(svg), &drawn, NULL) &&
             !vips_flatten(drawn, &opaque, NULL) &&
             !vips_gaussnoise(&noise, width, height, "mean", 0.0, "sigma", grain, "seed", 1, NULL) &&
             !vips_add(opaque, noise, &sum, NULL) && !vips_cast(sum, &bytes, VIPS_FORMAT_UCHAR, NULL) &&
             !vips_copy(bytes, &image, "interpretation", VIPS_INTERPRETATION_sRGB, NULL),
         "a portrait");
    g_object_unref(drawn);
    g_object_unref(opaque);
    g_object_unref(noise);
    g_object_unref(sum);
    g_object_unref(bytes);
    return image;
}

/* The picture of a kind as a file, written to a descriptor. */
static void make(const struct kind *k, int fd)
{
    VipsImage *image = draw(k->width, k->height, k->is_smooth ? 0 : 2.5), *converted;
    void *bytes = NULL;
    size_t len;

    if (k->profile) {
        must(!vips_icc_transform(image, &converted, k->profile, "input_profile", "srgb", NULL), k->name);
        g_object_unref(image);
        image = converted;
    }
    if (strstr(k->suffix, "bitdepth=16")) { /* libvips' writer takes the caller's word for it */
        must(!vips_linear1(image, &converted, 257, 0, NULL), k->name);
        g_object_unref(image);
        image = converted;
        must(!vips_cast(image, &converted, VIPS_FORMAT_USHORT, NULL), k->name);
        g_object_unref(image);
        must(!vips_copy(converted, &image, "interpretation", VIPS_INTERPRETATION_RGB16, NULL), k->name);
        g_object_unref(converted);
    }
    if (k->orientation != 1) {
        must(!vips_copy(image, &converted, NULL), k->name);
        g_object_unref(image);
        image = converted;
        vips_image_set_int(image, VIPS_META_ORIENTATION, k->orientation);
    }
    must(!vips_image_write_to_buffer(image, k->suffix, &bytes, &len, NULL), k->name);
    must(write(fd, bytes, len) == (ssize_t)len, k->name);
    g_object_unref(image);
    g_free(bytes);
}

static double cpu_seconds(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The largest resident size of this process so far, in MB. */
static double peak_mb(void)
{
    FILE *f = fopen("/proc/self/status", "re");
    char line[256];
    double kb = 0;

    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmHWM: %lf", &kb) == 1)
            break;
    if (f)
        (void)fclose(f);
    return kb / 1024;
}

static void measure(const struct kind *k, int fd, double seconds)
{
    double begin, used;
    unsigned count = 0;
    struct stat st;
    void *bytes;

    must(fstat(fd, &st) == 0, k->name);
    bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    must(bytes != MAP_FAILED, k->name);
    begin = cpu_seconds();
    do {
        CLEANUP(image_result) struct image_result r = {0};
        const char *fault = "";

        if (image_normalise(&r, &fault, bytes, (size_t)st.st_size, shapes, 3)) {
            printf("%-30s refused: %s\n", k->name, fault);
            return;
        }
        count++;
        used = cpu_seconds() - begin;
    } while (used < seconds);
    printf("%-30s %8.1f photos/s %6.0f MB, file %.1f MB\n", k->name, count / used, peak_mb(),
           (double)st.st_size / (1 << 20));
}

/* Itself again, as a fresh process with the file as descriptor 3: what one did must not show in the other's
 * size. */
static void run(const char *what, size_t kind, const char *seconds)
{
    extern char **environ;
    char number[24];
    char *arguments[] = {(char *)(uintptr_t)what, number, (char *)(uintptr_t)seconds, NULL};
    pid_t pid;
    int status;

    (void)snprintf(number, sizeof number, "%zu", kind);
    must(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, arguments, environ) == 0 &&
             waitpid(pid, &status, 0) == pid && status == 0,
         what);
}

int main(int argc, char **argv)
{
    const char *seconds = argc > 1 ? argv[1] : "2";

    if (strcmp(argv[0], "make") == 0) {
        must(!VIPS_INIT("bench_normalise"), "libvips");
        make(&kinds[atoi(argv[1])], 3);
    } else if (strcmp(argv[0], "measure") == 0) {
        const struct rlimit worker = {256 << 20, 256 << 20}; /* as confine/limits.c has it */

        must(!image_init() && setrlimit(RLIMIT_DATA, &worker) == 0, "image_init");
        measure(&kinds[atoi(argv[1])], 3, atof(argv[2]));
    } else {
        for (size_t i = 0; i < KINDS; i++) {
            int fd = memfd_create("picture", 0);

            must(dup2(fd, 3) == 3, "a descriptor");
            run("make", i, seconds);
            run("measure", i, seconds);
            if (fd != 3)
                (void)close(fd);
        }
    }
    return EXIT_SUCCESS;
}
