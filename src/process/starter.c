#include "process/starter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "io/fd_pass.h"
#include "process/child_signals.h"
#include "sandbox/sandbox.h"

enum request { REQUEST_RUN = 1, REQUEST_RUN_APART, REQUEST_KILL, REQUEST_LET_GO };

/* The starter's own. */
struct own {
    char *const *argv;
    const sigset_t *signals;
    int fd;
    int signal_fd;
    pid_t child; /* 0: none */
};

/* ---- the child that becomes the program ---- */

/* As the program was started itself. */
static void reset_signals(const sigset_t *signals)
{
    static const int changed[] = {CHILD_SIGNALS, SIGPIPE};
    const struct sigaction action = {.sa_handler = SIG_DFL};

    for (size_t i = 0; i < ARRAY_LEN(changed); i++) {
        (void)sigaction(changed[i], &action, NULL);
    }
    (void)sigprocmask(SIG_SETMASK, signals, NULL);
}

/* To its place, and open after exec. */
static bool put_at(int fd, int place)
{
    return fd == place ? fcntl(fd, F_SETFD, 0) == 0 : dup2(fd, place) == place;
}

/* told_fd: closed by a successful exec. */
static _Noreturn void become(const struct own *own, const int fds[2], int told_fd, bool is_apart)
{
    /* Out of the way of the places that they go to. */
    int link_fd = fcntl(fds[0], F_DUPFD_CLOEXEC, 10);
    int report_fd = fcntl(fds[1], F_DUPFD_CLOEXEC, 10);
    int end_fd = fcntl(told_fd, F_DUPFD_CLOEXEC, 10);
    char number[12];
    int why;

    if (is_apart) {
        (void)setpgid(0, 0);
    }
    (void)snprintf(number, sizeof(number), "%d", STARTER_LINK_FD);
    if (link_fd >= 0 && report_fd >= 0 && end_fd >= 0 && put_at(link_fd, STARTER_LINK_FD) &&
        put_at(report_fd, STDERR_FILENO) && setenv(STARTER_VARIABLE, number, 1) == 0) {
        reset_signals(own->signals);
        (void)execv(own->argv[0], own->argv);
    }
    why = errno;
    (void)!write(end_fd, &why, sizeof(why));
    _exit(127);
}

/* ---- the starter ---- */

static void tell(const struct own *own, enum starter_word word, int value)
{
    const struct starter_news news = {(int)word, value};

    (void)!fd_pass_send(own->fd, &news, sizeof(news), -1);
}

static void run(struct own *own, const int fds[2], bool is_apart)
{
    int ends[2];
    int why = 0;

    if (own->child != 0 || pipe2(ends, O_CLOEXEC) != 0) {
        tell(own, STARTER_CANNOT_RUN, own->child != 0 ? EBUSY : errno);
        return;
    }
    own->child = fork();
    if (own->child == 0) {
        become(own, fds, ends[1], is_apart);
    }
    why = own->child < 0 ? errno : 0;
    (void)close(ends[1]);
    if (own->child < 0) {
        own->child = 0;
    } else if (read(ends[0], &why, sizeof(why)) != (ssize_t)sizeof(why)) {
        why = 0;
    }
    (void)close(ends[0]);
    if (why != 0) {
        if (own->child != 0) {
            (void)waitpid(own->child, NULL, 0);
            own->child = 0;
        }
        tell(own, STARTER_CANNOT_RUN, why);
        return;
    }
    tell(own, STARTER_RUNS, (int)own->child);
}

/* And waits for its end, so that the next one can be started at once. */
static void kill_child(struct own *own)
{
    int status = 0;

    if (own->child != 0) {
        (void)kill(own->child, SIGKILL);
        (void)waitpid(own->child, &status, 0);
        own->child = 0;
        tell(own, STARTER_HAS_ENDED, status);
    }
}

static void take_request(struct own *own)
{
    int fds[FD_PASS_MAX];
    size_t count = 0;
    int request = 0;
    ssize_t got = fd_pass_receive_all(own->fd, &request, sizeof(request), fds, &count);

    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (got <= 0) {
        kill_child(own);
        _exit(0);
    }
    if ((request == REQUEST_RUN || request == REQUEST_RUN_APART) && count == 2) {
        run(own, fds, request == REQUEST_RUN_APART);
    } else if (request == REQUEST_KILL) {
        kill_child(own);
    } else if (request == REQUEST_LET_GO) {
        _exit(0);
    }
    for (size_t i = 0; i < count; i++) {
        (void)close(fds[i]);
    }
}

static void reap(struct own *own)
{
    struct signalfd_siginfo info;
    int status;
    pid_t pid;

    while (read(own->signal_fd, &info, sizeof(info)) > 0) {
    }
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == own->child) {
            own->child = 0;
            tell(own, STARTER_HAS_ENDED, status);
        }
    }
}

static _Noreturn void be_starter(struct own *own)
{
    sigset_t ends;

    log_set_role("starter");
    (void)prctl(PR_SET_NAME, "starter", 0, 0, 0);
    sandbox_skip(SANDBOX_STARTER,
                 "what it starts must have the rights of the start; it takes single "
                 "words from the supervisor alone");
    child_signals_ignore(own->signals);
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &ends, NULL);
    own->signal_fd = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
    if (own->signal_fd < 0) {
        _exit(1);
    }
    for (;;) {
        struct pollfd fds[2] = {{.fd = own->fd, .events = POLLIN},
                                {.fd = own->signal_fd, .events = POLLIN}};

        if (poll(fds, 2, -1) > 0) {
            if (fds[1].revents != 0) {
                reap(own);
            }
            if (fds[0].revents != 0) {
                take_request(own);
            }
        }
    }
}

/* ---- the supervisor's side ---- */

bool starter_begin(struct starter *starter, char *const *argv, const sigset_t *signals,
                   struct error *error)
{
    int pair[2];
    pid_t pid;

    *starter = STARTER_NONE;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return error_set_errno(error, errno, "socketpair");
    }
    (void)fflush(NULL);
    pid = fork();
    if (pid < 0) {
        int number = errno;
        (void)close(pair[0]);
        (void)close(pair[1]);
        return error_set_errno(error, number, "fork");
    }
    if (pid == 0) {
        struct own own = {.argv = argv, .signals = signals, .fd = pair[1]};
        (void)close(pair[0]);
        be_starter(&own);
    }
    (void)close(pair[1]);
    *starter = (struct starter){.fd = pair[0], .pid = pid};
    return true;
}

static bool ask(const struct starter *starter, enum request request, const int *fds, size_t count)
{
    const int word = (int)request;

    return starter->fd >= 0 && fd_pass_send_all(starter->fd, &word, sizeof(word), fds, count);
}

bool starter_run(const struct starter *starter, int link_fd, int report_fd, bool own_group)
{
    const int fds[2] = {link_fd, report_fd};

    return ask(starter, own_group ? REQUEST_RUN_APART : REQUEST_RUN, fds, 2);
}

void starter_kill(const struct starter *starter)
{
    (void)ask(starter, REQUEST_KILL, NULL, 0);
}

bool starter_read(struct starter *starter, struct starter_news *news)
{
    int fd = -1;
    ssize_t got;

    if (starter->fd < 0) {
        return false;
    }
    got = fd_pass_receive(starter->fd, news, sizeof(*news), &fd);
    if (fd >= 0) {
        (void)close(fd);
    }
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        starter_end(starter);
    }
    return got == (ssize_t)sizeof(*news);
}

void starter_end(struct starter *starter)
{
    if (starter->fd >= 0) {
        (void)close(starter->fd);
        starter->fd = -1;
        sandbox_end(SANDBOX_STARTER);
    }
}

void starter_let_go(struct starter *starter)
{
    (void)ask(starter, REQUEST_LET_GO, NULL, 0);
    starter_end(starter);
}

char *starter_program(void)
{
    char path[PATH_MAX];
    ssize_t len;

    if (strchr(program_invocation_name, '/') != NULL) {
        return xstrdup(program_invocation_name);
    }
    len = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (len <= 0) {
        return xstrdup(program_invocation_name);
    }
    path[len] = '\0';
    return xstrdup(path);
}
