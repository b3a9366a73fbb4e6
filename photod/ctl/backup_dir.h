#ifndef PHOTOD_CTL_BACKUP_DIR_H
#define PHOTOD_CTL_BACKUP_DIR_H

#include <stdbool.h>
#include <stdint.h>
#include "photod/ctl/note.h"

/*
 * The directory of backups, of which every file is whole or not there:
 *
 *   manifest                        which files make the newest backup, their sizes and SHA-256, and its
 *                                   checkpoint; plain text without any child's data. Behind that, the proof
 *                                   that the log holds a leaf `backup` with the SHA-256 of all this
 *   photos-<from>-<to>.age          what changed between two positions (from 0: everything), sealed twice;
 *                                   may be kept long
 *   keys-<position>-<time>.age      the wrapped keys and the key file; at most 7 days
 *
 * A file is written under another name, synced and renamed; the manifest
 * goes last, so an interrupted backup leaves the earlier ones as they were.
 *
 * age does not say who wrote a file: anybody who knows the recipient makes one
 * that opens.  The leaf does, because only the vault adds to the log: what a
 * manifest says is believed once manifest_prove() is OK, and a file once it is
 * the manifest's.
 */
#define BACKUP_NAME       96
#define BACKUP_PHOTOS_MAX 1000 /* incrementals before everything is taken again */
#define BACKUP_KEYS_MAX   200
#define MANIFEST_PROOF    6000
#define BACKUP_KEYS_DAYS  6 /* older copies go: with one backup a day none gets older than 7 days */

struct backup_file {
    char name[BACKUP_NAME];
    uint64_t bytes;
    unsigned char sha256[HASH_BYTES];
};

struct manifest {
    char origin[128];
    unsigned char line[8];
    uint64_t position, leaves;
    int64_t made_ms;
    struct backup_file photos[BACKUP_PHOTOS_MAX], keys[BACKUP_KEYS_MAX]; /* oldest first */
    unsigned photos_count, keys_count;
    char checkpoint[1001];
    unsigned char hash[HASH_BYTES]; /* of all this as text: what the leaf holds */
    char proof[MANIFEST_PROOF];
};

/* Opens and locks it; makes it if `make`.  What goes wrong was said. */
MUST_CHECK enum ctl_exit backup_dir_open(int *dir_fd, const char *path, bool make);

/* Expected: ERR_NOTFOUND (none there; not said).  ERR_CORRUPT: *fault says what is wrong with it. */
MUST_CHECK enum err manifest_read(struct manifest *m, struct fault *fault, int dir_fd);
/* Fills m->hash.  Expected: ERR_LIMIT. */
MUST_CHECK enum err manifest_hash(struct manifest *m);
/*
 * That the vault whose log has this key was told of this manifest, and of no
 * byte another.  Expected: ERR_DENIED (it is another log's), ERR_CORRUPT; with
 * *fault.
 */
MUST_CHECK enum err manifest_prove(const struct manifest *m, struct fault *fault, const struct vkey *key);
MUST_CHECK enum ctl_exit manifest_write(const struct manifest *m, int dir_fd);

/* Whether it is the file of the manifest, as it lies there or as it was read; says which is not, and how. */
MUST_CHECK enum ctl_exit backup_file_check(const struct backup_file *f, int dir_fd);
MUST_CHECK enum ctl_exit backup_file_compare(const struct backup_file *f, uint64_t bytes,
                                             const unsigned char sha256[static HASH_BYTES]);

void backup_photos_name(char name[static BACKUP_NAME], uint64_t from, uint64_t to);
void backup_keys_name(char name[static BACKUP_NAME], uint64_t position, int64_t made_ms);
/* When a copy of keys was made, by its name.  Expected: ERR_MALFORMED. */
MUST_CHECK enum err backup_keys_time(int64_t *made_ms, const char *name);

/* Deletes key copies older than 6 days, those the manifest does not know too.  *gone: how many. */
MUST_CHECK enum ctl_exit backup_keys_expire(int dir_fd, unsigned *gone);
/* Takes them out of the manifest that is to be the next. */
void manifest_forget_keys(struct manifest *m);

#endif
