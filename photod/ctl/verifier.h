#ifndef PHOTOD_CTL_VERIFIER_H
#define PHOTOD_CTL_VERIFIER_H

#include "photod/ctl/note.h"
#include "photod/ctl/options.h"

/* Where the log's public key comes from: two options that several commands share. */
struct verifier_options {
    const char *text, *file;
};

#define VERIFIER_OPTIONS(from)                                                                               \
    OPTION_TEXT("vkey", "KEY", (from).text,                                                                  \
                "The log's public key (C2SP vkey), as `photoctl audit key` shows it."),                      \
        OPTION_TEXT("vkey-file", "FILE", (from).file, "The same from a file, such as STATE/log.vkey.")

/* log_dir: for a log beside whose directory log.vkey lies, or NULL.  What goes wrong was said. */
MUST_CHECK enum ctl_exit verifier_read(struct vkey *out, const struct verifier_options *from,
                                       const char *log_dir);

#endif
