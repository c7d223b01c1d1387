/* Which responses are compressed, and what becomes of their heads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "policy/compress_rule.h"

static const struct span patterns[] = {SPAN("text/*"), SPAN("application/json"),
                                       SPAN("application/grpc*")};
static const struct compress_rule rule = {.order = {CODING_ZSTD, CODING_GZIP},
                                          .order_count = 2,
                                          .types = patterns,
                                          .type_count = ARRAY_LEN(patterns),
                                          .from = 1000,
                                          .guards_secrets = true};

struct world {
    struct arena arena;
    struct http_request request;
    struct http_response response;
    struct compress_facts facts;
};

static void add_to(struct world *w, struct http_fields *fields, const char *name, const char *value)
{
    struct span span = span_from_cstr(name);

    http_fields_add(fields, &w->arena, http_field_id(span), span, span_from_cstr(value));
}

static void ask(struct world *w, const char *name, const char *value)
{
    add_to(w, &w->request.fields, name, value);
}

static void say(struct world *w, const char *name, const char *value)
{
    add_to(w, &w->response.fields, name, value);
}

/* A page of a server over https, to a client that takes gzip. */
static void begin(struct world *w)
{
    *w = (struct world){
        .request = {.version = HTTP_1_1, .method = HTTP_GET, .authority = SPAN_OF("a.example")},
        .response = {.version = HTTP_1_1,
                     .status = 200,
                     .framing = HTTP_FRAMING_LENGTH,
                     .has_content_length = true,
                     .content_length = 5000},
        .facts = {.is_https = true}};
    arena_init(&w->arena, 1024);
    w->facts.request = &w->request;
    w->facts.response = &w->response;
}

static void begin_page(struct world *w)
{
    begin(w);
    ask(w, "Accept-Encoding", "gzip, br");
    say(w, "Content-Type", "text/html; charset=utf-8");
}

/* "gzip", "vary" for one that could have been, "" for none. */
static const char *finish(struct world *w)
{
    struct compress_decision decision = compress_decide(&rule, &w->facts);

    arena_destroy(&w->arena);
    assert_true(decision.is_candidate || decision.coding == CODING_IDENTITY);
    return decision.coding != CODING_IDENTITY ? coding_name(decision.coding).ptr
           : decision.is_candidate            ? "vary"
                                              : "";
}

static void test_what_is_compressed(void **state)
{
    static const struct {
        const char *name, *value, *result;
    } cases[] = {
        {"X-Any", "1", "gzip"},
        {"Content-Encoding", "br", ""},
        {"Content-Encoding", "identity", ""},
        {"Content-Range", "bytes 0-1/2", ""},
        {"Cache-Control", "public, no-transform", ""},
        {"cache-control", "NO-TRANSFORM", ""},
        {"Cache-Control", "public", "gzip"},
        {"Signature-Input", "sig=()", ""},
        {"Set-Cookie", "a=b", "vary"},
    };
    struct world w;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin_page(&w);
        say(&w, cases[i].name, cases[i].value);
        assert_string_equal(finish(&w), cases[i].result);
    }
}

static void test_types(void **state)
{
    static const struct {
        const char *type, *result;
    } cases[] = {{"TEXT/plain", "gzip"},
                 {"application/json;charset=utf-8", "gzip"},
                 {"image/png", ""},
                 {"application/grpc", ""},
                 {"application/grpc+proto", ""},
                 {"application/grpc-web+proto", "gzip"},
                 {"", ""}};
    struct world w;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin(&w);
        ask(&w, "Accept-Encoding", "gzip");
        say(&w, "Content-Type", cases[i].type);
        assert_string_equal(finish(&w), cases[i].result);
    }
    begin(&w);
    ask(&w, "Accept-Encoding", "gzip");
    assert_string_equal(finish(&w), "");
}

static void test_lengths_and_statuses(void **state)
{
    static const struct {
        unsigned status;
        bool has_length;
        uint64_t length;
        const char *result;
    } cases[] = {{200, true, 1000, "gzip"}, {200, true, 999, ""},    {200, true, 0, ""},
                 {200, false, 0, "gzip"},   {404, false, 0, "gzip"}, {302, true, 5000, "gzip"},
                 {206, true, 5000, ""},     {204, false, 0, ""},     {205, false, 0, ""},
                 {304, false, 0, ""},       {103, false, 0, ""},     {500, true, 5000, "gzip"}};
    struct world w;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin_page(&w);
        w.response.status = cases[i].status;
        w.response.has_content_length = cases[i].has_length;
        w.response.content_length = cases[i].length;
        w.response.framing = cases[i].has_length ? HTTP_FRAMING_LENGTH : HTTP_FRAMING_CHUNKED;
        assert_string_equal(finish(&w), cases[i].result);
    }
}

static void test_head_is_decided_as_get(void **state)
{
    struct world w;

    (void)state;
    begin_page(&w);
    w.request.method = HTTP_HEAD;
    w.response.framing = HTTP_FRAMING_NONE;
    assert_string_equal(finish(&w), "gzip");
    begin_page(&w);
    w.request.method = HTTP_HEAD;
    w.response.framing = HTTP_FRAMING_NONE;
    w.response.has_content_length = false;
    assert_string_equal(finish(&w), "gzip");
    begin_page(&w);
    w.response.framing = HTTP_FRAMING_NONE; /* a GET that has no body, by its framing */
    w.response.has_content_length = false;
    assert_string_equal(finish(&w), "");
}

static void test_the_request_decides_too(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    say(&w, "Content-Type", "text/html");
    assert_string_equal(finish(&w), "vary");
    begin_page(&w);
    w.request.version = HTTP_1_0;
    assert_string_equal(finish(&w), "vary");
    begin_page(&w);
    ask(&w, "Cache-Control", "no-transform");
    assert_string_equal(finish(&w), "");
}

static void test_what_servers_are_not_told_was_asked_all_the_same(void **state)
{
    struct world w;

    (void)state;
    begin_page(&w);
    ask(&w, "Cookie", "a=b");
    ask(&w, "Origin", "https://evil.example");
    for (size_t i = 0; i < w.request.fields.count; i++) {
        w.request.fields.items[i].is_not_sent = true;
    }
    assert_string_equal(finish(&w), "vary");
    /* And what clients are not told was not said. */
    begin_page(&w);
    say(&w, "Set-Cookie", "a=b");
    say(&w, "Cache-Control", "no-transform");
    w.response.fields.items[1].is_not_sent = w.response.fields.items[2].is_not_sent = true;
    assert_string_equal(finish(&w), "gzip");
}

/* ---- BREACH ---- */

static void test_what_may_leak_is_left_as_it_is(void **state)
{
    static const struct {
        const char *fields[6];
        const char *result;
    } cases[] = {
        {{"Cookie", "a=b"}, "gzip"},
        {{"Cookie", "a=b", "Sec-Fetch-Site", "same-origin"}, "gzip"},
        {{"Cookie", "a=b", "Sec-Fetch-Site", "none"}, "gzip"},
        {{"Cookie", "a=b", "Sec-Fetch-Site", "cross-site"}, "vary"},
        {{"Cookie", "a=b", "Sec-Fetch-Site", "same-site"}, "vary"},
        {{"Authorization", "Basic x", "Sec-Fetch-Site", "cross-site"}, "vary"},
        {{"Cookie", "a=b", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-User", "?1"}, "gzip"},
        {{"Sec-Fetch-Site", "cross-site"}, "gzip"},
        {{"Cookie", "a=b", "Referer", "https://a.example/x"}, "gzip"},
        {{"Cookie", "a=b", "Referer", "https://b.example/x"}, "vary"},
        {{"Cookie", "a=b", "Origin", "https://A.example"}, "gzip"},
        {{"Cookie", "a=b", "Origin", "null"}, "vary"},
        {{"Cookie", "a=b", "Referer", "https://a.example.evil/x"}, "vary"},
        {{"Cookie", "a=b", "Origin", "https:"}, "vary"},
    };
    struct world w;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (int way = 0; way < 3; way++) {
            begin_page(&w);
            w.facts.is_https = way != 1;
            w.facts.is_public = way == 2;
            for (size_t f = 0; f < 6 && cases[i].fields[f] != NULL; f += 2) {
                ask(&w, cases[i].fields[f], cases[i].fields[f + 1]);
            }
            assert_string_equal(finish(&w), way == 0 ? cases[i].result : "gzip");
        }
    }
}

/* ---- heads ---- */

static const char *value_of(const struct http_fields *fields, const char *name)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (!fields->items[i].is_not_sent &&
            span_ieq(fields->items[i].name, span_from_cstr(name))) {
            return fields->items[i].value.ptr;
        }
    }
    return NULL;
}

static void test_vary_is_merged(void **state)
{
    static const struct {
        const char *before, *after;
    } cases[] = {{NULL, "Accept-Encoding"},
                 {"Cookie", "Cookie, Accept-Encoding"},
                 {"Cookie, accept-encoding", "Cookie, accept-encoding"},
                 {"*", "*"},
                 {"", "Accept-Encoding"}};
    struct world w;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin(&w);
        if (cases[i].before != NULL) {
            say(&w, "Vary", cases[i].before);
        }
        compress_add_vary(&w.response, &w.arena);
        compress_add_vary(&w.response, &w.arena);
        assert_string_equal(value_of(&w.response.fields, "vary"), cases[i].after);
        arena_destroy(&w.arena);
    }
}

static void test_heads_of_compressed_responses(void **state)
{
    struct world w;

    (void)state;
    begin(&w);
    say(&w, "Content-Length", "5000");
    say(&w, "Accept-Ranges", "bytes");
    say(&w, "Content-Digest", "sha-256=:x:");
    say(&w, "repr-digest", "sha-256=:x:");
    say(&w, "Digest", "x");
    say(&w, "Content-MD5", "x");
    say(&w, "ETag", "\"a\"");
    compress_mend_head(&w.response, CODING_ZSTD, &w.arena);
    assert_null(value_of(&w.response.fields, "Content-Length"));
    assert_null(value_of(&w.response.fields, "Accept-Ranges"));
    assert_null(value_of(&w.response.fields, "Content-Digest"));
    assert_null(value_of(&w.response.fields, "Repr-Digest"));
    assert_null(value_of(&w.response.fields, "Digest"));
    assert_null(value_of(&w.response.fields, "Content-MD5"));
    assert_string_equal(value_of(&w.response.fields, "ETag"), "W/\"a\"");
    assert_string_equal(value_of(&w.response.fields, "Content-Encoding"), "zstd");
    assert_int_equal(w.response.framing, HTTP_FRAMING_CHUNKED);
    assert_false(w.response.has_content_length);
    arena_destroy(&w.arena);
    begin(&w);
    say(&w, "ETag", "W/\"a\"");
    w.response.framing = HTTP_FRAMING_NONE;
    compress_mend_head(&w.response, CODING_GZIP, &w.arena);
    assert_string_equal(value_of(&w.response.fields, "ETag"), "W/\"a\"");
    assert_int_equal(w.response.framing, HTTP_FRAMING_NONE);
    arena_destroy(&w.arena);
}

static void test_a_304_has_the_etag_that_its_client_has(void **state)
{
    static const struct {
        const char *asked, *etag;
    } cases[] = {{"\"a\"", "\"a\""},
                 {"W/\"a\"", "W/\"a\""},
                 {"\"b\", W/\"a\"", "W/\"a\""},
                 {"W/\"b\"", "\"a\""},
                 {"*", "\"a\""}};
    struct world w;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        begin(&w);
        ask(&w, "If-None-Match", cases[i].asked);
        say(&w, "ETag", "\"a\"");
        say(&w, "Content-Length", "7");
        w.response.has_content_length = true;
        compress_mend_not_modified(&w.request, &w.response, &w.arena);
        assert_null(value_of(&w.response.fields, "Content-Length"));
        assert_false(w.response.has_content_length);
        assert_string_equal(value_of(&w.response.fields, "ETag"), cases[i].etag);
        arena_destroy(&w.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_compressed),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_lengths_and_statuses),
        cmocka_unit_test(test_head_is_decided_as_get),
        cmocka_unit_test(test_the_request_decides_too),
        cmocka_unit_test(test_what_servers_are_not_told_was_asked_all_the_same),
        cmocka_unit_test(test_what_may_leak_is_left_as_it_is),
        cmocka_unit_test(test_vary_is_merged),
        cmocka_unit_test(test_heads_of_compressed_responses),
        cmocka_unit_test(test_a_304_has_the_etag_that_its_client_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
