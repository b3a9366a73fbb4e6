/* Indexes, mapping files, and which file of a ZIP each row means (ingest/index, mapping, package). */
#include <stdio.h>
#include <string.h>
#include <zip.h>
#include "ingest/fold.h"
#include "ingest/package.h"
#include "tests/unit/suite.h"

#define ROWS_KEPT 8

/* What a parser delivered. */
struct got {
    struct index_row rows[ROWS_KEPT];
    enum package_match match[ROWS_KEPT];
    size_t entry[ROWS_KEPT];
    unsigned count;
};

static enum err keep(void *context, const struct index_row *row)
{
    struct got *g = context;

    if (g->count < ROWS_KEPT)
        g->rows[g->count] = *row;
    g->count++;
    return OK;
}

static enum err keep_bound(void *context, const struct index_row *row, enum package_match match, size_t entry)
{
    struct got *g = context;

    if (g->count < ROWS_KEPT) {
        g->match[g->count] = match;
        g->entry[g->count] = entry;
    }
    return keep(context, row);
}

static enum err parse(struct index_summary *s, struct got *g, const char *text)
{
    *g = (struct got){.count = 0};
    ck_assert_int_eq(fold_init(), OK);
    return index_parse(s, text, strlen(text), keep, g);
}

#define HEADER                                                                                               \
    "Volume Name\tImage Folder\tImage File Name\tGrade\tLast Name\tFirst Name\tHome Room\tPeriod\t"          \
    "Teacher Name\tTrack\tDepartment\tTitle\tImage Size\r\n"

START_TEST(an_index_with_a_header_row_is_read_by_its_headings)
{
    static const char text[] = HEADER "V1\tLARGE\tA1.jpg\t05\tO'Neil\tAnn\t12\t2\tMs. Ray\tT\t\t\tLARGE\r\n"
                                      "V1\tSMALL\tA1.jpg\t05\tO'Neil\tAnn\t12\t\t\t\t\t\tSmall\r\n"
                                      "V1\tLARGE\tB1.jpg\tFAC\tRay\tJo\t\t\t\t\tMath\tTeacher\tLARGE\r\n";
    struct index_summary s;
    struct got g;

    ck_assert_int_eq(parse(&s, &g, text), OK);
    ck_assert(s.has_header);
    ck_assert_uint_eq(s.columns, 13);
    ck_assert_uint_eq(g.count, 3);
    ck_assert_uint_eq(g.rows[0].line, 2);
    ck_assert_ptr_null(g.rows[0].fault);
    ck_assert_str_eq(g.rows[0].folder, "LARGE");
    ck_assert_str_eq(g.rows[0].folded_last, "oneil");
    ck_assert_str_eq(g.rows[0].last, "O'Neil");
    ck_assert_str_eq(g.rows[0].teacher, "Ms. Ray");
    ck_assert_int_eq(g.rows[0].size, INDEX_SIZE_LARGE);
    ck_assert_int_eq(g.rows[1].size, INDEX_SIZE_SMALL);
    ck_assert_str_eq(g.rows[2].title, "Teacher");
    ck_assert_str_eq(g.rows[2].department, "Math");
}
END_TEST

START_TEST(headings_may_stand_in_any_order_and_under_other_names)
{
    static const char text[] = "Last Name\tFirst Name\tFile Name\tTeacher/Homeroom\tGrade\tFolder\n"
                               "Doe\tJo\tx.jpg\t12\tK\tPix\n";
    struct index_summary s;
    struct got g;

    ck_assert_int_eq(parse(&s, &g, text), OK);
    ck_assert_str_eq(g.rows[0].file, "x.jpg");
    ck_assert_str_eq(g.rows[0].homeroom, "12");
    ck_assert_str_eq(g.rows[0].grade, "K");
    ck_assert_str_eq(g.rows[0].folder, "Pix");
    ck_assert_str_eq(g.rows[0].volume, "");
}
END_TEST

START_TEST(an_index_without_header_row_has_the_columns_in_their_order)
{
    static const char text[] =
        "V1\tA\\B\\\tA1.jpg\t05\tDoe\tAnn\t12\n\n\t\t\t\t\nV1\tA\tA2.jpg\t05\tRoe\tJo\n";
    struct index_summary s;
    struct got g;

    ck_assert_int_eq(parse(&s, &g, text), OK);
    ck_assert(!s.has_header);
    ck_assert_uint_eq(s.columns, 7);
    ck_assert_uint_eq(g.count, 2);
    ck_assert_str_eq(g.rows[0].folder, "A/B");
    ck_assert_str_eq(g.rows[1].first, "Jo"); /* the empty end of the line is missing */
    ck_assert_uint_eq(g.rows[1].line, 4);
}
END_TEST

START_TEST(each_encoding_a_photographer_saves_is_read)
{
    static const char latin[] = "V\tF\ta.jpg\t1\tNu\xf1"
                                "ez\tZo\xeb\t2\n";
    static const char utf_16[] =
        "\xff\xfeV\0\t\0F\0\t\0a\0\t\0001\0\t\0N\0u\0\xf1\0e\0z\0\t\0Z\0o\0\xeb\0\t\0002\0\r\0\n\0";
    struct index_summary s;
    struct got g;

    ck_assert_int_eq(parse(&s, &g, latin), OK);
    ck_assert_int_eq(s.charset, CHARSET_WINDOWS_1252);
    ck_assert_str_eq(g.rows[0].last, "Nu\xc3\xb1"
                                     "ez");
    ck_assert_str_eq(g.rows[0].folded_last, "nunez");
    g.count = 0;
    ck_assert_int_eq(index_parse(&s, utf_16, sizeof utf_16 - 1, keep, &g), OK);
    ck_assert_int_eq(s.charset, CHARSET_UTF_16LE);
    ck_assert_str_eq(g.rows[0].last, "Nu\xc3\xb1"
                                     "ez");
}
END_TEST

START_TEST(a_bad_row_costs_itself_alone)
{
    static const char text[] = "V\tF\ta.jpg\t1\tDoe\tAnn\t2\n"
                               "short\trow\n"
                               "V\tF\t\t1\tDoe\tAnn\t2\n"
                               "V\tF\t\"b.jpg\t1\tDoe\tAnn\t2\n"
                               "V\tF\t\"c, \"\"x\"\".jpg\"\t1\tDoe\tAnn\t2\n";
    char longer[600];
    struct index_summary s;
    struct got g;

    ck_assert_int_eq(parse(&s, &g, text), OK);
    ck_assert_uint_eq(s.rows, 5);
    ck_assert_uint_eq(s.faulty, 3);
    ck_assert_str_eq(g.rows[1].fault, FAULT_ROW_COLUMNS);
    ck_assert_str_eq(g.rows[2].fault, FAULT_ROW_COLUMNS);
    ck_assert_str_eq(g.rows[3].fault, FAULT_ROW_QUOTES);
    ck_assert_str_eq(g.rows[4].file, "c, \"x\".jpg");
    (void)snprintf(longer, sizeof longer, "V\tF\ta.jpg\t1\tDoe\tAnn\t2\nV\tF\tb.jpg\t1\t%0110d\tAnn\t2\n", 0);
    ck_assert_int_eq(parse(&s, &g, longer), OK);
    ck_assert_str_eq(g.rows[1].fault, FAULT_FIELD_TOO_LONG);
}
END_TEST

START_TEST(a_quote_in_an_index_costs_its_line_alone_or_is_a_character)
{
    static const char text[] = "V,F,a.jpg,1,Doe,Ann \"Annie\",2\n"
                               "V,F,b.jpg,1,\"Roe,Jo,2\n"
                               "V,F,c.jpg,1,Poe\",Kim,2\n"
                               "V,F,d.jpg,1,\"Coe\" Jr.,Lu,2\n"
                               "V,F,e.jpg,1,\"Moe, Jr.\",\"Al \"\"X\"\"\",2\n";
    struct index_summary s;
    struct got g;

    ck_assert_int_eq(parse(&s, &g, text), OK);
    ck_assert_uint_eq(g.count, 5);
    ck_assert_uint_eq(s.faulty, 2);
    ck_assert_str_eq(g.rows[0].first, "Ann \"Annie\"");
    ck_assert_str_eq(g.rows[0].folded_first, "ann annie");
    ck_assert_str_eq(g.rows[1].fault, FAULT_ROW_QUOTES);
    ck_assert_uint_eq(g.rows[2].line, 3); /* the quote of line 2 does not end here */
    ck_assert_str_eq(g.rows[2].last, "Poe\"");
    ck_assert_str_eq(g.rows[3].fault, FAULT_ROW_QUOTES);
    ck_assert_str_eq(g.rows[4].last, "Moe, Jr.");
    ck_assert_str_eq(g.rows[4].first, "Al \"X\"");
}
END_TEST

START_TEST(what_is_no_index_delivers_nothing)
{
    static const struct {
        const char *bytes;
        size_t len;
    } others[] = {{"", 0},
                  {"Read me first.\n", 15},
                  {"\0\0\0\0", 4},
                  {"a\tb\n", 4},
                  {"\xff\xfe", 2},
                  {"\"", 1},
                  {"V\tF\ta\0.jpg\t1\tDoe\tAnn\n", 21}};
    struct index_summary s;
    struct got g = {.count = 0};

    ck_assert_int_eq(fold_init(), OK);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        ck_assert_msg(index_parse(&s, others[i].bytes, others[i].len, keep, &g) == ERR_MALFORMED, "%zu", i);
    ck_assert_uint_eq(g.count, 0);
}
END_TEST

/* Bytes at random, and a good index with bytes at random in it: no row is lost, nothing is touched outside.
 */
START_TEST(hostile_bytes_give_rows_or_a_refusal)
{
    static const char good[] =
        HEADER "V1\tLARGE\tA1.jpg\t05\t\"O\"\"Neil\"\tAnn\t12\t2\tRay\tT\t\t\tLARGE\r\n";
    unsigned seed = 20261126, rows = 0, refused = 0;
    char bytes[sizeof good];

    ck_assert_int_eq(fold_init(), OK);
    for (unsigned n = 0; n < 20000; n++) {
        struct got g = {.count = 0};
        struct index_summary s;
        size_t len = sizeof good - 1;

        memcpy(bytes, good, sizeof good);
        for (unsigned k = 0; k <= n % 9; k++) {
            seed = seed * 1103515245u + 12345u;
            bytes[(seed >> 16) % len] = (char)(seed >> 8);
        }
        if (n % 5 == 0)
            len = (seed >> 16) % len;
        if (index_parse(&s, bytes, len, keep, &g))
            refused++;
        rows += g.count;
    }
    (void)printf("20000 bent indexes: %u rows, %u refused\n", rows, refused);
    ck_assert_uint_gt(rows, 1000);
    ck_assert_uint_gt(refused, 100);
}
END_TEST

/* ---- Mapping files ---- */

static bool is_jpg(void *context, const char *name)
{
    const char *dot = strrchr(name, '.');

    (void)context;
    return dot && strcmp(dot, ".jpg") == 0;
}

static enum err map(struct index_summary *s, struct got *g, const char *text)
{
    *g = (struct got){.count = 0};
    ck_assert_int_eq(fold_init(), OK);
    return mapping_parse(s, text, strlen(text), is_jpg, keep, g);
}

START_TEST(a_mapping_file_is_read_with_and_without_header_row)
{
    struct index_summary s;
    struct got g;

    ck_assert_int_eq(map(&s, &g, "Student_Number\tFile\n01234\tb.jpg\n"), OK);
    ck_assert(s.has_header);
    ck_assert_uint_eq(g.count, 1);
    ck_assert_str_eq(g.rows[0].number, "01234");
    ck_assert_str_eq(g.rows[0].file, "b.jpg");
    ck_assert_int_eq(map(&s, &g, "01234\ta.jpg\r77\tb.jpg"), OK);
    ck_assert(!s.has_header);
    ck_assert_uint_eq(g.count, 2);
    ck_assert_int_eq(map(&s, &g, "photo,number\n\"pix\\a.jpg\",\"5\"\n"), OK);
    ck_assert_str_eq(g.rows[0].file, "pix/a.jpg");
    ck_assert_str_eq(g.rows[0].number, "5");
    ck_assert_uint_eq(g.rows[0].line, 2);
}
END_TEST

START_TEST(a_text_that_names_no_files_is_no_mapping)
{
    struct index_summary s;
    struct got g;

    ck_assert_int_eq(map(&s, &g, ""), ERR_MALFORMED);
    ck_assert_int_eq(map(&s, &g, "Thank you for your order.\nThe photographer\n"), ERR_MALFORMED);
    ck_assert_int_eq(map(&s, &g, "1\ta.jpg\n2\tx\n3\ty\n4\tz\n"), ERR_MALFORMED);
    ck_assert_uint_eq(g.count, 0);
    ck_assert_int_eq(map(&s, &g, "1\ta.jpg\n\tb.jpg\nc.jpg\n"), OK);
    ck_assert_uint_eq(s.faulty, 2);
}
END_TEST

/* ---- Packages ---- */

struct file {
    const char *name, *text;
};

static struct buf *zip_of(const struct file *files, size_t count)
{
    zip_error_t error;
    zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, &error);
    zip_t *z = zip_open_from_source(source, ZIP_TRUNCATE, &error);
    struct buf *out;
    unsigned char *space;
    zip_stat_t st;

    zip_source_keep(source);
    for (size_t i = 0; i < count; i++)
        ck_assert_int_ge(zip_file_add(z, files[i].name,
                                      zip_source_buffer(z, files[i].text, strlen(files[i].text), 0),
                                      ZIP_FL_ENC_UTF_8),
                         0);
    ck_assert_int_eq(zip_close(z), 0);
    ck_assert_int_eq(zip_source_stat(source, &st), 0);
    ck_assert_int_eq(buf_new(&out, st.size), OK);
    ck_assert_int_eq(buf_extend(out, st.size, &space), OK);
    ck_assert_int_eq(zip_source_open(source), 0);
    ck_assert_int_eq(zip_source_read(source, space, st.size), (zip_int64_t)st.size);
    zip_source_close(source);
    zip_source_free(source);
    return out;
}

static enum err read_buf(void *context, uint64_t offset, void *to, size_t len)
{
    memcpy(to, buf_bytes(context) + offset, len);
    return OK;
}

static struct package read_package(struct got *g, const struct file *files, size_t count)
{
    CLEANUP(buf) struct buf *zip = zip_of(files, count);
    CLEANUP(archive) struct archive *a = NULL;
    const struct archive_source source = {read_buf, zip, buf_len(zip)};
    const char *fault = NULL;
    struct package p;

    *g = (struct got){.count = 0};
    ck_assert_int_eq(fold_init(), OK);
    ck_assert_int_eq(archive_open(&a, &fault, source), OK);
    ck_assert_int_eq(package_read(&p, a, keep_bound, g), OK);
    return p;
}

#define READ(g, files) read_package(g, files, sizeof(files) / sizeof(files)[0])

START_TEST(a_row_finds_its_file_wherever_the_package_put_it)
{
    static const struct file files[] = {
        {"Disc/index.txt", "Vol A\tLARGE\tone.jpg\t1\tDoe\tA\t2\n"    /* in the image folder */
                           "Vol A\tLARGE\tTwo.JPG\t1\tDoe\tB\t2\n"    /* by case */
                           "Vol A\tLARGE\tthree.jpeg\t1\tDoe\tC\t2\n" /* by ending */
                           "Vol A\tPix\tfour.jpg\t1\tDoe\tD\t2\n"     /* in the volume's folder */
                           "Vol A\tGONE\tfive.jpg\t1\tDoe\tE\t2\n"    /* alone of that name */
                           "Vol A\tGONE\tsame.jpg\t1\tDoe\tF\t2\n"    /* two of that name */
                           "Vol A\tLARGE\tsix.jpg\t1\tDoe\tG\t2\n"},  /* nowhere below the index */
        {"Disc/LARGE/one.jpg", "1"},
        {"Disc/LARGE/two.jpg", "2"},
        {"Disc/LARGE/three.jpg", "3"},
        {"Disc/Vol A/Pix/four.jpg", "4"},
        {"Disc/deep/er/five.jpg", "5"},
        {"Disc/x/same.jpg", "6"},
        {"Disc/y/same.jpg", "7"},
        {"Other/six.jpg", "8"},
    };
    static const enum package_match matches[] = {PACKAGE_EXACT,  PACKAGE_CASE, PACKAGE_ENDING, PACKAGE_EXACT,
                                                 PACKAGE_FOLDER, PACKAGE_NONE, PACKAGE_NONE};
    struct got g;
    struct package p = READ(&g, files);

    ck_assert_int_eq(p.form, PACKAGE_INDEX);
    ck_assert_uint_eq(g.count, 7);
    for (unsigned i = 0; i < 7; i++) {
        ck_assert_msg(g.match[i] == matches[i], "row %u: %d", i, (int)g.match[i]);
        if (matches[i] != PACKAGE_NONE)
            ck_assert_uint_eq(g.entry[i], i + 1);
    }
}
END_TEST

START_TEST(several_volumes_are_read_each_below_its_index)
{
    static const struct file files[] = {
        {"V1/INDEX.TXT", "V1\t\ta.jpg\t1\tDoe\tA\t2\n"},         {"V1/a.jpg", "1"},
        {"V2/Index.txt", "V2\t\ta.jpg\t1\tRoe\tB\t2\n"},         {"V2/a.jpg", "2"},
        {"__MACOSX/V1/INDEX.TXT", "V\t\ta.jpg\t1\tNo\tNo\t2\n"},
    };
    struct got g;
    struct package p = READ(&g, files);

    ck_assert_uint_eq(p.indexes, 2);
    ck_assert_uint_eq(p.first.rows, 2);
    ck_assert_uint_eq(g.entry[0], 1);
    ck_assert_uint_eq(g.entry[1], 3);
    ck_assert_str_eq(g.rows[1].last, "Roe");
}
END_TEST

START_TEST(a_mapping_file_is_found_beside_its_photos)
{
    static const struct file files[] = {
        {"all/readme.txt", "Thank you.\n"},
        {"all/map.txt", "Student_Number\tFile\n7\tA.jpg\n8\tmissing.jpg\n9\tb.JPG\n"},
        {"all/a.jpg", "1"},
        {"all/b.jpg", "2"},
    };
    struct got g;
    struct package p = READ(&g, files);

    ck_assert_int_eq(p.form, PACKAGE_MAPPING);
    ck_assert_uint_eq(g.count, 3);
    ck_assert_int_eq(g.match[0], PACKAGE_CASE);
    ck_assert_int_eq(g.match[1], PACKAGE_NONE);
    ck_assert_uint_eq(g.entry[2], 3);
}
END_TEST

START_TEST(a_zip_without_a_table_is_named_by_state_id)
{
    static const struct file files[] = {
        {"012345678.jpg", "1"}, {"index.txt", "Nothing of use.\n"}, {"x.csv", ""}};
    struct got g;
    struct package p = READ(&g, files);

    ck_assert_int_eq(p.form, PACKAGE_BY_NAME);
    ck_assert_uint_eq(g.count, 0);
}
END_TEST

SUITE("package", an_index_with_a_header_row_is_read_by_its_headings,
      headings_may_stand_in_any_order_and_under_other_names,
      an_index_without_header_row_has_the_columns_in_their_order, each_encoding_a_photographer_saves_is_read,
      a_bad_row_costs_itself_alone, a_quote_in_an_index_costs_its_line_alone_or_is_a_character,
      what_is_no_index_delivers_nothing, hostile_bytes_give_rows_or_a_refusal,
      a_mapping_file_is_read_with_and_without_header_row, a_text_that_names_no_files_is_no_mapping,
      a_row_finds_its_file_wherever_the_package_put_it, several_volumes_are_read_each_below_its_index,
      a_mapping_file_is_found_beside_its_photos, a_zip_without_a_table_is_named_by_state_id)
