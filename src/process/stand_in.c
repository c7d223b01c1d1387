#include "process/stand_in.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "io/fd_pass.h"

bool stand_in_prepare(struct stand_in *s)
{
    int pair[2];

    if (s->fd >= 0) {
        return true;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return false;
    }
    s->fd = pair[0];
    s->other_fd = pair[1];
    return true;
}

void stand_in_begin(struct stand_in *s, pid_t in_charge)
{
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    s->in_charge = in_charge;
    (void)close(s->other_fd);
    s->other_fd = -1;
}

void stand_in_tell(int fd, pid_t in_charge)
{
    const int pid = (int)in_charge;

    (void)!fd_pass_send(fd, &pid, sizeof(pid), -1);
}

void stand_in_read(struct stand_in *s)
{
    int fd;
    int pid;
    ssize_t got;

    while (s->fd >= 0 && (got = fd_pass_receive(s->fd, &pid, sizeof(pid), &fd)) >= 0) {
        if (fd >= 0) {
            (void)close(fd);
        }
        if (got == 0) { /* its end is told by SIGCHLD, too, and with its status */
            (void)close(s->fd);
            s->fd = -1;
        } else if (got == (ssize_t)sizeof(pid) && pid > 0) {
            log_info("process %d is in charge now", pid);
            s->in_charge = (pid_t)pid;
        }
    }
}

void stand_in_reap(struct stand_in *s, pid_t pid, int status)
{
    stand_in_read(s); /* it may have handed over just before it ended */
    if (s->in_charge == 0 || pid != s->in_charge) {
        return;
    }
    s->has_ended = true;
    s->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    if (WIFSIGNALED(status)) {
        log_error("the process in charge, %d, was ended by signal %d", (int)pid, WTERMSIG(status));
    }
}

void stand_in_pass_on(const struct stand_in *s, int signal_number)
{
    if (s->in_charge != 0 && !s->has_ended) {
        (void)kill(s->in_charge, signal_number);
    }
}

static void read_signals(struct stand_in *s, int signal_fd)
{
    struct signalfd_siginfo info;
    int status;
    pid_t pid;

    while (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo != SIGCHLD) {
            stand_in_pass_on(s, (int)info.ssi_signo);
        }
    }
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        stand_in_reap(s, pid, status);
    }
}

int stand_in_run(struct stand_in *s, int signal_fd)
{
    while (!s->has_ended) {
        struct pollfd fds[2] = {{.fd = signal_fd, .events = POLLIN},
                                {.fd = s->fd, .events = POLLIN}};

        if (poll(fds, 2, -1) > 0) {
            if (fds[1].revents != 0) {
                stand_in_read(s);
            }
            if (fds[0].revents != 0) {
                read_signals(s, signal_fd);
            }
        }
    }
    return s->exit_status;
}
