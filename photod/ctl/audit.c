/* `audit verify`, `audit key`, `receipt verify`: what needs no trust in photod. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "photod/base/text.h"
#include "photod/ctl/commands.h"
#include "photod/ctl/file.h"
#include "photod/ctl/local.h"
#include "photod/ctl/log_verify.h"
#include "photod/ctl/receipt.h"
#include "photod/ctl/verifier.h"

#define RECEIPT_MAX (1u << 20)
#define PICTURE_MAX (64u << 20)
#define ATTEMPTS    5
#define FRESH_S     10

static enum ctl_exit open_log(int *fd, const char *dir)
{
    *fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *fd < 0 ? say_fail(CTL_FAILED, "%s: %s", dir, strerror(errno)) : CTL_OK;
}

/* Whether the log may have grown while it was read: a checkpoint a few seconds old. */
static bool is_growing(int dir_fd)
{
    struct stat st;

    return fstatat(dir_fd, "checkpoint", &st, AT_SYMLINK_NOFOLLOW) == 0 && time(NULL) - st.st_mtime < FRESH_S;
}

/* A log that photod is writing is between two states for a moment; a fault that stays is one. */
static enum ctl_exit verify_patiently(struct log_report *r, int fd, const char *dir, const struct vkey *key,
                                      const struct checkpoint *older)
{
    static const struct timespec pause = {.tv_nsec = 300000000};

    for (int i = 0; i < ATTEMPTS; i++) {
        if (i)
            (void)nanosleep(&pause, NULL);
        log_report_clear(r);
        if (log_verify(r, fd, key, older))
            return say_fail(CTL_FAILED, "%s: cannot be read", dir);
        if (!r->count || !is_growing(fd))
            break;
    }
    return CTL_OK;
}

static enum ctl_exit say_findings(const struct log_report *r, const char *dir)
{
    for (size_t i = 0; i < r->count; i++)
        say_error("%s/%s: %s", dir, r->findings[i].file, r->findings[i].what);
    return say_fail(CTL_UNVERIFIED, "%s does NOT verify: %zu fault%s%s", dir, r->count,
                    r->count == 1 ? "" : "s", r->count == LOG_FINDINGS_MAX ? " (stopped there)" : "");
}

static enum ctl_exit print_log_json(const struct log_report *r)
{
    char root[2 * HASH_BYTES + 1];
    json_t *list = json_array(), *all;

    hex_encode(root, r->head.root, HASH_BYTES);
    for (size_t i = 0; i < r->count; i++)
        (void)json_array_append_new(list, json_pack("{s:s%, s:s%}", "file", r->findings[i].file,
                                                    strlen(r->findings[i].file), "what", r->findings[i].what,
                                                    strlen(r->findings[i].what)));
    all = json_pack("{s:b, s:o}", "verified", r->count == 0, "faults", list);
    if (r->head_ok)
        (void)json_object_update_new(all, json_pack("{s:s, s:I, s:s, s:s, s:s}", "origin", r->head.origin,
                                                    "size", (json_int_t)r->head.size, "root", root, "first",
                                                    r->first_time, "last", r->last_time));
    say_json(all);
    json_decref(all);
    return r->count ? CTL_UNVERIFIED : CTL_OK;
}

static void print_log(const struct log_report *r, const char *dir)
{
    char root[2 * HASH_BYTES + 1];

    hex_encode(root, r->head.root, HASH_BYTES);
    (void)printf("%s verifies.\n", dir);
    (void)printf("  origin   %s\n  entries  %" PRIu64 "\n  root     %s\n", r->head.origin, r->head.size,
                 root);
    if (*r->first_time)
        (void)printf("  first    %s\n", r->first_time);
    if (*r->last_time)
        (void)printf("  last     %s\n", r->last_time);
}

enum ctl_exit command_audit_verify(int argc, char **argv)
{
    struct verifier_options from = {NULL, NULL};
    const char *dir = NULL;
    bool json = false;
    const struct option_row rows[] = {
        VERIFIER_OPTIONS(from),
        OPTION_FLAG("json", json, "Print the result as JSON."),
    };
    const struct usage u = {
        "audit verify",
        "DIR",
        "Verifies a copy of the audit log (C2SP tlog-tiles: checkpoint, tile/...): the "
        "checkpoint's signature, every entry and every tile up to the root, and that no file is "
        "missing or too many.  Every fault is named by its file.  Needs no photod.\n\n"
        "Without a key, DIR/../log.vkey is used; an auditor should keep the key apart.",
        rows,
        sizeof rows / sizeof rows[0],
        &dir,
        1};
    CLEANUP(log_report) struct log_report r = {.count = 0};
    CLEANUP(fd) int fd = -1;
    struct vkey key;
    enum ctl_exit code;

    if (!options_read(&code, &u, argc, argv))
        return code;
    TRY_CTL(verifier_read(&key, &from, dir));
    TRY_CTL(open_log(&fd, dir));
    TRY_CTL(verify_patiently(&r, fd, dir, &key, NULL));
    if (json)
        return print_log_json(&r);
    if (r.count)
        return say_findings(&r, dir);
    print_log(&r, dir);
    return CTL_OK;
}

enum ctl_exit command_audit_key(int argc, char **argv)
{
    struct local_line line = {.command = "audit key",
                              .about =
                                  "Prints the public key (C2SP vkey) with which anyone verifies photod's "
                                  "audit log and its receipts.  Hand it to auditors and agencies."};
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    enum ctl_exit code;

    if (!local_read(&code, &line, argc, argv))
        return code;
    TRY_CTL(local_ask(&answer, &line.where, MSG_AUDIT_KEY, NULL, MSG_AUDIT_KEY_IS));
    say_clean(answer.is.audit_key.verifier);
    (void)puts(answer.is.audit_key.verifier);
    return CTL_OK;
}

/* ---- Receipts ---- */

static enum ctl_exit check_log(const struct receipt *r, const char *dir, const struct vkey *key)
{
    CLEANUP(log_report) struct log_report report = {.count = 0};
    CLEANUP(buf) struct buf *entry = NULL;
    CLEANUP(fd) int fd = -1;

    TRY_CTL(open_log(&fd, dir));
    TRY_CTL(verify_patiently(&report, fd, dir, key, &r->head));
    if (report.count)
        return say_findings(&report, dir);
    if (buf_new(&entry, 65535) || log_entry_read(entry, fd, report.head.size, r->index))
        return say_fail(CTL_UNVERIFIED, "%s: entry %" PRIu64 " cannot be read", dir, r->index);
    if (buf_len(entry) != r->leaf_len || memcmp(buf_bytes(entry), r->leaf, r->leaf_len) != 0)
        return say_fail(CTL_UNVERIFIED, "%s: entry %" PRIu64 " is not the one of this receipt", dir,
                        r->index);
    return CTL_OK;
}

static void print_receipt(const struct receipt *r, const char *file, const char *log)
{
    char when[64];

    log_entry_time(when, sizeof when, r->leaf, r->leaf_len);
    (void)printf("%s is genuine: this very picture was released.\n", file);
    (void)printf("  log      %s\n  entry    %" PRIu64 " of %" PRIu64 "\n", r->head.origin, r->index,
                 r->head.size);
    if (*when)
        (void)printf("  time     %s\n", when);
    say_clean(r->leaf);
    (void)printf("  leaf     %s\n", r->leaf);
    if (log)
        (void)printf("  and the log in %s holds it.\n", log);
}

enum ctl_exit command_receipt_verify(int argc, char **argv)
{
    struct verifier_options from = {NULL, NULL};
    const char *file = NULL, *photo = NULL, *log = NULL;
    const struct option_row rows[] = {
        OPTION_NEED("photo", "JPG", photo, "The picture, exactly as it was received."),
        VERIFIER_OPTIONS(from),
        OPTION_TEXT("log", "DIR", log,
                    "Also verify this copy of the log, and that it holds the receipt's entry."),
    };
    const struct usage u = {
        "receipt verify",
        "FILE",
        "Verifies the receipt of a release (C2SP tlog-proof) for one picture, offline: that the "
        "log's signed tree holds an entry which commits to exactly this picture.",
        rows,
        sizeof rows / sizeof rows[0],
        &file,
        1};
    CLEANUP(receipt) struct receipt r = {.index = 0};
    CLEANUP(buf) struct buf *bytes = NULL;
    CLEANUP(buf) struct buf *picture = NULL;
    struct fault fault;
    struct vkey key;
    enum ctl_exit code;

    if (!options_read(&code, &u, argc, argv))
        return code;
    TRY_CTL(verifier_read(&key, &from, NULL));
    TRY_CTL(file_read(&bytes, file, RECEIPT_MAX));
    TRY_CTL(file_read(&picture, photo, PICTURE_MAX));
    if (receipt_verify(&r, &fault, buf_bytes(bytes), buf_len(bytes), buf_bytes(picture), buf_len(picture),
                       &key))
        return say_fail(CTL_UNVERIFIED, "%s: %s", file, fault.text);
    if (log)
        TRY_CTL(check_log(&r, log, &key));
    print_receipt(&r, file, log);
    return CTL_OK;
}
