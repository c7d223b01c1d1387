/* A backend's limit of concurrency: how it is found, over simulated servers; who may fill how much
 * of it; and requests that meet it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "harness/harness.h"
#include "upstream/concurrency.h"

/* ---- who goes first ---- */

static const struct shed_shares shares = {{100, 90, 75}};

static void the_lower_a_priority_the_less_it_may_fill(void **state)
{
    static const struct {
        uint32_t limit;
        enum priority priority;
        enum priority highest;
        uint32_t room;
    } cases[] = {
        {100, PRIORITY_HIGH, PRIORITY_HIGH, 100},
        {100, PRIORITY_NORMAL, PRIORITY_HIGH, 90},
        {100, PRIORITY_LOW, PRIORITY_HIGH, 75},
        {100, PRIORITY_LOW, PRIORITY_NORMAL, 75},
        {100, PRIORITY_LOW, PRIORITY_LOW, 100}, /* nothing is kept free for nobody */
        {100, PRIORITY_NORMAL, PRIORITY_NORMAL, 100},
        {1, PRIORITY_LOW, PRIORITY_HIGH, 1},
        {3, PRIORITY_LOW, PRIORITY_HIGH, 3},
        {4, PRIORITY_LOW, PRIORITY_HIGH, 3},
        {UINT32_MAX, PRIORITY_HIGH, PRIORITY_HIGH, UINT32_MAX},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(shed_room(&shares, cases[i].limit, cases[i].priority, cases[i].highest),
                         cases[i].room);
    }
}

static void a_full_line_takes_who_is_above_its_lowest(void **state)
{
    static const struct {
        size_t waiting[PRIORITY_LEVELS];
        enum priority priority;
        enum shed_verdict verdict;
        enum priority victim;
    } cases[] = {
        {{1, 1, 1}, PRIORITY_LOW, SHED_WAITS, PRIORITY_LOW},
        {{2, 1, 1}, PRIORITY_HIGH, SHED_PUSHES_OUT, PRIORITY_LOW},
        {{3, 1, 0}, PRIORITY_HIGH, SHED_PUSHES_OUT, PRIORITY_NORMAL},
        {{0, 2, 2}, PRIORITY_NORMAL, SHED_PUSHES_OUT, PRIORITY_LOW},
        {{0, 4, 0}, PRIORITY_NORMAL, SHED_REFUSED, PRIORITY_LOW},
        {{4, 0, 0}, PRIORITY_HIGH, SHED_REFUSED, PRIORITY_LOW},
        {{0, 0, 4}, PRIORITY_LOW, SHED_REFUSED, PRIORITY_LOW},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum priority victim = PRIORITY_LOW;
        assert_int_equal(shed_decide(cases[i].priority, cases[i].waiting, 4, &victim),
                         cases[i].verdict);
        assert_int_equal(victim, cases[i].victim);
    }
}

/* ---- how it is found ---- */

#define SECOND UINT64_C(1000000)
#define SLOTS_MAX 64
#define FLYING_MAX 2048
#define LINE_SIZE 10

/* Servers that work on so many requests at a time; the others wait there, or in the line. */
struct model {
    unsigned slots;
    double service_us; /* in the mean, exponentially spread */
    double free_us[SLOTS_MAX];
    struct {
        double end_us;
        double began_us;
    } flying[FLYING_MAX];
    size_t flying_count;
    size_t waiting;
    uint64_t random;
    struct concurrency_pace pace;
    struct concurrency_terms terms;
    double now_us;
    double next_us; /* when one comes */
    uint64_t served;
    double latency_us; /* the sum of theirs */
};

static double uniform(struct model *m)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return ((double)(m->random >> 11) + 1) / 9007199254740993.0;
}

/* -ln(x) for x in (0, 1], without the mathematical library: 1 - x halved until it is small. */
static double minus_ln(double x)
{
    double sum = 0;
    double y;

    while (x < 0.5) {
        x *= 2;
        sum += 0.6931471805599453;
    }
    y = (1 - x) / (1 + x);
    return sum + 2 * (y + y * y * y / 3 + y * y * y * y * y / 5 + y * y * y * y * y * y * y / 7);
}

/* At one of them, as soon as it is free. */
static void begin(struct model *m, double now_us)
{
    unsigned slot = 0;
    double start;

    for (unsigned i = 1; i < m->slots; i++) {
        slot = m->free_us[i] < m->free_us[slot] ? i : slot;
    }
    start = m->free_us[slot] > now_us ? m->free_us[slot] : now_us;
    m->free_us[slot] = start + m->service_us * minus_ln(uniform(m));
    m->flying[m->flying_count].began_us = now_us;
    m->flying[m->flying_count++].end_us = m->free_us[slot];
}

static void let_in(struct model *m, double now_us)
{
    while (m->waiting != 0 && m->flying_count < FLYING_MAX &&
           m->flying_count < concurrency_pace_limit(&m->pace, &m->terms)) {
        m->waiting--;
        begin(m, now_us);
    }
}

static size_t first_to_end(const struct model *m)
{
    size_t first = 0;

    for (size_t i = 1; i < m->flying_count; i++) {
        first = m->flying[i].end_us < m->flying[first].end_us ? i : first;
    }
    return first;
}

static void finish_until(struct model *m, double until_us)
{
    while (m->flying_count != 0) {
        size_t first = first_to_end(m);
        double end_us = m->flying[first].end_us;
        double took = end_us - m->flying[first].began_us;

        if (end_us > until_us) {
            return;
        }
        m->served++;
        m->latency_us += took;
        (void)concurrency_pace_note(&m->pace, &m->terms, (uint64_t)took + 1,
                                    (uint32_t)m->flying_count, (uint64_t)end_us);
        m->flying[first] = m->flying[--m->flying_count];
        let_in(m, end_us);
    }
}

static void come(struct model *m)
{
    m->waiting += m->waiting < LINE_SIZE;
    let_in(m, m->now_us);
}

/* Requests come at random, so many times as often as the servers can take. */
static void run(struct model *m, double load, unsigned seconds)
{
    double until_us = m->now_us + seconds * 1e6;
    double between_us = m->service_us / m->slots / load;

    m->served = 0;
    m->latency_us = 0;
    while (m->next_us < until_us) {
        m->next_us += between_us * minus_ln(uniform(m));
        finish_until(m, m->next_us);
        m->now_us = m->next_us;
        come(m);
    }
}

static struct model model_of(unsigned slots, double service_us, uint32_t start)
{
    struct model m = {.slots = slots,
                      .service_us = service_us,
                      .random = 88172645463325252u + slots,
                      .terms = {1, 1000, start, 125, 5 * SECOND},
                      .now_us = 1,
                      .next_us = 1};

    concurrency_pace_init(&m.pace, &m.terms);
    return m;
}

/* Of what the servers can do. */
static double useful(const struct model *m, unsigned seconds)
{
    return (double)m->served * m->service_us / m->slots / (seconds * 1e6);
}

static double mean_of(const struct model *m)
{
    return m->latency_us / (double)m->served / m->service_us;
}

static void twice_the_load_keeps_latency_and_most_of_the_capacity(void **state)
{
    static const struct {
        unsigned slots;
        uint32_t start;
        double useful; /* at least, with a line in front of them */
    } cases[] = {{2, 20, 0.85}, {8, 20, 0.95}, {8, 300, 0.9}, {60, 20, 0.95}, {60, 1, 0.95}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct model m = model_of(cases[i].slots, 10000, cases[i].start);
        run(&m, 2, cases[i].start > 100 ? 15 : 6);
        run(&m, 2, 10);
        if (getenv("SHOW") != NULL) {
            print_message("slots %u start %u: limit %.1f, useful %.2f, latency %.2f\n",
                          cases[i].slots, cases[i].start, m.pace.limit, useful(&m, 10),
                          mean_of(&m));
        }
        assert_true(useful(&m, 10) > cases[i].useful);
        assert_true(mean_of(&m) < 1.5);
    }
}

static void little_load_meets_no_limit(void **state)
{
    struct model m = model_of(20, 10000, 20);

    (void)state;
    run(&m, 0.5, 10);
    assert_true(useful(&m, 10) > 0.48);
}

static void slower_servers_are_not_taken_for_a_line(void **state)
{
    struct model m = model_of(20, 5000, 20);

    (void)state;
    run(&m, 2, 8);
    m.service_us = 20000; /* for a reason of their own */
    run(&m, 2, 14);
    run(&m, 2, 10);
    assert_true(useful(&m, 10) > 0.90);
    m.service_us = 5000;
    run(&m, 2, 14);
    run(&m, 2, 10);
    assert_true(useful(&m, 10) > 0.90);
    assert_true(mean_of(&m) < 1.5);
}

static void failures_make_it_fall_and_successes_rise(void **state)
{
    struct concurrency_terms terms = {2, 1000, 100, 125, 60 * SECOND};
    struct concurrency_pace pace;
    uint64_t now_us = SECOND;

    (void)state;
    concurrency_pace_init(&pace, &terms);
    for (unsigned i = 0; i < 100; i++) { /* of which two windows, and what is left */
        now_us += 5000;
        (void)concurrency_pace_note(&pace, &terms, i % 2 == 0 ? 1000 : 0, 100, now_us);
    }
    assert_true(concurrency_pace_limit(&pace, &terms) < 100);
    for (unsigned i = 0; i < 3000; i++) {
        now_us += 5000;
        (void)concurrency_pace_note(&pace, &terms, 0, 100, now_us);
    }
    assert_int_equal(concurrency_pace_limit(&pace, &terms), 2);
    for (unsigned i = 0; i < 3000; i++) {
        now_us += 5000;
        (void)concurrency_pace_note(&pace, &terms, 1000, 1000, now_us);
    }
    assert_true(concurrency_pace_limit(&pace, &terms) > 20);
}

static void one_that_takes_a_minute_is_not_a_minute_of_all(void **state)
{
    struct concurrency_terms terms = {2, 100, 100, 125, 60 * SECOND};
    struct concurrency_pace pace;
    uint64_t now_us = SECOND;

    (void)state;
    concurrency_pace_init(&pace, &terms);
    for (unsigned i = 0; i < 400; i++) {
        now_us += 1000;
        (void)concurrency_pace_note(&pace, &terms, i == 210 ? 60 * SECOND : 1000, 100, now_us);
    }
    assert_true(concurrency_pace_limit(&pace, &terms) >= 45); /* halved by a look at most */
}

/* ---- what all workers share ---- */

static void places_are_claimed_by_priority(void **state)
{
    const struct concurrency_plan plan = {.terms = {1, 4, 4, 125, SECOND}, .shares = shares};
    struct concurrency *one = concurrency_take("app", &plan);
    struct concurrency *same = concurrency_take("app", &plan);
    uint64_t now_us = SECOND;

    (void)state;
    assert_ptr_equal(one, same);
    for (unsigned i = 0; i < 4; i++) { /* nobody higher is about */
        assert_true(concurrency_claim(one, PRIORITY_LOW, now_us));
    }
    assert_false(concurrency_claim(one, PRIORITY_LOW, now_us));
    assert_false(concurrency_claim(one, PRIORITY_HIGH, now_us));
    assert_int_equal(concurrency_note(one, 1000, now_us), 1);
    assert_false(concurrency_claim(one, PRIORITY_LOW, now_us)); /* now one is */
    assert_true(concurrency_claim(one, PRIORITY_HIGH, now_us));
    concurrency_give_back(one);
    assert_true(concurrency_claim(one, PRIORITY_LOW, now_us + CONCURRENCY_SEEN_US));
    assert_int_equal(concurrency_look(one).in_use, 4);
    assert_int_equal(concurrency_look(one).limit, 4);
    for (unsigned i = 0; i < 4; i++) {
        concurrency_give_back(same);
    }
    concurrency_release(one);
    concurrency_release(same);
}

/* ---- requests ---- */

#define CONFIG                                                                                     \
    "listeners: [ { bind: \"unix:$DIR/door\" } ]\n"                                                \
    "sites: [ { hosts: [\"*\"], plain_http: serve, routes: [\n"                                    \
    "  { match: { path: \"/high*\" }, priority: high, backend: app },\n"                           \
    "  { match: { path: \"/low*\" }, priority: low, backend: app },\n"                             \
    "  { backend: app } ] } ]\n"                                                                   \
    "timeouts: { drain: 1s }\n"                                                                    \
    "backends:\n"                                                                                  \
    "  - name: app\n"                                                                              \
    "    servers: [ \"unix:$DIR/one\" ]\n"                                                         \
    "    concurrency: { adapt: off, max: 1 }\n"                                                    \
    "    queue: { size: 2, timeout: 1s }\n"

static struct actor *ask(struct harness *h, const char *path)
{
    struct actor *client = harness_connect(h);
    char text[80];

    (void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    actor_say(client, text);
    harness_settle(h);
    return client;
}

static bool has_got(const struct actor *actor, const char *text)
{
    return actor->got.len != 0 && strstr(actor->got.ptr, text) != NULL;
}

static void answer(struct harness *h, struct actor *server)
{
    actor_say(server, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    harness_settle(h);
}

static void the_important_ones_go_first_and_push_others_out(void **state)
{
    struct world *world = world_open();
    struct harness *h;
    struct actor *server;
    struct actor *clients[5];

    (void)state;
    world_serve(world, "one");
    world_load(world, CONFIG);
    h = harness_start(world);
    clients[0] = ask(h, "/first");
    server = harness_accept(h, "one");
    assert_non_null(server);
    harness_settle(h);
    clients[1] = ask(h, "/low");
    clients[2] = ask(h, "/normal");
    assert_int_equal(clients[1]->got.len, 0);
    clients[3] = ask(h, "/high");
    assert_true(has_got(clients[1], "503 ") && has_got(clients[1], "Retry-After: "));
    clients[4] = ask(h, "/low/again");
    assert_true(has_got(clients[4], "503 ") && has_got(clients[4], "Retry-After: "));
    answer(h, server);
    assert_true(has_got(server, "GET /high ") && !has_got(server, "GET /normal "));
    answer(h, server);
    assert_true(has_got(server, "GET /normal "));
    answer(h, server);
    assert_true(has_got(clients[2], "200 OK") && has_got(clients[3], "200 OK"));
    harness_stop(h);
    world_close(world);
}

static void a_place_is_free_when_the_head_has_come(void **state)
{
    struct world *world = world_open();
    struct harness *h;
    struct actor *first;
    struct actor *second;
    struct actor *client;

    (void)state;
    world_serve(world, "one");
    world_load(world, CONFIG);
    h = harness_start(world);
    client = ask(h, "/stream");
    first = harness_accept(h, "one");
    harness_settle(h);
    (void)ask(h, "/next");
    assert_null(harness_accept(h, "one"));
    actor_say(first, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
    harness_settle(h);
    second = harness_accept(h, "one");
    assert_non_null(second);
    harness_settle(h);
    assert_true(has_got(second, "GET /next "));
    answer(h, second);
    actor_say(first, "cd");
    harness_settle(h);
    assert_true(has_got(client, "abcd"));
    harness_stop(h);
    world_close(world);
}

static void places_come_back_however_requests_end(void **state)
{
    struct world *world = world_open();
    struct harness *h;
    struct actor *server;
    struct actor *clients[4];

    (void)state;
    world_serve(world, "one");
    world_load(world, CONFIG);
    h = harness_start(world);
    clients[0] = ask(h, "/0");
    server = harness_accept(h, "one");
    harness_settle(h);
    clients[1] = ask(h, "/1");
    actor_reset(clients[0]); /* by the client's leaving */
    harness_settle(h);
    server = harness_accept(h, "one");
    assert_non_null(server);
    harness_settle(h);
    assert_true(has_got(server, "GET /1 "));
    clients[2] = ask(h, "/2");
    actor_say(server, "nonsense\r\n\r\n"); /* by the server's failing */
    harness_settle(h);
    assert_true(has_got(clients[1], "502 "));
    server = harness_accept(h, "one");
    assert_non_null(server);
    harness_settle(h);
    assert_true(has_got(server, "GET /2 "));
    clients[3] = ask(h, "/3");
    actor_reset(clients[3]); /* in the line */
    harness_settle(h);
    answer(h, server);
    assert_true(has_got(clients[2], "200 OK") && !has_got(server, "GET /3 "));
    harness_stop(h);
    world_close(world);
}

#define UPLOADS                                                                                    \
    "listeners: [ { bind: \"unix:$DIR/door\" } ]\n"                                                \
    "sites: [ { hosts: [\"*\"], plain_http: serve, backend: uploads } ]\n"                         \
    "timeouts: { drain: 1s }\n"                                                                    \
    "backends:\n"                                                                                  \
    "  - name: uploads\n"                                                                          \
    "    servers: [ \"unix:$DIR/one\" ]\n"                                                         \
    "    concurrency: latency\n"

static void the_time_that_a_client_takes_to_bring_its_body_is_not_the_servers(void **state)
{
    const struct concurrency_plan plan = {
        .adapts = true, .terms = {1, 1000, 20, 125, 10 * SECOND}, .shares = shares};
    struct world *world = world_open();
    struct concurrency *limit;
    struct harness *h;
    struct actor *client;
    struct actor *server;

    (void)state;
    world_serve(world, "one");
    world_load(world, UPLOADS);
    h = harness_start(world);
    limit = concurrency_take("uploads", &plan); /* the one that the backend has */
    client = harness_connect(h);
    actor_say(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n");
    harness_settle(h);
    server = harness_accept(h, "one");
    for (unsigned i = 0; i < CONCURRENCY_SAMPLES_MIN; i++) {
        harness_advance_ms(h, 300);
        actor_say(client, "hi");
        harness_settle(h);
        harness_advance_ms(h, 10);
        answer(h, server);
        actor_say(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n");
        harness_settle(h);
    }
    assert_in_range(concurrency_look(limit).base_us, 9000, 20000);
    assert_int_equal(concurrency_look(limit).in_use, 1);
    concurrency_release(limit);
    harness_stop(h);
    world_close(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lower_a_priority_the_less_it_may_fill),
        cmocka_unit_test(a_full_line_takes_who_is_above_its_lowest),
        cmocka_unit_test(twice_the_load_keeps_latency_and_most_of_the_capacity),
        cmocka_unit_test(little_load_meets_no_limit),
        cmocka_unit_test(slower_servers_are_not_taken_for_a_line),
        cmocka_unit_test(failures_make_it_fall_and_successes_rise),
        cmocka_unit_test(one_that_takes_a_minute_is_not_a_minute_of_all),
        cmocka_unit_test(places_are_claimed_by_priority),
        cmocka_unit_test(the_important_ones_go_first_and_push_others_out),
        cmocka_unit_test(a_place_is_free_when_the_head_has_come),
        cmocka_unit_test(the_time_that_a_client_takes_to_bring_its_body_is_not_the_servers),
        cmocka_unit_test(places_come_back_however_requests_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
