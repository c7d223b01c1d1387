/* Which fields an error of our own has: all of them, by name and value, for every status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/strbuf.h"
#include "http/own_answer.h"

static struct arena arena;
static struct strbuf text;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 4096);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_destroy(&arena);
    strbuf_free(&text);
    return 0;
}

#define ALWAYS                                                                                     \
    "Content-Type: text/plain; charset=utf-8\nX-Content-Type-Options: nosniff\n"                   \
    "Cache-Control: no-store\n"

static void assert_fields(unsigned status, const struct refusal_facts *facts, const char *expected)
{
    struct http_fields fields = {0};

    own_answer_fields(status, SPAN_OF("text/plain; charset=utf-8"), facts, &arena, &fields);
    strbuf_clear(&text);
    for (size_t i = 0; i < fields.count; i++) {
        strbuf_add(&text, fields.items[i].name);
        strbuf_add(&text, SPAN_OF(": "));
        strbuf_add(&text, fields.items[i].value);
        strbuf_add(&text, SPAN_OF("\n"));
        assert_false(fields.items[i].is_not_sent);
        assert_int_equal(fields.items[i].id, http_field_id(fields.items[i].name));
    }
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.ptr, expected, text.len);
}

static void every_error_is_plain_text_that_nobody_keeps(void **state)
{
    static const struct refusal_facts all = {.allow = SPAN("GET"),
                                             .content_range = SPAN("bytes */5")};

    (void)state;
    for (unsigned status = 400; status < 600; status++) {
        if (status != 405 && status != 416 && status != 429 && status != 503) {
            assert_fields(status, &all, ALWAYS);
        }
    }
}

static void a_405_says_what_is_allowed(void **state)
{
    (void)state;
    assert_fields(405, &(struct refusal_facts){.allow = SPAN("GET, HEAD")},
                  ALWAYS "Allow: GET, HEAD\n");
    /* RFC 9110 section 15.5.6: it must be there, even when no method is. */
    assert_fields(405, &(struct refusal_facts){0}, ALWAYS "Allow: \n");
}

static void a_416_tells_the_size_where_it_is_known(void **state)
{
    (void)state;
    assert_fields(416, &(struct refusal_facts){.content_range = SPAN("bytes */13")},
                  ALWAYS "Content-Range: bytes */13\n");
    assert_fields(416, &(struct refusal_facts){0}, ALWAYS);
}

static void what_passes_by_itself_has_retry_after(void **state)
{
    (void)state;
    assert_fields(503, &(struct refusal_facts){0}, ALWAYS "Retry-After: 5\n");
    assert_fields(429, &(struct refusal_facts){0}, ALWAYS "Retry-After: 5\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_error_is_plain_text_that_nobody_keeps, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_405_says_what_is_allowed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_416_tells_the_size_where_it_is_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_passes_by_itself_has_retry_after, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
