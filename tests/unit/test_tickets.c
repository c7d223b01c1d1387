/* Ticket keys: how they move on in time, and that contexts which share them take each other's
 * tickets (tests/system/test_resumption.py has the rest). */
#include "tls/tickets.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <setjmp.h>

#include <cmocka.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "tls/replay_guard.h"

#define ROTATION_MS 1000000

static uint64_t now(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_BOOTTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

struct names {
    unsigned char previous[16];
    unsigned char current[16];
    unsigned char next[16];
};

static struct names names_of(struct tls_tickets *tickets)
{
    struct names names;

    tls_tickets_name(tickets, 0, names.previous);
    tls_tickets_name(tickets, 1, names.current);
    tls_tickets_name(tickets, 2, names.next);
    return names;
}

static void keys_move_on(void **state)
{
    struct tls_tickets *tickets = tls_tickets_create(ROTATION_MS);
    struct names first;
    struct names then;
    uint64_t start;

    (void)state;
    assert_non_null(tickets);
    first = names_of(tickets); /* which makes them */
    start = now();
    tls_tickets_advance(tickets, start + ROTATION_MS / 2);
    then = names_of(tickets);
    assert_memory_equal(&then, &first, sizeof(first));
    tls_tickets_advance(tickets, start + ROTATION_MS + 1);
    then = names_of(tickets);
    assert_memory_equal(then.previous, first.current, 16);
    assert_memory_equal(then.current, first.next, 16);
    tls_tickets_advance(tickets, start + ROTATION_MS + 2); /* once per period */
    then = names_of(tickets);
    assert_memory_equal(then.current, first.next, 16);
    tls_tickets_advance(tickets, start + 2 * ROTATION_MS + 1);
    then = names_of(tickets);
    assert_memory_equal(then.previous, first.next, 16);
    tls_tickets_release(tickets);
}

static void a_long_rest_changes_every_key(void **state)
{
    struct tls_tickets *tickets = tls_tickets_create(ROTATION_MS);
    struct names first;
    struct names then;
    struct names later;
    uint64_t start;

    (void)state;
    assert_non_null(tickets);
    first = names_of(tickets);
    start = now();
    tls_tickets_advance(tickets, start + 100 * (uint64_t)ROTATION_MS);
    then = names_of(tickets);
    assert_memory_not_equal(then.previous, first.current, 16);
    assert_memory_not_equal(then.previous, first.next, 16);
    assert_memory_not_equal(then.current, first.next, 16);
    /* And from there on a period is a period again. */
    tls_tickets_advance(tickets, start + 100 * (uint64_t)ROTATION_MS + ROTATION_MS / 2);
    later = names_of(tickets);
    assert_memory_equal(&later, &then, sizeof(then));
    tls_tickets_release(tickets);
}

/* The process that builds the contexts is forked into each one that serves. */
static void processes_have_keys_of_their_own(void **state)
{
    struct tls_tickets *tickets = tls_tickets_create(ROTATION_MS);
    unsigned char names[2][16];

    (void)state;
    assert_non_null(tickets);
    for (int i = 0; i < 2; i++) {
        int ends[2];
        int status;
        assert_int_equal(pipe(ends), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            tls_tickets_name(tickets, 1, names[i]);
            _exit(write(ends[1], names[i], 16) == 16 ? 0 : 1);
        }
        assert_int_equal(read(ends[0], names[i], 16), 16);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        (void)close(ends[0]);
        (void)close(ends[1]);
    }
    assert_memory_not_equal(names[0], names[1], 16);
    tls_tickets_release(tickets);
}

static const unsigned char *name_of(struct tls_tickets *tickets, unsigned which)
{
    static unsigned char names[8][16];
    static unsigned next;
    unsigned char *name = names[next++ % 8];

    tls_tickets_name(tickets, which, name);
    return name;
}

static bool takes_early_data(struct tls_tickets *tickets, int64_t now_s)
{
    static unsigned char random[REPLAY_RANDOM_BYTES];

    random[0]++;
    return replay_guard_is_first(tls_tickets_replay_guard(tickets), random, now_s);
}

/* What one has sealed the other opens; early data is taken by the first until then, and by the
 * other from when nothing that the first has taken could be fresh. */
static void keys_go_over_to_another_process(void **state)
{
    struct tls_tickets *leaves = tls_tickets_create(ROTATION_MS);
    struct tls_tickets *comes = tls_tickets_create(ROTATION_MS);
    int64_t now_s = clock_wall_s();
    unsigned char own[16];
    struct strbuf text;

    (void)state;
    strbuf_init(&text);
    assert_false(tls_tickets_write(leaves, &text)); /* it has sealed nothing */
    assert_int_equal(text.len, 0);
    tls_tickets_release(leaves);
    leaves = tls_tickets_create(ROTATION_MS);
    tls_tickets_advance(leaves, now() + ROTATION_MS / 2);
    assert_true(takes_early_data(leaves, now_s));
    memcpy(own, name_of(comes, 1), sizeof(own)); /* it serves already */
    assert_true(tls_tickets_write(leaves, &text));
    assert_false(takes_early_data(leaves, now_s));
    assert_false(takes_early_data(leaves, now_s + 1000000));
    assert_true(tls_tickets_inherit(comes, strbuf_span(&text)));
    assert_false(takes_early_data(comes, now_s));
    assert_false(takes_early_data(comes, now_s + REPLAY_WINDOW_S - 1));
    assert_true(takes_early_data(comes, now_s + REPLAY_WINDOW_S + 2));
    assert_memory_equal(name_of(comes, 0), name_of(leaves, 0), 16);
    assert_memory_equal(name_of(comes, 1), name_of(leaves, 1), 16);
    assert_memory_equal(name_of(comes, 2), own, 16);
    tls_tickets_advance(comes, now() + ROTATION_MS + 1); /* when the other one would have */
    assert_memory_equal(name_of(comes, 1), own, 16);
    strbuf_free(&text);
    tls_tickets_release(leaves);
    tls_tickets_release(comes);
}

static void what_is_no_key_changes_nothing(void **state)
{
    struct tls_tickets *tickets = tls_tickets_create(ROTATION_MS);
    struct names before = names_of(tickets);
    struct names after;
    struct strbuf text;

    (void)state;
    strbuf_init(&text);
    assert_true(tls_tickets_write(tickets, &text));
    assert_false(tls_tickets_inherit(tickets, SPAN_OF("")));
    assert_false(tls_tickets_inherit(tickets, span_head(strbuf_span(&text), text.len - 4)));
    text.ptr[9] = '?';
    assert_false(tls_tickets_inherit(tickets, strbuf_span(&text)));
    text.ptr[9] = 'A';
    strbuf_add_cstr(&text, "AAAA");
    assert_false(tls_tickets_inherit(tickets, strbuf_span(&text)));
    after = names_of(tickets);
    assert_memory_equal(&after, &before, sizeof(before));
    strbuf_free(&text);
    tls_tickets_release(tickets);
}

static void contexts_hold_their_keys(void **state)
{
    struct tls_tickets *tickets = tls_tickets_create(ROTATION_MS);
    SSL_CTX *one = SSL_CTX_new(TLS_server_method());
    SSL_CTX *other = SSL_CTX_new(TLS_server_method());

    (void)state;
    assert_non_null(tickets);
    assert_true(tls_tickets_install(tickets, one));
    assert_true(tls_tickets_install(tickets, other));
    assert_int_equal(SSL_CTX_get_timeout(one), 2 * ROTATION_MS / 1000);
    tls_tickets_release(tickets);
    SSL_CTX_free(one);
    tls_tickets_advance(tickets, now()); /* the other one holds them still */
    SSL_CTX_free(other);
}

static void lifetimes_stay_below_a_week(void **state)
{
    struct tls_tickets *tickets = tls_tickets_create(UINT64_C(90) * 24 * 3600 * 1000);
    SSL_CTX *ssl_ctx = SSL_CTX_new(TLS_server_method());

    (void)state;
    assert_non_null(tickets);
    assert_true(tls_tickets_install(tickets, ssl_ctx));
    assert_int_equal(SSL_CTX_get_timeout(ssl_ctx), 7L * 24 * 3600);
    tls_tickets_release(tickets);
    SSL_CTX_free(ssl_ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_move_on),
        cmocka_unit_test(a_long_rest_changes_every_key),
        cmocka_unit_test(processes_have_keys_of_their_own),
        cmocka_unit_test(keys_go_over_to_another_process),
        cmocka_unit_test(what_is_no_key_changes_nothing),
        cmocka_unit_test(contexts_hold_their_keys),
        cmocka_unit_test(lifetimes_stay_below_a_week),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
