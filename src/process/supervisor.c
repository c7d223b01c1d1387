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
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/account.h"
#include "base/clock.h"
#include "base/log.h"
#include "gateway/commands.h"
#include "gateway/deaths.h"
#include "gateway/gateway.h"
#include "io/fd_pass.h"
#include "process/backoff.h"
#include "process/change.h"
#include "process/confine.h"
#include "process/control_socket.h"
#include "process/file_broker.h"
#include "process/gateway_child.h"
#include "process/inherited.h"
#include "process/key_service.h"
#include "process/listen.h"
#include "process/load_first.h"
#include "process/loaded.h"
#include "process/notify.h"
#include "process/privileges.h"
#include "process/watcher.h"

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
    const struct supervisor_options *options;
    struct loaded loaded;
    struct change change;
    struct watcher watcher;
    const struct bundle_head *watched; /* whose files it watches */
    struct privileges privileges;
    struct listen_set listening;
    int admin_fd;       /* the control socket; -1: none */
    char *control_path; /* its; NULL: none is given */
    struct backoff backoff;
    enum supervisor_state state;
    bool was_ever_up;
    pid_t gateway;  /* 0: none */
    int control_fd; /* our end; -1: none */
    struct file_broker files;
    struct key_service *keys;
    int signal_fd;
    sigset_t old_signals;
    uint64_t started_ms;  /* when the gateway was forked */
    uint64_t deadline_ms; /* of WAITING, DRAINING and KILLING */
    uint64_t quiet_ms;    /* of DRAINING: the sockets are closed then at the latest; 0: they are */
    int exit_status;
};

static const char *const state_names[] = {"starting", "up",      "waiting",
                                          "draining", "killing", "ended"};
static const int handled_signals[] = {CHILD_SIGNALS};

static void set_state(struct supervisor *s, enum supervisor_state state)
{
    log_debug("supervisor: %s -> %s", state_names[s->state], state_names[state]);
    s->state = state;
}

/* --- the gateway process --- */

static bool prepare_keys(struct supervisor *s, struct error *error)
{
    const struct plan *plan = s->loaded.plan;
    unsigned workers = plan->has_keyholder ? gateway_worker_count(plan->workers) : 0;

    return key_service_prepare_gateway(s->keys, workers, (uint32_t)plan->signatures,
                                       file_broker_may_read, &s->files, error);
}

static bool start_gateway(struct supervisor *s)
{
    int pair[2];
    pid_t parent = getpid();
    struct error error;
    pid_t pid;
    int files_fd;

    if (!listen_revive(&s->listening, &error) || !prepare_keys(s, &error)) {
        log_error("%s", error.text);
        return false;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        log_error("cannot start the gateway: socketpair: %s; raise the limit of open files "
                  "(LimitNOFILE= of the service, or ulimit -n)",
                  strerror(errno));
        return false;
    }
    files_fd = file_broker_open(&s->files, s->loaded.head, &s->privileges, s->keys,
                                s->loaded.plan->is_confined);
    (void)fflush(NULL); /* or both processes would print what waits in a buffer */
    pid = fork();
    if (pid < 0) {
        log_error("cannot start the gateway: fork: %s; there is too little memory, or the limit of "
                  "processes is reached (TasksMax= of the service, or ulimit -u)",
                  strerror(errno));
        (void)close(pair[0]);
        (void)close(pair[1]);
        file_broker_close(&s->files);
        key_service_gateway_ended(s->keys);
        if (files_fd >= 0) {
            (void)close(files_fd);
        }
        return false;
    }
    if (pid == 0) {
        (void)close(pair[0]);
        file_broker_close(&s->files);
        (void)close(s->signal_fd);
        change_let_go(&s->change);
        watcher_let_go(&s->watcher);
        gateway_child_be(&(struct gateway_child){
            .config_path = s->options->config_path,
            .version = s->options->version,
            .loaded = &s->loaded,
            .listening = &s->listening,
            .privileges = &s->privileges,
            .keys = s->keys,
            .signals = &s->old_signals,
            .admin_fd = s->admin_fd,
            .control_fd = pair[1],
            .files_fd = files_fd,
            .parent = parent,
            .is_started_again = s->was_ever_up,
        });
    }
    (void)close(pair[1]);
    key_service_gateway_forked(s->keys);
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

static void send_command(const struct supervisor *s, enum gateway_word word)
{
    const struct gateway_message message = {.word = (int32_t)word};

    if (s->control_fd >= 0) {
        /* It fails only when the gateway is dead, of which SIGCHLD tells. */
        (void)!fd_pass_send(s->control_fd, &message, sizeof(message), -1);
    }
}

/* Opened here, with the rights of the start: the gateway's user may write in no folder of logs. A
 * gateway that is started later goes on with the new file, too. */
static void reopen_logs(struct supervisor *s)
{
    const struct gateway_message message = {.word = GATEWAY_REOPEN_LOGS};
    struct error error;
    int fd;

    if (!loaded_has_log_file(&s->loaded)) {
        log_info("there is no log file to reopen");
        return;
    }
    fd = loaded_open_log(&s->loaded, &error);
    if (fd < 0) {
        log_warn("%s; going on with the old file", error.text);
        return;
    }
    log_info("reopening the logs");
    if (s->control_fd >= 0 && !fd_pass_send(s->control_fd, &message, sizeof(message), fd)) {
        log_warn("the gateway goes on with the old log file: %s; send the signal again",
                 strerror(errno));
    }
    (void)close(fd);
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

static void is_up(struct supervisor *s)
{
    set_state(s, SUPERVISOR_IS_UP);
    s->was_ever_up = true;
    log_info("ready");
    notify_send("READY=1");
}

static void ask_for_change(struct supervisor *s, int connection)
{
    if (s->state == SUPERVISOR_DRAINING || s->state == SUPERVISOR_KILLING) {
        if (connection >= 0) {
            (void)close(connection);
        }
        return;
    }
    change_ask(&s->change, connection);
}

/* Once it is loaded: the gateway goes on with it, or the next one begins with it. */
static void pass_change_on(struct supervisor *s)
{
    if (s->change.state != CHANGE_LOADED) {
        return;
    }
    if (s->state == SUPERVISOR_IS_UP) {
        change_offer(&s->change, s->control_fd);
    } else if (s->state == SUPERVISOR_WAITING) {
        change_adopt(&s->change);
    }
}

static void on_message(struct supervisor *s, const struct gateway_message *message, int fd)
{
    switch (message->word) {
    case GATEWAY_UP:
        if (s->state == SUPERVISOR_STARTING) {
            is_up(s);
        }
        break;
    case GATEWAY_QUIET:
        if (s->quiet_ms != 0) {
            stop_listening(s);
        }
        break;
    case GATEWAY_TAKEN:
        if (s->change.state == CHANGE_OFFERED) {
            change_taken(&s->change);
        }
        break;
    case GATEWAY_REFUSED:
        if (s->change.state == CHANGE_OFFERED) {
            change_refused(&s->change, fd);
            fd = -1;
        }
        break;
    case GATEWAY_RELOAD:
        if (fd >= 0) {
            ask_for_change(s, fd);
            fd = -1;
        }
        break;
    default:
        break;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

static void read_control(struct supervisor *s)
{
    struct gateway_message message;
    int fd;
    ssize_t got = fd_pass_receive(s->control_fd, &message, sizeof(message), &fd);

    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        close_control(s);
        return;
    }
    if (got == (ssize_t)sizeof(message)) {
        on_message(s, &message, fd);
    } else if (fd >= 0) {
        (void)close(fd);
    }
}

/* What it said before it ended. */
static void read_last_words(struct supervisor *s)
{
    struct pollfd ready = {.fd = s->control_fd, .events = POLLIN};

    while (s->control_fd >= 0 && poll(&ready, 1, 0) > 0) {
        read_control(s);
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
    read_last_words(s);
    close_control(s);
    key_service_gateway_ended(s->keys);
    s->gateway = 0;
    describe_death(status, how, sizeof(how));
    if (!is_clean || !was_told) {
        deaths_collect(how, clock_wall_ms(), clock_ms());
    }
    if (s->change.state == CHANGE_OFFERED) {
        change_fail(&s->change, "the gateway ended while it took up the configuration");
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
        } else if (pid == s->change.loader.pid) {
            change_loader_ended(&s->change, status);
        } else {
            (void)key_service_reap(s->keys, pid, status);
        }
    }
}

static void stop(struct supervisor *s, int signal_number)
{
    const char *name = signal_number == SIGINT ? "SIGINT" : "SIGTERM";

    notify_send("STOPPING=1");
    change_free(&s->change);
    if (s->gateway == 0) {
        log_info("%s: stopping", name);
        set_state(s, SUPERVISOR_ENDED);
        return;
    }
    if (s->state == SUPERVISOR_DRAINING) {
        log_info("%s again: stopping at once", name);
        send_command(s, GATEWAY_STOP);
        stop_listening(s);
        s->deadline_ms = clock_ms() + GATEWAY_GRACE_MS;
        set_state(s, SUPERVISOR_KILLING);
    } else if (s->state != SUPERVISOR_KILLING) {
        log_info("%s: finishing what runs (up to %" PRIu64 " s; once more stops at once)", name,
                 s->loaded.plan->drain_ms / 1000);
        send_command(s, GATEWAY_DRAIN);
        s->quiet_ms = clock_ms() + QUIET_MS;
        s->deadline_ms = clock_ms() + s->loaded.plan->drain_ms + GATEWAY_GRACE_MS;
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
            ask_for_change(s, -1);
            break;
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
    s->deadline_ms = clock_ms() + GATEWAY_GRACE_MS;
    set_state(s, SUPERVISOR_KILLING);
}

/* Of the gateway; UINT64_MAX: none. */
static uint64_t gateway_deadline(const struct supervisor *s)
{
    if (s->state == SUPERVISOR_STARTING || s->state == SUPERVISOR_IS_UP) {
        return UINT64_MAX;
    }
    return s->quiet_ms != 0 && s->quiet_ms < s->deadline_ms ? s->quiet_ms : s->deadline_ms;
}

static int poll_timeout(const struct supervisor *s)
{
    uint64_t now = clock_ms();
    uint64_t deadline = gateway_deadline(s);
    uint64_t of_change = change_deadline(&s->change);
    uint64_t of_watcher = watcher_deadline(&s->watcher);

    deadline = of_change < deadline ? of_change : deadline;
    deadline = of_watcher < deadline ? of_watcher : deadline;
    deadline = key_service_due_ms(s->keys) < deadline ? key_service_due_ms(s->keys) : deadline;
    if (deadline == UINT64_MAX) {
        return -1;
    }
    if (deadline <= now) {
        return 0;
    }
    return deadline - now < 3600000 ? (int)(deadline - now) : 3600000;
}

/* ---- files that change ---- */

static bool is_own_file(const void *plan, const char *path)
{
    return plan_has_file(plan, path);
}

/* Those of the configuration that is in use. */
static void watch_files(struct supervisor *s)
{
    const struct plan *plan = s->loaded.plan;

    if (s->watched == s->loaded.head) {
        return;
    }
    s->watched = s->loaded.head;
    s->files.head = s->loaded.head;
    if (plan->has_watch || plan->has_looks) {
        watcher_follow(&s->watcher, s->loaded.head, is_own_file, plan);
    } else {
        watcher_free(&s->watcher);
    }
}

static void look_at_files(struct supervisor *s)
{
    unsigned news = watcher_look(&s->watcher);

    if ((news & WATCHER_CONFIG) != 0 && s->loaded.plan->has_watch) {
        log_info("the configuration's files have changed");
        ask_for_change(s, -1);
    }
    if ((news & WATCHER_FILES) != 0 && s->loaded.plan->has_looks) {
        send_command(s, GATEWAY_LOOK);
    }
}

static void look_at_deadlines(struct supervisor *s)
{
    if (watcher_deadline(&s->watcher) <= clock_ms()) {
        look_at_files(s);
    }
    key_service_on_time(s->keys);
    if (change_deadline(&s->change) <= clock_ms()) {
        change_deadline_passed(&s->change);
    }
    if (gateway_deadline(s) <= clock_ms()) {
        deadline_passed(s);
    }
}

static void run_loop(struct supervisor *s)
{
    while (s->state != SUPERVISOR_ENDED) {
        struct pollfd fds[6] = {{.fd = s->signal_fd, .events = POLLIN},
                                {.fd = s->control_fd, .events = POLLIN},
                                {.fd = s->files.fd, .events = POLLIN},
                                {.fd = s->watcher.fd, .events = POLLIN},
                                {.fd = key_service_loader_fd(s->keys), .events = POLLIN},
                                {.fd = key_service_gateway_fd(s->keys), .events = POLLIN}};

        /* A negative descriptor is skipped, so a gateway that is gone needs no second form. */
        int ready = poll(fds, 6, poll_timeout(s));

        if (ready > 0 && (fds[4].revents | fds[5].revents) != 0) {
            key_service_serve(s->keys);
        }
        if (ready > 0 && fds[3].revents != 0) {
            watcher_read(&s->watcher);
        }
        if (ready > 0 && fds[2].revents != 0) {
            file_broker_serve(&s->files);
        }
        if (ready > 0 && fds[1].revents != 0) {
            read_control(s);
        }
        if (ready > 0 && fds[0].revents != 0) {
            read_signals(s);
        }
        if (s->state != SUPERVISOR_ENDED) {
            look_at_deadlines(s);
            pass_change_on(s);
            watch_files(s);
        }
    }
}

/* --- setting up --- */

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

/* In a child that is not the gateway: what is the supervisor's own. */
static void let_go(void *arg)
{
    const struct supervisor *s = arg;

    log_set_role("loader");
    key_service_in_loader(s->keys);
    gateway_child_reset_signals(&s->old_signals);
    if (s->signal_fd >= 0) {
        (void)close(s->signal_fd);
    }
    if (s->control_fd >= 0) {
        (void)close(s->control_fd);
    }
    if (s->admin_fd >= 0) {
        (void)close(s->admin_fd);
    }
    watcher_let_go(&s->watcher);
    for (size_t i = 0; i < s->listening.count; i++) {
        (void)close(s->listening.sockets[i].fd);
    }
}

static void use_log_level(const struct supervisor *s)
{
    log_set_level(s->options->debug ? LOG_LEVEL_DEBUG : log_level_from(s->loaded.plan->log_level));
}

static bool set_up(struct supervisor *s)
{
    const struct plan *plan;
    struct error error;

    /* Everything that can be wrong is found before a socket is bound. */
    if (!load_first(s->options->config_path, s->options->color, s->keys, &s->loaded)) {
        return false;
    }
    use_log_level(s);
    plan = s->loaded.plan;
    if (!privileges_resolve(&s->privileges, account_to_become(plan->user), plan->group, &error) ||
        !listen_open(&s->listening, &plan->sockets, &error) ||
        !control_socket_open(plan->control, &s->admin_fd, &error)) {
        log_error("%s", error.text);
        return false;
    }
    s->control_path = plan->control != NULL ? xstrdup(plan->control) : NULL;
    s->privileges.keep_dumpable = s->options->debug;
    for (size_t i = 0; i < s->listening.count; i++) {
        log_info("listening on %s", s->listening.sockets[i].text);
    }
    inherited_raise_limits();
    deaths_prepare();
    confine_supervisor(plan->is_confined, s->privileges.keep_dumpable);
    return take_signals(s) && start_gateway(s);
}

int supervisor_run(const struct supervisor_options *options)
{
    struct supervisor s = {.options = options,
                           .loaded = LOADED_NONE,
                           .change = {.config_path = options->config_path,
                                      .loaded = &s.loaded,
                                      .listening = &s.listening,
                                      .in_child = let_go,
                                      .arg = &s},
                           .admin_fd = -1,
                           .control_fd = -1,
                           .files = {.fd = -1},
                           .signal_fd = -1};

    s.keys = s.change.keys = key_service_create(options->debug);
    change_init(&s.change);
    watcher_init(&s.watcher);
    if (!set_up(&s)) {
        s.exit_status = 1;
    } else {
        run_loop(&s);
    }
    change_free(&s.change);
    watcher_free(&s.watcher);
    listen_close(&s.listening);
    control_socket_close(s.control_path, s.admin_fd);
    free(s.control_path);
    loaded_free(&s.loaded);
    key_service_destroy(s.keys);
    if (s.signal_fd >= 0) {
        (void)close(s.signal_fd);
        /* One more signal that came in just now must not turn a clean end into a death by it. */
        (void)signal(SIGTERM, SIG_IGN);
        (void)signal(SIGINT, SIG_IGN);
        (void)sigprocmask(SIG_SETMASK, &s.old_signals, NULL);
    }
    return s.exit_status;
}
