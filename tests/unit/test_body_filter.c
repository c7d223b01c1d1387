/* Chains of body filters: order, what is held, the end, and failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "policy/filter_limit.h"

struct world {
    struct arena arena;
    struct strbuf out;
    struct http_response response;
    struct body_chain chain;
};

static void on_out(void *owner, struct span bytes)
{
    strbuf_add(&((struct world *)owner)->out, bytes);
}

/* A filter that holds up to three bytes and gives them on in pieces of three, each with a mark. */
struct threes {
    struct body_filter base;
    const char *mark;
    char kept[3];
    size_t count;
};

static struct threes *threes_of(const struct body_filter *filter)
{
    return CONTAINER_OF((struct body_filter *)(uintptr_t)filter, struct threes, base);
}

static bool threes_flush(struct body_filter *filter)
{
    struct threes *threes = threes_of(filter);
    struct span kept = span_make(threes->kept, threes->count);

    if (threes->count == 0) {
        return true;
    }
    threes->count = 0;
    return body_filter_give(filter, kept) && body_filter_give(filter, span_from_cstr(threes->mark));
}

static bool threes_push(struct body_filter *filter, struct span bytes)
{
    struct threes *threes = threes_of(filter);

    for (size_t i = 0; i < bytes.len; i++) {
        threes->kept[threes->count++] = bytes.ptr[i];
        if (threes->count == 3 && !threes_flush(filter)) {
            return false;
        }
    }
    return true;
}

static size_t threes_held(const struct body_filter *filter)
{
    return threes_of(filter)->count;
}

static const struct body_filter_type threes_type = {.name = "threes",
                                                    .push = threes_push,
                                                    .end = threes_flush,
                                                    .flush = threes_flush,
                                                    .held = threes_held};

static struct body_filter *make_threes(const void *settings, const struct http_response *response,
                                       struct arena *arena)
{
    struct threes *threes = arena_calloc(arena, sizeof(*threes));

    (void)response;
    threes->base.type = &threes_type;
    threes->mark = settings;
    return &threes->base;
}

static struct body_filter *make_none(const void *settings, const struct http_response *response,
                                     struct arena *arena)
{
    (void)settings;
    (void)response;
    (void)arena;
    return NULL;
}

static int set_up(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));

    arena_init(&world->arena, 1024);
    strbuf_init(&world->out);
    world->response.framing = HTTP_FRAMING_CHUNKED;
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    strbuf_free(&world->out);
    arena_destroy(&world->arena);
    free(world);
    return 0;
}

static bool begin(struct world *world, const struct body_filter_maker *makers, size_t count)
{
    struct body_filter_list list = {makers, count};

    return body_chain_init(&world->chain, &list, &world->response, &world->arena, on_out, world);
}

static void assert_out(const struct world *world, const char *expected)
{
    assert_int_equal(world->out.len, strlen(expected));
    assert_memory_equal(world->out.ptr, expected, world->out.len);
}

static void pieces_go_through_each_in_order(void **state)
{
    struct world *world = *state;
    const struct body_filter_maker makers[] = {
        {make_threes, "-"}, {make_none, NULL}, {make_threes, "+"}};

    assert_true(begin(world, makers, 3));
    assert_true(body_chain_push(&world->chain, SPAN_OF("abcde")));
    /* abc- from the first; abc+ from the second, which holds the '-' */
    assert_out(world, "abc+");
    assert_int_equal(body_chain_held(&world->chain), 3);
    assert_true(body_chain_end(&world->chain));
    assert_out(world, "abc+-de+-+");
    assert_int_equal(body_chain_held(&world->chain), 0);
}

static void flush_gives_on_what_is_held(void **state)
{
    struct world *world = *state;
    const struct body_filter_maker makers[] = {{make_threes, "-"}, {make_threes, "+"}};

    assert_true(begin(world, makers, 2));
    assert_true(body_chain_push(&world->chain, SPAN_OF("a")));
    assert_out(world, "");
    assert_true(body_chain_flush(&world->chain));
    assert_out(world, "a-+");
    assert_true(body_chain_push(&world->chain, SPAN_OF("bcd")));
    assert_true(body_chain_end(&world->chain));
    assert_out(world, "a-+bcd+-+");
}

/* Keeps all that comes, until it is asked. */
struct hoard {
    struct body_filter base;
    struct strbuf kept;
};

static bool hoard_push(struct body_filter *filter, struct span bytes)
{
    strbuf_add(&CONTAINER_OF(filter, struct hoard, base)->kept, bytes);
    return true;
}

static bool hoard_flush(struct body_filter *filter)
{
    struct hoard *hoard = CONTAINER_OF(filter, struct hoard, base);
    bool ok = body_filter_give(filter, strbuf_span(&hoard->kept));

    strbuf_free(&hoard->kept);
    return ok;
}

static size_t hoard_held(const struct body_filter *filter)
{
    return CONTAINER_OF((struct body_filter *)(uintptr_t)filter, struct hoard, base)->kept.len;
}

static const struct body_filter_type hoard_type = {.name = "hoard",
                                                   .push = hoard_push,
                                                   .end = hoard_flush,
                                                   .flush = hoard_flush,
                                                   .held = hoard_held};

static struct body_filter *make_hoard(const void *settings, const struct http_response *response,
                                      struct arena *arena)
{
    struct hoard *hoard = arena_calloc(arena, sizeof(*hoard));

    (void)settings;
    (void)response;
    hoard->base.type = &hoard_type;
    return &hoard->base;
}

static void chain_that_holds_too_much_gives_on(void **state)
{
    struct world *world = *state;
    const struct body_filter_maker makers[] = {{make_hoard, NULL}};
    char piece[1024] = {0};
    size_t sent = 0;

    assert_true(begin(world, makers, 1));
    for (int i = 0; i < 1000; i++) {
        assert_true(body_chain_push(&world->chain, span_make(piece, sizeof(piece))));
        sent += sizeof(piece);
        assert_true(body_chain_held(&world->chain) < BODY_CHAIN_HELD_MAX);
        assert_int_equal(world->out.len + body_chain_held(&world->chain), sent);
    }
    assert_true(body_chain_end(&world->chain));
    assert_int_equal(world->out.len, sent);
}

static void chain_of_nothing_is_empty(void **state)
{
    struct world *world = *state;
    const struct body_filter_maker makers[] = {{make_none, NULL}};

    assert_true(begin(world, makers, 1));
    assert_true(body_chain_is_empty(&world->chain));
}

static void limit_lets_just_as_much_pass(void **state)
{
    struct world *world = *state;
    const uint64_t limit = 5;
    const struct body_filter_maker makers[] = {{filter_limit_make, &limit}};

    assert_true(begin(world, makers, 1));
    assert_true(body_chain_push(&world->chain, SPAN_OF("abc")));
    assert_true(body_chain_push(&world->chain, SPAN_OF("de")));
    assert_true(body_chain_end(&world->chain));
    assert_out(world, "abcde");
}

static void nothing_passes_behind_a_failure(void **state)
{
    struct world *world = *state;
    const uint64_t limit = 5;
    const struct body_filter_maker makers[] = {{filter_limit_make, &limit}, {make_threes, "+"}};

    assert_true(begin(world, makers, 2));
    assert_true(body_chain_push(&world->chain, SPAN_OF("abcd")));
    assert_false(body_chain_push(&world->chain, SPAN_OF("ef")));
    assert_string_equal(world->chain.failure.reason, "response_too_large");
    assert_false(body_chain_push(&world->chain, SPAN_OF("g")));
    assert_false(body_chain_flush(&world->chain));
    assert_false(body_chain_end(&world->chain));
    assert_out(world, "abc+");
}

static void length_over_the_limit_is_refused_with_the_head(void **state)
{
    struct world *world = *state;
    const uint64_t limit = 5;
    const struct body_filter_maker makers[] = {{filter_limit_make, &limit}};

    world->response = (struct http_response){
        .framing = HTTP_FRAMING_LENGTH, .has_content_length = true, .content_length = 6};
    assert_false(begin(world, makers, 1));
    assert_true(world->chain.has_failed);
    world->response.content_length = 5;
    assert_true(begin(world, makers, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pieces_go_through_each_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(flush_gives_on_what_is_held, set_up, tear_down),
        cmocka_unit_test_setup_teardown(chain_that_holds_too_much_gives_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(chain_of_nothing_is_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limit_lets_just_as_much_pass, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_passes_behind_a_failure, set_up, tear_down),
        cmocka_unit_test_setup_teardown(length_over_the_limit_is_refused_with_the_head, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
