#include "photod/ctl/resume.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define VERSION     "Tus-Resumable: 1.0.0"
#define TRIES       12 /* without a byte in between: 1, 2, 4 ... 60 s, some seven minutes */
#define PAUSE_MAX_S 60

/* Whether the same may succeed in a while. */
static bool is_passing(long status)
{
    return status == 0 || status == 409 || status == 423 || status == 429 || status == 503;
}

static enum ctl_exit begin(struct http *h, const char *path, uint64_t bytes)
{
    CLEANUP(http_answer) struct http_answer a = {.status = 0};
    char length[48];

    (void)snprintf(length, sizeof length, "Upload-Length: %" PRIu64, bytes);
    TRY_CTL(http_request(&a, h, "POST", path, (const char *const[]){VERSION, length, NULL}, NULL));
    return a.status == 201 ? CTL_OK : http_expect_json(&a);
}

/* Where it stands.  *status: 0, nobody answers, which was said. */
static enum ctl_exit look(struct http *h, const char *path, uint64_t *offset, long *status)
{
    CLEANUP(http_answer) struct http_answer a = {.status = 0};

    *status = 0;
    TRY_CTL(http_request(&a, h, "HEAD", path, (const char *const[]){VERSION, NULL}, NULL));
    *status = a.status;
    if (a.status == 200 && a.upload_offset != UINT64_MAX) {
        *offset = a.upload_offset;
        return CTL_OK;
    }
    if (a.status == 404)
        return say_fail(CTL_FAILED, "no upload of this batch was begun");
    if (a.status == 410)
        return say_fail(CTL_FAILED, "the batch was not uploaded within its seven days: send the photos anew");
    return say_fail(CTL_FAILED, "the server answered %ld when asked where the upload stands", a.status);
}

/* The rest of the file. */
static enum ctl_exit send_rest(struct http *h, const char *path, const char *file, uint64_t offset,
                               long *status)
{
    const struct http_body body = {.type = "application/offset+octet-stream", .file = file, .offset = offset};
    CLEANUP(http_answer) struct http_answer a = {.status = 0};
    char at[48];

    *status = 0;
    (void)snprintf(at, sizeof at, "Upload-Offset: %" PRIu64, offset);
    TRY_CTL(http_request(&a, h, "PATCH", path, (const char *const[]){VERSION, at, NULL}, &body));
    *status = a.status;
    return a.status == 204 ? CTL_OK : http_expect_json(&a);
}

static void pause_s(unsigned tries)
{
    struct timespec t = {.tv_sec = tries < 7 ? 1 << (tries - 1) : PAUSE_MAX_S};

    if (t.tv_sec > PAUSE_MAX_S)
        t.tv_sec = PAUSE_MAX_S;
    say_hint("Trying again in %ld seconds; what was sent stays.", (long)t.tv_sec);
    (void)nanosleep(&t, NULL);
}

static enum ctl_exit go_on(struct http *h, const char *path, const char *file, uint64_t bytes)
{
    uint64_t offset = 0, reached = 0;
    long status;

    for (unsigned tries = 0;;) {
        enum ctl_exit code = look(h, path, &offset, &status);

        if (!code && offset > bytes)
            return say_fail(CTL_FAILED, "%s is not the file that this upload was begun with", file);
        if (!code && offset == bytes)
            return CTL_OK;
        if (!code && offset > reached) {
            reached = offset;
            tries = 0;
        }
        if (!code)
            code = send_rest(h, path, file, offset, &status);
        if (!code)
            return CTL_OK;
        if (!is_passing(status) || ++tries > TRIES)
            return code;
        pause_s(tries);
    }
}

enum ctl_exit resume_send(struct http *h, const char *path, const char *file, bool goes_on)
{
    struct stat st;

    if (stat(file, &st))
        return say_fail(CTL_FAILED, "%s: %s", file, strerror(errno));
    if (!goes_on)
        TRY_CTL(begin(h, path, (uint64_t)st.st_size));
    return go_on(h, path, file, (uint64_t)st.st_size);
}
