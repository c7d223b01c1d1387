/* What requests have in common that should get the same server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "edge/balance_key.h"

static struct arena arena;
static struct http_request request;
static struct balance_hash_settings hash;
static const struct balance_settings by_hash = {.strategy = BALANCE_HASH, .hash = &hash};

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 1024);
    request = (struct http_request){0};
    hash = (struct balance_hash_settings){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_destroy(&arena);
    return 0;
}

static void add(enum http_field_id id, const char *name, const char *value)
{
    http_fields_add(&request.fields, &arena, id, span_from_cstr(name), span_from_cstr(value));
}

static struct span find(void)
{
    return balance_key_find(&by_hash, &(struct balance_facts){.request = &request,
                                                              .sni = SPAN_OF("a.example"),
                                                              .path = SPAN_OF("/p")});
}

static void assert_key(const char *expected)
{
    struct span key = find();

    if (expected == NULL) {
        assert_null(key.ptr);
        return;
    }
    assert_non_null(key.ptr);
    assert_true(span_eq_cstr(key, expected));
}

static struct span identity(void *asker, const char *name)
{
    return asker == NULL  ? span_make(NULL, 0)
           : name == NULL ? SPAN_OF("ann")
                          : span_from_cstr(name);
}

static void who_sends_the_request_is_asked_for(void **state)
{
    const struct balance_facts known = {.identity = identity, .asker = &hash};
    const struct balance_facts unknown = {.identity = identity};

    (void)state;
    hash.key = BALANCE_KEY_USER;
    hash.claim = NULL;
    assert_true(span_eq_cstr(balance_key_find(&by_hash, &known), "ann"));
    assert_null(balance_key_find(&by_hash, &unknown).ptr);
    hash.key = BALANCE_KEY_CLAIM;
    hash.claim = "tenant";
    assert_true(span_eq_cstr(balance_key_find(&by_hash, &known), "tenant"));
    assert_null(balance_key_find(&by_hash, &unknown).ptr);
    assert_null(balance_key_find(&by_hash, &(struct balance_facts){.path = {0}}).ptr);
}

static void a_cookie_is_found_by_its_whole_name(void **state)
{
    (void)state;
    hash.key = BALANCE_KEY_COOKIE;
    hash.cookie = "id";
    assert_key(NULL);
    add(FIELD_COOKIE, "Cookie", "xid=1; ID=2;  id=3=4 ; id=5");
    assert_key("3=4");
    hash.cookie = "5";
    assert_key(NULL);
}

static void a_cookie_may_stand_in_a_later_field(void **state)
{
    (void)state;
    hash.key = BALANCE_KEY_COOKIE;
    hash.cookie = "id";
    add(FIELD_COOKIE, "Cookie", "a=1");
    add(FIELD_COOKIE, "Cookie", ";;id=");
    assert_key("");
}

static void a_field_is_found_in_any_case(void **state)
{
    (void)state;
    hash.key = BALANCE_KEY_HEADER;
    hash.header = "X-User";
    assert_key(NULL);
    add(FIELD_OTHER, "x-user", "me");
    assert_key("me");
}

static void a_parameter_is_found_as_it_was_written(void **state)
{
    (void)state;
    hash.key = BALANCE_KEY_QUERY;
    hash.query = "u";
    assert_key(NULL);
    request.query = SPAN_OF("au=1&u&U=2&u=%31&u=4");
    assert_key("%31");
}

static void path_and_name_are_the_facts(void **state)
{
    (void)state;
    hash.key = BALANCE_KEY_PATH;
    assert_key("/p");
    hash.key = BALANCE_KEY_SNI;
    assert_key("a.example");
}

static void of_an_ipv6_address_the_network_counts(void **state)
{
    static const uint8_t v4[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7};
    static const uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9};
    const struct balance_settings source = {.strategy = BALANCE_SOURCE};
    struct span key;

    (void)state;
    key = balance_key_find(&source, &(struct balance_facts){.ip = v4});
    assert_true(span_eq(key, span_make(v4 + 12, 4)));
    key = balance_key_find(&source, &(struct balance_facts){.ip = v6});
    assert_true(span_eq(key, span_make(v6, 8)));
    key = balance_key_find(&source, &(struct balance_facts){.ip = NULL});
    assert_null(key.ptr);
}

static void nothing_is_seen_of_requests_that_pass_through(void **state)
{
    (void)state;
    for (unsigned key = BALANCE_KEY_HEADER; key <= BALANCE_KEY_QUERY; key++) {
        hash.key = (enum balance_key)key;
        assert_null(balance_key_find(&by_hash, &(struct balance_facts){.path = {0}}).ptr);
    }
}

static void others_have_no_key(void **state)
{
    const struct balance_settings ewma = {.strategy = BALANCE_EWMA};

    (void)state;
    assert_false(balance_has_key(&ewma));
    assert_null(balance_key_find(&ewma, &(struct balance_facts){.request = &request}).ptr);
    assert_null(balance_key_words(&ewma, &arena));
    assert_string_equal(balance_key_words(&by_hash, &arena), "the client's address");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_cookie_is_found_by_its_whole_name),
        TEST(a_cookie_may_stand_in_a_later_field),
        TEST(a_field_is_found_in_any_case),
        TEST(a_parameter_is_found_as_it_was_written),
        TEST(path_and_name_are_the_facts),
        TEST(of_an_ipv6_address_the_network_counts),
        TEST(nothing_is_seen_of_requests_that_pass_through),
        TEST(who_sends_the_request_is_asked_for),
        TEST(others_have_no_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
