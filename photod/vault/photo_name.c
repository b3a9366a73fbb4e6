#include "photod/vault/photo_name.h"

#include <stdio.h>
#include <string.h>

#define ID_DIGITS   (STATE_ID_TEXT - 1)
#define LETTERS     ".ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define ENDING_SAID 8 /* the most of a stranger's text that a note repeats */
#define ID_LEAST    7 /* digits of a name that may have lost zeros; fewer are a number in a row, not an ID */

/* Endings of pictures as cameras and photographers write them; every other one is told. */
static bool is_plain_ending(const char *ending)
{
    static const char *const plain[] = {".jpg", ".png", ".tif", ".tiff", ".webp"};

    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (strcmp(ending, plain[i]) == 0)
            return true;
    return false;
}

static void say_ending(struct photo_name *out, const char *ending)
{
    if (is_plain_ending(ending))
        return;
    if (!*ending)
        (void)snprintf(out->note, sizeof out->note, "Matched although the name has no ending.");
    else if (strspn(ending, LETTERS) == strlen(ending) && strlen(ending) <= ENDING_SAID)
        (void)snprintf(out->note, sizeof out->note, "Matched although the name ends in %s.", ending);
    else
        (void)snprintf(out->note, sizeof out->note, "Matched although the name has an odd ending.");
}

bool photo_name_read(struct photo_name *out, const char *name)
{
    const char *base = strrchr(name, '/');
    const char *ending;
    size_t digits;

    *out = (struct photo_name){.state_id = ""};
    base = base ? base + 1 : name;
    digits = strspn(base, "0123456789");
    ending = base + digits;
    if (digits < ID_LEAST || digits > ID_DIGITS || (*ending && (*ending != '.' || strchr(ending + 1, '.'))))
        return false;
    memset(out->state_id, '0', ID_DIGITS - digits);
    memcpy(out->state_id + ID_DIGITS - digits, base, digits);
    say_ending(out, ending);
    out->padded = digits < ID_DIGITS;
    if (out->padded)
        (void)snprintf(out->note, sizeof out->note,
                       "Matched as %s although the name has %zu digits: its leading zeros are lost.",
                       out->state_id, digits);
    return true;
}
