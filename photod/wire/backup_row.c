#include "photod/wire/backup_row.h"

void pack_backup_row(struct pack *p, const struct backup_row *r)
{
    pack_u8(p, r->part);
    pack_u8(p, r->kind);
    pack_u8(p, r->gone);
    pack_bytes(p, r->key, r->key_len);
    pack_bytes(p, r->value, r->value_len);
}

void take_backup_row(struct take *t, struct backup_row *r)
{
    r->part = (unsigned char)take_u8(t);
    r->kind = (unsigned char)take_u8(t);
    r->gone = (unsigned char)take_u8(t);
    r->key = take_bytes(t, &r->key_len, BACKUP_KEY_MAX);
    r->value = take_bytes(t, &r->value_len, BACKUP_VALUE_MAX);
    if (!t->err && (r->part >= BACKUP_PART_COUNT || r->gone > 1 || (r->gone && r->value_len)))
        t->err = ERR_MALFORMED;
}
