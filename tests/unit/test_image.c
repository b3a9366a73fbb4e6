#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "ingest/probe.h"
#include "ingest/profile.h"
#include "ingest/turn.h"
#include "tests/unit/image_scene.h"
#include "tests/unit/suite.h"

/* ---- shape ---- */

START_TEST(a_photo_gives_every_rendition_fitted_inside)
{
    CLEANUP(buf) struct buf *jpeg = NULL;
    CLEANUP(image_result) struct image_result r = {0};

    begin();
    jpeg = photo(2000, 2500);
    r = normalise(jpeg);
    ck_assert_uint_eq(r.width, 2000);
    ck_assert_uint_eq(r.height, 2500);
    expect_size(&r.renditions[0], 1200, 1500);
    expect_size(&r.renditions[1], 480, 600);
    expect_size(&r.renditions[2], 240, 300);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_uint_le(buf_len(r.renditions[i].jpeg), shapes[i].max_bytes);
        expect_quarters(&r.renditions[i], (const struct colour[]){RED, GREEN, BLUE, WHITE});
    }
}
END_TEST

START_TEST(nothing_is_cropped_or_padded)
{
    CLEANUP(buf) struct buf *jpeg = NULL;
    CLEANUP(image_result) struct image_result r = {0};

    begin();
    jpeg = photo(3001, 1001);
    r = normalise(jpeg);
    expect_size(&r.renditions[0], 1200, 400);
    expect_size(&r.renditions[1], 480, 160);
    expect_size(&r.renditions[2], 240, 80);
    expect_quarters(&r.renditions[2], (const struct colour[]){RED, GREEN, BLUE, WHITE});
}
END_TEST

START_TEST(nothing_is_ever_enlarged)
{
    CLEANUP(buf) struct buf *jpeg = NULL;
    CLEANUP(image_result) struct image_result r = {0};

    begin();
    jpeg = photo(300, 400);
    r = normalise(jpeg);
    expect_size(&r.renditions[0], 300, 400);
    expect_size(&r.renditions[1], 300, 400);
    expect_size(&r.renditions[2], 225, 300);
}
END_TEST

START_TEST(every_odd_size_is_fitted_to_the_pixel)
{
    begin();
    for (int width = 1195; width < 1206; width++) {
        CLEANUP(buf) struct buf *jpeg = photo(2 * width + 1, 2 * width + 240);
        CLEANUP(image_result) struct image_result r = normalise(jpeg);

        ck_assert_uint_eq(r.renditions[0].width, 1200);
    }
}
END_TEST

START_TEST(all_eight_orientations_come_out_upright)
{
    static const unsigned char expected[9][4] = {
        [1] = {0, 1, 2, 3}, [2] = {1, 0, 3, 2}, [3] = {3, 2, 1, 0}, [4] = {2, 3, 0, 1},
        [5] = {0, 2, 1, 3}, [6] = {2, 0, 3, 1}, [7] = {3, 1, 2, 0}, [8] = {1, 3, 0, 2}};
    const struct colour stored[] = {RED, GREEN, BLUE, WHITE};

    begin();
    for (int orientation = 1; orientation <= 8; orientation++) {
        VipsImage *image = quarters(600, 400, stored);
        CLEANUP(buf) struct buf *jpeg = NULL;
        CLEANUP(image_result) struct image_result r = {0};
        struct colour corners[4];
        bool is_lying = orientation >= 5;

        vips_image_set_int(image, VIPS_META_ORIENTATION, orientation);
        jpeg = jpeg_of(image, false);
        r = normalise(jpeg);
        for (size_t i = 0; i < 4; i++)
            corners[i] = stored[expected[orientation][i]];
        ck_assert_uint_eq(r.width, is_lying ? 400 : 600);
        expect_size(&r.renditions[0], is_lying ? 400 : 600, is_lying ? 600 : 400);
        expect_size(&r.renditions[2], is_lying ? 200 : 240, is_lying ? 300 : 160);
        for (size_t i = 0; i < 3; i++)
            expect_quarters(&r.renditions[i], corners);
    }
}
END_TEST

START_TEST(an_orientation_with_a_resize_comes_out_upright)
{
    static const unsigned char expected[9][4] = {[6] = {2, 0, 3, 1}, [7] = {3, 1, 2, 0}, [3] = {3, 2, 1, 0}};
    static const int orientations[] = {3, 6, 7};
    const struct colour stored[] = {RED, GREEN, BLUE, WHITE};

    begin();
    for (size_t n = 0; n < 3; n++) {
        VipsImage *image = quarters(1700, 1300, stored);
        CLEANUP(buf) struct buf *jpeg = NULL;
        CLEANUP(image_result) struct image_result r = {0};
        struct colour corners[4];

        vips_image_set_int(image, VIPS_META_ORIENTATION, orientations[n]);
        jpeg = jpeg_of(image, false);
        r = normalise(jpeg);
        for (size_t i = 0; i < 4; i++)
            corners[i] = stored[expected[orientations[n]][i]];
        expect_quarters(&r.renditions[0], corners);
        if (orientations[n] == 6)
            expect_size(&r.renditions[0], 1147, 1500);
    }
}
END_TEST

/* ---- colour ---- */

START_TEST(untagged_pixels_pass_unchanged)
{
    CLEANUP(buf) struct buf *jpeg = NULL;
    CLEANUP(image_result) struct image_result r = {0};

    begin();
    jpeg = jpeg_of(flat(400, 500, 3, (const unsigned char[]){201, 101, 51}), false);
    r = normalise(jpeg);
    expect_centre(&r.renditions[0], (struct colour){201, 101, 51}, 3);
}
END_TEST

START_TEST(an_srgb_profile_is_known_by_its_numbers)
{
    VipsBlob *profile = NULL;
    const void *bytes;
    size_t len;
    unsigned char *copy;

    begin();
    ck_assert_int_eq(vips_profile_load("srgb", &profile, NULL), 0);
    bytes = vips_blob_get(profile, &len);
    ck_assert(profile_is_srgb(bytes, len));
    for (size_t cut = 0; cut < len; cut++) { /* in its own memory, so that ASan sees a step too far */
        copy = malloc(cut);
        memcpy(copy, bytes, cut);
        (void)profile_is_srgb(copy, cut);
        free(copy);
    }
    vips_area_unref(VIPS_AREA(profile));
    ck_assert_int_eq(vips_profile_load("p3", &profile, NULL), 0);
    bytes = vips_blob_get(profile, &len);
    ck_assert(!profile_is_srgb(bytes, len));
    vips_area_unref(VIPS_AREA(profile));
}
END_TEST

START_TEST(an_embedded_profile_is_honoured)
{
    static const unsigned char skin[] = {200, 100, 100};
    VipsImage *p3, *srgb;
    CLEANUP(buf) struct buf *wide = NULL;
    CLEANUP(buf) struct buf *plain = NULL;
    CLEANUP(image_result) struct image_result r = {0};
    CLEANUP(image_result) struct image_result s = {0};

    begin();
    p3 = flat(1300, 1500, 3, skin);
    tag(p3, "p3");
    wide = jpeg_of(p3, false);
    r = normalise(wide);
    expect_centre(&r.renditions[0], (struct colour){214, 94, 96}, 4);
    srgb = flat(1300, 1500, 3, skin);
    tag(srgb, "srgb");
    plain = jpeg_of(srgb, false);
    s = normalise(plain);
    expect_centre(&s.renditions[0], (struct colour){200, 100, 100}, 3);
}
END_TEST

START_TEST(a_broken_profile_is_ignored)
{
    VipsImage *image;
    CLEANUP(buf) struct buf *jpeg = NULL;
    CLEANUP(image_result) struct image_result r = {0};

    begin();
    image = flat(400, 500, 3, (const unsigned char[]){200, 100, 100});
    vips_image_set_blob_copy(image, VIPS_META_ICC_NAME, "no profile", 10);
    jpeg = jpeg_of(image, false);
    r = normalise(jpeg);
    expect_centre(&r.renditions[0], (struct colour){200, 100, 100}, 3);
}
END_TEST

START_TEST(a_profile_of_another_colour_space_is_ignored)
{
    VipsImage *image;
    CLEANUP(buf) struct buf *jpeg = NULL;
    CLEANUP(image_result) struct image_result r = {0};

    begin();
    image = flat(400, 500, 3, (const unsigned char[]){200, 100, 100});
    tag(image, "cmyk");
    jpeg = jpeg_of(image, false);
    r = normalise(jpeg);
    expect_centre(&r.renditions[0], (struct colour){200, 100, 100}, 3);
}
END_TEST

static struct buf *without_segment(const struct buf *jpeg, const unsigned char *at)
{
    size_t before = (size_t)(at - buf_bytes(jpeg)), len = 2 + (size_t)(at[2] << 8 | at[3]);
    struct buf *b = NULL;

    ck_assert_int_eq(buf_new(&b, 1 << 27), OK);
    ck_assert_int_eq(buf_append(b, buf_bytes(jpeg), before), OK);
    ck_assert_int_eq(buf_append(b, at + len, buf_len(jpeg) - before - len), OK);
    return b;
}

/* Both are stored inverted, as Adobe began it: without the marker too, browsers and libvips read it so. */
START_TEST(cmyk_becomes_srgb_with_or_without_the_marker_of_adobe)
{
    static const struct {
        unsigned char ink[4];
        struct colour seen;
    } cases[] = {{{0, 255, 255, 0}, {232, 10, 20}},
                 {{255, 0, 0, 0}, {0, 160, 230}},
                 {{0, 0, 0, 0}, {254, 254, 254}},
                 {{0, 0, 0, 255}, {5, 5, 10}}};

    begin();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CLEANUP(buf) struct buf *marked = jpeg_of(flat(1300, 1400, 4, cases[i].ink), false);
        CLEANUP(buf) struct buf *bare = NULL;
        CLEANUP(image_result) struct image_result r = {0};
        CLEANUP(image_result) struct image_result s = {0};

        ck_assert_ptr_nonnull(find_marker(marked, 0xee));
        bare = without_segment(marked, find_marker(marked, 0xee));
        r = normalise(marked);
        s = normalise(bare);
        expect_centre(&r.renditions[0], cases[i].seen, 24);
        expect_centre(&s.renditions[0], cases[i].seen, 24);
    }
}
END_TEST

START_TEST(grey_becomes_srgb)
{
    CLEANUP(buf) struct buf *jpeg = NULL;
    CLEANUP(image_result) struct image_result r = {0};
    struct probe p;
    const char *fault;

    begin();
    jpeg = jpeg_of(flat(1300, 1500, 1, (const unsigned char[]){90}), false);
    ck_assert_int_eq(probe_image(&p, &fault, buf_bytes(jpeg), buf_len(jpeg)), OK);
    ck_assert_uint_eq(p.components, 1);
    r = normalise(jpeg);
    expect_centre(&r.renditions[0], (struct colour){90, 90, 90}, 3);
    ck_assert_int_eq(probe_image(&p, &fault, buf_bytes(r.renditions[0].jpeg), buf_len(r.renditions[0].jpeg)),
                     OK);
    ck_assert_uint_eq(p.components, 3);
}
END_TEST

/* ---- metadata ---- */

static void expect_bare(const struct buf *jpeg)
{
    static const unsigned char kept[] = {0xe0, 0xdb, 0xc0, 0xc4, 0xda}; /* JFIF, tables, frame, scan */
    const unsigned char *at = buf_bytes(jpeg) + 2;

    ck_assert_ptr_null(memmem(buf_bytes(jpeg), buf_len(jpeg), "Jane Doe", 8));
    for (unsigned marker = 0; marker != 0xda; at += 2 + (at[2] << 8 | at[3])) {
        marker = at[1];
        ck_assert_msg(memchr(kept, (int)marker, sizeof kept) != NULL, "marker %02x", marker);
    }
}

START_TEST(no_metadata_survives)
{
    static const struct {
        const char *suffix;
        bool is_packed; /* the PNG's texts are */
    } cases[] = {{".jpg", false}, {".png", true}, {".tif", false}, {".webp", false}};

    begin();
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        VipsImage *image = quarters(400, 500, (const struct colour[]){RED, GREEN, BLUE, WHITE});
        CLEANUP(buf) struct buf *file = NULL;
        CLEANUP(image_result) struct image_result r = {0};

        vips_image_set_string(image, "exif-ifd0-Artist", "Jane Doe");
        vips_image_set_string(image, "exif-ifd3-GPSLatitude", "46/1 35/1 0/1");
        vips_image_set_string(image, "exif-ifd2-DateTimeOriginal", "2025:10:03 09:15:22");
        vips_image_set_string(image, "png-comment-0-Comment", "Jane Doe");
        vips_image_set_string(image, VIPS_META_IMAGEDESCRIPTION, "Jane Doe");
        vips_image_set_blob_copy(image, VIPS_META_XMP_NAME, "<x>Jane Doe</x>", 15);
        vips_image_set_blob_copy(image, VIPS_META_IPTC_NAME, "Jane Doe", 8);
        tag(image, "p3");
        file = file_of(image, cases[n].suffix);
        ck_assert(cases[n].is_packed || memmem(buf_bytes(file), buf_len(file), "Jane Doe", 8));
        r = normalise(file);
        for (size_t i = 0; i < 3; i++)
            expect_bare(r.renditions[i].jpeg);
    }
}
END_TEST

static void expect_taken_on(const char *exif, const char *expected)
{
    VipsImage *image = flat(300, 400, 3, (const unsigned char[]){90, 90, 90});
    CLEANUP(buf) struct buf *jpeg = NULL;
    CLEANUP(image_result) struct image_result r = {0};
    char day[DATE_TEXT];

    if (exif)
        vips_image_set_string(image, "exif-ifd2-DateTimeOriginal", exif);
    jpeg = jpeg_of(image, false);
    r = normalise(jpeg);
    date_format(day, r.taken_on);
    ck_assert_str_eq(day, expected);
}

START_TEST(the_day_it_was_taken_is_read_when_plausible)
{
    begin();
    expect_taken_on("2025:10:03 09:15:22", "2025-10-03");
    expect_taken_on("2026:11:22 23:59:59", "2026-11-22");
    expect_taken_on(NULL, "");
    expect_taken_on("2026:11:24 00:00:00", "");
    expect_taken_on("1980:01:01 00:00:00", "");
    expect_taken_on("2000:01:01 00:00:00", "");
    expect_taken_on("0000:00:00 00:00:00", "");
    expect_taken_on("2025-10-03 09:15:22", "");
    expect_taken_on("2025:02:30 09:15:22", "");
    expect_taken_on("    :  :     :  :  ", "");
    expect_taken_on("2025", "");
}
END_TEST

/* ---- budgets ---- */

START_TEST(noise_is_brought_under_its_budget)
{
    CLEANUP(buf) struct buf *jpeg = NULL;
    CLEANUP(image_result) struct image_result r = {0};

    begin();
    jpeg = jpeg_of(noise(1200, 1500), false);
    r = normalise(jpeg);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_uint_le(buf_len(r.renditions[i].jpeg), shapes[i].max_bytes);
        ck_assert_uint_ge(buf_len(r.renditions[i].jpeg), shapes[i].max_bytes / 2);
        expect_size(&r.renditions[i], r.renditions[i].width, r.renditions[i].height);
    }
    ck_assert_uint_lt(r.renditions[0].width, 1200);
}
END_TEST

START_TEST(a_budget_that_cannot_be_met_is_over_budget)
{
    static const struct image_shape tiny[] = {{240, 300, 200}};
    CLEANUP(buf) struct buf *jpeg = NULL;
    struct image_result r;
    const char *fault = "none";

    begin();
    jpeg = photo(600, 800);
    ck_assert_int_eq(image_normalise(&r, &fault, buf_bytes(jpeg), buf_len(jpeg), tiny, 1), ERR_MALFORMED);
    ck_assert_str_eq(fault, FAULT_OVER_BUDGET);
}
END_TEST

START_TEST(a_plain_photo_keeps_the_best_quality)
{
    CLEANUP(buf) struct buf *jpeg = NULL;
    CLEANUP(buf) struct buf *best = NULL;
    CLEANUP(image_result) struct image_result r = {0};

    begin();
    jpeg = photo(480, 600);
    r = normalise(jpeg);
    ck_assert_int_eq(buf_new(&best, 1 << 20), OK);
    {
        CLEANUP(pixels) struct pixels p = {0};

        ck_assert_int_eq(pixels_decode(&p, &(struct probe){.format = PROBE_JPEG}, buf_bytes(jpeg),
                                       buf_len(jpeg), 1, TURN_NONE, 480, 600),
                         OK);
        ck_assert_int_eq(pixels_encode(best, &p, 85), OK);
    }
    ck_assert_uint_eq(buf_len(best), buf_len(r.renditions[0].jpeg));
}
END_TEST

/* ---- what is refused ---- */

START_TEST(what_is_none_of_four_formats_is_no_image)
{
    static const char sound[] = "RIFF\x24\0\0\0WAVEfmt ";

    begin();
    expect_fault("", 0, FAULT_NOT_AN_IMAGE);
    expect_fault("\xff\xd8", 2, FAULT_NOT_AN_IMAGE);
    expect_fault(sound, sizeof sound, FAULT_NOT_AN_IMAGE);
    expect_fault("GIF89a", 6, FAULT_NOT_AN_IMAGE);
    expect_fault("%PDF-1.4\n\xff\xd8\xff\xe0", 13, FAULT_NOT_AN_IMAGE);
}
END_TEST

START_TEST(a_truncated_jpeg_is_unreadable)
{
    CLEANUP(buf) struct buf *jpeg = NULL;

    begin();
    jpeg = jpeg_of(noise(400, 500), false);
    expect_fault(buf_bytes(jpeg), buf_len(jpeg) / 2, FAULT_UNREADABLE);
    expect_fault(buf_bytes(jpeg), buf_len(jpeg) - 1000, FAULT_UNREADABLE);
    expect_fault(buf_bytes(jpeg), 300, FAULT_UNREADABLE);
    expect_fault(buf_bytes(jpeg), 3, FAULT_UNREADABLE);
}
END_TEST

START_TEST(a_truncated_progressive_jpeg_is_unreadable)
{
    CLEANUP(buf) struct buf *jpeg = NULL;

    begin();
    jpeg = jpeg_of(noise(400, 500), true);
    expect_fault(buf_bytes(jpeg), buf_len(jpeg) / 2, FAULT_UNREADABLE);
}
END_TEST

/* The same picture with other dimensions in its header. */
static struct buf *claiming(const struct buf *jpeg, unsigned frame, unsigned width, unsigned height)
{
    struct buf *b = NULL;
    unsigned char *bytes;
    size_t at = (size_t)(find_marker(jpeg, frame) - buf_bytes(jpeg));

    ck_assert_int_eq(buf_new(&b, 1 << 27), OK);
    ck_assert_int_eq(buf_extend(b, buf_len(jpeg), &bytes), OK);
    memcpy(bytes, buf_bytes(jpeg), buf_len(jpeg));
    bytes[at + 5] = (unsigned char)(height >> 8);
    bytes[at + 6] = (unsigned char)height;
    bytes[at + 7] = (unsigned char)(width >> 8);
    bytes[at + 8] = (unsigned char)width;
    return b;
}

static const char *judge(const struct buf *jpeg)
{
    struct probe p;
    const char *fault = NULL;

    ck_assert_int_eq(probe_image(&p, &fault, buf_bytes(jpeg), buf_len(jpeg)), fault ? ERR_MALFORMED : OK);
    return fault ? fault : "good";
}

START_TEST(a_bomb_is_refused_from_its_header)
{
    static const struct {
        unsigned width, height;
        const char *baseline, *progressive;
    } claims[] = {
        {64250, 64250, FAULT_TOO_MANY_PIXELS, FAULT_TOO_MANY_PIXELS},
        {12001, 300, FAULT_TOO_MANY_PIXELS, FAULT_TOO_MANY_PIXELS},
        {300, 12001, FAULT_TOO_MANY_PIXELS, FAULT_TOO_MANY_PIXELS},
        {8193, 8193, FAULT_TOO_MANY_PIXELS, FAULT_TOO_MANY_PIXELS},
        {8192, 8192, "good", FAULT_TOO_MANY_PIXELS},
        {9248, 6936, "good", FAULT_TOO_MANY_PIXELS},
        {5100, 5000, "good", FAULT_TOO_MANY_PIXELS},
        {6024, 4024, "good", "good"},
        {239, 400, FAULT_TOO_SMALL, FAULT_TOO_SMALL},
        {400, 239, FAULT_TOO_SMALL, FAULT_TOO_SMALL},
        {240, 240, "good", "good"},
        {400, 0, FAULT_UNREADABLE, FAULT_UNREADABLE},
        {0, 400, FAULT_UNREADABLE, FAULT_UNREADABLE},
    };
    CLEANUP(buf) struct buf *baseline = NULL;
    CLEANUP(buf) struct buf *progressive = NULL;

    begin();
    baseline = photo(300, 400);
    progressive = jpeg_of(quarters(300, 400, (const struct colour[]){RED, GREEN, BLUE, WHITE}), true);
    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        CLEANUP(buf) struct buf *b = claiming(baseline, 0xc0, claims[i].width, claims[i].height);
        CLEANUP(buf) struct buf *p = claiming(progressive, 0xc2, claims[i].width, claims[i].height);

        ck_assert_str_eq(judge(b), claims[i].baseline);
        ck_assert_str_eq(judge(p), claims[i].progressive);
    }
}
END_TEST

/* A header made by hand: a frame of three components, then scans of `parts` components each. */
static struct buf *scans(unsigned frame, unsigned count, unsigned parts, unsigned side)
{
    const unsigned char start[] = {0xff,
                                   0xd8,
                                   0xff,
                                   (unsigned char)frame,
                                   0,
                                   17,
                                   8,
                                   (unsigned char)(side >> 8),
                                   (unsigned char)side,
                                   (unsigned char)(side >> 8),
                                   (unsigned char)side,
                                   3,
                                   1,
                                   0x11,
                                   0,
                                   2,
                                   0x11,
                                   0,
                                   3,
                                   0x11,
                                   0};
    const unsigned char scan[] = {0xff, 0xda, 0, (unsigned char)(6 + 2 * parts), (unsigned char)parts};
    static const unsigned char rest[16] = {0}, data[] = {1, 0xff, 0, 2, 0xff, 0xd0, 3};
    struct buf *b = NULL;

    ck_assert_int_eq(buf_new(&b, 1 << 20), OK);
    ck_assert_int_eq(buf_append(b, start, sizeof start), OK);
    for (unsigned i = 0; i < count; i++) {
        ck_assert_int_eq(buf_append(b, scan, sizeof scan), OK);
        ck_assert_int_eq(buf_append(b, rest, 3 + 2 * parts), OK);
        ck_assert_int_eq(buf_append(b, data, sizeof data), OK);
    }
    ck_assert_int_eq(buf_append(b, "\xff\xd9", 2), OK);
    return b;
}

static void expect_judged(struct buf *jpeg, const char *code)
{
    CLEANUP(buf) struct buf *b = jpeg;

    ck_assert_str_eq(judge(b), code);
}

START_TEST(a_hundred_scans_are_the_most)
{
    expect_judged(scans(0xc2, 100, 1, 400), "good");
    expect_judged(scans(0xc2, 101, 1, 400), FAULT_TOO_MANY_SCANS);
    expect_judged(scans(0xc0, 101, 3, 400), FAULT_TOO_MANY_SCANS);
}
END_TEST

START_TEST(a_scan_for_each_component_counts_as_progressive)
{
    expect_judged(scans(0xc0, 1, 3, 6000), "good");
    expect_judged(scans(0xc0, 3, 1, 6000), FAULT_TOO_MANY_PIXELS);
}
END_TEST

START_TEST(only_huffman_frames_of_eight_bits_are_read)
{
    static const unsigned others[] = {0xc3, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf};

    expect_judged(scans(0xc1, 1, 3, 400), "good");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        expect_judged(scans(others[i], 1, 3, 400), FAULT_UNSUPPORTED);
    expect_judged(scans(0xc0, 0, 3, 400), FAULT_UNREADABLE);
    expect_judged(scans(0xc0, 1, 4, 400), FAULT_UNREADABLE);
}
END_TEST

START_TEST(a_second_frame_is_unreadable)
{
    CLEANUP(buf) struct buf *jpeg = scans(0xc0, 1, 3, 400);
    CLEANUP(buf) struct buf *twice = NULL;

    ck_assert_int_eq(buf_new(&twice, 1 << 20), OK);
    ck_assert_int_eq(buf_append(twice, buf_bytes(jpeg), 21), OK);
    ck_assert_int_eq(buf_append(twice, buf_bytes(jpeg) + 2, buf_len(jpeg) - 2), OK);
    ck_assert_str_eq(judge(twice), FAULT_UNREADABLE);
}
END_TEST

START_TEST(the_probe_sees_what_the_decoder_sees)
{
    CLEANUP(buf) struct buf *jpeg = NULL;
    struct probe p;
    const char *fault;

    begin();
    jpeg = jpeg_of(noise(301, 403), true);
    ck_assert_int_eq(probe_image(&p, &fault, buf_bytes(jpeg), buf_len(jpeg)), OK);
    ck_assert_uint_eq(p.width, 301);
    ck_assert_uint_eq(p.height, 403);
    ck_assert_uint_eq(p.components, 3);
    ck_assert(p.progressive && p.buffered);
    ck_assert_uint_gt(p.scans, 5);
}
END_TEST

/* As a telephone writes it: an index (CIPA DC-007) and a note on brightness, then the gain map behind. */
START_TEST(of_several_pictures_in_a_jpeg_the_first_counts)
{
    static const unsigned char notes[] = "\xff\xe2\0\x0eMPF\0MM\0\x2a\0\0\0\x08"
                                         "\xff\xe1\0\x30http://ns.adobe.com/xap/1.0/\0hdrgm:Version=1.0";
    CLEANUP(buf) struct buf *base = NULL;
    CLEANUP(buf) struct buf *gain_map = NULL;
    CLEANUP(buf) struct buf *jpeg = NULL;
    CLEANUP(image_result) struct image_result r = {0};

    begin();
    base = photo(400, 500);
    gain_map = jpeg_of(noise(300, 300), false);
    ck_assert_int_eq(buf_new(&jpeg, 1 << 24), OK);
    ck_assert_int_eq(buf_append(jpeg, buf_bytes(base), 2), OK);
    ck_assert_int_eq(buf_append(jpeg, notes, sizeof notes - 1), OK);
    ck_assert_int_eq(buf_append(jpeg, buf_bytes(base) + 2, buf_len(base) - 2), OK);
    ck_assert_int_eq(buf_append(jpeg, buf_bytes(gain_map), buf_len(gain_map)), OK);
    r = normalise(jpeg);
    expect_size(&r.renditions[0], 400, 500);
    expect_quarters(&r.renditions[0], (const struct colour[]){RED, GREEN, BLUE, WHITE});
    expect_bare(r.renditions[0].jpeg);
}
END_TEST

START_TEST(of_several_pages_of_a_tiff_the_first_counts)
{
    VipsImage *pages[2], *tall;
    CLEANUP(buf) struct buf *file = NULL;
    CLEANUP(image_result) struct image_result r = {0};

    begin();
    pages[0] = quarters(400, 500, (const struct colour[]){RED, GREEN, BLUE, WHITE});
    pages[1] = flat(400, 500, 3, (const unsigned char[]){1, 2, 3});
    ck_assert_int_eq(vips_arrayjoin(pages, &tall, 2, "across", 1, NULL), 0);
    vips_image_set_int(tall, VIPS_META_PAGE_HEIGHT, 500);
    g_object_unref(pages[0]);
    g_object_unref(pages[1]);
    file = file_of(tall, ".tif");
    r = normalise(file);
    expect_size(&r.renditions[0], 400, 500);
    expect_quarters(&r.renditions[0], (const struct colour[]){RED, GREEN, BLUE, WHITE});
}
END_TEST

START_TEST(an_animated_webp_is_refused)
{
    VipsImage *image;
    CLEANUP(buf) struct buf *file = NULL;

    begin();
    image = quarters(400, 1000, (const struct colour[]){RED, GREEN, BLUE, WHITE});
    vips_image_set_int(image, VIPS_META_PAGE_HEIGHT, 500);
    file = file_of(image, ".webp");
    expect_fault(buf_bytes(file), buf_len(file), FAULT_UNSUPPORTED);
}
END_TEST

/* Whatever is missing at the end: nothing is made up for it. */
START_TEST(a_file_cut_short_is_unreadable_in_each_format)
{
    static const char *const suffixes[] = {".jpg",
                                           ".jpg[interlace]",
                                           ".png",
                                           ".png[interlace]",
                                           ".tif",
                                           ".tif[compression=lzw]",
                                           ".tif[compression=jpeg]",
                                           ".webp",
                                           ".webp[lossless]"};

    begin();
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++)
        for (size_t tenths = 1; tenths < 10; tenths++) {
            CLEANUP(buf) struct buf *file = file_of(noise(300, 400), suffixes[i]);

            expect_fault(buf_bytes(file), buf_len(file) * tenths / 10, FAULT_UNREADABLE);
        }
}
END_TEST

START_TEST(a_progressive_photo_comes_out_baseline)
{
    CLEANUP(buf) struct buf *jpeg = NULL;
    CLEANUP(image_result) struct image_result r = {0};

    begin();
    jpeg = jpeg_of(quarters(1300, 1600, (const struct colour[]){RED, GREEN, BLUE, WHITE}), true);
    r = normalise(jpeg);
    ck_assert_ptr_nonnull(find_marker(r.renditions[0].jpeg, 0xc0));
    expect_quarters(&r.renditions[0], (const struct colour[]){RED, GREEN, BLUE, WHITE});
}
END_TEST

static void count_loaders(GType type, unsigned *open, unsigned *blocked)
{
    guint count;
    GType *children = g_type_children(type, &count);

    for (guint i = 0; i < count; i++)
        count_loaders(children[i], open, blocked);
    g_free(children);
    if (!G_TYPE_IS_ABSTRACT(type)) {
        VipsOperationClass *class = g_type_class_ref(type);

        ++*(class->flags & VIPS_OPERATION_BLOCKED ? blocked : open);
        g_type_class_unref(class);
    }
}

START_TEST(no_loader_but_those_of_four_formats_is_left)
{
    VipsImage *image, *back = NULL;
    unsigned open = 0, blocked = 0;
    void *png = NULL;
    size_t len = 0;

    begin();
    image = flat(300, 300, 3, (const unsigned char[]){1, 2, 3});
    ck_assert_int_eq(vips_pngsave_buffer(image, &png, &len, NULL), 0);
    ck_assert_int_ne(vips_pngload_buffer(png, len, &back, NULL), 0); /* only the one from a source is */
    ck_assert_ptr_null(vips_image_new_from_buffer("GIF89a", 6, "", NULL));
    ck_assert_int_eq(vips_type_find("VipsForeignLoad", "magickload_buffer") == 0,
                     1); /* its module was not loaded */
    count_loaders(g_type_from_name("VipsForeignLoad"), &open, &blocked);
    printf("%u loaders blocked, %u left\n", blocked, open);
    ck_assert_uint_eq(open, 4);
    ck_assert_uint_gt(blocked, 20);
    g_free(png);
    g_object_unref(image);
}
END_TEST

/* One changed byte at each of some 100 places, in memory of its own length. */
static void expect_no_harm(const char *what, const struct buf *file, unsigned *good, unsigned *refused)
{
    static const struct image_shape one[] = {{120, 150, 20000}};
    size_t step = buf_len(file) / 100 + 1;

    for (size_t i = 0; i < buf_len(file); i += step) {
        unsigned char *copy = malloc(buf_len(file));
        struct image_result r;
        const char *fault;
        enum err e;

        memcpy(copy, buf_bytes(file), buf_len(file));
        copy[i] ^= (unsigned char)(1 + i % 255);
        e = image_normalise(&r, &fault, copy, buf_len(file), one, 1);
        ck_assert_msg(!e || e == ERR_MALFORMED, "%s, byte %zu: %s", what, i, err_name(e));
        ++*(e ? refused : good);
        if (!e)
            image_result_clear(&r);
        free(copy);
    }
}

START_TEST(no_single_changed_byte_does_harm)
{
    static const char *const suffixes[] = {".jpg",
                                           ".jpg[interlace]",
                                           ".png",
                                           ".png[interlace]",
                                           ".png[palette]",
                                           ".tif",
                                           ".tif[compression=lzw]",
                                           ".tif[compression=deflate,tile]",
                                           ".tif[compression=jpeg]",
                                           ".tif[compression=packbits]",
                                           ".webp",
                                           ".webp[lossless]"};
    unsigned good = 0, refused = 0;

    begin();
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        VipsImage *image = quarters(250, 260, (const struct colour[]){RED, GREEN, BLUE, WHITE});
        CLEANUP(buf) struct buf *file = NULL;

        vips_image_set_int(image, VIPS_META_ORIENTATION, 6);
        tag(image, "p3");
        file = file_of(image, suffixes[i]);
        expect_no_harm(suffixes[i], file, &good, &refused);
    }
    printf("%u changed files read, %u refused\n", good, refused);
    ck_assert_uint_gt(good, 200);
    ck_assert_uint_gt(refused, 200);
}
END_TEST

START_TEST(the_renditions_asked_for_are_bounded)
{
    struct image_result r;
    const char *fault;

    ck_assert_int_eq(image_normalise(&r, &fault, "", 0, shapes, 0), ERR_LIMIT);
    ck_assert_int_eq(image_normalise(&r, &fault, "", 0, shapes, IMAGE_SHAPES_MAX + 1), ERR_LIMIT);
}
END_TEST

SUITE("image", a_photo_gives_every_rendition_fitted_inside, nothing_is_cropped_or_padded,
      nothing_is_ever_enlarged, every_odd_size_is_fitted_to_the_pixel,
      all_eight_orientations_come_out_upright, an_orientation_with_a_resize_comes_out_upright,
      untagged_pixels_pass_unchanged, an_srgb_profile_is_known_by_its_numbers,
      an_embedded_profile_is_honoured, a_broken_profile_is_ignored,
      a_profile_of_another_colour_space_is_ignored, cmyk_becomes_srgb_with_or_without_the_marker_of_adobe,
      grey_becomes_srgb, no_metadata_survives, the_day_it_was_taken_is_read_when_plausible,
      noise_is_brought_under_its_budget, a_budget_that_cannot_be_met_is_over_budget,
      a_plain_photo_keeps_the_best_quality, what_is_none_of_four_formats_is_no_image,
      a_truncated_jpeg_is_unreadable, a_truncated_progressive_jpeg_is_unreadable,
      a_bomb_is_refused_from_its_header, a_hundred_scans_are_the_most,
      a_scan_for_each_component_counts_as_progressive, only_huffman_frames_of_eight_bits_are_read,
      a_second_frame_is_unreadable, the_probe_sees_what_the_decoder_sees,
      of_several_pictures_in_a_jpeg_the_first_counts, of_several_pages_of_a_tiff_the_first_counts,
      an_animated_webp_is_refused, a_file_cut_short_is_unreadable_in_each_format,
      a_progressive_photo_comes_out_baseline, no_loader_but_those_of_four_formats_is_left,
      no_single_changed_byte_does_harm, the_renditions_asked_for_are_bounded)
