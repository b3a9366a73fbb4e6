#ifndef LAWAPI_NOTE_H
#define LAWAPI_NOTE_H

#include <stdint.h>

/* Notes on lines of a roster that were taken all the same (note.def). */
enum note {
#define NOTE(name, text) NOTE_##name,
#include "lawapi/note.def"
#undef NOTE
    NOTE_COUNT
};

#define NOTES_TEXT 200

/* The sentences of these bits (1 << enum note), as many as fit; unknown bits say nothing. */
void notes_format(char out[static NOTES_TEXT], uint32_t notes);

#endif
