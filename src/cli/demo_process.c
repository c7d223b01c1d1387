#include "cli/demo_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

enum { PATH_SIZE = 512, POLL_MS = 10 };

static _Noreturn void become(const char *config, int error_fd, pid_t parent)
{
    sigset_t none;
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    char *argv[] = {"tidegate", "run", "-c", (char *)config, NULL};

    (void)setpgid(0, 0);
    /* If the demo is killed outright nobody else would end us. */
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    if (getppid() != parent) {
        _exit(1);
    }
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)unsetenv("NOTIFY_SOCKET"); /* the demo is no service */
    if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 || dup2(null_fd, STDOUT_FILENO) < 0 ||
        dup2(error_fd, STDERR_FILENO) < 0) {
        _exit(1);
    }
    (void)execv("/proc/self/exe", argv);
    (void)fprintf(stderr, "cannot start /proc/self/exe: %s\n", strerror(errno));
    _exit(1);
}

bool demo_process_start(struct demo_process *process, const char *folder, const char *name,
                        struct error *error)
{
    char path[PATH_SIZE];
    pid_t parent = getpid();
    int ends[2];

    *process = (struct demo_process){.name = name, .pipe_fd = -1};
    (void)snprintf(path, sizeof(path), "%s/%s.log", folder, name);
    process->log = fopen(path, "we");
    if (process->log == NULL) {
        return error_set_errno(error, errno, "cannot write %s", path);
    }
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return error_set_errno(error, errno, "cannot make a pipe");
    }
    (void)snprintf(path, sizeof(path), "%s/%s.yaml", folder, name);
    (void)fflush(NULL);
    process->pid = fork();
    if (process->pid == 0) {
        become(path, ends[1], parent);
    }
    (void)close(ends[1]);
    process->pipe_fd = ends[0];
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    if (process->pid < 0) {
        process->pid = 0;
        return error_set_errno(error, errno, "cannot start a process");
    }
    return true;
}

static void take_line(struct demo_process *process)
{
    static const char listening[] = ": listening on ";
    const char *found;

    process->line[process->line_len] = '\0';
    found = strstr(process->line, listening);
    if (found != NULL && process->port == 0) {
        const char *colon = strrchr(found + sizeof(listening) - 1, ':');

        process->port = colon != NULL ? (uint16_t)strtoul(colon + 1, NULL, 10) : 0;
    }
    if (strstr(process->line, ": info: ready") != NULL) {
        process->is_ready = true;
    }
    if (process->log != NULL) {
        (void)fprintf(process->log, "%s\n", process->line);
        (void)fflush(process->log);
    }
    process->line_len = 0;
}

bool demo_process_read(struct demo_process *process,
                       void (*on_line)(const char *name, const char *line))
{
    char bytes[4096];
    ssize_t got;

    while ((got = read(process->pipe_fd, bytes, sizeof(bytes))) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            /* A longer line is cut in two: nothing is lost and nothing grows. */
            if (bytes[i] != '\n' && process->line_len < sizeof(process->line) - 1) {
                process->line[process->line_len++] = bytes[i];
                continue;
            }
            take_line(process);
            if (on_line != NULL) {
                on_line(process->name, process->line);
            }
            if (bytes[i] != '\n') {
                process->line[process->line_len++] = bytes[i];
            }
        }
    }
    return got < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Its last words tell why it did not start. */
static bool say_why(struct demo_process *process, struct error *error, const char *what)
{
    return error_set(error, "%s %s%s%s", process->name, what,
                     process->line[0] != '\0' ? "; its last line: " : "", process->line);
}

bool demo_process_wait_ready(struct demo_process *process, int signal_fd, struct error *error)
{
    uint64_t deadline = clock_ms() + DEMO_PROCESS_START_MS;

    while (!process->is_ready) {
        struct pollfd fds[2] = {{.fd = process->pipe_fd, .events = POLLIN},
                                {.fd = signal_fd, .events = POLLIN}};
        uint64_t now = clock_ms();

        if (now >= deadline) {
            return say_why(process, error, "did not start in time");
        }
        (void)poll(fds, 2, (int)(deadline - now));
        if (fds[1].revents != 0) {
            return error_set(error, "interrupted");
        }
        if (!demo_process_read(process, NULL) && !process->is_ready) {
            return say_why(process, error, "did not start");
        }
    }
    return process->port != 0 || say_why(process, error, "did not say where it listens");
}

/* True when it ended within the time; then *status is how. */
static bool wait_end(struct demo_process *process, uint64_t limit_ms, int *status)
{
    uint64_t deadline = clock_ms() + limit_ms;

    for (;;) {
        struct pollfd fd = {.fd = process->pipe_fd, .events = POLLIN};

        if (waitpid(process->pid, status, WNOHANG) != 0) {
            return true;
        }
        if (clock_ms() >= deadline) {
            return false;
        }
        /* The pipe is emptied meanwhile: a full one would keep it from ending. At its end, poll
         * returns at once, and the process is about to be gone. */
        (void)poll(&fd, 1, POLL_MS);
        if (!demo_process_read(process, NULL)) {
            (void)poll(NULL, 0, POLL_MS);
        }
    }
}

bool demo_process_stop(struct demo_process *process)
{
    int status = 0; /* nothing ran, nothing went wrong */
    bool was_asked = true;

    if (process->pid > 0) {
        (void)kill(process->pid, SIGTERM);
        if (!wait_end(process, DEMO_PROCESS_STOP_MS, &status)) {
            was_asked = false;
            (void)kill(process->pid, SIGTERM); /* the second one: at once */
            if (!wait_end(process, DEMO_PROCESS_STOP_MS / 2, &status)) {
                (void)kill(process->pid, SIGKILL);
                (void)waitpid(process->pid, &status, 0);
            }
        }
        process->pid = 0;
    }
    if (process->pipe_fd >= 0) {
        (void)demo_process_read(process, NULL);
        (void)close(process->pipe_fd);
        process->pipe_fd = -1;
    }
    if (process->log != NULL) {
        (void)fclose(process->log);
        process->log = NULL;
    }
    return was_asked && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
