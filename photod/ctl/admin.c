/* `district add`, `agency add`, `credential issue`, `key issue`: enrolment, through the local socket. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "photod/base/clock.h"
#include "photod/base/text.h"
#include "photod/ctl/ca_dir.h"
#include "photod/ctl/commands.h"
#include "photod/ctl/file.h"
#include "photod/ctl/local.h"

#define CREDENTIAL_DAYS     "90"
#define CREDENTIAL_DAYS_MAX 397
#define KEY_DAYS            "365"
#define KEY_DAYS_MAX        366

/* ---- Arguments ---- */

static enum ctl_exit copy_argument(char *to, size_t size, const char *from, const char *what)
{
    if (!*from || text_copy(to, size, from))
        return say_fail(CTL_USAGE, "%s must be 1 to %zu characters", what, size - 1);
    return CTL_OK;
}

static enum ctl_exit check_district(const char *code)
{
    if (!text_is_digits(code, 4))
        return say_fail(CTL_USAGE, "a district is its four-digit School System code, leading zeros included");
    return CTL_OK;
}

static enum ctl_exit check_ori(const char *ori)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                      all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    if (strlen(ori) != 9 || strspn(ori, letters) < 2 || strspn(ori, all) != 9)
        return say_fail(CTL_USAGE, "an ORI is two letters and seven letters or digits, in capitals");
    return CTL_OK;
}

/* A label becomes part of file names. */
static enum ctl_exit check_label(const char *label)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    size_t len = strlen(label);

    if (!len || len > 64 || strspn(label, allowed) != len || label[0] == '.' || label[0] == '-')
        return say_fail(CTL_USAGE, "--label must be 1 to 64 letters, digits, `-`, `_` or `.`");
    return CTL_OK;
}

static enum ctl_exit parse_days(unsigned *out, const char *text, unsigned max)
{
    uint64_t days;

    if (u64_parse(&days, text, max) || !days)
        return say_fail(CTL_USAGE, "--days must be a whole number from 1 to %u", max);
    *out = (unsigned)days;
    return CTL_OK;
}

static void format_day(char out[static CLOCK_TEXT], int64_t ms)
{
    clock_format(out, ms);
    out[10] = '\0';
}

/* ---- Districts and agencies ---- */

enum ctl_exit command_district_add(int argc, char **argv)
{
    struct local_where where = {NULL, NULL};
    const char *values[2] = {NULL, NULL};
    const struct option_row rows[] = {LOCAL_OPTIONS(where)};
    const struct usage u = {
        "district add",
        "CODE NAME",
        "Enrols a school district by its four-digit School System (SS) code, so that it may be "
        "issued keys.",
        rows,
        sizeof rows / sizeof rows[0],
        values,
        2};
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    struct shape_district_add add = {.district = ""};
    enum ctl_exit code;

    if (!options_read(&code, &u, argc, argv))
        return code;
    TRY_CTL(check_district(values[0]));
    TRY_CTL(copy_argument(add.district, sizeof add.district, values[0], "the district"));
    TRY_CTL(copy_argument(add.name, sizeof add.name, values[1], "the name"));
    TRY_CTL(local_ask(&answer, &where, MSG_DISTRICT_ADD, &add, MSG_DONE));
    (void)printf("District %s is enrolled (audit leaf %" PRIu64 ").\n", add.district, answer.is.done.leaf);
    return CTL_OK;
}

enum ctl_exit command_agency_add(int argc, char **argv)
{
    struct local_where where = {NULL, NULL};
    const char *values[2] = {NULL, NULL};
    const struct option_row rows[] = {LOCAL_OPTIONS(where)};
    const struct usage u = {
        "agency add",
        "ORI NAME",
        "Enrols a law enforcement agency (local, state, tribal or federal) by its ORI, so that its "
        "systems may be issued certificates.",
        rows,
        sizeof rows / sizeof rows[0],
        values,
        2};
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    struct shape_agency_add add = {.ori = ""};
    enum ctl_exit code;

    if (!options_read(&code, &u, argc, argv))
        return code;
    TRY_CTL(check_ori(values[0]));
    TRY_CTL(copy_argument(add.ori, sizeof add.ori, values[0], "the ORI"));
    TRY_CTL(copy_argument(add.name, sizeof add.name, values[1], "the name"));
    TRY_CTL(local_ask(&answer, &where, MSG_AGENCY_ADD, &add, MSG_DONE));
    (void)printf("Agency %s is enrolled (audit leaf %" PRIu64 ").\n", add.ori, answer.is.done.leaf);
    return CTL_OK;
}

/* ---- Certificates ---- */

struct issue {
    const char *ori, *label, *out, *days, *ca_dir, *passphrase_file;
    struct local_where where;
    char crt[PATH_MAX], key[PATH_MAX];
};

static enum ctl_exit name_files(struct issue *i)
{
    if (snprintf(i->crt, sizeof i->crt, "%s/%s-%s.crt", i->out, i->ori, i->label) >= (int)sizeof i->crt ||
        snprintf(i->key, sizeof i->key, "%s/%s-%s.key", i->out, i->ori, i->label) >= (int)sizeof i->key)
        return say_fail(CTL_USAGE, "--out: the path is too long");
    return CTL_OK;
}

static enum ctl_exit write_pair(const struct issue *i, const struct ca_files *f)
{
    enum ctl_exit code;

    TRY_CTL(file_write_new(i->key, 0600, buf_bytes(f->key), buf_len(f->key)));
    code = file_write_new(i->crt, 0644, buf_bytes(f->certificate), buf_len(f->certificate));
    if (code)
        (void)unlink(i->key);
    return code;
}

/* Files first: an enrolled certificate without its key would be of no use. */
static enum ctl_exit issue_credential(struct issue *i, struct ca *ca, unsigned days)
{
    CLEANUP(ca_files) struct ca_files f = {NULL, NULL, NULL};
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    struct shape_credential_add add = {.ori = ""};
    struct ca_client client;
    struct fault fault;
    char until[CLOCK_TEXT];
    enum ctl_exit code;

    if (ca_issue_client(&f, &client, &fault, ca, i->ori, i->label, days))
        return say_fail(CTL_FAILED, "%s", fault.text);
    TRY_CTL(copy_argument(add.ori, sizeof add.ori, i->ori, "--agency"));
    TRY_CTL(copy_argument(add.label, sizeof add.label, i->label, "--label"));
    memcpy(add.fingerprint, client.fingerprint, sizeof add.fingerprint);
    add.not_after_ms = (uint64_t)client.not_after_ms;
    TRY_CTL(write_pair(i, &f));
    code = local_ask(&answer, &i->where, MSG_CREDENTIAL_ADD, &add, MSG_DONE);
    if (code) {
        (void)unlink(i->crt);
        (void)unlink(i->key);
        return code;
    }
    format_day(until, client.not_after_ms);
    (void)printf("%s  certificate\n%s  private key: hand it over on paper or medium, never by mail\n", i->crt,
                 i->key);
    (void)printf("valid until %s (audit leaf %" PRIu64 ")\n", until, answer.is.done.leaf);
    return CTL_OK;
}

enum ctl_exit command_credential_issue(int argc, char **argv)
{
    struct issue i = {.days = CREDENTIAL_DAYS};
    const struct option_row rows[] = {
        OPTION_NEED("agency", "ORI", i.ori, "The agency, already enrolled."),
        OPTION_NEED("label", "TEXT", i.label, "Which of its systems: letters, digits, `-`, `_` and `.`."),
        OPTION_NEED("out", "DIR", i.out, "Where to write ORI-LABEL.crt and ORI-LABEL.key (0600)."),
        OPTION_TEXT("days", "N", i.days, "How long it is valid, 1 to 397.  Default: " CREDENTIAL_DAYS "."),
        OPTION_NEED("ca-dir", "DIR", i.ca_dir, "The issuing CA's directory."),
        OPTION_TEXT("passphrase-file", "FILE", i.passphrase_file,
                    "The first line is the passphrase of the CA's key.  Without it, it is asked for."),
        LOCAL_OPTIONS(i.where),
    };
    const struct usage u = {
        "credential issue",
        "",
        "Issues a client certificate with which one system of an agency may use the law door, and "
        "enrols its fingerprint with photod.",
        rows,
        sizeof rows / sizeof rows[0],
        NULL,
        0};
    CLEANUP(ca) struct ca *ca = NULL;
    enum ctl_exit code;
    unsigned days = 0;

    if (!options_read(&code, &u, argc, argv))
        return code;
    TRY_CTL(check_ori(i.ori));
    TRY_CTL(check_label(i.label));
    TRY_CTL(parse_days(&days, i.days, CREDENTIAL_DAYS_MAX));
    TRY_CTL(name_files(&i));
    TRY_CTL(ca_dir_open(&ca, i.ca_dir, i.passphrase_file));
    return issue_credential(&i, ca, days);
}

/* ---- District keys ---- */

static enum ctl_exit issue_key(const struct shape_key_add *add, const struct local_where *where,
                               const char *path)
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    CLEANUP(fd) int fd = -1;
    const struct shape_key_issued *k = &answer.is.key_issued;
    char until[CLOCK_TEXT], line[sizeof k->key + 1];
    enum ctl_exit code;
    int len;

    TRY_CTL(file_create(&fd, path, 0600)); /* first: a key that cannot be kept must not be issued */
    code = local_ask(&answer, where, MSG_KEY_ADD, add, MSG_KEY_ISSUED);
    if (!code) {
        len = snprintf(line, sizeof line, "%s\n", k->key);
        code = file_fill(fd, path, line, (size_t)len);
        explicit_bzero(line, sizeof line);
    }
    if (code) {
        (void)unlink(path);
        return code;
    }
    format_day(until, (int64_t)k->not_after_ms);
    (void)printf("%s  key %s of district %s, valid until %s (audit leaf %" PRIu64 ")\n", path, k->kid,
                 add->district, until, k->leaf);
    return CTL_OK;
}

enum ctl_exit command_key_issue(int argc, char **argv)
{
    struct local_where where = {NULL, NULL};
    const char *district = NULL, *label = NULL, *out = NULL, *days = KEY_DAYS;
    const struct option_row rows[] = {
        OPTION_NEED("district", "CODE", district, "The district, already enrolled."),
        OPTION_NEED("label", "TEXT", label, "Whose key it is: letters, digits, `-`, `_` and `.`."),
        OPTION_NEED("out", "FILE", out,
                    "Where to write the key (0600).  It is shown nowhere else, and never again."),
        OPTION_TEXT("days", "N", days, "How long it is valid, 1 to 366.  Default: " KEY_DAYS "."),
        LOCAL_OPTIONS(where),
    };
    const struct usage u = {"key issue",
                            "",
                            "Issues a key with which a district sends rosters and photos.",
                            rows,
                            sizeof rows / sizeof rows[0],
                            NULL,
                            0};
    struct shape_key_add add = {.district = ""};
    enum ctl_exit code;
    unsigned number = 0;

    if (!options_read(&code, &u, argc, argv))
        return code;
    TRY_CTL(check_district(district));
    TRY_CTL(check_label(label));
    TRY_CTL(parse_days(&number, days, KEY_DAYS_MAX));
    TRY_CTL(copy_argument(add.district, sizeof add.district, district, "--district"));
    TRY_CTL(copy_argument(add.label, sizeof add.label, label, "--label"));
    add.days = number;
    return issue_key(&add, &where, out);
}
