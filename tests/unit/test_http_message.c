#include "h1_test.h"
#include "http/fields.h"

static enum http_field_id id_of(const char *name)
{
    return http_field_id(span_from_cstr(name));
}

/* The hash in fields.c is of three numbers typed into field_table.h; each name must be found. */
static void every_field_is_found_by_its_name(void **state)
{
    (void)state;
    for (int id = FIELD_OTHER + 1; id < FIELD_ID_COUNT; id++) {
        struct span name = http_field_name((enum http_field_id)id);
        char changed[64];
        assert_in_range(name.len, 2, sizeof(changed));
        assert_int_equal(http_field_id(name), id);
        for (size_t i = 0; i < name.len; i++) {
            changed[i] = ascii_lower(name.ptr[i]);
        }
        assert_int_equal(http_field_id(span_make(changed, name.len)), id);
        for (size_t i = 0; i < name.len; i++) {
            char c = changed[i];
            changed[i] = c >= 'a' && c <= 'z' ? (char)(c & ~0x20) : c;
        }
        assert_int_equal(http_field_id(span_make(changed, name.len)), id);
    }
}

/* One byte changed anywhere, to any other: never the same field, unless only its case changed. */
static void no_other_name_is_taken_for_a_field(void **state)
{
    (void)state;
    for (int id = FIELD_OTHER + 1; id < FIELD_ID_COUNT; id++) {
        struct span name = http_field_name((enum http_field_id)id);
        char *copy = exact_copy(name);
        for (size_t at = 0; at < name.len; at++) {
            for (int byte = 0; byte < 256; byte++) {
                copy[at] = (char)byte;
                bool is_same = ascii_lower(copy[at]) == ascii_lower(name.ptr[at]);
                assert_int_equal(http_field_id(span_make(copy, name.len)) == (enum http_field_id)id,
                                 is_same);
            }
            copy[at] = name.ptr[at];
        }
        assert_int_equal(http_field_id(span_head(span_make(copy, name.len), name.len - 1)),
                         FIELD_OTHER);
        free(copy);
    }
}

static void other_names_are_other(void **state)
{
    static const char *const names[] = {"",           "h",    "Hos",  "Hosts", "X-Host",
                                        "Accept",     "ETag", "Vary", "x",     "Content_Length",
                                        "Viaa",       "T",    "TEE",  "-",     "Content-Lengt",
                                        "Keep\rAlive"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(id_of(names[i]), FIELD_OTHER);
    }
    assert_int_equal(http_field_id(span_make(NULL, 0)), FIELD_OTHER);
    assert_int_equal(http_field_name(FIELD_OTHER).len, 0);
}

static void methods(void **state)
{
    static const struct {
        const char *name;
        enum http_method method;
        bool is_idempotent;
    } cases[] = {
        {"GET", HTTP_GET, true},
        {"HEAD", HTTP_HEAD, true},
        {"POST", HTTP_POST, false},
        {"PUT", HTTP_PUT, true},
        {"DELETE", HTTP_DELETE, true},
        {"OPTIONS", HTTP_OPTIONS, true},
        {"PATCH", HTTP_PATCH, false},
        {"TRACE", HTTP_TRACE, true},
        {"CONNECT", HTTP_CONNECT, false},
        {"get", HTTP_METHOD_OTHER, false},
        {"GETS", HTTP_METHOD_OTHER, false},
        {"", HTTP_METHOD_OTHER, false},
        {"PROPFIND", HTTP_METHOD_OTHER, true},
        {"MOVE", HTTP_METHOD_OTHER, true},
        {"VERSION-CONTROL", HTTP_METHOD_OTHER, true},
        {"propfind", HTTP_METHOD_OTHER, false},
        {"LOCK", HTTP_METHOD_OTHER, false},
        {"PRI", HTTP_METHOD_OTHER, false},
        {"ABC", HTTP_METHOD_OTHER, false},
        {"ABCD", HTTP_METHOD_OTHER, false},
        {"ABCDE", HTTP_METHOD_OTHER, false},
        {"ABCDEF", HTTP_METHOD_OTHER, false},
        {"ABCDEFG", HTTP_METHOD_OTHER, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum http_method method = http_method_from(span_from_cstr(cases[i].name));
        assert_int_equal(method, cases[i].method);
        assert_int_equal(http_method_is_idempotent(method, span_from_cstr(cases[i].name)),
                         cases[i].is_idempotent);
    }
}

static void reasons(void **state)
{
    (void)state;
    assert_string_equal(http_reason(100), "Continue");
    assert_string_equal(http_reason(200), "OK");
    assert_string_equal(http_reason(404), "Not Found");
    assert_string_equal(http_reason(431), "Request Header Fields Too Large");
    assert_string_equal(http_reason(511), "Network Authentication Required");
    assert_string_equal(http_reason(299), "Unknown");
    assert_string_equal(http_reason(0), "Unknown");
    assert_string_equal(http_reason(4040), "Unknown");
}

static void tokens(void **state)
{
    (void)state;
    assert_true(http_is_token(SPAN_OF("a")));
    assert_true(http_is_token(SPAN_OF("!#$%&'*+-.^_`|~09azAZ")));
    assert_false(http_is_token(SPAN_OF("")));
    for (int byte = 0; byte < 256; byte++) {
        char text[3] = {'a', (char)byte, 'b'};
        bool is_tchar = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
                        (byte >= 'A' && byte <= 'Z') ||
                        (byte != 0 && strchr("!#$%&'*+-.^_`|~", byte) != NULL);
        assert_int_equal(http_is_token(span_make(text, 3)), is_tchar);
    }
}

static void fields_are_added_and_found(void **state)
{
    struct arena arena;
    struct http_fields fields = {0};

    (void)state;
    arena_init(&arena, 1024);
    assert_null(http_fields_find(&fields, FIELD_VIA));
    assert_null(http_fields_find_name(&fields, SPAN_OF("X-1")));
    for (int i = 0; i < 100; i++) {
        http_fields_add(&fields, &arena, FIELD_OTHER, SPAN_OF("X-1"), SPAN_OF("a"));
    }
    http_fields_add(&fields, &arena, FIELD_VIA, SPAN_OF("via"), SPAN_OF("b"));
    http_fields_add(&fields, &arena, FIELD_VIA, SPAN_OF("Via"), SPAN_OF("c"));
    http_fields_add(&fields, &arena, FIELD_TE, SPAN_OF("te"), SPAN_OF("trailers"));
    assert_int_equal(fields.count, 103);
    assert_true(http_fields_has(&fields, FIELD_VIA));
    assert_false(http_fields_has(&fields, FIELD_HOST));
    assert_ptr_equal(http_fields_find(&fields, FIELD_VIA), &fields.items[100]);
    assert_ptr_equal(http_fields_find_name(&fields, SPAN_OF("VIA")), &fields.items[100]);
    assert_ptr_equal(http_fields_find_name(&fields, SPAN_OF("x-1")), &fields.items[0]);
    assert_null(http_fields_find_name(&fields, SPAN_OF("x-2")));
    assert_false(fields.items[100].is_not_sent);
    assert_true(fields.items[102].is_not_sent);
    arena_destroy(&arena);
}

static void list_elements_are_found_in_any_line(void **state)
{
    struct arena arena;
    struct http_fields fields = {0};

    (void)state;
    arena_init(&arena, 1024);
    http_fields_add(&fields, &arena, FIELD_CONNECTION, SPAN_OF("Connection"), SPAN_OF("a , B,,"));
    http_fields_add(&fields, &arena, FIELD_UPGRADE, SPAN_OF("Upgrade"), SPAN_OF("z"));
    http_fields_add(&fields, &arena, FIELD_CONNECTION, SPAN_OF("Connection"), SPAN_OF("\tclose"));
    assert_true(http_fields_list_has(&fields, FIELD_CONNECTION, SPAN_OF("A")));
    assert_true(http_fields_list_has(&fields, FIELD_CONNECTION, SPAN_OF("b")));
    assert_true(http_fields_list_has(&fields, FIELD_CONNECTION, SPAN_OF("Close")));
    assert_false(http_fields_list_has(&fields, FIELD_CONNECTION, SPAN_OF("clos")));
    assert_false(http_fields_list_has(&fields, FIELD_CONNECTION, SPAN_OF("z")));
    assert_false(http_fields_list_has(&fields, FIELD_TE, SPAN_OF("a")));
    arena_destroy(&arena);
}

struct authority_case {
    const char *text;
    const char *host; /* NULL: refused */
    unsigned port;
};

/* RFC 3986 section 3.2; more of them stand in test_h1_request.c */
static void authorities(void **state)
{
    static const struct authority_case cases[] = {
        {"a", "a", 0},
        {"A.b-c_d~e", "A.b-c_d~e", 0},
        {"a!$&'()*+;=", "a!$&'()*+;=", 0},
        {"example.com.", "example.com.", 0},
        {"a:1", "a", 1},
        {"a:00080", "a", 80},
        {"127.0.0.1:65535", "127.0.0.1", 65535},
        {"[::]", "[::]", 0},
        {"[::ffff:1.2.3.4]:80", "[::ffff:1.2.3.4]", 80},
        {"[1111:2222:3333:4444:5555:6666:123.123.123.123]",
         "[1111:2222:3333:4444:5555:6666:123.123.123.123]", 0},
        {"", NULL, 0},
        {":80", NULL, 0},
        {"a:", "a", 0},
        {":", NULL, 0},
        {"a::", NULL, 0},
        {"a:0", NULL, 0},
        {"a:65536", NULL, 0},
        {"a:99999999999999999999", NULL, 0},
        {"a:8 0", NULL, 0},
        {"a:80/", NULL, 0},
        {"a,b", NULL, 0},
        {"a%41", NULL, 0},
        {"u@a", NULL, 0},
        {"a/b", NULL, 0},
        {"a b", NULL, 0},
        {" a", NULL, 0},
        {"a ", NULL, 0},
        {"[", NULL, 0},
        {"[]", NULL, 0},
        {"[:]", NULL, 0},
        {"[::1]80", NULL, 0},
        {"[::1]:", "[::1]", 0},
        {"[::1]]", NULL, 0},
        {"[[::1]]", NULL, 0},
        {"[1.2.3.4]", NULL, 0},
        {"[::1%eth0]", NULL, 0},
        {"[v7.a]", NULL, 0},
        {"[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb]", NULL, 0},
        {"::1", NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span text = span_from_cstr(cases[i].text);
        char *copy = exact_copy(text);
        struct span host = {NULL, 0};
        uint16_t port = 1;
        bool ok = http_parse_authority(span_make(copy, text.len), &host, &port);
        if (ok != (cases[i].host != NULL)) {
            fail_msg("%s", cases[i].text);
        }
        if (ok) {
            assert_true(span_eq_cstr(host, cases[i].host));
            assert_int_equal(port, cases[i].port);
        }
        free(copy);
    }
}

static void a_nul_in_an_address_does_not_end_it(void **state)
{
    struct span host;
    uint16_t port;

    (void)state;
    assert_false(http_parse_authority(SPAN_OF("[::1\0]"), &host, &port));
    assert_false(http_parse_authority(SPAN_OF("[::1\0x]"), &host, &port));
    assert_false(http_parse_authority(SPAN_OF("a\0"), &host, &port));
}

static void a_host_has_at_most_255_bytes(void **state)
{
    char text[256];
    struct span host;
    uint16_t port;

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_true(http_parse_authority(span_make(text, 255), &host, &port));
    assert_false(http_parse_authority(span_make(text, 256), &host, &port));
}

static void every_error_has_its_words(void **state)
{
    (void)state;
    for (int i = 0; i < H1_ERROR_COUNT; i++) {
        enum h1_error error = (enum h1_error)i;
        assert_non_null(h1_error_word(error));
        assert_true(strlen(h1_error_text(error)) > 5);
        for (int other = 0; other < i; other++) {
            assert_string_not_equal(h1_error_word(error), h1_error_word((enum h1_error)other));
        }
        assert_true(error == H1_OK || h1_error_status(error) >= 400);
    }
    assert_string_equal(h1_error_word(H1_BAD_CONFLICTING_LENGTH), "conflicting_length");
    assert_int_equal(h1_error_status(H1_BAD_CONFLICTING_LENGTH), 400);
    assert_int_equal(h1_error_status(H1_TARGET_TOO_LONG), 414);
    assert_int_equal(h1_error_status(H1_BAD_EXPECT), 417);
    assert_int_equal(h1_error_status(H1_HEAD_TOO_LARGE), 431);
    assert_int_equal(h1_error_status(H1_UNSUPPORTED_VERSION), 505);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_found_by_its_name),
        cmocka_unit_test(no_other_name_is_taken_for_a_field),
        cmocka_unit_test(other_names_are_other),
        cmocka_unit_test(methods),
        cmocka_unit_test(reasons),
        cmocka_unit_test(tokens),
        cmocka_unit_test(fields_are_added_and_found),
        cmocka_unit_test(list_elements_are_found_in_any_line),
        cmocka_unit_test(authorities),
        cmocka_unit_test(a_nul_in_an_address_does_not_end_it),
        cmocka_unit_test(a_host_has_at_most_255_bytes),
        cmocka_unit_test(every_error_has_its_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
