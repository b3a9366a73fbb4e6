#include "photod/unseal/token.h"

#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>
#include <sodium.h>
#include <string.h>
#include "photod/base/log.h"

#define SLOTS_MAX 64

struct token {
    CK_FUNCTION_LIST *module;
    bool is_initialized;
    P11KitUri *uri;
    CK_SESSION_HANDLE session;
    CK_TOKEN_INFO info;
};

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_OBJECT_CLASS secret_key = CKO_SECRET_KEY;
static CK_KEY_TYPE aes = CKK_AES;
static CK_ULONG aes_bytes = 32;

static enum err say(CK_RV rv, const char *what)
{
    log_error("the token: %s: %s (CKR 0x%lx)", what, p11_kit_strerror(rv), rv);
    return ERR_IO;
}

/* Leaves the calling function when the token says no. */
#define CALL(what, call)                                                                                     \
    do {                                                                                                     \
        CK_RV call_rv_ = (call);                                                                             \
        if (call_rv_ != CKR_OK)                                                                              \
            return say(call_rv_, what);                                                                      \
    } while (0)

/* ---- Finding it ---- */

static enum err parse_uri(P11KitUri *uri, const char *text)
{
    int rc = p11_kit_uri_parse(text, P11_KIT_URI_FOR_OBJECT_ON_TOKEN, uri);

    if (rc != P11_KIT_URI_OK || p11_kit_uri_any_unrecognized(uri)) {
        log_error("pkcs11_uri: not an RFC 7512 URI of a token and a key: %s",
                  rc == P11_KIT_URI_OK ? "it has an attribute unknown here" : p11_kit_uri_message(rc));
        return ERR_MALFORMED;
    }
    if (p11_kit_uri_get_pin_value(uri) || p11_kit_uri_get_pin_source(uri)) {
        log_error("pkcs11_uri: the PIN may not stand here; pkcs11_pin names its file");
        return ERR_MALFORMED;
    }
    return OK;
}

static enum err load(struct token *t, const char *path)
{
    t->module = p11_kit_module_load(path, P11_KIT_MODULE_UNMANAGED);
    if (!t->module) {
        const char *why = p11_kit_message();

        log_error("pkcs11_module: %s cannot be loaded%s%s", path, why ? ": " : "", why ? why : "");
        return ERR_NOTFOUND;
    }
    CALL("its module does not start", p11_kit_module_initialize(t->module));
    t->is_initialized = true;
    return OK;
}

static enum err find_slot(CK_SLOT_ID *slot, struct token *t)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG count = SLOTS_MAX;
    unsigned found = 0;
    CK_TOKEN_INFO info;

    CALL("its slots cannot be listed", t->module->C_GetSlotList(CK_TRUE, slots, &count));
    for (CK_ULONG i = 0; i < count; i++) {
        if (t->module->C_GetTokenInfo(slots[i], &info) != CKR_OK || !(info.flags & CKF_TOKEN_INITIALIZED) ||
            !p11_kit_uri_match_token_info(t->uri, &info))
            continue;
        *slot = slots[i];
        t->info = info;
        found++;
    }
    if (found == 1)
        return OK;
    if (found)
        log_error("pkcs11_uri: %u tokens fit; add the serial= of the one that is meant", found);
    else
        log_error("pkcs11_uri: no token fits (of %lu that are there): is it plugged in and switched on?",
                  count);
    return ERR_NOTFOUND;
}

enum err token_open(struct token **out, const struct config *c)
{
    CLEANUP(token) struct token *t = calloc(1, sizeof *t);
    CK_SLOT_ID slot;

    if (!t)
        return ERR_NOMEM;
    t->uri = p11_kit_uri_new();
    if (!t->uri)
        return ERR_NOMEM;
    p11_kit_be_quiet();
    TRY(parse_uri(t->uri, c->pkcs11_uri));
    TRY(load(t, c->pkcs11_module));
    TRY(find_slot(&slot, t));
    if (t->info.flags & CKF_PROTECTED_AUTHENTICATION_PATH) {
        log_error("the token takes its PIN at a keypad of its own: starting would wait for a person");
        return ERR_DENIED;
    }
    CALL("no session can be opened",
         t->module->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &t->session));
    *out = TAKE(t);
    return OK;
}

void token_free(struct token *t)
{
    if (!t)
        return;
    if (t->is_initialized) /* ends the session, and the login with it */
        (void)p11_kit_module_finalize(t->module);
    if (t->module)
        p11_kit_module_release(t->module);
    p11_kit_uri_free(t->uri);
    free(t);
}

enum err token_login(struct token *t, const struct secret *pin)
{
    CLEANUP(secret) struct secret *copy = NULL; /* PKCS#11 takes what it does not write as writable */
    CK_RV rv;

    if (t->info.flags & CKF_USER_PIN_LOCKED) {
        log_error("the token's PIN is locked: its security officer must set it anew");
        return ERR_DENIED;
    }
    if (t->info.flags & CKF_USER_PIN_FINAL_TRY) {
        log_error(
            "the token allows one more try of its PIN, which is left to you: log in once by the token's own "
            "tool, then start again");
        return ERR_DENIED;
    }
    TRY(secret_new(&copy, secret_len(pin)));
    memcpy(secret_bytes(copy), secret_peek(pin), secret_len(pin));
    rv = t->module->C_Login(t->session, CKU_USER, secret_bytes(copy), secret_len(copy));
    if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
        return OK;
    if (rv == CKR_PIN_INCORRECT || rv == CKR_PIN_INVALID || rv == CKR_PIN_LEN_RANGE)
        return ERR_CORRUPT;
    (void)say(rv, "login");
    return rv == CKR_PIN_LOCKED || rv == CKR_PIN_EXPIRED ? ERR_DENIED : ERR_IO;
}

/* ---- The key ---- */

/* What any key of ours is, and room for two more attributes. */
struct wanted {
    CK_ATTRIBUTE list[5];
    CK_ULONG count;
};

static void want_aes_key(struct wanted *w)
{
    *w = (struct wanted){.count = 3,
                         .list = {{CKA_CLASS, &secret_key, sizeof secret_key},
                                  {CKA_KEY_TYPE, &aes, sizeof aes},
                                  {CKA_TOKEN, &yes, sizeof yes}}};
}

static enum err find_key(CK_OBJECT_HANDLE *key, struct token *t, struct wanted *w)
{
    CK_OBJECT_HANDLE found[2];
    CK_ULONG count = 0;

    CALL("its keys cannot be searched", t->module->C_FindObjectsInit(t->session, w->list, w->count));
    CALL("its keys cannot be searched", t->module->C_FindObjects(t->session, found, 2, &count));
    CALL("its keys cannot be searched", t->module->C_FindObjectsFinal(t->session));
    if (!count)
        return ERR_NOTFOUND;
    if (count > 1)
        return ERR_EXISTS;
    *key = found[0];
    return OK;
}

/* A key that could be read out of the token would make it a box for a file. */
static enum err check_key(struct token *t, CK_OBJECT_HANDLE key)
{
    CK_BBOOL is_sensitive = CK_FALSE, is_extractable = CK_TRUE;
    CK_ULONG bytes = 0;
    CK_ATTRIBUTE got[] = {{CKA_SENSITIVE, &is_sensitive, sizeof is_sensitive},
                          {CKA_EXTRACTABLE, &is_extractable, sizeof is_extractable},
                          {CKA_VALUE_LEN, &bytes, sizeof bytes}};

    CALL("its key cannot be looked at", t->module->C_GetAttributeValue(t->session, key, got, 3));
    if (is_sensitive && !is_extractable && bytes == aes_bytes)
        return OK;
    log_error("the token's key could leave the token, or is no AES-256 key: it must be sensitive and not "
              "extractable");
    return ERR_DENIED;
}

static CK_GCM_PARAMS gcm(unsigned char *iv, char *bound, size_t bound_len)
{
    return (CK_GCM_PARAMS){.pIv = iv,
                           .ulIvLen = SEALED_IV,
                           .ulIvBits = 8 * SEALED_IV,
                           .pAAD = (unsigned char *)bound,
                           .ulAADLen = bound_len,
                           .ulTagBits = 8 * SEALED_TAG};
}

/* Tokens say the same of a wrong tag and of much else. */
static enum err decrypt(struct secret **root, struct token *t, CK_OBJECT_HANDLE key,
                        const struct sealed_root *s)
{
    CLEANUP(secret) struct secret *plain = NULL; /* room for the tag: some tokens ask for it */
    CLEANUP(secret) struct secret *made = NULL;
    struct sealed_root copy = *s;
    char bound[SEALED_TEXT_MAX];
    CK_GCM_PARAMS params = gcm(copy.iv, bound, sealed_bound(bound, s));
    CK_MECHANISM mechanism = {CKM_AES_GCM, &params, sizeof params};
    CK_ULONG len = SEALED_KEY + SEALED_TAG;
    CK_RV rv;

    TRY(secret_new(&plain, len));
    TRY(secret_new(&made, SEALED_KEY));
    CALL("it does not do AES-GCM, which photod seals by",
         t->module->C_DecryptInit(t->session, &mechanism, key));
    rv = t->module->C_Decrypt(t->session, copy.sealed, sizeof copy.sealed, secret_bytes(plain), &len);
    if (rv != CKR_OK || len != SEALED_KEY) {
        log_error(
            "the token does not open the root key file: it was sealed by another key of this id (CKR 0x%lx)",
            rv);
        return ERR_CORRUPT;
    }
    memcpy(secret_bytes(made), secret_peek(plain), SEALED_KEY);
    *root = TAKE(made);
    return OK;
}

enum err token_unseal(struct secret **root, struct token *t, const struct sealed_root *s)
{
    struct sealed_root copy = *s;
    CK_OBJECT_HANDLE key;
    struct wanted w;
    enum err e;

    want_aes_key(&w);
    w.list[w.count++] = (CK_ATTRIBUTE){CKA_ID, copy.key_id, copy.key_id_len};
    e = find_key(&key, t, &w);
    if (e == ERR_NOTFOUND || e == ERR_EXISTS) {
        log_error("the token has %s key of the id in the root key file, which %s sealed",
                  e == ERR_EXISTS ? "more than one" : "no", s->token);
        return ERR_NOTFOUND;
    }
    TRY(e);
    TRY(check_key(t, key));
    return decrypt(root, t, key, s);
}

/* ---- Sealing ---- */

static enum err make_key(CK_OBJECT_HANDLE *key, struct token *t, CK_ATTRIBUTE *label, CK_ATTRIBUTE *id)
{
    unsigned char random[16], name[] = "photod root key";
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    CK_ATTRIBUTE list[] = {
        {CKA_CLASS, &secret_key, sizeof secret_key},
        {CKA_KEY_TYPE, &aes, sizeof aes},
        {CKA_VALUE_LEN, &aes_bytes, sizeof aes_bytes},
        {CKA_TOKEN, &yes, sizeof yes},
        {CKA_PRIVATE, &yes, sizeof yes},
        {CKA_SENSITIVE, &yes, sizeof yes},
        {CKA_EXTRACTABLE, &no, sizeof no},
        {CKA_ENCRYPT, &yes, sizeof yes},
        {CKA_DECRYPT, &yes, sizeof yes},
        {CKA_LABEL, label ? label->pValue : name, label ? label->ulValueLen : sizeof name - 1},
        {CKA_ID, id ? id->pValue : random, id ? id->ulValueLen : sizeof random},
    };

    randombytes_buf(random, sizeof random);
    CALL("it does not make an AES-256 key",
         t->module->C_GenerateKey(t->session, &mechanism, list, sizeof list / sizeof list[0], key));
    return OK;
}

static enum err find_or_make_key(CK_OBJECT_HANDLE *key, struct token *t)
{
    CK_ATTRIBUTE *label = p11_kit_uri_get_attribute(t->uri, CKA_LABEL);
    CK_ATTRIBUTE *id = p11_kit_uri_get_attribute(t->uri, CKA_ID);
    struct wanted w;
    enum err e;

    want_aes_key(&w);
    if (label)
        w.list[w.count++] = *label;
    if (id)
        w.list[w.count++] = *id;
    if (!label && !id) {
        log_error("pkcs11_uri: names no key; add object=NAME, which is made if there is none");
        return ERR_MALFORMED;
    }
    e = find_key(key, t, &w);
    if (e == ERR_NOTFOUND)
        return make_key(key, t, label, id);
    if (e == ERR_EXISTS)
        log_error("pkcs11_uri: several AES keys of the token fit; add the id= of the one that is meant");
    return e;
}

/* What the file says of where it was sealed. */
static enum err describe(struct sealed_root *s, struct token *t, CK_OBJECT_HANDLE key)
{
    CK_ATTRIBUTE id = {CKA_ID, s->key_id, sizeof s->key_id};
    P11KitUri *uri = p11_kit_uri_new();
    char *text = NULL;
    size_t len;

    if (!uri)
        return ERR_NOMEM;
    *p11_kit_uri_get_token_info(uri) = t->info;
    if (p11_kit_uri_format(uri, P11_KIT_URI_FOR_TOKEN, &text) == P11_KIT_URI_OK) {
        len = strlen(text);
        if (len < sizeof s->token)
            memcpy(s->token, text, len + 1);
    }
    free(text);
    p11_kit_uri_free(uri);
    CALL("its key has no id", t->module->C_GetAttributeValue(t->session, key, &id, 1));
    s->key_id_len = id.ulValueLen;
    if (s->key_id_len && s->key_id_len <= sizeof s->key_id && *s->token)
        return OK;
    log_error("the token's key has no id (CKA_ID) by which it could be found again");
    return ERR_NOTFOUND;
}

/* A token in FIPS mode takes an IV of its own and leaves it where ours was. */
static enum err encrypt(struct sealed_root *s, struct token *t, CK_OBJECT_HANDLE key,
                        const struct secret *root)
{
    CLEANUP(secret) struct secret *copy = NULL;
    char bound[SEALED_TEXT_MAX];
    CK_GCM_PARAMS params = gcm(s->iv, bound, sealed_bound(bound, s));
    CK_MECHANISM mechanism = {CKM_AES_GCM, &params, sizeof params};
    CK_ULONG len = sizeof s->sealed;

    randombytes_buf(s->iv, sizeof s->iv);
    TRY(secret_new(&copy, SEALED_KEY));
    memcpy(secret_bytes(copy), secret_peek(root), SEALED_KEY);
    CALL("it does not do AES-GCM, which photod seals by",
         t->module->C_EncryptInit(t->session, &mechanism, key));
    CALL("it does not seal the root key",
         t->module->C_Encrypt(t->session, secret_bytes(copy), SEALED_KEY, s->sealed, &len));
    if (len == sizeof s->sealed)
        return OK;
    log_error("the token sealed the root key to %lu bytes instead of %zu", len, sizeof s->sealed);
    return ERR_IO;
}

enum err token_seal(struct sealed_root *s, struct token *t, const struct secret *root)
{
    CLEANUP(secret) struct secret *again = NULL;
    struct sealed_root made = {.key_id_len = 0};
    CK_OBJECT_HANDLE key;

    TRY(find_or_make_key(&key, t));
    TRY(check_key(t, key));
    TRY(describe(&made, t, key));
    TRY(encrypt(&made, t, key, root));
    TRY(token_unseal(&again, t, &made));
    if (sodium_memcmp(secret_peek(again), secret_peek(root), SEALED_KEY) != 0) {
        log_error("the token opens what it sealed to something else");
        return ERR_CORRUPT;
    }
    *s = made;
    return OK;
}
