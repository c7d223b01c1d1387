#include "process/supervisor.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/fd_pass.h"
#include "process/child_signals.h"
#include "process/gateway_child.h"
#include "process/notify.h"
#include "process/supervisor_internal.h"

/* How long a gateway may take to accept what waits before it drains. */
enum { QUIET_MS = 1000 };

static const char *const state_names[] = {"starting", "up",      "waiting",
                                          "draining", "killing", "ended"};

void supervisor_set_state(struct supervisor *s, enum supervisor_state state)
{
    log_debug("supervisor: %s -> %s", state_names[s->state], state_names[state]);
    s->state = state;
}

/* By its name, since the gateway may have another configuration by now. */
static bool send_log(const struct supervisor *s, const char *path, int fd)
{
    const struct gateway_message head = {.word = GATEWAY_REOPEN_LOG};
    struct strbuf message;
    bool is_sent;

    strbuf_init(&message);
    strbuf_add(&message, span_make((const char *)&head, sizeof(head)));
    strbuf_add_cstr(&message, path);
    is_sent = fd_pass_send(s->control_fd, message.ptr, message.len, fd);
    strbuf_free(&message);
    return is_sent;
}

static void reopen_log(struct supervisor *s, size_t which)
{
    const char *path = s->loaded.plan->logs.items[which];
    struct error error;
    int fd = loaded_open_log(&s->loaded, which, &error);

    if (fd < 0) {
        log_warn("%s; going on with the old file", error.text);
        return;
    }
    if (s->control_fd >= 0 && !send_log(s, path, fd)) {
        log_warn("the gateway goes on with the old file of %s: %s; send the signal again", path,
                 strerror(errno));
    }
    (void)close(fd);
}

/* Opened here, with the rights of the start: the gateway's user may write in no folder of logs. A
 * gateway that is started later goes on with the new files, too. */
static void reopen_logs(struct supervisor *s)
{
    size_t count = 0;

    for (size_t i = 0; i < s->loaded.plan->logs.count; i++) {
        if (loaded_is_log_file(&s->loaded, i)) {
            reopen_log(s, i);
            count++;
        }
    }
    log_info(count != 0 ? "reopening the logs" : "there is no log file to reopen");
}

void supervisor_ask_for_change(struct supervisor *s, int connection)
{
    bool is_changing_place =
        s->upgrade.state == UPGRADE_STARTING || s->upgrade.state == UPGRADE_COMMITTING;
    bool is_in_charge = s->takeover.state == TAKEOVER_NONE || s->takeover.state == TAKEOVER_DONE;

    if (s->state == SUPERVISOR_DRAINING || s->state == SUPERVISOR_KILLING || !is_in_charge ||
        is_changing_place) {
        s->is_reload_wanted = s->is_reload_wanted || is_changing_place || !is_in_charge;
        if (connection >= 0) {
            callers_answer_one(connection, 503,
                               "tidegate: error: an upgrade is under way, or the gateway stops\n");
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

/* Every child, in case we are a container's first process and inherited somebody else's. */
static void reap(struct supervisor *s)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == s->gateway) {
            supervisor_gateway_ended(s, status);
        } else if (pid == s->change.loader.pid) {
            change_loader_ended(&s->change, status);
        } else if (!key_service_reap(s->keys, pid, status)) {
            stand_in_reap(&s->stand_in, pid, status);
        }
    }
}

static void begin_to_drain(struct supervisor *s, const char *name)
{
    log_info("%s: finishing what runs (up to %" PRIu64 " s; once more stops at once)", name,
             s->loaded.plan->drain_ms / 1000);
    supervisor_send(s, GATEWAY_DRAIN, -1);
    s->quiet_ms = clock_ms() + QUIET_MS;
    s->deadline_ms = clock_ms() + s->loaded.plan->drain_ms + GATEWAY_GRACE_MS;
    supervisor_set_state(s, SUPERVISOR_DRAINING);
}

static void stop_at_once(struct supervisor *s, const char *name)
{
    log_info("%s again: stopping at once", name);
    supervisor_send(s, GATEWAY_STOP, -1);
    supervisor_stop_listening(s);
    s->deadline_ms = clock_ms() + GATEWAY_GRACE_MS;
    supervisor_set_state(s, SUPERVISOR_KILLING);
}

void supervisor_stop(struct supervisor *s, int signal_number)
{
    const char *name = signal_number == SIGINT ? "SIGINT" : "SIGTERM";

    if (s->has_handed_over && !s->was_told_to_end) {
        s->was_told_to_end = true; /* what runs here is being finished already */
        return;
    }
    change_free(&s->change);
    upgrade_free(&s->upgrade);
    if (!s->has_handed_over) {
        notify_send("STOPPING=1\nSTATUS=finishing what runs");
    }
    if (s->gateway == 0) {
        log_info("%s: stopping", name);
        supervisor_set_state(s, SUPERVISOR_ENDED);
    } else if (s->state == SUPERVISOR_DRAINING) {
        stop_at_once(s, name);
    } else if (s->state != SUPERVISOR_KILLING) {
        begin_to_drain(s, name);
    }
}

static void on_signal(struct supervisor *s, int number)
{
    if (s->has_handed_over && number != SIGCHLD) {
        stand_in_pass_on(&s->stand_in, number);
    }
    switch (number) {
    case SIGCHLD:
        reap(s);
        break;
    case SIGHUP:
        if (!s->has_handed_over) {
            supervisor_ask_for_change(s, -1);
        }
        break;
    case SIGUSR1:
        reopen_logs(s);
        break;
    case SIGUSR2:
        if (!s->has_handed_over) {
            supervisor_ask_for_upgrade(s, -1);
        }
        break;
    default:
        supervisor_stop(s, number);
        break;
    }
}

static void read_signals(struct supervisor *s)
{
    struct signalfd_siginfo info;

    while (s->state != SUPERVISOR_ENDED &&
           read(s->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        on_signal(s, (int)info.ssi_signo);
    }
}

static void deadline_passed(struct supervisor *s)
{
    if (s->quiet_ms != 0 && s->quiet_ms <= clock_ms()) {
        supervisor_stop_listening(s);
        return;
    }
    if (s->state == SUPERVISOR_WAITING) {
        if (!supervisor_start_gateway(s)) {
            supervisor_wait_and_restart(s, 0);
        }
        return;
    }
    log_warn("the gateway did not end in time; killing it");
    (void)kill(s->gateway, SIGKILL);
    s->exit_status = 1;
    s->deadline_ms = clock_ms() + GATEWAY_GRACE_MS;
    supervisor_set_state(s, SUPERVISOR_KILLING);
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
    uint64_t of_upgrade = upgrade_deadline(&s->upgrade);
    uint64_t of_watcher = watcher_deadline(&s->watcher);

    deadline = of_change < deadline ? of_change : deadline;
    deadline = of_upgrade < deadline ? of_upgrade : deadline;
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

    if (s->watched == s->loaded.head || s->has_handed_over) {
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
        supervisor_ask_for_change(s, -1);
    }
    if ((news & WATCHER_FILES) != 0 && s->loaded.plan->has_looks) {
        supervisor_send(s, GATEWAY_LOOK, -1);
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
    if (upgrade_deadline(&s->upgrade) <= clock_ms()) {
        upgrade_deadline_passed(&s->upgrade);
    }
    if (gateway_deadline(s) <= clock_ms()) {
        deadline_passed(s);
    }
}

/* Which process takes whose place: what the starter says comes before what the process says that it
 * has started. */
static void read_others(struct supervisor *s, const struct pollfd *fds)
{
    if (fds[0].revents != 0) {
        upgrade_read_starter(&s->upgrade);
    }
    if (fds[1].revents != 0 && s->upgrade.link_fd >= 0) {
        supervisor_read_link(s);
    }
    if (fds[2].revents != 0) {
        supervisor_read_takeover(s);
    }
    if (fds[3].revents != 0) {
        supervisor_read_stand_in(s);
    }
    if (fds[4].revents != 0) {
        stand_in_read(&s->stand_in);
    }
}

static void read_own(struct supervisor *s, const struct pollfd *fds)
{
    if ((fds[4].revents | fds[5].revents) != 0) {
        key_service_serve(s->keys);
    }
    if (fds[3].revents != 0) {
        watcher_read(&s->watcher);
    }
    if (fds[2].revents != 0) {
        file_broker_serve(&s->files);
    }
    if (fds[1].revents != 0) {
        supervisor_read_control(s);
    }
    if (fds[0].revents != 0) {
        read_signals(s);
    }
}

static void run_loop(struct supervisor *s)
{
    while (s->state != SUPERVISOR_ENDED) {
        struct pollfd fds[11] = {{.fd = s->signal_fd, .events = POLLIN},
                                 {.fd = s->control_fd, .events = POLLIN},
                                 {.fd = s->files.fd, .events = POLLIN},
                                 {.fd = s->watcher.fd, .events = POLLIN},
                                 {.fd = key_service_loader_fd(s->keys), .events = POLLIN},
                                 {.fd = key_service_gateway_fd(s->keys), .events = POLLIN},
                                 {.fd = s->upgrade.starter.fd, .events = POLLIN},
                                 {.fd = s->upgrade.link_fd, .events = POLLIN},
                                 {.fd = s->takeover.link_fd, .events = POLLIN},
                                 {.fd = s->takeover.stand_in_fd, .events = POLLIN},
                                 {.fd = s->stand_in.fd, .events = POLLIN}};

        /* A negative descriptor is skipped, so a gateway that is gone needs no second form. */
        if (poll(fds, ARRAY_LEN(fds), poll_timeout(s)) > 0) {
            read_own(s, fds);
            read_others(s, fds + 6);
        }
        if (s->state != SUPERVISOR_ENDED) {
            look_at_deadlines(s);
            pass_change_on(s);
            supervisor_follow_upgrade(s);
            watch_files(s);
        }
    }
}

/* In a loader. */
static void let_go(void *arg)
{
    const struct supervisor *s = arg;

    log_set_role("loader");
    key_service_in_loader(s->keys);
    child_signals_ignore(&s->old_signals);
    supervisor_let_go(s);
    if (s->control_fd >= 0) {
        (void)close(s->control_fd);
    }
    if (s->admin.fd >= 0) {
        (void)close(s->admin.fd);
    }
    for (size_t i = 0; i < s->listening.count; i++) {
        (void)close(s->listening.sockets[i].fd);
    }
}

static void free_all(struct supervisor *s)
{
    change_free(&s->change);
    upgrade_free(&s->upgrade);
    watcher_free(&s->watcher);
    if (s->takeover.state == TAKEOVER_COMING || s->takeover.state == TAKEOVER_READY) {
        listen_undo(&s->listening); /* the other process goes on with them */
        given_undo(&s->given);
    } else {
        listen_close(&s->listening);
        given_close(&s->given);
    }
    takeover_free(&s->takeover);
    control_socket_close(&s->admin);
    loaded_free(&s->loaded);
    key_service_destroy(s->keys);
    if (s->orders_fd >= 0) {
        (void)close(s->orders_fd);
    }
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
                           .admin = CONTROL_SOCKET_NONE,
                           .control_fd = -1,
                           .orders_fd = -1,
                           .files = {.fd = -1},
                           .takeover = TAKEOVER_OF_NONE,
                           .upgrade = {.starter = STARTER_NONE},
                           .stand_in = STAND_IN_NONE,
                           .signal_fd = -1};

    s.keys = s.change.keys = key_service_create(options->debug);
    change_init(&s.change);
    watcher_init(&s.watcher);
    upgrade_init(&s.upgrade, options->argv[0]);
    if (!supervisor_set_up(&s)) {
        s.exit_status = 1;
    } else {
        run_loop(&s);
    }
    free_all(&s);
    if (s.stand_in.in_charge != 0) {
        s.exit_status = stand_in_run(&s.stand_in, s.signal_fd);
    }
    if (s.signal_fd >= 0) {
        (void)close(s.signal_fd);
        /* One more signal that came in just now must not turn a clean end into a death by it. */
        (void)signal(SIGTERM, SIG_IGN);
        (void)signal(SIGINT, SIG_IGN);
        (void)sigprocmask(SIG_SETMASK, &s.old_signals, NULL);
    }
    return s.exit_status;
}
