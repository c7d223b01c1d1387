#include "gateway/gateway.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "certs/expiry_watch.h"
#include "certs/ocsp_fetcher.h"
#include "certs/refresh_pause.h"
#include "gateway/in_hand.h"
#include "gateway/resolver.h"
#include "gateway/worker.h"
#include "io/fd_pass.h"
#include "observe/log_writer.h"

#define WORKERS_MAX 256

struct gateway {
    struct snapshot *snapshot;
    struct worker **workers;
    unsigned worker_count;
    atomic_uint workers_running;
    int control_fd;
    int ended_fds[2]; /* a pipe: a worker that is quiet, or has ended, writes a byte */
    unsigned quiet_count;
    bool is_stopping;
    uint64_t refresh_at_ms; /* the next look at certificate files */
    uint64_t expiry_at_ms;  /* the next look at the ends of certificates */
    struct expiry_watch expiry;
    struct ocsp_fetcher *ocsp;
    struct resolver *resolver; /* NULL: no names */
};

struct worker_start {
    struct gateway *gateway;
    struct worker *worker;
};

static unsigned count_workers(const struct settings *settings)
{
    cpu_set_t cpus;

    if (settings->workers != 0) {
        return (unsigned)settings->workers;
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
    char byte = 0;

    in_hand_of_this_thread(start->worker->core.index);
    worker_run(start->worker);
    free(start);
    (void)atomic_fetch_sub(&gateway->workers_running, 1);
    ssize_t n = write(gateway->ended_fds[1], &byte, 1);
    (void)n;
    return NULL;
}

static bool start_workers(struct gateway *gateway, const int *listen_fds, size_t listen_count)
{
    unsigned count = count_workers(gateway->snapshot->settings);

    gateway->workers = xcalloc(count, sizeof(struct worker *));
    for (unsigned i = 0; i < count; i++) {
        struct worker *worker = worker_create(gateway->snapshot, i, listen_fds, listen_count);
        if (worker == NULL) {
            log_error("cannot start worker %u: %s; raise the limit of open files (LimitNOFILE= of "
                      "the service, or ulimit -n), or have fewer 'workers'",
                      i, strerror(errno));
            return false;
        }
        worker->quiet_fd = gateway->ended_fds[1];
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
    uint64_t interval = gateway->snapshot->settings->reload_certificates_ms;
    uint64_t start = clock_ms();
    uint64_t used = clock_thread_used_ms();

    if (interval == 0 || gateway->is_stopping || start < gateway->refresh_at_ms) {
        return;
    }
    /* Reading what has changed is not looking: it happens once for each change. */
    used = snapshot_refresh_certificates(gateway->snapshot) ? 0 : clock_thread_used_ms() - used;
    gateway->refresh_at_ms = start + refresh_pause_ms(interval, used);
}

static void watch_expiry(struct gateway *gateway)
{
    uint64_t now = clock_ms();

    if (!gateway->is_stopping && now >= gateway->expiry_at_ms) {
        if (expiry_watch_begin(&gateway->expiry, clock_wall_s())) {
            snapshot_each_certificate(gateway->snapshot, expiry_watch_see, &gateway->expiry);
            expiry_watch_end(&gateway->expiry);
        }
        gateway->expiry_at_ms = now + EXPIRY_WATCH_MS;
    }
}

/* ---- the control thread ---- */

/* How long there is nothing to do but to wait for commands; -1: for ever. */
static int wait_ms(const struct gateway *gateway)
{
    uint64_t now = clock_ms();
    uint64_t wait = gateway->expiry_at_ms > now ? gateway->expiry_at_ms - now : 0;

    if (gateway->is_stopping) {
        return -1;
    }
    if (gateway->snapshot->settings->reload_certificates_ms != 0) {
        uint64_t until = gateway->refresh_at_ms > now ? gateway->refresh_at_ms - now : 0;
        wait = until < wait ? until : wait;
    }
    if (gateway->snapshot->trust.crl_count != 0 && wait > TRUST_REFRESH_MS) {
        wait = TRUST_REFRESH_MS;
    }
    return wait == UINT64_MAX ? -1 : wait < 3600000 ? (int)wait : 3600000;
}

/* *fd: what came with it; -1: nothing. */
static void on_command(struct gateway *gateway, char command, int *fd)
{
    switch (command) {
    case 'D':
        gateway->is_stopping = true;
        tell_workers(gateway, worker_post_drain);
        break;
    case 'S':
        gateway->is_stopping = true;
        tell_workers(gateway, worker_post_stop);
        break;
    case 'R':
        log_writer_use(gateway->snapshot->access_log, *fd);
        *fd = -1;
        break;
    default:
        log_warn("unknown command %d from the supervisor", command);
        break;
    }
}

static void read_commands(struct gateway *gateway, struct pollfd *control)
{
    char commands[16];
    int fd;
    ssize_t n = fd_pass_receive(gateway->control_fd, commands, sizeof(commands), &fd);

    for (ssize_t i = 0; i < n; i++) {
        on_command(gateway, commands[i], &fd);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        log_warn("the supervisor is gone; finishing what runs, then exiting");
        control->fd = -1;
        on_command(gateway, 'D', &fd);
    }
}

/* Once nobody accepts any more, the supervisor may close the sockets. */
static void read_worker(struct gateway *gateway)
{
    char quiet = 'Q';
    char byte = 0;
    ssize_t n = read(gateway->ended_fds[0], &byte, 1);

    if (n == 1 && byte == WORKER_IS_QUIET && ++gateway->quiet_count == gateway->worker_count) {
        n = write(gateway->control_fd, &quiet, 1);
    }
    (void)n; /* of a supervisor that is gone the end of control_fd tells */
}

static void control(struct gateway *gateway)
{
    struct pollfd fds[2] = {{.fd = gateway->control_fd, .events = POLLIN},
                            {.fd = gateway->ended_fds[0], .events = POLLIN}};

    while (atomic_load(&gateway->workers_running) != 0) {
        int ready = poll(fds, 2, wait_ms(gateway));
        trust_refresh(&gateway->snapshot->trust);
        if (ready > 0 && fds[0].revents != 0) {
            read_commands(gateway, &fds[0]);
        }
        if (ready > 0 && fds[1].revents != 0) {
            read_worker(gateway);
        }
        refresh_certificates(gateway);
        watch_expiry(gateway);
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
        for (size_t b = 0; b < gateway->snapshot->backend_count; b++) {
            leases +=
                upstreams_find(&worker->client.upstreams, gateway->snapshot->backends[b])->leases;
        }
    }
    log_info("stopped: sessions %llu, exchanges %llu, leases %llu left",
             (unsigned long long)sessions, (unsigned long long)exchanges,
             (unsigned long long)leases);
}

static bool start(struct gateway *gateway, const int *listen_fds, size_t listen_count)
{
    struct error error;
    char up = 'U';

    if (pipe(gateway->ended_fds) != 0) {
        log_error("cannot make a pipe: %s", strerror(errno));
        return false;
    }
    if (gateway->snapshot->access_log != NULL &&
        !log_writer_start(gateway->snapshot->access_log, &error)) {
        log_error("%s", error.text);
        return false;
    }
    if (!start_workers(gateway, listen_fds, listen_count)) {
        return false;
    }
    gateway->resolver = resolver_start(gateway->snapshot);
    gateway->ocsp =
        ocsp_fetcher_start(gateway->snapshot->ocsp, gateway->snapshot->settings->timeouts.ocsp_ms,
                           &gateway->snapshot->settings->ocsp_networks);
    ssize_t n = write(gateway->control_fd, &up, 1);
    (void)n; /* a supervisor that is gone shows as the end of control_fd */
    return true;
}

int gateway_main(struct snapshot *snapshot, const int *listen_fds, size_t listen_count,
                 int control_fd, const struct gateway_companion *companion)
{
    struct gateway gateway = {.snapshot = snapshot, .control_fd = control_fd};

    atomic_init(&gateway.workers_running, 0);
    (void)signal(SIGPIPE, SIG_IGN);
    in_hand_watch_signals();
    if (!start(&gateway, listen_fds, listen_count)) {
        return 1;
    }
    if (companion != NULL) {
        (void)companion->start(companion->self, snapshot, gateway.workers, gateway.worker_count);
    }
    control(&gateway);
    if (companion != NULL) {
        companion->stop(companion->self);
    }
    for (unsigned i = 0; i < gateway.worker_count; i++) {
        thread_join(gateway.workers[i]->thread);
    }
    resolver_stop(gateway.resolver);
    ocsp_fetcher_stop(gateway.ocsp);
    say_what_is_left(&gateway);
    for (unsigned i = 0; i < gateway.worker_count; i++) {
        worker_destroy(gateway.workers[i]);
    }
    free(gateway.workers);
    close(gateway.ended_fds[0]);
    close(gateway.ended_fds[1]);
    snapshot_release(snapshot);
    return 0;
}
