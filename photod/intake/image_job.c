#include <string.h>
#include "photod/base/log.h"
#include "photod/base/text.h"
#include "photod/intake/jobs.h"
#include "photod/intake/limit.h"
#include "photod/wire/bulk.h"
#include "ingest/archive.h"
#include "ingest/image.h"

#define RENDITIONS 3
/* Of lawapi/outcome.def; the only one the ingest library cannot find by itself. */
#define FAULT_TOO_SLOW "too-slow"

/* Each inside the one before, as image_normalise() wants them. */
static enum err take_shapes(struct image_shape shapes[static RENDITIONS], const struct shape_image *m)
{
    shapes[0] = (struct image_shape){m->full_width, m->full_height, m->full_bytes};
    shapes[1] = (struct image_shape){m->standard_width, m->standard_height, m->standard_bytes};
    shapes[2] = (struct image_shape){m->mobile_width, m->mobile_height, m->mobile_bytes};
    for (int i = 0; i < RENDITIONS; i++) {
        const struct image_shape *s = &shapes[i], *before = i ? &shapes[i - 1] : s;

        if (!s->width || !s->height || !s->max_bytes || s->width > before->width ||
            s->height > before->height)
            return ERR_MALFORMED;
    }
    return OK;
}

static enum err answer_fault(struct worker *w, uint32_t request, const char *code)
{
    struct shape_fault fault = {0};

    TRY(text_copy(fault.code, sizeof fault.code, code));
    return worker_answer(w, MSG_IMAGE_FAULT, request, &fault, NULL, 0);
}

static enum err answer_done(struct worker *w, uint32_t request, const struct image_result *r)
{
    struct shape_image_done done = {
        .exif_date = r->taken_on, .width = r->width, .height = r->height, .flat = r->phash.is_flat};
    int fds[RENDITIONS] = {-1, -1, -1};
    enum err e = OK;

    memcpy(done.phash, r->phash.bits, sizeof done.phash);
    for (int i = 0; i < RENDITIONS && !e; i++)
        e = bulk_new(&fds[i], buf_bytes(r->renditions[i].jpeg), buf_len(r->renditions[i].jpeg));
    if (!e)
        e = worker_answer(w, MSG_IMAGE_DONE, request, &done, fds, RENDITIONS);
    for (int i = 0; i < RENDITIONS; i++)
        fd_cleanup(&fds[i]);
    return e;
}

static enum err normalise(struct image_result *out, const char **fault, int fd,
                          const struct image_shape *shapes)
{
    __attribute__((cleanup(bulk_cleanup))) struct bulk file = {0};
    enum err e = bulk_map(&file, fd, ARCHIVE_ENTRY_MAX);

    if (e == ERR_LIMIT)
        return fault_found(fault, FAULT_ENTRY_TOO_LARGE);
    if (e)
        return e;
    limit_begin(LIMIT_IMAGE_S);
    e = image_normalise(out, fault, file.bytes, file.len, shapes, RENDITIONS);
    limit_end();
    return e;
}

enum err image_job(struct worker *w, struct message *image)
{
    __attribute__((cleanup(image_result_cleanup))) struct image_result result = {0};
    struct image_shape shapes[RENDITIONS];
    const char *fault = NULL;
    enum err e;

    TRY(take_shapes(shapes, &image->is.image));
    e = normalise(&result, &fault, image->fds[0], shapes);
    if (e == ERR_MALFORMED && fault)
        return answer_fault(w, image->request, fault);
    if (e == ERR_NOMEM) { /* the next picture gets a fresh process */
        log_warning("a picture needs more memory than a worker may take");
        w->jobs_left = 0;
        return answer_fault(w, image->request, FAULT_TOO_SLOW);
    }
    if (e)
        return e;
    return answer_done(w, image->request, &result);
}
