#include <search.h>
#include <stdio.h>
#include <string.h>
#include "lawapi/expiry.h"
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/vault/children.h"
#include "photod/vault/commit.h"
#include "photod/vault/forecast.h"
#include "photod/vault/student.h"
#include "photod/wire/bulk.h"

#define CHILDREN_A_STEP 256   /* looked at between two looks at the doors */
#define ROWS_MAX        16384 /* 24 months of more districts than Montana has */
#define TABLE_MAX       ((size_t)1 << 20)

struct forecast_job {
    struct job job; /* without a batch: it comes back when the doors had their turn */
    struct asker to;
    struct date today;
    unsigned char (*sids)[SID_BYTES];
    size_t count, at;
    void *rows; /* a tree of struct shape_forecast_row, by district and month */
    unsigned row_count;
};

static int by_month(const void *a, const void *b)
{
    const struct shape_forecast_row *x = a, *y = b;
    int order = strcmp(x->district, y->district);

    return order ? order : strcmp(x->month, y->month);
}

static enum err count_photo(struct forecast_job *j, const char *district, const char *month)
{
    CLEANUP(heap) struct shape_forecast_row *row = calloc(1, sizeof *row);
    struct shape_forecast_row **found;

    if (!row)
        return ERR_NOMEM;
    (void)snprintf(row->district, sizeof row->district, "%s", district);
    (void)snprintf(row->month, sizeof row->month, "%s", month);
    found = tsearch(row, &j->rows, by_month);
    if (!found)
        return ERR_NOMEM;
    (*found)->photos++;
    if (*found != row)
        return OK;
    (void)TAKE(row);
    return ++j->row_count > ROWS_MAX ? ERR_LIMIT : OK;
}

static enum err forecast_one(struct vault *v, struct forecast_job *j, const unsigned char *sid)
{
    CLEANUP(heap) struct shape_student_record *details = calloc(1, sizeof *details);
    CLEANUP(student) struct student s = {.answer_count = 0};
    struct shape_generation_record g;
    char end[DATE_TEXT], month[8];
    bool expired;

    if (!details)
        return ERR_NOMEM;
    TRY(student_load_sid(&s, v, sid));
    if (student_current(&s, v, j->today, NULL, &g, &expired) || student_details(&s, details))
        return OK;
    date_format(end, photo_ends_on(g.taken_on));
    (void)snprintf(month, sizeof month, "%.7s", end);
    return count_photo(j, details->district, month);
}

static void pack_one(const void *node, VISIT visit, void *context)
{
    const struct shape_forecast_row *row = *(struct shape_forecast_row *const *)node;

    if (visit == postorder || visit == leaf)
        pack_forecast_row(context, row);
}

static enum err make_table(const struct forecast_job *j, int *fd)
{
    CLEANUP(buf) struct buf *table = NULL;
    struct pack p;

    TRY(buf_new(&table, TABLE_MAX));
    p = PACK(table);
    twalk_r(j->rows, pack_one, &p);
    TRY(pack_end(&p));
    return bulk_new(fd, buf_bytes(table), buf_len(table));
}

static void end(struct vault *v, struct forecast_job *j, enum err e)
{
    CLEANUP(fd) int fd = -1;

    if (!e)
        e = make_table(j, &fd);
    if (e)
        answer_refused(v, j->to, problem_of(e), NULL, 0);
    else
        answer(v, j->to, MSG_FORECAST_IS, NULL, &fd, 1);
    tdestroy(j->rows, free);
    free(j->sids);
    free(j);
    v->forecasting = false;
}

static void step(struct vault *v, struct job *job)
{
    struct forecast_job *j = (struct forecast_job *)job;
    size_t to = j->count - j->at > CHILDREN_A_STEP ? j->at + CHILDREN_A_STEP : j->count;
    enum err e = OK;

    for (; j->at < to && !e; j->at++)
        e = forecast_one(v, j, j->sids[j->at]);
    if (!e && j->at < j->count) {
        e = committer_submit(v->committer, &j->job);
        if (!e)
            return;
    }
    end(v, j, e);
}

void answer_forecast(struct vault *v, struct peer *p, struct message *m)
{
    struct asker to = asker_of(p, m);
    struct forecast_job *j = v->forecasting ? NULL : calloc(1, sizeof *j);
    enum err e;

    if (!j) {
        answer_refused(v, to, PROBLEM_BUSY, "another forecast is under way", 0);
        return;
    }
    v->forecasting = true;
    j->job = (struct job){.lane = LANE_BULK, .done = step};
    j->to = to;
    j->today = law_today(clock_wall_ms());
    e = children_list(v, &j->sids, &j->count);
    if (e)
        end(v, j, e);
    else
        step(v, &j->job);
}
