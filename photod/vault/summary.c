#include <stdio.h>
#include <string.h>
#include "lawapi/expiry.h"
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/vault/student.h"
#include "photod/vault/summary.h"

#define CHILDREN_A_STEP 128
#define TABLE_MAX       (6u << 20) /* renewals beyond that are left out */

struct counting {
    struct job job;
    struct date today;
    unsigned char (*sids)[SID_BYTES];
    size_t count, max, at; /* at: beyond count, of the children that a dry run's roster names */
    struct filed {         /* the files that name a child, by State ID */
        const struct verdict *verdict;
        bool counted;
    } * files;
    size_t filed;
    struct shape_school_counts *schools;
    size_t school_count;
    struct buf *renewals;
    bool written;
};

static void counting_free(struct counting *c)
{
    job_clear(&c->job);
    free(c->sids);
    free(c->files);
    free(c->schools);
    buf_free(c->renewals);
    free(c);
}

/* ---- Schools ---- */

static enum err school_of(struct shape_school_counts **out, struct counting *c, const char *name)
{
    struct shape_school_counts *more;

    for (size_t i = 0; i < c->school_count; i++)
        if (strcmp(c->schools[i].school, name) == 0) {
            *out = &c->schools[i];
            return OK;
        }
    more = realloc(c->schools, (c->school_count + 1) * sizeof *more);
    if (!more)
        return ERR_NOMEM;
    c->schools = more;
    *out = &c->schools[c->school_count++];
    **out = (struct shape_school_counts){.school = ""};
    (void)snprintf((*out)->school, sizeof(*out)->school, "%s", name);
    return OK;
}

static void count_file(struct shape_school_counts *school, enum outcome o)
{
    switch ((int)o) {
    case OUTCOME_NOT_OPTED_IN:
    case OUTCOME_CONSENT_LAPSED:
        school->not_opted_in++;
        break;
    case OUTCOME_NOT_ON_ROSTER:
    case OUTCOME_OTHER_DISTRICT:
        school->not_on_roster++;
        break;
    case OUTCOME_DUPLICATE:
        school->duplicate++;
        break;
    case OUTCOME_PLACEHOLDER:
    case OUTCOME_SAME_PICTURE:
        school->placeholder++;
        break;
    case OUTCOME_NEEDS_REVIEW:
        school->needs_review++;
        break;
    case OUTCOME_OLDER_THAN_STORED:
        school->older++;
        break;
    case OUTCOME_NOT_AN_IMAGE:
    case OUTCOME_UNREADABLE:
    case OUTCOME_TOO_MANY_PIXELS:
    case OUTCOME_TOO_MANY_SCANS:
    case OUTCOME_TOO_SMALL:
    case OUTCOME_OVER_BUDGET:
    case OUTCOME_TOO_SLOW:
    case OUTCOME_ENTRY_DAMAGED:
    case OUTCOME_ENTRY_ENCRYPTED:
    case OUTCOME_ENTRY_TOO_LARGE:
        school->unreadable++;
        break;
    default:
        break;
    }
}

static bool is_photo(enum outcome o)
{
    return o == OUTCOME_STORED || o == OUTCOME_WOULD_BE_STORED || o == OUTCOME_ALREADY_STORED;
}

static int by_state_id(const void *a, const void *b)
{
    const struct filed *x = a, *y = b;

    return strcmp(x->verdict->state_id, y->verdict->state_id);
}

/* Counts the files of this child; *has_photo: one of them is its photo. */
static void count_files(struct counting *c, struct shape_school_counts *school, const char *state_id,
                        bool *has_photo)
{
    struct verdict wanted = {.row = 0};
    struct filed key = {.verdict = &wanted}, *found;

    memcpy(wanted.state_id, state_id, sizeof wanted.state_id);
    found = c->filed ? bsearch(&key, c->files, c->filed, sizeof *c->files, by_state_id) : NULL;
    if (!found)
        return;
    while (found > c->files && by_state_id(found - 1, &key) == 0)
        found--;
    for (; found < c->files + c->filed && by_state_id(found, &key) == 0; found++) {
        found->counted = true;
        *has_photo |= is_photo(found->verdict->outcome);
        count_file(school, found->verdict->outcome);
    }
}

/* ---- Children ---- */

static enum err add_renewal(struct counting *c, const struct shape_student_record *d)
{
    struct shape_renewal r = {.state_id = ""};
    struct pack p = PACK(c->renewals);
    size_t before = buf_len(c->renewals);
    enum err e;

    memcpy(r.state_id, d->state_id, sizeof r.state_id);
    memcpy(r.school, d->school, sizeof r.school);
    memcpy(r.grade, d->grade, sizeof r.grade);
    memcpy(r.homeroom, d->homeroom, sizeof r.homeroom);
    pack_renewal(&p, &r);
    e = pack_end(&p);
    if (e == ERR_LIMIT)
        buf_truncate(c->renewals, before);
    return e == ERR_LIMIT ? OK : e;
}

static enum err count_known(struct vault *v, struct staging *s, struct counting *c,
                            const struct student *child, const struct shape_student_record *d)
{
    struct shape_generation_record current;
    struct shape_school_counts *school;
    bool has_photo, expired;
    enum err e;

    if (strcmp(d->district, s->record.district) != 0)
        return OK;
    TRY(school_of(&school, c, d->school));
    e = student_current(child, v, c->today, NULL, &current, &expired);
    if (e && e != ERR_NOTFOUND)
        return e;
    has_photo = !e;
    count_files(c, school, d->state_id, &has_photo);
    if (student_consent(child, v, c->today) == CONSENT_STATE_IN) {
        school->with_photo += has_photo;
        school->without_photo += !has_photo;
    }
    if (consent_wants_renewal(child->answers, child->answer_count, v->policy, c->today))
        TRY(add_renewal(c, d));
    return OK;
}

static enum err count_loaded(struct vault *v, struct staging *s, struct counting *c,
                             const struct student *child)
{
    CLEANUP(heap) struct shape_student_record *details = calloc(1, sizeof *details);
    enum err e = details ? student_details(child, details) : ERR_NOMEM;

    if (!e)
        e = count_known(v, s, c, child, details);
    if (details)
        explicit_bzero(details, sizeof *details);
    return e;
}

static enum err lay_foretold(struct vault *v, const struct staging *s, struct student *child)
{
    CLEANUP(heap) struct shape_student_record *details = calloc(1, sizeof *details);
    enum err e = details ? student_details(child, details) : ERR_NOMEM;

    if (!e)
        e = foretold_lay(s->foretold, v, child, details->state_id);
    if (details)
        explicit_bzero(details, sizeof *details);
    return e;
}

static enum err count_child(struct vault *v, struct staging *s, struct counting *c, const unsigned char *sid)
{
    CLEANUP(student) struct student child = {.answer_count = 0};
    enum err e = student_load_sid(&child, v, sid);

    if (!e && s->foretold)
        e = lay_foretold(v, s, &child);
    if (!e)
        e = count_loaded(v, s, c, &child);
    return e == ERR_NOTFOUND || e == ERR_CORRUPT ? OK : e; /* erased meanwhile; damaged: photoctl fsck */
}

/* A child whom only the roster of a dry run makes known. */
static enum err count_new(struct vault *v, struct staging *s, struct counting *c, size_t index)
{
    CLEANUP(student) struct student child = {.answer_count = 0};
    char state_id[STATE_ID_TEXT];
    enum err e;

    foretold_child(s->foretold, index, state_id);
    e = student_load(&child, v, state_id);
    if (!e && record_is_there(&child.details))
        return OK; /* counted by its record */
    if (!e)
        e = foretold_lay(s->foretold, v, &child, state_id);
    if (!e)
        e = count_loaded(v, s, c, &child);
    return e == ERR_NOTFOUND || e == ERR_CORRUPT ? OK : e;
}

/* What is left is of children of whom the vault knows no school. */
static enum err count_others(struct staging *s, struct counting *c)
{
    struct shape_school_counts *school;

    TRY(school_of(&school, c, s->record.school));
    for (size_t i = 0; i < c->filed; i++)
        if (!c->files[i].counted)
            count_file(school, c->files[i].verdict->outcome);
    return OK;
}

/* ---- Lists ---- */

static enum err sid_visit(void *context, const unsigned char *sid, size_t sid_len, const unsigned char *value,
                          size_t value_len)
{
    struct counting *c = context;

    (void)value, (void)value_len;
    if (sid_len != SID_BYTES)
        return ERR_CORRUPT;
    if (c->count < c->max)
        memcpy(c->sids[c->count++], sid, SID_BYTES);
    return OK;
}

static enum err make_lists(struct vault *v, struct staging *s, struct counting *c)
{
    uint64_t students;

    c->today = law_today(clock_wall_ms());
    TRY(buf_new(&c->renewals, TABLE_MAX));
    TRY(store_count(v->store, KIND_STUDENT, &students));
    c->max = (size_t)students;
    c->sids = calloc(c->max + 1, SID_BYTES);
    c->files = calloc(s->count + 1u, sizeof *c->files);
    if (!c->sids || !c->files)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < s->count; i++)
        c->files[c->filed++] = (struct filed){&s->entries[i].verdict, false};
    qsort(c->files, c->filed, sizeof *c->files, by_state_id);
    return store_walk(v->store, KIND_STUDENT, "", 0, sid_visit, c);
}

/* ---- The steps ---- */

static enum err put(struct staging *s, struct counting *c, uint32_t row, const struct buf *plain)
{
    struct binding bound = binding_of(SEAL_ROW, s->id, row);
    CLEANUP(buf) struct buf *sealed = NULL;
    unsigned char key[ROW_KEY_BYTES];

    TRY(buf_new(&sealed, STORE_VALUE_MAX));
    TRY(envelope_seal(sealed, s->row_dek, &bound, buf_bytes(plain), buf_len(plain)));
    key_of_row(key, s->id, row);
    return store_batch_put(c->job.batch, KIND_ROW, key, sizeof key, buf_bytes(sealed), buf_len(sealed));
}

static int by_school(const void *a, const void *b)
{
    const struct shape_school_counts *x = a, *y = b;

    return strcmp(x->school, y->school);
}

static enum err write_tables(struct staging *s, struct counting *c)
{
    CLEANUP(buf) struct buf *schools = NULL;
    struct pack p;

    TRY(count_others(s, c));
    TRY(buf_new(&schools, TABLE_MAX));
    p = PACK(schools);
    qsort(c->schools, c->school_count, sizeof *c->schools, by_school);
    for (size_t i = 0; i < c->school_count; i++)
        pack_school_counts(&p, &c->schools[i]);
    TRY(pack_end(&p));
    TRY(store_batch_new(&c->job.batch));
    TRY(put(s, c, ROW_SCHOOLS, schools));
    c->written = true;
    return put(s, c, ROW_RENEWALS, c->renewals);
}

static void step_done(struct vault *v, struct job *job);

/* A step that only counts is a job without a batch: it lets the doors have their turn. */
static enum err step(struct vault *v, struct staging *s, struct counting *c)
{
    size_t all = c->count + foretold_count(s->foretold),
           end = c->at + CHILDREN_A_STEP < all ? c->at + CHILDREN_A_STEP : all;

    job_clear(&c->job);
    c->job = (struct job){.lane = LANE_BULK, .done = step_done};
    if (c->at == all)
        TRY(write_tables(s, c));
    for (; c->at < end; c->at++)
        TRY(c->at < c->count ? count_child(v, s, c, c->sids[c->at]) : count_new(v, s, c, c->at - c->count));
    return committer_submit(v->committer, &c->job);
}

static void end(struct vault *v, struct staging *s, struct counting *c, enum err e)
{
    if (e)
        log_error("a batch could not be counted: %s", err_name(e));
    s->counting = false;
    s->counted = !e;
    s->broken = e != OK;
    counting_free(c);
    if (!e)
        staging_pump(v);
}

static void step_done(struct vault *v, struct job *job)
{
    struct counting *c = (struct counting *)job;
    enum err e = job_result(job);

    if (!e && !c->written) {
        e = step(v, v->staging, c);
        if (!e)
            return;
    }
    end(v, v->staging, c, e);
}

void summary_begin(struct vault *v, struct staging *s)
{
    struct counting *c;
    enum err e;

    if (s->counting)
        return;
    c = calloc(1, sizeof *c);
    if (!c) {
        s->broken = true;
        return;
    }
    s->counting = true;
    e = make_lists(v, s, c);
    if (!e)
        e = step(v, s, c);
    if (e)
        end(v, s, c, e);
}

enum err summary_read(struct buf *out, struct vault *v, const unsigned char *batch_id,
                      const struct dek *row_dek, uint32_t row)
{
    struct binding bound = binding_of(SEAL_ROW, batch_id, row);
    CLEANUP(buf) struct buf *sealed = NULL;
    unsigned char key[ROW_KEY_BYTES];

    key_of_row(key, batch_id, row);
    TRY(buf_new(&sealed, STORE_VALUE_MAX));
    TRY(store_get(v->store, KIND_ROW, key, sizeof key, sealed));
    return envelope_open(out, row_dek, &bound, buf_bytes(sealed), buf_len(sealed));
}
