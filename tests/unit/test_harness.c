/* The harness itself: what it promises to the tests that stand on it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/h2_talk.h"
#include "harness/harness.h"

static struct world *world;

static const char config[] = "listeners: [ { bind: [\"unix:$DIR/door\", \"127.0.0.1:0\"] } ]\n"
                             "backends:\n"
                             "  - { name: one, servers: [\"unix:$DIR/one\"] }\n"
                             "  - { name: two, servers: [\"unix:$DIR/two\"], protocol: h2c }\n"
                             "  - { name: three, servers: [\"127.0.0.1:$PORT(three)\"] }\n"
                             "sites: [ { hosts: [\"*\"], routes: [\n"
                             "    { match: { path: /1* }, backend: one },\n"
                             "    { match: { path: /2* }, backend: two },\n"
                             "    { match: { path: /3* }, backend: three },\n"
                             "    { match: { path: /* }, respond: { body: hello } } ] },\n"
                             "  { hosts: [tls.test], respond: { body: hello }, tls:\n"
                             "    { certificate: $DIR/tls.test.crt, key: $DIR/tls.test.key } } ]\n"
                             "timeouts: { keep_alive: 10s }\n"
                             "log: { access: /dev/null }\n";

static int set_up(void **state)
{
    (void)state;
    world = world_open();
    world_serve(world, "one");
    world_serve(world, "two");
    world_serve_tcp(world, "three");
    world_write_certificate(world, "tls.test");
    world_load(world, config);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_close(world);
    return 0;
}

static void both_sides_are_played_by_hand(void **state)
{
    struct harness *h = harness_start(world);
    struct actor *client = harness_connect(h);

    (void)state;
    actor_say(client, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
    harness_settle(h);
    struct actor *server = harness_accept(h, "one");
    assert_non_null(server);
    assert_null(harness_accept(h, "one"));
    harness_settle(h);
    assert_non_null(strstr(actor_take(server), "GET /1 HTTP/1.1\r\n"));
    actor_say(server, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    harness_settle(h);
    assert_non_null(strstr(actor_take(client), "\r\n\r\nhi"));
    assert_string_equal(harness_logged(h, "backend"), "one");
    assert_string_equal(harness_logged(h, "status"), "200");
    assert_false(actor_is_left(client));
    harness_stop(h);
}

static void a_script_is_played_for_each_connection(void **state)
{
    static const struct act_step script[] = {EXPECT("\r\n\r\n"), WAIT_MS(100),
                                             SEND("HTTP/1.1 204 No Content\r\n\r\n"),
                                             EXPECT("\r\n\r\n"), ONLY(ACT_CLOSE)};
    struct harness *h = harness_start(world);
    struct actor *client = harness_connect(h);

    (void)state;
    harness_play(h, "one", script);
    actor_say(client, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
    harness_advance_ms(h, 99);
    assert_string_equal(actor_take(client), "");
    harness_advance_ms(h, 1);
    assert_non_null(strstr(actor_take(client), "HTTP/1.1 204 "));
    actor_say(client, "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    harness_settle(h);
    assert_non_null(strstr(actor_take(client), "HTTP/1.1 502 "));
    harness_stop(h);
}

static void time_moves_when_the_test_moves_it(void **state)
{
    struct harness *h = harness_start(world);
    struct actor *client = harness_connect(h);
    uint64_t before = fake_clock_now_us();

    (void)state;
    actor_say(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    harness_settle(h);
    assert_int_equal(fake_clock_now_us(), before);
    harness_advance_ms(h, 9999);
    assert_false(actor_is_left(client));
    harness_advance_ms(h, 1);
    assert_true(actor_is_left(client));
    harness_stop(h);
}

static void frames_are_told_as_text(void **state)
{
    struct harness *h = harness_start(world);
    struct h2_talk client, server;

    (void)state;
    h2_talk_as_client(&client, harness_connect(h));
    h2_send_head(&client, 1, true, ":method: GET\n:scheme: http\n:path: /2\n:authority: a\n");
    harness_settle(h);
    h2_talk_as_server(&server, harness_accept(h, "two"), NULL, 0);
    harness_settle(h);
    assert_non_null(strstr(h2_take_frames(&server),
                           "HEADERS 1 end :method=GET :scheme=http :authority=a :path=/2 "));
    h2_send_head(&server, 1, false, ":status: 200\nx: y\n");
    h2_send_data(&server, 1, true, "hello");
    harness_settle(h);
    const char *frames = h2_take_frames(&client);
    assert_non_null(strstr(frames, "HEADERS 1 :status=200 "));
    assert_non_null(strstr(frames, "\nDATA 1 end 5\n"));
    assert_string_equal(h2_take_body(&client), "hello");
    harness_stop(h);
    h2_talk_free(&client);
    h2_talk_free(&server);
}

static void a_client_speaks_tls(void **state)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    struct harness *h = harness_start(world);
    struct actor *client = harness_connect(h);

    (void)state;
    assert_int_equal(SSL_set_tlsext_host_name(ssl, "tls.test"), 1);
    SSL_set_connect_state(ssl);
    actor_start_tls(client, ssl);
    harness_settle(h);
    assert_true(client->is_shaken);
    actor_say(client, "GET / HTTP/1.1\r\nHost: tls.test\r\n\r\n");
    harness_settle(h);
    assert_non_null(strstr(actor_take(client), "\r\n\r\nhello"));
    actor_finish(client);
    harness_settle(h);
    assert_true(client->has_ended); /* with its own close_notify */
    harness_stop(h);
    SSL_CTX_free(ctx);
}

static void a_reset_crosses_tcp(void **state)
{
    static const struct act_step script[] = {EXPECT("\r\n\r\n"), ONLY(ACT_RESET)};
    struct harness *h = harness_start(world);
    struct actor *client = harness_connect_to(h, 1);

    (void)state;
    harness_play(h, "three", script);
    actor_say(client, "POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    HARNESS_UNTIL(h, client->got.len != 0);
    assert_non_null(strstr(actor_take(client), "HTTP/1.1 502 "));
    assert_string_equal(harness_logged(h, "reason"), "server_closed");
    harness_stop(h);
}

static void a_worker_ends_with_its_drain(void **state)
{
    struct harness *h = harness_start(world);
    struct actor *client = harness_connect(h);

    (void)state;
    actor_say(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    harness_settle(h);
    harness_drain(h);
    harness_settle(h);
    assert_true(actor_is_left(client));
    assert_true(h->is_over);
    harness_stop(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_are_played_by_hand),
        cmocka_unit_test(a_script_is_played_for_each_connection),
        cmocka_unit_test(time_moves_when_the_test_moves_it),
        cmocka_unit_test(frames_are_told_as_text),
        cmocka_unit_test(a_client_speaks_tls),
        cmocka_unit_test(a_reset_crosses_tcp),
        cmocka_unit_test(a_worker_ends_with_its_drain),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
