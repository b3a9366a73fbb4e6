#ifndef PHOTOD_VAULT_AUTH_H
#define PHOTOD_VAULT_AUTH_H

#include "photod/vault/audit.h"

/*
 * Who asks.  The vault checks secrets itself; of a client certificate it
 * has web's word that the chain holds, and its own enrolment record.
 *
 * Expected, both: ERR_NOTFOUND, not a credential we know (or past its day):
 * the answer was sent.
 */
MUST_CHECK enum err auth_certificate(struct vault *v, struct asker to,
                                     const unsigned char fingerprint[static 32], const char *source,
                                     struct actor *out);
/* Also ERR_DENIED: a known key, but not of this district; refused with its leaf. */
MUST_CHECK enum err auth_key(struct vault *v, struct asker to, const char *key, const char *district,
                             const char *source, struct actor *out);
/* Does not answer: for what a door reports about a request it refused itself.  Expected: ERR_NOTFOUND. */
MUST_CHECK enum err auth_known(struct vault *v, const unsigned char fingerprint[static 32], const char *key,
                               struct actor *out);

/* A request refused to somebody we do not know: one leaf per reason and minute, with a count. */
void strangers_note(struct vault *v, enum problem problem, uint32_t count);
void strangers_flush(struct vault *v, int64_t now_ms);

#endif
