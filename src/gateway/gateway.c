#include "gateway/gateway.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/key_fetcher.h"
#include "auth/token_desk.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "certs/expiry_watch.h"
#include "certs/ocsp_fetcher.h"
#include "certs/refresh_pause.h"
#include "discovery/discovery.h"
#include "gateway/commands.h"
#include "gateway/current.h"
#include "gateway/health_checker.h"
#include "gateway/health_log.h"
#include "gateway/in_hand.h"
#include "gateway/kept_orders.h"
#include "gateway/legacy.h"
#include "gateway/memory_watch.h"
#include "gateway/reload.h"
#include "gateway/worker.h"
#include "io/fd_pass.h"

#define WORKERS_MAX 256

struct gateway {
    struct current current;
    struct reload reload;
    const struct gateway_start *start;
    struct worker **workers;
    unsigned worker_count;
    atomic_uint workers_running;
    int control_fd;
    int notes_fds[2]; /* a pipe: struct worker_note */
    unsigned quiet_count;
    bool is_stopping;
    uint64_t refresh_at_ms; /* the next look at certificate files; 0: at once */
    uint64_t look_used_ms;  /* the processor's time that the last one took which found nothing */
    uint64_t expiry_at_ms;  /* the next look at the ends of certificates */
    uint64_t memory_at_ms;  /* the next look at the process's memory; 0: at once */
    struct expiry_watch expiry;
    struct ocsp_fetcher *ocsp;
    struct key_fetcher *keys;
    struct discovery *discovery;
    struct health_checker *health;
};

struct worker_start {
    struct gateway *gateway;
    struct worker *worker;
};

unsigned gateway_worker_count(uint64_t said)
{
    cpu_set_t cpus;

    if (said != 0) {
        return (unsigned)said;
    }
    if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0) {
        int count = CPU_COUNT(&cpus);
        return count < WORKERS_MAX ? (unsigned)count : WORKERS_MAX;
    }
    return 1;
}

/* ---- workers ---- */

static void *worker_main(void *arg)
{
    struct worker_start *start = arg;
    struct gateway *gateway = start->gateway;
    struct worker_note note = {.news = WORKER_HAS_ENDED};

    in_hand_of_this_thread(start->worker->core.index);
    worker_run(start->worker);
    free(start);
    (void)atomic_fetch_sub(&gateway->workers_running, 1);
    ssize_t n = write(gateway->notes_fds[1], &note, sizeof(note));
    (void)n;
    return NULL;
}

static bool start_workers(struct gateway *gateway)
{
    struct snapshot *snapshot = gateway->current.snapshot;
    unsigned count = gateway_worker_count(snapshot->settings->workers);

    gateway->workers = xcalloc(count, sizeof(struct worker *));
    for (unsigned i = 0; i < count; i++) {
        struct worker *worker =
            worker_create(snapshot, i, gateway->start->listen_fds, gateway->start->listen_count);
        if (worker == NULL) {
            log_error("cannot start worker %u: %s; raise the limit of open files (LimitNOFILE= of "
                      "the service, or ulimit -n), or have fewer 'workers'",
                      i, strerror(errno));
            return false;
        }
        worker->notes_fd = gateway->notes_fds[1];
        gateway->workers[gateway->worker_count++] = worker;
    }
    for (unsigned i = 0; i < count; i++) {
        struct worker_start *start = xmalloc(sizeof(*start));
        *start = (struct worker_start){gateway, gateway->workers[i]};
        in_hand_register(&gateway->workers[i]->core.in_hand, i);
        int error = thread_start(&gateway->workers[i]->thread, "worker", worker_main, start);
        if (error != 0) {
            log_error("cannot start the thread of worker %u: %s; raise the limit of threads "
                      "(TasksMax= of the service, or ulimit -u), or have fewer 'workers'",
                      i, strerror(error));
            free(start);
            return false;
        }
        (void)atomic_fetch_add(&gateway->workers_running, 1);
    }
    return true;
}

static void tell_workers(struct gateway *gateway, void (*tell)(struct worker *))
{
    for (unsigned i = 0; i < gateway->worker_count; i++) {
        tell(gateway->workers[i]);
    }
}

/* ---- certificate files ---- */

static void refresh_certificates(struct gateway *gateway)
{
    struct snapshot *snapshot = gateway->current.snapshot;
    uint64_t interval = snapshot->settings->reload_certificates_ms;
    uint64_t start = clock_ms();
    uint64_t used = clock_thread_used_ms();

    if (interval == 0 || gateway->is_stopping || gateway->reload.is_under_way ||
        start < gateway->refresh_at_ms) {
        return;
    }
    /* Reading what has changed is not looking: it happens once for each change. */
    if (snapshot_refresh_certificates(snapshot)) {
        gateway->refresh_at_ms = start + interval;
        return;
    }
    gateway->look_used_ms = clock_thread_used_ms() - used;
    gateway->refresh_at_ms = start + refresh_pause_ms(interval, gateway->look_used_ms);
}

static void watch_expiry(struct gateway *gateway)
{
    uint64_t now = clock_ms();

    if (!gateway->is_stopping && now >= gateway->expiry_at_ms) {
        if (expiry_watch_begin(&gateway->expiry, clock_wall_s())) {
            snapshot_each_certificate(gateway->current.snapshot, expiry_watch_see,
                                      &gateway->expiry);
            expiry_watch_end(&gateway->expiry);
        }
        gateway->expiry_at_ms = now + EXPIRY_WATCH_MS;
    }
}

/* ---- memory ---- */

static const struct memory_settings *memory_of(const struct gateway *gateway)
{
    return &gateway->current.snapshot->settings->memory;
}

/* Idle clients are closed some at a time, so workers hear of it for as long as it is short. */
static void watch_memory(struct gateway *gateway)
{
    uint64_t now = clock_ms();

    if (gateway->is_stopping || now < gateway->memory_at_ms) {
        return;
    }
    gateway->memory_at_ms =
        memory_is_watched(memory_of(gateway)) ? now + MEMORY_WATCH_MS : UINT64_MAX;
    if (memory_watch_look(memory_of(gateway), now) || memory_level() != MEMORY_ENOUGH) {
        tell_workers(gateway, worker_post_memory);
    }
}

/* ---- the control thread ---- */

/* How long there is nothing to do but to wait for commands; -1: for ever. */
static int wait_ms(const struct gateway *gateway)
{
    uint64_t now = clock_ms();
    uint64_t next = gateway->expiry_at_ms < gateway->memory_at_ms ? gateway->expiry_at_ms
                                                                  : gateway->memory_at_ms;
    uint64_t wait = next > now ? next - now : 0;

    if (gateway->is_stopping) {
        return -1;
    }
    if (gateway->current.snapshot->settings->reload_certificates_ms != 0 &&
        !gateway->reload.is_under_way) {
        uint64_t until = gateway->refresh_at_ms > now ? gateway->refresh_at_ms - now : 0;
        wait = until < wait ? until : wait;
    }
    if (gateway->current.snapshot->trust.crl_count != 0 && wait > TRUST_REFRESH_MS) {
        wait = TRUST_REFRESH_MS;
    }
    return wait == UINT64_MAX ? -1 : wait < 3600000 ? (int)wait : 3600000;
}

/* ---- servers that come and go ---- */

/* On the discovery's thread. */
static void on_servers_change(void *arg)
{
    tell_workers(arg, worker_post_servers);
}

static void follow_servers(struct gateway *gateway, const struct snapshot *snapshot)
{
    struct discovery_backend *backends = xcalloc(snapshot->backend_count + 1, sizeof(*backends));

    for (size_t i = 0; i < snapshot->backend_count; i++) {
        backends[i] =
            (struct discovery_backend){snapshot->backends[i], &snapshot->settings->backends[i]};
    }
    discovery_follow(gateway->discovery, backends, snapshot->backend_count, DISCOVERY_FIRST_MS);
    free(backends);
}

/* ---- another configuration ---- */

static void say(const struct gateway *gateway, enum gateway_word word, int fd)
{
    struct gateway_message message = {.word = (int32_t)word};

    /* Of a supervisor that is gone the end of control_fd tells. */
    (void)!fd_pass_send(gateway->control_fd, &message, sizeof(message), fd);
}

static void load(struct gateway *gateway, const struct gateway_message *message, size_t len,
                 int *fds, size_t fd_count)
{
    bool is_whole = message->socket_count >= 0 && message->socket_count <= GATEWAY_SOCKETS_MAX &&
                    len == sizeof(*message) + (size_t)message->socket_count * sizeof(int32_t) &&
                    fd_count == 1;
    int report_fd = -1;

    CHECK(is_whole);
    if (!reload_load(&gateway->reload, message, gateway->current.snapshot, fds[0], &report_fd)) {
        say(gateway, GATEWAY_REFUSED, report_fd);
    } else {
        /* The first requests should find the servers' addresses. */
        follow_servers(gateway, gateway->reload.snapshot);
        reload_post(&gateway->reload, gateway->workers, gateway->worker_count);
    }
    if (report_fd >= 0) {
        (void)close(report_fd);
    }
}

static void start_ocsp(struct gateway *gateway)
{
    const struct snapshot *snapshot = gateway->current.snapshot;

    gateway->ocsp = ocsp_fetcher_start(snapshot->ocsp, snapshot->settings->timeouts.ocsp_ms,
                                       &snapshot->settings->ocsp_networks);
}

/* Servers that both configurations have keep their states. */
static bool start_health(struct gateway *gateway)
{
    struct snapshot *snapshot = gateway->current.snapshot;

    health_checker_stop(gateway->health);
    health_log_start(snapshot);
    gateway->health = health_checker_start(snapshot);
    return gateway->health != NULL;
}

static void take_up(struct gateway *gateway, struct snapshot *snapshot)
{
    struct snapshot *before = current_change(&gateway->current, snapshot);

    gateway->expiry_at_ms = 0;
    gateway->memory_at_ms = 0;
    if (gateway->refresh_at_ms != 0) {
        /* Building it was a look at everything, and what has changed since the supervisor tells
         * (process/watcher.h). */
        gateway->refresh_at_ms =
            clock_ms() +
            refresh_pause_ms(snapshot->settings->reload_certificates_ms, gateway->look_used_ms);
    }
    ocsp_fetcher_set(gateway->ocsp, snapshot->settings->timeouts.ocsp_ms,
                     &snapshot->settings->ocsp_networks);
    (void)start_health(gateway);
    if (gateway->start->on_sockets != NULL) {
        gateway->start->on_sockets(gateway->reload.fds, gateway->reload.fd_count);
    }
    snapshot_release(before);
    say(gateway, GATEWAY_TAKEN, -1);
}

/* ---- commands and notes ---- */

static void stop_workers(struct gateway *gateway, void (*tell)(struct worker *))
{
    static const struct memory_settings none = {.soft = SETTINGS_UNLIMITED,
                                                .hard = SETTINGS_UNLIMITED};

    gateway->is_stopping = true;
    if (memory_watch_take(0, &none)) { /* nothing new comes, and what runs goes on to its end */
        tell_workers(gateway, worker_post_memory);
    }
    tell_workers(gateway, tell);
}

static void own(const struct gateway *gateway, bool is_owner)
{
    if (gateway->start->on_ownership != NULL) {
        gateway->start->on_ownership(is_owner);
    }
}

/* Takes the descriptor over. */
static void use_log(const struct gateway *gateway, struct span path, int fd)
{
    char *name = xstrndup(path.ptr, path.len);

    log_targets_use(&gateway->current.snapshot->log_targets, name, fd);
    free(name);
}

static void on_command(struct gateway *gateway, const struct gateway_message *message, size_t len,
                       int *fds, size_t fd_count)
{
    switch (message->word) {
    case GATEWAY_DRAIN:
        stop_workers(gateway, worker_post_drain);
        break;
    case GATEWAY_LEAVE:
        own(gateway, false);
        legacy_send(&gateway->current.snapshot->trust, gateway->control_fd);
        stop_workers(gateway, worker_post_leave);
        break;
    case GATEWAY_OWN:
        own(gateway, true);
        break;
    case GATEWAY_SHARE:
        own(gateway, false);
        break;
    case GATEWAY_ORDERS:
        if (fd_count == 1) {
            kept_orders_take(fds[0]);
        }
        break;
    case GATEWAY_HEIR:
        if (fd_count == 1) {
            legacy_take(&gateway->current.snapshot->trust, fds[0]);
        }
        break;
    case GATEWAY_STOP:
        stop_workers(gateway, worker_post_stop);
        break;
    case GATEWAY_REOPEN_LOG:
        if (fd_count == 1) {
            use_log(gateway, span_skip(span_make((const char *)message, len), sizeof(*message)),
                    fds[0]);
        }
        break;
    case GATEWAY_LOGS:
        reload_logs(&gateway->reload, fds, fd_count);
        break;
    case GATEWAY_LOOK:
        gateway->refresh_at_ms = 0;
        break;
    case GATEWAY_SOCKETS:
        reload_sockets(&gateway->reload, fds, fd_count);
        break;
    case GATEWAY_LOAD:
        load(gateway, message, len, fds, fd_count);
        break;
    default:
        log_warn("unknown command %d from the supervisor", message->word);
        break;
    }
}

static void read_commands(struct gateway *gateway, struct pollfd *control)
{
    static union {
        struct gateway_message message;
        char bytes[sizeof(struct gateway_message) + GATEWAY_SOCKETS_MAX * sizeof(int32_t)];
    } in;
    int fds[FD_PASS_MAX];
    size_t fd_count;
    ssize_t n = fd_pass_receive_all(gateway->control_fd, &in, sizeof(in), fds, &fd_count);

    if (n >= (ssize_t)sizeof(in.message)) {
        on_command(gateway, &in.message, (size_t)n, fds, fd_count);
    }
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        log_warn("the supervisor is gone; finishing what runs, then exiting");
        control->fd = -1;
        stop_workers(gateway, worker_post_drain);
    }
}

static void read_note(struct gateway *gateway)
{
    struct worker_note note;
    struct snapshot *snapshot;

    if (read(gateway->notes_fds[0], &note, sizeof(note)) != (ssize_t)sizeof(note)) {
        return;
    }
    switch (note.news) {
    case WORKER_HAS_ENDED:
        break;
    case WORKER_IS_QUIET:
        /* Once nobody accepts any more, the supervisor may close the sockets. */
        if (++gateway->quiet_count == gateway->worker_count) {
            say(gateway, GATEWAY_QUIET, -1);
        }
        break;
    case WORKER_FOLLOWS:
        if (reload_followed(&gateway->reload, &snapshot)) {
            take_up(gateway, snapshot);
        }
        break;
    case WORKER_GIVES_BACK:
        snapshot_release(note.snapshot);
        break;
    }
}

/* Those that no worker waited to be read. */
static void read_last_notes(struct gateway *gateway)
{
    struct pollfd ready = {.fd = gateway->notes_fds[0], .events = POLLIN};

    while (poll(&ready, 1, 0) > 0) {
        read_note(gateway);
    }
}

static void control(struct gateway *gateway)
{
    struct pollfd fds[2] = {{.fd = gateway->control_fd, .events = POLLIN},
                            {.fd = gateway->notes_fds[0], .events = POLLIN}};

    while (atomic_load(&gateway->workers_running) != 0) {
        int ready = poll(fds, 2, wait_ms(gateway));
        trust_refresh(&gateway->current.snapshot->trust);
        if (ready > 0 && fds[0].revents != 0) {
            read_commands(gateway, &fds[0]);
        }
        if (ready > 0 && fds[1].revents != 0) {
            read_note(gateway);
        }
        refresh_certificates(gateway);
        watch_expiry(gateway);
        watch_memory(gateway);
    }
}

static void say_what_is_left(struct gateway *gateway)
{
    uint64_t sessions = 0;
    uint64_t exchanges = 0;
    uint64_t leases = 0;

    for (unsigned i = 0; i < gateway->worker_count; i++) {
        struct worker *worker = gateway->workers[i];
        sessions += worker->session_count;
        exchanges += worker->exchange_count;
        leases += upstreams_leases(&worker->client.upstreams);
    }
    log_info("stopped: sessions %llu, exchanges %llu, leases %llu left",
             (unsigned long long)sessions, (unsigned long long)exchanges,
             (unsigned long long)leases);
}

static bool start(struct gateway *gateway)
{
    const struct snapshot *snapshot = gateway->current.snapshot;
    struct error error;

    if (pipe(gateway->notes_fds) != 0) {
        log_error("cannot make a pipe: %s", strerror(errno));
        return false;
    }
    if (!log_targets_start(&snapshot->log_targets, &error)) {
        log_error("%s", error.text);
        return false;
    }
    gateway->keys = key_fetcher_start(); /* requests may wait for it */
    token_desk_start();
    if (!start_workers(gateway)) {
        return false;
    }
    if (!start_health(gateway)) {
        return false;
    }
    gateway->discovery = discovery_create(on_servers_change, gateway);
    gateway->current.discovery = gateway->discovery;
    follow_servers(gateway, snapshot);
    start_ocsp(gateway);
    say(gateway, GATEWAY_UP, -1);
    return true;
}

static void end(struct gateway *gateway)
{
    const struct gateway_companion *companion = gateway->start->companion;

    if (companion != NULL) {
        companion->stop(companion->self);
    }
    for (unsigned i = 0; i < gateway->worker_count; i++) {
        thread_join(gateway->workers[i]->thread);
    }
    read_last_notes(gateway);
    health_checker_stop(gateway->health);
    health_log_stop();
    discovery_destroy(gateway->discovery);
    ocsp_fetcher_stop(gateway->ocsp);
    token_desk_stop();
    key_fetcher_stop(gateway->keys);
    say_what_is_left(gateway);
    for (unsigned i = 0; i < gateway->worker_count; i++) {
        worker_destroy(gateway->workers[i]);
    }
    free(gateway->workers);
    close(gateway->notes_fds[0]);
    close(gateway->notes_fds[1]);
    reload_free(&gateway->reload);
    current_free(&gateway->current);
}

int gateway_main(const struct gateway_start *how)
{
    struct gateway gateway = {.start = how, .control_fd = how->control_fd};

    atomic_init(&gateway.workers_running, 0);
    current_init(&gateway.current, how->snapshot);
    reload_init(&gateway.reload, how->config_path, how->listen_fds, how->listen_count);
    (void)signal(SIGPIPE, SIG_IGN);
    in_hand_watch_signals();
    if (!start(&gateway)) {
        return 1;
    }
    if (how->companion != NULL) {
        (void)how->companion->start(how->companion->self, &gateway.current, gateway.workers,
                                    gateway.worker_count);
    }
    control(&gateway);
    end(&gateway);
    return 0;
}
