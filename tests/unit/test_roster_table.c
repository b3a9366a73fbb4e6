/* Rosters with a header row: columns by name, delimiters, quotes, answers only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/unit/roster_parsed.h"
#include "tests/unit/suite.h"

static struct parsed parse(const char *text)
{
    struct parsed p = parse_as("text/csv", text, strlen(text));

    ck_assert_msg(!p.err, "%s", p.fault);
    return p;
}

static void expect_good(const struct parsed *p, unsigned row)
{
    ck_assert_uint_lt(row, p->count);
    ck_assert_msg(!p->rows[row].fault, "row %u: %s", row, p->rows[row].fault);
}

static void expect_fault(const struct parsed *p, unsigned row, unsigned line, const char *fault)
{
    ck_assert_uint_lt(row, p->count);
    ck_assert_msg(p->rows[row].fault != NULL, "row %u was accepted", row);
    ck_assert_str_eq(p->rows[row].fault, fault);
    ck_assert_uint_eq(p->rows[row].line, line);
}

static void expect_no_roster(const char *text, const char *sentence)
{
    struct parsed p = parse_as("text/csv", text, strlen(text));

    ck_assert_int_eq(p.err, ERR_MALFORMED);
    ck_assert_str_eq(p.fault, sentence);
    ck_assert_uint_eq(p.count, 0);
}

#define ALL  "State ID,Last Name,First Name,Middle Name,Birth Date,School,Grade,Homeroom,Opt In,Opt In Date\n"
#define JANE "012345678,Doe,Jane,Q,2012-03-04,Larch Middle,08,R108A,IN,2026-09-01\n"

START_TEST(a_csv_with_a_header_row_gives_pupils)
{
    struct parsed p = parse(ALL JANE);
    char day[DATE_TEXT];

    expect_good(&p, 0);
    ck_assert_str_eq(p.summary.format, "CSV with header row, 10 columns, UTF-8");
    ck_assert_str_eq(p.summary.remark, "");
    ck_assert_uint_eq(p.summary.header, 1);
    ck_assert_uint_eq(p.rows[0].line, 2);
    ck_assert_uint_eq(p.rows[0].notes, 0);
    ck_assert_str_eq(p.rows[0].state_id, "012345678");
    ck_assert_str_eq(p.rows[0].district, "");
    ck_assert_str_eq(p.rows[0].last, "Doe");
    ck_assert_str_eq(p.rows[0].first, "Jane");
    ck_assert_str_eq(p.rows[0].middle, "Q");
    ck_assert_str_eq(p.rows[0].folded_last, "doe");
    ck_assert_str_eq(p.rows[0].school, "Larch Middle");
    ck_assert_str_eq(p.rows[0].grade, "08");
    ck_assert_str_eq(p.rows[0].homeroom, "R108A");
    ck_assert_int_eq(p.rows[0].opt_in, ROSTER_OPT_IN_IN);
    date_format(day, p.rows[0].born);
    ck_assert_str_eq(day, "2012-03-04");
    date_format(day, p.rows[0].opt_in_on);
    ck_assert_str_eq(day, "2026-09-01");
}
END_TEST

START_TEST(columns_stand_in_any_order_under_any_known_name)
{
    static const char *const texts[] = {
        "DOB,Opt In,first name,LAST_NAME,State_ID\n3/4/2012,IN,Jane,Doe,012345678\n",
        "Date of Birth,opt-in,FirstName,LastName,StateID\n3/4/2012,IN,Jane,Doe,012345678\n",
        "student.birthdate,Photo Opt In,student.firstName,student.lastName,student.stateID\n"
        "3/4/2012,IN,Jane,Doe,012345678\n",
        "DOB,OptIn,First_Name,Last_Name,State_StudentNumber\n3/4/2012,IN,Jane,Doe,012345678\n",
        " \"Birth\nDate\" ,\"Opt In?\",First,Last,\"Student's State ID #\"\n3/4/2012,IN,Jane,Doe,012345678\n",
        "Birthday,Opt In/Out,Given Name,Surname,SSID\n3/4/2012,IN,Jane,Doe,012345678\n",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct parsed p = parse(texts[i]);

        ck_assert_msg(p.count == 1 && !p.rows[0].fault, "%zu: %s", i, p.rows[0].fault);
        ck_assert_str_eq(p.rows[0].state_id, "012345678");
        ck_assert_str_eq(p.rows[0].last, "Doe");
        ck_assert_str_eq(p.rows[0].first, "Jane");
        ck_assert_int_eq(p.rows[0].born.year, 2012);
        ck_assert_int_eq(p.rows[0].opt_in, ROSTER_OPT_IN_IN);
        ck_assert_str_eq(p.summary.remark, "");
    }
}
END_TEST

START_TEST(teacher_and_hr_are_the_homeroom)
{
    ck_assert_str_eq(
        parse("State ID,Last,First,DOB,Teacher\n012345678,Doe,Jo,2012-03-04,Kay\n").rows[0].homeroom, "Kay");
    ck_assert_str_eq(parse("State ID,Last,First,DOB,HR\n012345678,Doe,Jo,2012-03-04,12\n").rows[0].homeroom,
                     "12");
}
END_TEST

START_TEST(unknown_columns_are_passed_over_and_named)
{
    struct parsed p = parse("State ID,Ethnicity,Last Name,First Name,DOB,Opt In,Photo Release\n"
                            "012345678,x,Doe,Jane,2012-03-04,OUT,IN\n");

    expect_good(&p, 0);
    ck_assert_int_eq(p.rows[0].opt_in, ROSTER_OPT_IN_OUT); /* a photo release is another permission */
    ck_assert_str_eq(p.summary.remark, "Columns passed over: Ethnicity, Photo Release.");
    ck_assert_str_eq(p.summary.format, "CSV with header row, 7 columns, UTF-8");
}
END_TEST

START_TEST(a_remark_on_very_many_columns_is_cut_between_names)
{
    char text[4000] = "State ID,Last,First,DOB,Opt In";
    struct parsed p;

    for (unsigned i = 0; i < 60; i++)
        (void)sprintf(text + strlen(text), ",Custom column \xc3\xa9%02u", i);
    strcat(text, "\n012345678,Doe,Jane,2012-03-04,IN\n");
    p = parse(text);
    expect_good(&p, 0);
    ck_assert_ptr_nonnull(strstr(p.summary.remark, "Custom column \xc3\xa9"
                                                   "00, "));
    ck_assert_ptr_nonnull(strstr(p.summary.remark, " and 5"));
    ck_assert_str_eq(p.summary.remark + strlen(p.summary.remark) - 6, " more.");
    ck_assert(charset_is_utf_8(p.summary.remark, strlen(p.summary.remark)));
}
END_TEST

START_TEST(missing_columns_are_one_sentence)
{
    expect_no_roster("State ID,Last Name,First Name,Opt In\n1,2,3,4\n",
                     "The header row has no column Birth Date.");
    expect_no_roster("Last Name,First Name,Opt In\n1,2,3\n",
                     "The header row has no column State ID, Birth Date.");
    expect_no_roster("State ID,Grade\n1,2\n",
                     "The header row has no column Last Name, First Name, Birth Date.");
    expect_no_roster("State ID,SSID,Opt In\n1,2,3\n",
                     "The header row has the column State ID twice; keep one.");
    expect_no_roster("A,B\n1,2\n",
                     "The first lines hold neither an HD line of AIM nor a header row with a State ID.");
    expect_no_roster("012345678,Doe,Jane\n",
                     "The first lines hold neither an HD line of AIM nor a header row with a State ID.");
    expect_no_roster(",,,\n,,\n",
                     "The first lines hold neither an HD line of AIM nor a header row with a State ID.");
    expect_no_roster(ALL "\n , ,,\n\n", "The file lists no pupil: after the header row there is nothing.");
}
END_TEST

START_TEST(a_title_may_stand_above_the_header_row)
{
    struct parsed p = parse("Photo opt-ins,,,,\nSchool: Larch Middle,Grade,8,,\n\n"
                            "State ID,Last Name,First Name,DOB,Opt In\n012345678,Doe,Jane,2012-03-04,IN\n");
    char text[2000] = "";

    ck_assert_uint_eq(p.count, 1);
    expect_good(&p, 0);
    ck_assert_uint_eq(p.summary.header, 4);
    ck_assert_uint_eq(p.rows[0].line, 5);
    ck_assert_str_eq(p.summary.format, "CSV with header row, 5 columns, UTF-8");
    for (unsigned i = 0; i < 10; i++)
        strcat(text, "title\n");
    expect_no_roster(strcat(text, "State ID,Opt In\n012345678,IN\n"),
                     "The first lines hold neither an HD line of AIM nor a header row with a State ID.");
}
END_TEST

START_TEST(a_column_that_may_be_there_twice_is_read_once)
{
    struct parsed p = parse("State ID,Last,First,DOB,School Name,School Number\n"
                            "012345678,Doe,Jane,2012-03-04,Larch Middle,1093\n");

    ck_assert_str_eq(p.rows[0].school, "Larch Middle");
    ck_assert_str_eq(p.summary.remark,
                     "Columns passed over: School Number. No column Opt In: no answer was read.");
    ck_assert_int_eq(p.rows[0].opt_in, ROSTER_OPT_IN_BLANK);
}
END_TEST

START_TEST(a_file_of_answers_needs_no_names)
{
    struct parsed p = parse("Opt In,State ID,Opt In Date\nYes,012345678,9/1/2026\nNo,012345679,\n");

    ck_assert_str_eq(p.summary.format, "Answers only: CSV with header row, 3 columns, UTF-8");
    ck_assert_uint_eq(p.count, 2);
    expect_good(&p, 0);
    expect_good(&p, 1);
    ck_assert_str_eq(p.rows[0].last, "");
    ck_assert(!date_is_set(p.rows[0].born));
    ck_assert_int_eq(p.rows[0].opt_in, ROSTER_OPT_IN_IN);
    ck_assert_int_eq(p.rows[1].opt_in, ROSTER_OPT_IN_OUT);
    p = parse("State ID\tOpt In\n012345678\tIN\n");
    ck_assert_str_eq(p.summary.format, "Answers only: TSV with header row, 2 columns, UTF-8; sent as CSV");
}
END_TEST

START_TEST(the_content_decides_the_delimiter)
{
    static const char tabs[] = "State ID\tLast Name\tFirst Name\tDOB\tOpt In\n"
                               "012345678\tDoe, Jr.\tJane\t2012-03-04\tIN\n";
    struct parsed p = parse_as("text/csv", tabs, sizeof tabs - 1);

    expect_good(&p, 0);
    ck_assert_str_eq(p.rows[0].last, "Doe, Jr.");
    ck_assert_str_eq(p.summary.format, "TSV with header row, 5 columns, UTF-8; sent as CSV");
    p = parse_as("text/tab-separated-values", tabs, sizeof tabs - 1);
    ck_assert_str_eq(p.summary.format, "TSV with header row, 5 columns, UTF-8");
    p = parse_as("text/tab-separated-values", ALL JANE, sizeof ALL JANE - 1);
    expect_good(&p, 0);
    ck_assert_str_eq(p.summary.format,
                     "CSV with header row, 10 columns, UTF-8; sent as tab-separated values");
}
END_TEST

START_TEST(an_aim_file_that_a_spreadsheet_saved_with_commas_is_read)
{
    struct parsed p = parse("HD,10/5/2026,12:00:00,MT9.1,,,,,,,,,,\n"
                            "SD,487,12345678,77,\"Doe, Jr.\",Jane,,F,3/4/2012,1,8,12,IN,9/1/2026\n");

    expect_good(&p, 0);
    ck_assert_str_eq(p.summary.format, "AIM Student Demographic MT9.1 with commas, 14 columns, UTF-8");
    ck_assert_str_eq(p.rows[0].district, "0487");
    ck_assert_str_eq(p.rows[0].last, "Doe, Jr.");
    ck_assert_uint_eq(p.rows[0].notes, ROSTER_NOTE_DISTRICT_PADDED | ROSTER_NOTE_STATE_ID_PADDED);
}
END_TEST

START_TEST(quoted_fields_hold_commas_and_quotes)
{
    struct parsed p =
        parse(ALL "\"012345678\",\"Doe, Jr.\",\"Jane \"\"JJ\"\"\",,\"2012-03-04\",,,,\"IN\",\n");

    expect_good(&p, 0);
    ck_assert_str_eq(p.rows[0].last, "Doe, Jr.");
    ck_assert_str_eq(p.rows[0].first, "Jane \"JJ\"");
}
END_TEST

#define ROE "012345679,Roe,Ann,,2012-03-05,,,,OUT,\n"

START_TEST(a_stray_quote_costs_its_own_line_only)
{
    static const char *const stray[] = {
        "012345678,\"Doe\" Jr.,Jane,,2012-03-04,,,,IN,\n",
        "012345678,\"Doe,Jane,,2012-03-04,,,,IN,\n",
        "012345678,Doe,Jane,,2012-03-04,,,,IN,\"\n",
    };

    for (size_t i = 0; i < sizeof stray / sizeof stray[0]; i++) {
        char text[1000] = ALL JANE;
        struct parsed p;

        strcat(strcat(strcat(text, stray[i]), ROE), "012345670,\"Poe\",\"Kim\",,2012-03-06,,,,IN,\n");
        p = parse(text);
        ck_assert_uint_eq(p.count, 4);
        expect_good(&p, 0);
        expect_fault(&p, 1, 3, FAULT_ROW_QUOTES);
        expect_good(&p, 2);
        ck_assert_str_eq(p.rows[2].last, "Roe");
        ck_assert_uint_eq(p.rows[2].line, 4);
        expect_good(&p, 3);
        ck_assert_uint_eq(p.rows[3].line, 5);
    }
}
END_TEST

START_TEST(a_quote_within_a_field_that_does_not_begin_with_one_is_a_character)
{
    struct parsed p = parse(ALL "012345678,O\"Doe,\"Jane\",,2012-03-04,,,,IN,\n"
                                "012345679,Roe,Ann \"Annie, Jr\",2012-03-05,,,,OUT,\n"
                                "012345670,Poe,Kim \"\"KC\"\",5\" 1\",2012-03-05,,,,\"OUT\",\n");

    expect_good(&p, 0);
    ck_assert_str_eq(p.rows[0].last, "O\"Doe");
    ck_assert_str_eq(p.rows[0].first, "Jane");
    expect_good(&p, 1); /* and hides no delimiter */
    ck_assert_str_eq(p.rows[1].first, "Ann \"Annie");
    ck_assert_str_eq(p.rows[1].middle, "Jr\"");
    expect_good(&p, 2);
    ck_assert_str_eq(p.rows[2].first, "Kim \"\"KC\"\"");
    ck_assert_str_eq(p.rows[2].middle, "5\" 1\"");
    ck_assert_int_eq(p.rows[2].opt_in, ROSTER_OPT_IN_OUT);
}
END_TEST

START_TEST(two_lines_whose_quotes_meet_are_not_taken_for_one)
{
    struct parsed p = parse(ALL "012345678,\"Doe,Jane,,2012-03-04,,,,IN,\n"
                                "012345679,Roe\",Ann,,2012-03-05,,,,OUT,\n" JANE);

    ck_assert_uint_eq(p.count, 3);
    expect_fault(&p, 0, 2, FAULT_ROW_QUOTES);
    expect_good(&p, 1);
    ck_assert_str_eq(p.rows[1].last, "Roe\"");
    expect_good(&p, 2);
}
END_TEST

START_TEST(a_cell_of_several_lines_may_stand_in_a_column_nobody_reads)
{
    struct parsed p = parse("State ID,Address,Last,First,DOB,Opt In\n"
                            "012345678,\"1 Main St\r\n\r\nButte, MT\",Doe,Jane,2012-03-04,IN\r\n"
                            "012345679,\"2 Main St\",\"Ro\ne\",Ann,2012-03-04,IN\n"
                            "012345670,,Poe,Kim,2012-03-04,IN\n");

    expect_good(&p, 0);
    ck_assert_uint_eq(p.rows[0].line, 2);
    expect_fault(&p, 1, 5, FAULT_ROW_QUOTES);
    expect_fault(&p, 2, 6, FAULT_ROW_COLUMNS);
    expect_good(&p, 3);
    ck_assert_uint_eq(p.rows[3].line, 7);
    ck_assert_uint_eq(p.count, 4);
}
END_TEST

START_TEST(a_quote_never_closed_does_not_swallow_the_file)
{
    const unsigned rows = 3000;
    char *text = malloc(200 + (size_t)rows * 60),
         *at = text + sprintf(text, "State ID,Opt In\n012345678,\"IN\n");
    struct parsed p;

    for (unsigned i = 0; i < rows; i++)
        at += sprintf(at, "%09u,IN\n", i);
    p = parse(text);
    ck_assert_uint_eq(p.count, rows + 1);
    ck_assert_uint_eq(p.summary.faulty, 1);
    expect_fault(&p, 0, 2, FAULT_ROW_QUOTES);
    free(text);
}
END_TEST

START_TEST(cells_that_a_spreadsheet_dropped_at_the_end_count_as_empty_with_a_note)
{
    struct parsed p = parse(ALL "012345678,Doe,Jane,,2012-03-04,Larch,08,R1,IN\n"
                                "012345679,Roe,Ann,,2012-03-04\n"
                                "012345670,Poe,Kim,,2012-03-04,Larch,08,OUT\n"
                                "012345671,Poe,Kim,2012-03-04\n"
                                "012345672,Poe,Kim,,2012-03-04,,,,,,,\n"
                                "012345673,Poe,Kim,,2012-03-04,,,,,,,x\n");

    expect_good(&p, 0);
    ck_assert_uint_eq(p.rows[0].notes, ROSTER_NOTE_ROW_SHORT);
    ck_assert_int_eq(p.rows[0].opt_in, ROSTER_OPT_IN_IN);
    expect_good(&p, 1);
    ck_assert_uint_eq(p.rows[1].notes, ROSTER_NOTE_ROW_SHORT);
    expect_fault(&p, 2, 4, FAULT_ROW_COLUMNS); /* a delimiter was lost before the answer */
    expect_fault(&p, 3, 5, FAULT_BIRTH_DATE_MALFORMED);
    expect_good(&p, 4);
    ck_assert_uint_eq(p.rows[4].notes, 0);
    expect_fault(&p, 5, 7, FAULT_ROW_COLUMNS);
}
END_TEST

START_TEST(lines_without_a_value_are_passed_over_but_counted)
{
    struct parsed p = parse("\n,,,\n" ALL ",,,,,,,,,\n\n" JANE "  ,\t,\n");

    ck_assert_uint_eq(p.count, 1);
    expect_good(&p, 0);
    ck_assert_uint_eq(p.summary.header, 3);
    ck_assert_uint_eq(p.rows[0].line, 6);
}
END_TEST

START_TEST(windows_1252_and_utf_16_are_read_with_a_header_too)
{
    static const char latin[] = "State ID,Last,First,DOB,Opt In\r\n012345678,Pe\xf1"
                                "a,Jos\xe9,2012-03-04,IN\r\n012345679,A\x81,B,2012-03-04,IN\r\n";
    static const char utf_8[] =
        "\xef\xbb\xbfState ID,Last,First,DOB,Opt In\r\n012345678,Peña,José,2012-03-04,IN\r\n";
    const char *ascii = "State ID\tLast\tFirst\tDOB\tOpt In\r\n012345678\tPe\xf1"
                        "a\tJos\xe9\t2012-03-04\tIN\r\n";
    unsigned char wide[400] = {0xff, 0xfe};
    size_t len = 2;
    struct parsed p = parse_as("text/csv", latin, sizeof latin - 1);

    ck_assert_str_eq(p.summary.format, "CSV with header row, 5 columns, Windows-1252");
    ck_assert_str_eq(p.rows[0].last, "Peña");
    expect_fault(&p, 1, 3, FAULT_ROW_ENCODING);
    p = parse_as("text/csv", utf_8, sizeof utf_8 - 1);
    ck_assert_str_eq(p.summary.format, "CSV with header row, 5 columns, UTF-8");
    ck_assert_str_eq(p.rows[0].first, "José");
    for (; *ascii; ascii++, len += 2)
        wide[len] = (unsigned char)*ascii;
    p = parse_as("text/tab-separated-values", wide, len);
    ck_assert_str_eq(p.summary.format, "TSV with header row, 5 columns, UTF-16LE");
    ck_assert_str_eq(p.rows[0].last, "Peña");
    p = parse_as("text/tab-separated-values", wide + 2, len - 2);
    ck_assert_str_eq(p.rows[0].first, "José");
}
END_TEST

/* What a hundred bytes of a name become in the text of the row: as many. */
START_TEST(two_hundred_thousand_rows_with_a_field_of_a_hundred_bytes_are_read)
{
    char *text = malloc(100 + (size_t)ROSTER_ROWS_MAX * 150), *at = text, name[101];
    struct parsed p;

    memset(name, 'n', 100);
    name[100] = '\0';
    at += sprintf(at, "State ID,Last,First,DOB,Opt In\n");
    for (unsigned i = 0; i < ROSTER_ROWS_MAX; i++)
        at += sprintf(at, "%09u,%s,Jo,2012-03-04,IN\n", i, name);
    p = parse(text);
    ck_assert_uint_eq(p.count, ROSTER_ROWS_MAX);
    ck_assert_uint_eq(p.summary.faulty, 0);
    ck_assert_str_eq(p.rows[0].last, name);
    (void)strcpy(at, "999999999,Doe,Jo,2012-03-04,IN\n");
    expect_no_roster(text, "The file has more than 200,000 lines of pupils; split it.");
    free(text);
}
END_TEST

START_TEST(sixty_four_mebibytes_are_the_most)
{
    char *text = calloc(1, ROSTER_BYTES_MAX + 2);
    size_t head = (size_t)sprintf(text, "State ID,Opt In\n012345678,IN\n");
    struct parsed p;

    memset(text + head, '\n', ROSTER_BYTES_MAX + 1 - head);
    p = parse_as("text/csv", text, ROSTER_BYTES_MAX);
    ck_assert_int_eq(p.err, OK);
    ck_assert_uint_eq(p.count, 1);
    expect_no_roster(text, "The file is larger than 64 MB.");
    free(text);
}
END_TEST

START_TEST(every_line_an_open_quote_is_still_read_in_bounded_time)
{
    const unsigned rows = 50000;
    char *text = malloc(100 + (size_t)rows * 20), *at = text + sprintf(text, "State ID,Opt In\n");
    struct parsed p;

    for (unsigned i = 0; i < rows; i++)
        at += sprintf(at, "%09u,\"IN\n", i);
    p = parse(text);
    ck_assert_uint_eq(p.count, rows);
    ck_assert_uint_eq(p.summary.faulty, rows);
    free(text);
}
END_TEST

SUITE("roster_table", a_csv_with_a_header_row_gives_pupils, columns_stand_in_any_order_under_any_known_name,
      teacher_and_hr_are_the_homeroom, unknown_columns_are_passed_over_and_named,
      a_remark_on_very_many_columns_is_cut_between_names, missing_columns_are_one_sentence,
      a_title_may_stand_above_the_header_row, a_column_that_may_be_there_twice_is_read_once,
      a_file_of_answers_needs_no_names, the_content_decides_the_delimiter,
      an_aim_file_that_a_spreadsheet_saved_with_commas_is_read, quoted_fields_hold_commas_and_quotes,
      a_stray_quote_costs_its_own_line_only,
      a_quote_within_a_field_that_does_not_begin_with_one_is_a_character,
      two_lines_whose_quotes_meet_are_not_taken_for_one,
      a_cell_of_several_lines_may_stand_in_a_column_nobody_reads,
      a_quote_never_closed_does_not_swallow_the_file,
      cells_that_a_spreadsheet_dropped_at_the_end_count_as_empty_with_a_note,
      lines_without_a_value_are_passed_over_but_counted, windows_1252_and_utf_16_are_read_with_a_header_too,
      two_hundred_thousand_rows_with_a_field_of_a_hundred_bytes_are_read, sixty_four_mebibytes_are_the_most,
      every_line_an_open_quote_is_still_read_in_bounded_time)
