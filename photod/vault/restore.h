#ifndef PHOTOD_VAULT_RESTORE_H
#define PHOTOD_VAULT_RESTORE_H

/*
 * photod-vault --restore, which photoctl restore runs: builds a state from
 * the rows of a backup (backup_row.h) on standard input, keys first, then
 * the files of records in their order.  What is read is believed only in so
 * far as it opens with the root key and makes the log whose root photoctl
 * has verified.
 *
 *   built      every row is in the store
 *   proven     the tree has the roots given, at their sizes
 *   erased     no key stands that the log says is gone, nor one of nothing
 *   opened     every sealed value opens
 *   begun      the log goes on under a new name with a new signing key; its
 *              first leaf, `restored`, names the log it continues
 *   whole      the key file is written: only now is it a state
 *
 * Returns what main() exits with.
 */
int vault_restore_main(int argc, char **argv);

#endif
