#ifndef LAWAPI_NAMES_H
#define LAWAPI_NAMES_H

#include <stdbool.h>

/*
 * The identifiers of the field, and whether a text has their shape.  Shape
 * only: whether such a district or agency exists is the vault's to say.
 */
#define STATE_ID_TEXT 10 /* nine digits and a NUL (AIM: "unique nine-digit") */
#define DISTRICT_TEXT 5  /* School System code: four digits, leading zeros count */
#define ORI_TEXT      10 /* originating agency identifier: two letters, then 7 letters or digits, capitals */
#define OCA_TEXT      21 /* originating agency case number: 1-20 of A-Z a-z 0-9 - */
#define NIC_TEXT      11 /* NCIC number: a letter and nine digits */
#define OPERATOR_TEXT 65 /* who asks: 1-64 bytes of printable UTF-8 */

bool is_state_id(const char *text);
bool is_district(const char *text);
bool is_ori(const char *text);
bool is_oca(const char *text);
bool is_nic(const char *text);
bool is_operator(const char *text);

#endif
