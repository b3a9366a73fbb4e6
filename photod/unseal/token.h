#ifndef PHOTOD_UNSEAL_TOKEN_H
#define PHOTOD_UNSEAL_TOKEN_H

#include "keys/secret.h"
#include "photod/base/config.h"
#include "photod/unseal/sealed.h"

/*
 * The token: its module loaded by p11-kit, one session, one AES-256 key that
 * is sensitive and not extractable, and CKM_AES_GCM, which the token does
 * itself.  Everything that goes wrong is logged here, in one line.
 */
struct token;

/*
 * Loads config.pkcs11_module and finds the one token that config.pkcs11_uri
 * describes.  Expected: ERR_MALFORMED (the URI), ERR_NOTFOUND (no module, no
 * token, or several), ERR_DENIED (it takes its PIN elsewhere), ERR_IO.
 */
MUST_CHECK enum err token_open(struct token **out, const struct config *c);
void token_free(struct token *t);
DEFINE_CLEANUP(token)

/*
 * Expected: ERR_CORRUPT (the PIN is wrong, which the caller logs: the only
 * error that must never lead to a second try), ERR_DENIED (the PIN is locked,
 * or would be by one more mistake: not tried), ERR_IO.
 */
MUST_CHECK enum err token_login(struct token *t, const struct secret *pin);

/* Expected: ERR_NOTFOUND (the key is not on the token), ERR_DENIED (it could leave the token), ERR_CORRUPT,
 * ERR_IO. */
MUST_CHECK enum err token_unseal(struct secret **root, struct token *t, const struct sealed_root *s);
/*
 * Seals root by the key that config.pkcs11_uri describes, which is made if
 * there is none, and proves that it opens.  Expected: as token_unseal();
 * ERR_EXISTS (several keys fit).
 */
MUST_CHECK enum err token_seal(struct sealed_root *s, struct token *t, const struct secret *root);

#endif
