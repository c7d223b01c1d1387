/* The registry of endpoints: what is one server and what are two; and what is kept with it. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <malloc.h>

#include "upstream/endpoint.h"

#define SECOND UINT64_C(1000000)
#define THREADS 4
#define TURNS 2000

static const struct endpoint_key plain = {.host = "127.0.0.1", .port = 80};
static const struct endpoint_key secure = {.host = "server.example",
                                           .port = 443,
                                           .tls_name = "server.example",
                                           .identity = "client.pem",
                                           .trust = "ca.pem",
                                           .protocol = BACKEND_AUTO};

static struct sock_address address_of(const char *host)
{
    struct sock_address address;

    assert_true(sock_address_from_ip(&address, host, 443));
    return address;
}

static void the_same_key_is_the_same_endpoint(void **state)
{
    char host[] = "server.example"; /* by what it says, not by where that lies */
    struct endpoint_key key = secure;
    struct endpoint *first = endpoint_take(&secure);
    struct endpoint *second;

    (void)state;
    key.host = host;
    second = endpoint_take(&key);
    host[0] = 'X';
    assert_ptr_equal(first, second);
    assert_string_equal(first->key.host, "server.example");
    endpoint_release(first);
    assert_ptr_equal(endpoint_take(&secure), second);
    endpoint_release(second);
    endpoint_release(second);
    endpoint_release(NULL);
}

static void each_part_of_the_key_makes_another_one(void **state)
{
    struct endpoint_key keys[11];
    struct endpoint *endpoints[11];

    (void)state;
    for (size_t i = 0; i < 11; i++) {
        keys[i] = secure;
    }
    keys[1].host = "other.example";
    keys[2].port = 8443;
    keys[3].tls_name = "other.example";
    keys[4].identity = "other.pem";
    keys[5].trust = "other-ca.pem";
    keys[6].protocol = BACKEND_H1;
    keys[7].identity = NULL;
    keys[8].is_unix = true;
    keys[9].check = "/health";
    keys[10].health.fall = 3;
    for (size_t i = 0; i < 11; i++) {
        endpoints[i] = endpoint_take(&keys[i]);
        for (size_t before = 0; before < i; before++) {
            assert_ptr_not_equal(endpoints[i], endpoints[before]);
        }
    }
    for (size_t i = 0; i < 11; i++) {
        endpoint_release(endpoints[i]);
    }
}

static size_t count_of(struct endpoint *endpoint)
{
    const struct endpoint_addresses *addresses = endpoint_hold_addresses(endpoint);
    size_t count = addresses->count;

    endpoint_drop_addresses(addresses);
    return count;
}

/* What is allocated now: the sanitizers' runtimes say it where there is one, else the library. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t allocated(void)
{
    return __sanitizer_get_current_allocated_bytes != NULL
               ? __sanitizer_get_current_allocated_bytes()
               : mallinfo2().uordblks;
}

/* A name that moves on for months, with somebody who holds on to what it once was. */
static void lists_that_nobody_holds_are_given_back(void **state)
{
    struct endpoint *name = endpoint_take(&secure);
    struct sock_address items[2] = {address_of("192.0.2.1"), address_of("192.0.2.2")};
    const struct endpoint_addresses *held;
    size_t before;

    (void)state;
    endpoint_publish(name, items, 2);
    held = endpoint_hold_addresses(name);
    before = allocated();
    for (size_t i = 0; i < 1000; i++) {
        endpoint_publish(name, &items[i % 2], 1);
    }
    assert_true(allocated() - before < 10 * sizeof(*held));
    endpoint_release(name); /* the list outlives it */
    assert_int_equal(held->count, 2);
    endpoint_drop_addresses(held);
}

static void a_number_has_its_address_at_once_and_a_name_when_it_is_published(void **state)
{
    struct endpoint *number = endpoint_take(&plain);
    struct endpoint *name = endpoint_take(&secure);
    struct sock_address items[2] = {address_of("192.0.2.1"), address_of("2001:db8::1")};
    const struct endpoint_addresses *first;
    const struct endpoint_addresses *second;

    (void)state;
    assert_false(number->is_named);
    assert_int_equal(count_of(number), 1);
    assert_true(name->is_named);
    assert_false(endpoint_has_addresses(name));
    assert_null(endpoint_hold_addresses(name));
    endpoint_publish(name, items, 2);
    assert_true(endpoint_has_addresses(name));
    first = endpoint_hold_addresses(name);
    assert_int_equal(first->count, 2);
    endpoint_publish(name, items, 2); /* nothing new */
    second = endpoint_hold_addresses(name);
    assert_ptr_equal(second, first);
    endpoint_drop_addresses(second);
    endpoint_publish(name, items, 1);
    assert_int_equal(count_of(name), 1);
    assert_int_equal(first->count, 2); /* whoever holds it may go on */
    endpoint_drop_addresses(first);
    endpoint_drop_addresses(NULL);
    endpoint_release(number);
    endpoint_release(name);
}

static void more_addresses_than_are_used_are_left_out(void **state)
{
    struct sock_address items[ENDPOINT_ADDRESSES_MAX + 1];
    struct endpoint *name = endpoint_take(&secure);

    (void)state;
    for (size_t i = 0; i <= ENDPOINT_ADDRESSES_MAX; i++) {
        items[i] = address_of("192.0.2.1");
    }
    endpoint_publish(name, items, ENDPOINT_ADDRESSES_MAX + 1);
    assert_int_equal(count_of(name), ENDPOINT_ADDRESSES_MAX);
    endpoint_release(name);
}

static void a_path_that_is_too_long_for_a_socket_is_none(void **state)
{
    char path[200];
    const struct endpoint_key key = {.host = path, .is_unix = true};

    (void)state;
    memset(path, 'a', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    assert_null(endpoint_take(&key));
}

static void only_tls_has_sessions(void **state)
{
    struct endpoint *number = endpoint_take(&plain);
    struct endpoint *name = endpoint_take(&secure);

    (void)state;
    assert_null(number->sessions);
    assert_non_null(name->sessions);
    endpoint_release(number);
    endpoint_release(name);
}

static void shares_are_summed_and_their_sums_stay(void **state)
{
    struct endpoint_share shares[2] = {0};
    struct endpoint *endpoint = endpoint_take(&plain);

    (void)state;
    endpoint_join(endpoint, &shares[0]);
    endpoint_join(endpoint, &shares[1]);
    endpoint_count(&shares[0].leases, 2);
    endpoint_count(&shares[1].leases, 1);
    endpoint_count(&shares[0].served, 10);
    endpoint_count(&shares[1].served, 5);
    assert_int_equal(endpoint_tally(endpoint).leases, 3);
    assert_int_equal(endpoint_tally(endpoint).served, 15);
    endpoint_count(&shares[0].leases, -2);
    endpoint_leave(endpoint, &shares[0]);
    assert_int_equal(endpoint_tally(endpoint).leases, 1);
    assert_int_equal(endpoint_tally(endpoint).served, 15);
    endpoint_count(&shares[1].leases, -1);
    endpoint_leave(endpoint, &shares[1]);
    endpoint_release(endpoint);
}

/* ---- from several threads ---- */

static void *come_and_go(void *arg)
{
    const struct sock_address address = *(struct sock_address *)arg;
    struct endpoint_share share = {0};

    for (unsigned i = 0; i < TURNS; i++) {
        struct endpoint_key key = secure;
        key.port = (uint16_t)(i % 3 + 1);
        struct endpoint *endpoint = endpoint_take(&key);
        endpoint_join(endpoint, &share);
        endpoint_count(&share.served, 1);
        endpoint_publish(endpoint, &address, 1);
        CHECK(count_of(endpoint) == 1);
        endpoint_release(endpoint_hold(endpoint));
        endpoint_leave(endpoint, &share);
        endpoint_release(endpoint);
    }
    return NULL;
}

static void threads_find_and_leave_the_same_ones(void **state)
{
    struct sock_address address = address_of("192.0.2.1");
    pthread_t threads[THREADS];
    struct endpoint *kept;
    struct endpoint_key key = secure;

    (void)state;
    key.port = 1;
    kept = endpoint_take(&key);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &address), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    /* Each share's sum grew from endpoint to endpoint: what is told is at least what was seen here.
     */
    assert_true(endpoint_tally(kept).served >= THREADS * (TURNS / 3));
    assert_int_equal(endpoint_tally(kept).leases, 0);
    endpoint_release(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_key_is_the_same_endpoint),
        cmocka_unit_test(each_part_of_the_key_makes_another_one),
        cmocka_unit_test(a_number_has_its_address_at_once_and_a_name_when_it_is_published),
        cmocka_unit_test(lists_that_nobody_holds_are_given_back),
        cmocka_unit_test(more_addresses_than_are_used_are_left_out),
        cmocka_unit_test(a_path_that_is_too_long_for_a_socket_is_none),
        cmocka_unit_test(only_tls_has_sessions),
        cmocka_unit_test(shares_are_summed_and_their_sums_stay),
        cmocka_unit_test(threads_find_and_leave_the_same_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
