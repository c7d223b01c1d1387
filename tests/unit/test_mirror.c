/* Which requests are copied to a mirror, and what is counted of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "edge/mirror.h"
#include "gateway/mirror_counts.h"

static const struct http_request get = {.method = HTTP_GET};

static enum mirror_choice choose(const struct http_request *request, uint64_t random,
                                 unsigned share)
{
    return mirror_choose(&(struct mirror_facts){
        .request = request, .random = random, .share = share, .body_limit = 1000, .max = 4});
}

static void the_share_is_exact(void **state)
{
    static const unsigned shares[] = {0, 1, 50, 99, 100};

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        unsigned copied = 0;
        for (uint64_t random = 0; random < 1000; random++) {
            copied += choose(&get, random, shares[i]) == MIRROR_COPY;
        }
        assert_int_equal(copied, shares[i] * 10);
    }
}

static void a_body_over_the_bound_is_not_copied(void **state)
{
    struct http_request post = {
        .method = HTTP_POST, .framing = HTTP_FRAMING_LENGTH, .content_length = 1000};

    (void)state;
    assert_int_equal(choose(&post, 0, 100), MIRROR_COPY);
    post.content_length = 1001;
    assert_int_equal(choose(&post, 0, 100), MIRROR_TOO_LARGE);
    post.content_length = UINT64_MAX;
    assert_int_equal(choose(&post, 0, 100), MIRROR_TOO_LARGE);
    assert_int_equal(choose(&post, 99, 99), MIRROR_PASS); /* none of those that would be */
    post.framing = HTTP_FRAMING_CHUNKED;
    assert_int_equal(choose(&post, 0, 100), MIRROR_COPY); /* as long as it turns out to be */
}

static void so_many_are_under_way_at_once(void **state)
{
    struct mirror_facts facts = {.request = &get, .share = 100, .under_way = 3, .max = 4};

    (void)state;
    assert_int_equal(mirror_choose(&facts), MIRROR_COPY);
    facts.under_way = 4;
    assert_int_equal(mirror_choose(&facts), MIRROR_FULL);
    facts.random = 99;
    facts.share = 99;
    assert_int_equal(mirror_choose(&facts), MIRROR_PASS);
}

static void what_another_server_should_not_get_is_not_copied(void **state)
{
    struct http_request connect = {.method = HTTP_CONNECT};
    struct http_request upgrade = {.method = HTTP_GET, .upgrade = SPAN("websocket")};
    struct http_request extended = {.method = HTTP_GET, .is_extended_connect = true};
    struct http_request move = {.method = HTTP_METHOD_OTHER};
    struct mirror_facts early = {.request = &get, .share = 100, .max = 1, .is_early = true};
    struct mirror_facts bound = {.request = &get, .share = 100, .max = 1, .is_auth_bound = true};
    struct arena arena;

    (void)state;
    arena_init(&arena, 1024);
    http_fields_add(&move.fields, &arena, FIELD_DESTINATION, SPAN_OF("Destination"),
                    SPAN_OF("https://a.example/b"));
    assert_int_equal(choose(&connect, 0, 100), MIRROR_PASS);
    assert_int_equal(choose(&upgrade, 0, 100), MIRROR_PASS);
    assert_int_equal(choose(&extended, 0, 100), MIRROR_PASS);
    assert_int_equal(choose(&move, 0, 100), MIRROR_PASS);
    assert_int_equal(mirror_choose(&early), MIRROR_PASS);
    assert_int_equal(mirror_choose(&bound), MIRROR_PASS);
    arena_destroy(&arena);
}

static void count_one(void *arg, const struct mirror_counts *counts)
{
    (void)counts;
    ++*(unsigned *)arg;
}

static void counts_go_on_and_are_bounded(void **state)
{
    struct mirror_counts *first = mirror_counts_of("a/1", "b");
    const struct mirror_counts *last = NULL;
    unsigned told = 0;
    char name[32];

    (void)state;
    mirror_counts_each(count_one, &told);
    assert_int_equal(told, 0); /* nothing was counted yet */
    mirror_counts_add(first, MIRROR_SENT);
    assert_ptr_equal(mirror_counts_of("a/1", "b"), first);
    assert_ptr_not_equal(mirror_counts_of("a/1", "c"), first);
    assert_ptr_not_equal(mirror_counts_of("a/2", "b"), first);
    assert_int_equal(mirror_counts_get(first, MIRROR_SENT), 1);
    for (unsigned i = 0; i < MIRROR_COUNTS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "r/%u", i);
        last = mirror_counts_of(name, "b");
    }
    assert_string_equal(last->route, "(others)");
    assert_ptr_equal(mirror_counts_of("a/1", "b"), first);
    mirror_counts_each(count_one, &told);
    assert_int_equal(told, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_share_is_exact),
        cmocka_unit_test(a_body_over_the_bound_is_not_copied),
        cmocka_unit_test(so_many_are_under_way_at_once),
        cmocka_unit_test(what_another_server_should_not_get_is_not_copied),
        cmocka_unit_test(counts_go_on_and_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
