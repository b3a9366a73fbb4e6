#include <string.h>
#include "photod/base/log.h"
#include "photod/base/text.h"
#include "store/format.h"

#define FORMAT      1
#define STRING_(x)  #x
#define STRING(x)   STRING_(x)
#define FORMAT_TEXT STRING(FORMAT)

static const char key_text[] = "format";

/* steps[v] turns version v into v + 1 inside one transaction.  There was no version 0. */
typedef enum err migration(struct store *s);
static migration *const steps[FORMAT] = {NULL};

struct span format_key(void)
{
    return (struct span){(const unsigned char *)key_text, strlen(key_text)};
}

struct span format_value(void)
{
    return (struct span){(const unsigned char *)FORMAT_TEXT, strlen(FORMAT_TEXT)};
}

bool format_owns(const void *key, size_t key_len)
{
    return key_len == strlen(key_text) && memcmp(key, key_text, key_len) == 0;
}

static enum err migrate(struct store *s, uint64_t version)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%llu", (unsigned long long)version + 1);
    enum err e;

    TRY(s->ops->begin(s));
    e = steps[version](s);
    if (!e)
        e = s->ops->put(s, KIND_META, format_key(), (struct span){(unsigned char *)text, (size_t)len});
    if (!e)
        e = s->ops->commit(s);
    if (e) {
        s->ops->abort(s);
        return e;
    }
    log_info("store: brought from format %llu to %s", (unsigned long long)version, text);
    return s->ops->erase(s);
}

enum err format_check(struct store *s)
{
    CLEANUP(buf) struct buf *b = NULL;
    uint64_t version = 0;
    enum err e;

    TRY(buf_new(&b, 32));
    e = s->ops->get(s, KIND_META, format_key(), b);
    if (e && e != ERR_NOTFOUND && e != ERR_LIMIT)
        return e;
    if (e || u64_parse(&version, buf_text(b), UINT32_MAX) || version == 0) {
        log_error("store: it does not say which format it has: it is damaged, or not a photod store");
        return ERR_CORRUPT;
    }
    if (version > FORMAT) {
        log_error(
            "store: format %llu was written by a newer photod; this one knows %d: install the newer one",
            (unsigned long long)version, FORMAT);
        return ERR_DENIED;
    }
    for (; version < FORMAT; version++)
        TRY(migrate(s, version));
    return OK;
}
