#ifndef PHOTOD_WIRE_MESSAGE_H
#define PHOTOD_WIRE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "photod/base/date.h"
#include "photod/wire/pack.h"

/*
 * The grammar of the channels: who may say what to whom, when (messages.def),
 * in which form (shapes.def).  Both files are the only truth; structs, codecs
 * and checks are made from them.
 */

/* The processes, as bits: a row of messages.def may name several. */
enum process {
    PROCESS_PARENT = 1,
    PROCESS_LAW = 2,    /* photod-web at the law door */
    PROCESS_OFFICE = 4, /* photod-web at the office door */
    PROCESS_VAULT = 8,
    PROCESS_INTAKE = 16,
    PROCESS_CTL = 32,
};

/* "photod-vault", "photod-web law", ...  Never NULL. */
const char *process_name(enum process p);

/* States of a channel, as bits. */
enum channel_state {
    STATE_START = 1,
    STATE_SERVE = 2,
    STATE_IDLE = 4, /* these four: a worker, and the vault's view of it */
    STATE_ZIP = 8,
    STATE_IMAGE = 16,
    STATE_ROSTER = 32,
};

/* The life of a batch, as batch_state.state. */
enum batch_state {
    BATCH_STAGING,
    BATCH_STAGED,
    BATCH_COMMITTED,
    BATCH_UNDONE,
    BATCH_CHECKED,
    BATCH_STATE_COUNT
};

/* What a step of a backup is of, as backup.ask. */
enum backup_ask { BACKUP_BEGIN, BACKUP_WALK, BACKUP_WALK_KEYS, BACKUP_CHANGES, BACKUP_END, BACKUP_ASK_COUNT };

/* What a ZIP worker found: zip_indexed.form, index_row.match, index_row.size. */
enum zip_form { ZIP_BY_NAME, ZIP_INDEX, ZIP_MAPPING, ZIP_FORM_COUNT };
enum zip_match { ZIP_NONE, ZIP_EXACT, ZIP_CASE, ZIP_ENDING, ZIP_FOLDER, ZIP_MATCH_COUNT };
enum zip_size { ZIP_UNKNOWN, ZIP_SMALL, ZIP_LARGE, ZIP_SIZE_COUNT };

enum msg {
#define MSG(name, shape, from, to, state, fds) MSG_##name,
#include "photod/wire/messages.def"
#undef MSG
    MSG_COUNT
};

#define SHAPES "photod/wire/shapes.def"
#include "photod/wire/shape_structs.inc"
#undef SHAPES

union shape {
#define SHAPE(name, ...) struct shape_##name name;
#include "photod/wire/shapes.def"
#undef SHAPE
};
#define MESSAGE_FDS 4
#define MESSAGE_MAX 65536

/* One message, decoded.  Its descriptors are its own until taken. */
struct message {
    enum msg type;
    uint32_t request; /* an answer repeats the number of its question */
    union shape is;
    int fds[MESSAGE_FDS]; /* -1: none, or taken */
    unsigned fd_count;
};

#define MESSAGE_NONE ((struct message){.fds = {-1, -1, -1, -1}})

void message_clear(struct message *m);
static inline void message_cleanup(struct message *m)
{
    message_clear(m);
}
/* Hands out descriptor n; the message no longer owns it. */
int message_take_fd(struct message *m, unsigned n);

const char *message_name(enum msg m);
/* Whether `from` may send m to `to` in this state with so many descriptors. */
bool message_allowed(enum msg m, enum process from, enum process to, enum channel_state state, unsigned fds);

/* Appends the bytes of a message: a header of 8 (type, request) and its shape. */
MUST_CHECK enum err message_encode(struct buf *out, enum msg type, uint32_t request, const void *shape);
/* Expected: ERR_MALFORMED. */
MUST_CHECK enum err message_decode(struct message *out, const void *bytes, size_t len);

#endif
