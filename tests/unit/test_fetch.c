/* Documents fetched by their URL: what comes back, what is refused and by which bound, and that
 * nothing waits for a name server. The servers are scripts on threads of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "base/thread.h"
#include "client/fetch.h"

#define TEST_MS 20000
#define BODY_MAX 1000

static struct world {
    struct core core;
    struct client client;
    struct timer patience;
    int listener;
    uint16_t port;
    pthread_t thread;
    struct span response; /* absent: it never answers */
    bool ends;            /* behind it */
    struct strbuf request;
    unsigned connections; /* read when the server has ended */
    /* What came. */
    bool is_over;
    enum fetch_how how;
    char problem[1024];
    unsigned status;
    char type[64];
    char body[BODY_MAX + 1];
} world;

/* ---- names ---- */

/* In place of name servers: "here.example" is at 192.0.2.1 and 127.0.0.1, others nowhere; none
 * answers while they hang. */
struct question {
    char *name;
    enum dns_type type;
    void *owner;
    void (*on_answer)(void *owner, const struct dns_answer *answer);
};
static struct question questions[8];
static unsigned waiting; /* of these */
static bool is_hanging;

static void answer(const struct question *question)
{
    static const uint8_t ips[2][4] = {{192, 0, 2, 1}, {127, 0, 0, 1}};
    struct dns_answer answer = {.how = DNS_NO_NAME, .problem = "there is no such name"};

    if (strcmp(question->name, "here.example") == 0) {
        answer = (struct dns_answer){.how = DNS_NO_DATA, .problem = "the name has no such record"};
        if (question->type == DNS_A) {
            answer = (struct dns_answer){.how = DNS_OK, .count = 2};
            memcpy(answer.records[0].ip, ips[0], 4);
            memcpy(answer.records[1].ip, ips[1], 4);
        }
    }
    question->on_answer(question->owner, &answer);
    free(question->name);
}

struct dns *dns_create(struct loop *loop, const struct dns_options *options, struct error *error)
{
    (void)loop;
    (void)options;
    (void)error;
    return xcalloc(1, 1);
}

static void answer_all(void)
{
    is_hanging = false;
    while (waiting != 0) {
        answer(&questions[--waiting]);
    }
}

void dns_destroy(struct dns *dns)
{
    answer_all();
    free(dns);
}

void dns_ask(struct dns *dns, const char *name, enum dns_type type, void *owner,
             void (*on_answer)(void *owner, const struct dns_answer *answer))
{
    const struct question question = {xstrdup(name), type, owner, on_answer};

    (void)dns;
    if (!is_hanging) {
        answer(&question);
        return;
    }
    assert_true(waiting < ARRAY_LEN(questions));
    questions[waiting++] = question;
}

/* ---- the server ---- */

static void serve(int fd)
{
    char bytes[4096];
    ssize_t n;
    bool is_answered = false;

    while ((n = read(fd, bytes, sizeof(bytes))) > 0) {
        strbuf_add(&world.request, span_make(bytes, (size_t)n));
        struct span all = strbuf_span(&world.request);
        /* Requests here end in their heads' end or in this word. */
        if (!is_answered && (span_ends_with(all, SPAN_OF("\r\n\r\n")) ||
                             span_ends_with(all, SPAN_OF("question")))) {
            is_answered = true;
            (void)send(fd, world.response.ptr, world.response.len, MSG_NOSIGNAL);
            if (world.ends) {
                break;
            }
        }
    }
    (void)close(fd);
}

static void *run_server(void *arg)
{
    int fd;

    (void)arg;
    while ((fd = accept(world.listener, NULL, NULL)) >= 0) {
        world.connections++;
        serve(fd);
    }
    return NULL;
}

/* ---- the fetch ---- */

static void on_patience(struct timer *timer)
{
    (void)timer;
    fail_msg("the fetch did not end");
}

static void on_done(void *owner, const struct fetch_result *result)
{
    const struct http_field *type;

    assert_ptr_equal(owner, &world);
    assert_false(world.is_over);
    world.is_over = true;
    world.how = result->how;
    world.status = result->status;
    assert_int_equal(result->problem == NULL, result->how == FETCH_DONE);
    (void)snprintf(world.problem, sizeof(world.problem), "%s",
                   result->problem != NULL ? result->problem : "");
    type = http_fields_find(result->fields, FIELD_CONTENT_TYPE);
    (void)snprintf(world.type, sizeof(world.type), "%.*s", type != NULL ? (int)type->value.len : 0,
                   type != NULL ? type->value.ptr : "");
    assert_true(result->body.len <= BODY_MAX);
    memcpy(world.body, result->body.ptr, result->body.len);
    loop_stop(world.core.loop);
}

static bool is_loopback(const void *arg, const struct peer *peer)
{
    struct sock_address address;

    assert_ptr_equal(arg, &world);
    assert_true(sock_address_from_ip(&address, "127.0.0.1", 0));
    struct peer loopback = peer_from(&address);
    return memcmp(peer->ip, loopback.ip, sizeof(loopback.ip)) == 0;
}

static bool is_nowhere(const void *arg, const struct peer *peer)
{
    (void)arg;
    (void)peer;
    return false;
}

static struct fetch_ask ask_for(const char *host, const char *target)
{
    static char text[URL_MAX];
    struct fetch_ask ask = {.method = HTTP_GET,
                            .timeout_ms = TEST_MS,
                            .body_max = BODY_MAX,
                            .may_ask = is_loopback,
                            .may_ask_arg = &world};

    (void)snprintf(text, sizeof(text), "http://%s:%u%s", host, world.port, target);
    assert_true(url_parse(span_from_cstr(text), &ask.url));
    return ask;
}

static void begin(struct span response)
{
    struct sock_address address;
    struct error error;

    memset(&world, 0, sizeof(world));
    world.response = response;
    assert_true(core_init(&world.core, 0));
    assert_true(sock_address_from_ip(&address, "127.0.0.1", 0));
    world.listener = sock_listen(&address, 8, &error);
    assert_true(world.listener >= 0);
    assert_true(sock_local_address(world.listener, &address));
    world.port = peer_from(&address).port;
    /* The listening socket does not block, for others; here a thread waits in it. */
    assert_int_equal(fcntl(world.listener, F_SETFL, 0), 0);
    world.client =
        (struct client){.core = &world.core, .settings = {.h1 = {4096, 1024, 100}, .send_ms = 1}};
    client_init(&world.client, NULL, 0);
    timer_init(&world.patience, on_patience);
    timer_set_ms(world.core.loop, &world.patience, TEST_MS);
    assert_int_equal(thread_start(&world.thread, "server", run_server, NULL), 0);
}

/* Nothing is left of any fetch: client_free and core_destroy look. */
static void end(void)
{
    timer_destroy(world.core.loop, &world.patience);
    client_close_all(&world.client);
    loop_run_deferred(world.core.loop);
    (void)loop_turn(world.core.loop);
    (void)shutdown(world.listener, SHUT_RDWR);
    thread_join(world.thread);
    client_free(&world.client, NULL, 0);
    core_destroy(&world.core);
    (void)close(world.listener);
    strbuf_free(&world.request);
}

static void run(const struct fetch_ask *ask)
{
    assert_non_null(fetch_start(&world.client, ask, &world, on_done));
    assert_false(world.is_over);
    loop_run(world.core.loop);
}

static bool has_asked(const char *text)
{
    struct span all = strbuf_span(&world.request);

    for (size_t i = 0; i < all.len; i++) {
        if (span_starts_with(span_skip(all, i), span_from_cstr(text))) {
            return true;
        }
    }
    return false;
}

/* ---- what comes back ---- */

static void a_document(void **state)
{
    static const struct fetch_field accept = {"Accept", SPAN("application/json")};
    struct fetch_ask ask;

    (void)state;
    begin(SPAN_OF("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"));
    ask = ask_for("127.0.0.1", "/a/b?c=d");
    ask.fields = &accept;
    ask.field_count = 1;
    run(&ask);
    end();
    assert_int_equal(world.how, FETCH_DONE);
    assert_int_equal(world.status, 200);
    assert_string_equal(world.body, "hello");
    assert_string_equal(world.type, "text/plain");
}

static void what_is_asked(void **state)
{
    static const struct fetch_field type = {"Content-Type", SPAN("text/question")};
    struct fetch_ask ask;
    char host[64];

    (void)state;
    begin(SPAN_OF(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nans\r\n3\r\nwer\r\n0\r\n\r\n"));
    ask = ask_for("here.example", "/x?y");
    ask.method = HTTP_POST;
    ask.body = SPAN_OF("the question");
    ask.fields = &type;
    ask.field_count = 1;
    (void)snprintf(host, sizeof(host), "\r\nHost: here.example:%u\r\n", world.port);
    run(&ask);
    /* Before end(), which frees it; the server has nothing more to add. */
    assert_true(span_starts_with(strbuf_span(&world.request), SPAN_OF("POST /x?y HTTP/1.1\r\n")));
    assert_true(has_asked(host));
    assert_true(has_asked("\r\nContent-Type: text/question\r\n"));
    assert_true(has_asked("\r\nContent-Length: 12\r\n"));
    assert_true(has_asked("\r\n\r\nthe question"));
    end();
    assert_int_equal(world.how, FETCH_DONE);
    assert_string_equal(world.body, "answer");
}

static void a_body_that_ends_with_the_connection(void **state)
{
    struct fetch_ask ask;

    (void)state;
    begin(SPAN_OF("HTTP/1.1 200 OK\r\n\r\nall of it"));
    world.ends = true;
    ask = ask_for("127.0.0.1", "/");
    run(&ask);
    end();
    assert_int_equal(world.how, FETCH_DONE);
    assert_string_equal(world.body, "all of it");
}

/* Neither is the body of such a response waited for. */
static void a_redirect_is_not_followed(void **state)
{
    struct fetch_ask ask;

    (void)state;
    begin(SPAN_OF("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
                  "Content-Length: 99999999\r\n\r\n"));
    ask = ask_for("127.0.0.1", "/");
    run(&ask);
    end();
    assert_int_equal(world.how, FETCH_DONE);
    assert_int_equal(world.status, 302);
    assert_string_equal(world.body, "");
    assert_int_equal(world.connections, 1);
}

/* ---- bounds ---- */

static void a_body_that_is_too_large(void **state)
{
    char *response = xcalloc(1, BODY_MAX + 100);
    struct fetch_ask ask;
    int head =
        snprintf(response, 100, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BODY_MAX + 1);

    (void)state;
    begin(span_make(response, (size_t)head + BODY_MAX + 1));
    ask = ask_for("127.0.0.1", "/");
    run(&ask);
    end();
    free(response);
    assert_int_equal(world.how, FETCH_TOO_LARGE);
    assert_string_equal(world.problem, "what it sends is larger than 1000 bytes");
}

static void a_server_that_does_not_answer(void **state)
{
    struct fetch_ask ask;

    (void)state;
    begin((struct span){NULL, 0});
    ask = ask_for("127.0.0.1", "/");
    ask.timeout_ms = 50;
    run(&ask);
    end();
    assert_int_equal(world.how, FETCH_TIMEOUT);
    assert_string_equal(world.problem, "it did not answer in time");
}

static void a_response_that_is_none(void **state)
{
    struct fetch_ask ask;

    (void)state;
    begin(SPAN_OF("SSH-2.0-server\r\n\r\n"));
    ask = ask_for("127.0.0.1", "/");
    run(&ask);
    end();
    assert_int_equal(world.how, FETCH_FAILED);
    assert_true(strlen(world.problem) > 10);
}

static void a_server_that_is_not_there(void **state)
{
    struct fetch_ask ask;

    (void)state;
    begin(SPAN_OF(""));
    (void)shutdown(world.listener, SHUT_RDWR);
    ask = ask_for("127.0.0.1", "/");
    run(&ask);
    end();
    assert_int_equal(world.how, FETCH_FAILED);
    assert_non_null(strstr(world.problem, "cannot connect to 127.0.0.1:"));
    assert_non_null(strstr(world.problem, "Connection refused: see that"));
}

/* ---- addresses ---- */

/* Of a name with several only those that may be asked are. */
static void addresses_are_looked_at(void **state)
{
    struct fetch_ask ask;

    (void)state;
    begin(SPAN_OF("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"));
    ask = ask_for("here.example", "/");
    run(&ask); /* with the other one first it would take its time, or answer otherwise */
    end();
    assert_int_equal(world.how, FETCH_DONE);
}

static void no_address_may_be_asked(void **state)
{
    static const char *const hosts[] = {"here.example", "127.0.0.1"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        char problem[128];
        begin(SPAN_OF("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"));
        struct fetch_ask ask = ask_for(hosts[i], "/");
        ask.may_ask = is_nowhere;
        run(&ask);
        end();
        assert_int_equal(world.how, FETCH_FORBIDDEN);
        (void)snprintf(problem, sizeof(problem), "%s is at 127.0.0.1", hosts[i]);
        assert_string_equal(world.problem, problem);
        assert_int_equal(world.connections, 0);
    }
}

static void a_name_that_is_not_known(void **state)
{
    struct fetch_ask ask;

    (void)state;
    begin(SPAN_OF(""));
    ask = ask_for("nowhere.example", "/");
    run(&ask);
    end();
    assert_int_equal(world.how, FETCH_FAILED);
    assert_non_null(strstr(world.problem, "cannot resolve nowhere.example"));
}

static void a_name_server_that_does_not_answer(void **state)
{
    struct fetch_ask ask;

    (void)state;
    begin(SPAN_OF(""));
    is_hanging = true;
    ask = ask_for("here.example", "/");
    ask.timeout_ms = 50;
    run(&ask);
    assert_int_equal(world.how, FETCH_TIMEOUT);
    assert_string_equal(world.problem, "its name was not resolved in time");
    assert_int_equal(waiting, 2); /* what comes of it, at the end, is for nobody */
    end();
}

/* At any moment: before the lookup has ended, while its result is on the way, and while the server
 * thinks. */
static void what_is_given_up_is_not_told(void **state)
{
    struct fetch_ask ask;
    struct fetch *fetch;

    (void)state;
    begin((struct span){NULL, 0});
    is_hanging = true;
    ask = ask_for("here.example", "/");
    fetch = fetch_start(&world.client, &ask, &world, on_done);
    fetch_cancel(fetch);
    fetch = fetch_start(&world.client, &ask, &world, on_done);
    answer_all();
    fetch_cancel(fetch);
    ask = ask_for("127.0.0.1", "/");
    fetch = fetch_start(&world.client, &ask, &world, on_done);
    (void)loop_turn(world.core.loop);
    fetch_cancel(fetch);
    fetch_cancel(NULL);
    end();
    assert_false(world.is_over);
}

/* Where name servers are of no use: this machine, by its own name. */
static void hosts_are_known_without_asking(void **state)
{
    struct fetch_ask ask;

    (void)state;
    begin(SPAN_OF("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"));
    is_hanging = true;
    ask = ask_for("localhost", "/");
    run(&ask);
    end();
    assert_int_equal(world.how, FETCH_DONE);
    assert_int_equal(waiting, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First: threads of other tests that have hung would count. */
        cmocka_unit_test(hosts_are_known_without_asking),
        cmocka_unit_test(a_document),
        cmocka_unit_test(what_is_asked),
        cmocka_unit_test(a_body_that_ends_with_the_connection),
        cmocka_unit_test(a_redirect_is_not_followed),
        cmocka_unit_test(a_body_that_is_too_large),
        cmocka_unit_test(a_server_that_does_not_answer),
        cmocka_unit_test(a_response_that_is_none),
        cmocka_unit_test(a_server_that_is_not_there),
        cmocka_unit_test(addresses_are_looked_at),
        cmocka_unit_test(no_address_may_be_asked),
        cmocka_unit_test(a_name_that_is_not_known),
        cmocka_unit_test(a_name_server_that_does_not_answer),
        cmocka_unit_test(what_is_given_up_is_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
