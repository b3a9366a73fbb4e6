/* Photos named by State ID (photod/vault/photo_name). */
#include <check.h>
#include <string.h>
#include "photod/vault/photo_name.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static const struct {
    const char *name, *state_id; /* state_id NULL: no such name */
    const char *note;            /* a part of it; NULL: none */
} names[] = {
    {"012345678.jpg", "012345678", NULL},
    {"a/b c/012345678.jpg", "012345678", NULL},
    {"/012345678.jpg", "012345678", NULL},
    {"012345678.png", "012345678", NULL},
    {"012345678.tif", "012345678", NULL},
    {"012345678.tiff", "012345678", NULL},
    {"012345678.webp", "012345678", NULL},
    {"012345678.jpeg", "012345678", ".jpeg"},
    {"012345678.JPG", "012345678", ".JPG"},
    {"012345678.Jpg", "012345678", ".Jpg"},
    {"012345678.gif", "012345678", ".gif"},
    {"012345678.j\xc3\xa9g", "012345678", "odd ending"},
    {"012345678.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "012345678", "odd ending"},
    {"012345678.", "012345678", "."},
    {"012345678", "012345678", "no ending"},
    {"12345678.jpg", "012345678", "leading zeros"},
    {"1234567.JPG", "001234567", "leading zeros"},
    {"123456.jpg", NULL, NULL},
    {"0123456789.jpg", NULL, NULL},
    {"012345678.jpg.exe", NULL, NULL},
    {"012345678 (1).jpg", NULL, NULL},
    {"012345678/portrait.jpg", NULL, NULL},
    {"012345678.jpg/", NULL, NULL},
    {"O12345678.jpg", NULL, NULL},
    {"-12345678.jpg", NULL, NULL},
    {".jpg", NULL, NULL},
    {"", NULL, NULL},
};

START_TEST(a_name_gives_its_state_id_and_tells_how_loosely)
{
    const char *name = names[_i].name, *id = names[_i].state_id, *note = names[_i].note;
    struct photo_name n;
    bool found = photo_name_read(&n, name);

    ck_assert_msg(found == (id != NULL), "\"%s\"", name);
    ck_assert_str_eq(n.state_id, id ? id : "");
    if (note)
        ck_assert_msg(strstr(n.note, note) != NULL, "\"%s\": \"%s\"", name, n.note);
    else
        ck_assert_str_eq(n.note, "");
    ck_assert_int_eq(n.padded,
                     id && strspn(strrchr(name, '/') ? strrchr(name, '/') + 1 : name, "0123456789") < 9);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("photo_name");
    TCase *t = tcase_create("names");
    SRunner *r;
    int failed;

    tcase_add_loop_test(t, a_name_gives_its_state_id_and_tells_how_loosely, 0, (int)COUNT(names));
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
