/*
 * The profiles against the libraries the processes really use, at their
 * Debian versions: nothing of theirs may die or fail once confined.
 */
#include "tests/process/test_confine.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <lmdb.h>
#include <microhttpd.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unicode/utrans.h>
#include <unistd.h>
#include <vips/vips.h>
#include <zip.h>

static struct scene scene;

/* Which line failed, as the child's exit status has no room for more. */
#define MUST(condition)                                                                                      \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            (void)fprintf(stderr, "%s: not so: %s\n", __func__, #condition);                                 \
            return EIO;                                                                                      \
        }                                                                                                    \
    } while (0)

/* ---- web: libmicrohttpd with TLS on a connection of our own accept loop; ICU ---- */

static gnutls_datum_t certificate, key;

static void make_certificate(void)
{
    gnutls_x509_privkey_t private_key;
    gnutls_x509_crt_t crt;

    gnutls_x509_privkey_init(&private_key);
    gnutls_x509_privkey_generate(private_key, GNUTLS_PK_ECDSA,
                                 GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    gnutls_x509_crt_init(&crt);
    gnutls_x509_crt_set_version(crt, 3);
    gnutls_x509_crt_set_key(crt, private_key);
    gnutls_x509_crt_set_serial(crt, "\1", 1);
    gnutls_x509_crt_set_activation_time(crt, time(NULL) - 60);
    gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 3600);
    gnutls_x509_crt_set_dn(crt, "CN=localhost", NULL);
    ck_assert_int_eq(gnutls_x509_crt_sign2(crt, crt, private_key, GNUTLS_DIG_SHA256, 0), 0);
    ck_assert_int_eq(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &certificate), 0);
    ck_assert_int_eq(gnutls_x509_privkey_export2(private_key, GNUTLS_X509_FMT_PEM, &key), 0);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(private_key);
}

static enum MHD_Result say_hello(void *unused, struct MHD_Connection *c, const char *url, const char *method,
                                 const char *version, const char *bytes, size_t *len, void **held)
{
    static char hello[] = "hello";
    struct MHD_Response *r = MHD_create_response_from_buffer(5, hello, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result queued = MHD_queue_response(c, MHD_HTTP_OK, r);

    (void)unused, (void)url, (void)method, (void)version, (void)bytes, (void)len, (void)held;
    MHD_destroy_response(r);
    return queued;
}

static int serve_tls(struct scene *s)
{
    struct MHD_Daemon *d =
        MHD_start_daemon(MHD_USE_TLS | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
                             MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC | MHD_USE_POLL,
                         0, NULL, NULL, say_hello, NULL, MHD_OPTION_HTTPS_MEM_KEY, (const char *)key.data,
                         MHD_OPTION_HTTPS_MEM_CERT, (const char *)certificate.data, MHD_OPTION_END);

    MUST(d);
    for (int i = 0; i < 3; i++) {
        struct sockaddr_in peer;
        socklen_t len = sizeof peer;
        int fd = accept4(s->listener, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

        MUST(fd >= 0 && MHD_add_connection(d, fd, (struct sockaddr *)&peer, len) == MHD_YES);
    }
    (void)usleep(500000);
    MHD_stop_daemon(d);
    return 0;
}

static bool get_hello(const struct scene *s)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    gnutls_certificate_credentials_t trust;
    gnutls_session_t session;
    char reply[1024] = "";
    ssize_t n = 0, got = 0;
    bool done;

    gnutls_certificate_allocate_credentials(&trust);
    gnutls_init(&session, GNUTLS_CLIENT);
    gnutls_set_default_priority(session);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, trust);
    gnutls_transport_set_int(session, fd);
    done = connect(fd, (const struct sockaddr *)&s->address, sizeof s->address) == 0 &&
           gnutls_handshake(session) == 0 &&
           gnutls_record_send(session, request, sizeof request - 1) == (ssize_t)sizeof request - 1;
    while (done && got < (ssize_t)sizeof reply - 1 &&
           (n = gnutls_record_recv(session, reply + got, sizeof reply - 1 - (size_t)got)) > 0)
        got += n;
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(trust);
    (void)close(fd);
    return done && strstr(reply, "200 OK") && strstr(reply, "hello");
}

static void serve_web(int profile)
{
    pid_t client;
    int status;

    make_certificate();
    client = fork();
    if (client == 0) {
        bool good = true;

        for (int i = 0; i < 3; i++)
            good = get_hello(&scene) && good;
        _exit(good ? 0 : 1);
    }
    ck_assert_int_eq(outcome(&scene, profile, serve_tls), 0);
    ck_assert_int_eq(waitpid(client, &status, 0), client);
    ck_assert_int_eq(status, 0);
    gnutls_free(certificate.data);
    gnutls_free(key.data);
}

START_TEST(web_serves_tls_by_libmicrohttpd)
{
    serve_web(UNCONFINED);
    serve_web(CONFINE_WEB);
}
END_TEST

/* "Peña" becomes "pena": the rules are data of libicudata, found without a file. */
static int fold_name(struct scene *s)
{
    static const UChar id[] = u"Latin-ASCII; Lower";
    UErrorCode rc = U_ZERO_ERROR;
    UTransliterator *t = utrans_openU(id, -1, UTRANS_FORWARD, NULL, 0, NULL, &rc);
    UChar text[32] = u"Pe\u00f1a";
    int32_t len = 4, limit = 4;

    (void)s;
    MUST(U_SUCCESS(rc));
    utrans_transUChars(t, text, &len, 32, 0, &limit, &rc);
    utrans_close(t);
    MUST(U_SUCCESS(rc) && len == 4 && memcmp(text, u"pena", 4 * sizeof(UChar)) == 0);
    return 0;
}

START_TEST(names_are_folded_by_icu_without_a_file)
{
    ck_assert_int_eq(outcome(&scene, CONFINE_WEB, fold_name), 0);
    ck_assert_int_eq(outcome(&scene, CONFINE_INTAKE, fold_name), 0);
}
END_TEST

/* ---- vault: LMDB by /proc/self/fd, compaction, libsodium ---- */

static int store_in_lmdb(struct scene *s)
{
    char path[64], value[65536];
    MDB_val k = {5, (void *)(uintptr_t) "photo"}, v = {sizeof value, value};
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    int copy = openat(s->inside, "new", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    memset(value, 1, sizeof value);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", s->inside);
    MUST(mdb_env_create(&env) == 0 && mdb_env_set_mapsize(env, (size_t)1 << 34) == 0);
    MUST(mdb_env_open(env, path, MDB_NOTLS | MDB_NORDAHEAD, 0600) == 0);
    for (int i = 0; i < 50; i++) {
        MUST(mdb_txn_begin(env, NULL, 0, &txn) == 0 && mdb_dbi_open(txn, NULL, 0, &dbi) == 0);
        MUST(mdb_put(txn, dbi, &k, &v, 0) == 0 && mdb_txn_commit(txn) == 0);
    }
    MUST(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0 && mdb_get(txn, dbi, &k, &v) == 0);
    MUST(madvise((void *)((uintptr_t)v.mv_data & ~(uintptr_t)4095), 4096, MADV_WILLNEED) == 0);
    mdb_txn_abort(txn);
    MUST(copy >= 0 && mdb_env_copyfd2(env, copy, MDB_CP_COMPACT) == 0);
    MUST(mdb_env_set_mapsize(env, (size_t)1 << 35) == 0 && mdb_env_sync(env, 1) == 0);
    mdb_env_close(env);
    return 0;
}

static int seal_with_sodium(struct scene *s)
{
    static const unsigned char nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES];
    unsigned char sealed[64], plain[32] = {0}, *k;
    unsigned long long len;

    (void)s;
    MUST(sodium_init() >= 0);
    k = sodium_malloc(32);
    MUST(k && sodium_mlock(k, 32) == 0);
    randombytes_buf(k, 32);
    MUST(sodium_mprotect_readonly(k) == 0);
    MUST(crypto_aead_xchacha20poly1305_ietf_encrypt(sealed, &len, plain, 16, NULL, 0, NULL, nonce, k) == 0);
    MUST(sodium_mprotect_noaccess(k) == 0);
    MUST(crypto_pwhash(plain, 32, "word", 4, nonce, 2, (size_t)64 << 20, crypto_pwhash_ALG_ARGON2ID13) == 0);
    sodium_free(k);
    return 0;
}

START_TEST(the_vault_keeps_its_store_in_lmdb)
{
    ck_assert_int_eq(outcome(&scene, CONFINE_VAULT, store_in_lmdb), 0);
}
END_TEST

START_TEST(the_vault_seals_with_libsodium)
{
    ck_assert_int_eq(outcome(&scene, CONFINE_VAULT, seal_with_sodium), 0);
}
END_TEST

/* ---- intake: libvips warmed up before, libzip on memory ---- */

static void *picture;
static size_t picture_len;

static bool make_picture(int width, int height)
{
    VipsImage *noise = NULL, *bytes = NULL, *bands = NULL, *photo = NULL;
    bool done = vips_gaussnoise(&noise, width, height, "mean", 128.0, "sigma", 20.0, NULL) == 0 &&
                vips_cast(noise, &bytes, VIPS_FORMAT_UCHAR, NULL) == 0 &&
                vips_bandjoin((VipsImage *[3]){bytes, bytes, bytes}, &bands, 3, NULL) == 0 &&
                vips_copy(bands, &photo, "interpretation", VIPS_INTERPRETATION_sRGB, NULL) == 0 &&
                vips_jpegsave_buffer(photo, &picture, &picture_len, NULL) == 0;

    g_clear_object(&photo);
    g_clear_object(&bands);
    g_clear_object(&bytes);
    g_clear_object(&noise);
    return done;
}

static bool shrink(int width)
{
    VipsImage *small = NULL;
    void *jpeg = NULL;
    size_t len;
    bool done =
        vips_thumbnail_buffer(picture, picture_len, &small, width, "height", width * 5 / 4, NULL) == 0 &&
        vips_jpegsave_buffer(small, &jpeg, &len, "Q", 85, NULL) == 0;

    g_free(jpeg);
    g_clear_object(&small);
    return done;
}

/* Two hundred pictures, the life of a worker, each with a scale of its own. */
static int shrink_pictures(struct scene *s)
{
    struct confined got;

    (void)s;
    MUST(VIPS_INIT("test") == 0);
    vips_concurrency_set(1);
    vips_cache_set_max(0);
    MUST(make_picture(1000, 1250) && shrink(300));
    MUST(confine(&got, CONFINE_INTAKE, NULL, 0) == OK);
    for (int i = 0; i < 200; i++)
        MUST(shrink(100 + i * 3));
    return 0;
}

START_TEST(intake_shrinks_pictures_without_new_executable_memory)
{
    ck_assert_int_eq(outcome(&scene, UNCONFINED, shrink_pictures), 0);
}
END_TEST

static int read_zip(struct scene *s)
{
    zip_error_t error;
    zip_source_t *source, *text;
    zip_t *z;
    zip_file_t *f;
    char bytes[8] = "";

    (void)s;
    zip_error_init(&error);
    MUST((source = zip_source_buffer_create(NULL, 0, 0, &error)) != NULL);
    MUST((z = zip_open_from_source(source, ZIP_TRUNCATE, &error)) != NULL);
    MUST((text = zip_source_buffer(z, "hello", 5, 0)) != NULL && zip_file_add(z, "a.txt", text, 0) == 0);
    zip_source_keep(source);
    MUST(zip_close(z) == 0);
    MUST((z = zip_open_from_source(source, ZIP_RDONLY, &error)) != NULL);
    MUST((f = zip_fopen_index(z, 0, 0)) != NULL && zip_fread(f, bytes, 5) == 5 &&
         strcmp(bytes, "hello") == 0);
    (void)zip_fclose(f);
    zip_discard(z);
    return 0;
}

START_TEST(intake_reads_a_zip_in_memory)
{
    ck_assert_int_eq(outcome(&scene, CONFINE_INTAKE, read_zip), 0);
}
END_TEST

static void set(void)
{
    scene_set(&scene);
}

static void clear(void)
{
    scene_clear(&scene);
}

int main(void)
{
    Suite *s = suite_create("confine_libraries");
    TCase *t = tcase_create("libraries");

    tcase_add_checked_fixture(t, set, clear);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, web_serves_tls_by_libmicrohttpd);
    tcase_add_test(t, names_are_folded_by_icu_without_a_file);
    tcase_add_test(t, the_vault_keeps_its_store_in_lmdb);
    tcase_add_test(t, the_vault_seals_with_libsodium);
    tcase_add_test(t, intake_shrinks_pictures_without_new_executable_memory);
    tcase_add_test(t, intake_reads_a_zip_in_memory);
    suite_add_tcase(s, t);
    return run_suite(s);
}
