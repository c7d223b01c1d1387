/* Connections and the relay between two of them: every byte crosses once, in order, by copy or by
 * splice; a slow receiver bounds what is held; ends and limits are told exactly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/loop.h"
#include "io/relay.h"
#include "io/sock.h"

/* feeder -> [from | to] -> reader: the middle is what is tested. */
struct line {
    struct loop *loop;
    struct conn from;
    struct conn to;
    int feeder;
    int reader;
    struct relay relay;
    struct deferred again;
    struct timer patience;
    uint64_t limit;
    uint64_t moved;
    enum relay_result last;
    bool has_ended;
};

static struct line line;

/* A byte that depends on its place, so that a lost, doubled or swapped one shows. */
static char byte_at(uint64_t place)
{
    return (char)(place * 31 + (place >> 8) * 17 + (place >> 16));
}

static void run(void)
{
    uint64_t moved;

    line.last = relay_run(&line.relay, &line.from, &line.to, line.limit - line.moved, &moved);
    line.moved += moved;
    if (line.last == RELAY_COALESCE) {
        loop_coalesce(line.loop, &line.again);
    } else if (line.last == RELAY_BUDGET) {
        loop_defer(line.loop, &line.again);
    } else if (line.last == RELAY_EOF || line.last == RELAY_ERROR || line.last == RELAY_LIMIT) {
        line.has_ended = true;
        conn_finish(&line.to);
        if (conn_pending(&line.to) == 0) {
            loop_stop(line.loop);
        }
    }
}

static void on_again(struct deferred *deferred)
{
    (void)deferred;
    if (!line.has_ended) {
        run();
    }
}

static void on_event(struct conn *conn)
{
    (void)conn;
    if (line.has_ended) {
        if (conn_pending(&line.to) == 0) {
            loop_stop(line.loop);
        }
        return;
    }
    run();
}

static const struct conn_handler handler = {.on_readable = on_event, .on_writable = on_event};

static void on_patience(struct timer *timer)
{
    (void)timer;
    fail_msg("the relay has stalled: %llu bytes moved, last result %d",
             (unsigned long long)line.moved, line.last);
}

/* TCP over loopback: splice and half-close behave as they do in truth. */
static void tcp_pair(int fds[2])
{
    struct sock_address address;
    struct sock_address peer;
    struct error error;
    bool is_connected;

    assert_true(sock_address_from_ip(&address, "127.0.0.1", 0));
    int listener = sock_listen(&address, 1, &error);
    assert_true(listener >= 0);
    assert_true(sock_local_address(listener, &address));
    fds[0] = sock_connect(&address, &is_connected);
    assert_true(fds[0] >= 0);
    do {
        fds[1] = sock_accept(listener, &peer);
    } while (fds[1] < 0 && errno == EAGAIN);
    assert_true(fds[1] >= 0);
    close(listener);
}

static int set_up(void **state)
{
    int left[2];
    int right[2];

    (void)state;
    line = (struct line){.loop = loop_create(), .limit = UINT64_MAX};
    tcp_pair(left);
    tcp_pair(right);
    line.feeder = left[0];
    line.reader = right[0];
    conn_init(&line.from, line.loop, &handler, &line);
    conn_init(&line.to, line.loop, &handler, &line);
    deferred_init(&line.again, on_again);
    timer_init(&line.patience, on_patience);
    timer_set_ms(line.loop, &line.patience, 20000);
    assert_true(conn_open(&line.from, left[1]));
    assert_true(conn_open(&line.to, right[1]));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    relay_reset(&line.relay, line.loop);
    deferred_cancel(&line.again);
    timer_destroy(line.loop, &line.patience);
    conn_close(&line.from);
    conn_close(&line.to);
    if (line.feeder >= 0) {
        close(line.feeder);
    }
    close(line.reader);
    loop_destroy(line.loop);
    return 0;
}

/* The peers, driven from a deferred call each turn so that one thread is enough. */
struct peers {
    struct deferred turn;
    uint64_t to_send;
    uint64_t sent;
    uint64_t received;
    size_t send_size;
    size_t read_size;
    bool closes;
    bool reads;
    size_t most_pending;
};

static struct peers peers;

static void feed(void)
{
    static char bytes[1 << 17];

    while (peers.sent < peers.to_send) {
        size_t n = peers.send_size;
        if (n > peers.to_send - peers.sent) {
            n = (size_t)(peers.to_send - peers.sent);
        }
        for (size_t i = 0; i < n; i++) {
            bytes[i] = byte_at(peers.sent + i);
        }
        ssize_t done = send(line.feeder, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (done <= 0) {
            return;
        }
        peers.sent += (uint64_t)done;
    }
    if (peers.closes && line.feeder >= 0) {
        close(line.feeder);
        line.feeder = -1;
    }
}

static bool read_some(void)
{
    static char bytes[1 << 17];
    ssize_t n = recv(line.reader, bytes, peers.read_size, MSG_DONTWAIT);

    for (ssize_t i = 0; i < n; i++) {
        if (bytes[i] != byte_at(peers.received + (uint64_t)i)) {
            fail_msg("byte %llu is wrong", (unsigned long long)peers.received + (unsigned)i);
        }
    }
    if (n > 0) {
        peers.received += (uint64_t)n;
    }
    return n > 0;
}

static void on_turn(struct deferred *deferred)
{
    feed();
    if (peers.reads) {
        (void)read_some();
    }
    if (conn_pending(&line.to) > peers.most_pending) {
        peers.most_pending = conn_pending(&line.to);
    }
    loop_defer(line.loop, deferred);
}

static void carry(uint64_t bytes, size_t send_size, size_t read_size)
{
    peers = (struct peers){.to_send = bytes,
                           .send_size = send_size,
                           .read_size = read_size,
                           .closes = true,
                           .reads = true};
    deferred_init(&peers.turn, on_turn);
    loop_defer(line.loop, &peers.turn);
    loop_run(line.loop);
    deferred_cancel(&peers.turn);
    for (int tries = 0; tries < 100000 && peers.received < line.moved; tries++) {
        (void)read_some();
    }
}

static void small_pieces_cross_unchanged(void **state)
{
    (void)state;
    carry(20000, 7, 65536);
    assert_int_equal(line.last, RELAY_EOF);
    assert_int_equal(peers.received, 20000);
    assert_false(line.relay.is_bulk);
}

static void bulk_crosses_unchanged_by_splice(void **state)
{
    (void)state;
    carry(32 << 20, 1 << 17, 1 << 17);
    assert_int_equal(line.last, RELAY_EOF);
    assert_int_equal(peers.received, 32 << 20);
}

static void a_slow_reader_bounds_what_is_held(void **state)
{
    (void)state;
    carry(8 << 20, 1 << 17, 4096);
    assert_int_equal(peers.received, 8 << 20);
    assert_true(peers.most_pending <= CONN_RX_BYTES);
}

static void a_limit_is_kept_to_the_byte_and_told_at_once(void **state)
{
    static const uint64_t limits[] = {1,       65535,         65536,   65537,  131072,
                                      1 << 20, (1 << 20) + 1, 5000000, 8 << 20};

    (void)state;
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        line.limit = limits[i];
        carry(9 << 20, 1 << 17, 1 << 17);
        assert_int_equal(line.last, RELAY_LIMIT);
        assert_int_equal(line.moved, limits[i]);
        assert_int_equal(peers.received, limits[i]);
        (void)tear_down(NULL);
        (void)set_up(NULL);
    }
}

static void a_broken_receiver_is_told(void **state)
{
    struct linger now = {.l_onoff = 1};

    (void)state;
    assert_int_equal(setsockopt(line.reader, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    close(line.reader);
    line.reader = dup(line.feeder);
    peers = (struct peers){.to_send = 4 << 20, .send_size = 65536};
    deferred_init(&peers.turn, on_turn);
    loop_defer(line.loop, &peers.turn);
    loop_run(line.loop);
    deferred_cancel(&peers.turn);
    assert_int_equal(line.last, RELAY_ERROR);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(small_pieces_cross_unchanged),      TEST(bulk_crosses_unchanged_by_splice),
        TEST(a_slow_reader_bounds_what_is_held), TEST(a_limit_is_kept_to_the_byte_and_told_at_once),
        TEST(a_broken_receiver_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
