#include "admin/admin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/bans.h"
#include "admin/routes.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/url.h"
#include "cache/cache_store.h"
#include "gateway/commands.h"
#include "gateway/current.h"
#include "gateway/kept_orders.h"
#include "gateway/report.h"
#include "gateway/snapshot.h"
#include "http/h1_parse.h"
#include "io/fd_pass.h"
#include "io/loop.h"

/* Out of descriptors. */
enum { PAUSE_MS = 100 };

struct admin_conn {
    int fd; /* -1: free */
    uint64_t deadline_us;
    char request[ADMIN_REQUEST_MAX];
    size_t len;
    size_t scanned;
    struct strbuf answer;
    size_t sent;
};

struct admin {
    int listen_fd;
    int control_fd;
    int wake[2]; /* a pipe: its end tells the thread to stop */
    pthread_t thread;
    bool is_running;
    struct admin_conn clients[ADMIN_CLIENTS_MAX];
    struct admin_world world;
};

static void drop(struct admin_conn *client)
{
    (void)close(client->fd);
    strbuf_free(&client->answer);
    client->fd = -1;
}

/* ---- requests ---- */

static void put_answer(struct admin_conn *client, unsigned status, struct span body, bool has_body)
{
    struct strbuf *out = &client->answer;

    strbuf_printf(out,
                  "HTTP/1.1 %u %s\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"
                  "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                  status, http_reason(status), body.len);
    if (has_body) {
        strbuf_add(out, body);
    }
}

static void put_error(struct admin_conn *client, unsigned status, const char *text)
{
    struct strbuf body;

    strbuf_init(&body);
    strbuf_add_cstr(&body, "{\"error\":");
    strbuf_add_json(&body, span_from_cstr(text));
    strbuf_add_cstr(&body, "}\n");
    put_answer(client, status, strbuf_span(&body), true);
    strbuf_free(&body);
}

/* The connection goes to the supervisor: the answer comes from there, even if this process ends
 * meanwhile. */
static void ask_supervisor(struct admin *admin, struct admin_conn *client, enum gateway_word word)
{
    const struct gateway_message message = {.word = (int32_t)word};

    if (!fd_pass_send(admin->control_fd, &message, sizeof(message), client->fd)) {
        put_error(client, 503, "the supervisor cannot be reached");
        return;
    }
    drop(client);
}

static bool order_of_path(struct span path, enum server_order_word *word)
{
    static const struct {
        const char *path;
        enum server_order_word word;
    } orders[] = {{ADMIN_DRAIN_PATH, SERVER_DRAINING},
                  {ADMIN_ENABLE_PATH, SERVER_ENABLED},
                  {ADMIN_DISABLE_PATH, SERVER_DISABLED}};

    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        if (span_eq_cstr(path, orders[i].path)) {
            *word = orders[i].word;
            return true;
        }
    }
    return false;
}

/* Who ordered it is not kept waiting for what comes after this process. */
static void keep_orders(const struct admin *admin)
{
    if (!kept_orders_send(admin->control_fd)) {
        log_warn("orders of servers end with this process: they cannot be kept: %s",
                 strerror(errno));
    }
}

/* The order was given, or there is no such server. */
static void confirm(const struct admin *admin, struct admin_conn *client, bool is_known,
                    const char *name, const char *what)
{
    struct strbuf body;

    if (!is_known) {
        put_error(client, 404, "no backend has such a server; see /status");
        return;
    }
    log_info("server %s is %s: ordered through the control socket", name, what);
    keep_orders(admin);
    strbuf_init(&body);
    strbuf_printf(&body, "{\"order\":\"%s\"}\n", what);
    put_answer(client, 200, strbuf_span(&body), true);
    strbuf_free(&body);
}

/* "BACKEND/SERVER=N", of which *name becomes what is before the last '='. */
static bool read_weight(char *name, int *weight)
{
    char *value = strrchr(name, '=');
    size_t len = value != NULL ? strlen(++value) : 0;

    if (len == 0) {
        return false;
    }
    value[-1] = '\0';
    if (strcmp(value, "default") == 0) {
        *weight = SERVER_WEIGHT_DEFAULT;
        return true;
    }
    if (len > 4 || strspn(value, "0123456789") != len) {
        return false;
    }
    *weight = atoi(value);
    return *weight <= SERVER_WEIGHT_SAID_MAX;
}

static void give_weight(const struct admin *admin, struct admin_conn *client, char *name)
{
    int weight = SERVER_WEIGHT_DEFAULT;
    char words[48] = "of the configuration's weight";

    if (!read_weight(name, &weight)) {
        put_error(client, 400, "the query is BACKEND/SERVER=N, with N from 0 to 1000, or default");
        return;
    }
    if (weight != SERVER_WEIGHT_DEFAULT) {
        (void)snprintf(words, sizeof(words), "of weight %d", weight);
    }
    confirm(admin, client, server_order_weigh(name, weight), name, words);
}

static void give_order(const struct admin *admin, struct admin_conn *client,
                       const struct http_request *request, const enum server_order_word *word)
{
    struct arena arena;
    char *name;

    if (request->method != HTTP_POST) {
        put_error(client, 405, "only POST");
        return;
    }
    arena_init(&arena, 2048);
    name = arena_cstr(&arena, url_decode(request->query, &arena));
    if (word == NULL) {
        give_weight(admin, client, name);
    } else {
        confirm(admin, client, server_order_give(name, *word), name, server_order_text(*word));
    }
    arena_destroy(&arena);
}

static bool is_for_supervisor(struct span path, enum gateway_word *word)
{
    *word = span_eq_cstr(path, ADMIN_UPGRADE_PATH) ? GATEWAY_UPGRADE : GATEWAY_RELOAD;
    return *word == GATEWAY_UPGRADE || span_eq_cstr(path, ADMIN_RELOAD_PATH);
}

/* The query: "url=...", "tag=..." or "all". */
static bool purge(struct cache_store *store, struct span what, uint64_t *count)
{
    if (span_starts_with(what, SPAN_OF("url=")) && what.len > 4) {
        *count = cache_store_purge_url(store, span_skip(what, 4));
        return true;
    }
    if (span_starts_with(what, SPAN_OF("tag=")) && what.len > 4) {
        *count = cache_store_purge_tag(store, span_skip(what, 4));
        return true;
    }
    *count = span_eq(what, SPAN_OF("all")) ? cache_store_purge_all(store) : 0;
    return span_eq(what, SPAN_OF("all"));
}

static void change_bans(struct admin_conn *client, const struct http_request *request)
{
    struct arena arena;
    struct strbuf body;
    unsigned status;

    arena_init(&arena, 2048);
    strbuf_init(&body);
    status = bans_change(url_decode(request->query, &arena), &body);
    if (status == 200) {
        put_answer(client, status, strbuf_span(&body), true);
    } else {
        put_error(client, status, "the query is lift=ADDRESS, lift=all or add=ADDRESS=SECONDS");
    }
    strbuf_free(&body);
    arena_destroy(&arena);
}

static void give_purge(struct admin *admin, struct admin_conn *client,
                       const struct http_request *request)
{
    struct snapshot *snapshot = current_take(admin->world.current);
    struct arena arena;
    struct strbuf body;
    uint64_t count = 0;

    arena_init(&arena, 2048);
    strbuf_init(&body);
    struct span what = url_decode(request->query, &arena);
    if (request->method != HTTP_POST) {
        put_error(client, 405, "only POST");
    } else if (snapshot->cache == NULL) {
        put_error(client, 404, "no route has a cache");
    } else if (!purge(snapshot->cache, what, &count)) {
        put_error(client, 400, "the query is url=URL, tag=TAG or all");
    } else {
        log_info("cache: %llu responses purged by %.*s", (unsigned long long)count,
                 SPAN_ARG(span_cut(what, 256)));
        strbuf_printf(&body, "{\"purged\":%llu}\n", (unsigned long long)count);
        put_answer(client, 200, strbuf_span(&body), true);
    }
    strbuf_free(&body);
    arena_destroy(&arena);
    snapshot_release(snapshot);
}

static void answer(struct admin *admin, struct admin_conn *client,
                   const struct http_request *request)
{
    enum server_order_word word;
    enum gateway_word of_supervisor;

    const struct admin_route *route = admin_route_find(request->path);
    bool is_head = request->method == HTTP_HEAD;
    struct strbuf body;

    if (request->framing != HTTP_FRAMING_NONE) {
        put_error(client, 413, "a request here has no body");
        return;
    }
    if (order_of_path(request->path, &word)) {
        give_order(admin, client, request, &word);
        return;
    }
    if (span_eq_cstr(request->path, ADMIN_PURGE_PATH)) {
        give_purge(admin, client, request);
        return;
    }
    if (span_eq_cstr(request->path, ADMIN_BANS_PATH) && request->method == HTTP_POST) {
        change_bans(client, request);
        return;
    }
    if (span_eq_cstr(request->path, ADMIN_WEIGHT_PATH)) {
        give_order(admin, client, request, NULL);
        return;
    }
    if (is_for_supervisor(request->path, &of_supervisor)) {
        if (request->method != HTTP_POST) {
            put_error(client, 405, "only POST");
        } else {
            ask_supervisor(admin, client, of_supervisor);
        }
        return;
    }
    if (route == NULL) {
        put_error(client, 404, "there is nothing of that name; see /");
        return;
    }
    if (request->method != HTTP_GET && !is_head) {
        put_error(client, 405, "only GET and HEAD");
        return;
    }
    strbuf_init(&body);
    route->print(&admin->world, &body);
    put_answer(client, 200, strbuf_span(&body), !is_head);
    strbuf_free(&body);
}

/* Once the head is whole, or can never be. */
static void take_request(struct admin *admin, struct admin_conn *client)
{
    static const struct h1_limits limits = {ADMIN_REQUEST_MAX - 1, 1024, 50};
    enum h1_error error = H1_OK;
    size_t start = 0;
    size_t head_len = 0;
    struct http_request request;
    struct arena arena;

    switch (h1_head_end(span_make(client->request, client->len), &limits, true, &client->scanned,
                        &start, &head_len, &error)) {
    case H1_HEAD_MORE:
        if (client->len == ADMIN_REQUEST_MAX) {
            put_error(client, 431, "the request is too large");
        }
        return;
    case H1_HEAD_BAD:
        put_error(client, h1_error_status(error), h1_error_text(error));
        return;
    case H1_HEAD_COMPLETE:
        break;
    }
    arena_init(&arena, 4096);
    error =
        h1_parse_request(span_make(client->request + start, head_len), &limits, &arena, &request);
    if (error != H1_OK) {
        put_error(client, h1_error_status(error), h1_error_text(error));
    } else {
        answer(admin, client, &request);
    }
    arena_destroy(&arena);
}

/* ---- one client ---- */

static void send_answer(struct admin_conn *client)
{
    while (client->sent < client->answer.len) {
        ssize_t n = send(client->fd, client->answer.ptr + client->sent,
                         client->answer.len - client->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            return;
        }
        if (n < 0) {
            break;
        }
        client->sent += (size_t)n;
    }
    drop(client);
}

static void read_request(struct admin *admin, struct admin_conn *client)
{
    ssize_t n = recv(client->fd, client->request + client->len, ADMIN_REQUEST_MAX - client->len,
                     MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        drop(client);
        return;
    }
    client->len += (size_t)n;
    take_request(admin, client);
    if (client->fd >= 0 && client->answer.len != 0) {
        send_answer(client);
    }
}

static struct admin_conn *find_free(struct admin *admin)
{
    for (size_t i = 0; i < ADMIN_CLIENTS_MAX; i++) {
        if (admin->clients[i].fd < 0) {
            return &admin->clients[i];
        }
    }
    return NULL;
}

static void accept_client(struct admin *admin)
{
    struct admin_conn *client = find_free(admin);
    int fd = accept4(admin->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            (void)poll(NULL, 0, PAUSE_MS); /* the poll would come back at once */
        } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
            admin->listen_fd = -1; /* it was shut down: the supervisor is gone */
        }
        return;
    }
    if (client == NULL) {
        (void)close(fd);
        return;
    }
    *client = (struct admin_conn){.fd = fd, .deadline_us = clock_us() + ADMIN_CLIENT_MS * 1000};
}

/* ---- the thread ---- */

static int wait_ms(const struct admin *admin)
{
    uint64_t now = clock_us();
    int wait = -1;

    for (size_t i = 0; i < ADMIN_CLIENTS_MAX; i++) {
        const struct admin_conn *client = &admin->clients[i];
        if (client->fd >= 0) {
            int left =
                client->deadline_us > now ? (int)((client->deadline_us - now) / 1000) + 1 : 0;
            wait = wait < 0 || left < wait ? left : wait;
        }
    }
    return wait;
}

static void serve_clients(struct admin *admin, const struct pollfd *fds)
{
    for (size_t i = 0; i < ADMIN_CLIENTS_MAX; i++) {
        struct admin_conn *client = &admin->clients[i];
        if (client->fd < 0 || client->fd != fds[i].fd) {
            continue;
        }
        if (fds[i].revents != 0) {
            if (client->answer.len != 0) {
                send_answer(client);
            } else {
                read_request(admin, client);
            }
        }
        if (client->fd >= 0 && client->deadline_us <= clock_us()) {
            drop(client);
        }
    }
}

static void *admin_main(void *arg)
{
    struct admin *admin = arg;
    struct pollfd fds[ADMIN_CLIENTS_MAX + 2];

    for (;;) {
        for (size_t i = 0; i < ADMIN_CLIENTS_MAX; i++) {
            const struct admin_conn *client = &admin->clients[i];
            fds[i] = (struct pollfd){.fd = client->fd,
                                     .events = client->answer.len != 0 ? POLLOUT : POLLIN};
        }
        /* When all places are taken, the next client waits in the socket's queue. */
        fds[ADMIN_CLIENTS_MAX] = (struct pollfd){
            .fd = find_free(admin) != NULL ? admin->listen_fd : -1, .events = POLLIN};
        fds[ADMIN_CLIENTS_MAX + 1] = (struct pollfd){.fd = admin->wake[0], .events = POLLIN};
        (void)poll(fds, ADMIN_CLIENTS_MAX + 2, wait_ms(admin));
        if (fds[ADMIN_CLIENTS_MAX + 1].revents != 0) {
            break;
        }
        serve_clients(admin, fds);
        if (fds[ADMIN_CLIENTS_MAX].revents != 0) {
            accept_client(admin);
        }
    }
    for (size_t i = 0; i < ADMIN_CLIENTS_MAX; i++) {
        if (admin->clients[i].fd >= 0) {
            drop(&admin->clients[i]);
        }
    }
    return NULL;
}

/* ---- life ---- */

struct admin *admin_create(int listen_fd, const char *version, int control_fd)
{
    struct admin *admin = xcalloc(1, sizeof(*admin));

    admin->listen_fd = listen_fd;
    admin->control_fd = control_fd;
    admin->wake[0] = admin->wake[1] = -1;
    admin->world.version = version;
    for (size_t i = 0; i < ADMIN_CLIENTS_MAX; i++) {
        admin->clients[i].fd = -1;
    }
    return admin;
}

void admin_destroy(struct admin *admin)
{
    if (admin->wake[0] >= 0) {
        (void)close(admin->wake[0]);
    }
    if (admin->world.reporter != NULL) {
        reporter_destroy(admin->world.reporter);
    }
    free(admin);
}

static bool start(void *self, struct current *current, struct worker **workers, unsigned count)
{
    struct admin *admin = self;
    int error;

    if (pipe2(admin->wake, O_CLOEXEC) != 0) {
        log_error("the control socket is not served: %s", strerror(errno));
        return false;
    }
    admin->world.current = current;
    admin->world.reporter = reporter_create(current, workers, count);
    admin->world.started_us = clock_us();
    error = thread_start(&admin->thread, "admin", admin_main, admin);
    admin->is_running = error == 0;
    if (error != 0) {
        log_error("the control socket is not served: %s", strerror(error));
        (void)close(admin->wake[1]);
    }
    return admin->is_running;
}

static void stop(void *self)
{
    struct admin *admin = self;

    if (admin->is_running) {
        (void)close(admin->wake[1]); /* the reading end sees it */
        thread_join(admin->thread);
        admin->is_running = false;
    }
}

struct gateway_companion admin_companion(struct admin *admin)
{
    return (struct gateway_companion){.start = start, .stop = stop, .self = admin};
}
