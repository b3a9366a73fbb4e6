#include "photod/unseal/sealed.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include "photod/base/text.h"

#define TITLE       "photod root key, sealed by a PKCS#11 token (1)"
#define CHECK_BYTES 4
#define IV_AND_KEY  (SEALED_IV + SEALED_KEY + SEALED_TAG)

_Static_assert(sizeof TITLE + SEALED_TOKEN_MAX + 2 * (SEALED_ID_MAX + IV_AND_KEY + CHECK_BYTES) + 40 <
                   SEALED_TEXT_MAX,
               "every file fits");

size_t sealed_bound(char text[static SEALED_TEXT_MAX], const struct sealed_root *s)
{
    char id[2 * SEALED_ID_MAX + 1];

    hex_encode(id, s->key_id, s->key_id_len);
    return (size_t)snprintf(text, SEALED_TEXT_MAX, TITLE "\ntoken %s\nkey %s\n", s->token, id);
}

size_t sealed_print(char text[static SEALED_TEXT_MAX], const struct sealed_root *s)
{
    char iv[2 * SEALED_IV + 1], sealed[2 * sizeof s->sealed + 1], check[2 * CHECK_BYTES + 1];
    unsigned char hash[crypto_generichash_BYTES];
    size_t len = sealed_bound(text, s);

    hex_encode(iv, s->iv, sizeof s->iv);
    hex_encode(sealed, s->sealed, sizeof s->sealed);
    len += (size_t)snprintf(text + len, SEALED_TEXT_MAX - len, "aes-256-gcm %s%s\n", iv, sealed);
    (void)crypto_generichash(hash, sizeof hash, (const unsigned char *)text, len, NULL, 0);
    hex_encode(check, hash, CHECK_BYTES);
    return len + (size_t)snprintf(text + len, SEALED_TEXT_MAX - len, "check %s\n", check);
}

/* Cuts `name value` and its newline off *text; NULL when that is not what comes next. */
static char *take_line(char **text, const char *name)
{
    size_t len = strlen(name);
    char *value = *text, *end = strchr(value, '\n');

    if (!end || strncmp(value, name, len) != 0)
        return NULL;
    *end = '\0';
    *text = end + 1;
    return value + len;
}

static enum err decode(struct sealed_root *s, char *text)
{
    const char *title = take_line(&text, TITLE), *token = take_line(&text, "token ");
    const char *id = take_line(&text, "key "), *sealed = take_line(&text, "aes-256-gcm ");
    unsigned char both[IV_AND_KEY];

    if (!title || !token || !id || !sealed)
        return ERR_MALFORMED;
    s->key_id_len = strlen(id) / 2;
    if (s->key_id_len < 1 || s->key_id_len > SEALED_ID_MAX || text_copy(s->token, sizeof s->token, token))
        return ERR_MALFORMED;
    TRY(hex_decode(s->key_id, s->key_id_len, id));
    TRY(hex_decode(both, sizeof both, sealed));
    memcpy(s->iv, both, sizeof s->iv);
    memcpy(s->sealed, both + sizeof s->iv, sizeof s->sealed);
    return OK;
}

/* There is one text to a meaning: whatever was decoded must print as what was read, check and all. */
enum err sealed_parse(struct sealed_root *out, const char *text, size_t len)
{
    char copy[SEALED_TEXT_MAX] = "", again[SEALED_TEXT_MAX];
    struct sealed_root s = {.key_id_len = 0};

    if (len >= sizeof copy || memchr(text, '\0', len))
        return ERR_MALFORMED;
    memcpy(copy, text, len);
    TRY(decode(&s, copy));
    if (sealed_print(again, &s) != len || memcmp(again, text, len) != 0)
        return ERR_MALFORMED;
    *out = s;
    return OK;
}
