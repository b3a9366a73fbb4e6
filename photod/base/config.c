#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "photod/base/buf.h"
#include "photod/base/config.h"
#include "photod/base/log.h"
#include "photod/base/text.h"

#define CONFIG_MAX (1u << 20)

enum value_kind { VALUE_TEXT, VALUE_NUMBER };

static const struct key {
    const char *name;
    enum value_kind kind;
    size_t offset, size;
    uint64_t min, max, fallback_number;
    const char *fallback_text;
} keys[] = {
#define CONFIG_TEXT(key, size, fallback, help)                                                               \
    {#key, VALUE_TEXT, offsetof(struct config, key), size, 0, 0, 0, fallback},
#define CONFIG_NUMBER(key, min, max, fallback, help)                                                         \
    {#key, VALUE_NUMBER, offsetof(struct config, key), 0, min, max, fallback, ""},
#include "photod/base/config.def"
#undef CONFIG_TEXT
#undef CONFIG_NUMBER
};

#define KEY_COUNT (sizeof keys / sizeof keys[0])

static enum err fail(struct config_fault *fault, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum err fail(struct config_fault *fault, unsigned line, const char *format, ...)
{
    va_list args;

    fault->line = line;
    va_start(args, format);
    (void)vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
    return ERR_MALFORMED;
}

static const struct key *find(const char *name)
{
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

static enum err set(struct config *c, const struct key *k, const char *value, struct config_fault *fault,
                    unsigned line)
{
    void *field = (char *)c + k->offset;
    uint64_t number;

    if (k->kind == VALUE_TEXT) {
        if (text_copy(field, k->size, value))
            return fail(fault, line, "%s is longer than %zu bytes", k->name, k->size - 1);
        return OK;
    }
    if (u64_parse(&number, value, k->max) || number < k->min)
        return fail(fault, line, "%s must be a whole number from %llu to %llu", k->name,
                    (unsigned long long)k->min, (unsigned long long)k->max);
    memcpy(field, &number, sizeof number);
    return OK;
}

static enum err parse_line(struct config *c, bool seen[KEY_COUNT], char *text, struct config_fault *fault,
                           unsigned line)
{
    char *name = text_trim(text), *equals;
    const struct key *k;

    if (*name == '\0' || *name == '#')
        return OK;
    equals = strchr(name, '=');
    if (!equals)
        return fail(fault, line, "expected `key = value`");
    *equals = '\0';
    name = text_trim(name);
    k = find(name);
    if (!k)
        return fail(fault, line, "unknown key `%.60s`; `photoctl init --help` lists the keys", name);
    if (seen[k - keys])
        return fail(fault, line, "%s is given twice", k->name);
    seen[k - keys] = true;
    return set(c, k, text_trim(equals + 1), fault, line);
}

static enum err set_fallbacks(struct config *c, const bool seen[KEY_COUNT], struct config_fault *fault)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        const struct key *k = &keys[i];

        if (seen[i])
            continue;
        if (!k->fallback_text)
            return fail(fault, 0, "%s must be set", k->name);
        if (k->kind == VALUE_TEXT)
            TRY(set(c, k, k->fallback_text, fault, 0));
        else
            memcpy((char *)c + k->offset, &k->fallback_number, sizeof k->fallback_number);
    }
    return OK;
}

/* The seal methods themselves are keys/seal.c's. */
static enum err check_seal(const struct config *c, struct config_fault *fault)
{
    bool is_credential = strcmp(c->seal, "credential") == 0,
         is_passphrase = strcmp(c->seal, "passphrase") == 0, is_pkcs11 = strcmp(c->seal, "pkcs11") == 0;

    if (!is_credential && !is_passphrase && !is_pkcs11 && strcmp(c->seal, "key-file") != 0)
        return fail(fault, 0, "seal must be `key-file`, `passphrase`, `credential` or `pkcs11`");
    if (is_passphrase && !*c->seal_passphrase)
        return fail(fault, 0, "seal_passphrase must be set, because seal is `passphrase`");
    if (is_pkcs11 && (*c->pkcs11_module != '/' || !*c->pkcs11_uri || !*c->pkcs11_pin))
        return fail(fault, 0,
                    "pkcs11_module (an absolute path), pkcs11_uri and pkcs11_pin must be set, because "
                    "seal is `pkcs11`");
    if (is_credential && (!*c->root_key || strchr(c->root_key, '/') || *c->root_key == '.'))
        return fail(fault, 0, "root_key must be a credential's name, no path, because seal is `credential`");
    return OK;
}

enum err config_parse(struct config *out, struct config_fault *fault, const char *text, size_t len)
{
    CLEANUP(heap) char *copy = NULL;
    CLEANUP(heap) struct config *c = calloc(1, sizeof *c);
    bool seen[KEY_COUNT] = {false};
    unsigned line = 0;

    copy = strndup(text, len);
    if (!copy || !c)
        return ERR_NOMEM;
    if (strlen(copy) != len)
        return fail(fault, 0, "the file holds a NUL byte");
    for (char *rest = copy, *next; rest; rest = next) {
        next = strchr(rest, '\n');
        if (next)
            *next++ = '\0';
        TRY(parse_line(c, seen, rest, fault, ++line));
    }
    TRY(set_fallbacks(c, seen, fault));
    if (strcmp(c->confinement, "users") != 0 && strcmp(c->confinement, "same-user") != 0)
        return fail(fault, 0, "confinement must be `users` or `same-user`");
    TRY(check_seal(c, fault));
    *out = *c;
    return OK;
}

enum err config_read(struct config *out, struct config_fault *fault, int fd)
{
    CLEANUP(buf) struct buf *b = NULL;
    unsigned char chunk[4096];
    ssize_t n;
    enum err e;

    fault->line = 0;
    TRY(buf_new(&b, CONFIG_MAX));
    for (off_t at = 0; (n = pread(fd, chunk, sizeof chunk, at)) > 0; at += n) {
        e = buf_append(b, chunk, (size_t)n);
        if (e) {
            (void)fail(fault, 0, "the file is larger than 1 MiB");
            return e;
        }
    }
    if (n < 0) {
        (void)fail(fault, 0, "cannot be read: %s", strerror(errno));
        return ERR_IO;
    }
    return config_parse(out, fault, buf_text(b), buf_len(b));
}
