#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ingest/fold.h"
#include "lawapi/note.h"
#include "lawapi/outcome.h"
#include "tests/unit/roster_parsed.h"
#include "tests/unit/suite.h"

#define HEADER "HD\t10/05/2026\t12:00:00\tMT9.1\n"

static const char *media = "text/tab-separated-values"; /* as the next file is sent */

static struct parsed parse_bytes(const void *bytes, size_t len)
{
    return parse_as(media, bytes, len);
}

static struct parsed parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

/* A pupil's line with one field replaced: column 0 is SD. */
static struct roster_row row_with(unsigned column, const char *value)
{
    const char *fields[] = {"SD", "0487",       "012345678", "L77", "Doe", "Jane", "Q",
                            "F",  "03/04/2012", "0001",      "08",  "12",  "IN",   "09/01/2026"};
    char text[2048] = HEADER;
    struct parsed p;

    fields[column] = value;
    for (unsigned i = 0; i < 14; i++) {
        strcat(text, fields[i]);
        strcat(text, i < 13 ? "\t" : "\n");
    }
    p = parse(text);
    ck_assert_int_eq(p.err, OK);
    ck_assert_uint_eq(p.count, 1);
    return p.rows[0];
}

static void expect_fault(unsigned column, const char *value, const char *fault)
{
    struct roster_row row = row_with(column, value);

    ck_assert_msg(row.fault != NULL, "`%s` was accepted", value);
    ck_assert_str_eq(row.fault, fault);
    ck_assert_uint_eq(row.line, 2);
}

START_TEST(a_good_line_gives_a_pupil)
{
    struct roster_row row = row_with(4, "Doe");
    char day[DATE_TEXT];

    ck_assert_ptr_null(row.fault);
    ck_assert_str_eq(row.district, "0487");
    ck_assert_str_eq(row.state_id, "012345678");
    ck_assert_str_eq(row.local_id, "L77");
    ck_assert_str_eq(row.last, "Doe");
    ck_assert_str_eq(row.first, "Jane");
    ck_assert_str_eq(row.middle, "Q");
    ck_assert_str_eq(row.folded_last, "doe");
    ck_assert_str_eq(row.folded_first, "jane");
    ck_assert_str_eq(row.gender, "F");
    ck_assert_str_eq(row.school, "0001");
    ck_assert_str_eq(row.grade, "08");
    ck_assert_str_eq(row.homeroom, "12");
    date_format(day, row.born);
    ck_assert_str_eq(day, "2012-03-04");
    date_format(day, row.opt_in_on);
    ck_assert_str_eq(day, "2026-09-01");
    ck_assert_int_eq(row.opt_in, ROSTER_OPT_IN_IN);
}
END_TEST

#define LINE(id) "SD\t0487\t" id "\t\tDoe\tJane\t\t\t2012-03-04\t\t\t\tOUT\t"

START_TEST(lines_end_in_lf_crlf_or_cr)
{
    static const char *const texts[] = {
        "HD\t10/05/2026\n" LINE("000000001") "\n" LINE("000000002"),
        "HD\t10/05/2026\r\n" LINE("000000001") "\r\n" LINE("000000002") "\r\n",
        "HD\t10/05/2026\r" LINE("000000001") "\r" LINE("000000002") "\r",
    };

    for (size_t i = 0; i < 3; i++) {
        struct parsed p = parse(texts[i]);

        ck_assert_int_eq(p.err, OK);
        ck_assert_uint_eq(p.count, 2);
        ck_assert_uint_eq(p.rows[1].line, 3);
        ck_assert_ptr_null(p.rows[1].fault);
        ck_assert_str_eq(p.rows[1].state_id, "000000002");
        ck_assert_int_eq(p.rows[1].opt_in, ROSTER_OPT_IN_OUT);
        ck_assert(!date_is_set(p.rows[1].opt_in_on));
    }
}
END_TEST

START_TEST(blank_lines_are_passed_over_but_counted)
{
    struct parsed p = parse("\n" HEADER "\n\t\t\n" LINE("000000001") "\n  \n");

    ck_assert_int_eq(p.err, OK);
    ck_assert_uint_eq(p.count, 1);
    ck_assert_uint_eq(p.rows[0].line, 5);
}
END_TEST

START_TEST(trailing_tabs_are_tolerated)
{
    struct parsed p = parse(HEADER LINE("000000001") "\t\t \t\n");

    ck_assert_uint_eq(p.count, 1);
    ck_assert_ptr_null(p.rows[0].fault);
}
END_TEST

START_TEST(a_column_too_few_or_too_many_is_a_fault)
{
    struct parsed p = parse(HEADER LINE("000000001") "\t\tmore\n"
                                                     "SD\t0487\t000000002\t\tDoe\tJane\n"
                                                     "EN\t0487\n" LINE("000000003") "\n");

    ck_assert_uint_eq(p.count, 4);
    ck_assert_str_eq(p.rows[0].fault, FAULT_ROW_COLUMNS);
    ck_assert_str_eq(p.rows[1].fault, FAULT_ROW_COLUMNS);
    ck_assert_str_eq(p.rows[2].fault, FAULT_ROW_COLUMNS);
    ck_assert_ptr_null(p.rows[3].fault);
    ck_assert_uint_eq(p.summary.rows, 4);
    ck_assert_uint_eq(p.summary.faulty, 3);
}
END_TEST

START_TEST(a_line_of_another_record_type_is_a_fault)
{
    struct parsed p =
        parse(HEADER LINE("000000001") "\nEN\t0487\t000000002\t\tDoe\tJane\t\t\t2012-03-04\t\t\t\tIN\t\n");

    ck_assert_str_eq(p.rows[1].fault, FAULT_ROW_COLUMNS);
}
END_TEST

START_TEST(the_summary_names_form_version_and_encoding)
{
    struct parsed p = parse(HEADER LINE("000000001") "\n");

    ck_assert_str_eq(p.summary.format, "AIM Student Demographic MT9.1, 14 columns, UTF-8");
    p = parse("HD\n" LINE("000000001") "\n");
    ck_assert_int_eq(p.err, ERR_MALFORMED); /* no tab: no HD line */
    p = parse("HD\t\t\t<script>\n" LINE("000000001") "\n");
    ck_assert_str_eq(p.summary.format, "AIM Student Demographic, 14 columns, UTF-8");
}
END_TEST

START_TEST(what_a_spreadsheet_did_to_a_state_id_is_told_apart)
{
    static const char *const scientific[] = {"1.23457E+08", "1,23457E+08", "1.2e8", "1E+08"};
    static const char *const malformed[] = {"12345",     "0123456789", "''012345678", "12345678.5",
                                            "12345678.", "01234567x",  "012 345 678", "",
                                            "E+08",      "1E+",        "=\"\"",       "-12345678"};

    for (size_t i = 0; i < sizeof scientific / sizeof scientific[0]; i++)
        expect_fault(2, scientific[i], FAULT_STATE_ID_SCIENTIFIC);
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++)
        expect_fault(2, malformed[i], FAULT_STATE_ID_MALFORMED);
}
END_TEST

START_TEST(what_a_spreadsheet_put_around_a_state_id_is_taken_off_with_a_note)
{
    static const struct {
        const char *text, *state_id;
        unsigned notes;
    } mended[] = {
        {"012345678", "012345678", 0},
        {"\xc2\xa0 012345678 \xc2\xa0", "012345678", 0},
        {"12345678", "012345678", ROSTER_NOTE_STATE_ID_PADDED},
        {"345678", "000345678", ROSTER_NOTE_STATE_ID_PADDED},
        {"123456789.0", "123456789", ROSTER_NOTE_DECIMAL},
        {"123456789.00", "123456789", ROSTER_NOTE_DECIMAL},
        {"12345678.0", "012345678", ROSTER_NOTE_STATE_ID_PADDED | ROSTER_NOTE_DECIMAL},
        {"'012345678", "012345678", ROSTER_NOTE_WRAPPED},
        {"=\"012345678\"", "012345678", ROSTER_NOTE_WRAPPED},
    };

    for (size_t i = 0; i < sizeof mended / sizeof mended[0]; i++) {
        struct roster_row row = row_with(2, mended[i].text);

        ck_assert_msg(!row.fault, "%s: %s", mended[i].text, row.fault);
        ck_assert_str_eq(row.state_id, mended[i].state_id);
        ck_assert_uint_eq(row.notes, mended[i].notes);
    }
}
END_TEST

START_TEST(what_a_spreadsheet_wrote_instead_of_a_value_is_refused)
{
    static const unsigned columns[] = {1, 2, 4, 8, 9, 12, 13};

    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        expect_fault(columns[i], "########", FAULT_CELL_TOO_NARROW);
        expect_fault(columns[i], "#N/A", FAULT_CELL_ERROR);
        expect_fault(columns[i], "#ref!", FAULT_CELL_ERROR);
    }
    ck_assert_ptr_null(row_with(9, "#4").fault); /* a school may be called so */
}
END_TEST

START_TEST(a_day_as_a_spreadsheet_counts_it_is_refused)
{
    expect_fault(8, "41000", FAULT_DATE_SERIAL);
    expect_fault(8, "41000.0", FAULT_DATE_SERIAL);
    expect_fault(13, "46266", FAULT_DATE_SERIAL);
}
END_TEST

START_TEST(a_faulty_line_still_says_whose_it_is)
{
    struct roster_row row = row_with(12, "maybe");

    ck_assert_str_eq(row.fault, FAULT_OPT_IN_MALFORMED);
    ck_assert_str_eq(row.state_id, "012345678");
}
END_TEST

START_TEST(a_district_is_four_digits)
{
    ck_assert_str_eq(row_with(1, "487").district, "0487");
    ck_assert_uint_eq(row_with(1, "487").notes, ROSTER_NOTE_DISTRICT_PADDED);
    expect_fault(1, "", FAULT_DISTRICT_MISMATCH);
    expect_fault(1, "00487", FAULT_DISTRICT_MISMATCH);
    expect_fault(1, "Helena", FAULT_DISTRICT_MISMATCH);
}
END_TEST

START_TEST(birth_dates_come_in_two_forms)
{
    ck_assert_ptr_null(row_with(8, "2012-03-04").fault);
    ck_assert_ptr_null(row_with(8, "3/4/2012").fault);
    ck_assert_ptr_null(row_with(8, "02/29/2012").fault);
    ck_assert_ptr_null(row_with(8, "2012-03-04 00:00:00").fault);
    ck_assert_ptr_null(row_with(8, "3/4/2012 0:00").fault);
}
END_TEST

START_TEST(birth_dates_that_are_no_day_are_refused)
{
    static const char *const wrong[] = {"",           "13/01/2012", "02/30/2012",      "2012-13-01",
                                        "04.03.2012", "03/04/12",   "03/04/2012 7:30", "03/04/2012 ab",
                                        "03/04/2027", "03/04/1812", "03//04/2012",     "-3/04/2012"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        expect_fault(8, wrong[i], FAULT_BIRTH_DATE_MALFORMED);
}
END_TEST

START_TEST(a_name_must_not_be_missing)
{
    expect_fault(4, "", FAULT_NAME_MISSING);
    expect_fault(5, "  ", FAULT_NAME_MISSING);
    expect_fault(5, "\xc2\xa0", FAULT_NAME_MISSING);
}
END_TEST

START_TEST(names_are_kept_as_written_but_composed_and_trimmed)
{
    ck_assert_str_eq(row_with(4, " O'Brien-Peña \xc2\xa0").last, "O'Brien-Peña");
    ck_assert_str_eq(row_with(4, "Pen\xcc\x83"
                                 "a")
                         .last,
                     "Peña");
}
END_TEST

START_TEST(names_are_folded_for_the_search)
{
    ck_assert_str_eq(row_with(4, "O'Brien-Peña").folded_last, "obrienpena");
    ck_assert_str_eq(row_with(4, "Łukasz  van der Weiß").folded_last, "lukasz van der weiss");
    ck_assert_str_eq(row_with(4, "Иванов").folded_last, "ivanov");
    ck_assert_str_eq(row_with(4, "Qlispé ʔ").folded_last, "qlispe");
}
END_TEST

START_TEST(controls_in_a_line_are_an_encoding_fault)
{
    static const char *const wrong[] = {"Do\x01"
                                        "e",
                                        "Do\x7f",
                                        "Do\xc2\x85",
                                        "Do\xe2\x80\xae"
                                        "e",
                                        "Do\xe2\x81\xa6",
                                        "Do" CHARSET_UNDEFINED "e"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        expect_fault(4, wrong[i], FAULT_ROW_ENCODING);
}
END_TEST

START_TEST(windows_1252_is_read_and_its_open_bytes_blamed_on_their_line)
{
    struct parsed p = parse(HEADER "SD\t0487\t000000001\t\tPe\xf1"
                                   "a\tJane\t\t\t2012-03-04\t\t\t\tIN\t\n"
                                   "SD\t0487\t000000002\t\tPe\x81"
                                   "a\tJane\t\t\t2012-03-04\t\t\t\tIN\t\n");

    ck_assert_ptr_nonnull(strstr(p.summary.format, "Windows-1252"));
    ck_assert_ptr_null(p.rows[0].fault);
    ck_assert_str_eq(p.rows[0].last, "Peña");
    ck_assert_str_eq(p.rows[1].fault, FAULT_ROW_ENCODING);
    ck_assert_uint_eq(p.rows[1].line, 3);
}
END_TEST

START_TEST(utf_16_as_spreadsheets_save_it_is_read)
{
    const char *text = HEADER LINE("000000001") "\r\n";
    unsigned char wide[1024] = {0xff, 0xfe};
    size_t len = 2;
    struct parsed p;

    for (; *text; text++, len += 2)
        wide[len] = (unsigned char)*text;
    p = parse_bytes(wide, len);
    ck_assert_int_eq(p.err, OK);
    ck_assert_ptr_nonnull(strstr(p.summary.format, "UTF-16LE"));
    ck_assert_ptr_null(p.rows[0].fault);
}
END_TEST

START_TEST(the_opt_in_is_in_out_or_blank)
{
    static const char *const in[] = {"IN", "Opt In", "opt-in", "OPTED_IN", "y", "Yes", "1", "TRUE", "'IN"};
    static const char *const out[] = {"out", "Opt Out", "optout", "N", "No", "0", "false"};
    static const char *const wrong[] = {"X", "-",      "n/a", "none",    "IN?",
                                        "2", "in out", "1.0", "pending", "inn"};

    ck_assert_int_eq(row_with(12, "OUT").opt_in, ROSTER_OPT_IN_OUT);
    ck_assert_int_eq(row_with(12, "in").opt_in, ROSTER_OPT_IN_IN);
    ck_assert_int_eq(row_with(12, " ").opt_in, ROSTER_OPT_IN_BLANK);
    ck_assert_ptr_null(row_with(12, "").fault);
    for (size_t i = 0; i < sizeof in / sizeof in[0]; i++)
        ck_assert_msg(row_with(12, in[i]).opt_in == ROSTER_OPT_IN_IN, "%s", in[i]);
    for (size_t i = 0; i < sizeof out / sizeof out[0]; i++)
        ck_assert_msg(row_with(12, out[i]).opt_in == ROSTER_OPT_IN_OUT, "%s", out[i]);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        expect_fault(12, wrong[i], FAULT_OPT_IN_MALFORMED);
}
END_TEST

START_TEST(the_opt_in_date_may_be_missing_but_not_wrong_or_in_the_future)
{
    ck_assert_ptr_null(row_with(13, "").fault);
    expect_fault(13, "soon", FAULT_OPT_IN_DATE_MALFORMED);
    expect_fault(13, "11/30/2026", FAULT_OPT_IN_DATE_MALFORMED);
}
END_TEST

START_TEST(a_field_of_a_hundred_bytes_is_the_longest)
{
    char text[110];

    memset(text, 'x', sizeof text);
    text[100] = '\0';
    ck_assert_ptr_null(row_with(4, text).fault);
    text[100] = 'x';
    text[101] = '\0';
    expect_fault(4, text, FAULT_FIELD_TOO_LONG);
    expect_fault(11, text, FAULT_FIELD_TOO_LONG);
}
END_TEST

START_TEST(an_endless_line_is_a_fault_of_that_line_only)
{
    char *text = malloc(40000);
    struct parsed p;

    strcpy(text, HEADER);
    memset(text + strlen(text), 'x', 30000);
    strcpy(text + sizeof HEADER - 1 + 30000, "\n" LINE("000000001"));
    p = parse(text);
    ck_assert_str_eq(p.rows[0].fault, FAULT_FIELD_TOO_LONG);
    ck_assert_ptr_null(p.rows[1].fault);
    free(text);
}
END_TEST

START_TEST(a_state_id_repeated_with_other_data_is_a_fault)
{
    struct parsed p = parse(HEADER LINE("000000001") "\n" LINE("000000002") "\n" LINE(
        "000000001") "\t\n"
                     "SD\t0487\t000000001\t\tDoe\tJane\t\t\t2012-03-04\t\t\t\tIN\t\n");

    ck_assert_uint_eq(p.count, 4);
    ck_assert_ptr_null(p.rows[2].fault);
    ck_assert_str_eq(p.rows[3].fault, FAULT_STATE_ID_REPEATED);
}
END_TEST

/* ingest may not include lawapi: both ends of the wire must mean the same all the same. */
START_TEST(notes_and_faults_are_those_of_lawapi)
{
    static const char *const faults[] = {FAULT_ROW_COLUMNS,          FAULT_ROW_ENCODING,
                                         FAULT_ROW_QUOTES,           FAULT_CELL_TOO_NARROW,
                                         FAULT_CELL_ERROR,           FAULT_DATE_SERIAL,
                                         FAULT_STATE_ID_MALFORMED,   FAULT_STATE_ID_SCIENTIFIC,
                                         FAULT_STATE_ID_REPEATED,    FAULT_DISTRICT_MISMATCH,
                                         FAULT_BIRTH_DATE_MALFORMED, FAULT_NAME_MISSING,
                                         FAULT_OPT_IN_MALFORMED,     FAULT_OPT_IN_DATE_MALFORMED,
                                         FAULT_FIELD_TOO_LONG};

    ck_assert_uint_eq(ROSTER_NOTE_STATE_ID_PADDED, 1u << NOTE_STATE_ID_PADDED);
    ck_assert_uint_eq(ROSTER_NOTE_DISTRICT_PADDED, 1u << NOTE_DISTRICT_PADDED);
    ck_assert_uint_eq(ROSTER_NOTE_DECIMAL, 1u << NOTE_DECIMAL);
    ck_assert_uint_eq(ROSTER_NOTE_WRAPPED, 1u << NOTE_WRAPPED);
    ck_assert_uint_eq(ROSTER_NOTE_ROW_SHORT, 1u << NOTE_ROW_SHORT);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        ck_assert_msg(outcome_from_code(faults[i]) != OUTCOME_COUNT, "%s", faults[i]);
}
END_TEST

static void expect_no_roster(struct parsed p, const char *part)
{
    ck_assert_int_eq(p.err, ERR_MALFORMED);
    ck_assert_msg(strstr(p.fault, part) != NULL, "%s", p.fault);
    ck_assert_uint_eq(p.count, 0);
}

START_TEST(a_file_that_is_no_roster_gives_one_sentence_and_no_row)
{
    expect_no_roster(parse(""), "empty");
    expect_no_roster(parse("\n \r\n"), "empty");
    expect_no_roster(parse(LINE("000000001") "\n"), "HD line");
    expect_no_roster(parse("HDX\t\n" LINE("000000001")), "HD line");
    expect_no_roster(parse(HEADER "EN\t1\n"), "no pupil");
    expect_no_roster(parse_bytes("PK\3\4\0\0\0\0\0", 9), "no text");
    expect_no_roster(parse_bytes(HEADER "SD\t\0\n", sizeof HEADER + 4), "no text");
}
END_TEST

START_TEST(two_hundred_thousand_rows_are_the_most)
{
    const size_t size = sizeof HEADER + ((size_t)ROSTER_ROWS_MAX + 1) * (sizeof LINE("000000001") + 1);
    char *text = malloc(size), *at = text + sprintf(text, HEADER);
    struct parsed p;

    for (unsigned i = 0; i < ROSTER_ROWS_MAX; i++)
        at += sprintf(at, LINE("%09u") "\n", i);
    p = parse(text);
    ck_assert_int_eq(p.err, OK);
    ck_assert_uint_eq(p.count, ROSTER_ROWS_MAX);
    ck_assert_uint_eq(p.summary.faulty, 0);
    strcpy(at, LINE("999999999"));
    expect_no_roster(parse(text), "200,000");
    free(text);
}
END_TEST

static enum err refuse(void *context, const struct roster_row *row)
{
    (void)row;
    ++*(unsigned *)context;
    return ERR_CLOSED;
}

START_TEST(what_the_callback_returns_ends_the_parse_and_goes_up)
{
    const char text[] = HEADER LINE("000000001") "\n" LINE("000000002");
    struct roster_columns columns;
    const struct roster_file file = {text, sizeof text - 1, media};
    struct roster_summary summary;
    char fault[ROSTER_SENTENCE];
    unsigned calls = 0;

    ck_assert_int_eq(roster_columns_parse(&columns, AIM), OK);
    ck_assert_int_eq(roster_parse(&summary, fault, &file, &columns, refuse, &calls), ERR_CLOSED);
    ck_assert_uint_eq(calls, 1);
}
END_TEST

START_TEST(columns_may_stand_in_any_order_and_be_unknown)
{
    static const char text[] = HEADER "SD\tM\tJane\tDoe\tIN\t2012-03-04\t000000001\n";
    const struct roster_file file = {text, sizeof text - 1, media};
    struct roster_columns columns;
    struct parsed p = {.fault = ""};

    clock_fake_wall_ms(NOW_MS);
    ck_assert_int_eq(roster_columns_parse(&columns, " SD  ethnicity first last optin born stateid "), OK);
    ck_assert_int_eq(roster_init(), OK);
    ck_assert_int_eq(roster_parse(&p.summary, p.fault, &file, &columns, keep, &p), OK);
    ck_assert_ptr_null(p.rows[0].fault);
    ck_assert_str_eq(p.rows[0].last, "Doe");
    ck_assert_str_eq(p.rows[0].district, "");
}
END_TEST

START_TEST(columns_without_what_the_law_needs_are_refused)
{
    static const char *const wrong[] = {
        "",
        "SD stateid last first born",
        "stateid SD last first born optin",
        "SD stateid stateid last first born optin",
        "SD last first born optin",
    };
    struct roster_columns columns;

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_int_eq(roster_columns_parse(&columns, wrong[i]), ERR_MALFORMED);
    ck_assert_int_eq(roster_columns_parse(&columns, "SD stateid last first born optin x x"), OK);
}
END_TEST

SUITE("roster", a_good_line_gives_a_pupil, lines_end_in_lf_crlf_or_cr,
      blank_lines_are_passed_over_but_counted, trailing_tabs_are_tolerated,
      a_column_too_few_or_too_many_is_a_fault, a_line_of_another_record_type_is_a_fault,
      the_summary_names_form_version_and_encoding, what_a_spreadsheet_did_to_a_state_id_is_told_apart,
      what_a_spreadsheet_put_around_a_state_id_is_taken_off_with_a_note,
      what_a_spreadsheet_wrote_instead_of_a_value_is_refused, a_day_as_a_spreadsheet_counts_it_is_refused,
      a_faulty_line_still_says_whose_it_is, a_district_is_four_digits, birth_dates_come_in_two_forms,
      birth_dates_that_are_no_day_are_refused, a_name_must_not_be_missing,
      names_are_kept_as_written_but_composed_and_trimmed, names_are_folded_for_the_search,
      controls_in_a_line_are_an_encoding_fault, windows_1252_is_read_and_its_open_bytes_blamed_on_their_line,
      utf_16_as_spreadsheets_save_it_is_read, the_opt_in_is_in_out_or_blank,
      the_opt_in_date_may_be_missing_but_not_wrong_or_in_the_future,
      a_field_of_a_hundred_bytes_is_the_longest, an_endless_line_is_a_fault_of_that_line_only,
      a_state_id_repeated_with_other_data_is_a_fault, notes_and_faults_are_those_of_lawapi,
      a_file_that_is_no_roster_gives_one_sentence_and_no_row, two_hundred_thousand_rows_are_the_most,
      what_the_callback_returns_ends_the_parse_and_goes_up, columns_may_stand_in_any_order_and_be_unknown,
      columns_without_what_the_law_needs_are_refused)
