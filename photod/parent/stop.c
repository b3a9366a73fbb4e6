/*
 * Stopping goes by the table below: doors first, so that no request is cut
 * off from the vault, and the vault before its workers.  A stage is over
 * when its processes are gone; who outstays its patience is killed.
 */
#include "photod/parent/stop.h"

#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/parent/furnish.h"
#include "photod/parent/notify.h"

static const struct stage {
    unsigned processes; /* enum process, as bits */
    int64_t patience_ms;
} stages[] = {
    {PROCESS_LAW | PROCESS_OFFICE, 6000},
    {PROCESS_VAULT, 10000},
    {PROCESS_INTAKE, 1000},
};
#define STAGES (sizeof stages / sizeof stages[0])

static void stage_begin(struct supervisor *s, int64_t now_ms)
{
    s->stage_until_ms = now_ms + stages[s->stage].patience_ms;
    for (unsigned i = 0; i < s->count; i++) {
        struct child *c = &s->children[i];

        if (!(stages[s->stage].processes & (unsigned)c->process) || !child_is_living(c))
            continue;
        furnish_stop(c);
        c->phase = CHILD_LEAVING;
        c->due_ms = 0;
    }
}

static bool stage_is_over(const struct supervisor *s)
{
    for (unsigned i = 0; i < s->count; i++)
        if ((stages[s->stage].processes & (unsigned)s->children[i].process) &&
            s->children[i].phase != CHILD_DOWN)
            return false;
    return true;
}

static void stage_kill(struct supervisor *s)
{
    char name[CHILD_NAME];

    s->stage_until_ms = 0;
    for (unsigned i = 0; i < s->count; i++) {
        struct child *c = &s->children[i];

        if (!(stages[s->stage].processes & (unsigned)c->process) || c->phase == CHILD_DOWN)
            continue;
        child_name(name, c);
        log_warning("%s did not stop in %lld s: killed", name,
                    (long long)stages[s->stage].patience_ms / 1000);
        child_kill(c);
    }
}

void stop_begin(struct supervisor *s, int exit_status)
{
    if (!s->exit_status)
        s->exit_status = exit_status;
    if (s->stopping)
        return;
    s->stopping = true;
    notify_stopping();
    stage_begin(s, clock_steady_ms());
}

void stop_advance(struct supervisor *s, int64_t now_ms)
{
    while (s->stage < STAGES && stage_is_over(s)) {
        s->stage++;
        if (s->stage < STAGES)
            stage_begin(s, now_ms);
    }
    if (s->stage < STAGES && s->stage_until_ms && now_ms >= s->stage_until_ms)
        stage_kill(s);
}

bool stop_is_done(const struct supervisor *s)
{
    return s->stage == STAGES;
}
