#include "photod/parent/start.h"

#include <stdio.h>
#include "photod/base/cleanup.h"
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/parent/doors.h"
#include "photod/parent/furnish.h"
#include "photod/parent/notify.h"
#include "photod/parent/unseal.h"

#define START_LIMIT_MS 30000 /* not the vault: repairing a store may take its time */

static void introduce(struct supervisor *s, const struct child *c)
{
    const struct shape_process about = {.process = c->process,
                                        .index = c->index,
                                        .pid = (uint32_t)c->pid,
                                        .landlock_abi = c->ready.landlock_abi,
                                        .seccomp = c->ready.seccomp,
                                        .restarts = c->restarts,
                                        .since_ms = (uint64_t)c->since_ms};

    furnish_process(vault_of(s), &about);
}

static void introduce_all(struct supervisor *s)
{
    const struct shape_process self = {.process = PROCESS_PARENT,
                                       .pid = (uint32_t)getpid(),
                                       .landlock_abi = (uint32_t)s->confined.landlock_abi,
                                       .seccomp = s->confined.seccomp,
                                       .since_ms = (uint64_t)s->since_ms};

    furnish_process(vault_of(s), &self);
    for (unsigned i = 0; i < s->count; i++)
        if (s->children[i].phase == CHILD_SERVING)
            introduce(s, &s->children[i]);
}

/* An intake worker serves one vault only, so it is started when there is one. */
static bool may_start(struct supervisor *s, const struct child *c)
{
    return c->phase == CHILD_DOWN && (c->process != PROCESS_INTAKE || child_is_living(vault_of(s)));
}

static void link_up(struct supervisor *s, struct child *c)
{
    if (c != vault_of(s)) {
        furnish_link(vault_of(s), c);
        return;
    }
    for (unsigned i = VAULT_ROW + 1; i < s->count; i++)
        furnish_link(c, &s->children[i]);
}

/* What opens the vault is the parent's only for as long as it takes to hand it on. */
static enum err spawn_and_furnish(struct supervisor *s, struct child *c)
{
    CLEANUP(fd) int root_key = -1;

    if (c == vault_of(s))
        TRY(unseal_begin(&root_key, s));
    TRY(child_spawn(c, s->held));
    furnish(c, s->held, root_key);
    return OK;
}

static bool start(struct supervisor *s, struct child *c, int64_t now_ms)
{
    if (spawn_and_furnish(s, c)) { /* logged */
        child_buried(c, false);
        return false;
    }
    if (c->process != PROCESS_VAULT)
        c->due_ms = now_ms + START_LIMIT_MS;
    link_up(s, c);
    return true;
}

static void announce(struct supervisor *s)
{
    char law[DOOR_URL], office[DOOR_URL], text[2 * DOOR_URL + 40];

    for (unsigned i = 0; i < s->count; i++)
        if (s->children[i].phase != CHILD_SERVING)
            return;
    door_url(law, s->held->law);
    door_url(office, s->held->office);
    (void)snprintf(text, sizeof text, "serving: law door %s, office door %s", law, office);
    if (s->announced) {
        notify_status(text);
        return;
    }
    s->announced = true;
    log_info("%s", text);
    notify_ready(text);
}

/* The vault stands first in the table: those started with it are linked before it is let go. */
void start_due(struct supervisor *s, int64_t now_ms)
{
    bool started[MAX_CHILDREN] = {false};

    for (unsigned i = 0; i < s->count; i++)
        started[i] = may_start(s, &s->children[i]) && s->children[i].due_ms <= now_ms &&
                     start(s, &s->children[i], now_ms);
    for (unsigned i = 0; i < s->count; i++)
        if (started[i])
            furnish_go(&s->children[i]);
}

int64_t start_next_ms(struct supervisor *s, const struct child *c)
{
    return may_start(s, c) ? c->due_ms : 0;
}

void start_done(struct supervisor *s, struct child *c, const struct shape_ready *ready)
{
    c->phase = CHILD_SERVING;
    c->ever_ready = true;
    c->due_ms = 0;
    c->ready = *ready;
    c->since_ms = clock_wall_ms();
    if (c == vault_of(s))
        introduce_all(s);
    else if (vault_of(s)->phase == CHILD_SERVING)
        introduce(s, c);
    announce(s);
}
