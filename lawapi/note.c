#include "lawapi/note.h"

#include <stdio.h>
#include <string.h>

static const char *const texts[] = {
#define NOTE(name, text) [NOTE_##name] = (text),
#include "lawapi/note.def"
#undef NOTE
};

void notes_format(char out[static NOTES_TEXT], uint32_t notes)
{
    size_t len = 0;

    out[0] = '\0';
    for (unsigned i = 0; i < NOTE_COUNT; i++) {
        if (!(notes & UINT32_C(1) << i) || len + 1 + strlen(texts[i]) >= NOTES_TEXT)
            continue;
        len += (size_t)snprintf(out + len, NOTES_TEXT - len, "%s%s", len ? " " : "", texts[i]);
    }
}
