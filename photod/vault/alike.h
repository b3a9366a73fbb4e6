#ifndef PHOTOD_VAULT_ALIKE_H
#define PHOTOD_VAULT_ALIKE_H

#include <stdbool.h>

/*
 * Whether two texts that people typed mean the same.  Names come folded from
 * the worker; of the others only case, blanks and punctuation are passed over.
 */

/* A room, a teacher, a school: letters and digits without case. */
bool alike_words(const char *a, const char *b);
/* Whether the words of `part` stand in `whole`, one after the other. */
bool alike_within(const char *whole, const char *part);
/* 5, 05, 5th, Grade 5; K, KG, Kindergarten; Freshman is 9. */
bool alike_grade(const char *a, const char *b);
/* Folded names that one slip of the pen or a short form sets apart: Jon and John, Will and William. */
bool alike_name(const char *a, const char *b);
/* A grade by which packages mark staff: FAC, STAFF, ... */
bool is_staff_grade(const char *grade);

#endif
