#include "photod/vault/alike.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SHORT_FORM 3 /* letters that a short form has at least */
#define GRADE_TEXT 16

/* The next letter or digit in lower case, or a byte of another script; 0 at the end. */
static unsigned next_sign(const char **at)
{
    while (**at) {
        unsigned char c = (unsigned char)*(*at)++;

        if (c >= 'A' && c <= 'Z')
            return (unsigned)(c - 'A' + 'a');
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80)
            return c;
    }
    return 0;
}

bool alike_words(const char *a, const char *b)
{
    unsigned x, y;

    do {
        x = next_sign(&a);
        y = next_sign(&b);
    } while (x == y && x);
    return x == y;
}

static bool begins_with(const char *whole, const char *part)
{
    unsigned x, y;

    while ((y = next_sign(&part))) {
        x = next_sign(&whole);
        if (x != y)
            return false;
    }
    /* The word ends there too. */
    return !*whole || strchr(" -_.,/()", *whole);
}

bool alike_within(const char *whole, const char *part)
{
    const char *probe = part;

    if (!next_sign(&probe))
        return false;
    for (const char *at = whole; *at; at++)
        if ((at == whole || strchr(" -_.,/()", at[-1])) && begins_with(at, part))
            return true;
    return false;
}

/* Lower case, without "grade", ordinal endings and leading zeros; words become their number. */
static void plain_grade(char to[static GRADE_TEXT], const char *grade)
{
    static const struct {
        const char *word, *grade;
    } words[] = {{"kindergarten", "k"},
                 {"kg", "k"},
                 {"kf", "k"},
                 {"kh", "k"},
                 {"ka", "k"},
                 {"kp", "k"},
                 {"prekindergarten", "pk"},
                 {"prek", "pk"},
                 {"freshman", "9"},
                 {"fr", "9"},
                 {"sophomore", "10"},
                 {"so", "10"},
                 {"junior", "11"},
                 {"jr", "11"},
                 {"senior", "12"},
                 {"sr", "12"}};
    size_t len = 0, digits, skip;
    unsigned c;

    while ((c = next_sign(&grade)) && len < GRADE_TEXT - 1)
        to[len++] = (char)c;
    to[len] = '\0';
    skip = strncmp(to, "grade", 5) == 0 ? 5 : 0;
    while (to[skip] == '0' && to[skip + 1])
        skip++;
    memmove(to, to + skip, len - skip + 1);
    digits = strspn(to, "0123456789");
    if (digits && (strcmp(to + digits, "st") == 0 || strcmp(to + digits, "nd") == 0 ||
                   strcmp(to + digits, "rd") == 0 || strcmp(to + digits, "th") == 0 ||
                   strcmp(to + digits, "grade") == 0 || strcmp(to + digits, "thgrade") == 0))
        to[digits] = '\0';
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(to, words[i].word) == 0)
            memcpy(to, words[i].grade, strlen(words[i].grade) + 1);
}

bool alike_grade(const char *a, const char *b)
{
    char x[GRADE_TEXT], y[GRADE_TEXT];

    plain_grade(x, a);
    plain_grade(y, b);
    return strcmp(x, y) == 0;
}

bool is_staff_grade(const char *grade)
{
    static const char *const staff[] = {
        "fac",   "faculty",        "staff", "stf",       "teacher", "tchr",         "adm",
        "admin", "administration", "prin",  "principal", "support", "faculty staff"};

    for (size_t i = 0; i < sizeof staff / sizeof staff[0]; i++)
        if (alike_words(grade, staff[i]))
            return true;
    return false;
}

/* One letter more, less, other, or two that changed places. */
static bool is_one_slip(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    if (!*a && !*b)
        return true;
    if (*a && *b &&
        (strcmp(a + 1, b + 1) == 0 || (a[0] == b[1] && a[1] == b[0] && a[1] && strcmp(a + 2, b + 2) == 0)))
        return true;
    return (*a && strcmp(a + 1, b) == 0) || (*b && strcmp(a, b + 1) == 0);
}

bool alike_name(const char *a, const char *b)
{
    size_t x = strlen(a), y = strlen(b), least = x < y ? x : y;

    if (!least)
        return false;
    if (least >= SHORT_FORM && strncmp(a, b, least) == 0)
        return true;
    return least >= SHORT_FORM && is_one_slip(a, b);
}
