#ifndef TESTS_UNIT_CTL_FIXTURE_H
#define TESTS_UNIT_CTL_FIXTURE_H

#include <gnutls/abstract.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Makes logs and receipts in the plainest way, straight from the words of
 * RFC 6962 and C2SP, for the tests of photoctl's verifiers: recursion over
 * all entries, nothing kept.  Failures end the test.
 */
#define FIXTURE_HASH 32

struct fixture_key {
    gnutls_privkey_t key;
    char name[64];
    char vkey[200];
    unsigned char id[4];
};
void fixture_key_make(struct fixture_key *out, const char *name);
void fixture_key_clear(struct fixture_key *k);

/* Entry i of every fixture log. */
size_t fixture_entry(char *out, size_t size, uint64_t i);
/* The same, but for entry `special`, which is `text`. */
struct fixture_log {
    uint64_t size;
    uint64_t special;
    const char *text; /* NULL: none */
};
void fixture_leaf(unsigned char out[static FIXTURE_HASH], const struct fixture_log *log, uint64_t i);
/* MTH(D[from:to]) */
void fixture_root(unsigned char out[static FIXTURE_HASH], const struct fixture_log *log, uint64_t from,
                  uint64_t to);
/* PATH(m, D[n]) of the whole log; returns how many hashes. */
unsigned fixture_path(unsigned char (*out)[FIXTURE_HASH], const struct fixture_log *log, uint64_t index);

/* Text signed by k, as a note; malloc'd. */
char *fixture_note(const struct fixture_key *k, const char *text);
char *fixture_checkpoint(const struct fixture_key *k, const struct fixture_log *log);
char *fixture_base64(const void *bytes, size_t len);

/* Writes the whole directory layout; dir must be empty. */
void fixture_write_log(const char *dir, const struct fixture_key *k, const struct fixture_log *log);
/* A receipt for the entry `special`; salt_hex NULL: about no picture. */
char *fixture_receipt(const struct fixture_key *k, const struct fixture_log *log, const char *salt_hex);

/* Files.  Paths are relative to dir. */
char *fixture_dir(void); /* a new one under /tmp; malloc'd */
void fixture_remove(const char *dir);
void fixture_write(const char *dir, const char *path, const void *bytes, size_t len);
unsigned char *fixture_read(const char *dir, const char *path, size_t *len);
/* Calls f for every file. */
void fixture_each(const char *dir, void (*f)(const char *dir, const char *path, void *context),
                  void *context);

#endif
