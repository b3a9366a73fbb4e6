#ifndef TESTS_UNIT_STORE_CONFORMANCE_H
#define TESTS_UNIT_STORE_CONFORMANCE_H

#include <check.h>

/*
 * What store.h promises, as tests that know nothing of what is behind it.
 * They run unchanged over every backend; test_store_lying shows that they
 * notice one that does not keep its word.
 */
struct store_backend {
    const char *name;
    void (*setup)(void); /* opens an empty store as `s`, and sets scene_reopen if it has another life */
    void (*teardown)(void);
};

TCase *store_conformance(const struct store_backend *backend);

/* A part of it, in a file of its own: the log, and many writes. */
void store_conformance_log(TCase *c);
/* And another: who follows the store. */
void store_conformance_changes(TCase *c);

#endif
