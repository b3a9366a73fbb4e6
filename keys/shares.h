#ifndef KEYS_SHARES_H
#define KEYS_SHARES_H

#include "keys/secret.h"

/*
 * Recovery shares: the root key split among five people, any three of whom
 * make it again (Shamir over GF(256), libgfshare); two learn nothing.  They
 * are for the day when the root key is lost; photod starts without them.
 *
 * A share is text, to be printed and typed:
 *
 *   photod recovery share 2 of 5, any 3 are enough, set 7f3a91c2
 *   1  12354 7f3a1 91c26 0a1b9
 *   ...
 *   6  5e02f c3a8b 77d15 1f0e4
 *
 * Each group is four hexadecimal digits and a check digit, so that one wrong
 * character or two exchanged neighbours are found and their group is named;
 * the last two groups check the whole.  The groups hold everything, the first
 * line included; a keyed tag tells whether what was recovered is the key.
 *
 * libgfshare works on ordinary heap memory, which it overwrites when done:
 * splitting and combining are for one-shot processes without threads.
 */
#define SHARES_MADE   5
#define SHARES_NEEDED 3

/* What is wrong with shares, as one sentence without share bytes; "" when the cause was logged. */
struct share_fault {
    char text[200];
};

/* The name of a set, eight digits: which splitting a share is of.  A new one is random. */
#define SHARES_SET_TEXT 9
void shares_set_new(char set[static SHARES_SET_TEXT]);

/* Splits root and writes the texts of that set to fd, an empty line between them.  Expected: ERR_FULL,
 * ERR_IO. */
MUST_CHECK enum err shares_write(const struct secret *root, const char *set, int fd);

/* Shares that were collected. */
struct shares;

MUST_CHECK enum err shares_new(struct shares **out);
void shares_free(struct shares *all);
DEFINE_CLEANUP(shares)

/*
 * Adds every share that fd holds, to its end.  With a fault: ERR_MALFORMED
 * (a typing error, or no shares), ERR_EXISTS (the same share twice),
 * ERR_DENIED (of another set, or of a later photod).  Expected too: ERR_IO.
 */
MUST_CHECK enum err shares_read(struct shares *all, struct share_fault *fault, int fd);
/*
 * Asks for shares on a terminal until there are enough, line by line: each
 * is judged at once, asked for again when it is wrong, and taken off the
 * screen when it is right.  Expected: ERR_CLOSED (the input ended).
 */
MUST_CHECK enum err shares_ask(struct shares *all, struct share_fault *fault, int in, int out);
/*
 * The root key.  With a fault: ERR_LIMIT (fewer than three), ERR_CORRUPT (one
 * of them is not what was made).  With more than three, all must agree.
 */
MUST_CHECK enum err shares_combine(struct secret **root, struct share_fault *fault, const struct shares *all);
/* The set they are of, eight digits; borrowed.  "" while there is none. */
const char *shares_set(const struct shares *all);

#endif
