/*
 * photod-unseal: asks a PKCS#11 token for the root key, hands it over and
 * exits.  It loads the token's own library, the only foreign code that ever
 * sees the root key; so it is a process of its own, for seconds, without
 * store, state or anything of the vault's, and nothing of it stays.
 *
 *   photod-unseal open   by the parent, at each start of the vault; by photoctl: restore
 *   photod-unseal seal   by photoctl: init, keys rekey, unseal --recover
 *
 *   descriptor   open                                  seal
 *   0            -                                     the root key's digits
 *   1            where the root key's digits go        where the root key file goes
 *   3            photod.conf                           photod.conf
 *   4            the file whose first line is the PIN  the same
 *   5            the root key file                     -
 *   6            the note of a refused PIN             -
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include "keys/seal.h"
#include "photod/base/log.h"
#include "photod/confine/confine.h"
#include "photod/unseal/refused.h"
#include "photod/unseal/sealed.h"
#include "photod/unseal/token.h"

#define PIN_MAX    255
#define PATIENCE_S 60

enum { FD_CONFIG = 3, FD_PIN, FD_SEALED, FD_NOTE };

static void too_late(int signal)
{
    static const char line[] = "<3>photod-unseal: the token did not answer within a minute\n";

    (void)signal;
    (void)!write(STDERR_FILENO, line, sizeof line - 1);
    _exit(1);
}

/* ---- In and out ---- */

/* At most max bytes, to the end; a byte more is ERR_LIMIT. */
static enum err read_all(unsigned char *to, size_t *len, size_t max, int fd)
{
    ssize_t n;

    for (*len = 0; *len <= max; *len += (size_t)n) {
        n = read(fd, to + *len, max + 1 - *len);
        if (n == 0)
            return OK;
        if (n < 0 && errno == EINTR)
            n = 0;
        else if (n < 0)
            return ERR_IO;
    }
    return ERR_LIMIT;
}

static enum err read_config(struct config *c)
{
    struct config_fault fault = {.text = "cannot be read"};

    if (!config_read(c, &fault, FD_CONFIG))
        return OK;
    log_error("photod.conf:%u: %s", fault.line, fault.text);
    return ERR_MALFORMED;
}

static enum err read_pin(struct secret **out, const char *path)
{
    CLEANUP(secret) struct secret *text = NULL;
    CLEANUP(secret) struct secret *pin = NULL;
    size_t len, n = 0;

    TRY(secret_new(&text, PIN_MAX + 2));
    if (!read_all(secret_bytes(text), &len, PIN_MAX + 1, FD_PIN))
        while (n < len && !strchr("\r\n", secret_peek(text)[n]))
            n++;
    if (!n || n > PIN_MAX) {
        log_error("pkcs11_pin: the first line of %s must be the token's PIN, of 1 to %d bytes", path,
                  PIN_MAX);
        return ERR_MALFORMED;
    }
    TRY(secret_new(&pin, n));
    memcpy(secret_bytes(pin), secret_peek(text), n);
    *out = TAKE(pin);
    return OK;
}

static enum err read_sealed(struct sealed_root *s, const char *path)
{
    unsigned char text[SEALED_TEXT_MAX + 1];
    size_t len;

    if (!read_all(text, &len, SEALED_TEXT_MAX, FD_SEALED) && !sealed_parse(s, (const char *)text, len))
        return OK;
    log_error("root_key: %s is damaged, or is none that a token opens", path);
    return ERR_MALFORMED;
}

static enum err write_sealed(const struct sealed_root *s)
{
    char text[SEALED_TEXT_MAX];
    size_t len = sealed_print(text, s);

    if (write(STDOUT_FILENO, text, len) == (ssize_t)len)
        return OK;
    log_errno("the root key file cannot be written");
    return ERR_IO;
}

/* ---- The two ways ---- */

static enum err login(struct token *t, const struct secret *pin, int note, const char *path)
{
    enum err e = token_login(t, pin);

    if (e != ERR_CORRUPT) {
        if (!e)
            refused_forget(note);
        return e;
    }
    if (refused_note(note, pin))
        log_error("the token refused the PIN in %s, and the disk the note of that: stop photod before it "
                  "tries again",
                  path);
    else
        log_error("the token refused the PIN in %s: it is not tried again until that file holds another",
                  path);
    return ERR_DENIED;
}

static enum err check_not_refused(int note, const struct secret *pin, const char *path)
{
    bool was_refused;
    enum err e = refused_is(&was_refused, note, pin);

    if (e)
        log_error("whether the token refused this PIN before cannot be told: %s; it is not tried",
                  err_name(e));
    else if (was_refused) {
        log_error("the token refused the PIN in %s before: not tried again, so that the token does not lock; "
                  "put the right one there",
                  path);
        e = ERR_DENIED;
    }
    return e;
}

static enum err open_root(const struct config *c, const struct secret *pin)
{
    CLEANUP(token) struct token *t = NULL;
    CLEANUP(secret) struct secret *root = NULL;
    int note = fcntl(FD_NOTE, F_GETFD) < 0 ? -1 : FD_NOTE; /* none where photoctl asks */
    struct sealed_root s;

    TRY(read_sealed(&s, c->root_key));
    TRY(check_not_refused(note, pin, c->pkcs11_pin));
    TRY(token_open(&t, c));
    TRY(login(t, pin, note, c->pkcs11_pin));
    TRY(token_unseal(&root, t, &s));
    return seal_make(root, "key-file", STDOUT_FILENO, -1);
}

static enum err seal_root(const struct config *c, const struct secret *pin)
{
    CLEANUP(token) struct token *t = NULL;
    CLEANUP(secret) struct secret *root = NULL;
    struct sealed_root s;

    TRY(seal_key_file_read(&root, STDIN_FILENO));
    TRY(token_open(&t, c));
    TRY(login(t, pin, -1, c->pkcs11_pin));
    TRY(token_seal(&s, t, root));
    return write_sealed(&s);
}

/* The token's library must be given the user whose rights the parent would give it. */
static enum err become_user(const struct config *c)
{
    if (geteuid() != 0 || strcmp(c->confinement, "users") != 0)
        return OK;
    return confine_user(c->user_unseal);
}

static enum err run(bool seals)
{
    static struct config c;
    CLEANUP(secret) struct secret *pin = NULL;
    struct confined confined;

    TRY(read_config(&c));
    TRY(become_user(&c));
    TRY(confine(&confined, CONFINE_UNSEAL, NULL, 0));
    TRY(read_pin(&pin, c.pkcs11_pin));
    return seals ? seal_root(&c, pin) : open_root(&c, pin);
}

int main(int argc, char **argv)
{
    bool seals = argc == 2 && strcmp(argv[1], "seal") == 0;

    log_init("photod-unseal");
    if (!seals && (argc != 2 || strcmp(argv[1], "open") != 0)) {
        log_error(
            "is started by photod and photoctl: photod-unseal open|seal, with its files as descriptors");
        return 2;
    }
    (void)signal(SIGALRM, too_late);
    (void)alarm(PATIENCE_S);
    return sodium_init() < 0 || run(seals) ? EXIT_FAILURE : EXIT_SUCCESS;
}
