#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "edge/host_table.h"

static int shop;
static int wild;
static int fallback;
static int deep;

static void fill(struct host_table *table)
{
    host_table_init(table);
    assert_true(host_table_add(table, SPAN_OF("shop.example.com"), &shop));
    assert_true(host_table_add(table, SPAN_OF("*.example.com"), &wild));
    assert_true(host_table_add(table, SPAN_OF("*.b.example.com"), &deep));
}

/* On a heap copy of exact size, so that ASan sees a read past the name. */
static void *find(const struct host_table *table, const char *name, enum host_match *how)
{
    size_t len = strlen(name);
    char *copy = xmalloc(len + 1);

    memcpy(copy, name, len);
    char *exact = xrealloc(copy, len != 0 ? len : 1);
    void *site = host_table_find_how(table, span_make(exact, len), how);
    assert_ptr_equal(site, host_table_find(table, span_make(exact, len)));
    free(exact);
    return site;
}

static void test_exact_before_wildcard_before_default(void **state)
{
    static const struct {
        const char *name;
        void *site;
        enum host_match how;
    } cases[] = {
        {"shop.example.com", &shop, HOST_MATCH_EXACT},
        {"SHOP.Example.COM", &shop, HOST_MATCH_EXACT},
        {"shop.example.com.", &shop, HOST_MATCH_EXACT},
        {"other.example.com", &wild, HOST_MATCH_WILDCARD},
        {"OTHER.example.com.", &wild, HOST_MATCH_WILDCARD},
        {"a.b.example.com", &deep, HOST_MATCH_WILDCARD},
        {"b.example.com", &wild, HOST_MATCH_WILDCARD},
        /* One label only, as in certificates. */
        {"x.y.example.com", &fallback, HOST_MATCH_DEFAULT},
        {"x.a.b.example.com", &fallback, HOST_MATCH_DEFAULT},
        {"example.com", &fallback, HOST_MATCH_DEFAULT},
        {".example.com", &fallback, HOST_MATCH_DEFAULT},
        {"shop.example.com..", &fallback, HOST_MATCH_DEFAULT},
        {"*", &fallback, HOST_MATCH_DEFAULT},
        {"", &fallback, HOST_MATCH_DEFAULT},
        {".", &fallback, HOST_MATCH_DEFAULT},
        {"..", &fallback, HOST_MATCH_DEFAULT},
        {"[::1]", &fallback, HOST_MATCH_DEFAULT},
    };
    struct host_table table;
    enum host_match how;

    (void)state;
    fill(&table);
    for (int has_default = 0; has_default < 2; has_default++) {
        if (has_default) {
            assert_true(host_table_add(&table, SPAN_OF("*"), &fallback));
        }
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            bool is_none = cases[i].site == &fallback && !has_default;
            void *site = find(&table, cases[i].name, &how);
            assert_ptr_equal(site, is_none ? NULL : cases[i].site);
            assert_int_equal(how, is_none ? HOST_MATCH_NONE : cases[i].how);
        }
    }
    host_table_free(&table);
}

static void test_absent_host_gets_the_default(void **state)
{
    struct host_table table;

    (void)state;
    fill(&table);
    assert_null(host_table_find(&table, (struct span){NULL, 0}));
    assert_true(host_table_add(&table, SPAN_OF("*"), &fallback));
    assert_ptr_equal(host_table_find(&table, (struct span){NULL, 0}), &fallback);
    host_table_free(&table);
}

static void test_duplicates_are_refused(void **state)
{
    struct host_table table;

    (void)state;
    fill(&table);
    assert_false(host_table_add(&table, SPAN_OF("Shop.example.com."), &wild));
    assert_false(host_table_add(&table, SPAN_OF("*.EXAMPLE.com"), &shop));
    assert_true(host_table_add(&table, SPAN_OF("*"), &fallback));
    assert_false(host_table_add(&table, SPAN_OF("*"), &shop));
    assert_ptr_equal(host_table_find(&table, SPAN_OF("shop.example.com")), &shop);
    assert_ptr_equal(host_table_find(&table, SPAN_OF("nowhere")), &fallback);
    host_table_free(&table);
}

static void test_many_hosts(void **state)
{
    enum { COUNT = 3000 };
    struct host_table table;
    char(*names)[32] = xcalloc(COUNT, sizeof(*names));

    (void)state;
    host_table_init(&table);
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "%sh%d.example.net", i % 2 ? "*." : "", i);
        assert_true(host_table_add(&table, span_from_cstr(names[i]), names[i]));
    }
    for (int i = 0; i < COUNT; i++) {
        char asked[40];
        (void)snprintf(asked, sizeof(asked), "%sh%d.example.net", i % 2 ? "any." : "", i);
        assert_ptr_equal(host_table_find(&table, span_from_cstr(asked)), names[i]);
    }
    host_table_free(&table);
    free(names);
}

static const struct pattern *compile(struct arena *arena, const char *text)
{
    struct error error;
    size_t offset;
    const struct pattern *pattern =
        pattern_compile(span_from_cstr(text), HOST_PATTERN_FLAGS, arena, &error, &offset);

    assert_non_null(pattern);
    return pattern;
}

static void test_any_depth_and_expressions(void **state)
{
    static int any;
    static int longer;
    static int numbered;
    static int second;
    static const struct {
        const char *name;
        void *site;
        enum host_match how;
    } cases[] = {
        {"shop.example.com", &shop, HOST_MATCH_EXACT},
        {"a.example.com", &wild, HOST_MATCH_WILDCARD}, /* before any depth */
        {"x.y.example.com", &any, HOST_MATCH_ANY_DEPTH},
        {"X.Y.Z.Example.COM.", &any, HOST_MATCH_ANY_DEPTH},
        {"x.y.c.example.com", &longer, HOST_MATCH_ANY_DEPTH}, /* the longest of those */
        {"x.c.example.com", &longer, HOST_MATCH_ANY_DEPTH},
        {"c.example.com", &wild, HOST_MATCH_WILDCARD},
        {".x.example.com", &fallback, HOST_MATCH_DEFAULT},
        {"x..example.com", &fallback, HOST_MATCH_DEFAULT},
        {"example.com", &fallback, HOST_MATCH_DEFAULT},
        {"app7.test", &numbered, HOST_MATCH_PATTERN},
        {"APP7.test.", &numbered, HOST_MATCH_PATTERN},
        {"appx.test", &second, HOST_MATCH_PATTERN},
        {"app7.test.evil", &fallback, HOST_MATCH_DEFAULT}, /* as a whole */
        {"xapp7.test", &fallback, HOST_MATCH_DEFAULT},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.", &fallback, HOST_MATCH_DEFAULT},
    };
    struct host_table table;
    struct arena arena;
    enum host_match how;

    (void)state;
    arena_init(&arena, 1024);
    fill(&table);
    assert_true(host_table_add(&table, SPAN_OF("*"), &fallback));
    assert_true(host_table_add(&table, SPAN_OF("**.example.com"), &any));
    assert_true(host_table_add(&table, SPAN_OF("**.c.example.com"), &longer));
    assert_false(host_table_add(&table, SPAN_OF("**.C.example.com"), &any));
    host_table_add_pattern(&table, compile(&arena, "app[0-9]\\.test"), &numbered);
    host_table_add_pattern(&table, compile(&arena, "app.\\.test"), &second);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        void *site = find(&table, cases[i].name, &how);
        if (site != cases[i].site || how != cases[i].how) {
            fail_msg("%s: %d", cases[i].name, how);
        }
    }
    /* What is not known to be no site's is not the default's. */
    host_table_add_pattern(&table, compile(&arena, "(a+)+[bd]"), &second);
    assert_null(find(&table, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", &how));
    assert_int_equal(how, HOST_MATCH_NONE);
    host_table_free(&table);
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_depth_and_expressions),
        cmocka_unit_test(test_exact_before_wildcard_before_default),
        cmocka_unit_test(test_absent_host_gets_the_default),
        cmocka_unit_test(test_duplicates_are_refused),
        cmocka_unit_test(test_many_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
