#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include "photod/base/cleanup.h"
#include "photod/base/text.h"
#include "photod/ctl/file.h"
#include "photod/ctl/prompt.h"

#define PASSPHRASE_MIN 12
#define PASSPHRASE_MAX 1024

enum ctl_exit prompt_line(char *out, size_t size, const char *question)
{
    char line[1024], *text;

    if (isatty(STDIN_FILENO)) {
        (void)fputs(question, stderr);
        (void)fflush(stderr);
    }
    if (!fgets(line, sizeof line, stdin))
        return say_fail(CTL_USAGE, "nothing to read on standard input: expected one line");
    text = text_trim(line);
    if (text_copy(out, size, text))
        return say_fail(CTL_USAGE, "the line read is longer than %zu characters", size - 1);
    explicit_bzero(line, sizeof line);
    return CTL_OK;
}

enum ctl_exit prompt_state_id(char out[static PROMPT_STATE_ID])
{
    char line[64];

    TRY_CTL(prompt_line(line, sizeof line, "State ID (nine digits): "));
    if (!text_is_digits(line, PROMPT_STATE_ID - 1) || text_copy(out, PROMPT_STATE_ID, line))
        return say_fail(CTL_USAGE, "a State ID is nine digits, leading zeros included");
    return CTL_OK;
}

/* One line of a terminal; control characters that end a line arrive as such. */
static enum ctl_exit read_hidden(struct buf *b, int fd)
{
    char c;
    ssize_t n;

    while ((n = read(fd, &c, 1)) == 1 && c != '\n')
        if (buf_append(b, &c, 1))
            return say_fail(CTL_FAILED, "the passphrase is longer than %d bytes", PASSPHRASE_MAX);
    return n == 1 ? CTL_OK : say_fail(CTL_FAILED, "no passphrase was given");
}

static enum ctl_exit ask_hidden(struct buf **out, int fd, const char *question)
{
    CLEANUP(buf) struct buf *b = NULL;
    struct termios before, silent;
    sigset_t stop, old;
    enum ctl_exit code;

    if (buf_new(&b, PASSPHRASE_MAX) || tcgetattr(fd, &before))
        return say_fail(CTL_FAILED, "the terminal cannot be used");
    /* A signal must not leave the terminal without echo. */
    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGINT);
    (void)sigaddset(&stop, SIGTSTP);
    (void)sigaddset(&stop, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &stop, &old);
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(fd, TCSAFLUSH, &silent);
    (void)!write(fd, question, strlen(question));
    code = read_hidden(b, fd);
    (void)tcsetattr(fd, TCSAFLUSH, &before);
    (void)!write(fd, "\n", 1);
    (void)sigprocmask(SIG_SETMASK, &old, NULL);
    TRY_CTL(code);
    *out = TAKE(b);
    return CTL_OK;
}

static enum ctl_exit ask_passphrase(struct buf **out, bool is_new)
{
    CLEANUP(fd) int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    CLEANUP(buf) struct buf *first = NULL;
    CLEANUP(buf) struct buf *second = NULL;

    if (fd < 0)
        return say_fail(CTL_USAGE,
                        "there is no terminal to ask for the CA's passphrase: give --passphrase-file");
    TRY_CTL(ask_hidden(
        &first, fd, is_new ? "New passphrase for the issuing CA's key: " : "Passphrase of the CA's key: "));
    if (is_new) {
        TRY_CTL(ask_hidden(&second, fd, "The same again: "));
        if (buf_len(first) != buf_len(second) ||
            memcmp(buf_bytes(first), buf_bytes(second), buf_len(first)) != 0)
            return say_fail(CTL_FAILED, "the two passphrases differ");
    }
    *out = TAKE(first);
    return CTL_OK;
}

enum ctl_exit prompt_passphrase(struct buf **out, const char *path, bool is_new)
{
    CLEANUP(buf) struct buf *b = NULL;

    if (path)
        TRY_CTL(file_read_secret(&b, path));
    else
        TRY_CTL(ask_passphrase(&b, is_new));
    if (strlen(buf_text(b)) != buf_len(b))
        return say_fail(CTL_FAILED, "the passphrase holds a NUL byte");
    if (is_new && buf_len(b) < PASSPHRASE_MIN)
        return say_fail(CTL_FAILED, "the passphrase is too short: at least %d characters", PASSPHRASE_MIN);
    *out = TAKE(b);
    return CTL_OK;
}
