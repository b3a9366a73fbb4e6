#include <string.h>
#include "photod/base/config.h"
#include "tests/unit/suite.h"

#define NEEDED                                                                                               \
    "state = /s\nsocket = /k\ntls_certificate = /c\ntls_key = /y\ntls_ca = /a\ntls_crl = /r\nroot_key = "    \
    "/o\n"

static enum err parse(const char *text, struct config_fault *fault)
{
    static struct config c;

    *fault = (struct config_fault){.line = 999};
    return config_parse(&c, fault, text, strlen(text));
}

START_TEST(what_must_be_set_is_named_when_missing)
{
    struct config_fault fault;

    ck_assert_int_eq(parse("# nothing\n", &fault), ERR_MALFORMED);
    ck_assert_str_eq(fault.text, "state must be set");
}
END_TEST

START_TEST(defaults_stand_for_what_is_not_set)
{
    static struct config c;
    struct config_fault fault;

    ck_assert(!config_parse(&c, &fault, NEEDED, strlen(NEEDED)));
    ck_assert_str_eq(c.state, "/s");
    ck_assert_str_eq(c.confinement, "users");
    ck_assert_str_eq(c.seal, "key-file");
    ck_assert_uint_eq(c.full_percent, 85);
}
END_TEST

START_TEST(every_fault_names_its_line)
{
    static const struct {
        const char *text;
        unsigned line;
        const char *says;
    } rows[] = {
        {NEEDED "colour = red\n", 8, "unknown key `colour`"},
        {NEEDED "\n# x\nstate = /t\n", 10, "state is given twice"},
        {NEEDED "full_percent = 101\n", 8, "must be a whole number from 10 to 100"},
        {NEEDED "full_percent = x\n", 8, "must be a whole number from 10 to 100"},
        {NEEDED "full_percent\n", 8, "expected `key = value`"},
        {NEEDED "confinement = none\n", 0, "must be `users` or `same-user`"},
        {NEEDED "seal = sticky-note\n", 0, "seal must be `key-file`, `passphrase`, `credential` or `pkcs11`"},
        {NEEDED
         "seal = pkcs11\npkcs11_module = libtoken.so\npkcs11_uri = pkcs11:token=t\npkcs11_pin = /pin\n",
         0,
         "pkcs11_module (an absolute path), pkcs11_uri and pkcs11_pin must be set, because seal is `pkcs11`"},
        {NEEDED "seal = passphrase\n", 0, "seal_passphrase must be set"},
        {NEEDED "seal = credential\n", 0, "root_key must be a credential's name"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config_fault fault;

        ck_assert_int_eq(parse(rows[i].text, &fault), ERR_MALFORMED);
        ck_assert_uint_eq(fault.line, rows[i].line);
        ck_assert_msg(strstr(fault.text, rows[i].says), "%s", fault.text);
    }
}
END_TEST

START_TEST(a_value_that_does_not_fit_and_a_nul_are_refused)
{
    struct config_fault fault;
    static struct config c;
    char text[400] = NEEDED "law_listen = ";
    const char nul[] = NEEDED "\0";

    memset(text + strlen(text), 'x', 100);
    ck_assert_int_eq(parse(text, &fault), ERR_MALFORMED);
    ck_assert_uint_eq(fault.line, 8);
    ck_assert_int_eq(config_parse(&c, &fault, nul, sizeof nul - 1), ERR_MALFORMED);
}
END_TEST

SUITE("config", what_must_be_set_is_named_when_missing, defaults_stand_for_what_is_not_set,
      every_fault_names_its_line, a_value_that_does_not_fit_and_a_nul_are_refused)
