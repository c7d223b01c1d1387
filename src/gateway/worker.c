#include "gateway/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "edge/head_limits.h"
#include "gateway/access.h"
#include "gateway/admission.h"
#include "gateway/cache_refresh.h"
#include "gateway/exchange.h"
#include "gateway/generation.h"
#include "gateway/memory_watch.h"
#include "gateway/mirror.h"
#include "gateway/session.h"
#include "keys/key_client.h"
#include "observe/failures.h"
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
/* Idle clients that go at each look while memory is short. */
#define MEMORY_EVICTIONS 256
/* Sessions that are moved to another configuration in one turn. */
#define WALK_STEP 256

/* ---- accepting ---- */

static void stop_accepting(struct worker *worker)
{
    for (size_t i = 0; worker->is_accepting && i < worker->socket_count; i++) {
        watch_remove(worker->core.loop, &worker->sockets[i]->watch);
    }
    worker->is_accepting = false;
}

static bool start_accepting_on(struct worker_socket *socket)
{
    /* Exclusive: a new connection wakes one worker, not all of them. */
    return watch_add(socket->worker->core.loop, &socket->watch, socket->fd,
                     EPOLLIN | EPOLLEXCLUSIVE);
}

static bool start_accepting(struct worker *worker)
{
    for (size_t i = 0; i < worker->socket_count; i++) {
        if (!start_accepting_on(worker->sockets[i])) {
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
    return worker->session_count >= worker_settings(worker)->limits.connections;
}

/* Clients beyond this many are let in by ending an idle one, so that some room is always left for
 * those who come at once. */
static size_t comfortable(const struct worker *worker)
{
    uint64_t limit = worker_settings(worker)->limits.connections;

    return (size_t)(limit - limit / ROOM_SHARE);
}

/* The client that has waited longest between two requests goes. False: there is none that may. */
static bool evict_one(struct worker *worker)
{
    for (int i = 0; i < ROOM_TRIES; i++) {
        struct list *node = list_pop_front(&worker->idle_sessions);
        if (node == NULL) {
            return false;
        }
        struct session *session = LIST_ENTRY(node, struct session, idle);
        if (conn_pending(&session->conn) != 0 || conn_has_unread(&session->conn)) {
            session_set_idle(session, true); /* it is still reading, or its next request is here */
            continue;
        }
        session->is_evicted = true;
        worker->evicted_count++;
        session->front->type->evict(session->front);
        return true;
    }
    return false;
}

/* For another one. */
static void make_room(struct worker *worker)
{
    if (worker->evicted_count < EVICTED_MAX && evict_one(worker)) {
        log_limited(&worker->accept_limiter, LOG_LEVEL_WARN,
                    "%llu connections are open in one worker (limits.connections): idle ones are "
                    "closed for new ones",
                    (unsigned long long)worker->session_count);
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
    if (is_full(worker) || memory_level() == MEMORY_OUT || !start_accepting(worker)) {
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
        if (UNLIKELY(memory_level() == MEMORY_OUT)) {
            pause_accepting(worker);
            return;
        }
        if (!admission_may_accept(&worker_settings(worker)->limits)) {
            log_limited(&worker->accept_limiter, LOG_LEVEL_WARN,
                        "connections come faster than limits.accepts_per_second: they wait");
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

/* ---- memory ---- */

/* Some at each look: the next one follows soon. */
static void close_idle(struct worker *worker)
{
    for (int i = 0; i < MEMORY_EVICTIONS && evict_one(worker); i++) {
    }
}

static void on_memory_message(struct loop_message *message)
{
    struct worker *worker = CONTAINER_OF(message, struct worker, memory_message);

    atomic_store(&worker->is_memory_posted, false);
    if (memory_level() == MEMORY_ENOUGH) {
        exchange_resume_bodies(worker);
    } else {
        close_idle(worker);
    }
}

void worker_post_memory(struct worker *worker)
{
    if (!atomic_exchange(&worker->is_memory_posted, true)) {
        loop_post(worker->core.loop, &worker->memory_message);
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

static void cut_off(struct worker *worker)
{
    stop_accepting(worker);
    worker->core.is_draining = true;
    cache_refresh_end_all(worker);
    mirror_end_all(worker);
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
static void accept_rest(struct worker_socket *socket)
{
    struct sock_address peer;
    int fd;

    while (!is_full(socket->worker) && (fd = sock_accept(socket->fd, &peer)) >= 0) {
        session_create(socket->worker, socket, fd, &peer);
    }
}

static void on_servers_message(struct loop_message *message)
{
    struct worker *worker = CONTAINER_OF(message, struct worker, servers_message);

    atomic_store(&worker->is_servers_posted, false);
    client_follow(&worker->client);
}

void worker_post_servers(struct worker *worker)
{
    if (!atomic_exchange(&worker->is_servers_posted, true)) {
        loop_post(worker->core.loop, &worker->servers_message);
    }
}

static void drain(struct worker *worker)
{
    if (worker->core.is_draining) {
        return;
    }
    for (size_t i = 0; worker->is_accepting && i < worker->socket_count; i++) {
        accept_rest(worker->sockets[i]);
    }
    stop_accepting(worker);
    worker_tell(worker, WORKER_IS_QUIET, NULL);
    worker->core.is_draining = true;
    cache_refresh_end_all(worker);
    mirror_end_all(worker);
    timer_set_ms(worker->core.loop, &worker->drain_timer,
                 worker_settings(worker)->timeouts.drain_ms);
    LIST_FOR_EACH(node, &worker->sessions)
    {
        session_drain(LIST_ENTRY(node, struct session, node));
    }
    stop_if_drained(worker);
}

static void on_drain_message(struct loop_message *message)
{
    drain(CONTAINER_OF(message, struct worker, drain_message));
}

static void on_leave_message(struct loop_message *message)
{
    struct worker *worker = CONTAINER_OF(message, struct worker, leave_message);

    worker->core.is_handing_over = true;
    drain(worker);
}

static void on_stop_message(struct loop_message *message)
{
    cut_off(CONTAINER_OF(message, struct worker, stop_message));
}

void worker_post_drain(struct worker *worker)
{
    loop_post(worker->core.loop, &worker->drain_message);
}

void worker_post_leave(struct worker *worker)
{
    loop_post(worker->core.loop, &worker->leave_message);
}

void worker_post_stop(struct worker *worker)
{
    loop_post(worker->core.loop, &worker->stop_message);
}

/* ---- sockets ---- */

static struct worker_socket *create_socket(struct worker *worker, int fd)
{
    struct worker_socket *socket = xcalloc(1, sizeof(*socket));
    struct sock_address address;

    socket->worker = worker;
    socket->fd = fd;
    watch_init(&socket->watch, on_accept);
    if (sock_local_address(fd, &address)) {
        (void)sock_address_text(&address, socket->text);
        socket->port = peer_from(&address).port;
    }
    return socket;
}

/* What waits there is served by the configuration that has the socket, and then its connections
 * end: nobody can come to that address any more. */
static void leave_socket(struct worker *worker, struct worker_socket *socket)
{
    if (!worker->core.is_draining) {
        accept_rest(socket);
    }
    watch_remove(worker->core.loop, &socket->watch);
    socket->fd = -1;
    socket->listener = NULL;
    if (socket->sessions == 0) {
        free(socket);
    }
}

static struct worker_socket *find_socket(const struct worker *worker, int fd)
{
    for (size_t i = 0; i < worker->socket_count; i++) {
        if (worker->sockets[i]->fd == fd) {
            return worker->sockets[i];
        }
    }
    return NULL;
}

static bool has_fd(const int *fds, size_t count, int fd)
{
    for (size_t i = 0; i < count; i++) {
        if (fds[i] == fd) {
            return true;
        }
    }
    return false;
}

static void leave_sockets(struct worker *worker, const int *fds, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < worker->socket_count; i++) {
        struct worker_socket *socket = worker->sockets[i];
        if (has_fd(fds, count, socket->fd)) {
            worker->sockets[kept++] = socket;
        } else {
            leave_socket(worker, socket);
        }
    }
    worker->socket_count = kept;
}

/* In the order of the snapshot's settings, which is the present one's. */
static void set_sockets(struct worker *worker, const int *fds, size_t count)
{
    struct worker_socket **sockets = xcalloc(count + 1, sizeof(struct worker_socket *));

    for (size_t i = 0; i < count; i++) {
        sockets[i] = find_socket(worker, fds[i]);
        if (sockets[i] == NULL) {
            sockets[i] = create_socket(worker, fds[i]);
        }
        sockets[i]->listener = snapshot_listener_of_socket(worker->generation->snapshot, i);
    }
    free(worker->sockets);
    worker->sockets = sockets;
    worker->socket_count = count;
    for (size_t i = 0; worker->is_accepting && i < count; i++) {
        if (sockets[i]->watch.fd < 0 && !start_accepting_on(sockets[i])) {
            pause_accepting(worker);
        }
    }
}

/* ---- another configuration ---- */

static void set_client(struct worker *worker)
{
    const struct settings *settings = worker_settings(worker);
    const struct limits_settings *limits = &settings->limits;

    worker->client.settings =
        (struct client_settings){.h1 = head_limits_h1(limits, HEAD_OF_RESPONSE),
                                 .h2 = head_limits_h2(limits, HEAD_OF_RESPONSE),
                                 .request_head = (size_t)limits->head,
                                 .response_window = limits->response_window,
                                 .response_windows = limits->response_windows,
                                 .held = limits->held,
                                 .send_ms = settings->timeouts.send_ms};
}

/* Sessions that wait between two requests would keep their old configuration for as long as they
 * wait. Some in each turn: there may be many. */
static void on_walking(struct deferred *deferred)
{
    struct worker *worker = CONTAINER_OF(deferred, struct worker, walking);

    uint64_t since_us = clock_thread_used_us();

    for (int i = 0; i < WALK_STEP && worker->walk_left > 0; i++) {
        struct list *node = list_pop_front(&worker->sessions);
        if (node == NULL) {
            worker->walk_left = 0;
            return;
        }
        worker->walk_left--;
        list_push_back(&worker->sessions, node);
        session_follow(LIST_ENTRY(node, struct session, node));
    }
    worker_note_follow(worker, since_us);
    if (worker->walk_left > 0) {
        loop_defer(worker->core.loop, &worker->walking);
    }
}

static void on_follow_message(struct loop_message *message)
{
    struct worker_change *change = CONTAINER_OF(message, struct worker_change, message);
    struct worker *worker = change->worker;
    uint64_t since_us = clock_thread_used_us();

    leave_sockets(worker, change->listen_fds, change->listen_count);
    generation_begin(worker, change->snapshot);
    set_sockets(worker, change->listen_fds, change->listen_count);
    set_client(worker);
    worker->walk_left = worker->session_count;
    loop_defer(worker->core.loop, &worker->walking);
    change->is_taken = true;
    worker_note_follow(worker, since_us);
}

void worker_post_follow(struct worker_change *change)
{
    change->message.fn = on_follow_message;
    loop_post(change->worker->core.loop, &change->message);
}

/* ---- life ---- */

/* For `tidegate status --handshakes`. */
static void note_server_failure(const struct server_failure *failure)
{
    failures_note(&(struct failure_note){.side = "backend",
                                         .who = failure->who,
                                         .reason = failure->reason,
                                         .detail = failure->detail,
                                         .mend = failure->mend,
                                         .name = failure->backend->name,
                                         .peer = failure->server});
}

struct worker *worker_create(struct snapshot *snapshot, unsigned index, const int *listen_fds,
                             size_t listen_count)
{
    struct worker *worker = xcalloc(1, sizeof(*worker));

    if (!core_init(&worker->core, index)) {
        free(worker);
        return NULL;
    }
    worker->core.on_free = on_core_free;
    worker->session_ended = stop_if_drained;
    worker->notes_fd = -1;
    worker->client.core = &worker->core;
    worker->client.on_server_failure = note_server_failure;
    list_init(&worker->generations);
    list_init(&worker->sessions);
    list_init(&worker->idle_sessions);
    list_init(&worker->exchanges);
    list_init(&worker->free_exchanges);
    list_init(&worker->refreshes);
    list_init(&worker->mirrors);
    down_watch_init(&worker->downs, worker->core.loop);
    timer_init(&worker->accept_pause, on_accept_pause);
    access_init(worker);
    timer_init(&worker->drain_timer, on_drain_timer);
    worker->servers_message.fn = on_servers_message;
    worker->memory_message.fn = on_memory_message;
    worker->drain_message.fn = on_drain_message;
    worker->leave_message.fn = on_leave_message;
    worker->stop_message.fn = on_stop_message;
    deferred_init(&worker->walking, on_walking);
    client_init(&worker->client, NULL, 0);
    coder_pool_init(&worker->coders, worker->core.loop);
    generation_begin(worker, snapshot_hold(snapshot));
    worker->keys = key_client_create(index, worker->core.loop);
    set_client(worker);
    set_sockets(worker, listen_fds, listen_count);
    if (!start_accepting(worker)) {
        timer_set_ms(worker->core.loop, &worker->accept_pause, ACCEPT_PAUSE_MS);
    }
    return worker;
}

void worker_run(struct worker *worker)
{
    key_client_use(worker->keys);
    loop_run(worker->core.loop);
    stop_accepting(worker);
    client_close_all(&worker->client);
    access_flush(worker);
}

void worker_destroy(struct worker *worker)
{
    CHECK(worker->session_count == 0 && worker->exchange_count == 0);
    worker->notes_fd = -1; /* from here on it is the control thread's */
    loop_run_deferred(worker->core.loop);
    key_client_destroy(worker->keys);
    exchange_free_pool(worker);
    down_watch_destroy(&worker->downs);
    timer_destroy(worker->core.loop, &worker->accept_pause);
    timer_destroy(worker->core.loop, &worker->log_timer);
    timer_destroy(worker->core.loop, &worker->drain_timer);
    generation_end_all(worker);
    client_free(&worker->client, NULL, 0);
    coder_pool_destroy(&worker->coders);
    core_destroy(&worker->core);
    for (size_t i = 0; i < worker->socket_count; i++) {
        free(worker->sockets[i]);
    }
    free(worker->sockets);
    free(worker);
}
