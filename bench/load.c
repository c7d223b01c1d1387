/* A load generator on one thread, for bench/run: what a client must do and no more.
 *
 *   load keep   PORT HOST PATH CONNECTIONS SECONDS [tls]
 *       requests one after another on each connection
 *   load close  PORT HOST PATH CONNECTIONS SECONDS [tls]
 *       a new connection, and full handshake, each
 *   load resume PORT HOST PATH CONNECTIONS SECONDS tls
 *       the same with a resumed handshake, but for the first ones
 *   load idle   PORT HOST PATH CONNECTIONS 0       [tls]
 *       one request each, then all stay open
 *   load rate   PORT HOST PATH CONNECTIONS SECONDS RATE [FIELD]
 *       so many requests a second, whatever becomes of those before; times count from when each was
 *       due. Statuses other than 200 are counted as refused, and have no part in the times
 *   load flood  PORT HOST PATH CONNECTIONS SECONDS
 *       connections of one address that say nothing; so many are opened a second, and as many are
 *       kept open as are let
 *   load speed
 *       how fast this CPU is just now
 *
 * Only ever connects to 127.0.0.1. Prints "done FAILED BYTES SECONDS MEDIAN_US P99_US" with the
 * number of good responses first, for rate with REFUSED behind them. For idle it then waits for the
 * end of standard input and prints how many connections were still open. TLS is 1.3 with
 * AES-128-GCM and X25519 alone, so that every gateway does the same work; the certificate is not
 * judged. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum mode { MODE_KEEP, MODE_CLOSE, MODE_IDLE, MODE_RESUME, MODE_RATE, MODE_FLOOD };
enum state {
    CLIENT_UNUSED,
    CLIENT_CONNECT,
    CLIENT_HANDSHAKE,
    CLIENT_SEND,
    CLIENT_READ,
    CLIENT_HELD
};
enum {
    BUFFER_BYTES = 256 * 1024,
    HEAD_BYTES = 2048,
    LATENCIES = 4 * 1024 * 1024,
    OPENING_AT_ONCE = 64, /* idle: how many may be on their way at a time */
    SOURCES = 64,         /* 127.0.0.1 and up: one alone would run out of ports */
    FLOOD_SOURCE = 99,    /* 127.0.0.100 */
    FAILURES = 1000,      /* after so many it gives up */
};

struct client {
    enum state state;
    int fd;
    uint32_t events; /* what epoll waits for; 0: not added yet */
    SSL *ssl;
    uint64_t began_us;
    uint64_t body_left;
    bool has_head;
    bool is_refused; /* MODE_RATE: another status than 200 */
    bool offers_session;
    size_t head_len;
    char head[HEAD_BYTES];
};

static struct {
    enum mode mode;
    uint16_t port;
    const char *host;
    SSL_CTX *tls;         /* NULL: plain */
    SSL_SESSION *session; /* MODE_RESUME; NULL: none yet */
    int epoll;
    bool is_stopping;
    char request[512];
    size_t request_len;
    uint64_t done, failed, bytes, refused;
    double rate;         /* MODE_RATE: a second */
    uint64_t started_us; /* when the first was due, */
    uint64_t issued;     /* and so many have been sent */
    unsigned next_source;
    uint32_t *latencies;
    size_t latency_count;
    char *buffer;
} load;

static uint64_t clock_us(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Modes in which each request has a connection of its own. */
static bool closes(void)
{
    return load.mode == MODE_CLOSE || load.mode == MODE_RESUME;
}

/* The first ticket is used by all connections to come. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    if (load.session != NULL) {
        return 0;
    }
    load.session = SSL_SESSION_dup(session); /* nobody else's, so that nobody spoils it */
    return 0;
}

static void client_close(struct client *client)
{
    if (client->ssl != NULL) {
        SSL_free(client->ssl); /* sends no close_notify: the response said it all */
        client->ssl = NULL;
    }
    close(client->fd);
    client->fd = -1;
    client->state = CLIENT_UNUSED;
}

static void client_fail(struct client *client, const char *what)
{
    if (load.failed++ < 3) {
        fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
        ERR_print_errors_fp(stderr);
    }
    ERR_clear_error();
    client_close(client);
}

static void client_wait(struct client *client, uint32_t events)
{
    if (client->events != events) {
        struct epoll_event event = {.events = events, .data.ptr = client};
        int op = client->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
        epoll_ctl(load.epoll, op, client->fd, &event);
        client->events = events;
    }
}

static void client_begin_request(struct client *client)
{
    client->state = CLIENT_SEND;
    client->has_head = false;
    client->head_len = 0;
    client->body_left = 0;
}

/* Takes the next request that is due, if there is one. */
static bool client_takes_due(struct client *client)
{
    uint64_t due_us = load.started_us + (uint64_t)((double)load.issued * 1e6 / load.rate);
    if (load.is_stopping || due_us > clock_us(CLOCK_MONOTONIC)) {
        return false;
    }
    load.issued++;
    client_begin_request(client);
    client->began_us = due_us;
    return true;
}

static void client_start(struct client *client)
{
    int one = 1;
    *client = (struct client){.state = CLIENT_CONNECT, .began_us = clock_us(CLOCK_MONOTONIC)};
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(client->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(load.port)};
    from.sin_addr.s_addr = htonl(
        INADDR_LOOPBACK + (load.mode == MODE_FLOOD ? FLOOD_SOURCE : load.next_source++ % SOURCES));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(client->fd, (struct sockaddr *)&from, sizeof from) != 0 ||
        (connect(client->fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)) {
        client_fail(client, "connect");
        return;
    }
    client_wait(client, EPOLLOUT);
}

/* Turns OpenSSL's wish into a wait. False when it has none, so something is wrong. */
static bool client_wait_tls(struct client *client, int result)
{
    switch (SSL_get_error(client->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        client_wait(client, EPOLLIN);
        return true;
    case SSL_ERROR_WANT_WRITE:
        client_wait(client, EPOLLOUT);
        return true;
    default:
        return false;
    }
}

static bool client_connected(struct client *client)
{
    int error = 0;
    socklen_t len = sizeof error;
    getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error != 0) {
        errno = error;
        client_fail(client, "connect");
        return false;
    }
    if (load.mode == MODE_FLOOD || load.mode == MODE_RATE) {
        client->state = CLIENT_HELD;
        client_wait(client, EPOLLIN);
        return true;
    }
    client_begin_request(client);
    if (load.tls != NULL) {
        client->ssl = SSL_new(load.tls);
        SSL_set_fd(client->ssl, client->fd);
        SSL_set_tlsext_host_name(client->ssl, load.host);
        client->offers_session = load.session != NULL;
        if (client->offers_session) {
            SSL_SESSION *own = SSL_SESSION_dup(load.session);
            SSL_set_session(client->ssl, own);
            SSL_SESSION_free(own);
        }
        client->state = CLIENT_HANDSHAKE;
    }
    return true;
}

static bool client_handshake(struct client *client)
{
    int result = SSL_connect(client->ssl);
    if (result == 1 && client->offers_session && !SSL_session_reused(client->ssl)) {
        client_fail(client, "a session that was not resumed");
        return false;
    }
    if (result == 1) {
        client->state = CLIENT_SEND;
        return true;
    }
    if (!client_wait_tls(client, result)) {
        client_fail(client, "handshake");
    }
    return false;
}

/* The request is small, so a socket that just opened, or just gave a response, takes it whole. */
static void client_send(struct client *client)
{
    ssize_t sent = client->ssl != NULL
                       ? SSL_write(client->ssl, load.request, (int)load.request_len)
                       : send(client->fd, load.request, load.request_len, MSG_NOSIGNAL);
    if (sent != (ssize_t)load.request_len) {
        client_fail(client, "send");
        return;
    }
    client->state = CLIENT_READ;
    client_wait(client, EPOLLIN);
}

/* Above 0: bytes in load.buffer. 0: the end. -1: wait. -2: broken. */
static ssize_t client_receive(struct client *client)
{
    if (client->ssl == NULL) {
        ssize_t got = recv(client->fd, load.buffer, BUFFER_BYTES, 0);
        return got >= 0 ? got : errno == EAGAIN ? -1 : -2;
    }
    int got = SSL_read(client->ssl, load.buffer, BUFFER_BYTES);
    if (got > 0) {
        return got;
    }
    if (client_wait_tls(client, got)) {
        return -1;
    }
    return SSL_get_error(client->ssl, got) == SSL_ERROR_ZERO_RETURN ? 0 : -2;
}

/* Takes what belongs to the head from `data`; how much that was, or -1 for a bad response. */
static ssize_t client_take_head(struct client *client, const char *data, size_t len)
{
    size_t before = client->head_len;
    size_t room = HEAD_BYTES - 1 - before;
    size_t take = len < room ? len : room;
    memcpy(client->head + before, data, take);
    client->head_len += take;
    client->head[client->head_len] = '\0';
    const char *end = strstr(client->head, "\r\n\r\n");
    if (end == NULL) {
        return client->head_len < HEAD_BYTES - 1 ? (ssize_t)take : -1;
    }
    const char *length = strcasestr(client->head, "\r\ncontent-length:");
    client->is_refused = strncmp(client->head, "HTTP/1.1 200", 12) != 0;
    if ((client->is_refused && load.mode != MODE_RATE) || length == NULL || length > end) {
        return -1;
    }
    client->body_left = strtoull(length + strlen("\r\ncontent-length:"), NULL, 10);
    client->has_head = true;
    return end + 4 - client->head - (ssize_t)before;
}

/* The response is whole. True when the connection goes on with another request. */
static bool client_finish(struct client *client)
{
    uint64_t now = clock_us(CLOCK_MONOTONIC);
    load.done += !client->is_refused;
    load.refused += client->is_refused;
    if (load.latency_count < LATENCIES && !client->is_refused) {
        load.latencies[load.latency_count++] = (uint32_t)(now - client->began_us);
    }
    client->began_us = now;
    if (load.mode == MODE_IDLE) {
        client->state = CLIENT_HELD;
        return false;
    }
    if (closes() || load.is_stopping) {
        client_close(client);
        return false;
    }
    if (load.mode == MODE_RATE) {
        client->state = CLIENT_HELD;
        return client_takes_due(client);
    }
    client_begin_request(client);
    return true;
}

/* True when the next request is to be sent. A short read of a plain socket means it is empty
 * (or at its end, which the next event says). With MODE_CLOSE the gateway closes first. */
static bool client_read(struct client *client)
{
    for (;;) {
        ssize_t got = client_receive(client);
        if (got == 0 && closes() && client->has_head && client->body_left == 0) {
            return client_finish(client);
        }
        if (got <= 0) {
            if (got != -1) {
                client_fail(client, "response cut off");
            }
            return false;
        }
        load.bytes += (uint64_t)got;
        ssize_t of_head = 0;
        if (!client->has_head) {
            of_head = client_take_head(client, load.buffer, (size_t)got);
        }
        uint64_t of_body = of_head < 0 ? UINT64_MAX : (uint64_t)(got - of_head);
        if (of_body > client->body_left) {
            client_fail(client, "not the expected response");
            return false;
        }
        client->body_left -= of_body;
        if (client->has_head && client->body_left == 0 && !closes()) {
            return client_finish(client);
        }
        if (client->ssl == NULL && got < BUFFER_BYTES) {
            return false;
        }
    }
}

static void client_run(struct client *client)
{
    switch (client->state) {
    case CLIENT_CONNECT:
        if (!client_connected(client)) {
            return;
        }
        if (client->state == CLIENT_HELD) {
            return;
        }
        if (client->state == CLIENT_SEND) {
            client_send(client);
            return;
        }
        /* fall through */
    case CLIENT_HANDSHAKE:
        if (client_handshake(client)) {
            client_send(client);
        }
        return;
    case CLIENT_SEND:
    case CLIENT_READ:
        if (client->state == CLIENT_SEND || client_read(client)) {
            client_send(client);
        }
        return;
    case CLIENT_HELD:
        if (load.mode == MODE_FLOOD || load.mode == MODE_RATE) { /* it is opened again */
            load.refused += load.mode == MODE_FLOOD;
            client_close(client);
            return;
        }
        if (client_receive(client) != -1) { /* closed, or bytes nobody asked for */
            client_fail(client, "idle connection");
        }
        return;
    case CLIENT_UNUSED:
        return;
    }
}

static bool may_start(size_t count, size_t opening)
{
    uint64_t passed_us = clock_us(CLOCK_MONOTONIC) - load.started_us;
    switch (load.mode) {
    case MODE_IDLE:
        return opening < OPENING_AT_ONCE;
    case MODE_FLOOD:
        return load.issued * 1000000 < passed_us * count;
    default:
        return true;
    }
}

/* Starts what may start; false when nothing is left to wait for. */
static bool start_clients(struct client *clients, size_t count)
{
    size_t opening = 0;
    size_t busy = 0;
    for (size_t i = 0; i < count; i++) {
        struct client *client = &clients[i];
        if (client->state == CLIENT_UNUSED && !load.is_stopping && may_start(count, opening) &&
            (load.failed < FAILURES || load.mode == MODE_FLOOD)) {
            load.issued += load.mode == MODE_FLOOD;
            client_start(client);
        }
        busy += client->state != CLIENT_UNUSED;
        opening += client->state != CLIENT_UNUSED && client->state != CLIENT_HELD;
    }
    return load.mode == MODE_IDLE    ? load.done < count && load.failed == 0
           : load.mode == MODE_FLOOD ? !load.is_stopping
                                     : busy > 0;
}

/* MODE_RATE: what is due goes out on connections that have nothing in hand. */
static void send_due(struct client *clients, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (clients[i].state == CLIENT_HELD) {
            if (!client_takes_due(&clients[i])) {
                return;
            }
            client_send(&clients[i]);
        }
    }
}

static bool is_awaited(const struct client *client)
{
    return load.mode == MODE_RATE ? client->state == CLIENT_READ : client->state != CLIENT_UNUSED;
}

static void run_clients(struct client *clients, size_t count, double seconds)
{
    uint64_t start = clock_us(CLOCK_MONOTONIC);
    uint64_t length = load.mode == MODE_IDLE ? 60000000 : (uint64_t)(seconds * 1e6);
    uint64_t grace = load.mode == MODE_FLOOD ? 0 : 2000000;
    load.started_us = load.mode == MODE_RATE ? start + 100000 : start; /* once they stand */
    while (start_clients(clients, count)) {
        struct epoll_event events[256];
        int ready = epoll_wait(load.epoll, events, 256,
                               load.mode == MODE_RATE    ? 1
                               : load.mode == MODE_FLOOD ? 10
                                                         : 50);
        for (int i = 0; i < ready; i++) {
            client_run(events[i].data.ptr);
        }
        if (load.mode == MODE_RATE) {
            send_due(clients, count);
        }
        uint64_t spent = clock_us(CLOCK_MONOTONIC) - start;
        load.is_stopping = spent >= length;
        if (spent >= length + grace) {
            break;
        }
    }
    for (size_t i = 0; i < count && load.mode != MODE_IDLE && load.mode != MODE_FLOOD; i++) {
        if (is_awaited(&clients[i])) {
            errno = ETIMEDOUT;
            client_fail(&clients[i], "no whole response in the last 2 s");
        }
    }
}

static int compare_latencies(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void report(double seconds)
{
    uint32_t median = 0;
    uint32_t late = 0;
    if (load.latency_count > 0) {
        qsort(load.latencies, load.latency_count, sizeof *load.latencies, compare_latencies);
        median = load.latencies[load.latency_count / 2];
        late = load.latencies[load.latency_count * 99 / 100];
    }
    printf("%lu %lu %lu %.4f %u %u", load.done, load.failed, load.bytes, seconds, median, late);
    printf(load.mode == MODE_RATE || load.mode == MODE_FLOOD ? " %lu\n" : "\n", load.refused);
    fflush(stdout);
}

/* Waits until standard input ends, then counts the connections that still are open. */
static void hold(struct client *clients, size_t count)
{
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    size_t open = 0;
    for (size_t i = 0; i < count; i++) {
        if (clients[i].state == CLIENT_HELD) {
            client_run(&clients[i]);
            open += clients[i].state == CLIENT_HELD;
        }
    }
    printf("%zu\n", open);
}

static SSL_CTX *make_tls(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") != 1 ||
        SSL_CTX_set1_groups_list(ctx, "X25519") != 1) {
        ERR_print_errors_fp(stderr);
        exit(EXIT_FAILURE);
    }
    SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF); /* the length said where it ends */
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (load.mode == MODE_RESUME) {
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(ctx, on_session);
    }
    if (load.mode == MODE_KEEP) { /* several records a read: bulk should be the gateway's limit */
        SSL_CTX_set_read_ahead(ctx, 1);
        SSL_CTX_set_default_read_buffer_len(ctx, BUFFER_BYTES / 2);
    }
    return ctx;
}

/* Millions of steps a second of a loop that a busy neighbour slows down. */
static void print_speed(void)
{
    uint64_t lanes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    enum { ROUNDS = 4000000 };
    uint64_t start = clock_us(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < ROUNDS; i++) {
        for (int k = 0; k < 8; k++) {
            lanes[k] = lanes[k] * 6364136223846793005U + (lanes[(k + 1) % 8] >> 7);
        }
    }
    uint64_t spent = clock_us(CLOCK_THREAD_CPUTIME_ID) - start;
    printf("%.1f %s\n", 8.0 * ROUNDS / (double)(spent + 1), lanes[0] == 0 ? "" : "steps/us");
}

int main(int argc, char **argv)
{
    static const char *const modes[] = {"keep", "close", "idle", "resume", "rate", "flood"};
    const char *field = "";
    if (argc == 2 && strcmp(argv[1], "speed") == 0) {
        print_speed();
        return EXIT_SUCCESS;
    }
    int mode = 0;
    while (argc >= 7 && mode < 6 && strcmp(argv[1], modes[mode]) != 0) {
        mode++;
    }
    if (argc < 7 || mode == 6 || (mode == MODE_RATE && argc < 8)) {
        fprintf(stderr, "usage: load keep|close|idle|resume|rate|flood PORT HOST PATH CONNECTIONS "
                        "SECONDS [tls | RATE [FIELD]]\n");
        return 2;
    }
    load.mode = (enum mode)mode;
    load.port = (uint16_t)atoi(argv[2]);
    load.host = argv[3];
    size_t count = strtoul(argv[5], NULL, 10);
    if (load.mode == MODE_RATE) {
        load.rate = atof(argv[7]);
        field = argc > 8 ? argv[8] : "";
    } else {
        load.tls = argc > 7 ? make_tls() : NULL;
    }
    int len = snprintf(
        load.request, sizeof load.request, "GET %s HTTP/1.1\r\nHost: %s\r\n%s%s%s\r\n", argv[4],
        load.host, closes() ? "Connection: close\r\n" : "", field, field[0] != '\0' ? "\r\n" : "");
    struct client *clients = calloc(count, sizeof *clients);
    load.request_len = (size_t)len;
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    load.latencies = malloc(LATENCIES * sizeof *load.latencies);
    load.buffer = malloc(BUFFER_BYTES);
    if (clients == NULL || load.latencies == NULL || load.buffer == NULL || load.epoll < 0) {
        perror("load");
        return EXIT_FAILURE;
    }
    uint64_t start = clock_us(CLOCK_MONOTONIC);
    run_clients(clients, count, atof(argv[6]));
    report((double)(clock_us(CLOCK_MONOTONIC) - start) / 1e6);
    if (load.mode == MODE_IDLE) {
        hold(clients, count);
    }
    return EXIT_SUCCESS;
}
