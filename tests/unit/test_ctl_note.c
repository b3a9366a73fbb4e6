#include <stdlib.h>
#include <string.h>
#include "photod/ctl/note.h"
#include "tests/unit/ctl_fixture.h"
#include "tests/unit/suite.h"

/* C2SP signed-note, the example of the specification. */
static const char spec_vkey[] = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
static const char spec_note[] =
    "This is an example message.\n\n"
    "\xe2\x80\x94 example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

/* golang.org/x/mod/sumdb/note, note_test.go. */
static const char go_vkey[] = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
static const char enoch_vkey[] = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
static const char go_text[] = "If you think cryptography is the answer to your problem,\n"
                              "then you don't know what your problem is.\n";
static const char peter_line[] =
    "\xe2\x80\x94 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
static const char enoch_line[] =
    "\xe2\x80\x94 EnochRoot "
    "rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";

static enum err opens(const char *note, const char *vkey)
{
    struct vkey key;
    struct fault fault = {.text = ""};
    const char *text;
    size_t len;
    enum err e;

    ck_assert_int_eq(vkey_parse(&key, vkey), OK);
    e = note_open(&text, &len, &fault, note, strlen(note), &key);
    ck_assert_int_eq(e == OK, fault.text[0] == '\0');
    return e;
}

START_TEST(the_specifications_example_verifies)
{
    struct vkey key;
    struct fault fault;
    const char *text;
    size_t len;

    ck_assert_int_eq(vkey_parse(&key, spec_vkey), OK);
    ck_assert_str_eq(key.name, "example.com/foo");
    ck_assert_int_eq(note_open(&text, &len, &fault, spec_note, strlen(spec_note), &key), OK);
    ck_assert_uint_eq(len, strlen("This is an example message.\n"));
    ck_assert_mem_eq(text, "This is an example message.\n", len);
}
END_TEST

START_TEST(gos_note_verifies_with_either_of_its_keys)
{
    char note[1000];

    (void)snprintf(note, sizeof note, "%s\n%s", go_text, peter_line);
    ck_assert_int_eq(opens(note, go_vkey), OK);
    ck_assert_int_eq(opens(note, enoch_vkey), ERR_DENIED);
    (void)snprintf(note, sizeof note, "%s\n%s%s", go_text, peter_line, enoch_line);
    ck_assert_int_eq(opens(note, go_vkey), OK);
    ck_assert_int_eq(opens(note, enoch_vkey), OK);
}
END_TEST

START_TEST(every_flipped_bit_of_a_note_is_found)
{
    char note[sizeof spec_note];
    struct vkey key;
    struct fault fault;
    const char *text;
    size_t len;

    ck_assert_int_eq(vkey_parse(&key, spec_vkey), OK);
    for (size_t i = 0; i < sizeof spec_note - 1; i++)
        for (int bit = 0; bit < 8; bit++) {
            memcpy(note, spec_note, sizeof note);
            note[i] = (char)(note[i] ^ 1 << bit);
            ck_assert_int_ne(note_open(&text, &len, &fault, note, sizeof note - 1, &key), OK);
        }
}
END_TEST

START_TEST(every_shortened_note_is_refused)
{
    struct vkey key;
    struct fault fault;
    const char *text;
    size_t len;

    ck_assert_int_eq(vkey_parse(&key, spec_vkey), OK);
    for (size_t i = 0; i < sizeof spec_note - 1; i++)
        ck_assert_int_ne(note_open(&text, &len, &fault, spec_note, i, &key), OK);
}
END_TEST

START_TEST(a_note_must_be_utf8_without_control_characters)
{
    static const char *const bad[] = {"a\rb\n",     "a\tb\n",         "\xff\n",
                                      "\xc0\xaf\n", "\xed\xa0\x80\n", "\xf4\x90\x80\x80\n"};
    struct fixture_key k;

    fixture_key_make(&k, "test.example/log");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *note = fixture_note(&k, bad[i]);

        ck_assert_int_eq(opens(note, k.vkey), ERR_MALFORMED);
        free(note);
    }
    fixture_key_clear(&k);
}
END_TEST

START_TEST(the_text_ends_at_the_last_empty_line)
{
    struct fixture_key k;
    char *note;

    fixture_key_make(&k, "test.example/log");
    note = fixture_note(&k, "one\n\ntwo\n\n\nthree\n");
    ck_assert_int_eq(opens(note, k.vkey), OK);
    free(note);
    fixture_key_clear(&k);
}
END_TEST

START_TEST(a_key_with_a_changed_character_is_refused)
{
    char text[sizeof go_vkey];
    struct vkey key;

    for (size_t i = 0; i < sizeof go_vkey - 1; i++) {
        memcpy(text, go_vkey, sizeof text);
        text[i]++;
        ck_assert_int_eq(vkey_parse(&key, text), ERR_MALFORMED);
    }
    for (size_t i = 0; i < sizeof go_vkey - 1; i++) {
        memcpy(text, go_vkey, sizeof text);
        text[i] = '\0';
        ck_assert_int_eq(vkey_parse(&key, text), ERR_MALFORMED);
    }
}
END_TEST

START_TEST(blanks_around_a_key_are_ignored)
{
    struct vkey key;
    char text[200];

    (void)snprintf(text, sizeof text, " \n%s\r\n\n", go_vkey);
    ck_assert_int_eq(vkey_parse(&key, text), OK);
    ck_assert_int_eq(vkey_parse(&key, ""), ERR_MALFORMED);
    ck_assert_int_eq(vkey_parse(&key, "a+b"), ERR_MALFORMED);
    ck_assert_int_eq(vkey_parse(&key, "a+b\nc"), ERR_MALFORMED);
}
END_TEST

START_TEST(a_key_of_another_type_is_refused)
{
    struct vkey key;

    /* transparency-dev/formats: a cosignature key (type 4) */
    ck_assert_int_eq(vkey_parse(&key, "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"),
                     ERR_MALFORMED);
}
END_TEST

START_TEST(base64_has_one_form)
{
    static const char *const bad[] = {"    AAAA", "AAAA\n\n\n\n", "AB==", "AAB=", "AAA",
                                      "A===",     "====",         "AA=A", "AA-_", ""};
    CLEANUP(buf) struct buf *b = NULL;

    ck_assert_int_eq(buf_new(&b, 100), OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_int_eq(base64_decode(b, bad[i], strlen(bad[i])), ERR_MALFORMED);
    ck_assert_int_eq(base64_decode(b, "AA==", 4), OK);
    ck_assert_uint_eq(buf_len(b), 1);
}
END_TEST

START_TEST(a_checkpoint_has_the_origin_of_its_key)
{
    struct fixture_key k;
    struct vkey key;
    struct checkpoint c;
    struct fault fault;
    struct fixture_log log = {.size = 5};
    unsigned char root[FIXTURE_HASH];
    char *note;

    fixture_key_make(&k, "test.example/log");
    ck_assert_int_eq(vkey_parse(&key, k.vkey), OK);
    note = fixture_checkpoint(&k, &log);
    ck_assert_int_eq(checkpoint_open(&c, &fault, note, strlen(note), &key), OK);
    fixture_root(root, &log, 0, 5);
    ck_assert_uint_eq(c.size, 5);
    ck_assert_mem_eq(c.root, root, sizeof root);
    free(note);
    note = fixture_note(&k, "other.example/log\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
    ck_assert_int_eq(checkpoint_open(&c, &fault, note, strlen(note), &key), ERR_DENIED);
    free(note);
    fixture_key_clear(&k);
}
END_TEST

START_TEST(a_signed_text_that_is_no_checkpoint_is_refused)
{
    static const char *const bad[] = {
        "test.example/log\n",
        "test.example/log\n5\n",
        "test.example/log\n05\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "test.example/log\n-5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "test.example/log\n5\nAAAA\n",
        "test.example/log\n5\n\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
    };
    struct fixture_key k;
    struct vkey key;
    struct checkpoint c;
    struct fault fault;

    fixture_key_make(&k, "test.example/log");
    ck_assert_int_eq(vkey_parse(&key, k.vkey), OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *note = fixture_note(&k, bad[i]);

        ck_assert_int_eq(checkpoint_open(&c, &fault, note, strlen(note), &key), ERR_MALFORMED);
        free(note);
    }
    fixture_key_clear(&k);
}
END_TEST

SUITE("ctl_note", the_specifications_example_verifies, gos_note_verifies_with_either_of_its_keys,
      every_flipped_bit_of_a_note_is_found, every_shortened_note_is_refused,
      a_note_must_be_utf8_without_control_characters, the_text_ends_at_the_last_empty_line,
      a_key_with_a_changed_character_is_refused, blanks_around_a_key_are_ignored,
      a_key_of_another_type_is_refused, base64_has_one_form, a_checkpoint_has_the_origin_of_its_key,
      a_signed_text_that_is_no_checkpoint_is_refused)
