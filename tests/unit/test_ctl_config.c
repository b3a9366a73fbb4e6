/* photod.conf with other values (photod/ctl/config_edit). */
#include <string.h>
#include <sys/stat.h>
#include "photod/base/cleanup.h"
#include "photod/ctl/config_edit.h"
#include "photod/ctl/file.h"
#include "tests/unit/ctl_fixture.h"
#include "tests/unit/suite.h"

static const struct init_values values[] = {
    {"seal", "passphrase"}, {"root_key", "/new"}, {"seal_passphrase", "/p"}, {"pkcs11_pin", NULL}};

#define COUNT (sizeof values / sizeof values[0])

static const struct {
    const char *before, *after;
} edits[] = {
    /* in place, spacing or not */
    {"state = /s\nseal=key-file\n  root_key\t= /old\nx = y\n",
     "state = /s\nseal = passphrase\nroot_key = /new\nx = y\nseal_passphrase = /p\n"},
    /* in place of the comment that shows the default */
    {"# how it is sealed\n#seal = key-file\nroot_key = /old\n#seal_passphrase = \n",
     "# how it is sealed\nseal = passphrase\nroot_key = /new\nseal_passphrase = /p\n"},
    /* a line wins over a comment of the same key, wherever it stands */
    {"#seal = a\nseal = b\nroot_key = /old\nseal_passphrase = /o\n",
     "#seal = a\nseal = passphrase\nroot_key = /new\nseal_passphrase = /p\n"},
    /* taken away */
    {"seal = pkcs11\npkcs11_pin = /pin\nroot_key = /old\nseal_passphrase=\n",
     "seal = passphrase\n#pkcs11_pin = \nroot_key = /new\nseal_passphrase = /p\n"},
    /* no newline at the end; names that only begin alike */
    {"sealing = wax\nroot_keys = 3",
     "sealing = wax\nroot_keys = 3\nseal = passphrase\nroot_key = /new\nseal_passphrase = /p\n"},
    {"", "seal = passphrase\nroot_key = /new\nseal_passphrase = /p\n"},
};

START_TEST(only_the_lines_of_the_keys_change)
{
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        CLEANUP(buf) struct buf *out = NULL;

        ck_assert_int_eq(buf_new(&out, 4096), OK);
        ck_assert_int_eq(config_edit(out, edits[i].before, values, COUNT), OK);
        ck_assert_str_eq(buf_text(out), edits[i].after);
    }
}
END_TEST

#define WHOLE                                                                                                \
    "state = /s\nsocket = /k\ntls_certificate = /c\ntls_key = /k\ntls_ca = /a\ntls_crl = /l\nroot_key = "    \
    "/old\n"

START_TEST(the_edited_one_waits_with_the_mode_of_the_first_and_takes_its_place)
{
    CLEANUP(heap) char *dir = fixture_dir();
    CLEANUP(heap) struct config *c = NULL;
    CLEANUP(buf) struct buf *now = NULL;
    char path[200], waiting[CONFIG_WAITING_MAX];
    struct stat st;

    (void)snprintf(path, sizeof path, "%s/photod.conf", dir);
    ck_assert_int_eq(file_write_new(path, 0640, WHOLE, strlen(WHOLE)), CTL_OK);
    for (int run = 0; run < 2; run++) { /* over what one that was cut off left */
        free(c);
        c = NULL;
        ck_assert_int_eq(config_prepare(waiting, &c, path, values, COUNT), CTL_OK);
        ck_assert_str_eq(c->root_key, "/new");
        ck_assert_int_eq(stat(waiting, &st), 0);
        ck_assert_uint_eq(st.st_mode & 07777, 0640);
    }
    ck_assert_int_eq(file_read(&now, path, 4096), CTL_OK);
    ck_assert_str_eq(buf_text(now), WHOLE);
    ck_assert_int_eq(config_switch(waiting, path), CTL_OK);
    ck_assert_int_ne(access(waiting, F_OK), 0);
    fixture_remove(dir);
}
END_TEST

START_TEST(what_would_be_wrong_is_not_written)
{
    static const struct init_values wrong[] = {{"seal", "sticky-note"}};
    CLEANUP(heap) char *dir = fixture_dir();
    struct config *c = NULL;
    char path[200], waiting[CONFIG_WAITING_MAX];

    (void)snprintf(path, sizeof path, "%s/photod.conf", dir);
    ck_assert_int_eq(file_write_new(path, 0640, WHOLE, strlen(WHOLE)), CTL_OK);
    ck_assert_int_eq(config_prepare(waiting, &c, path, wrong, 1), CTL_USAGE);
    ck_assert_int_ne(access(waiting, F_OK), 0);
    fixture_remove(dir);
}
END_TEST

SUITE("ctl_config", only_the_lines_of_the_keys_change,
      the_edited_one_waits_with_the_mode_of_the_first_and_takes_its_place, what_would_be_wrong_is_not_written)
