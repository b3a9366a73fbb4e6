#include <stdbool.h>
#include <string.h>
#include <zip.h>
#include "ingest/archive.h"
#include "photod/base/buf.h"
#include "tests/unit/suite.h"

/* ---- archives written by hand: every field may lie ---- */

struct file {
    const char *name;
    size_t name_len; /* 0: strlen(name) */
    const char *data;
    size_t data_len;   /* 0: strlen(data) */
    const char *plain; /* what the checksum is of; NULL: data */
    unsigned flags, method, system;
    uint32_t attributes;
    uint64_t size;          /* claimed; 0: that of plain */
    const char *local_name; /* NULL: the same */
    bool is_at_first;       /* the directory points to the first file's header */
    bool has_wrong_crc;
};

static uint32_t crc32_of(const char *data, size_t len)
{
    uint32_t crc = ~0u;

    for (size_t i = 0; i < len; i++) {
        crc ^= (unsigned char)data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static void put(struct buf *b, uint64_t value, unsigned bytes)
{
    for (; bytes; bytes--, value >>= 8)
        ck_assert_int_eq(buf_append(b, &(unsigned char){(unsigned char)value}, 1), OK);
}

static void put_text(struct buf *b, const char *text, size_t len)
{
    ck_assert_int_eq(buf_append(b, text, len), OK);
}

static size_t data_len(const struct file *f)
{
    return f->data_len ? f->data_len : strlen(f->data);
}

static size_t name_len(const struct file *f)
{
    return f->name_len ? f->name_len : strlen(f->name);
}

static void put_common(struct buf *b, const struct file *f, size_t len_of_name)
{
    const char *plain = f->plain ? f->plain : f->data;

    put(b, 20, 2);
    put(b, f->flags, 2);
    put(b, f->method, 2);
    put(b, 0, 4);
    put(b, crc32_of(plain, strlen(plain)) ^ (f->has_wrong_crc ? 1u : 0u), 4);
    put(b, data_len(f), 4);
    put(b, f->size ? f->size : strlen(plain), 4);
    put(b, len_of_name, 2);
}

static void put_local(struct buf *b, const struct file *f)
{
    const char *name = f->local_name ? f->local_name : f->name;
    size_t len = f->local_name ? strlen(f->local_name) : name_len(f);

    put(b, 0x04034b50, 4);
    put_common(b, f, len);
    put(b, 0, 2);
    put_text(b, name, len);
    put_text(b, f->data, data_len(f));
}

static void put_central(struct buf *b, const struct file *f, uint64_t offset)
{
    put(b, 0x02014b50, 4);
    put(b, f->system << 8 | 20, 2);
    put_common(b, f, name_len(f));
    put(b, 0, 2 + 2 + 2 + 2);
    put(b, f->attributes, 4);
    put(b, offset, 4);
    put_text(b, f->name, name_len(f));
}

struct bytes {
    const unsigned char *at;
    size_t len;
    unsigned reads_left; /* then ERR_IO; 0: never */
};

static struct buf *write_zip(const struct file *files, size_t count)
{
    struct buf *b;
    size_t offsets[8], directory;

    ck_assert_int_eq(buf_new(&b, 1 << 26), OK);
    for (size_t i = 0; i < count; i++) {
        offsets[i] = files[i].is_at_first ? 0 : buf_len(b);
        put_local(b, &files[i]);
    }
    directory = buf_len(b);
    for (size_t i = 0; i < count; i++)
        put_central(b, &files[i], offsets[i]);
    put(b, 0x06054b50, 4);
    put(b, 0, 4);
    put(b, count, 2);
    put(b, count, 2);
    put(b, buf_len(b) - 12 - directory, 4);
    put(b, directory, 4);
    put(b, 0, 2);
    return b;
}

static enum err read_bytes(void *context, uint64_t offset, void *to, size_t len)
{
    struct bytes *b = context;

    ck_assert_uint_le(offset, b->len);
    ck_assert_uint_le(len, b->len - offset);
    if (b->reads_left && --b->reads_left == 0)
        return ERR_IO;
    memcpy(to, b->at + offset, len);
    return OK;
}

static enum err open_bytes(struct archive **out, const char **fault, struct bytes *b)
{
    return archive_open(out, fault, (struct archive_source){read_bytes, b, b->len});
}

static struct archive *open_good(struct bytes *b)
{
    struct archive *a = NULL;
    const char *fault = "";
    enum err e = open_bytes(&a, &fault, b);

    ck_assert_msg(e == OK, "%s: %s", err_name(e), fault);
    return a;
}

static void expect_refused(const void *bytes, size_t len, const char *code)
{
    struct bytes b = {bytes, len, 0};
    struct archive *a = NULL;
    const char *fault = "none";

    ck_assert_int_eq(open_bytes(&a, &fault, &b), ERR_MALFORMED);
    ck_assert_str_eq(fault, code);
    ck_assert_ptr_null(a);
}

/* What the only entry of an archive is said to be. */
static struct archive_entry describe_one(struct file f)
{
    CLEANUP(buf) struct buf *zip = write_zip(&f, 1);
    struct bytes b = {buf_bytes(zip), buf_len(zip), 0};
    CLEANUP(archive) struct archive *a = open_good(&b);
    struct archive_entry entry;

    ck_assert_uint_eq(archive_count(a), 1);
    archive_describe(&entry, a, 0);
    return entry;
}

static void expect_fault(struct file f, const char *code)
{
    struct archive_entry entry = describe_one(f);

    ck_assert_msg(entry.fault != NULL, "%s was accepted", f.name);
    ck_assert_msg(strcmp(entry.fault, code) == 0, "%s: %s, not %s", f.name, entry.fault, code);
}

/* What unpacking the only entry answers. */
static void expect_damage(struct file f, const char *code)
{
    CLEANUP(buf) struct buf *zip = write_zip(&f, 1);
    struct bytes b = {buf_bytes(zip), buf_len(zip), 0};
    CLEANUP(archive) struct archive *a = open_good(&b);
    struct archive_entry entry;
    char to[1000];
    const char *fault = "none";

    archive_describe(&entry, a, 0);
    ck_assert_ptr_null(entry.fault);
    ck_assert_uint_le(entry.size, sizeof to);
    ck_assert_int_eq(archive_extract(a, &fault, 0, to, (size_t)entry.size), ERR_MALFORMED);
    ck_assert_str_eq(fault, code);
}

/* ---- archives written by libzip ---- */

struct member {
    const char *name;
    const void *data;
    size_t len;
    int method;
};

static struct buf *write_with_libzip(const struct member *members, size_t count)
{
    zip_source_t *memory = zip_source_buffer_create(NULL, 0, 0, NULL);
    zip_t *zip = zip_open_from_source(memory, ZIP_TRUNCATE, NULL);
    struct buf *b;
    unsigned char chunk[4096];
    zip_int64_t n;

    ck_assert_ptr_nonnull(zip);
    zip_source_keep(memory);
    for (size_t i = 0; i < count; i++) {
        zip_source_t *data = zip_source_buffer(zip, members[i].data, members[i].len, 0);
        zip_int64_t index = zip_file_add(zip, members[i].name, data, ZIP_FL_ENC_UTF_8);

        ck_assert_int_ge(index, 0);
        ck_assert_int_eq(zip_set_file_compression(zip, (zip_uint64_t)index, members[i].method, 0), 0);
    }
    ck_assert_int_eq(zip_close(zip), 0);
    ck_assert_int_eq(buf_new(&b, 1 << 26), OK);
    ck_assert_int_eq(zip_source_open(memory), 0);
    while ((n = zip_source_read(memory, chunk, sizeof chunk)) > 0)
        ck_assert_int_eq(buf_append(b, chunk, (size_t)n), OK);
    zip_source_close(memory);
    zip_source_free(memory);
    return b;
}

START_TEST(what_went_in_comes_out)
{
    static const char text[] = "not much of a picture, not much of a picture, not much of a picture";
    const struct member members[] = {{"a/012345678.jpg", text, sizeof text, ZIP_CM_DEFLATE},
                                     {"Pe\xc3\xb1"
                                      "a.jpg",
                                      text, 3, ZIP_CM_STORE},
                                     {"empty.jpg", text, 0, ZIP_CM_STORE}};
    CLEANUP(buf) struct buf *zip = write_with_libzip(members, 3);
    struct bytes b = {buf_bytes(zip), buf_len(zip), 0};
    CLEANUP(archive) struct archive *a = open_good(&b);
    struct archive_entry entry;
    char to[sizeof text];
    const char *fault;

    ck_assert_uint_eq(archive_count(a), 3);
    for (size_t i = 0; i < 3; i++) {
        archive_describe(&entry, a, i);
        ck_assert_ptr_null(entry.fault);
        ck_assert_str_eq(entry.name, members[i].name);
        ck_assert_uint_eq(entry.size, members[i].len);
        ck_assert_int_eq(archive_extract(a, &fault, i, to, members[i].len), OK);
        ck_assert_int_eq(memcmp(to, members[i].data, members[i].len), 0);
    }
    ck_assert_int_eq(archive_extract(a, &fault, 3, to, 0), ERR_NOTFOUND);
}
END_TEST

START_TEST(bytes_after_the_end_are_merely_odd)
{
    CLEANUP(buf) struct buf *zip = write_zip(&(struct file){.name = "1.jpg", .data = "x"}, 1);
    struct bytes b;

    put_text(zip, "padding of some transfer", 24);
    b = (struct bytes){buf_bytes(zip), buf_len(zip), 0};
    archive_close(open_good(&b));
}
END_TEST

START_TEST(an_archive_without_entries_is_an_archive)
{
    CLEANUP(buf) struct buf *zip = write_zip(NULL, 0);
    struct bytes b = {buf_bytes(zip), buf_len(zip), 0};
    CLEANUP(archive) struct archive *a = open_good(&b);

    ck_assert_uint_eq(archive_count(a), 0);
}
END_TEST

START_TEST(what_is_no_zip_is_said_to_be_none)
{
    CLEANUP(buf)
    struct buf *zip = write_zip(&(struct file){.name = "1.jpg", .data = "xxxxxxxxxxxxxxxxxxxx"}, 1);

    expect_refused("", 0, FAULT_NOT_A_ZIP);
    expect_refused("PK\3\4", 4, FAULT_NOT_A_ZIP);
    expect_refused("\xff\xd8\xff\xe0 some picture that is long enough", 35, FAULT_NOT_A_ZIP);
    for (size_t len = 0; len < buf_len(zip); len++)
        expect_refused(buf_bytes(zip), len, FAULT_NOT_A_ZIP);
}
END_TEST

START_TEST(a_directory_cut_at_the_front_is_inconsistent)
{
    CLEANUP(buf)
    struct buf *zip = write_zip(&(struct file){.name = "1.jpg", .data = "xxxxxxxxxxxxxxxxxxxx"}, 1);

    expect_refused(buf_bytes(zip) + 10, buf_len(zip) - 10, FAULT_ZIP_INCONSISTENT);
}
END_TEST

START_TEST(entries_that_share_packed_bytes_are_found)
{
    const struct file files[] = {{.name = "1.jpg", .data = "x"},
                                 {.name = "2.jpg", .data = "x"},
                                 {.name = "1.jpg", .data = "x", .is_at_first = true}};
    CLEANUP(buf) struct buf *zip = write_zip(files, 3);

    expect_refused(buf_bytes(zip), buf_len(zip), FAULT_ZIP_INCONSISTENT);
}
END_TEST

START_TEST(an_extra_field_that_reaches_into_the_next_entry_is_found)
{
    struct file files[] = {{.name = "1.jpg", .data = "x"}, {.name = "2.jpg", .data = "x"}};
    CLEANUP(buf) struct buf *zip = write_zip(files, 2);
    CLEANUP(buf) struct buf *copy = NULL;
    CLEANUP(archive) struct archive *a = NULL;
    struct bytes b;
    const char *fault = "none";
    unsigned char *bytes;

    ck_assert_int_eq(buf_new(&copy, 1 << 20), OK);
    ck_assert_int_eq(buf_extend(copy, buf_len(zip), &bytes), OK);
    memcpy(bytes, buf_bytes(zip), buf_len(zip));
    bytes[28] = 36; /* the first local header's extra length */
    b = (struct bytes){bytes, buf_len(zip), 0};
    a = open_good(&b);
    ck_assert_int_eq(archive_extract(a, &fault, 0, (char[1]){0}, 1), ERR_MALFORMED);
    ck_assert_str_eq(fault, FAULT_ZIP_INCONSISTENT);
}
END_TEST

START_TEST(a_directory_that_lies_about_its_count_is_inconsistent)
{
    const struct file files[] = {{.name = "1.jpg", .data = "x"}, {.name = "2.jpg", .data = "x"}};
    CLEANUP(buf) struct buf *zip = write_zip(files, 2);
    unsigned char copy[1000];

    memcpy(copy, buf_bytes(zip), buf_len(zip));
    copy[buf_len(zip) - 22 + 8] = copy[buf_len(zip) - 22 + 10] = 1;
    expect_refused(copy, buf_len(zip), FAULT_ZIP_INCONSISTENT);
}
END_TEST

START_TEST(a_local_header_of_another_name_is_inconsistent)
{
    expect_damage((struct file){.name = "1.jpg", .local_name = "2.jpg", .data = "x"}, FAULT_ZIP_INCONSISTENT);
}
END_TEST

START_TEST(more_than_twenty_thousand_entries_are_too_many)
{
    CLEANUP(buf) struct buf *zip = NULL;
    const struct file f = {.name = "1", .data = ""};
    size_t directory;

    ck_assert_int_eq(buf_new(&zip, 1 << 26), OK);
    for (unsigned i = 0; i <= ARCHIVE_ENTRIES_MAX; i++)
        put_local(zip, &f);
    directory = buf_len(zip);
    for (unsigned i = 0; i <= ARCHIVE_ENTRIES_MAX; i++)
        put_central(zip, &f, i * 31);
    put(zip, 0x06054b50, 4);
    put(zip, 0, 4);
    put(zip, ARCHIVE_ENTRIES_MAX + 1, 2);
    put(zip, ARCHIVE_ENTRIES_MAX + 1, 2);
    put(zip, buf_len(zip) - 12 - directory, 4);
    put(zip, directory, 4);
    put(zip, 0, 2);
    expect_refused(buf_bytes(zip), buf_len(zip), FAULT_ZIP_TOO_MANY);
}
END_TEST

/* ZIP64 as PowerSchool writes it: sizes and offset in the extra field, end record and locator. */
static void put_end64(struct buf *zip, size_t directory, uint64_t count)
{
    size_t end = buf_len(zip);

    put(zip, 0x06064b50, 4);
    put(zip, 44, 8);
    put(zip, 45 | 45 << 16, 4);
    put(zip, 0, 8);
    put(zip, count, 8);
    put(zip, count, 8);
    put(zip, end - directory, 8);
    put(zip, directory, 8);
    put(zip, 0x07064b50, 4);
    put(zip, 0, 4);
    put(zip, end, 8);
    put(zip, 1, 4);
    put(zip, 0x06054b50, 4);
    put(zip, 0, 4);
    put(zip, 0xffffffff, 4);
    put(zip, 0xffffffff, 4);
    put(zip, 0xffffffff, 4);
    put(zip, 0, 2);
}

static struct buf *write_zip64(uint64_t count)
{
    static const struct file f = {.name = "1.jpg", .data = "x"};
    struct buf *zip;
    size_t directory;

    ck_assert_int_eq(buf_new(&zip, 1 << 20), OK);
    put_local(zip, &f);
    directory = buf_len(zip);
    put(zip, 0x02014b50, 4);
    put(zip, 45, 2);
    put(zip, 45, 2);
    put(zip, 0, 8);
    put(zip, crc32_of("x", 1), 4);
    put(zip, 0xffffffff, 4);
    put(zip, 0xffffffff, 4);
    put(zip, 5, 2);
    put(zip, 4 + 5 + 4 + 24, 2);
    put(zip, 0, 2 + 2 + 2);
    put(zip, 0, 4);
    put(zip, 0xffffffff, 4);
    put_text(zip, "1.jpg", 5);
    put_text(zip, "UT\1\0x", 5); /* another field first: id, length 1 */
    put(zip, 0x0009, 2);
    put(zip, 0, 2);
    put(zip, 1, 2);
    put(zip, 24, 2);
    put(zip, 1, 8);
    put(zip, 1, 8);
    put(zip, 0, 8);
    put_end64(zip, directory, count);
    return zip;
}

START_TEST(a_zip64_archive_is_read)
{
    CLEANUP(buf) struct buf *zip = write_zip64(1);
    struct bytes b = {buf_bytes(zip), buf_len(zip), 0};
    CLEANUP(archive) struct archive *a = open_good(&b);
    char to[1];
    const char *fault;

    ck_assert_uint_eq(archive_count(a), 1);
    ck_assert_int_eq(archive_extract(a, &fault, 0, to, 1), OK);
    ck_assert_int_eq(to[0], 'x');
}
END_TEST

START_TEST(a_zip64_count_from_another_world_is_too_many)
{
    CLEANUP(buf) struct buf *zip = write_zip64((uint64_t)1 << 60);

    expect_refused(buf_bytes(zip), buf_len(zip), FAULT_ZIP_TOO_MANY);
}
END_TEST

START_TEST(names_that_lead_elsewhere_are_unsafe)
{
    static const char *const names[] = {"../1.jpg", "a/../1.jpg", "..",       "/1.jpg",  "a\\1.jpg",
                                        "C:1.jpg",  "c:/1.jpg",   "a/../../", "1\n.jpg", "\x7f.jpg"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        expect_fault((struct file){.name = names[i], .data = ""}, FAULT_ENTRY_NAME_UNSAFE);
    expect_fault((struct file){.name = "1.jpg\0.txt", .name_len = 10, .data = ""}, FAULT_ENTRY_NAME_UNSAFE);
    ck_assert_ptr_null(describe_one((struct file){.name = "a..b/...jpg", .data = ""}).fault);
}
END_TEST

START_TEST(a_name_without_end_is_cut_between_characters_and_unsafe)
{
    char name[401];
    struct archive_entry entry;

    for (size_t i = 0; i < 400; i += 2)
        memcpy(name + i, "ñ", 2);
    name[400] = '\0';
    entry = describe_one((struct file){.name = name, .data = "", .flags = 1 << 11});
    ck_assert_str_eq(entry.fault, FAULT_ENTRY_NAME_UNSAFE);
    ck_assert_uint_eq(strlen(entry.name), 254);
}
END_TEST

START_TEST(an_old_name_is_read_as_code_page_437)
{
    ck_assert_str_eq(describe_one((struct file){.name = "Pe\xa4"
                                                        "a.jpg",
                                                .data = ""})
                         .name,
                     "Peña.jpg");
}
END_TEST

START_TEST(folders_and_debris_are_skipped)
{
    static const char *const names[] = {"photos/",   "__MACOSX/1.jpg", "a/__MACOSX/b/._1.jpg", "a/._1.jpg",
                                        ".DS_Store", "a/Thumbs.db",    "a/thumbs.DB",          "desktop.ini"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        expect_fault((struct file){.name = names[i], .data = ""}, FAULT_SKIPPED);
    expect_fault((struct file){.name = "a", .data = "", .system = 3, .attributes = 0040755u << 16},
                 FAULT_SKIPPED);
}
END_TEST

START_TEST(links_devices_and_archives_are_not_files)
{
    expect_fault(
        (struct file){.name = "1.jpg", .data = "/etc/passwd", .system = 3, .attributes = 0120777u << 16},
        FAULT_ENTRY_NOT_A_FILE);
    expect_fault((struct file){.name = "1.jpg", .data = "", .system = 3, .attributes = 0020666u << 16},
                 FAULT_ENTRY_NOT_A_FILE);
    expect_fault((struct file){.name = "more.ZIP", .data = ""}, FAULT_ENTRY_NOT_A_FILE);
    ck_assert_ptr_null(
        describe_one((struct file){.name = "1.jpg", .data = "", .system = 3, .attributes = 0100644u << 16})
            .fault);
}
END_TEST

START_TEST(an_encrypted_entry_is_told_by_its_flag)
{
    expect_fault((struct file){.name = "1.jpg", .data = "0123456789abcdef", .flags = 1},
                 FAULT_ENTRY_ENCRYPTED);
}
END_TEST

START_TEST(an_entry_over_twenty_megabytes_is_too_large)
{
    expect_fault((struct file){.name = "1.jpg", .data = "x", .size = ARCHIVE_ENTRY_MAX + 1},
                 FAULT_ENTRY_TOO_LARGE);
}
END_TEST

START_TEST(a_method_we_do_not_unpack_is_damage)
{
    expect_fault((struct file){.name = "1.jpg", .data = "x", .method = 12}, FAULT_ENTRY_DAMAGED);
}
END_TEST

START_TEST(a_bomb_is_told_by_its_ratio_but_a_small_blank_file_is_none)
{
    char *zeros = calloc(1, 10000000);
    const struct member members[] = {{"bomb.jpg", zeros, 10000000, ZIP_CM_DEFLATE},
                                     {"blank.jpg", zeros, 1000000, ZIP_CM_DEFLATE}};
    CLEANUP(buf) struct buf *zip = write_with_libzip(members, 2);
    struct bytes b = {buf_bytes(zip), buf_len(zip), 0};
    CLEANUP(archive) struct archive *a = open_good(&b);
    struct archive_entry entry;
    const char *fault = "none";

    archive_describe(&entry, a, 0);
    ck_assert_str_eq(entry.fault, FAULT_ZIP_BOMB);
    ck_assert_int_eq(archive_extract(a, &fault, 0, zeros, 10000000), ERR_MALFORMED);
    ck_assert_str_eq(fault, FAULT_ZIP_BOMB);
    archive_describe(&entry, a, 1);
    ck_assert_ptr_null(entry.fault);
    ck_assert_int_eq(archive_extract(a, &fault, 1, zeros, 1000000), OK);
    free(zeros);
}
END_TEST

/* Two hundred failed tries at 20 MB count as much as two hundred good ones, and take no time. */
START_TEST(four_gigabytes_are_all_that_one_archive_gives)
{
    const uint64_t size = ARCHIVE_ENTRY_MAX;
    char *data = malloc(size / 99);
    char *to = malloc(size);
    struct file f = {.name = "1.jpg", .local_name = "2.jpg", .data = data, .size = size};
    CLEANUP(buf) struct buf *zip = NULL;
    CLEANUP(archive) struct archive *a = NULL;
    struct bytes b;
    const char *fault = "none";

    memset(data, 'x', size / 99);
    data[size / 99 - 1] = '\0';
    zip = write_zip(&f, 1);
    b = (struct bytes){buf_bytes(zip), buf_len(zip), 0};
    a = open_good(&b);
    for (unsigned i = 0; i < ARCHIVE_TOTAL_MAX / ARCHIVE_ENTRY_MAX; i++) {
        ck_assert_int_eq(archive_extract(a, &fault, 0, to, size), ERR_MALFORMED);
        ck_assert_str_eq(fault, FAULT_ZIP_INCONSISTENT);
    }
    ck_assert_int_eq(archive_extract(a, &fault, 0, to, size), ERR_MALFORMED);
    ck_assert_str_eq(fault, FAULT_ZIP_BOMB);
    free(data);
    free(to);
}
END_TEST

START_TEST(a_wrong_checksum_is_damage)
{
    expect_damage((struct file){.name = "1.jpg", .data = "some bytes", .has_wrong_crc = true},
                  FAULT_ENTRY_DAMAGED);
}
END_TEST

/* raw deflate of "some bytes" */
#define PACKED .data = "+\xce\xcfMUH\xaa,I-\x06", .data_len = 12, .method = 8

START_TEST(a_size_that_is_not_the_truth_is_damage)
{
    const struct file honest = {.name = "1.jpg", PACKED, .plain = "some bytes"};
    CLEANUP(buf) struct buf *zip = write_zip(&honest, 1);
    struct bytes b = {buf_bytes(zip), buf_len(zip), 0};
    CLEANUP(archive) struct archive *a = open_good(&b);
    const char *fault = "";
    char to[10];

    ck_assert_int_eq(archive_extract(a, &fault, 0, to, 10), OK);
    ck_assert_int_eq(memcmp(to, "some bytes", 10), 0);
    expect_damage((struct file){.name = "1.jpg", PACKED, .plain = "some"}, FAULT_ENTRY_DAMAGED);
    expect_damage((struct file){.name = "1.jpg", PACKED, .plain = "some bytes", .size = 4},
                  FAULT_ENTRY_DAMAGED);
    expect_damage((struct file){.name = "1.jpg", PACKED, .plain = "some bytes", .size = 11},
                  FAULT_ENTRY_DAMAGED);
    expect_damage((struct file){.name = "1.jpg", .data = "some bytes", .plain = "some"}, FAULT_ENTRY_DAMAGED);
    expect_damage((struct file){.name = "1.jpg", .data = "some bytes", .size = 11}, FAULT_ENTRY_DAMAGED);
}
END_TEST

START_TEST(rubbish_for_deflate_is_damage)
{
    expect_damage((struct file){.name = "1.jpg", .data = "rubbish rubbish", .method = 8, .size = 30},
                  FAULT_ENTRY_DAMAGED);
}
END_TEST

START_TEST(a_failing_source_is_not_taken_for_a_bad_archive)
{
    const struct file files[] = {{.name = "1.jpg", .data = "x"}, {.name = "2.jpg", .data = "x"}};
    CLEANUP(buf) struct buf *zip = write_zip(files, 2);
    struct bytes b = {buf_bytes(zip), buf_len(zip), 0};
    struct archive *a = NULL;
    const char *fault = "none";
    unsigned reads = 1;

    for (;; reads++) {
        b.reads_left = reads;
        if (open_bytes(&a, &fault, &b) == OK)
            break;
        ck_assert_str_eq(fault, "none");
        ck_assert_uint_lt(reads, 100);
    }
    ck_assert_uint_gt(reads, 3);
    for (reads = 1; reads < 3; reads++) {
        b.reads_left = reads;
        ck_assert_int_eq(archive_extract(a, &fault, 0, (char[1]){0}, 1), ERR_IO);
    }
    b.reads_left = 0;
    ck_assert_int_eq(archive_extract(a, &fault, 0, (char[1]){0}, 1), OK);
    archive_close(a);
}
END_TEST

START_TEST(no_single_flipped_bit_does_harm)
{
    const struct file files[] = {{.name = "1.jpg", .data = "some bytes"}, {.name = "2.jpg", .data = "x"}};
    CLEANUP(buf) struct buf *zip = write_zip(files, 2);
    unsigned char copy[1000];

    for (size_t i = 0; i < buf_len(zip) * 8; i++) {
        CLEANUP(archive) struct archive *a = NULL;
        struct bytes b = {copy, buf_len(zip), 0};
        struct archive_entry entry;
        const char *fault;
        char to[1000];

        memcpy(copy, buf_bytes(zip), buf_len(zip));
        copy[i / 8] ^= (unsigned char)(1u << i % 8);
        if (open_bytes(&a, &fault, &b))
            continue;
        for (size_t n = 0; n < archive_count(a); n++) {
            archive_describe(&entry, a, n);
            if (!entry.fault && entry.size <= sizeof to)
                (void)!archive_extract(a, &fault, n, to, (size_t)entry.size);
        }
    }
}
END_TEST

SUITE("archive", what_went_in_comes_out, bytes_after_the_end_are_merely_odd,
      an_archive_without_entries_is_an_archive, what_is_no_zip_is_said_to_be_none,
      a_directory_cut_at_the_front_is_inconsistent, entries_that_share_packed_bytes_are_found,
      an_extra_field_that_reaches_into_the_next_entry_is_found,
      a_directory_that_lies_about_its_count_is_inconsistent, a_local_header_of_another_name_is_inconsistent,
      more_than_twenty_thousand_entries_are_too_many, a_zip64_archive_is_read,
      a_zip64_count_from_another_world_is_too_many, names_that_lead_elsewhere_are_unsafe,
      a_name_without_end_is_cut_between_characters_and_unsafe, an_old_name_is_read_as_code_page_437,
      folders_and_debris_are_skipped, links_devices_and_archives_are_not_files,
      an_encrypted_entry_is_told_by_its_flag, an_entry_over_twenty_megabytes_is_too_large,
      a_method_we_do_not_unpack_is_damage, a_bomb_is_told_by_its_ratio_but_a_small_blank_file_is_none,
      four_gigabytes_are_all_that_one_archive_gives, a_wrong_checksum_is_damage,
      a_size_that_is_not_the_truth_is_damage, rubbish_for_deflate_is_damage,
      a_failing_source_is_not_taken_for_a_bad_archive, no_single_flipped_bit_does_harm)
