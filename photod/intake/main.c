/*
 * photod-intake: reads what was uploaded.  Started by photod with its control
 * channel as descriptor 3; everything it parses is hostile, so it confines
 * itself before the first byte of it.
 */
#include <errno.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "photod/base/log.h"
#include "photod/confine/confine.h"
#include "photod/intake/worker.h"
#include "ingest/image.h"
#include "ingest/roster.h"

/* photod stops, instead of starting another that could not work either. */
#define EXIT_CONFIGURATION 2

static enum err give_way(void)
{
    errno = 0;
    if (nice(19) == -1 && errno) {
        log_errno("nice");
        return ERR_IO;
    }
    return OK;
}

#ifdef PHOTOD_SANITIZED
/*
 * libvips' idle threads are older than Landlock, so the leak check may not
 * look at their stacks and takes what they hold for lost.
 */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:g_malloc0\n";
}
#endif

static enum err run(void)
{
    struct confined confined;
    struct shape_ready ready = {0};
    struct worker w;

    TRY(worker_adopt(&w));
    TRY(give_way()); /* before any thread: niceness is each thread's own, and inherited */
    TRY(image_init());
    TRY(roster_init());
    TRY(confine(&confined, CONFINE_INTAKE, NULL, 0));
    ready.landlock_abi = (uint32_t)confined.landlock_abi;
    ready.seccomp = confined.seccomp;
    return worker_serve(&w, &ready);
}

int main(void)
{
    enum err e;

    log_init("photod-intake");
    /* Started by descriptor, it would be called after its number. */
    (void)prctl(PR_SET_NAME, "photod-intake");
    e = run();
    if (!e || e == ERR_CLOSED)
        return EXIT_SUCCESS;
    if (e == ERR_DENIED)
        return EXIT_CONFIGURATION;
    log_error("leaving: %s", err_name(e));
    return EXIT_FAILURE;
}
