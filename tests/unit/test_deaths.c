/* Who is refused after how many deaths, and what is kept of them (gateway/deaths.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "gateway/deaths.h"

static uint64_t now = 1000;

static struct peer peer_of(const char *ip)
{
    struct sock_address address;

    assert_true(sock_address_from_ip(&address, ip, 1234));
    return peer_from(&address);
}

/* A process dies with this client in hand; NULL: with none that could be blamed. */
static void die(const char *ip, const char *words)
{
    struct death_note *note = deaths_note();

    assert_non_null(note);
    if (ip != NULL) {
        note->client = peer_of(ip);
        note->is_blaming = 1;
    }
    note->len = strlen(words);
    memcpy(note->words, words, note->len);
    assert_null(deaths_note()); /* another thread that dies meanwhile */
    deaths_collect("was ended by signal 11", 5000, now);
}

static bool refuses(const char *ip)
{
    struct peer peer = peer_of(ip);

    return deaths_refuse(&peer, now);
}

/* Long enough for all before to be forgotten. */
static int later(void **state)
{
    (void)state;
    now += DEATHS_REFUSE_MS + DEATHS_WITHIN_MS + 1;
    return 0;
}

static void nobody_has_died_before_it_is_prepared(void **state)
{
    uint64_t total;
    struct death death;
    struct refused_client client;

    (void)state;
    assert_null(deaths_note());
    deaths_collect("was ended by signal 9", 1, now);
    assert_false(refuses("192.0.2.1"));
    assert_int_equal(deaths_last(&death, 1, &total), 0);
    assert_int_equal(total, 0);
    assert_int_equal(deaths_refused(&client, 1, now), 0);
    deaths_prepare();
}

static void two_deaths_within_a_minute_are_enough(void **state)
{
    struct refused_client clients[2];
    struct peer unnamed = {.is_unix = true};

    (void)state;
    die("192.0.2.1", "one");
    assert_false(refuses("192.0.2.1"));
    now += DEATHS_WITHIN_MS;
    die("192.0.2.1", "two");
    assert_true(refuses("192.0.2.1"));
    assert_false(refuses("192.0.2.2"));
    assert_false(deaths_refuse(&unnamed, now));
    assert_int_equal(deaths_refused(clients, 2, now), 1);
    assert_int_equal(clients[0].left_ms, DEATHS_REFUSE_MS);
    now += DEATHS_REFUSE_MS - 1;
    assert_true(refuses("192.0.2.1"));
    now++;
    assert_false(refuses("192.0.2.1"));
    assert_int_equal(deaths_refused(clients, 2, now), 0);
}

static void deaths_far_apart_and_by_others_are_no_reason(void **state)
{
    (void)state;
    die("192.0.2.1", "one");
    die("192.0.2.2", "two");
    die(NULL, "three");
    now += DEATHS_WITHIN_MS + 1;
    die("192.0.2.1", "four");
    assert_false(refuses("192.0.2.1"));
    assert_false(refuses("192.0.2.2"));
    now += 1000;
    die("192.0.2.1", "five");
    assert_true(refuses("192.0.2.1"));
}

static void a_client_has_all_of_its_ipv6_network(void **state)
{
    (void)state;
    die("2001:db8:0:1::1", "one");
    die("2001:db8:0:1:ffff::2", "two");
    assert_true(refuses("2001:db8:0:1::3"));
    assert_false(refuses("2001:db8:0:2::1"));
}

/* The one that is refused stays, however many others there are. */
static void the_table_is_bounded(void **state)
{
    char ip[32];

    (void)state;
    die("192.0.2.1", "one");
    die("192.0.2.1", "two");
    for (int i = 0; i < 3 * DEATHS_CLIENTS_MAX; i++) {
        (void)snprintf(ip, sizeof(ip), "198.51.100.%d", i);
        now++;
        die(ip, "more");
    }
    assert_true(refuses("192.0.2.1"));
    die(ip, "again");
    assert_true(refuses(ip));
}

static void the_last_deaths_are_kept(void **state)
{
    struct death deaths[DEATHS_KEPT + 2];
    uint64_t before;
    uint64_t total;

    (void)state;
    (void)deaths_last(deaths, 1, &before);
    for (int i = 0; i < DEATHS_KEPT + 3; i++) {
        die(NULL, i % 2 == 0 ? "even" : "odd");
    }
    deaths_collect("was ended by signal 9", 7000, now); /* which leaves no note */
    assert_int_equal(deaths_last(deaths, DEATHS_KEPT + 2, &total), DEATHS_KEPT);
    assert_int_equal(total, before + DEATHS_KEPT + 4);
    assert_string_equal(deaths[0].how, "was ended by signal 9");
    assert_string_equal(deaths[0].words, "");
    assert_int_equal(deaths[0].at_ms, 7000);
    assert_string_equal(deaths[1].words, "even");
    assert_string_equal(deaths[2].words, "odd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_has_died_before_it_is_prepared),
        cmocka_unit_test_setup(two_deaths_within_a_minute_are_enough, later),
        cmocka_unit_test_setup(deaths_far_apart_and_by_others_are_no_reason, later),
        cmocka_unit_test_setup(a_client_has_all_of_its_ipv6_network, later),
        cmocka_unit_test_setup(the_table_is_bounded, later),
        cmocka_unit_test_setup(the_last_deaths_are_kept, later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
