/* Whether a server acknowledges what is sent to it: the decision, and what a real socket tells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/ack_watch.h"

#define MS UINT64_C(1000)
#define NOW (10000 * MS)
#define LIMIT (500 * MS)

/* On a near way: sent again after 200 ms and a bit. */
#define NEAR .rtt_us = 300, .rtt_var_us = 100

static void each_sight_has_its_verdict(void **state)
{
    static const struct {
        const char *what;
        uint64_t since_ms; /* ago */
        struct conn_acks acks;
        enum ack_verdict verdict;
        uint64_t then_ms; /* ago */
    } cases[] = {
        {"all is acknowledged", 900, {.silent_ms = 900, NEAR}, ACK_HEARD, 0},
        {"on its way", 100, {.unacked = 1, .silent_ms = 4000, NEAR}, ACK_WAITS, 100},
        {"for long, and never sent again",
         900,
         {.unacked = 1, .silent_ms = 900, NEAR},
         ACK_WAITS,
         900},
        {"sent again, not for long",
         499,
         {.unacked = 1, .again = 1, .silent_ms = 4000, NEAR},
         ACK_WAITS,
         499},
        {"lost", 500, {.unacked = 1, .again = 1, .silent_ms = 4000, NEAR}, ACK_LOST, 500},
        {"another acknowledgement came meanwhile",
         900,
         {.unacked = 1, .again = 1, .silent_ms = 300, NEAR},
         ACK_WAITS,
         300},
        {"and nothing since",
         900,
         {.unacked = 9, .again = 2, .silent_ms = 600, NEAR},
         ACK_LOST,
         600},
        {"a window that is shut", 900, {.unsent = 70000, .silent_ms = 900, NEAR}, ACK_WAITS, 900},
        {"one probe of it is under way",
         900,
         {.unsent = 70000, .probes = 1, .silent_ms = 900, NEAR},
         ACK_WAITS,
         900},
        {"two are without an answer",
         900,
         {.unsent = 70000, .probes = 2, .silent_ms = 900, NEAR},
         ACK_LOST,
         900},
        {"a far way",
         900,
         {.unacked = 1, .again = 1, .silent_ms = 900, .rtt_us = 300000},
         ACK_WAITS,
         900},
        {"a far way, twice",
         1000,
         {.unacked = 1, .again = 1, .silent_ms = 1000, .rtt_us = 300000},
         ACK_LOST,
         1000},
        {"a way that changes",
         1400,
         {.unacked = 1, .again = 1, .silent_ms = 1400, .rtt_us = 100000, .rtt_var_us = 150000},
         ACK_LOST,
         1400},
        {"a way that changes, too soon",
         1399,
         {.unacked = 1, .again = 1, .silent_ms = 1399, .rtt_us = 100000, .rtt_var_us = 150000},
         ACK_WAITS,
         1399},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t since = NOW - cases[i].since_ms * MS;
        enum ack_verdict verdict = ack_judge(&since, &cases[i].acks, LIMIT, NOW);
        if (verdict != cases[i].verdict || since != NOW - cases[i].then_ms * MS) {
            fail_msg("%s: %d, since %llu ms", cases[i].what, (int)verdict,
                     (unsigned long long)((NOW - since) / MS));
        }
    }
}

/* ---- sockets ---- */

static struct loop *loop;
static unsigned lost;
static bool has_ended;

static void on_readable(struct conn *conn)
{
    struct span bytes;

    has_ended |= conn_read(conn, &bytes) == CONN_EOF;
}

static void on_writable(struct conn *conn)
{
    (void)conn;
}

static const struct conn_handler handler = {.on_readable = on_readable, .on_writable = on_writable};

static bool is_sent(const struct ack_watch *watch)
{
    (void)watch;
    return true;
}

static void note_lost(struct ack_watch *watch)
{
    (void)watch;
    lost++;
}

static const struct ack_watch_ops ops = {.is_sent = is_sent, .lost = note_lost};

static bool is_nobody_watched(const struct ack_watches *watches)
{
    for (int turn = 0; turn < 5000 && !list_is_empty(&watches->all); turn++) {
        (void)loop_turn(loop);
        (void)usleep(1000);
    }
    return list_is_empty(&watches->all);
}

static bool has_come_to_its_end(void)
{
    for (int turn = 0; turn < 5000 && !has_ended; turn++) {
        (void)loop_turn(loop);
        (void)usleep(1000);
    }
    return has_ended;
}

static int pair(int family, int *other)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fds[2];
    int door;

    if (family == AF_UNIX) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
        *other = fds[1];
        return fds[0];
    }
    door = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(door, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(door, 1), 0);
    assert_int_equal(getsockname(door, (struct sockaddr *)&address, &len), 0);
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fds[0], (struct sockaddr *)&address, len), 0);
    *other = accept(door, NULL, NULL);
    (void)close(door);
    return fds[0];
}

/* What is acknowledged is not watched any more, though no answer comes; and a socket that is none
 * of TCP is not at all. */
static void who_takes_what_comes_is_left_alone(void **state)
{
    static const int families[] = {AF_INET, AF_UNIX};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        struct ack_watches watches;
        struct ack_watch watch;
        struct conn *conn;
        int other;

        loop = loop_create();
        lost = 0;
        ack_watches_init(&watches, loop);
        ack_watch_init(&watch, &ops);
        conn = conn_create(loop);
        conn->handler = &handler;
        assert_true(conn_open(conn, pair(families[i], &other)));
        conn_queue_copy(conn, SPAN_OF("a request"));
        conn_flush(conn);
        ack_watch_start(&watches, &watch, conn, 100);
        assert_false(list_is_empty(&watches.all));
        assert_true(is_nobody_watched(&watches));
        assert_int_equal(lost, 0);
        assert_false(conn->is_lost);
        /* Lost by somebody's word, it ends for its owner. */
        has_ended = false;
        conn_lose(conn);
        assert_true(has_come_to_its_end() && conn->is_lost);
        conn_close(conn);
        conn_free(conn);
        (void)close(other);
        ack_watches_free(&watches);
        loop_run_deferred(loop);
        loop_destroy(loop);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_sight_has_its_verdict),
        cmocka_unit_test(who_takes_what_comes_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
