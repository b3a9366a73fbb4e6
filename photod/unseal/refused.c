#include "photod/unseal/refused.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

struct note {
    unsigned char salt[crypto_pwhash_SALTBYTES];
    unsigned char hash[32];
};

static enum err hash_pin(struct note *n, const struct secret *pin)
{
    if (crypto_pwhash(n->hash, sizeof n->hash, (const char *)secret_peek(pin), secret_len(pin), n->salt,
                      crypto_pwhash_OPSLIMIT_INTERACTIVE, crypto_pwhash_MEMLIMIT_INTERACTIVE,
                      crypto_pwhash_ALG_ARGON2ID13))
        return ERR_NOMEM;
    return OK;
}

enum err refused_is(bool *out, int note, const struct secret *pin)
{
    struct note noted, now;
    ssize_t n;

    *out = false;
    if (note < 0)
        return OK;
    n = pread(note, &noted, sizeof noted, 0);
    if (n < 0)
        return ERR_IO;
    if (n != sizeof noted)
        return OK; /* there is none */
    memcpy(now.salt, noted.salt, sizeof now.salt);
    TRY(hash_pin(&now, pin));
    *out = sodium_memcmp(now.hash, noted.hash, sizeof now.hash) == 0;
    return OK;
}

enum err refused_note(int note, const struct secret *pin)
{
    struct note n;

    if (note < 0)
        return OK;
    randombytes_buf(n.salt, sizeof n.salt);
    TRY(hash_pin(&n, pin));
    if (pwrite(note, &n, sizeof n, 0) != sizeof n || fdatasync(note))
        return errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO;
    return OK;
}

void refused_forget(int note)
{
    if (note >= 0 && lseek(note, 0, SEEK_END) > 0)
        (void)!ftruncate(note, 0);
}
