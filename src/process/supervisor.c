#include "process/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/account.h"
#include "base/clock.h"
#include "base/log.h"
#include "gateway/deaths.h"
#include "gateway/gateway.h"
#include "gateway/snapshot.h"
#include "io/fd_pass.h"
#include "observe/log_writer.h"
#include "process/backoff.h"
#include "process/confine.h"
#include "process/control_socket.h"
#include "process/file_broker.h"
#include "process/listen.h"
#include "process/notify.h"
#include "process/privileges.h"
#include "settings/settings.h"

/* How long a gateway that was told to end may take longer than its own limit. */
enum { GRACE_MS = 2000 };
/* How long a gateway may take to accept what waits before it drains. */
enum { QUIET_MS = 1000 };

enum supervisor_state {
    SUPERVISOR_STARTING,
    SUPERVISOR_IS_UP,
    SUPERVISOR_WAITING,
    SUPERVISOR_DRAINING,
    SUPERVISOR_KILLING,
    SUPERVISOR_ENDED
};

struct supervisor {
    const struct settings *settings;
    struct snapshot *snapshot;
    struct privileges privileges;
    struct listen_set listening;
    int admin_fd; /* the control socket; -1: none */
    const char *version;
    struct backoff backoff;
    enum supervisor_state state;
    bool was_ever_up;
    pid_t gateway;  /* 0: none */
    int control_fd; /* our end; -1: none */
    struct file_broker files;
    int signal_fd;
    sigset_t old_signals;
    uint64_t started_ms;  /* when the gateway was forked */
    uint64_t deadline_ms; /* of WAITING, DRAINING and KILLING */
    uint64_t quiet_ms;    /* of DRAINING: the sockets are closed then at the latest; 0: they are */
    int exit_status;
};

static const char *const state_names[] = {"starting", "up",      "waiting",
                                          "draining", "killing", "ended"};
static const int handled_signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD};

static void set_state(struct supervisor *s, enum supervisor_state state)
{
    log_debug("supervisor: %s -> %s", state_names[s->state], state_names[state]);
    s->state = state;
}

/* --- the gateway process --- */

/* For the signal handler alone. */
static struct {
    volatile sig_atomic_t limit_s;
    const struct listen_set *listening;
    int admin_fd;
    pid_t parent;
} orphan;

/* The supervisor is gone, if it is: any process of this user can send the signal, too. The control
 * socket's end makes the gateway drain; this lets the next supervisor have the ports at once, and
 * makes sure that the gateway ends even when it hangs. getppid, shutdown and alarm are
 * async-signal-safe, and SIGALRM's default is to end. */
static void on_parent_death(int signal_number)
{
    int number = errno;

    (void)signal_number;
    if (getppid() == orphan.parent) {
        return;
    }
    for (size_t i = 0; i < orphan.listening->count; i++) {
        (void)shutdown(orphan.listening->sockets[i].fd, SHUT_RDWR);
    }
    if (orphan.admin_fd >= 0) {
        (void)shutdown(orphan.admin_fd, SHUT_RDWR);
    }
    (void)alarm((unsigned)orphan.limit_s);
    errno = number;
}

/* A terminal's Ctrl-C and a service manager's SIGTERM reach every process of the group, but when to
 * drain is the supervisor's word alone. */
static void reset_signals(const struct supervisor *s)
{
    struct sigaction action = {.sa_handler = SIG_IGN};

    for (size_t i = 0; i < ARRAY_LEN(handled_signals); i++) {
        action.sa_handler = handled_signals[i] == SIGCHLD ? SIG_DFL : SIG_IGN;
        (void)sigaction(handled_signals[i], &action, NULL);
    }
    (void)sigprocmask(SIG_SETMASK, &s->old_signals, NULL);
}

/* After the change of user: the kernel forgets the parent-death signal in it. */
static void follow_parent(const struct supervisor *s, pid_t parent)
{
    struct sigaction action = {.sa_handler = on_parent_death, .sa_flags = SA_RESTART};
    uint64_t limit_s = (s->settings->timeouts.drain_ms + GRACE_MS) / 1000 + 1;

    orphan.limit_s = limit_s < 86400 ? (sig_atomic_t)limit_s : 86400;
    orphan.listening = &s->listening;
    orphan.admin_fd = s->admin_fd;
    orphan.parent = parent;
    (void)sigaction(SIGUSR2, &action, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGUSR2, 0, 0, 0);
    if (getppid() != parent) {
        on_parent_death(SIGUSR2);
    }
}

static _Noreturn void be_gateway(struct supervisor *s, int control_fd, int files_fd, pid_t parent)
{
    struct error error;
    int *fds = xcalloc(s->listening.count + 1, sizeof(*fds));
    int status;

    log_set_role("gateway");
    reset_signals(s);
    (void)close(s->signal_fd);
    if (!privileges_drop(&s->privileges, &error)) {
        log_error("%s", error.text);
        exit(1);
    }
    follow_parent(s, parent);
    file_broker_use(files_fd);
    confine_gateway(s->snapshot, s->privileges.keep_dumpable);
    if (s->was_ever_up) {
        trust_follow(&s->snapshot->trust);
    }
    for (size_t i = 0; i < s->listening.count; i++) {
        fds[i] = s->listening.sockets[i].fd;
    }
    if (s->admin_fd >= 0) {
        struct admin *admin = admin_create(s->admin_fd, s->version);
        struct gateway_companion companion = admin_companion(admin);

        status = gateway_main(s->snapshot, fds, s->listening.count, control_fd, &companion);
        admin_destroy(admin);
    } else {
        status = gateway_main(s->snapshot, fds, s->listening.count, control_fd, NULL);
    }
    free(fds);
    exit(status);
}

static bool start_gateway(struct supervisor *s)
{
    int pair[2];
    pid_t parent = getpid();
    struct error error;
    pid_t pid;
    int files_fd;

    if (!listen_revive(&s->listening, &error)) {
        log_error("%s", error.text);
        return false;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        log_error("cannot start the gateway: socketpair: %s; raise the limit of open files "
                  "(LimitNOFILE= of the service, or ulimit -n)",
                  strerror(errno));
        return false;
    }
    files_fd = file_broker_open(&s->files, s->snapshot, &s->privileges);
    (void)fflush(NULL); /* or both processes would print what waits in a buffer */
    pid = fork();
    if (pid < 0) {
        log_error("cannot start the gateway: fork: %s; there is too little memory, or the limit of "
                  "processes is reached (TasksMax= of the service, or ulimit -u)",
                  strerror(errno));
        (void)close(pair[0]);
        (void)close(pair[1]);
        file_broker_close(&s->files);
        if (files_fd >= 0) {
            (void)close(files_fd);
        }
        return false;
    }
    if (pid == 0) {
        (void)close(pair[0]);
        file_broker_close(&s->files);
        be_gateway(s, pair[1], files_fd, parent);
    }
    (void)close(pair[1]);
    if (files_fd >= 0) {
        (void)close(files_fd);
    }
    (void)fcntl(pair[0], F_SETFL, O_NONBLOCK);
    s->control_fd = pair[0];
    s->gateway = pid;
    s->started_ms = clock_ms();
    set_state(s, SUPERVISOR_STARTING);
    return true;
}

/* --- what happens to it --- */

static void send_command(const struct supervisor *s, enum supervisor_command command)
{
    char byte = (char)command;

    if (s->control_fd >= 0) {
        /* It fails only when the gateway is dead, of which SIGCHLD tells. */
        (void)send(s->control_fd, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

/* Opened here, with the rights of the start: the gateway's user may write in no folder of logs. A
 * gateway that is started later goes on with the new file, too. */
static void reopen_logs(struct supervisor *s)
{
    const char command = SUPERVISOR_REOPEN_LOGS;
    struct log_writer *log = s->snapshot->access_log;
    struct error error;
    int fd;

    if (!log_writer_has_file(log)) {
        log_info("there is no log file to reopen");
        return;
    }
    fd = log_writer_open_again(log, &error);
    if (fd < 0) {
        log_warn("%s; going on with the old file", error.text);
        return;
    }
    log_info("reopening the logs");
    if (s->control_fd >= 0 && !fd_pass_send(s->control_fd, &command, 1, fd)) {
        log_warn("the gateway goes on with the old log file: %s; send the signal again",
                 strerror(errno));
    }
    log_writer_use(log, fd);
}

static void close_control(struct supervisor *s)
{
    if (s->control_fd >= 0) {
        (void)close(s->control_fd);
        s->control_fd = -1;
    }
    file_broker_close(&s->files);
}

/* New connections are refused from now on; what still waited to be accepted is reset. */
static void stop_listening(struct supervisor *s)
{
    listen_stop(&s->listening);
    s->quiet_ms = 0;
}

static void read_control(struct supervisor *s)
{
    char bytes[16];
    ssize_t got = recv(s->control_fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        close_control(s);
        return;
    }
    for (ssize_t i = 0; i < got; i++) {
        if (bytes[i] == SUPERVISOR_UP && s->state == SUPERVISOR_STARTING) {
            set_state(s, SUPERVISOR_IS_UP);
            s->was_ever_up = true;
            log_info("ready");
            notify_send("READY=1");
        }
        if (bytes[i] == SUPERVISOR_QUIET && s->quiet_ms != 0) {
            stop_listening(s);
        }
    }
}

static void wait_and_restart(struct supervisor *s, uint64_t lived_ms)
{
    uint64_t pause_ms = backoff_next(&s->backoff, lived_ms);

    s->deadline_ms = clock_ms() + pause_ms;
    set_state(s, SUPERVISOR_WAITING);
    log_warn("starting the gateway again in %" PRIu64 " ms; the sockets stay open, new connections "
             "wait in their queues",
             pause_ms);
}

static void describe_death(int status, char *text, size_t size)
{
    if (WIFSIGNALED(status)) {
        (void)snprintf(text, size, "was ended by signal %d (%s)%s", WTERMSIG(status),
                       strsignal(WTERMSIG(status)), WCOREDUMP(status) ? ", core dumped" : "");
    } else {
        (void)snprintf(text, size, "exited with status %d", WEXITSTATUS(status));
    }
}

static void gateway_ended(struct supervisor *s, int status)
{
    uint64_t lived_ms = clock_ms() - s->started_ms;
    bool was_told = s->state == SUPERVISOR_DRAINING || s->state == SUPERVISOR_KILLING;
    bool is_clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    char how[128];

    /* Its last words may still wait in the socket: it may have been up for a moment. */
    if (s->control_fd >= 0) {
        read_control(s);
    }
    close_control(s);
    s->gateway = 0;
    describe_death(status, how, sizeof(how));
    if (!is_clean || !was_told) {
        deaths_collect(how, clock_wall_ms(), clock_ms());
    }
    if (was_told) {
        if (!is_clean) {
            log_warn("the gateway %s while it was stopping", how);
            s->exit_status = 1;
        }
        set_state(s, SUPERVISOR_ENDED);
        return;
    }
    log_error("the gateway (process that carries the traffic) %s after %" PRIu64 " ms", how,
              lived_ms);
    if (!s->was_ever_up) {
        log_error("it never came up, so there is no use in trying again; its messages are above");
        s->exit_status = 1;
        set_state(s, SUPERVISOR_ENDED);
        return;
    }
    wait_and_restart(s, lived_ms);
}

/* Every child, in case we are a container's first process and inherited somebody else's. */
static void reap(struct supervisor *s)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == s->gateway) {
            gateway_ended(s, status);
        }
    }
}

static void stop(struct supervisor *s, int signal_number)
{
    const char *name = signal_number == SIGINT ? "SIGINT" : "SIGTERM";

    notify_send("STOPPING=1");
    if (s->gateway == 0) {
        log_info("%s: stopping", name);
        set_state(s, SUPERVISOR_ENDED);
        return;
    }
    if (s->state == SUPERVISOR_DRAINING) {
        log_info("%s again: stopping at once", name);
        send_command(s, SUPERVISOR_STOP);
        stop_listening(s);
        s->deadline_ms = clock_ms() + GRACE_MS;
        set_state(s, SUPERVISOR_KILLING);
    } else if (s->state != SUPERVISOR_KILLING) {
        log_info("%s: finishing what runs (up to %" PRIu64 " s; once more stops at once)", name,
                 s->settings->timeouts.drain_ms / 1000);
        send_command(s, SUPERVISOR_DRAIN);
        s->quiet_ms = clock_ms() + QUIET_MS;
        s->deadline_ms = clock_ms() + s->settings->timeouts.drain_ms + GRACE_MS;
        set_state(s, SUPERVISOR_DRAINING);
    }
}

static void read_signals(struct supervisor *s)
{
    struct signalfd_siginfo info;

    while (s->state != SUPERVISOR_ENDED &&
           read(s->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        switch (info.ssi_signo) {
        case SIGCHLD:
            reap(s);
            break;
        case SIGHUP:
        case SIGUSR1:
            reopen_logs(s);
            break;
        default:
            stop(s, (int)info.ssi_signo);
        }
    }
}

static void deadline_passed(struct supervisor *s)
{
    if (s->quiet_ms != 0 && s->quiet_ms <= clock_ms()) {
        stop_listening(s);
        return;
    }
    if (s->state == SUPERVISOR_WAITING) {
        if (!start_gateway(s)) {
            wait_and_restart(s, 0);
        }
        return;
    }
    log_warn("the gateway did not end in time; killing it");
    (void)kill(s->gateway, SIGKILL);
    s->exit_status = 1;
    s->deadline_ms = clock_ms() + GRACE_MS;
    set_state(s, SUPERVISOR_KILLING);
}

static int poll_timeout(const struct supervisor *s)
{
    uint64_t now = clock_ms();
    uint64_t deadline = s->deadline_ms;

    if (s->state == SUPERVISOR_STARTING || s->state == SUPERVISOR_IS_UP) {
        return -1;
    }
    if (s->quiet_ms != 0 && s->quiet_ms < deadline) {
        deadline = s->quiet_ms;
    }
    if (deadline <= now) {
        return 0;
    }
    return deadline - now < 3600000 ? (int)(deadline - now) : 3600000;
}

static void run_loop(struct supervisor *s)
{
    while (s->state != SUPERVISOR_ENDED) {
        struct pollfd fds[3] = {{.fd = s->signal_fd, .events = POLLIN},
                                {.fd = s->control_fd, .events = POLLIN},
                                {.fd = s->files.fd, .events = POLLIN}};

        /* A negative descriptor is skipped, so a gateway that is gone needs no second form. */
        int ready = poll(fds, 3, poll_timeout(s));

        if (ready > 0 && fds[2].revents != 0) {
            file_broker_serve(&s->files);
        }
        if (ready > 0 && fds[1].revents != 0) {
            read_control(s);
        }
        if (ready > 0 && fds[0].revents != 0) {
            read_signals(s);
        }
        if (s->state != SUPERVISOR_ENDED && poll_timeout(s) == 0) {
            deadline_passed(s);
        }
    }
}

/* --- setting up --- */

/* Every connection takes a descriptor or two, and the soft limit of 1024 is from another age. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static bool take_signals(struct supervisor *s)
{
    struct sigaction action = {.sa_handler = SIG_IGN};
    sigset_t signals;

    (void)sigaction(SIGPIPE, &action, NULL);
    (void)sigemptyset(&signals);
    for (size_t i = 0; i < ARRAY_LEN(handled_signals); i++) {
        (void)sigaddset(&signals, handled_signals[i]);
    }
    (void)sigprocmask(SIG_BLOCK, &signals, &s->old_signals);
    /* A mask inherited from whoever started us would keep the gateway from hearing anything. */
    for (size_t i = 0; i < ARRAY_LEN(handled_signals); i++) {
        (void)sigdelset(&s->old_signals, handled_signals[i]);
    }
    s->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->signal_fd < 0) {
        log_error("cannot receive signals: %s", strerror(errno));
    }
    return s->signal_fd >= 0;
}

static bool set_up(struct supervisor *s, const struct supervisor_options *options)
{
    struct error error;

    if (!privileges_resolve(&s->privileges, account_to_become(s->settings->user),
                            s->settings->group, &error) ||
        !listen_open(&s->listening, s->settings, &error) ||
        !control_socket_open(s->settings->control, &s->admin_fd, &error)) {
        log_error("%s", error.text);
        return false;
    }
    s->privileges.keep_dumpable = options->keep_dumpable;
    s->version = options->version != NULL ? options->version : "";
    for (size_t i = 0; i < s->listening.count; i++) {
        log_info("listening on %s", s->listening.sockets[i].text);
    }
    file_broker_tell(s->snapshot, &s->privileges);
    raise_descriptor_limit();
    deaths_prepare();
    confine_supervisor(s->settings, s->privileges.keep_dumpable);
    return take_signals(s) && start_gateway(s);
}

int supervisor_run(const struct settings *settings, struct snapshot *snapshot,
                   const struct supervisor_options *options)
{
    struct supervisor s = {.settings = settings,
                           .snapshot = snapshot,
                           .admin_fd = -1,
                           .control_fd = -1,
                           .files = {.fd = -1},
                           .signal_fd = -1};

    if (!set_up(&s, options)) {
        s.exit_status = 1;
    } else {
        run_loop(&s);
    }
    listen_close(&s.listening);
    control_socket_close(settings->control, s.admin_fd);
    if (s.signal_fd >= 0) {
        (void)close(s.signal_fd);
        /* One more signal that came in just now must not turn a clean end into a death by it. */
        (void)signal(SIGTERM, SIG_IGN);
        (void)signal(SIGINT, SIG_IGN);
        (void)sigprocmask(SIG_SETMASK, &s.old_signals, NULL);
    }
    return s.exit_status;
}
