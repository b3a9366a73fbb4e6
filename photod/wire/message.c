#include <string.h>
#include "photod/wire/message.h"

#define ANY       0xffu
#define PARENT    PROCESS_PARENT
#define LAW       PROCESS_LAW
#define OFFICE    PROCESS_OFFICE
#define WEB       (PROCESS_LAW | PROCESS_OFFICE)
#define VAULT     PROCESS_VAULT
#define INTAKE    PROCESS_INTAKE
#define CTL       PROCESS_CTL
#define ANY_CHILD (WEB | VAULT | INTAKE)
#define START     STATE_START
#define SERVE     STATE_SERVE
#define IDLE      STATE_IDLE
#define ZIP       STATE_ZIP
#define IMAGE     STATE_IMAGE
#define ROSTER    STATE_ROSTER

typedef void pack_shape(struct pack *p, const void *shape);
typedef void take_shape(struct take *t, void *shape);

/* The codecs behind one type, for the table below; rows of bulk tables are shapes too, but no messages. */
#define MAYBE_UNUSED __attribute__((unused))
#define SHAPE(name, ...)                                                                                     \
    static MAYBE_UNUSED void pack_any_##name(struct pack *p, const void *shape)                              \
    {                                                                                                        \
        pack_##name(p, shape);                                                                               \
    }                                                                                                        \
    static MAYBE_UNUSED void take_any_##name(struct take *t, void *shape)                                    \
    {                                                                                                        \
        take_##name(t, shape);                                                                               \
    }
#include "photod/wire/shapes.def"
#undef SHAPE

static const struct row {
    const char *name;
    pack_shape *pack;
    take_shape *take;
    unsigned from, to, states, fds;
} rows[] = {
#define MSG(name, shape, from, to, states, fds)                                                              \
    [MSG_##name] = {#name, pack_any_##shape, take_any_##shape, from, to, states, fds},
#include "photod/wire/messages.def"
#undef MSG
};

const char *process_name(enum process p)
{
    switch (p) {
    case PROCESS_PARENT:
        return "photod";
    case PROCESS_LAW:
        return "photod-web law";
    case PROCESS_OFFICE:
        return "photod-web office";
    case PROCESS_VAULT:
        return "photod-vault";
    case PROCESS_INTAKE:
        return "photod-intake";
    case PROCESS_CTL:
        return "photoctl";
    }
    return "unknown process";
}

const char *message_name(enum msg m)
{
    return (unsigned)m < MSG_COUNT ? rows[m].name : "unknown message";
}

bool message_allowed(enum msg m, enum process from, enum process to, enum channel_state state, unsigned fds)
{
    const struct row *r;

    if ((unsigned)m >= MSG_COUNT)
        return false;
    r = &rows[m];
    return (r->from & (unsigned)from) && (r->to & (unsigned)to) && (r->states & (unsigned)state) &&
           r->fds == fds;
}

enum err message_encode(struct buf *out, enum msg type, uint32_t request, const void *shape)
{
    struct pack p = PACK(out);

    pack_u32(&p, (uint32_t)type);
    pack_u32(&p, request);
    rows[type].pack(&p, shape);
    return pack_end(&p);
}

enum err message_decode(struct message *out, const void *bytes, size_t len)
{
    struct take t = TAKE_BYTES(bytes, len);
    uint32_t type = take_u32(&t);

    out->request = take_u32(&t);
    if (t.err || type >= MSG_COUNT)
        return ERR_MALFORMED;
    out->type = (enum msg)type;
    memset(&out->is, 0, sizeof out->is);
    rows[type].take(&t, &out->is);
    return take_end(&t);
}

void message_clear(struct message *m)
{
    for (unsigned i = 0; i < MESSAGE_FDS; i++) {
        if (m->fds[i] >= 0)
            (void)close(m->fds[i]);
        m->fds[i] = -1;
    }
    m->fd_count = 0;
    explicit_bzero(&m->is, sizeof m->is);
}

int message_take_fd(struct message *m, unsigned n)
{
    return TAKE_FD(m->fds[n]);
}
