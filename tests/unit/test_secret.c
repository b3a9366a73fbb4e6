#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include "keys/inside.h"

static void start(void)
{
    ck_assert_int_eq(keys_init(), OK);
}

START_TEST(a_new_secret_is_zero)
{
    static const unsigned char zero[100];
    CLEANUP(secret) struct secret *s = NULL;

    ck_assert_int_eq(secret_new(&s, sizeof zero), OK);
    ck_assert_uint_eq(secret_len(s), sizeof zero);
    ck_assert_mem_eq(secret_peek(s), zero, sizeof zero);
    ck_assert_ptr_eq(secret_bytes(s), secret_peek(s));
}
END_TEST

START_TEST(random_secrets_differ)
{
    CLEANUP(secret) struct secret *a = NULL;
    CLEANUP(secret) struct secret *b = NULL;

    ck_assert_int_eq(secret_random(&a, 32), OK);
    ck_assert_int_eq(secret_random(&b, 32), OK);
    ck_assert_mem_ne(secret_peek(a), secret_peek(b), 32);
}
END_TEST

START_TEST(taking_bytes_wipes_the_callers)
{
    static const unsigned char zero[8];
    unsigned char bytes[8] = "secret!";
    CLEANUP(secret) struct secret *s = NULL;

    ck_assert_int_eq(secret_take(&s, bytes, sizeof bytes), OK);
    ck_assert_mem_eq(secret_peek(s), "secret!", 8);
    ck_assert_mem_eq(bytes, zero, sizeof zero);
}
END_TEST

START_TEST(freeing_nothing_is_fine)
{
    secret_free(NULL);
    dek_free(NULL);
    keys_free(NULL);
}
END_TEST

START_TEST(keys_init_may_be_called_again)
{
    ck_assert_int_eq(keys_init(), OK);
}
END_TEST

/* The sanitizers' run time makes mlock() a no-op. */
#ifndef PHOTOD_SANITIZED

static long locked_kib(void)
{
    CLEANUP(file) FILE *f = fopen("/proc/self/status", "re");
    char line[200];
    long kib = -1;

    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof line, f))
        if (strncmp(line, "VmLck:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    ck_assert_int_ge(kib, 0);
    return kib;
}

START_TEST(a_secret_is_locked_until_it_is_freed)
{
    CLEANUP(secret) struct secret *s = NULL;
    long before = locked_kib();

    ck_assert_int_eq(secret_new(&s, 8192), OK);
    ck_assert_int_ge(locked_kib(), before + 8);
    secret_free(TAKE(s));
    ck_assert_int_eq(locked_kib(), before);
}
END_TEST

/* Root may lock what it likes: the limit binds only those without CAP_IPC_LOCK. */
static void limit_locked(rlim_t bytes)
{
    struct rlimit limit = {bytes, bytes};

    ck_assert_int_eq(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
    if (geteuid() == 0)
        ck_assert_int_eq(setuid(65534), 0);
}

START_TEST(memory_that_cannot_be_locked_is_refused)
{
    struct secret *s;
    void *unlocked;
    unsigned made = 0;
    enum err e;

    limit_locked(256 * 1024);
    while (made < 1000 && !(e = secret_new(&s, 4096)))
        made++; /* kept: the process ends with the test */
    ck_assert_uint_ge(made, 16);
    ck_assert_uint_lt(made, 64);
    ck_assert_int_eq(e, ERR_LIMIT);
    /* What is guarded against: libsodium still gives memory, and says nothing. */
    unlocked = sodium_malloc(4096);
    ck_assert_ptr_nonnull(unlocked);
    sodium_free(unlocked);
}
END_TEST

START_TEST(bytes_are_wiped_even_when_they_cannot_be_kept)
{
    static const unsigned char zero[8];
    unsigned char bytes[8] = "secret!";
    struct secret *s;

    limit_locked(0);
    ck_assert_int_eq(secret_take(&s, bytes, sizeof bytes), ERR_LIMIT);
    ck_assert_mem_eq(bytes, zero, sizeof zero);
}
END_TEST

START_TEST(keys_init_refuses_when_nothing_can_be_locked)
{
    limit_locked(0);
    ck_assert_int_eq(keys_init(), ERR_LIMIT);
}
END_TEST

#endif

START_TEST(data_keys_run_out_and_come_back)
{
    struct dek *held[DEK_SLOTS], *more;

    for (size_t i = 0; i < DEK_SLOTS; i++)
        ck_assert_int_eq(dek_new(&held[i]), OK);
    ck_assert_int_eq(dek_new(&more), ERR_LIMIT);
    dek_free(held[100]);
    ck_assert_int_eq(dek_new(&more), OK);
    ck_assert_ptr_eq(more, held[100]);
    for (size_t i = 0; i < DEK_SLOTS; i++)
        dek_free(held[i]);
}
END_TEST

START_TEST(a_freed_data_key_is_wiped)
{
    static const struct dek zero;
    struct dek *d;

    ck_assert_int_eq(dek_new(&d), OK);
    ck_assert_mem_ne(d->bytes, zero.bytes, DEK_BYTES);
    dek_free(d);
    /* Its slot is ours to look at: the arena stays. */
    ck_assert_mem_eq(d->bytes, zero.bytes, DEK_BYTES);
    ck_assert_mem_eq(d->id, zero.id, KEY_ID_BYTES);
}
END_TEST

START_TEST(the_id_of_a_data_key_follows_from_its_bytes)
{
    CLEANUP(dek) struct dek *a = NULL;
    CLEANUP(dek) struct dek *same = NULL;
    CLEANUP(dek) struct dek *other = NULL;

    ck_assert_int_eq(dek_new(&a), OK);
    ck_assert_int_eq(dek_copy(&same, a->bytes), OK);
    ck_assert_int_eq(dek_new(&other), OK);
    ck_assert_mem_eq(a->id, same->id, KEY_ID_BYTES);
    ck_assert_mem_ne(a->id, other->id, KEY_ID_BYTES);
}
END_TEST

START_TEST(a_data_key_freed_twice_ends_the_process)
{
    struct dek *d;

    ck_assert_int_eq(dek_new(&d), OK);
    dek_free(d);
    dek_free(d);
}
END_TEST

START_TEST(a_data_key_before_keys_init_ends_the_process)
{
    struct dek *d;

    (void)!dek_new(&d);
}
END_TEST

#define THREADS 8

static void *churn(void *failed)
{
    for (int i = 0; i < 2000; i++) {
        struct dek *d, copy;

        if (dek_new(&d)) {
            *(bool *)failed = true;
            return NULL;
        }
        copy = *d;
        if (memcmp(&copy, d, sizeof copy) != 0)
            *(bool *)failed = true;
        dek_free(d);
    }
    return NULL;
}

START_TEST(threads_never_share_a_slot)
{
    pthread_t threads[THREADS];
    bool failed[THREADS] = {false};

    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, churn, &failed[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert(!failed[i]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("secret");
    TCase *c = tcase_create("secret"), *bare = tcase_create("before keys_init");
    SRunner *r = srunner_create(s);
    int failed;

    suite_add_tcase(s, c);
    suite_add_tcase(s, bare);
    tcase_add_checked_fixture(c, start, NULL);
    tcase_add_test(c, a_new_secret_is_zero);
    tcase_add_test(c, random_secrets_differ);
    tcase_add_test(c, taking_bytes_wipes_the_callers);
    tcase_add_test(c, freeing_nothing_is_fine);
    tcase_add_test(c, keys_init_may_be_called_again);
    tcase_add_test(c, data_keys_run_out_and_come_back);
    tcase_add_test(c, a_freed_data_key_is_wiped);
    tcase_add_test(c, the_id_of_a_data_key_follows_from_its_bytes);
    tcase_add_test_raise_signal(c, a_data_key_freed_twice_ends_the_process, SIGABRT);
    tcase_add_test(c, threads_never_share_a_slot);
    tcase_add_test_raise_signal(bare, a_data_key_before_keys_init_ends_the_process, SIGABRT);
#ifndef PHOTOD_SANITIZED
    tcase_add_test(c, a_secret_is_locked_until_it_is_freed);
    tcase_add_test(c, memory_that_cannot_be_locked_is_refused);
    tcase_add_test(c, bytes_are_wiped_even_when_they_cannot_be_kept);
    tcase_add_test(bare, keys_init_refuses_when_nothing_can_be_locked);
#endif
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
