#ifndef PHOTOD_VAULT_PHOTO_NAME_H
#define PHOTOD_VAULT_PHOTO_NAME_H

#include <stdbool.h>
#include "lawapi/names.h"

/*
 * The name of a photo file by State ID: "012345678.jpg", in any folder.  Its
 * ending says nothing, the content decides.  What was looser than that name
 * is told, never silent.
 */
#define PHOTO_NOTE 200

struct photo_name {
    char state_id[STATE_ID_TEXT];
    char note[PHOTO_NOTE]; /* one sentence, or "": the name was exact */
    bool padded;           /* its leading zeros were lost, as spreadsheets lose them */
};

/* Whether the name is one; *out is set in any case.  A name of seven or eight digits is padded. */
bool photo_name_read(struct photo_name *out, const char *name);

#endif
