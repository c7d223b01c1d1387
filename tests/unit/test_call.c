/* Requests to servers without an exchange behind them: scripted servers on threads of their own,
 * over HTTP/1.1 and HTTP/2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "base/thread.h"
#include "client/call.h"
#include "io/sock.h"

#define ASKERS 2
#define TEST_MS 20000

/* What happened to a call, as its owner saw it. */
struct asker {
    struct call call;
    struct arena arena;
    struct http_request request;
    struct http_response response;
    struct strbuf body;
    bool refuses;     /* the response, by its head */
    bool is_in_event; /* in which nothing may be read */
    bool has_head;
    unsigned status; /* of the response, or of the failure */
    const char *reason;
    struct asker *next; /* started when this one is over */
};

static struct world {
    struct core core;
    struct client client;
    struct server server;
    struct backend *backend;
    struct timer patience;
    struct asker askers[ASKERS];
    unsigned left;
    int listener;
    pthread_t thread;
    void (*script)(void);
    unsigned connections; /* the server's; read when it has ended */
} world;

/* ---- the owner ---- */

static struct asker *asker_of(struct call *call)
{
    return CONTAINER_OF(call, struct asker, call);
}

static void ask(struct asker *asker)
{
    asker->request = (struct http_request){.version = HTTP_1_1,
                                           .method = HTTP_GET,
                                           .method_name = SPAN_OF("GET"),
                                           .authority = SPAN_OF("server.test"),
                                           .framing = HTTP_FRAMING_NONE};
    asker->call.request = &asker->request;
    asker->call.response = &asker->response;
    asker->call.backend = world.backend;
    asker->call.path = SPAN_OF("/");
    asker->call.is_whole = true;
    call_start(&asker->call);
}

static void on_over(struct asker *asker)
{
    assert_false(asker->is_in_event);
    if (asker->next != NULL) {
        ask(asker->next);
    }
    if (--world.left == 0) {
        loop_stop(world.core.loop);
    }
}

static void on_head(struct call *call)
{
    static const struct trouble unwanted = {"unwanted", "nobody wants it", NULL};
    struct asker *asker = asker_of(call);

    asker->has_head = true;
    asker->status = asker->response.status;
    if (asker->refuses) {
        asker->is_in_event = world.backend->protocol != BACKEND_H1;
        call_reject(call, &unwanted);
        asker->is_in_event = false;
    }
}

static void on_body(struct call *call, struct span bytes)
{
    strbuf_add(&asker_of(call)->body, bytes);
}

static void on_end(struct call *call, struct http_fields *trailers)
{
    assert_null(trailers);
    call_release(call, LEASE_OK);
    on_over(asker_of(call));
}

static void on_failed(struct call *call, const struct call_failure *failure)
{
    struct asker *asker = asker_of(call);

    asker->status = failure->status;
    asker->reason = failure->trouble.reason;
    on_over(asker);
}

static void on_event(struct call *call)
{
    (void)call;
}

static bool poll_response(struct call *call)
{
    (void)call;
    return true;
}

static size_t room(struct call *call)
{
    (void)call;
    return SIZE_MAX;
}

static struct conn *sink(struct call *call)
{
    (void)call;
    return NULL;
}

static const struct call_ops ops = {
    .interim = on_event,
    .head = on_head,
    .body = on_body,
    .end = on_end,
    .failed = on_failed,
    .writable = on_event,
    .connected = on_event,
    .poll_response = poll_response,
    .room = room,
    .sink = sink,
};

/* ---- the servers ---- */

static int accept_one(void)
{
    int fd = accept(world.listener, NULL, NULL);

    world.connections += fd >= 0;
    return fd;
}

/* Whether so many heads, which have no bodies, have come. */
static bool read_heads(int fd, unsigned count)
{
    unsigned ends = 0;
    unsigned newlines = 0;
    char byte;

    while (ends < count && read(fd, &byte, 1) == 1) {
        newlines = byte == '\n' ? newlines + 1 : byte == '\r' ? newlines : 0;
        if (newlines == 2) {
            ends++;
            newlines = 0;
        }
    }
    return ends == count;
}

static void answer(int fd, const char *text)
{
    (void)send(fd, text, strlen(text), MSG_NOSIGNAL);
}

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static void answers_twice(void)
{
    int fd = accept_one();

    while (read_heads(fd, 1)) {
        answer(fd, HELLO);
    }
    (void)close(fd);
}

/* A connection that has rested ends with the request that comes on it. */
static void loses_the_second(void)
{
    int fd = accept_one();

    (void)read_heads(fd, 1);
    answer(fd, HELLO);
    (void)read_heads(fd, 1);
    (void)close(fd);
    answers_twice();
}

static bool read_exactly(int fd, void *to, size_t len)
{
    return len == 0 || recv(fd, to, len, MSG_WAITALL) == (ssize_t)len;
}

/* Frames up to the second HEADERS (type 1), behind the preface. */
static void read_two_requests(int fd)
{
    unsigned char frame[9];
    char rest[16384];
    unsigned requests = 0;

    (void)read_exactly(fd, rest, 24);
    while (requests < 2 && read_exactly(fd, frame, sizeof(frame))) {
        size_t len = (size_t)frame[0] << 16 | (size_t)frame[1] << 8 | frame[2];
        requests += frame[3] == 1;
        if (len > sizeof(rest) || !read_exactly(fd, rest, len)) {
            return;
        }
    }
}

static void answers_both_streams_at_once(void)
{
    static const unsigned char settings[] = {0, 0, 0, 4, 0, 0, 0, 0, 0};
    /* :status 200 on stream 1, and on 3 with a body */
    static const unsigned char answers[] = {0, 0, 1, 1, 4, 0,   0,   0,    1,   0x88, 0, 0,
                                            1, 1, 4, 0, 0, 0,   3,   0x88, 0,   0,    5, 0,
                                            1, 0, 0, 0, 3, 'h', 'e', 'l',  'l', 'o'};
    int fd = accept_one();
    char byte;

    (void)send(fd, settings, sizeof(settings), MSG_NOSIGNAL);
    read_two_requests(fd);
    (void)send(fd, answers, sizeof(answers), MSG_NOSIGNAL);
    while (read(fd, &byte, 1) == 1) {
    }
    (void)close(fd);
}

static void is_not_there(void)
{
}

static void *run_script(void *arg)
{
    (void)arg;
    world.script();
    return NULL;
}

/* ---- the world ---- */

static void on_patience(struct timer *timer)
{
    (void)timer;
    fail_msg("a call has not ended");
}

static void on_server_failure(const struct server_failure *failure)
{
    (void)failure;
}

static void init_backend(enum backend_protocol protocol)
{
    struct sock_address address;

    assert_true(sock_local_address(world.listener, &address));
    struct server server = {
        .text = "server",
        .weight = 1,
        .endpoint = endpoint_take(&(struct endpoint_key){
            .host = "127.0.0.1", .port = peer_from(&address).port, .protocol = protocol}),
    };
    const struct backend plan = {.name = "backend",
                                 .balance = &balance_round_robin,
                                 .protocol = protocol,
                                 .connect_timeout_ms = TEST_MS,
                                 .response_timeout_ms = TEST_MS,
                                 .idle_timeout_ms = TEST_MS,
                                 .ping_timeout_ms = TEST_MS,
                                 .idle_connections = 4};

    world.backend = backend_create(&plan, server_set_create(&server, 1, NULL));
}

static void begin(enum backend_protocol protocol, void (*script)(void), unsigned calls)
{
    struct sock_address any;
    struct error error;

    memset(&world, 0, sizeof(world));
    assert_true(core_init(&world.core, 0));
    assert_true(sock_address_from_ip(&any, "127.0.0.1", 0));
    world.listener = sock_listen(&any, 8, &error);
    assert_true(world.listener >= 0);
    init_backend(protocol);
    /* The listening socket does not block, for others; here a thread waits in it. */
    assert_int_equal(fcntl(world.listener, F_SETFL, 0), 0);
    world.client = (struct client){.core = &world.core,
                                   .settings = {.h1 = {65536, 8192, 100},
                                                .h2 = {65536, 8192, 100},
                                                .request_head = 65536,
                                                .response_window = 1 << 20,
                                                .response_windows = 1 << 20,
                                                .held = 1 << 20,
                                                .send_ms = TEST_MS},
                                   .on_server_failure = on_server_failure};
    client_init(&world.client, &world.backend, 1);
    timer_init(&world.patience, on_patience);
    timer_set_ms(world.core.loop, &world.patience, TEST_MS);
    for (size_t i = 0; i < ASKERS; i++) {
        arena_init(&world.askers[i].arena, 4096);
        call_init(&world.askers[i].call, &ops, &world.client, NULL, &world.askers[i].arena);
    }
    world.left = calls;
    world.script = script;
    assert_int_equal(thread_start(&world.thread, "server", run_script, NULL), 0);
}

static void run(void)
{
    loop_run(world.core.loop);
    timer_destroy(world.core.loop, &world.patience);
    client_close_all(&world.client);
    loop_run_deferred(world.core.loop);
    (void)shutdown(world.listener, SHUT_RDWR);
    thread_join(world.thread);
}

static void end(void)
{
    for (size_t i = 0; i < ASKERS; i++) {
        call_reset(&world.askers[i].call);
    }
    client_free(&world.client, &world.backend, 1);
    backend_release(world.backend);
    for (size_t i = 0; i < ASKERS; i++) {
        strbuf_free(&world.askers[i].body);
        arena_destroy(&world.askers[i].arena);
    }
    (void)close(world.listener);
    core_destroy(&world.core);
}

static void assert_hello(const struct asker *asker)
{
    assert_null(asker->reason);
    assert_int_equal(asker->status, 200);
    assert_true(span_eq(strbuf_span(&asker->body), SPAN_OF("hello")));
}

/* ---- */

static void two_calls_share_a_connection_one_after_the_other(void **state)
{
    (void)state;
    begin(BACKEND_H1, answers_twice, 2);
    world.askers[0].next = &world.askers[1];
    ask(&world.askers[0]);
    run();
    assert_hello(&world.askers[0]);
    assert_hello(&world.askers[1]);
    assert_int_equal(world.connections, 1);
    end();
}

static void what_is_lost_with_a_connection_that_had_rested_is_asked_again(void **state)
{
    (void)state;
    begin(BACKEND_H1, loses_the_second, 2);
    world.askers[0].next = &world.askers[1];
    ask(&world.askers[0]);
    run();
    assert_hello(&world.askers[0]);
    assert_hello(&world.askers[1]);
    assert_int_equal(world.connections, 2);
    end();
}

static void a_server_that_is_not_there_fails_the_call(void **state)
{
    (void)state;
    begin(BACKEND_H1, is_not_there, 1);
    (void)shutdown(world.listener, SHUT_RDWR);
    (void)close(world.listener);
    world.listener = -1;
    ask(&world.askers[0]);
    run();
    assert_int_equal(world.askers[0].status, 502);
    assert_string_equal(world.askers[0].reason, "server_unreachable");
    end();
}

static void a_rejected_response_fails_the_call(void **state)
{
    (void)state;
    begin(BACKEND_H1, answers_twice, 1);
    world.askers[0].refuses = true;
    ask(&world.askers[0]);
    run();
    assert_true(world.askers[0].has_head);
    assert_int_equal(world.askers[0].status, 502);
    assert_string_equal(world.askers[0].reason, "unwanted");
    assert_int_equal(world.askers[0].body.len, 0);
    end();
}

/* Not inside the event, as what was read is still being parsed: of the other stream nothing is
 * lost.
 */
static void a_response_over_http_2_is_rejected_once_all_was_parsed(void **state)
{
    (void)state;
    begin(BACKEND_H2C, answers_both_streams_at_once, 2);
    world.askers[0].refuses = true;
    ask(&world.askers[0]);
    ask(&world.askers[1]);
    run();
    assert_true(world.askers[0].has_head);
    assert_string_equal(world.askers[0].reason, "unwanted");
    assert_hello(&world.askers[1]);
    assert_int_equal(world.connections, 1);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_calls_share_a_connection_one_after_the_other),
        cmocka_unit_test(what_is_lost_with_a_connection_that_had_rested_is_asked_again),
        cmocka_unit_test(a_server_that_is_not_there_fails_the_call),
        cmocka_unit_test(a_rejected_response_fails_the_call),
        cmocka_unit_test(a_response_over_http_2_is_rejected_once_all_was_parsed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
