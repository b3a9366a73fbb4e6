#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "photod/ctl/age_inside.h"

struct age_writer {
    int fd;
    struct hash *hash;
    uint64_t chunk;
    size_t len; /* of plain */
    unsigned char key[AGE_KEY_BYTES];
    unsigned char plain[AGE_CHUNK], sealed[AGE_CHUNK_SEALED];
};

static enum err write_all(struct age_writer *w, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;

    hash_add(w->hash, bytes, len);
    while (len) {
        ssize_t n = write(w->fd, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO;
        at += n;
        len -= (size_t)n;
    }
    return OK;
}

static void base64(char *text, size_t size, const void *bytes, size_t len)
{
    (void)sodium_bin2base64(text, size, bytes, len, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
}

static enum err put_stanza(struct buf *header, const unsigned char *recipient, const unsigned char *file_key)
{
    unsigned char share[AGE_KEY_BYTES], wrapped[AGE_WRAPPED];
    char share_text[AGE_BASE64(sizeof share)], wrapped_text[AGE_BASE64(sizeof wrapped)];

    TRY(age_wrap(share, wrapped, recipient, file_key));
    base64(share_text, sizeof share_text, share, sizeof share);
    base64(wrapped_text, sizeof wrapped_text, wrapped, sizeof wrapped);
    /* 43 characters: one line, which ends the body as it is shorter than 64. */
    return buf_printf(header, "-> " AGE_STANZA " %s\n%s\n", share_text, wrapped_text);
}

static enum err write_header(struct age_writer *w, const struct age_recipients *to,
                             const unsigned char *file_key)
{
    CLEANUP(buf) struct buf *header = NULL;
    unsigned char mac[AGE_MAC], nonce[AGE_NONCE];
    char mac_text[AGE_BASE64(sizeof mac)];

    TRY(buf_new(&header, 65536));
    TRY(buf_printf(header, AGE_VERSION "\n"));
    for (unsigned i = 0; i < to->count; i++)
        TRY(put_stanza(header, to->key[i], file_key));
    TRY(buf_printf(header, "---"));
    age_mac(mac, file_key, buf_bytes(header), buf_len(header));
    base64(mac_text, sizeof mac_text, mac, sizeof mac);
    TRY(buf_printf(header, " %s\n", mac_text));
    randombytes_buf(nonce, sizeof nonce);
    age_payload_key(w->key, file_key, nonce);
    TRY(buf_append(header, nonce, sizeof nonce));
    return write_all(w, buf_bytes(header), buf_len(header));
}

enum err age_writer_new(struct age_writer **out, int fd, const struct age_recipients *to)
{
    CLEANUP(age_writer) struct age_writer *w = calloc(1, sizeof *w);
    unsigned char file_key[AGE_FILE_KEY];
    enum err e;

    if (!w)
        return ERR_NOMEM;
    w->fd = fd;
    TRY(hash_new(&w->hash));
    randombytes_buf(file_key, sizeof file_key);
    e = write_header(w, to, file_key);
    sodium_memzero(file_key, sizeof file_key);
    TRY(e);
    *out = TAKE(w);
    return OK;
}

static enum err seal(struct age_writer *w, bool last)
{
    unsigned char nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

    age_chunk_nonce(nonce, w->chunk++, last);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(w->sealed, NULL, w->plain, w->len, NULL, 0, NULL, nonce,
                                                    w->key);
    TRY(write_all(w, w->sealed, w->len + crypto_aead_chacha20poly1305_ietf_ABYTES));
    w->len = 0;
    return OK;
}

enum err age_write(struct age_writer *w, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;

    while (len) {
        size_t n = AGE_CHUNK - w->len < len ? AGE_CHUNK - w->len : len;

        if (!n) { /* more comes: so this one is not the last */
            TRY(seal(w, false));
            continue;
        }
        memcpy(w->plain + w->len, at, n);
        w->len += n;
        at += n;
        len -= n;
    }
    return OK;
}

enum err age_write_end(struct age_writer *w)
{
    return seal(w, true);
}

void age_writer_hash(unsigned char out[static HASH_BYTES], uint64_t *bytes, const struct age_writer *w)
{
    hash_get(out, bytes, w->hash);
}

void age_writer_free(struct age_writer *w)
{
    if (!w)
        return;
    hash_free(w->hash);
    sodium_memzero(w, sizeof *w);
    free(w);
}
