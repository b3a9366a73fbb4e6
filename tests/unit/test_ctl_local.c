#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include "lawapi/problem.h"
#include "photod/ctl/local.h"
#include "tests/unit/ctl_fixture.h"
#include "tests/unit/suite.h"

static char *dir;
static char path[100];
static struct local_where where;

/* A vault of one question: checks that it is the one expected and gives the answer. */
static pid_t serve(enum msg expected, enum msg answer, const void *shape)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    pid_t pid;

    memcpy(at.sun_path, path, strlen(path) + 1);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    pid = fork();
    if (!pid) {
        struct channel c = {.fd = accept(listener, NULL, NULL),
                            .self = PROCESS_VAULT,
                            .peer = PROCESS_CTL,
                            .state = STATE_SERVE};
        struct message m = MESSAGE_NONE;

        if (channel_recv(&c, &m, true) || m.type != expected)
            _exit(1);
        if (answer != MSG_COUNT && channel_send(&c, answer, m.request, shape, NULL, 0, true))
            _exit(2);
        _exit(0);
    }
    (void)close(listener);
    return pid;
}

static void assert_served(pid_t pid)
{
    int status;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}

static void set_up(void)
{
    dir = fixture_dir();
    (void)snprintf(path, sizeof path, "%s/socket", dir);
    where = (struct local_where){.socket = path};
}

static void tear_down(void)
{
    fixture_remove(dir);
    free(dir);
}

START_TEST(a_question_gets_its_answer)
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    struct shape_district_add add = {.district = "0123", .name = "Bozeman"};
    struct shape_done done = {.leaf = 42};
    pid_t pid = serve(MSG_DISTRICT_ADD, MSG_DONE, &done);

    ck_assert_int_eq(local_ask(&answer, &where, MSG_DISTRICT_ADD, &add, MSG_DONE), CTL_OK);
    ck_assert_uint_eq(answer.is.done.leaf, 42);
    assert_served(pid);
}
END_TEST

START_TEST(a_refusal_is_a_failure)
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    struct shape_refused refused = {.problem = PROBLEM_BAD_PARAMETER, .detail = "no such agency"};
    pid_t pid = serve(MSG_STATUS, MSG_REFUSED, &refused);

    ck_assert_int_eq(local_ask(&answer, &where, MSG_STATUS, NULL, MSG_STATUS_ANSWER), CTL_FAILED);
    assert_served(pid);
}
END_TEST

START_TEST(a_refusal_that_is_no_problem_we_know_is_a_failure)
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    struct shape_refused refused = {.problem = 99999};
    pid_t pid = serve(MSG_STATUS, MSG_REFUSED, &refused);

    ck_assert_int_eq(local_ask(&answer, &where, MSG_STATUS, NULL, MSG_STATUS_ANSWER), CTL_FAILED);
    assert_served(pid);
}
END_TEST

START_TEST(a_closed_connection_is_unreachable)
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    pid_t pid = serve(MSG_STATUS, MSG_COUNT, NULL);

    ck_assert_int_eq(local_ask(&answer, &where, MSG_STATUS, NULL, MSG_STATUS_ANSWER), CTL_UNREACHABLE);
    assert_served(pid);
}
END_TEST

START_TEST(an_answer_of_another_type_is_a_failure)
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    struct shape_done done = {.leaf = 42};
    pid_t pid = serve(MSG_AUDIT_KEY, MSG_DONE, &done);

    ck_assert_int_eq(local_ask(&answer, &where, MSG_AUDIT_KEY, NULL, MSG_AUDIT_KEY_IS), CTL_FAILED);
    assert_served(pid);
}
END_TEST

START_TEST(the_socket_is_found_through_the_configuration)
{
    CLEANUP(message) struct message answer = MESSAGE_NONE;
    struct shape_audit_key key = {.verifier = "a+b+c"};
    char text[1000], conf[200];
    pid_t pid;

    (void)snprintf(text, sizeof text,
                   "state = /s\nsocket = %s\ntls_certificate = /c\ntls_key = /k\ntls_ca = /a\ntls_crl = /l\n"
                   "root_key = /r\n",
                   path);
    fixture_write(dir, "photod.conf", text, strlen(text));
    (void)snprintf(conf, sizeof conf, "%s/photod.conf", dir);
    where = (struct local_where){.config = conf};
    pid = serve(MSG_AUDIT_KEY, MSG_AUDIT_KEY_IS, &key);
    ck_assert_int_eq(local_ask(&answer, &where, MSG_AUDIT_KEY, NULL, MSG_AUDIT_KEY_IS), CTL_OK);
    ck_assert_str_eq(answer.is.audit_key.verifier, "a+b+c");
    assert_served(pid);
}
END_TEST

SUITE_IN("ctl_local", set_up, tear_down, a_question_gets_its_answer, a_refusal_is_a_failure,
         a_refusal_that_is_no_problem_we_know_is_a_failure, a_closed_connection_is_unreachable,
         an_answer_of_another_type_is_a_failure, the_socket_is_found_through_the_configuration)
