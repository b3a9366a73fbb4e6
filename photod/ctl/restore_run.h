#ifndef PHOTOD_CTL_RESTORE_RUN_H
#define PHOTOD_CTL_RESTORE_RUN_H

#include "photod/ctl/age.h"
#include "photod/ctl/backup_dir.h"
#include "photod/ctl/restore_key.h"
#include "photod/ctl/restore_place.h"
#include "photod/ctl/verifier.h"

/*
 * Making a state from a backup.  photoctl checks every file against the
 * manifest, both checkpoints against the log's public key, opens the files
 * and hands their rows to photod-vault --restore, which builds and proves
 * the state.
 */
struct restoring {
    const char *from, *identity, *checkpoint, *keys, *origin, *accept_loss;
    struct verifier_options verifier;
    struct restore_key key;

    struct restore_place place; /* opened by the caller */
    int dir_fd;
    struct manifest *manifest;
    struct age_identities identities;
    struct checkpoint own, known; /* the backup's; from outside */
    uint64_t lost;                /* leaves that are only outside */
    char *report;                 /* what photod-vault said: sentences */
    char *vkey;                   /* of the log that was begun */
};

#define RESTORE_OPTIONS(r)                                                                                   \
    OPTION_NEED("from", "DIR", (r).from, "The directory of backups."),                                       \
        OPTION_NEED("identity", "FILE", (r).identity,                                                        \
                    "The age identity that opens it (AGE-SECRET-KEY-1...)."),                                \
        RESTORE_KEY_OPTIONS((r).key),                                                                        \
        OPTION_NEED(                                                                                         \
            "checkpoint", "FILE", (r).checkpoint,                                                            \
            "A checkpoint of the log from outside the backup, the newest there is: from an auditor, or "     \
            "one that `photoctl backup --checkpoint` wrote elsewhere."),                                     \
        VERIFIER_OPTIONS((r).verifier),                                                                      \
        OPTION_TEXT("keys", "NAME", (r).keys, "Another copy of keys than the newest: its name in DIR."),     \
        OPTION_TEXT(                                                                                         \
            "accept-loss", "N", (r).accept_loss,                                                             \
            "Restore though the checkpoint has N leaves more than the backup: what happened there is "       \
            "lost, erasures too.")

/* Opens and checks everything that can be checked without the vault. */
MUST_CHECK enum ctl_exit restoring_open(struct restoring *r);
/* Builds the state in r->place. */
MUST_CHECK enum ctl_exit restoring_run(struct restoring *r);
/* What was built and not renamed is removed. */
void restoring_close(struct restoring *r);

#endif
