/* photod itself, with stand-ins for its children (child_fake.c). */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "parent_rig.h"
#include "photod/base/clock.h"
#include "tests/unit/suite.h"

#define ORDINARY "confinement = same-user\nlaw_listen = 127.0.0.1:0\noffice_listen = [::1]:0\n"

static struct rig rig;

static void setup(void)
{
    rig_init(&rig);
}

static void teardown(void)
{
    rig_clear(&rig);
}

static void path_in(char path[static 128], const char *name)
{
    (void)snprintf(path, 128, "%s/%s", rig.dir, name);
}

static void expect_exit(int wait_status, int code)
{
    ck_assert_msg(WIFEXITED(wait_status), "ended by signal %d:\n%s", WTERMSIG(wait_status), rig.history);
    ck_assert_msg(WEXITSTATUS(wait_status) == code, "exit %d, not %d:\n%s", WEXITSTATUS(wait_status), code,
                  rig.history);
}

/* Starts with these lines of configuration and returns when photod serves. */
static void serve(const char *more)
{
    char config[1024];

    (void)snprintf(config, sizeof config, ORDINARY "%s", more);
    rig_config(&rig, config);
    rig_start(&rig, NULL);
    (void)rig_expect(&rig, "serving: law door https://127.0.0.1:");
}

static void refuse(const char *argument, const char *line, int code)
{
    rig_start(&rig, argument);
    expect_exit(rig_wait(&rig), code);
    ck_assert_msg(rig_saw(&rig, line), "no `%s` in:\n%s", line, rig.history);
    ck_assert(!rig_saw(&rig, "@vault"));
}

/* In the history, a stands before b. */
static void expect_order(const char *a, const char *b)
{
    const char *first = strstr(rig.history, a), *second = strstr(rig.history, b);

    ck_assert_msg(first && second && first < second, "`%s` does not stand before `%s`:\n%s", a, b,
                  rig.history);
}

START_TEST(children_get_what_they_need_then_go)
{
    serve("");
    expect_order("@vault BORN", "@vault CONFIG");
    expect_order("@vault CONFIG", "@vault STATE_DIR");
    expect_order("@vault STATE_DIR", "@vault ROOT_KEY rootkey");
    expect_order("@vault ROOT_KEY rootkey", "@vault LISTEN packet");
    expect_order("@vault LISTEN packet", "@vault LINK photod-web law 0");
    expect_order("@vault LINK photod-web law 0", "@vault LINK photod-web office 0");
    expect_order("@vault LINK photod-web office 0", "@vault LINK photod-intake 0");
    expect_order("@vault LINK photod-intake 0", "@vault LINK photod-intake 1");
    expect_order("@vault LINK photod-intake 1", "@vault GO");
    expect_order("@law CONFIG", "@law LISTEN stream");
    expect_order("@law LISTEN stream", "@law TLS 0 mark-1");
    expect_order("@law TLS 0 mark-1", "@law TLS 1 mark-2");
    expect_order("@law TLS 1 mark-2", "@law TLS 2 mark-3");
    expect_order("@law TLS 2 mark-3", "@law TLS 3 mark-4");
    expect_order("@law TLS 3 mark-4", "@law LINK photod-vault 0");
    expect_order("@law LINK photod-vault 0", "@law GO");
    expect_order("@office TLS 3 mark-4", "@office GO");
    expect_order("@intake 1 CONFIG", "@intake 1 LINK photod-vault 0");
    expect_order("@intake 1 LINK photod-vault 0", "@intake 1 GO");
    expect_exit(rig_stop(&rig), 0);
}
END_TEST

START_TEST(children_are_born_with_one_descriptor_and_no_environment)
{
    ck_assert_int_eq(setenv("LD_PRELOAD_NOT", "x", 1), 0);
    serve("");
    ck_assert(rig_saw(&rig, "@vault BORN 1 descriptors, 0 variables, stdin null"));
    ck_assert(rig_saw(&rig, "@law BORN 1 descriptors, 0 variables, stdin null"));
    ck_assert(rig_saw(&rig, "@intake 0 BORN 1 descriptors, 0 variables, stdin null"));
    expect_exit(rig_stop(&rig), 0);
}
END_TEST

START_TEST(links_join_the_two_they_name)
{
    static const char *const heard[] = {
        "@law HEARD HEALTHY from photod-vault", "@office HEARD HEALTHY from photod-vault",
        "@intake 0 HEARD ZIP_OPEN from photod-vault", "@intake 1 HEARD ZIP_OPEN from photod-vault"};

    rig_start(&rig, NULL);
    rig_expect_all(&rig, heard, 4);
    expect_exit(rig_stop(&rig), 0);
}
END_TEST

START_TEST(vault_hears_of_every_process)
{
    static const char *const heard[] = {"@vault PROCESS photod 0, 0 restarts",
                                        "@vault PROCESS photod-vault 0, 0 restarts, landlock 5",
                                        "@vault PROCESS photod-web law 0, 0 restarts, landlock 5",
                                        "@vault PROCESS photod-web office 0, 0 restarts, landlock 5",
                                        "@vault PROCESS photod-intake 0, 0 restarts, landlock 5",
                                        "@vault PROCESS photod-intake 1, 0 restarts, landlock 5"};

    rig_start(&rig, NULL);
    rig_expect_all(&rig, heard, 6);
    expect_exit(rig_stop(&rig), 0);
}
END_TEST

START_TEST(dead_web_is_started_again_with_a_fresh_link)
{
    static const char *const again[] = {"@vault LINK photod-web law 0", "@law LINK photod-vault 0",
                                        "@law HEARD HEALTHY", "@vault PROCESS photod-web law 0, 1 restarts"};

    rig_start(&rig, NULL);
    ck_assert_int_eq(kill(rig_pid(rig_expect(&rig, "@law HEARD HEALTHY")), SIGQUIT), 0);
    (void)rig_expect(&rig, "photod-web law was ended by signal 3 (Quit): starting it again");
    rig_expect_all(&rig, again, 4);
    expect_exit(rig_stop(&rig), 0);
}
END_TEST

START_TEST(vault_dies_and_everybody_is_linked_with_the_new_one)
{
    static const char *const again[] = {
        "@vault ROOT_KEY rootkey", /* from its start, although one has read it */
        "@law LINK photod-vault 0",
        "@office LINK photod-vault 0",
        "@law HEARD HEALTHY",
        "@office HEARD HEALTHY",
        "@intake 0 BORN",
        "@intake 1 BORN",
        "@intake 0 HEARD ZIP_OPEN",
        "@intake 1 HEARD ZIP_OPEN",
        "@vault PROCESS photod 0",
        "@vault PROCESS photod-vault 0, 1 restarts",
        "@vault PROCESS photod-web law",
        "@vault PROCESS photod-web office",
        "@vault PROCESS photod-intake 0",
        "@vault PROCESS photod-intake 1"};

    rig_start(&rig, NULL);
    ck_assert_int_eq(kill(rig_pid(rig_expect(&rig, "@vault PROCESS photod-intake 1")), SIGKILL), 0);
    (void)rig_expect(&rig, "photod-vault was ended by signal 9 (Killed): starting it again");
    rig_expect_all(&rig, again, sizeof again / sizeof again[0]);
    ck_assert(!rig_saw(&rig, "photod-web law was"));
    ck_assert(!rig_saw(&rig, "photod: photod-intake"));
    expect_exit(rig_stop(&rig), 0);
}
END_TEST

START_TEST(child_that_dies_again_and_again_is_started_ever_more_slowly)
{
    int64_t first_ms;

    rig_config(&rig, ORDINARY "#plan law: crash\n");
    rig_start(&rig, NULL);
    (void)rig_expect(&rig, "@law BORN");
    first_ms = clock_steady_ms();
    for (int i = 0; i < 5; i++)
        (void)rig_expect(&rig, "@law BORN");
    /* after 0, 0.1, 0.2, 0.4 and 0.8 s */
    ck_assert_int_ge(clock_steady_ms() - first_ms, 1400);
    expect_exit(rig_stop(&rig), 0);
}
END_TEST

START_TEST(worker_that_has_done_its_share_is_replaced_without_a_word)
{
    serve("#plan intake 1: leave\n");
    for (int i = 0; i < 4; i++)
        (void)rig_expect(&rig, "@intake 1 BORN");
    ck_assert(!rig_saw(&rig, "starting it again"));
    expect_exit(rig_stop(&rig), 0);
}
END_TEST

START_TEST(worker_the_vault_complains_of_is_replaced)
{
    rig_config(&rig, ORDINARY "#plan vault: recycle\n");
    rig_start(&rig, NULL);
    (void)rig_expect(&rig, "photod-intake 1 hangs or is cut off, says the vault: replaced");
    (void)rig_expect(&rig, "@vault PROCESS photod-intake 1, 1 restarts");
    ck_assert(!rig_saw(&rig, "starting it again"));
    expect_exit(rig_stop(&rig), 0);
}
END_TEST

START_TEST(vault_that_cannot_open_ends_photod_with_its_code)
{
    rig_config(&rig, ORDINARY "#plan vault: exit-4\n");
    rig_start(&rig, NULL);
    expect_exit(rig_wait(&rig), 4);
    ck_assert(rig_saw(&rig, "stopping: photod-vault cannot start and left with exit code 4"));
    ck_assert(!rig_saw(&rig, "starting it again"));
    ck_assert(!rig_saw(&rig, "serving"));
}
END_TEST

START_TEST(doors_stop_first_then_the_vault_then_the_workers)
{
    serve("");
    expect_exit(rig_stop(&rig), 0);
    expect_order("@law STOP", "@vault STOP");
    expect_order("@office STOP", "@vault STOP");
    expect_order("@vault STOP", "@intake 0 STOP");
    ck_assert(!rig_saw(&rig, "exit code"));
}
END_TEST

START_TEST(door_that_does_not_stop_is_killed_and_the_vault_still_stops_in_order)
{
    serve("#plan law: stubborn\n");
    expect_exit(rig_stop(&rig), 0);
    ck_assert(rig_saw(&rig, "photod-web law did not stop in 6 s: killed"));
    expect_order("did not stop", "@vault STOP");
}
END_TEST

START_TEST(child_that_speaks_out_of_turn_is_killed_and_started_again)
{
    rig_config(&rig, ORDINARY "#plan office: nonsense\n");
    rig_start(&rig, NULL);
    (void)rig_expect(&rig, "photod-web office speaks out of turn (denied): killed");
    (void)rig_expect(&rig, "photod-web office was ended by signal 9 (Killed): starting it again");
    (void)rig_expect(&rig, "@office BORN");
    expect_exit(rig_stop(&rig), 0);
}
END_TEST

START_TEST(killed_photod_leaves_nobody_behind)
{
    serve("");
    ck_assert_int_eq(kill(rig.pid, SIGKILL), 0);
    rig_drain(&rig); /* ends when the last child has closed its standard error */
}
END_TEST

START_TEST(new_certificate_reaches_both_doors)
{
    static const char *const doors[] = {"@law TLS 0 mark-9", "@office TLS 0 mark-9"};

    serve("");
    rig_write(&rig, "cert.pem", "-----BEGIN CERTIFICATE-----\nmark-9\n-----END CERTIFICATE-----\n", 0644);
    ck_assert_int_eq(kill(rig.pid, SIGHUP), 0);
    rig_expect_all(&rig, doors, 2);
    expect_exit(rig_stop(&rig), 0);
}
END_TEST

START_TEST(new_revocation_list_is_noticed_without_being_told)
{
    static const char *const doors[] = {"@law TLS 3 mark-8", "@office TLS 3 mark-8"};

    serve("");
    rig_write(&rig, "crl.pem", "-----BEGIN X509 CRL-----\nmark-8\n-----END X509 CRL-----\n", 0644);
    ck_assert(!rig_sees(&rig, "mark-8", 8000)); /* each 15 s */
    rig_expect_all(&rig, doors, 2);
    expect_exit(rig_stop(&rig), 0);
}
END_TEST

START_TEST(broken_certificate_is_not_passed_on)
{
    serve("");
    rig_write(&rig, "cert.pem", "-----BEGIN CERTIFICATE-----\ncut sho", 0644);
    ck_assert_int_eq(kill(rig.pid, SIGHUP), 0);
    (void)rig_expect(&rig, "the doors keep the certificates they have");
    ck_assert(rig_saw(&rig, "tls_certificate: "));
    ck_assert(!rig_sees(&rig, "@law TLS", 300));
    expect_exit(rig_stop(&rig), 0);
}
END_TEST

START_TEST(unknown_key_is_named_with_its_line)
{
    rig_config(&rig, "law_lisen = 127.0.0.1:8443\n");
    refuse(NULL, "photod.conf:9: unknown key `law_lisen`", 2);
}
END_TEST

START_TEST(missing_key_is_named)
{
    rig_write(&rig, "photod.conf", "state = /tmp\n", 0644);
    refuse(NULL, "photod.conf: socket must be set", 2);
}
END_TEST

START_TEST(check_reads_the_configuration_and_no_more)
{
    rig_write(&rig, "key.pem", "no key at all", 0644);
    refuse("--check", "photod.conf: ok", 0);
}
END_TEST

START_TEST(port_in_use_is_one_line)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int taken = socket(AF_INET, SOCK_STREAM, 0);
    char config[256], line[128];

    ck_assert(!bind(taken, (struct sockaddr *)&at, sizeof at) && !listen(taken, 1) &&
              !getsockname(taken, (struct sockaddr *)&at, &len));
    (void)snprintf(config, sizeof config, "confinement = same-user\nlaw_listen = 127.0.0.1:%u\n",
                   (unsigned)ntohs(at.sin_port));
    (void)snprintf(line, sizeof line, "law_listen: the port of 127.0.0.1:%u is in use by another program",
                   (unsigned)ntohs(at.sin_port));
    rig_config(&rig, config);
    refuse(NULL, line, 1);
    (void)close(taken);
}
END_TEST

START_TEST(address_that_is_none_is_refused)
{
    static const char *const wrong[] = {"localhost:8443", "127.0.0.1", "127.0.0.1:",  ":8443",
                                        "::1:8443",       "[::1]",     "127.0.0.1:x", "[127.0.0.1:8443"};

    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char config[256], line[128];

        (void)snprintf(config, sizeof config, "confinement = same-user\nlaw_listen = %s\n", wrong[i]);
        (void)snprintf(line, sizeof line, "law_listen: `%s` is no address and port", wrong[i]);
        rig_config(&rig, config);
        refuse(NULL, line, 1);
    }
}
END_TEST

START_TEST(socket_of_a_killed_photod_is_replaced)
{
    char path[128];
    struct stat st;

    path_in(path, "socket");
    serve("");
    ck_assert_int_eq(kill(rig.pid, SIGKILL), 0);
    ck_assert(WIFSIGNALED(rig_wait(&rig)));
    ck_assert_int_eq(lstat(path, &st), 0);
    serve("");
    ck_assert_int_eq(lstat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 07777, 0660);
    expect_exit(rig_stop(&rig), 0);
    ck_assert_int_eq(lstat(path, &st), -1);
}
END_TEST

START_TEST(second_photod_leaves_the_first_alone)
{
    struct rig first;
    char path[128];
    struct stat st;

    serve("");
    first = rig;
    rig.lines = -1;
    rig.history_len = 0;
    rig.history[0] = '\0';
    refuse(NULL, "photod is already running", 1);
    path_in(path, "socket");
    ck_assert_int_eq(lstat(path, &st), 0);
    (void)close(rig.lines);
    rig = first;
    expect_exit(rig_stop(&rig), 0);
}
END_TEST

/* Its children hold its sockets for a moment longer. */
START_TEST(sockets_of_a_dying_photod_are_awaited)
{
    struct sockaddr_in door = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    socklen_t len = sizeof door;
    int law = socket(AF_INET, SOCK_STREAM, 0), local = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    char config[128];
    pid_t holder;

    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s/socket", rig.dir);
    ck_assert(!bind(law, (struct sockaddr *)&door, sizeof door) && !listen(law, 1) &&
              !getsockname(law, (struct sockaddr *)&door, &len));
    ck_assert(!bind(local, (struct sockaddr *)&at, sizeof at) && !listen(local, 1));
    holder = fork();
    if (!holder) {
        (void)usleep(300000);
        _exit(0);
    }
    (void)close(law);
    (void)close(local);
    (void)snprintf(config, sizeof config,
                   "confinement = same-user\nlaw_listen = 127.0.0.1:%u\noffice_listen = [::1]:0\n",
                   (unsigned)ntohs(door.sin_port));
    rig_config(&rig, config);
    rig_start(&rig, NULL);
    (void)rig_expect(&rig, "serving: law door https://127.0.0.1:");
    ck_assert_int_eq(waitpid(holder, NULL, WNOHANG), holder);
    expect_exit(rig_stop(&rig), 0);
}
END_TEST

START_TEST(file_in_the_place_of_the_socket_is_left_alone)
{
    rig_write(&rig, "socket", "precious", 0600);
    refuse(NULL, "is there already and is no socket", 1);
}
END_TEST

START_TEST(key_that_everybody_may_read_is_refused)
{
    rig_write(&rig, "key.pem", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", 0644);
    refuse(NULL, "tls_key: everybody on this machine may read or change ", 1);
    rig_write(&rig, "root.key", "rootkey", 0604);
    refuse(NULL, "root_key: everybody on this machine may read or change ", 1);
}
END_TEST

START_TEST(passphrase_stands_behind_the_root_key)
{
    char path[128], more[256];

    path_in(path, "phrase");
    (void)snprintf(more, sizeof more, ORDINARY "seal = passphrase\nseal_passphrase = %s\n", path);
    rig_config(&rig, more);
    refuse(NULL, "phrase: No such file or directory", 1);
    rig_write(&rig, "root.key", "root", 0600);
    rig_write(&rig, "phrase", "key", 0604);
    refuse(NULL, "seal_passphrase: everybody on this machine may read or change ", 1);
    rig_write(&rig, "phrase", "key", 0600);
    rig_start(&rig, NULL);
    (void)rig_expect(&rig, "@vault ROOT_KEY rootkey");
    expect_exit(rig_stop(&rig), 0);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(file_of_another_kind_is_refused)
{
    rig_write(&rig, "crl.pem", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", 0644);
    refuse(NULL, "crl.pem is no PEM file of that kind", 1);
}
END_TEST

START_TEST(missing_user_is_named)
{
    if (geteuid() != 0)
        return;
    rig_config(&rig, "user_vault = no-such-user-here\n");
    refuse(NULL, "user_vault: no user `no-such-user-here` on this machine", 2);
}
END_TEST

START_TEST(each_child_runs_as_its_own_user)
{
    static const char *const born[] = {"@vault BORN 1 descriptors, 0 variables, stdin null, uid 64101",
                                       "@law BORN 1 descriptors, 0 variables, stdin null, uid 64102",
                                       "@office BORN 1 descriptors, 0 variables, stdin null, uid 64103",
                                       "@intake 0 BORN 1 descriptors, 0 variables, stdin null, uid 64104"};
    char path[128];
    struct stat st;

    if (geteuid() != 0)
        return;
    rig_config(&rig, "user_vault = 64101\nuser_law = 64102\nuser_office = 64103\nuser_intake = 64104\n"
                     "admin_group = 64105\nlaw_listen = 127.0.0.1:0\noffice_listen = 127.0.0.1:0\n");
    rig_start(&rig, NULL);
    rig_expect_all(&rig, born, 4);
    path_in(path, "socket");
    ck_assert_int_eq(lstat(path, &st), 0);
    ck_assert_int_eq(st.st_uid, 64101);
    ck_assert_int_eq(st.st_gid, 64105);
    expect_exit(rig_stop(&rig), 0);
}
END_TEST

START_TEST(service_manager_hears_ready_and_the_watchdog)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char text[256] = "", all[4096] = "";

    (void)snprintf(at.sun_path, sizeof at.sun_path, "%.60s/notify", rig.dir);
    ck_assert_int_eq(bind(manager, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", at.sun_path, 1), 0);
    ck_assert_int_eq(setenv("WATCHDOG_USEC", "200000", 1), 0);
    serve("");
    ck_assert_int_eq(unsetenv("NOTIFY_SOCKET"), 0);
    ck_assert_int_eq(unsetenv("WATCHDOG_USEC"), 0);
    ck_assert(!rig_sees(&rig, "watchdog", 500));
    expect_exit(rig_stop(&rig), 0);
    for (ssize_t n; (n = recv(manager, text, sizeof text - 1, MSG_DONTWAIT)) > 0;) {
        text[n] = '\0';
        (void)strncat(all, text, sizeof all - strlen(all) - 1);
        (void)strncat(all, "\n", sizeof all - strlen(all) - 1);
    }
    ck_assert_msg(strstr(all, "READY=1\nSTATUS=serving: law door https://127.0.0.1:"), "%s", all);
    ck_assert_msg(strstr(all, "WATCHDOG=1"), "%s", all);
    ck_assert_msg(strstr(all, "STOPPING=1"), "%s", all);
    (void)close(manager);
}
END_TEST

SUITE_IN("parent", setup, teardown, children_get_what_they_need_then_go,
         children_are_born_with_one_descriptor_and_no_environment, links_join_the_two_they_name,
         vault_hears_of_every_process, dead_web_is_started_again_with_a_fresh_link,
         vault_dies_and_everybody_is_linked_with_the_new_one,
         child_that_dies_again_and_again_is_started_ever_more_slowly,
         worker_that_has_done_its_share_is_replaced_without_a_word, worker_the_vault_complains_of_is_replaced,
         vault_that_cannot_open_ends_photod_with_its_code, doors_stop_first_then_the_vault_then_the_workers,
         door_that_does_not_stop_is_killed_and_the_vault_still_stops_in_order,
         child_that_speaks_out_of_turn_is_killed_and_started_again, killed_photod_leaves_nobody_behind,
         new_certificate_reaches_both_doors, new_revocation_list_is_noticed_without_being_told,
         broken_certificate_is_not_passed_on, unknown_key_is_named_with_its_line, missing_key_is_named,
         check_reads_the_configuration_and_no_more, port_in_use_is_one_line, address_that_is_none_is_refused,
         socket_of_a_killed_photod_is_replaced, second_photod_leaves_the_first_alone,
         sockets_of_a_dying_photod_are_awaited, file_in_the_place_of_the_socket_is_left_alone,
         key_that_everybody_may_read_is_refused, passphrase_stands_behind_the_root_key,
         file_of_another_kind_is_refused, missing_user_is_named, each_child_runs_as_its_own_user,
         service_manager_hears_ready_and_the_watchdog)
