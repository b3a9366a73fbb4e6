#ifndef PHOTOD_CTL_AGE_H
#define PHOTOD_CTL_AGE_H

#include "photod/ctl/hash.h"
#include "photod/ctl/say.h"

/*
 * Files in the age format (c2sp.org/age, version 1), which the stock `age`
 * opens and makes: for backups.  X25519 recipients (`age1...`) and identities
 * (`AGE-SECRET-KEY-1...`), no passphrases.  Everything is streamed: a chunk
 * of 64 KiB is authentic before any of it is handed out, and a file that was
 * cut, reordered or changed does not read to its end.
 *
 * Written with libsodium rather than by running `age`: a backup must not
 * depend on a program of the day, its search path and its pipes; and the
 * format is small.
 */
#define AGE_KEY_BYTES      32
#define AGE_RECIPIENTS_MAX 16
#define AGE_IDENTITIES_MAX 16

struct age_recipients {
    unsigned char key[AGE_RECIPIENTS_MAX][AGE_KEY_BYTES];
    unsigned count;
};

/* Secret: age_identities_clear() wipes. */
struct age_identities {
    unsigned char key[AGE_IDENTITIES_MAX][AGE_KEY_BYTES];
    unsigned count;
};

/* First in a process. */
MUST_CHECK enum err age_init(void);

/* Adds "age1...".  Expected, with *fault: ERR_MALFORMED, ERR_LIMIT. */
MUST_CHECK enum err age_recipient_add(struct age_recipients *to, struct fault *fault, const char *text);
/* Adds every identity of a file as age-keygen writes it: one a line, # begins a comment.  Errors as above. */
MUST_CHECK enum err age_identities_add(struct age_identities *to, struct fault *fault, const char *text);
void age_identities_clear(struct age_identities *i);
static inline void age_identities_cleanup(struct age_identities *i)
{
    age_identities_clear(i);
}

/* ---- Writing ---- */

struct age_writer;

/* Writes the header to fd, which stays the caller's.  Expected: ERR_IO, ERR_FULL (errno is kept). */
MUST_CHECK enum err age_writer_new(struct age_writer **out, int fd, const struct age_recipients *to);
MUST_CHECK enum err age_write(struct age_writer *w, const void *bytes, size_t len);
/* The last chunk: only now is the file one. */
MUST_CHECK enum err age_write_end(struct age_writer *w);
/* SHA-256 and length of the file as it was written: what lies at its name may be another by then. */
void age_writer_hash(unsigned char out[static HASH_BYTES], uint64_t *bytes, const struct age_writer *w);
void age_writer_free(struct age_writer *w);
DEFINE_CLEANUP(age_writer)

/* ---- Reading ---- */

struct age_reader;

/*
 * Reads the header of a regular file; fd stays the caller's.  Expected, with
 * *fault: ERR_MALFORMED (no age file, or more than 32 recipients), ERR_DENIED
 * (not for these identities), ERR_CORRUPT (for them, but changed), ERR_IO.
 */
MUST_CHECK enum err age_reader_new(struct age_reader **out, struct fault *fault, int fd,
                                   const struct age_identities *with);
/* The next chunk, borrowed until the next call; *len 0: the end, and all was whole.  Errors as above. */
MUST_CHECK enum err age_read(struct age_reader *r, struct fault *fault, const unsigned char **bytes,
                             size_t *len);
/* SHA-256 and length of what was read so far: after the end, of the file. */
void age_reader_hash(unsigned char out[static HASH_BYTES], uint64_t *bytes, const struct age_reader *r);
void age_reader_free(struct age_reader *r);
DEFINE_CLEANUP(age_reader)

#endif
