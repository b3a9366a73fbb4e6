#ifndef PHOTOD_CTL_LOG_VERIFY_H
#define PHOTOD_CTL_LOG_VERIFY_H

#include "photod/ctl/log_read.h"
#include "photod/ctl/note.h"

/*
 * Verifies a log directory against nothing but the log's public key: the
 * checkpoint's signature, every entry, every tile, the root, and that
 * nothing else lies there (but files at the top whose names start with a dot:
 * the writer's scratch, which no reader of a log asks for).  It shares no code with the writer (store/,
 * keys/): other library, other algorithm.
 *
 * Every fault is named by its file.  When two files contradict each other,
 * the one that the signed root bears out is believed.  The verdict does not
 * depend on that: a log is good only if there is no finding at all, and
 * then every tile equals what the entries give and so does the root.
 */
struct log_finding {
    char *file;
    char *what;
};

#define LOG_FINDINGS_MAX 1000 /* then the walk ends */

struct log_report {
    struct checkpoint head; /* valid when head_ok */
    bool head_ok;
    struct log_finding *findings;
    size_t count;
    char first_time[64], last_time[64]; /* member "t" of the first and last entry, or "" */
};

/*
 * older: another checkpoint of this log, whose tree must be a part of this
 * one; or NULL.  A log that does not verify is no error but findings.
 * Expected: ERR_IO (the directory cannot be read).
 */
MUST_CHECK enum err log_verify(struct log_report *out, int dir_fd, const struct vkey *key,
                               const struct checkpoint *older);
void log_report_clear(struct log_report *r);
static inline void log_report_cleanup(struct log_report *r)
{
    log_report_clear(r);
}

/* The member "t" of an entry that is JSON, as text for people; "" if there is none. */
void log_entry_time(char *out, size_t size, const void *entry, size_t len);

#endif
