#include "observe/log_stream.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dns/resolver.h"
#include "io/conn.h"
#include "io/sock.h"
#include "tls/tls_conn.h"
#include "tls/tls_trouble.h"

/* A collector that is reached, and then says nothing of TLS. */
#define HANDSHAKE_MS 10000
/* One that acknowledges nothing of what was sent is gone. */
#define UNACKNOWLEDGED_MS 30000
/* What ends in order may take this long to say so. */
#define GOODBYE_MS 200
#define SLICE_MS 100

/* While a name is looked up; its questions have sockets of their own. */
#define LOOK_MS 10

enum state { AWAY, LOOKING_UP, CONNECTING, HANDSHAKE, OPEN };

struct log_stream {
    struct sock_address address;
    char *host; /* in place of the address; NULL: there is one */
    uint16_t port;
    struct resolver names; /* of `host` */
    bool has_names;
    struct lookup *lookup; /* of LOOKING_UP */
    size_t turn;           /* which of its addresses is the next */
    bool is_tls;
    enum state state;
    struct loop *loop; /* NULL: nothing was sent yet */
    struct conn conn;
    uint64_t retry_at_ms;
    uint64_t pause_ms;    /* before the next try */
    uint64_t deadline_ms; /* of connecting and the handshake */
    char trouble[256];
    uint64_t connections;
    /* From any thread, under the lock. */
    pthread_mutex_t lock;
    struct tls_context *tls; /* of is_tls */
    char *server_name;
    char *name_servers; /* NULL: resolv.conf's */
};

struct log_stream *log_stream_create(const struct log_place *place)
{
    struct log_stream *s = xcalloc(1, sizeof(*s));

    CHECK(place->address_len <= sizeof(s->address.v6));
    memcpy(&s->address.any, &place->address, place->address_len);
    s->address.len = place->address_len;
    s->host = place->address_len == 0 ? xstrdup(place->host) : NULL;
    s->port = place->port;
    s->is_tls = place->transport == LOG_TLS;
    s->pause_ms = LOG_STREAM_RETRY_FIRST_MS;
    CHECK(pthread_mutex_init(&s->lock, NULL) == 0);
    return s;
}

void log_stream_set_tls(struct log_stream *s, struct tls_context *tls, const char *server_name)
{
    char *name = xstrdup(server_name);

    (void)tls_context_hold(tls);
    (void)pthread_mutex_lock(&s->lock);
    struct tls_context *old = s->tls;
    char *old_name = s->server_name;
    s->tls = tls;
    s->server_name = name;
    (void)pthread_mutex_unlock(&s->lock);
    tls_context_destroy(old);
    free(old_name);
}

void log_stream_set_name_servers(struct log_stream *s, const char *servers)
{
    char *copy = servers != NULL ? xstrdup(servers) : NULL;

    (void)pthread_mutex_lock(&s->lock);
    char *old = s->name_servers;
    s->name_servers = copy;
    (void)pthread_mutex_unlock(&s->lock);
    free(old);
}

void log_stream_frame(struct span message, struct strbuf *out)
{
    strbuf_printf(out, "%zu ", message.len);
    strbuf_add(out, message);
}

/* ---- the connection ---- */

static void go_away(struct log_stream *s, const char *why)
{
    s->state = AWAY;
    (void)snprintf(s->trouble, sizeof(s->trouble), "%s", why);
    s->retry_at_ms = clock_ms() + s->pause_ms;
    s->pause_ms =
        s->pause_ms * 2 < LOG_STREAM_RETRY_MAX_MS ? s->pause_ms * 2 : LOG_STREAM_RETRY_MAX_MS;
    conn_close(&s->conn);
}

static void be_open(struct log_stream *s)
{
    s->state = OPEN;
    s->trouble[0] = '\0';
    s->pause_ms = LOG_STREAM_RETRY_FIRST_MS;
    s->connections++;
}

/* A collector has nothing to say: what it says is passed over, until it ends. */
static void on_readable(struct conn *conn)
{
    struct log_stream *s = conn->owner;
    enum conn_result result = CONN_OK;
    struct tls_trouble trouble;
    struct span bytes;

    while (s->state == OPEN && result == CONN_OK) {
        result = conn_read(conn, &bytes);
    }
    if (s->state != OPEN || result == CONN_AGAIN) {
        return;
    }
    if (tls_trouble_of(conn, &trouble)) {
        go_away(s,
                trouble.trouble.detail != NULL ? trouble.trouble.detail : trouble.trouble.reason);
    } else {
        go_away(s, result == CONN_EOF ? "it has ended the connection" : strerror(conn->error));
    }
}

static void on_writable(struct conn *conn)
{
    struct log_stream *s = conn->owner;

    if (s->state == OPEN && conn_write_failed(conn)) {
        go_away(s, "it has broken the connection");
    }
}

static void on_handshake(struct conn *conn, bool ok)
{
    struct log_stream *s = conn->owner;

    if (ok) {
        be_open(s);
    } else {
        go_away(s, tls_conn_failure(conn).sentence);
    }
}

static const struct tls_conn_events tls_events = {.on_done = on_handshake};

static void begin_tls(struct log_stream *s)
{
    bool is_begun;

    (void)pthread_mutex_lock(&s->lock);
    is_begun = tls_conn_connect(&s->conn, s->tls, s->server_name, &tls_events);
    (void)pthread_mutex_unlock(&s->lock);
    if (is_begun) {
        s->state = HANDSHAKE;
    } else {
        go_away(s, strerror(ENOMEM));
    }
}

static void on_connected(struct conn *conn, int error)
{
    struct log_stream *s = conn->owner;
    unsigned limit_ms = UNACKNOWLEDGED_MS;

    if (error != 0) {
        go_away(s, strerror(error));
        return;
    }
    (void)setsockopt(conn->watch.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof(limit_ms));
    if (s->is_tls) {
        begin_tls(s);
    } else {
        be_open(s);
    }
}

static const struct conn_handler handler = {
    .on_readable = on_readable,
    .on_writable = on_writable,
    .on_connected = on_connected,
};

static void connect_to(struct log_stream *s, const struct sock_address *address)
{
    int error;

    s->state = CONNECTING;
    if (!conn_connect(&s->conn, address, &error)) {
        go_away(s, strerror(error));
    }
}

static void on_found(void *owner, const struct lookup_result *result)
{
    struct log_stream *s = owner;

    s->lookup = NULL;
    if (result->count == 0) {
        go_away(s, result->error.text);
    } else {
        connect_to(s, &result->items[s->turn++ % result->count]);
    }
}

static void drop_names(struct log_stream *s)
{
    lookup_cancel(s->lookup);
    s->lookup = NULL;
    if (s->has_names) {
        resolver_free(&s->names);
        s->has_names = false;
    }
}

/* By the name servers of now. */
static void look_up(struct log_stream *s)
{
    drop_names(s);
    (void)pthread_mutex_lock(&s->lock);
    resolver_init(&s->names, s->loop, s->name_servers);
    (void)pthread_mutex_unlock(&s->lock);
    s->has_names = true;
    s->state = LOOKING_UP;
    s->lookup = lookup_start(&s->names, s->host, s->port, s, on_found);
}

static void begin(struct log_stream *s)
{
    conn_init(&s->conn, s->loop, &handler, s);
    s->deadline_ms = clock_ms() + HANDSHAKE_MS;
    if (s->host != NULL) {
        look_up(s);
    } else {
        connect_to(s, &s->address);
    }
}

/* ---- turning the loop ---- */

static void turn(struct log_stream *s)
{
    while (loop_turn(s->loop)) {
    }
    if (s->state != AWAY && s->state != OPEN && clock_ms() >= s->deadline_ms) {
        bool is_of_name = s->state == LOOKING_UP;
        drop_names(s);
        go_away(s, is_of_name ? "its name had no answer within 10 s"
                              : "it did not answer within 10 s");
    }
}

/* Until something has happened, or SLICE_MS. */
static void wait_a_while(struct log_stream *s)
{
    uint64_t now_ms = clock_ms();
    bool has_connection = s->state != AWAY && s->state != LOOKING_UP;
    struct pollfd pfd = {.fd = has_connection ? s->conn.watch.fd : -1, .events = POLLIN};
    int wait_ms = s->state == LOOKING_UP ? LOOK_MS : SLICE_MS;

    if (s->state == AWAY && s->retry_at_ms < now_ms + SLICE_MS) {
        wait_ms = s->retry_at_ms > now_ms ? (int)(s->retry_at_ms - now_ms) : 0;
    }
    if (s->state == CONNECTING || (s->state == OPEN && conn_pending(&s->conn) != 0)) {
        pfd.events |= POLLOUT;
    }
    (void)poll(&pfd, 1, wait_ms);
    turn(s);
}

/* False: it has to be sent again. */
static bool send_once(struct log_stream *s, struct span frames, log_stream_gives_up *gives_up,
                      void *arg)
{
    uint64_t connection = s->connections;

    conn_queue(&s->conn, frames);
    conn_flush(&s->conn);
    while (s->state == OPEN && conn_pending(&s->conn) != 0 && !conn_write_failed(&s->conn) &&
           !gives_up(arg)) {
        wait_a_while(s);
    }
    if (s->state == OPEN && conn_write_failed(&s->conn)) {
        go_away(s, "it has broken the connection");
    }
    return s->state == OPEN && s->connections == connection && conn_pending(&s->conn) == 0;
}

bool log_stream_send(struct log_stream *s, struct span frames, log_stream_gives_up *gives_up,
                     void *arg)
{
    if (s->loop == NULL) {
        s->loop = loop_create();
    }
    turn(s); /* whether it has ended meanwhile */
    for (;;) {
        if (s->state == OPEN && send_once(s, frames, gives_up, arg)) {
            return true;
        }
        if (gives_up(arg)) {
            return false;
        }
        if (s->state == AWAY && clock_ms() >= s->retry_at_ms) {
            begin(s);
        }
        if (s->state != OPEN) {
            wait_a_while(s);
        }
    }
}

const char *log_stream_trouble(const struct log_stream *s)
{
    return s->trouble[0] != '\0' ? s->trouble : NULL;
}

uint64_t log_stream_connections(const struct log_stream *s)
{
    return s->connections;
}

static void say_goodbye(struct log_stream *s)
{
    uint64_t until_ms = clock_ms() + GOODBYE_MS;

    conn_finish(&s->conn);
    while (s->state == OPEN && clock_ms() < until_ms) {
        wait_a_while(s);
    }
    if (s->state != AWAY) {
        conn_close(&s->conn);
    }
}

void log_stream_close(struct log_stream *s)
{
    if (s->loop == NULL) {
        return;
    }
    if (s->state == OPEN) {
        say_goodbye(s);
    } else if (s->state != AWAY) {
        conn_close(&s->conn);
    }
    turn(s);
    drop_names(s);
    loop_destroy(s->loop);
    s->loop = NULL;
    s->state = AWAY;
}

void log_stream_destroy(struct log_stream *s)
{
    CHECK(s->loop == NULL);
    tls_context_destroy(s->tls);
    free(s->server_name);
    free(s->name_servers);
    free(s->host);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}
