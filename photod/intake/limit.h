#ifndef PHOTOD_INTAKE_LIMIT_H
#define PHOTOD_INTAKE_LIMIT_H

/*
 * How long foreign bytes may occupy this process.  When the time is up,
 * SIGALRM's default action ends it, wherever a decoder hangs; the vault sees
 * the closed channel and reports too-slow, the parent starts a fresh worker.
 */
#define LIMIT_IMAGE_S   5
#define LIMIT_ENTRY_S   5
#define LIMIT_LISTING_S 60
#define LIMIT_ROSTER_S  60

void limit_begin(unsigned seconds);
void limit_end(void);

/* Around waiting for somebody else, whose slowness is not the file's. */
struct limit_rest {
    long sec, usec;
};
struct limit_rest limit_pause(void);
void limit_resume(struct limit_rest rest);

#endif
