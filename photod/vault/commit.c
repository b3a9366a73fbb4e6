#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>
#include "keys/note.h"
#include "photod/base/clock.h"
#include "photod/base/log.h"
#include "photod/vault/ballast.h"
#include "photod/vault/commit.h"

#define GROUP_MAX  64
#define PUBLISH_MS 200 /* the log's files follow the store by at most this; receipts do not wait for them */

struct queue {
    struct job *first, **end;
    unsigned length;
};

struct committer {
    struct vault *vault; /* only store, keys (signing) and tiles */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct queue waiting[LANE_COUNT];
    struct queue done;
    bool stopping;
    bool failed; /* the disk did: the store takes nothing any more */
    int event_fd;

    struct store_head head;  /* of unpublished */
    struct buf *unpublished; /* the last checkpoint signed, while its files are not written */
    int64_t published_ms;    /* when files were last written */
};

static void queue_push(struct queue *q, struct job *j)
{
    j->next = NULL;
    *q->end = j;
    q->end = &j->next;
    q->length++;
}

static struct job *queue_pop(struct queue *q)
{
    struct job *j = q->first;

    if (!j)
        return NULL;
    q->first = j->next;
    if (!q->first)
        q->end = &q->first;
    q->length--;
    return j;
}

static void queue_init(struct queue *q)
{
    *q = (struct queue){.end = &q->first};
}

/* Law jobs first; of the others at most one that does file work, so that a lookup never waits for a long
 * upload. */
static unsigned take_group(struct committer *c, struct job *group[GROUP_MAX])
{
    unsigned count = 0;
    struct job *j;

    while (count < GROUP_MAX && (j = queue_pop(&c->waiting[LANE_LAW])))
        group[count++] = j;
    while (count < GROUP_MAX && (j = queue_pop(&c->waiting[LANE_BULK]))) {
        group[count++] = j;
        if (j->work)
            break;
    }
    return count;
}

static bool has_work(const struct committer *c)
{
    return c->waiting[LANE_LAW].length || c->waiting[LANE_BULK].length;
}

/* Gives each job that wants one the way from its leaf to the signed root. */
static void prove(struct committer *c, struct job *j, const struct store_head *head,
                  const struct buf *checkpoint)
{
    enum err e = buf_new(&j->proof, 64 * LOG_HASH_BYTES);

    if (!e)
        e = buf_new(&j->checkpoint, 4096);
    if (!e)
        e = store_log_proof(c->vault->store, j->outcome.first_leaf, head->size, j->proof);
    if (!e)
        e = buf_append(j->checkpoint, buf_bytes(checkpoint), buf_len(checkpoint));
    if (e)
        j->work_err = e;
}

/* What found no room and must not wait is tried again with the ballast's. */
static void commit_vital(struct committer *c, struct job **jobs, unsigned count, struct store_head *head)
{
    struct store_batch *batches[GROUP_MAX];
    struct store_outcome outcomes[GROUP_MAX];
    struct job *again[GROUP_MAX];
    unsigned n = 0;

    for (unsigned i = 0; i < count; i++)
        if (jobs[i]->outcome.result == STORE_FULL && (jobs[i]->lane == LANE_LAW || jobs[i]->vital)) {
            again[n] = jobs[i];
            batches[n++] = jobs[i]->batch;
        }
    if (!n || !ballast_release(c->vault))
        return;
    store_commit(c->vault->store, batches, n, outcomes, head);
    for (unsigned i = 0; i < n; i++)
        again[i]->outcome = outcomes[i];
}

static bool is_doubtful(const struct job *j)
{
    return j->outcome.result == STORE_UNKNOWN || j->outcome.result == STORE_READONLY;
}

static void commit_batches(struct committer *c, struct job **group, unsigned count, struct buf *checkpoint)
{
    struct store_batch *batches[GROUP_MAX];
    struct store_outcome outcomes[GROUP_MAX];
    struct job *jobs[GROUP_MAX];
    struct store_head head = {.size = 0};
    unsigned n = 0;

    for (unsigned i = 0; i < count; i++) {
        if (!group[i]->batch || group[i]->work_err)
            continue;
        jobs[n] = group[i];
        batches[n++] = group[i]->batch;
    }
    if (!n)
        return;
    store_commit(c->vault->store, batches, n, outcomes, &head);
    for (unsigned i = 0; i < n; i++)
        jobs[i]->outcome = outcomes[i];
    commit_vital(c, jobs, n, &head);
    if (is_doubtful(jobs[0]) || head.size == 0)
        return;
    if (keys_sign_checkpoint(checkpoint, c->vault->keys, head.size, head.root)) {
        log_error("the checkpoint of size %llu cannot be signed", (unsigned long long)head.size);
        for (unsigned i = 0; i < n; i++)
            jobs[i]->work_err = ERR_CORRUPT;
        return;
    }
    c->head = head;
    for (unsigned i = 0; i < n; i++)
        if (jobs[i]->wants_proof && jobs[i]->outcome.result == STORE_COMMITTED)
            prove(c, jobs[i], &head, checkpoint);
}

static void hand_back(struct committer *c, struct job **group, unsigned count)
{
    const uint64_t one = 1;

    pthread_mutex_lock(&c->lock);
    c->failed = store_is_readonly(c->vault->store);
    for (unsigned i = 0; i < count; i++)
        queue_push(&c->done, group[i]);
    pthread_mutex_unlock(&c->lock);
    (void)!write(c->event_fd, &one, sizeof one);
}

/* Files are dear to write and can be rebuilt, so many commits share one writing. */
static void publish(struct committer *c)
{
    enum err e = tiles_publish(c->vault->tiles, &c->head, buf_bytes(c->unpublished), buf_len(c->unpublished));

    if (e)
        log_error("the log's files cannot be written (%s); the log itself is in the store", err_name(e));
    buf_free(c->unpublished);
    c->unpublished = NULL;
    c->published_ms = clock_steady_ms();
}

static void run_group(struct committer *c, struct job **group, unsigned count)
{
    CLEANUP(buf) struct buf *checkpoint = NULL;
    enum err e = buf_new(&checkpoint, 4096);

    for (unsigned i = 0; i < count; i++) {
        group[i]->work_err = e;
        if (!e && group[i]->work)
            group[i]->work_err = group[i]->work(group[i]);
    }
    if (!e)
        commit_batches(c, group, count, checkpoint);
    hand_back(c, group, count);
    if (e || !buf_len(checkpoint))
        return;
    buf_free(c->unpublished);
    c->unpublished = TAKE(checkpoint);
}

static bool publish_is_due(const struct committer *c)
{
    return c->unpublished && clock_steady_ms() - c->published_ms >= PUBLISH_MS;
}

/* Waits, with the lock held, for jobs, for the end, or until files are due. */
static void wait_for_work(struct committer *c)
{
    struct timespec until;

    while (!has_work(c) && !c->stopping && !publish_is_due(c)) {
        if (!c->unpublished) {
            pthread_cond_wait(&c->work, &c->lock);
            continue;
        }
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += PUBLISH_MS * 1000000L / 4;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        (void)pthread_cond_timedwait(&c->work, &c->lock, &until);
    }
}

static void *run(void *argument)
{
    struct committer *c = argument;
    struct job *group[GROUP_MAX];
    bool ends;

    do {
        unsigned count;

        pthread_mutex_lock(&c->lock);
        wait_for_work(c);
        count = take_group(c, group);
        ends = !count && c->stopping;
        pthread_mutex_unlock(&c->lock);
        if (count)
            run_group(c, group, count);
        if (publish_is_due(c) || (ends && c->unpublished))
            publish(c);
    } while (!ends);
    return NULL;
}

enum err committer_start(struct committer **out, struct vault *v)
{
    struct committer *c = calloc(1, sizeof *c);
    pthread_condattr_t monotonic;

    if (!c)
        return ERR_NOMEM;
    c->vault = v;
    for (unsigned i = 0; i < LANE_COUNT; i++)
        queue_init(&c->waiting[i]);
    queue_init(&c->done);
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&c->work, &monotonic);
    c->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->event_fd < 0 || pthread_create(&c->thread, NULL, run, c)) {
        log_errno("the committing thread");
        free(c);
        return ERR_IO;
    }
    *out = c;
    return OK;
}

void committer_stop(struct committer *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    pthread_cond_signal(&c->work);
    pthread_mutex_unlock(&c->lock);
    (void)pthread_join(c->thread, NULL);
    committer_collect(c, c->vault);
    (void)close(c->event_fd);
    free(c);
}

enum err committer_submit(struct committer *c, struct job *j)
{
    enum err e = OK;

    pthread_mutex_lock(&c->lock);
    if (c->stopping || c->waiting[j->lane].length >= COMMIT_QUEUE)
        e = ERR_BUSY;
    else
        queue_push(&c->waiting[j->lane], j);
    pthread_cond_signal(&c->work);
    pthread_mutex_unlock(&c->lock);
    return e;
}

int committer_fd(const struct committer *c)
{
    return c->event_fd;
}

/* Every commit says whether a lookup could be released now. */
static void note_health(struct vault *v, enum store_result result)
{
    if (result == STORE_COMMITTED)
        v->unhealthy = false;
    else if (result != STORE_CONFLICT)
        v->unhealthy = true;
}

void committer_collect(struct committer *c, struct vault *v)
{
    uint64_t count;
    struct job *j;

    (void)!read(c->event_fd, &count, sizeof count);
    for (;;) {
        pthread_mutex_lock(&c->lock);
        j = queue_pop(&c->done);
        v->disk_failed = c->failed;
        pthread_mutex_unlock(&c->lock);
        if (!j)
            return;
        if (j->batch && !j->work_err)
            note_health(v, j->outcome.result);
        j->done(v, j);
    }
}

void job_clear(struct job *j)
{
    store_batch_free(j->batch);
    buf_free(j->proof);
    buf_free(j->checkpoint);
    j->batch = NULL;
    j->proof = j->checkpoint = NULL;
    j->work_err = OK;
}

enum err job_result(const struct job *j)
{
    if (j->work_err || !j->batch)
        return j->work_err;
    switch (j->outcome.result) {
    case STORE_COMMITTED:
        return OK;
    case STORE_CONFLICT:
        return ERR_BUSY;
    case STORE_FULL:
        return ERR_FULL;
    case STORE_CORRUPT:
        return ERR_CORRUPT;
    case STORE_READONLY:
    case STORE_UNKNOWN:
        break;
    }
    return ERR_IO;
}
