#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "http/h2_response.h"

#define FIELDS_MAX 6

struct one_case {
    const char *fields[FIELDS_MAX]; /* "name=value" */
    enum http_method method;
    bool is_end;
    enum h2_error error;
    enum http_framing framing;
    long long length; /* -1: none */
};

static const struct h2_limits limits = {.head_bytes = 1024, .target_bytes = 64, .fields = 10};

/* Names and values in heap copies of exact size, so that ASan sees a read beyond them. */
static void add(struct h2_response *head, const char *field)
{
    const char *equals = strchr(field, '=');
    size_t name_len = (size_t)(equals - field);
    size_t value_len = strlen(equals + 1);
    char *name = malloc(name_len + 1);
    char *value = malloc(value_len + 1);

    memcpy(name, field, name_len);
    memcpy(value, equals + 1, value_len);
    name = realloc(name, name_len != 0 ? name_len : 1);
    value = realloc(value, value_len != 0 ? value_len : 1);
    h2_response_add(head, span_make(name, name_len), span_make(value, value_len));
    free(name);
    free(value);
}

static const struct one_case good[] = {
    {{":status=200"}, HTTP_GET, true, H2_OK, HTTP_FRAMING_NONE, -1},
    {{":status=200"}, HTTP_GET, false, H2_OK, HTTP_FRAMING_CHUNKED, -1},
    {{":status=200", "content-length=5"}, HTTP_GET, false, H2_OK, HTTP_FRAMING_LENGTH, 5},
    {{":status=200", "content-length=0"}, HTTP_GET, false, H2_OK, HTTP_FRAMING_NONE, 0},
    {{":status=200", "content-length=0"}, HTTP_GET, true, H2_OK, HTTP_FRAMING_NONE, 0},
    {{":status=200", "content-length=5"}, HTTP_HEAD, true, H2_OK, HTTP_FRAMING_NONE, 5},
    {{":status=200", "content-length=5"}, HTTP_HEAD, false, H2_OK, HTTP_FRAMING_NONE, 5},
    {{":status=304", "content-length=5"}, HTTP_GET, true, H2_OK, HTTP_FRAMING_NONE, 5},
    {{":status=204", "content-length=5"}, HTTP_GET, true, H2_OK, HTTP_FRAMING_NONE, -1},
    {{":status=204"}, HTTP_GET, false, H2_OK, HTTP_FRAMING_NONE, -1},
    {{":status=204", "content-length=x"}, HTTP_GET, false, H2_OK, HTTP_FRAMING_NONE, -1},
    {{":status=205", "content-length=5"}, HTTP_GET, false, H2_OK, HTTP_FRAMING_NONE, 0},
    {{":status=205"}, HTTP_GET, true, H2_OK, HTTP_FRAMING_NONE, 0},
    /* RFC 9110 section 8.6 */
    {{":status=200", "content-length=5", "content-length=5"},
     HTTP_GET,
     false,
     H2_OK,
     HTTP_FRAMING_LENGTH,
     5},
    {{":status=200", "content-length=5, 5"}, HTTP_GET, false, H2_OK, HTTP_FRAMING_LENGTH, 5},
    {{":status=100"}, HTTP_POST, false, H2_OK, HTTP_FRAMING_NONE, -1},
    {{":status=103", "link=</a>"}, HTTP_GET, false, H2_OK, HTTP_FRAMING_NONE, -1},
    {{":status=999", "x="}, HTTP_GET, true, H2_OK, HTTP_FRAMING_NONE, -1},
    {{":status=200", "x=a b", "x=\xe9"}, HTTP_GET, true, H2_OK, HTTP_FRAMING_NONE, -1},
    {{":status=200", "set-cookie=a", "set-cookie=b"}, HTTP_GET, true, H2_OK, HTTP_FRAMING_NONE, -1},
};

/* RFC 9113 section 8.1.1: "Malformed requests or responses that are detected MUST be treated as a
 * stream error". */
static const struct one_case bad[] = {
    {{"x=y"}, HTTP_GET, true, H2_BAD_MISSING_PSEUDO, 0, 0},
    {{NULL}, HTTP_GET, true, H2_BAD_MISSING_PSEUDO, 0, 0},
    {{":status=200", ":status=200"}, HTTP_GET, true, H2_BAD_PSEUDO, 0, 0},
    {{"x=y", ":status=200"}, HTTP_GET, true, H2_BAD_PSEUDO, 0, 0},
    {{":status=200", ":path=/"}, HTTP_GET, true, H2_BAD_PSEUDO, 0, 0},
    {{":status=200", ":method=GET"}, HTTP_GET, true, H2_BAD_PSEUDO, 0, 0},
    {{":status=200", ":x=y"}, HTTP_GET, true, H2_BAD_PSEUDO, 0, 0},
    {{":Status=200"}, HTTP_GET, true, H2_BAD_PSEUDO, 0, 0},
    {{":status="}, HTTP_GET, true, H2_BAD_STATUS, 0, 0},
    {{":status=20"}, HTTP_GET, true, H2_BAD_STATUS, 0, 0},
    {{":status=0200"}, HTTP_GET, true, H2_BAD_STATUS, 0, 0},
    {{":status=+20"}, HTTP_GET, true, H2_BAD_STATUS, 0, 0},
    {{":status=2x0"}, HTTP_GET, true, H2_BAD_STATUS, 0, 0},
    {{":status=099"}, HTTP_GET, true, H2_BAD_STATUS, 0, 0},
    {{":status=200 "}, HTTP_GET, true, H2_BAD_STATUS, 0, 0},
    {{":status=101"}, HTTP_GET, false, H2_BAD_STATUS, 0, 0},
    {{":status=100"}, HTTP_GET, true, H2_BAD_STATUS, 0, 0},
    {{":status=200", "X=y"}, HTTP_GET, true, H2_BAD_FIELD_NAME, 0, 0},
    {{":status=200", "=y"}, HTTP_GET, true, H2_BAD_FIELD_NAME, 0, 0},
    {{":status=200", "x y=z"}, HTTP_GET, true, H2_BAD_FIELD_NAME, 0, 0},
    {{":status=200", "x:=z"}, HTTP_GET, true, H2_BAD_FIELD_NAME, 0, 0},
    {{":status=200", "x= y"}, HTTP_GET, true, H2_BAD_FIELD_VALUE, 0, 0},
    {{":status=200", "x=y\t"}, HTTP_GET, true, H2_BAD_FIELD_VALUE, 0, 0},
    {{":status=200", "x=a\rb"}, HTTP_GET, true, H2_BAD_FIELD_VALUE, 0, 0},
    {{":status=200", "x=a\nb"}, HTTP_GET, true, H2_BAD_FIELD_VALUE, 0, 0},
    {{":status=200", "x=a\x7f"}, HTTP_GET, true, H2_BAD_FIELD_VALUE, 0, 0},
    {{":status=200", "connection=close"}, HTTP_GET, true, H2_BAD_CONNECTION_FIELD, 0, 0},
    {{":status=200", "keep-alive=5"}, HTTP_GET, true, H2_BAD_CONNECTION_FIELD, 0, 0},
    {{":status=200", "upgrade=x"}, HTTP_GET, true, H2_BAD_CONNECTION_FIELD, 0, 0},
    {{":status=200", "transfer-encoding=chunked"}, HTTP_GET, false, H2_BAD_CONNECTION_FIELD, 0, 0},
    {{":status=200", "proxy-connection=x"}, HTTP_GET, true, H2_BAD_CONNECTION_FIELD, 0, 0},
    {{":status=200", "content-length=5"}, HTTP_GET, true, H2_BAD_LENGTH_MISMATCH, 0, 0},
    {{":status=200", "content-length=5", "content-length=6"},
     HTTP_GET,
     false,
     H2_BAD_CONTENT_LENGTH,
     0,
     0},
    {{":status=200", "content-length=5, 6"}, HTTP_GET, false, H2_BAD_CONTENT_LENGTH, 0, 0},
    {{":status=200", "content-length=x"}, HTTP_GET, false, H2_BAD_CONTENT_LENGTH, 0, 0},
    {{":status=200", "content-length="}, HTTP_GET, false, H2_BAD_CONTENT_LENGTH, 0, 0},
    {{":status=200", "content-length=-1"}, HTTP_GET, false, H2_BAD_CONTENT_LENGTH, 0, 0},
    {{":status=200", "content-length=99999999999999999999"},
     HTTP_GET,
     false,
     H2_BAD_CONTENT_LENGTH,
     0,
     0},
};

static void run(const struct one_case *c)
{
    struct arena arena;
    struct http_response response;
    struct h2_response head;
    enum h2_error error;

    arena_init(&arena, 4096);
    h2_response_init(&head, &arena, &limits, &response);
    for (size_t i = 0; i < FIELDS_MAX && c->fields[i] != NULL; i++) {
        add(&head, c->fields[i]);
    }
    error = h2_response_finish(&head, c->method, c->is_end);
    if (error != c->error) {
        fail_msg("%s...: %s instead of %s", c->fields[0] != NULL ? c->fields[0] : "nothing",
                 h2_error_word(error), h2_error_word(c->error));
    }
    if (error == H2_OK) {
        assert_int_equal(response.version, HTTP_2);
        assert_int_equal(response.framing, c->framing);
        assert_int_equal(response.has_content_length, c->length >= 0);
        assert_int_equal(response.content_length, c->length >= 0 ? c->length : 0);
    }
    arena_destroy(&arena);
}

static void responses_are_taken_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        run(&good[i]);
    }
}

static void malformed_responses_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        run(&bad[i]);
    }
}

static void fields_keep_order_and_place(void **state)
{
    struct arena arena;
    struct http_response response;
    struct h2_response head;

    (void)state;
    arena_init(&arena, 4096);
    h2_response_init(&head, &arena, &limits, &response);
    add(&head, ":status=404");
    add(&head, "server=s");
    add(&head, "x-a=1");
    add(&head, "content-length=3");
    add(&head, "proxy-authenticate=Basic");
    assert_int_equal(h2_response_finish(&head, HTTP_GET, false), H2_OK);
    assert_int_equal(response.status, 404);
    assert_int_equal(response.fields.count, 4);
    assert_true(span_eq_cstr(response.fields.items[1].name, "x-a"));
    assert_true(span_eq_cstr(response.fields.items[1].value, "1"));
    assert_true(http_fields_has(&response.fields, FIELD_SERVER));
    assert_false(response.fields.items[2].is_not_sent);
    assert_true(response.fields.items[3].is_not_sent);
    arena_destroy(&arena);
}

/* RFC 9110 section 8.6: none in a 1xx or 204, so it does not go on. */
static void length_of_no_content_stays_behind(void **state)
{
    struct arena arena;
    struct http_response response;
    struct h2_response head;

    (void)state;
    arena_init(&arena, 4096);
    h2_response_init(&head, &arena, &limits, &response);
    add(&head, ":status=204");
    add(&head, "content-length=7");
    assert_int_equal(h2_response_finish(&head, HTTP_GET, true), H2_OK);
    assert_true(response.fields.items[0].is_not_sent);
    arena_destroy(&arena);
}

static void limits_hold(void **state)
{
    struct arena arena;
    struct http_response response;
    struct h2_response head;
    char field[512];

    (void)state;
    arena_init(&arena, 4096);
    h2_response_init(&head, &arena, &limits, &response);
    add(&head, ":status=200");
    for (int i = 0; i < 11; i++) {
        add(&head, "x=y");
    }
    assert_int_equal(h2_response_finish(&head, HTTP_GET, true), H2_TOO_MANY_FIELDS);
    memset(field, 'a', sizeof(field));
    field[1] = '=';
    field[sizeof(field) - 1] = '\0';
    h2_response_init(&head, &arena, &limits, &response);
    add(&head, ":status=200");
    add(&head, field);
    assert_int_equal(head.section.error, H2_OK);
    add(&head, field);
    add(&head, field);
    assert_int_equal(h2_response_finish(&head, HTTP_GET, true), H2_HEAD_TOO_LARGE);
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(responses_are_taken_apart),
        cmocka_unit_test(malformed_responses_are_refused),
        cmocka_unit_test(fields_keep_order_and_place),
        cmocka_unit_test(length_of_no_content_stays_behind),
        cmocka_unit_test(limits_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
