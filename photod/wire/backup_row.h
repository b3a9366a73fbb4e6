#ifndef PHOTOD_WIRE_BACKUP_ROW_H
#define PHOTOD_WIRE_BACKUP_ROW_H

#include "photod/wire/pack.h"

/*
 * What a backup is made of, the same bytes all the way: in the table beside
 * BACKUP_STEP, inside the age files, and on the standard input of the vault
 * that restores.  Values are as they are at rest: sealed.
 */
enum backup_part {
    BACKUP_PHOTOS,   /* an entry of the store, but keys; may be kept long */
    BACKUP_KEYS,     /* a wrapped DEK */
    BACKUP_KEY_FILE, /* the key file, sealed by the root key */
    BACKUP_MARK,     /* the end of a file: shape backup_mark */
    BACKUP_PART_COUNT
};

#define BACKUP_KEY_MAX   64
#define BACKUP_VALUE_MAX (8u << 20)

struct backup_row {
    unsigned char part, kind;
    unsigned char gone; /* the entry was removed; there is no value */
    const unsigned char *key, *value;
    size_t key_len, value_len;
};

void pack_backup_row(struct pack *p, const struct backup_row *r);
/* Borrowed from the table.  A part that is none is malformed. */
void take_backup_row(struct take *t, struct backup_row *r);

#endif
