/* photod-intake itself; the test is its parent and its vault. */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vips/vips.h>
#include <zip.h>
#include "ingest/probe.h"
#include "intake_rig.h"

static struct rig rig;

static void setup(void)
{
    ck_assert_int_eq(VIPS_INIT("test_intake"), 0);
    rig_start(&rig, "");
}

static void setup_bare(void)
{
    ck_assert_int_eq(VIPS_INIT("test_intake"), 0);
}

static void teardown(void)
{
    rig_clear(&rig);
}

static void expect_exit(int code)
{
    int status = rig_wait(&rig);

    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == code, "wait status %#x, expected exit %d",
                  status, code);
}

static const struct shape_image shapes = {.full_width = 1200,
                                          .full_height = 1500,
                                          .full_bytes = 397200,
                                          .standard_width = 480,
                                          .standard_height = 600,
                                          .standard_bytes = 98192,
                                          .mobile_width = 240,
                                          .mobile_height = 300,
                                          .mobile_bytes = 20000};

/* ---- Pictures ---- */

/* A file in the format of the suffix; the caller frees. */
static struct buf *picture_as(const char *suffix, uint32_t width, uint32_t height)
{
    size_t size = 3 * (size_t)width * height, len = 0;
    unsigned char *rgb = malloc(size);
    struct buf *jpeg = NULL;
    void *bytes = NULL;
    VipsImage *image, *deep;

    ck_assert_ptr_nonnull(rgb);
    for (size_t i = 0; i < size; i++)
        rgb[i] = (unsigned char)(i / 3 % width / 8 * 13 + i / 3 / width / 8 * 7 + i % 3 * 60);
    image = vips_image_new_from_memory(rgb, size, (int)width, (int)height, 3, VIPS_FORMAT_UCHAR);
    ck_assert_ptr_nonnull(image);
    if (strstr(suffix, "bitdepth=16")) { /* libvips' writer takes the caller's word for it */
        ck_assert_int_eq(vips_cast(image, &deep, VIPS_FORMAT_USHORT, "shift", TRUE, NULL), 0);
        g_object_unref(image);
        image = deep;
    }
    ck_assert_int_eq(vips_image_write_to_buffer(image, suffix, &bytes, &len, NULL), 0);
    ck_assert_int_eq(buf_new(&jpeg, len), OK);
    ck_assert_int_eq(buf_append(jpeg, bytes, len), OK);
    g_object_unref(image);
    g_free(bytes);
    free(rgb);
    return jpeg;
}

static struct buf *picture(uint32_t width, uint32_t height)
{
    return picture_as(".jpg[Q=85]", width, height);
}

static void ask_image(const void *bytes, size_t len)
{
    rig_ask(&rig, STATE_IMAGE, MSG_IMAGE, &shapes, rig_bulk(bytes, len));
}

static void expect_image_fault(const char *code)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;

    rig_hear(&rig, &m, MSG_IMAGE_FAULT);
    ck_assert_str_eq(m.is.fault.code, code);
    rig.vault.state = STATE_IDLE;
}

static void expect_good_picture(void)
{
    CLEANUP(buf) struct buf *jpeg = picture(600, 750);
    CLEANUP(message) struct message m = MESSAGE_NONE;

    ask_image(buf_bytes(jpeg), buf_len(jpeg));
    rig_hear(&rig, &m, MSG_IMAGE_DONE);
    rig.vault.state = STATE_IDLE;
}

START_TEST(it_says_ready_only_confined)
{
    ck_assert_int_eq(rig.ready.seccomp, 1);
}
END_TEST

START_TEST(good_picture_becomes_three_renditions)
{
    static const uint32_t sizes[3][3] = {{1200, 1500, 397200}, {480, 600, 98192}, {240, 300, 20000}};
    static const unsigned char nothing[sizeof(struct shape_image_done){0}.phash] = {0};
    CLEANUP(buf) struct buf *jpeg = picture(1600, 2000);
    CLEANUP(message) struct message m = MESSAGE_NONE;

    ask_image(buf_bytes(jpeg), buf_len(jpeg));
    rig_hear(&rig, &m, MSG_IMAGE_DONE);
    ck_assert_uint_eq(m.is.image_done.width, 1600);
    ck_assert_uint_eq(m.is.image_done.height, 2000);
    ck_assert(!date_is_set(m.is.image_done.exif_date));
    ck_assert_uint_eq(m.is.image_done.flat, 0);
    ck_assert(memcmp(m.is.image_done.phash, nothing, sizeof nothing) != 0);
    for (unsigned i = 0; i < 3; i++) {
        struct bulk b;
        struct probe probe;
        const char *fault = "";

        rig_map(&b, &m, i);
        ck_assert_uint_le(b.len, sizes[i][2]);
        ck_assert_msg(!probe_image(&probe, &fault, b.bytes, b.len), "rendition %u: %s", i, fault);
        ck_assert_uint_eq(probe.width, sizes[i][0]);
        ck_assert_uint_eq(probe.height, sizes[i][1]);
        bulk_unmap(&b);
    }
}
END_TEST

START_TEST(every_format_is_read_in_confinement)
{
    static const char *const suffixes[] = {".png",
                                           ".png[interlace,bitdepth=16]",
                                           ".tif",
                                           ".tif[compression=lzw,tile]",
                                           ".tif[compression=deflate]",
                                           ".tif[compression=jpeg]",
                                           ".tif[compression=packbits]",
                                           ".webp",
                                           ".webp[lossless]",
                                           ".jpg[interlace]"};

    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        CLEANUP(buf) struct buf *file = picture_as(suffixes[i], 900, 1100);
        CLEANUP(message) struct message m = MESSAGE_NONE;

        ask_image(buf_bytes(file), buf_len(file));
        rig_hear(&rig, &m, MSG_IMAGE_DONE);
        ck_assert_uint_eq(m.is.image_done.width, 900);
        ck_assert_uint_eq(m.is.image_done.height, 1100);
        rig.vault.state = STATE_IDLE;
    }
}
END_TEST

START_TEST(damaged_picture_is_a_fault_and_the_next_one_is_done)
{
    CLEANUP(buf) struct buf *jpeg = picture(600, 750);

    ask_image(buf_bytes(jpeg), buf_len(jpeg) / 2);
    expect_image_fault("unreadable");
    expect_good_picture();
}
END_TEST

START_TEST(what_is_no_picture_is_a_fault)
{
    ask_image("GIF89a, or so it says", 21);
    expect_image_fault("not-an-image");
    ask_image("", 0);
    expect_image_fault("not-an-image");
}
END_TEST

START_TEST(picture_that_claims_64250_pixels_a_side_is_refused)
{
    CLEANUP(buf) struct buf *jpeg = picture(600, 750);
    unsigned char *bytes = malloc(buf_len(jpeg));
    size_t at = 0;

    memcpy(bytes, buf_bytes(jpeg), buf_len(jpeg));
    while (at + 9 < buf_len(jpeg) && (bytes[at] != 0xff || bytes[at + 1] != 0xc0))
        at++;
    ck_assert_uint_lt(at + 9, buf_len(jpeg));
    bytes[at + 5] = bytes[at + 7] = 64250 >> 8;
    bytes[at + 6] = bytes[at + 8] = 64250 & 0xff;
    ask_image(bytes, buf_len(jpeg));
    expect_image_fault("too-many-pixels");
    free(bytes);
}
END_TEST

START_TEST(picture_that_is_too_small_is_a_fault)
{
    CLEANUP(buf) struct buf *jpeg = picture(200, 300);

    ask_image(buf_bytes(jpeg), buf_len(jpeg));
    expect_image_fault("too-small");
}
END_TEST

START_TEST(two_hundred_pictures_go_through_one_worker)
{
    CLEANUP(buf) struct buf *jpeg = picture(600, 750);

    rig_start(&rig, "intake_jobs = 1000\n");
    for (int i = 0; i < 200; i++) {
        CLEANUP(message) struct message m = MESSAGE_NONE;

        ask_image(buf_bytes(jpeg), buf_len(jpeg));
        rig_hear(&rig, &m, MSG_IMAGE_DONE);
        rig.vault.state = STATE_IDLE;
    }
}
END_TEST

/* Stopped in the middle of its work for longer than it has: the clock goes on. */
START_TEST(picture_that_takes_too_long_ends_the_worker_by_its_alarm)
{
    CLEANUP(buf) struct buf *jpeg = picture(7000, 7000);
    struct pollfd p = {.events = POLLIN};
    int status;

    ask_image(buf_bytes(jpeg), buf_len(jpeg));
    (void)usleep(60000);
    ck_assert_int_eq(kill(rig.pid, SIGSTOP), 0);
    (void)usleep(5500000);
    ck_assert_int_eq(kill(rig.pid, SIGCONT), 0);
    status = rig_wait(&rig);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM, "wait status %#x", status);
    p.fd = rig.vault.fd;
    ck_assert_int_eq(poll(&p, 1, 0), 1); /* the vault sees its channel closed */
}
END_TEST

/* ---- ZIP ---- */

#define CHUNK 4096u

struct archive_file {
    const char *name, *content; /* content NULL: `noise` */
};

static unsigned char noise[40000];

/* The bytes of a stored ZIP; the caller frees. */
static unsigned char *make_zip(size_t *len, const struct archive_file *files, unsigned count)
{
    char path[] = "/tmp/photod-test-zip-XXXXXX";
    int fd = mkstemp(path), error;
    struct zip *zip;
    unsigned char *bytes;
    off_t size;

    ck_assert_int_ge(fd, 0);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (unsigned char)(i * 2654435761u >> 11);
    zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &error);
    ck_assert_ptr_nonnull(zip);
    for (unsigned i = 0; i < count; i++) {
        const void *content = files[i].content ? (const void *)files[i].content : noise;
        zip_source_t *source =
            zip_source_buffer(zip, content, files[i].content ? strlen(files[i].content) : sizeof noise, 0);
        zip_int64_t index = zip_file_add(zip, files[i].name, source, 0);

        ck_assert_int_ge(index, 0);
        ck_assert_int_eq(zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0), 0);
    }
    ck_assert_int_eq(zip_close(zip), 0);
    (void)close(fd);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    size = lseek(fd, 0, SEEK_END);
    bytes = malloc((size_t)size);
    ck_assert_int_eq(pread(fd, bytes, (size_t)size, 0), size);
    (void)close(fd);
    (void)unlink(path);
    *len = (size_t)size;
    return bytes;
}

static void open_zip(size_t len)
{
    const struct shape_zip_open open = {.bytes = len, .chunk_bytes = CHUNK};

    rig_ask(&rig, STATE_ZIP, MSG_ZIP_OPEN, &open, -1);
}

static void give_chunk(const unsigned char *zip, size_t len, uint32_t number)
{
    const struct shape_chunk chunk = {.number = number};
    size_t at = (size_t)number * CHUNK;

    ck_assert_uint_lt(at, len);
    rig_ask(&rig, STATE_ZIP, MSG_CHUNK, &chunk, rig_bulk(zip + at, len - at < CHUNK ? len - at : CHUNK));
}

/* Serves chunks until something else comes, which must be of that type; how many it served. */
static unsigned serve_chunks(struct message *out, enum msg type, const unsigned char *zip, size_t len)
{
    struct pollfd p = {.fd = rig.vault.fd, .events = POLLIN};

    for (unsigned served = 0;; served++) {
        ck_assert_int_eq(poll(&p, 1, 30000), 1);
        ck_assert_int_eq(channel_recv(&rig.vault, out, true), OK);
        if (out->type != MSG_CHUNK_WANT) {
            ck_assert_msg(out->type == type, "%s, expected %s", message_name(out->type), message_name(type));
            return served;
        }
        give_chunk(zip, len, out->is.chunk.number);
    }
}

static void take_entry(struct take *t, struct shape_zip_entry *e, uint32_t index, const char *name,
                       const char *fault)
{
    take_zip_entry(t, e);
    ck_assert_uint_eq(e->index, index);
    ck_assert_str_eq(e->name, name);
    ck_assert_str_eq(e->fault, fault);
}

START_TEST(zip_is_listed_and_its_entries_read_chunk_by_chunk)
{
    static const struct archive_file files[] = {
        {"012345678.jpg", NULL}, {"../escape.jpg", "x"}, {"__MACOSX/._a", "x"}, {"112345678.jpg", "small"}};
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_zip_index index = {.index = 0};
    struct shape_zip_entry entry;
    struct bulk b;
    struct take t;
    size_t len;
    unsigned char *zip = make_zip(&len, files, 4);

    open_zip(len);
    (void)serve_chunks(&m, MSG_ZIP_LISTED, zip, len);
    ck_assert_uint_eq(m.is.zip_listed.count, 4);
    rig_map(&b, &m, 0);
    t = TAKE_BYTES(b.bytes, b.len);
    take_entry(&t, &entry, 0, "012345678.jpg", "");
    ck_assert_uint_eq(entry.bytes, sizeof noise);
    take_entry(&t, &entry, 1, "../escape.jpg", "entry-name-unsafe");
    take_entry(&t, &entry, 2, "__MACOSX/._a", "skipped");
    take_entry(&t, &entry, 3, "112345678.jpg", "");
    ck_assert_int_eq(take_end(&t), OK);
    bulk_unmap(&b);

    rig_ask(&rig, STATE_ZIP, MSG_ZIP_READ, &index, -1);
    ck_assert_uint_ge(serve_chunks(&m, MSG_ZIP_BYTES, zip, len), sizeof noise / CHUNK - 4);
    rig_map(&b, &m, 0);
    ck_assert_uint_eq(b.len, sizeof noise);
    ck_assert_mem_eq(b.bytes, noise, sizeof noise);
    bulk_unmap(&b);

    index.index = 1;
    rig_ask(&rig, STATE_ZIP, MSG_ZIP_READ, &index, -1);
    (void)serve_chunks(&m, MSG_ZIP_FAULT, zip, len);
    ck_assert_uint_eq(m.is.zip_fault.index, 1);
    ck_assert_str_eq(m.is.zip_fault.code, "entry-name-unsafe");

    index.index = 3;
    rig_ask(&rig, STATE_ZIP, MSG_ZIP_READ, &index, -1);
    (void)serve_chunks(&m, MSG_ZIP_BYTES, zip, len);
    rig_map(&b, &m, 0);
    ck_assert_uint_eq(b.len, 5);
    ck_assert_mem_eq(b.bytes, "small", 5);
    bulk_unmap(&b);

    rig_ask(&rig, STATE_IDLE, MSG_ZIP_CLOSE, NULL, -1);
    expect_good_picture();
    free(zip);
}
END_TEST

START_TEST(chunk_that_is_still_kept_is_not_asked_for_again)
{
    static const struct archive_file files[] = {{"a.jpg", "one"}, {"b.jpg", "two"}};
    CLEANUP(message) struct message m = MESSAGE_NONE;
    size_t len;
    unsigned char *zip = make_zip(&len, files, 2);

    ck_assert_uint_le(len, CHUNK);
    open_zip(len);
    ck_assert_uint_eq(serve_chunks(&m, MSG_ZIP_LISTED, zip, len), 1);
    for (uint32_t i = 0; i < 2; i++) {
        const struct shape_zip_index index = {.index = i};

        rig_ask(&rig, STATE_ZIP, MSG_ZIP_READ, &index, -1);
        ck_assert_uint_eq(serve_chunks(&m, MSG_ZIP_BYTES, zip, len), 0);
    }
    free(zip);
}
END_TEST

START_TEST(entry_whose_bytes_are_damaged_is_a_fault_and_the_next_is_read)
{
    static const struct archive_file files[] = {{"a.jpg", "one-two-three"}, {"b.jpg", "four"}};
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct shape_zip_index index = {.index = 0};
    unsigned char *at, *zip;
    size_t len;

    zip = make_zip(&len, files, 2);
    at = memmem(zip, len, "one-two-three", 13);
    ck_assert_ptr_nonnull(at);
    at[4] ^= 1;
    open_zip(len);
    (void)serve_chunks(&m, MSG_ZIP_LISTED, zip, len);
    rig_ask(&rig, STATE_ZIP, MSG_ZIP_READ, &index, -1);
    (void)serve_chunks(&m, MSG_ZIP_FAULT, zip, len);
    ck_assert_str_eq(m.is.zip_fault.code, "entry-damaged");
    index.index = 1;
    rig_ask(&rig, STATE_ZIP, MSG_ZIP_READ, &index, -1);
    (void)serve_chunks(&m, MSG_ZIP_BYTES, zip, len);
    free(zip);
}
END_TEST

START_TEST(file_that_is_no_zip_is_refused_and_the_worker_is_free_again)
{
    static const unsigned char text[10000] = "This is no archive.";
    CLEANUP(message) struct message m = MESSAGE_NONE;

    open_zip(sizeof text);
    (void)serve_chunks(&m, MSG_ZIP_REFUSED, text, sizeof text);
    ck_assert_str_eq(m.is.fault.code, "not-a-zip");
    rig.vault.state = STATE_IDLE;
    open_zip(0);
    (void)serve_chunks(&m, MSG_ZIP_REFUSED, text, sizeof text);
    rig.vault.state = STATE_IDLE;
    expect_good_picture();
}
END_TEST

START_TEST(vault_may_be_slow_with_a_chunk)
{
    static const struct archive_file files[] = {{"a.jpg", NULL}};
    CLEANUP(message) struct message m = MESSAGE_NONE;
    const struct shape_zip_index index = {.index = 0};
    size_t len;
    unsigned char *zip = make_zip(&len, files, 1);

    open_zip(len);
    (void)serve_chunks(&m, MSG_ZIP_LISTED, zip, len);
    rig_ask(&rig, STATE_ZIP, MSG_ZIP_READ, &index, -1);
    (void)usleep(5500000); /* longer than an entry has */
    (void)serve_chunks(&m, MSG_ZIP_BYTES, zip, len);
    free(zip);
}
END_TEST

START_TEST(chunk_of_the_wrong_length_ends_the_worker)
{
    static const unsigned char zeros[2 * CHUNK];
    CLEANUP(message) struct message m = MESSAGE_NONE;

    open_zip(sizeof zeros);
    rig_hear(&rig, &m, MSG_CHUNK_WANT);
    rig_ask(&rig, STATE_ZIP, MSG_CHUNK, &m.is.chunk, rig_bulk(zeros, CHUNK - 1));
    expect_exit(1);
}
END_TEST

START_TEST(another_chunk_than_was_asked_for_ends_the_worker)
{
    static const unsigned char zeros[2 * CHUNK];
    CLEANUP(message) struct message m = MESSAGE_NONE;

    open_zip(sizeof zeros);
    rig_hear(&rig, &m, MSG_CHUNK_WANT);
    give_chunk(zeros, sizeof zeros, 1 - m.is.chunk.number);
    expect_exit(1);
}
END_TEST

START_TEST(entry_that_is_not_listed_ends_the_worker)
{
    static const struct archive_file files[] = {{"a.jpg", "one"}};
    CLEANUP(message) struct message m = MESSAGE_NONE;
    const struct shape_zip_index index = {.index = 1};
    size_t len;
    unsigned char *zip = make_zip(&len, files, 1);

    open_zip(len);
    (void)serve_chunks(&m, MSG_ZIP_LISTED, zip, len);
    rig_ask(&rig, STATE_ZIP, MSG_ZIP_READ, &index, -1);
    expect_exit(1);
    free(zip);
}
END_TEST

/* ---- Rosters ---- */

#define COLUMNS                                                                                              \
    "SD district stateid localid last first middle gender born school grade homeroom optin optin_date"
#define HEADER "HD\t10/01/2026\t10:00:00\t14.1\n"
#define MAYA   "SD\t0123\t012345678\t77\tMartinez\tMaya\tJ\tF\t04/05/2014\t0456\t06\tB12\tIN\t09/01/2026\n"

static void ask_roster(const char *text)
{
    static const struct shape_roster_parse parse = {
        .media = "text/tab-separated-values", .columns = COLUMNS, .district = "0123"};

    rig_ask(&rig, STATE_ROSTER, MSG_ROSTER_PARSE, &parse, rig_bulk(text, strlen(text)));
}

/* The only row of a roster. */
static void one_row(struct shape_roster_row *row, const char *text)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;
    struct bulk b;
    struct take t;

    ask_roster(text);
    rig_hear(&rig, &m, MSG_ROSTER_PARSED);
    rig.vault.state = STATE_IDLE;
    rig_map(&b, &m, 0);
    t = TAKE_BYTES(b.bytes, b.len);
    take_roster_row(&t, row);
    ck_assert_int_eq(take_end(&t), OK);
    bulk_unmap(&b);
}

START_TEST(roster_becomes_rows)
{
    struct shape_roster_row row;

    one_row(&row, HEADER MAYA);
    ck_assert_uint_eq(row.line, 2);
    ck_assert_str_eq(row.fault, "");
    ck_assert_str_eq(row.district, "0123");
    ck_assert_str_eq(row.state_id, "012345678");
    ck_assert_str_eq(row.last, "Martinez");
    ck_assert_str_eq(row.first, "Maya");
    ck_assert_int_eq(date_compare(row.born, (struct date){2014, 4, 5}), 0);
    ck_assert_int_eq(row.opt_in, 1);
    ck_assert_int_eq(date_compare(row.opt_in_on, (struct date){2026, 9, 1}), 0);
    expect_good_picture();
}
END_TEST

START_TEST(faulty_line_of_a_roster_is_a_row_with_a_code)
{
    struct shape_roster_row row;

    one_row(&row, HEADER "SD\t0123\t1.23E+08\t77\tMartinez\tMaya\tJ\tF\t04/05/2014\t0456\t06\tB12\tIN\t\n");
    ck_assert_str_eq(row.fault, "state-id-scientific");
    ck_assert_uint_eq(row.line, 2);
}
END_TEST

START_TEST(field_that_the_vault_cannot_keep_is_a_row_with_a_code)
{
    char text[400];
    char homeroom[102];
    struct shape_roster_row row;

    memset(homeroom, 'x', sizeof homeroom - 1);
    homeroom[sizeof homeroom - 1] = '\0';
    (void)snprintf(text, sizeof text,
                   HEADER "SD\t0123\t012345678\t77\tMartinez\tMaya\tJ\tF\t04/05/2014\t0456\t06\t%s\tIN\t\n",
                   homeroom);
    one_row(&row, text);
    ck_assert_str_eq(row.fault, "field-too-long");
    ck_assert_str_eq(row.state_id, "012345678");
}
END_TEST

START_TEST(file_that_is_no_roster_is_one_sentence)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;

    ask_roster("Dear OPI, please find attached\n");
    rig_hear(&rig, &m, MSG_ROSTER_FAULT);
    ck_assert_msg(strchr(m.is.fault.code, ' ') && strchr(m.is.fault.code, '.'), "%s", m.is.fault.code);
    rig.vault.state = STATE_IDLE;
    expect_good_picture();
}
END_TEST

/* ---- Leaving ---- */

START_TEST(it_leaves_with_0_after_its_share_of_jobs)
{
    rig_start(&rig, "intake_jobs = 2\n");
    expect_good_picture();
    expect_good_picture();
    expect_exit(0);
}
END_TEST

START_TEST(job_that_was_on_its_way_is_done_before_it_leaves)
{
    CLEANUP(buf) struct buf *jpeg = picture(600, 750);
    CLEANUP(message) struct message m = MESSAGE_NONE;

    rig_start(&rig, "intake_jobs = 1\n");
    ck_assert_int_eq(kill(rig.pid, SIGSTOP), 0);
    ask_image(buf_bytes(jpeg), buf_len(jpeg));
    ask_image(buf_bytes(jpeg), buf_len(jpeg));
    ck_assert_int_eq(kill(rig.pid, SIGCONT), 0);
    rig_hear(&rig, &m, MSG_IMAGE_DONE);
    rig_hear(&rig, &m, MSG_IMAGE_DONE);
    expect_exit(0);
}
END_TEST

START_TEST(it_leaves_with_0_when_the_vault_goes)
{
    channel_close(&rig.vault);
    expect_exit(0);
}
END_TEST

START_TEST(it_leaves_with_0_when_the_parent_goes)
{
    channel_close(&rig.control);
    expect_exit(0);
}
END_TEST

START_TEST(it_leaves_with_0_when_told_to_in_the_middle_of_an_archive)
{
    CLEANUP(message) struct message m = MESSAGE_NONE;

    open_zip(2 * CHUNK);
    rig_hear(&rig, &m, MSG_CHUNK_WANT);
    ck_assert_int_eq(channel_send(&rig.control, MSG_STOP, 0, NULL, NULL, 0, true), OK);
    expect_exit(0);
}
END_TEST

START_TEST(bytes_that_are_no_message_end_it)
{
    ck_assert_int_eq(send(rig.vault.fd, "rubbish", 7, MSG_NOSIGNAL), 7);
    expect_exit(1);
}
END_TEST

START_TEST(message_out_of_turn_ends_it)
{
    const struct shape_zip_index index = {.index = 0};

    rig_ask(&rig, STATE_IDLE, MSG_ZIP_READ, &index, -1);
    expect_exit(1);
}
END_TEST

START_TEST(picture_in_an_unsealed_memfd_ends_it)
{
    int fd = memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    ck_assert_int_eq(ftruncate(fd, 4096), 0);
    rig_ask(&rig, STATE_IMAGE, MSG_IMAGE, &shapes, fd);
    expect_exit(1);
}
END_TEST

START_TEST(renditions_of_no_size_end_it)
{
    struct shape_image none = shapes;

    none.mobile_width = 0;
    rig_ask(&rig, STATE_IMAGE, MSG_IMAGE, &none, rig_bulk("x", 1));
    expect_exit(1);
}
END_TEST

START_TEST(columns_that_lack_a_name_are_found_at_the_start)
{
    rig_spawn(&rig, "roster_columns = SD stateid last first\n");
    expect_exit(2);
}
END_TEST

START_TEST(it_does_not_begin_without_a_vault)
{
    rig_spawn(&rig, "");
    ck_assert_int_eq(channel_send(&rig.control, MSG_GO, 0, NULL, NULL, 0, true), OK);
    expect_exit(1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("intake");
    TCase *c = tcase_create("photod-intake"), *bare = tcase_create("its start");
    SRunner *runner;
    int failed;

    tcase_set_timeout(c, 60);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, it_says_ready_only_confined);
    tcase_add_test(c, good_picture_becomes_three_renditions);
    tcase_add_test(c, every_format_is_read_in_confinement);
    tcase_add_test(c, damaged_picture_is_a_fault_and_the_next_one_is_done);
    tcase_add_test(c, what_is_no_picture_is_a_fault);
    tcase_add_test(c, picture_that_claims_64250_pixels_a_side_is_refused);
    tcase_add_test(c, picture_that_is_too_small_is_a_fault);
    tcase_add_test(c, picture_that_takes_too_long_ends_the_worker_by_its_alarm);
    tcase_add_test(c, zip_is_listed_and_its_entries_read_chunk_by_chunk);
    tcase_add_test(c, chunk_that_is_still_kept_is_not_asked_for_again);
    tcase_add_test(c, entry_whose_bytes_are_damaged_is_a_fault_and_the_next_is_read);
    tcase_add_test(c, file_that_is_no_zip_is_refused_and_the_worker_is_free_again);
    tcase_add_test(c, vault_may_be_slow_with_a_chunk);
    tcase_add_test(c, chunk_of_the_wrong_length_ends_the_worker);
    tcase_add_test(c, another_chunk_than_was_asked_for_ends_the_worker);
    tcase_add_test(c, entry_that_is_not_listed_ends_the_worker);
    tcase_add_test(c, roster_becomes_rows);
    tcase_add_test(c, faulty_line_of_a_roster_is_a_row_with_a_code);
    tcase_add_test(c, field_that_the_vault_cannot_keep_is_a_row_with_a_code);
    tcase_add_test(c, file_that_is_no_roster_is_one_sentence);
    tcase_add_test(c, it_leaves_with_0_when_the_vault_goes);
    tcase_add_test(c, it_leaves_with_0_when_the_parent_goes);
    tcase_add_test(c, it_leaves_with_0_when_told_to_in_the_middle_of_an_archive);
    tcase_add_test(c, bytes_that_are_no_message_end_it);
    tcase_add_test(c, message_out_of_turn_ends_it);
    tcase_add_test(c, picture_in_an_unsealed_memfd_ends_it);
    tcase_add_test(c, renditions_of_no_size_end_it);
    suite_add_tcase(suite, c);
    tcase_set_timeout(bare, 60);
    tcase_add_checked_fixture(bare, setup_bare, teardown);
    tcase_add_test(bare, two_hundred_pictures_go_through_one_worker);
    tcase_add_test(bare, it_leaves_with_0_after_its_share_of_jobs);
    tcase_add_test(bare, job_that_was_on_its_way_is_done_before_it_leaves);
    tcase_add_test(bare, columns_that_lack_a_name_are_found_at_the_start);
    tcase_add_test(bare, it_does_not_begin_without_a_vault);
    suite_add_tcase(suite, bare);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
