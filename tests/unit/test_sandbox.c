/* The sandbox, applied in children of the test: what it lets through, and what ends the process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "sandbox/sandbox.h"

static char folder[64] = "/tmp/tidegate-sandbox-XXXXXX";

struct outcome {
    int status;          /* as of waitpid */
    struct strbuf words; /* what it said on standard error */
};

/* Runs `act` in a child, confined if there is a plan, which exits with what it returns. */
static struct outcome run_child(const struct sandbox_plan *plan, int (*act)(void))
{
    struct outcome outcome = {0};
    int ends[2];
    char bytes[4096];
    ssize_t n;
    pid_t pid;

    sandbox_prepare();
    assert_int_equal(pipe(ends), 0);
    (void)fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        if (plan != NULL) {
            sandbox_watch(plan->role);
            sandbox_enter(plan);
        }
        _exit(act());
    }
    (void)close(ends[1]);
    while ((n = read(ends[0], bytes, sizeof(bytes))) > 0) {
        strbuf_add(&outcome.words, span_make(bytes, (size_t)n));
    }
    (void)close(ends[0]);
    assert_int_equal(waitpid(pid, &outcome.status, 0), pid);
    strbuf_add_cstr(&outcome.words, "");
    return outcome;
}

static struct outcome run(enum sandbox_role role, int (*act)(void))
{
    const char *const paths[] = {folder, "/dev/null"};
    const struct sandbox_plan plan = {
        .role = role, .has_paths = role != SANDBOX_SUPERVISOR, .paths = paths, .path_count = 2};

    return run_child(&plan, act);
}

static bool calls_are_confined(void)
{
    struct sandbox_report report;

    sandbox_look(SANDBOX_GATEWAY, &report);
    return report.parts[SANDBOX_CALLS].state == SANDBOX_HOLDS;
}

static void expect_fine(enum sandbox_role role, int (*act)(void))
{
    struct outcome outcome = run(role, act);

    if (!WIFEXITED(outcome.status) || WEXITSTATUS(outcome.status) != 0) {
        fail_msg("status %x: %s", (unsigned)outcome.status, outcome.words.ptr);
    }
    strbuf_free(&outcome.words);
}

/* What it refuses ends the process, and is named. */
static void expect_refused(enum sandbox_role role, int (*act)(void), const char *call)
{
    struct outcome outcome = run(role, act);
    char words[128];

    if (!calls_are_confined()) {
        strbuf_free(&outcome.words);
        skip(); /* a kernel or a container without filters */
    }
    (void)snprintf(words, sizeof(words),
                   "tidegate[%s]: error: the sandbox refuses the system call %s, ",
                   sandbox_role_name(role), call);
    if (!WIFSIGNALED(outcome.status) || WTERMSIG(outcome.status) != SIGSYS ||
        outcome.words.ptr == NULL || strstr(outcome.words.ptr, words) == NULL) {
        fail_msg("status %x, no '%s' in: %s", (unsigned)outcome.status, words,
                 outcome.words.ptr != NULL ? outcome.words.ptr : "");
    }
    strbuf_free(&outcome.words);
}

static void *on_thread(void *arg)
{
    *(int *)arg = 1;
    return NULL;
}

/* A little of everything that a gateway does. */
static int work(void)
{
    int ends[2];
    int number = 0;
    pthread_t thread;
    char byte = 'a';
    void *memory = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int inet = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (memory == MAP_FAILED || munmap(memory, 65536) != 0 || inet < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0 || write(ends[0], &byte, 1) != 1 ||
        read(ends[1], &byte, 1) != 1) {
        return 1;
    }
    if (pthread_create(&thread, NULL, on_thread, &number) != 0 || pthread_join(thread, NULL) != 0 ||
        number != 1) {
        return 2;
    }
    return open(folder, O_RDONLY | O_DIRECTORY) >= 0 ? 0 : 3;
}

static void what_a_gateway_does_is_let_through(void **state)
{
    (void)state;
    expect_fine(SANDBOX_GATEWAY, work);
    expect_fine(SANDBOX_SUPERVISOR, work);
}

/* Files: by folder; EACCES, as for any file that is somebody else's. */

static int open_files(void)
{
    char path[96];

    (void)snprintf(path, sizeof(path), "%s/inside", folder);
    if (open(path, O_RDONLY) < 0) {
        return 1;
    }
    if (open(path, O_WRONLY) >= 0 || errno != EACCES) {
        return 2;
    }
    (void)snprintf(path, sizeof(path), "%s/new", folder);
    if (open(path, O_WRONLY | O_CREAT, 0600) >= 0 || errno != EACCES) {
        return 3;
    }
    /* Where there is no Landlock, what has failed above has been the end. */
    if (!sandbox_reaches(folder) || sandbox_reaches("/usr/include") ||
        !sandbox_reaches("/usr/no-such-folder")) {
        return 5;
    }
    return open("/proc/1/status", O_RDONLY) < 0 || open("/usr/include", O_RDONLY) < 0 ? 0 : 4;
}

static void only_files_of_the_folders_are_opened(void **state)
{
    struct sandbox_report report;
    struct outcome outcome = run(SANDBOX_GATEWAY, open_files);

    (void)state;
    strbuf_free(&outcome.words);
    sandbox_look(SANDBOX_GATEWAY, &report);
    if (report.parts[SANDBOX_FILES].state != SANDBOX_HOLDS) {
        assert_string_not_equal(report.parts[SANDBOX_FILES].note, "");
        skip(); /* a kernel without Landlock */
    }
    assert_true(WIFEXITED(outcome.status));
    assert_int_equal(WEXITSTATUS(outcome.status), 0);
}

/* Calls, one of each family. */

static int run_a_program(void)
{
    char *const arguments[] = {(char *)"true", NULL};

    return execv("/bin/true", arguments);
}

static int open_a_raw_socket(void)
{
    return socket(AF_PACKET, SOCK_RAW, 0);
}

static int open_a_strange_socket(void)
{
    return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static int be_traced(void)
{
    return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int make_a_process(void)
{
    return fork() == 0 ? 0 : 1;
}

static int delete_a_file(void)
{
    return unlink("/tmp/tidegate-sandbox-none");
}

static int change_user(void)
{
    return setuid(1);
}

static int write_and_run_memory(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) == MAP_FAILED;
}

static void a_gateway_runs_no_program(void **state)
{
    (void)state;
    expect_refused(SANDBOX_GATEWAY, run_a_program, "execve");
}

static void a_gateway_has_no_other_sockets(void **state)
{
    (void)state;
    expect_refused(SANDBOX_GATEWAY, open_a_raw_socket, "socket");
    expect_refused(SANDBOX_GATEWAY, open_a_strange_socket, "socket");
}

static void a_gateway_traces_nobody(void **state)
{
    (void)state;
    expect_refused(SANDBOX_GATEWAY, be_traced, "ptrace");
    expect_refused(SANDBOX_SUPERVISOR, be_traced, "ptrace");
}

static void a_gateway_changes_nothing_outside(void **state)
{
    (void)state;
    expect_refused(SANDBOX_GATEWAY, delete_a_file, "unlink");
    expect_refused(SANDBOX_GATEWAY, change_user, "setuid");
}

static int open_a_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0);
}

static void a_keyholder_has_no_network(void **state)
{
    (void)state;
    expect_refused(SANDBOX_KEYHOLDER, open_a_socket, "socket");
    expect_refused(SANDBOX_KEYHOLDER, run_a_program, "execve");
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define IS_STRICT true
#else
#define IS_STRICT false
#endif

/* Sanitizers do such things themselves. */
static void memory_and_processes_are_confined_in_releases(void **state)
{
    (void)state;
    if (!IS_STRICT) {
        skip();
    }
    expect_refused(SANDBOX_GATEWAY, write_and_run_memory, "mmap");
    expect_refused(SANDBOX_GATEWAY, make_a_process, "clone");
}

static int have_children(void)
{
    pid_t pid = fork();
    int status = 1;

    if (pid == 0) {
        _exit(0);
    }
    return waitpid(pid, &status, 0) == pid ? status : 1;
}

static void a_supervisor_has_children(void **state)
{
    (void)state;
    expect_fine(SANDBOX_SUPERVISOR, have_children);
}

static int look_at_itself(void)
{
    struct rlimit limit;

    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 && getrlimit(RLIMIT_CORE, &limit) == 0 &&
                   limit.rlim_max == 0
               ? 0
               : 1;
}

static void what_holds_is_reported(void **state)
{
    struct sandbox_report report;

    (void)state;
    expect_fine(SANDBOX_GATEWAY, look_at_itself);
    sandbox_look(SANDBOX_GATEWAY, &report);
    assert_true(report.pid > 0);
    assert_int_equal(report.parts[SANDBOX_NO_NEW_PRIVS].state, SANDBOX_HOLDS);
    assert_int_equal(report.parts[SANDBOX_CAPABILITIES].state, SANDBOX_HOLDS);
    assert_string_equal(report.parts[SANDBOX_CAPABILITIES].note, "none");
    assert_int_equal(report.parts[SANDBOX_DUMPS].state, SANDBOX_HOLDS);
    for (size_t i = 0; i < SANDBOX_PARTS; i++) {
        assert_string_not_equal(report.parts[i].note, "");
    }
    sandbox_skip(SANDBOX_GATEWAY, NULL);
    sandbox_look(SANDBOX_GATEWAY, &report);
    assert_int_equal(report.parts[SANDBOX_CALLS].state, SANDBOX_NOT_MEANT);
}

/* As where a container forbids both. */
static int enter_without_kernel(void)
{
    const struct sandbox_plan plan = {.role = SANDBOX_GATEWAY, .has_paths = true};
    struct sandbox_report report;
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

    if (ctx == NULL ||
        seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(landlock_create_ruleset), 0) != 0 ||
        seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(seccomp), 0) != 0 ||
        seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl), 1,
                         SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP, 0)) != 0 ||
        seccomp_load(ctx) != 0) {
        return 1;
    }
    seccomp_release(ctx);
    sandbox_enter(&plan);
    sandbox_look(SANDBOX_GATEWAY, &report);
    return report.parts[SANDBOX_CALLS].state == SANDBOX_LACKS &&
                   report.parts[SANDBOX_FILES].state == SANDBOX_LACKS &&
                   report.parts[SANDBOX_NO_NEW_PRIVS].state == SANDBOX_HOLDS
               ? 0
               : 2;
}

static void what_the_kernel_lacks_is_said_and_the_rest_holds(void **state)
{
    struct outcome outcome = run_child(NULL, enter_without_kernel);

    (void)state;
    if (!WIFEXITED(outcome.status) || WEXITSTATUS(outcome.status) != 0) {
        fail_msg("status %x: %s", (unsigned)outcome.status, outcome.words.ptr);
    }
    assert_non_null(
        strstr(outcome.words.ptr, "warning: the sandbox lacks: system calls (seccomp: "));
    assert_non_null(strstr(outcome.words.ptr, "files (this kernel has no Landlock"));
    strbuf_free(&outcome.words);
}

static int set_up(void **state)
{
    char path[96];
    int fd;

    (void)state;
    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    (void)snprintf(path, sizeof(path), "%s/inside", folder);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    return fd >= 0 ? close(fd) : 1;
}

static int tear_down(void **state)
{
    char path[96];

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/inside", folder);
    return unlink(path) + rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_gateway_does_is_let_through),
        cmocka_unit_test(only_files_of_the_folders_are_opened),
        cmocka_unit_test(a_gateway_runs_no_program),
        cmocka_unit_test(a_gateway_has_no_other_sockets),
        cmocka_unit_test(a_gateway_traces_nobody),
        cmocka_unit_test(a_gateway_changes_nothing_outside),
        cmocka_unit_test(a_keyholder_has_no_network),
        cmocka_unit_test(memory_and_processes_are_confined_in_releases),
        cmocka_unit_test(a_supervisor_has_children),
        cmocka_unit_test(what_holds_is_reported),
        cmocka_unit_test(what_the_kernel_lacks_is_said_and_the_rest_holds),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
