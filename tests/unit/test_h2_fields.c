/* HTTP/2 request heads and trailers. Each name and value is given in a heap block of exactly its
 * size that goes at once, so that ASan sees a read past its end and a span that was not copied. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "http/h2_fields.h"

static const struct h2_limits limits = {.head_bytes = 1024, .target_bytes = 64, .fields = 10};

struct field {
    struct span name;
    struct span value;
};

#define FIELDS_MAX 16
#define F(name, value)                                                                             \
    {                                                                                              \
        SPAN(name), SPAN(value)                                                                    \
    }
#define METHOD F(":method", "GET")
#define SCHEME F(":scheme", "https")
#define PATH F(":path", "/a?b=c")
#define AUTHORITY F(":authority", "Shop.example:8443")
#define GOOD METHOD, SCHEME, PATH, AUTHORITY

/* expect: "METHOD path?query host:port framing | name: value | ...", or "!word". */
struct head_case {
    const char *name;
    bool is_open; /* a body follows */
    struct field fields[FIELDS_MAX];
    const char *expect;
};

static const struct head_case heads[] = {
    {"the least request", false, {GOOD}, "GET /a?b=c shop.example:8443 none"},
    {"with a body", true, {GOOD}, "GET /a?b=c shop.example:8443 open"},
    {"with a body of known length",
     true,
     {GOOD, F("content-length", "12")},
     "GET /a?b=c shop.example:8443 12"},
    {"with a length of zero",
     true,
     {GOOD, F("content-length", "0")},
     "GET /a?b=c shop.example:8443 none"},
    {"pseudo-fields in another order",
     false,
     {AUTHORITY, PATH, METHOD, SCHEME},
     "GET /a?b=c shop.example:8443 none"},
    {"an ordinary field",
     false,
     {GOOD, F("x-one", "1")},
     "GET /a?b=c shop.example:8443 none | x-one: 1"},
    {"an empty value", false, {GOOD, F("x", "")}, "GET /a?b=c shop.example:8443 none | x: "},
    {"obs-text in a value",
     false,
     {GOOD, F("x", "\xc3\xa9")},
     "GET /a?b=c shop.example:8443 none | x: \xc3\xa9"},
    {"a space inside a value",
     false,
     {GOOD, F("x", "a b\tc")},
     "GET /a?b=c shop.example:8443 none | x: a b\tc"},
    {"known names get their spelling",
     false,
     {GOOD, F("user-agent", "t")},
     "GET /a?b=c shop.example:8443 none | User-Agent: t"},
    {"Host instead of :authority",
     false,
     {METHOD, SCHEME, PATH, F("host", "Shop.example")},
     "GET /a?b=c shop.example:0 none"},
    {"Host beside :authority",
     false,
     {GOOD, F("host", "shop.EXAMPLE:8443")},
     "GET /a?b=c shop.example:8443 none"},
    {"the default port is no other origin",
     false,
     {METHOD, SCHEME, PATH, F(":authority", "a"), F("host", "a:443")},
     "GET /a?b=c a:0 none"},
    {"an address of version 6",
     false,
     {METHOD, SCHEME, PATH, F(":authority", "[::1]:443")},
     "GET /a?b=c [::1]:443 none"},
    {"crumbs of a cookie",
     false,
     {GOOD, F("cookie", "a=1"), F("x", "y"), F("cookie", "b=2")},
     "GET /a?b=c shop.example:8443 none | Cookie: a=1; b=2 | x: y"},
    {"an empty crumb says nothing",
     false,
     {GOOD, F("cookie", "a=1"), F("cookie", ""), F("cookie", "b=2"), F("cookie", "")},
     "GET /a?b=c shop.example:8443 none | Cookie: a=1; b=2"},
    {"nor does one in front",
     false,
     {GOOD, F("cookie", ""), F("cookie", ""), F("cookie", "a=1"), F("cookie", "b=2")},
     "GET /a?b=c shop.example:8443 none | Cookie: a=1; b=2"},
    {"TE: trailers belongs to the hop",
     false,
     {GOOD, F("te", "trailers")},
     "GET /a?b=c shop.example:8443 none | -TE: trailers"},
    {"an asterisk with OPTIONS",
     false,
     {F(":method", "OPTIONS"), SCHEME, F(":path", "*"), F(":authority", "a")},
     "OPTIONS * a:0 none"},
    {"a method we do not know",
     false,
     {F(":method", "BREW"), SCHEME, PATH, AUTHORITY},
     "BREW /a?b=c shop.example:8443 none"},
    {"plain http",
     false,
     {METHOD, F(":scheme", "http"), PATH, AUTHORITY},
     "GET /a?b=c shop.example:8443 none"},
    {"CONNECT", true, {F(":method", "CONNECT"), F(":authority", "a:1")}, "CONNECT a:1 none"},
    {"extended CONNECT",
     true,
     {F(":method", "CONNECT"), F(":protocol", "websocket"), SCHEME, PATH, AUTHORITY},
     "GET /a?b=c shop.example:8443 none to websocket"},
    {"100-continue",
     true,
     {GOOD, F("expect", "100-continue")},
     "GET /a?b=c shop.example:8443 open continue | Expect: 100-continue"},

    {"no method", false, {SCHEME, PATH, AUTHORITY}, "!missing_pseudo_field"},
    {"no scheme", false, {METHOD, PATH, AUTHORITY}, "!missing_pseudo_field"},
    {"no path", false, {METHOD, SCHEME, AUTHORITY}, "!missing_pseudo_field"},
    {"nothing", false, {{{0}, {0}}}, "!missing_pseudo_field"},
    {"no authority", false, {METHOD, SCHEME, PATH}, "!no_host"},
    {"a pseudo-field twice", false, {GOOD, PATH}, "!pseudo_field"},
    {"an empty one twice", false, {F(":path", ""), GOOD}, "!pseudo_field"},
    {"a pseudo-field late", false, {METHOD, SCHEME, PATH, F("x", "y"), AUTHORITY}, "!pseudo_field"},
    {"an unknown pseudo-field", false, {GOOD, F(":x", "y")}, "!pseudo_field"},
    {"a response's pseudo-field", false, {GOOD, F(":status", "200")}, "!pseudo_field"},
    {"a colon alone", false, {GOOD, F(":", "200")}, "!pseudo_field"},
    {"an upper-case pseudo-field", false, {GOOD, F(":Path", "/")}, "!pseudo_field"},
    {"an empty method", false, {F(":method", ""), SCHEME, PATH, AUTHORITY}, "!method"},
    {"a method with a space", false, {F(":method", "GE T"), SCHEME, PATH, AUTHORITY}, "!method"},
    {"a method with CR LF",
     false,
     {F(":method", "GET\r\n"), SCHEME, PATH, AUTHORITY},
     "!field_value"},
    {"another scheme", false, {METHOD, F(":scheme", "ftp"), PATH, AUTHORITY}, "!scheme"},
    {"an empty path", false, {METHOD, SCHEME, F(":path", ""), AUTHORITY}, "!target"},
    {"an absolute path", false, {METHOD, SCHEME, F(":path", "http://a/"), AUTHORITY}, "!target"},
    {"a path without a slash", false, {METHOD, SCHEME, F(":path", "a"), AUTHORITY}, "!target"},
    {"a space in the path", false, {METHOD, SCHEME, F(":path", "/a b"), AUTHORITY}, "!target"},
    {"an end of line in the path",
     false,
     {METHOD, SCHEME, F(":path", "/ HTTP/1.1\r\nx: y"), AUTHORITY},
     "!field_value"},
    {"a fragment", false, {METHOD, SCHEME, F(":path", "/#a"), AUTHORITY}, "!target"},
    {"a control byte in the path",
     false,
     {METHOD, SCHEME, F(":path", "/\x7f"), AUTHORITY},
     "!field_value"},
    {"an asterisk with GET", false, {METHOD, SCHEME, F(":path", "*"), AUTHORITY}, "!target"},
    {"a long path",
     false,
     {METHOD, SCHEME,
      F(":path", "/0123456789012345678901234567890123456789012345678901234567890123"), AUTHORITY},
     "!target_too_long"},
    {"userinfo", false, {METHOD, SCHEME, PATH, F(":authority", "u@a")}, "!host"},
    {"an empty authority", false, {METHOD, SCHEME, PATH, F(":authority", "")}, "!host"},
    {"a bad Host", false, {METHOD, SCHEME, PATH, F("host", "a/b")}, "!host"},
    {"two Hosts",
     false,
     {GOOD, F("host", "shop.example:8443"), F("host", "shop.example:8443")},
     "!host"},
    {"another Host", false, {GOOD, F("host", "bank.example")}, "!host_conflict"},
    {"another port", false, {GOOD, F("host", "shop.example:1")}, "!host_conflict"},
    {"an empty name", false, {GOOD, F("", "x")}, "!field_name"},
    {"an upper-case name", false, {GOOD, F("X", "y")}, "!field_name"},
    {"a space in a name", false, {GOOD, F("x y", "z")}, "!field_name"},
    {"a colon in a name", false, {GOOD, F("x:", "z")}, "!field_name"},
    {"CR LF in a name", false, {GOOD, F("x\r\ny", "z")}, "!field_name"},
    {"NUL in a name", false, {GOOD, F("x\0y", "z")}, "!field_name"},
    {"CR LF in a value", false, {GOOD, F("x", "y\r\nz: 1")}, "!field_value"},
    {"LF in a value", false, {GOOD, F("x", "y\nz")}, "!field_value"},
    {"CR in a value", false, {GOOD, F("x", "y\rz")}, "!field_value"},
    {"NUL in a value", false, {GOOD, F("x", "y\0z")}, "!field_value"},
    {"DEL in a value", false, {GOOD, F("x", "y\x7f")}, "!field_value"},
    {"a leading space", false, {GOOD, F("x", " y")}, "!field_value"},
    {"a trailing space", false, {GOOD, F("x", "y ")}, "!field_value"},
    {"a leading tab", false, {GOOD, F("x", "\ty")}, "!field_value"},
    {"a space alone", false, {GOOD, F("x", " ")}, "!field_value"},
    {"Connection", false, {GOOD, F("connection", "x")}, "!connection_field"},
    {"Keep-Alive", false, {GOOD, F("keep-alive", "x")}, "!connection_field"},
    {"Proxy-Connection", false, {GOOD, F("proxy-connection", "x")}, "!connection_field"},
    {"Transfer-Encoding", true, {GOOD, F("transfer-encoding", "chunked")}, "!connection_field"},
    {"Upgrade", false, {GOOD, F("upgrade", "websocket")}, "!connection_field"},
    {"TE: gzip", false, {GOOD, F("te", "gzip")}, "!connection_field"},
    {"TE: trailers, gzip", false, {GOOD, F("te", "trailers, gzip")}, "!connection_field"},
    {"a length without a body", false, {GOOD, F("content-length", "1")}, "!length_mismatch"},
    {"two lengths",
     true,
     {GOOD, F("content-length", "1"), F("content-length", "1")},
     "!content_length"},
    {"a list of lengths", true, {GOOD, F("content-length", "1,1")}, "!content_length"},
    {"a signed length", true, {GOOD, F("content-length", "+1")}, "!content_length"},
    {"a huge length", true, {GOOD, F("content-length", "9223372036854775808")}, "!content_length"},
    {"another expectation", true, {GOOD, F("expect", "x")}, "!expect"},
    {"CONNECT with a path", true, {F(":method", "CONNECT"), PATH, AUTHORITY}, "!pseudo_field"},
    {"CONNECT without authority", true, {F(":method", "CONNECT")}, "!missing_pseudo_field"},
    {"protocol without CONNECT", true, {GOOD, F(":protocol", "websocket")}, "!protocol"},
    {"an extended CONNECT without a path",
     true,
     {F(":method", "CONNECT"), F(":protocol", "websocket"), SCHEME, AUTHORITY},
     "!missing_pseudo_field"},
    {"a protocol that is no token",
     true,
     {F(":method", "CONNECT"), F(":protocol", "a b"), SCHEME, PATH, AUTHORITY},
     "!protocol"},
    {"an extended CONNECT of a length",
     true,
     {F(":method", "CONNECT"), F(":protocol", "websocket"), SCHEME, PATH, AUTHORITY,
      F("content-length", "3")},
     "!content_length"},
    {"eleven fields",
     false,
     {GOOD, F("a", ""), F("b", ""), F("c", ""), F("d", ""), F("e", ""), F("f", ""), F("g", ""),
      F("h", ""), F("i", ""), F("j", ""), F("k", "")},
     "!too_many_fields"},
};

static char *exact(struct span s)
{
    char *copy = malloc(s.len != 0 ? s.len : 1);

    assert_non_null(copy);
    if (s.len != 0) {
        memcpy(copy, s.ptr, s.len);
    }
    return copy;
}

static void give(struct h2_section *section, const struct field *fields)
{
    for (size_t i = 0; i < FIELDS_MAX && fields[i].name.ptr != NULL; i++) {
        char *name = exact(fields[i].name);
        char *value = exact(fields[i].value);
        h2_section_add(section, span_make(name, fields[i].name.len),
                       span_make(value, fields[i].value.len));
        free(name);
        free(value);
    }
}

static void describe(const struct http_request *r, struct strbuf *out)
{
    strbuf_printf(out, "%.*s %.*s", SPAN_ARG(r->method_name),
                  SPAN_ARG(r->target_form == HTTP_TARGET_AUTHORITY ? r->target : r->path));
    if (r->query.ptr != NULL) {
        strbuf_printf(out, "?%.*s", SPAN_ARG(r->query));
    }
    if (r->target_form != HTTP_TARGET_AUTHORITY) {
        strbuf_printf(out, " %.*s:%u", SPAN_ARG(r->host), r->port);
    }
    if (r->framing == HTTP_FRAMING_LENGTH) {
        strbuf_printf(out, " %llu", (unsigned long long)r->content_length);
    } else {
        strbuf_add_cstr(out, r->framing == HTTP_FRAMING_CHUNKED ? " open" : " none");
    }
    if (r->expects_continue) {
        strbuf_add_cstr(out, " continue");
    }
    if (r->is_extended_connect) {
        strbuf_printf(out, " to %.*s", SPAN_ARG(r->upgrade));
    }
    for (size_t i = 0; i < r->fields.count; i++) {
        const struct http_field *field = &r->fields.items[i];
        if (field->id != FIELD_HOST && field->id != FIELD_CONTENT_LENGTH) {
            strbuf_printf(out, " | %s%.*s: %.*s", field->is_not_sent ? "-" : "",
                          SPAN_ARG(field->name), SPAN_ARG(field->value));
        }
    }
}

static void head(void **state)
{
    const struct head_case *c = *state;
    struct http_request request = {0};
    struct h2_section section;
    struct strbuf out;
    struct arena arena;

    arena_init(&arena, 512);
    strbuf_init(&out);
    h2_section_init(&section, &arena, &limits, &request.fields, false);
    give(&section, c->fields);
    enum h2_error error = h2_request_finish(&section, !c->is_open, &request);
    if (error != H2_OK) {
        strbuf_printf(&out, "!%s", h2_error_word(error));
        assert_true(strlen(h2_error_text(error)) > 10);
    } else {
        assert_int_equal(request.version, HTTP_2);
        if (request.target_form != HTTP_TARGET_AUTHORITY) {
            assert_non_null(http_fields_find(&request.fields, FIELD_HOST));
        }
        describe(&request, &out);
    }
    assert_string_equal(out.ptr, c->expect);
    strbuf_free(&out);
    arena_destroy(&arena);
}

static void a_head_over_the_limit(void **state)
{
    struct http_fields fields = {0};
    struct h2_section section;
    struct arena arena;
    char text[600];

    (void)state;
    memset(text, 'a', sizeof(text));
    arena_init(&arena, 512);
    h2_section_init(&section, &arena, &limits, &fields, false);
    h2_section_add(&section, SPAN_OF("x"), span_make(text, sizeof(text)));
    assert_int_equal(section.error, H2_OK);
    /* An HPACK bomb: what is over the limit is counted and not kept. */
    for (int i = 0; i < 100000; i++) {
        h2_section_add(&section, SPAN_OF("x"), span_make(text, sizeof(text)));
    }
    assert_int_equal(section.error, H2_HEAD_TOO_LARGE);
    assert_int_equal(h2_error_status(section.error), 431);
    assert_int_equal(fields.count, 1);
    arena_destroy(&arena);
}

/* By HPACK each costs the client a byte. */
static void crumbs_cost_no_more_than_their_bytes(void **state)
{
    struct h2_limits wide = {.head_bytes = 32768, .target_bytes = 64, .fields = 10};
    struct http_fields fields = {0};
    struct h2_section section;
    struct arena arena;
    unsigned count = 1;

    (void)state;
    arena_init(&arena, 512);
    h2_section_init(&section, &arena, &wide, &fields, false);
    h2_section_add(&section, SPAN_OF("cookie"), SPAN_OF("a"));
    for (; section.error == H2_OK; count++) {
        h2_section_add(&section, SPAN_OF("cookie"), SPAN_OF("b"));
    }
    assert_int_equal(section.error, H2_HEAD_TOO_LARGE);
    assert_true(count > 700);
    assert_int_equal(fields.count, 1);
    assert_true(section.cookie_room <= wide.head_bytes);
    assert_int_equal(fields.items[0].value.len, 1 + (count - 2) * 3);
    assert_memory_equal(fields.items[0].value.ptr, "a; b; b", 7);
    arena_destroy(&arena);
}

static enum h2_error trailers_of(struct span name, struct span value)
{
    struct http_fields fields = {0};
    struct h2_section section;
    struct arena arena;

    arena_init(&arena, 512);
    h2_section_init(&section, &arena, &limits, &fields, true);
    h2_section_add(&section, name, value);
    enum h2_error error = h2_trailers_finish(&section);
    arena_destroy(&arena);
    return error;
}

static void trailers(void **state)
{
    (void)state;
    assert_int_equal(trailers_of(SPAN_OF("grpc-status"), SPAN_OF("0")), H2_OK);
    assert_int_equal(trailers_of(SPAN_OF(":path"), SPAN_OF("/")), H2_BAD_TRAILER);
    assert_int_equal(trailers_of(SPAN_OF(":status"), SPAN_OF("200")), H2_BAD_TRAILER);
    /* RFC 9110 section 6.5.1: ignored. */
    assert_int_equal(trailers_of(SPAN_OF("host"), SPAN_OF("a")), H2_OK);
    assert_int_equal(trailers_of(SPAN_OF("content-length"), SPAN_OF("1")), H2_OK);
    assert_int_equal(trailers_of(SPAN_OF("cookie"), SPAN_OF("a")), H2_OK);
    assert_int_equal(trailers_of(SPAN_OF("Host"), SPAN_OF("a")), H2_BAD_FIELD_NAME);
    assert_int_equal(trailers_of(SPAN_OF("connection"), SPAN_OF("a")), H2_BAD_CONNECTION_FIELD);
    assert_int_equal(trailers_of(SPAN_OF("X"), SPAN_OF("a")), H2_BAD_FIELD_NAME);
    assert_int_equal(trailers_of(SPAN_OF("x"), SPAN_OF("a\n")), H2_BAD_FIELD_VALUE);
}

static void trailers_that_may_not_be_are_taken_out(void **state)
{
    struct http_fields fields = {0};
    struct h2_section section;
    struct arena arena;

    (void)state;
    arena_init(&arena, 512);
    h2_section_init(&section, &arena, &limits, &fields, true);
    h2_section_add(&section, SPAN_OF("content-length"), SPAN_OF("1"));
    h2_section_add(&section, SPAN_OF("x-a"), SPAN_OF("1"));
    h2_section_add(&section, SPAN_OF("set-cookie"), SPAN_OF("a"));
    h2_section_add(&section, SPAN_OF("cache-control"), SPAN_OF("no-store"));
    h2_section_add(&section, SPAN_OF("x-b"), SPAN_OF("2"));
    assert_int_equal(h2_trailers_finish(&section), H2_OK);
    assert_int_equal(fields.count, 2);
    assert_true(span_eq_cstr(fields.items[0].name, "x-a"));
    assert_true(span_eq_cstr(fields.items[1].name, "x-b"));
    arena_destroy(&arena);
}

static void assert_refused(const char *const fields[][2], size_t count, enum h2_error expected,
                           const char *end)
{
    struct http_request request = {0};
    struct h2_section section;
    struct arena arena;

    arena_init(&arena, 4096);
    h2_section_init(&section, &arena, &limits, &request.fields, false);
    for (size_t i = 0; i < count; i++) {
        h2_section_add(&section, span_from_cstr(fields[i][0]), span_from_cstr(fields[i][1]));
    }
    assert_int_equal(h2_request_finish(&section, true, &request), expected);
    const char *detail = h2_section_detail(&section);
    assert_string_equal(detail + strlen(h2_error_text(expected)), end);
    h2_section_glimpse(&section, &request);
    assert_true(span_eq_cstr(request.method_name, "GET"));
    assert_true(span_eq_cstr(request.target, "/a"));
    assert_true(request.authority.len != 0);
    arena_destroy(&arena);
}

/* As over HTTP/1.1: what a log tells of a request, though it comes behind the error. */
static void a_refused_request_is_told_with_its_user_agent(void **state)
{
    static const char *const fields[][2] = {{":method", "GET"},
                                            {":path", "/\x01"},
                                            {"user-agent", "browser"},
                                            {"user-agent", "second"},
                                            {"x-other", "1"},
                                            {"referer", "https://a/"},
                                            {"host", "a"}};
    struct http_request request = {0};
    struct h2_section section;
    struct arena arena;

    (void)state;
    arena_init(&arena, 4096);
    h2_section_init(&section, &arena, &limits, &request.fields, false);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        h2_section_add(&section, span_from_cstr(fields[i][0]), span_from_cstr(fields[i][1]));
    }
    assert_int_not_equal(h2_request_finish(&section, true, &request), H2_OK);
    h2_section_glimpse(&section, &request);
    assert_true(
        span_eq_cstr(http_fields_find(&request.fields, FIELD_USER_AGENT)->value, "browser"));
    assert_true(
        span_eq_cstr(http_fields_find(&request.fields, FIELD_REFERER)->value, "https://a/"));
    assert_true(span_eq_cstr(request.authority, "a"));
    assert_int_equal(request.fields.count, 3);
    arena_destroy(&arena);
}

static void a_refused_request_is_told_with_its_bytes(void **state)
{
#define P(authority)                                                                               \
    {":method", "GET"}, {":authority", authority}, {":scheme", "https"},                           \
    {                                                                                              \
        ":path", "/a"                                                                              \
    }
    static const char *const urls[][2] = {P("http://127.0.0.1:1")};
    static const char *const value[][2] = {P("a"), {"x", "a\nb"}};
    static const char *const name[][2] = {P("a"), {"x y", "a"}};
    static const char *const space[][2] = {P("a"), {"x", " a"}};
    static const char *const hosts[][2] = {P("a"), {"host", "b"}};
    static const char *const length[][2] = {P("a"), {"content-length", "5x"}};
    static const char *const hop[][2] = {P("a"), {"connection", "close"}};
    /* What comes behind the error is still told. */
    static const char *const early[][2] = {
        {":authority", "a\x01"}, {":method", "GET"}, {":scheme", "https"}, {":path", "/a"}};

    (void)state;
    assert_refused(urls, ARRAY_LEN(urls), H2_BAD_AUTHORITY,
                   ": from byte 0 on the field \":authority\" has \"http://127.0.0.1:1\"");
    assert_refused(value, ARRAY_LEN(value), H2_BAD_FIELD_VALUE,
                   ": byte 1 of the field \"x\" is 0x0a");
    assert_refused(name, ARRAY_LEN(name), H2_BAD_FIELD_NAME,
                   ": byte 1 of the name \"x y\" is ' ' (0x20)");
    assert_refused(space, ARRAY_LEN(space), H2_BAD_FIELD_VALUE,
                   ": byte 0 of the field \"x\" is ' ' (0x20)");
    assert_refused(hosts, ARRAY_LEN(hosts), H2_BAD_AUTHORITY_CONFLICT,
                   ": byte 0 of the field \"host\" is 'b' (0x62)");
    assert_refused(length, ARRAY_LEN(length), H2_BAD_CONTENT_LENGTH,
                   ": from byte 0 on the field \"content-length\" has \"5x\"");
    assert_refused(hop, ARRAY_LEN(hop), H2_BAD_CONNECTION_FIELD,
                   ": from byte 0 on the field \"connection\" has \"close\"");
    assert_refused(early, ARRAY_LEN(early), H2_BAD_FIELD_VALUE,
                   ": byte 1 of the field \":authority\" is 0x01");
#undef P
}

static void priorities(void **state)
{
    static const struct {
        struct span text;
        unsigned urgency;
        bool is_incremental;
    } cases[] = {
        {SPAN(""), 3, false},      {SPAN("u=0"), 0, false},     {SPAN("u=7, i"), 7, true},
        {SPAN("i"), 3, true},      {SPAN("i=?1,u=5"), 5, true}, {SPAN("i, i=?0"), 3, false},
        {SPAN("u=8"), 3, false},   {SPAN("u=-1"), 3, false},    {SPAN("u=1;a=b"), 1, false},
        {SPAN("u=1.0"), 3, false}, {SPAN("x=1,u=2"), 2, false}, {SPAN(",,"), 3, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct h2_priority priority = h2_priority_parse(cases[i].text);
        assert_int_equal(priority.urgency, cases[i].urgency);
        assert_int_equal(priority.is_incremental, cases[i].is_incremental);
    }
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(heads) + 7];
    size_t count = 0;

    for (; count < ARRAY_LEN(heads); count++) {
        tests[count] = (struct CMUnitTest){heads[count].name, head, NULL, NULL,
                                           (void *)(uintptr_t)&heads[count]};
    }
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_head_over_the_limit);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(crumbs_cost_no_more_than_their_bytes);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(trailers);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(trailers_that_may_not_be_are_taken_out);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(a_refused_request_is_told_with_its_bytes);
    tests[count++] =
        (struct CMUnitTest)cmocka_unit_test(a_refused_request_is_told_with_its_user_agent);
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(priorities);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
