#include "gateway/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "edge/head_limits.h"
#include "gateway/exchange.h"
#include "gateway/session.h"
#include "observe/failures.h"
#include "observe/log_writer.h"
#include "server/front.h"

/* Connections taken in one wake-up: the other workers get a chance at the rest. */
#define ACCEPTS_PER_WAKE 8
#define ACCEPT_PAUSE_MS 100
/* One in so many of limits.connections is kept free of idle clients. */
#define ROOM_SHARE 16
/* Clients that are looked at for one that may go. */
#define ROOM_TRIES 8
/* That are on their way out at a time: some take until the loop's turn ends, or longer. */
#define EVICTED_MAX 8
/* A log line waits this long at most before it is written. */
#define LOG_DELAY_MS 50
#define LOG_BLOCK_BYTES (32 * 1024)

/* ---- accepting ---- */

static void stop_accepting(struct worker *worker)
{
    for (size_t i = 0; worker->is_accepting && i < worker->socket_count; i++) {
        watch_remove(worker->core.loop, &worker->sockets[i].watch);
    }
    worker->is_accepting = false;
}

static bool start_accepting(struct worker *worker)
{
    for (size_t i = 0; i < worker->socket_count; i++) {
        struct worker_socket *socket = &worker->sockets[i];
        /* Exclusive: a new connection wakes one worker, not all of them. */
        if (!watch_add(worker->core.loop, &socket->watch, socket->fd, EPOLLIN | EPOLLEXCLUSIVE)) {
            worker->is_accepting = true; /* so that what was added is taken out */
            stop_accepting(worker);
            return false;
        }
    }
    worker->is_accepting = true;
    return true;
}

static void pause_accepting(struct worker *worker)
{
    stop_accepting(worker);
    timer_set_ms(worker->core.loop, &worker->accept_pause, ACCEPT_PAUSE_MS);
}

static bool is_full(const struct worker *worker)
{
    return worker->session_count >= worker->snapshot->settings->limits.connections;
}

/* Clients beyond this many are let in by ending an idle one, so that some room is always left for
 * those who come at once. */
static size_t comfortable(const struct worker *worker)
{
    uint64_t limit = worker->snapshot->settings->limits.connections;

    return (size_t)(limit - limit / ROOM_SHARE);
}

/* The client that has waited longest between two requests makes room for another. */
static void make_room(struct worker *worker)
{
    if (worker->evicted_count >= EVICTED_MAX) {
        return; /* they are on their way */
    }
    for (int i = 0; i < ROOM_TRIES; i++) {
        struct list *node = list_pop_front(&worker->idle_sessions);
        if (node == NULL) {
            return;
        }
        struct session *session = LIST_ENTRY(node, struct session, idle);
        if (conn_pending(&session->conn) != 0 || conn_has_unread(&session->conn)) {
            session_set_idle(session, true); /* it is still reading, or its next request is here */
            continue;
        }
        log_limited(&worker->accept_limiter, LOG_LEVEL_WARN,
                    "%llu connections are open in one worker (limits.connections): idle ones are "
                    "closed for new ones",
                    (unsigned long long)worker->session_count);
        session->is_evicted = true;
        worker->evicted_count++;
        session->front->type->evict(session->front);
        return;
    }
}

static void on_accept_pause(struct timer *timer)
{
    struct worker *worker = CONTAINER_OF(timer, struct worker, accept_pause);

    if (worker->core.is_draining) {
        return;
    }
    if (is_full(worker)) {
        make_room(worker);
    }
    if (is_full(worker) || !start_accepting(worker)) {
        timer_set_ms(worker->core.loop, &worker->accept_pause, ACCEPT_PAUSE_MS);
    }
}

static void on_accept(struct watch *watch, uint32_t events)
{
    struct worker_socket *socket = CONTAINER_OF(watch, struct worker_socket, watch);
    struct worker *worker = socket->worker;

    (void)events;
    for (int i = 0; i < ACCEPTS_PER_WAKE; i++) {
        struct sock_address peer;
        if (worker->session_count >= comfortable(worker)) {
            make_room(worker);
        }
        if (is_full(worker)) {
            log_limited(
                &worker->accept_limiter, LOG_LEVEL_WARN,
                "%llu connections are open in one worker (limits.connections): new ones wait",
                (unsigned long long)worker->session_count);
            pause_accepting(worker);
            return;
        }
        int fd = sock_accept(watch->fd, &peer);
        if (fd >= 0) {
            session_create(worker, socket, fd, &peer);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log_limited(&worker->accept_limiter, LOG_LEVEL_ERROR,
                        "cannot accept connections for now: %s; raise the limit of open files "
                        "(LimitNOFILE= of the service, or ulimit -n)",
                        strerror(errno));
            pause_accepting(worker);
            return;
        }
        if (errno == EAGAIN) {
            return;
        }
        /* Any other errno is about a connection that has gone meanwhile (accept(2)). */
    }
}

/* ---- ending ---- */

static void stop_if_drained(struct worker *worker)
{
    if (worker->core.is_draining && worker->session_count == 0 && worker->core.holds == 0) {
        loop_stop(worker->core.loop);
    }
}

static void on_core_free(struct core *core)
{
    stop_if_drained(CONTAINER_OF(core, struct worker, core));
}

void worker_session_ended(struct worker *worker)
{
    stop_if_drained(worker);
}

static void cut_off(struct worker *worker)
{
    stop_accepting(worker);
    worker->core.is_draining = true;
    LIST_FOR_EACH(node, &worker->sessions)
    {
        session_abort(LIST_ENTRY(node, struct session, node));
    }
    stop_if_drained(worker);
}

static void on_drain_timer(struct timer *timer)
{
    struct worker *worker = CONTAINER_OF(timer, struct worker, drain_timer);

    log_warn(
        "worker %u: %llu connections were still open when timeouts.drain ended; cutting them off",
        worker->core.index, (unsigned long long)worker->session_count);
    cut_off(worker);
}

/* Bounded by limits.connections; the other workers take their share. */
static void accept_rest(struct worker *worker)
{
    for (size_t i = 0; worker->is_accepting && i < worker->socket_count; i++) {
        struct sock_address peer;
        int fd;
        while (!is_full(worker) && (fd = sock_accept(worker->sockets[i].fd, &peer)) >= 0) {
            session_create(worker, &worker->sockets[i], fd, &peer);
        }
    }
}

static void say_quiet(const struct worker *worker)
{
    char byte = WORKER_IS_QUIET;
    ssize_t n = worker->quiet_fd >= 0 ? write(worker->quiet_fd, &byte, 1) : 0;

    (void)n; /* whoever waits for it has a deadline of its own */
}

static void on_drain_message(struct loop_message *message)
{
    struct worker *worker = CONTAINER_OF(message, struct worker, drain_message);

    if (worker->core.is_draining) {
        return;
    }
    accept_rest(worker);
    stop_accepting(worker);
    say_quiet(worker);
    worker->core.is_draining = true;
    timer_set_ms(worker->core.loop, &worker->drain_timer,
                 worker->snapshot->settings->timeouts.drain_ms);
    LIST_FOR_EACH(node, &worker->sessions)
    {
        session_drain(LIST_ENTRY(node, struct session, node));
    }
    stop_if_drained(worker);
}

static void on_stop_message(struct loop_message *message)
{
    cut_off(CONTAINER_OF(message, struct worker, stop_message));
}

void worker_post_drain(struct worker *worker)
{
    loop_post(worker->core.loop, &worker->drain_message);
}

void worker_post_stop(struct worker *worker)
{
    loop_post(worker->core.loop, &worker->stop_message);
}

/* ---- the log ---- */

static void flush_log(struct worker *worker)
{
    struct strbuf *log = &worker->log;

    if (log->len != 0) {
        log_writer_put(worker->snapshot->access_log, log->ptr, log->len);
        strbuf_init(log);
    }
}

static void on_log_timer(struct timer *timer)
{
    flush_log(CONTAINER_OF(timer, struct worker, log_timer));
}

struct strbuf *worker_log(struct worker *worker)
{
    return worker->snapshot->access_log != NULL ? &worker->log : NULL;
}

void worker_log_done(struct worker *worker)
{
    if (worker->log.len >= LOG_BLOCK_BYTES) {
        flush_log(worker);
    } else if (worker->log_timer.deadline_us == 0) {
        timer_set_ms(worker->core.loop, &worker->log_timer, LOG_DELAY_MS);
    }
}

/* ---- life ---- */

static void init_sockets(struct worker *worker, const int *listen_fds, size_t count)
{
    worker->sockets = xcalloc(count, sizeof(*worker->sockets));
    worker->socket_count = count;
    for (size_t i = 0; i < count; i++) {
        struct worker_socket *socket = &worker->sockets[i];
        struct sock_address address;
        socket->worker = worker;
        socket->fd = listen_fds[i];
        socket->listener = snapshot_listener_of_socket(worker->snapshot, i);
        watch_init(&socket->watch, on_accept);
        if (sock_local_address(listen_fds[i], &address)) {
            (void)sock_address_text(&address, socket->text);
            socket->port = peer_from(&address).port;
        }
    }
}

/* For `tidegate status --handshakes`. */
static void note_server_failure(const struct server_failure *failure)
{
    failures_note(&(struct failure_note){.side = "backend",
                                         .who = failure->who,
                                         .reason = failure->reason,
                                         .detail = failure->detail,
                                         .mend = failure->mend,
                                         .name = failure->backend->name,
                                         .peer = failure->backend->servers[failure->server].text});
}

static void start_client(struct worker *worker)
{
    const struct snapshot *snapshot = worker->snapshot;
    const struct limits_settings *limits = &snapshot->settings->limits;

    worker->client = (struct client){
        .core = &worker->core,
        .settings = {.h1 = head_limits_h1(limits, HEAD_OF_RESPONSE),
                     .h2 = head_limits_h2(limits, HEAD_OF_RESPONSE),
                     .request_head = (size_t)limits->head,
                     .response_window = limits->response_window,
                     .response_windows = limits->response_windows,
                     .held = limits->held,
                     .send_ms = snapshot->settings->timeouts.send_ms},
        .on_server_failure = note_server_failure,
    };
    client_init(&worker->client, snapshot->backends, snapshot->backend_count);
}

struct worker *worker_create(struct snapshot *snapshot, unsigned index, const int *listen_fds,
                             size_t listen_count)
{
    struct worker *worker = xcalloc(1, sizeof(*worker));

    if (!core_init(&worker->core, index)) {
        free(worker);
        return NULL;
    }
    worker->snapshot = snapshot_hold(snapshot);
    worker->core.on_free = on_core_free;
    worker->quiet_fd = -1;
    list_init(&worker->sessions);
    list_init(&worker->idle_sessions);
    list_init(&worker->free_exchanges);
    timer_init(&worker->accept_pause, on_accept_pause);
    timer_init(&worker->log_timer, on_log_timer);
    timer_init(&worker->drain_timer, on_drain_timer);
    worker->drain_message.fn = on_drain_message;
    worker->stop_message.fn = on_stop_message;
    start_client(worker);
    init_sockets(worker, listen_fds, listen_count);
    if (!start_accepting(worker)) {
        timer_set_ms(worker->core.loop, &worker->accept_pause, ACCEPT_PAUSE_MS);
    }
    return worker;
}

void worker_run(struct worker *worker)
{
    loop_run(worker->core.loop);
    stop_accepting(worker);
    client_close_all(&worker->client);
    flush_log(worker);
}

void worker_destroy(struct worker *worker)
{
    CHECK(worker->session_count == 0 && worker->exchange_count == 0);
    loop_run_deferred(worker->core.loop);
    exchange_free_pool(worker);
    timer_destroy(worker->core.loop, &worker->accept_pause);
    timer_destroy(worker->core.loop, &worker->log_timer);
    timer_destroy(worker->core.loop, &worker->drain_timer);
    client_free(&worker->client, worker->snapshot->backends, worker->snapshot->backend_count);
    core_destroy(&worker->core);
    strbuf_free(&worker->log);
    snapshot_release(worker->snapshot);
    free(worker->sockets);
    free(worker);
}
