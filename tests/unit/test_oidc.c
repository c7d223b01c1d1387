/* The parts of signing in that need neither a browser nor a provider. The clock is handed in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "auth/oidc.h"
#include "auth/oidc_box.h"
#include "auth/oidc_cookies.h"
#include "auth/oidc_provider.h"
#include "auth/oidc_sign_in.h"
#include "jose/json_strict.h"

#define NOW INT64_C(1700000000)
#define HOUR INT64_C(3600)

static struct arena arena;

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
    return 0;
}

static bool is_text(struct span text, const char *expected)
{
    return expected == NULL ? text.ptr == NULL : text.ptr != NULL && span_eq_cstr(text, expected);
}

/* ---- sealed texts ---- */

static struct oidc_secrets *read_secrets(const char *text, struct error *error)
{
    return oidc_secrets_type.parse(span_from_cstr(text), error);
}

static struct oidc_box box_of(const struct oidc_secrets *secrets, const char *purpose)
{
    return (struct oidc_box){secrets, span_from_cstr(purpose), (uint64_t)HOUR, 3 * (uint64_t)HOUR};
}

static void what_is_sealed_is_opened_by_the_same_box_alone(void **state)
{
    struct error error;
    struct oidc_secrets *one = read_secrets("one secret of many bytes\n", &error);
    struct oidc_secrets *two =
        read_secrets("\nanother of many bytes\r\none secret of many bytes", &error);
    struct oidc_box box = box_of(one, "session");
    struct oidc_box newer = box_of(two, "session");
    struct oidc_box other = box_of(one, "sign-in");
    struct span sealed = oidc_box_seal(&box, SPAN_OF("who it is"), NOW, &arena);
    struct span by_newer = oidc_box_seal(&newer, SPAN_OF("who it is"), NOW, &arena);
    char *changed = arena_cstr(&arena, sealed);

    (void)state;
    assert_int_equal(sealed.len, (9 + 1 + 8 + SEAL_OVERHEAD) * 4 / 3 + 1);
    assert_true(is_text(oidc_box_open(&box, sealed, NOW, &arena), "who it is"));
    assert_true(is_text(oidc_box_open(&newer, sealed, NOW, &arena), "who it is"));
    assert_null(oidc_box_open(&box, by_newer, NOW, &arena).ptr);
    assert_null(oidc_box_open(&other, sealed, NOW, &arena).ptr);
    for (size_t i = 0; i < sealed.len; i++) {
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_null(oidc_box_open(&box, span_make(changed, sealed.len), NOW, &arena).ptr);
        assert_null(oidc_box_open(&box, span_head(sealed, i), NOW, &arena).ptr);
        changed[i] = sealed.ptr[i];
    }
    assert_null(oidc_box_open(&box, span_make(NULL, 0), NOW, &arena).ptr);
    oidc_secrets_type.destroy(one);
    oidc_secrets_type.destroy(two);
}

static void keys_change_and_old_ones_open_for_a_time(void **state)
{
    struct oidc_secrets secrets;
    struct oidc_box box = box_of(&secrets, "session");
    int64_t begin = NOW - NOW % HOUR;
    struct span first;
    struct span second;

    (void)state;
    oidc_secrets_of_process(&secrets);
    first = oidc_box_seal(&box, SPAN_OF("x"), begin, &arena);
    second = oidc_box_seal(&box, SPAN_OF("x"), begin + HOUR, &arena);
    assert_false(span_eq(span_head(first, 12), span_head(second, 12)));
    assert_true(is_text(oidc_box_open(&box, first, begin + 4 * HOUR, &arena), "x"));
    assert_null(oidc_box_open(&box, first, begin + 5 * HOUR, &arena).ptr);
    assert_true(is_text(oidc_box_open(&box, second, begin, &arena), "x")); /* a clock is behind */
    assert_null(oidc_box_open(&box, second, begin - 1, &arena).ptr);
}

static void files_of_secrets_are_read_strictly(void **state)
{
    static const struct {
        const char *text;
        const char *problem;
    } cases[] = {
        {"", "no line"},
        {"\n\n", "no line"},
        {"too short\n", "have 16 to 255"},
        {"a secret of many bytes\nshort\n", "have 16 to 255"},
        {"0123456789abcdef\n0123456789abcdef\n0123456789abcdef\n0123456789abcdef\n0123456789abcdef"
         "\n"
         "0123456789abcdef\n0123456789abcdef\n0123456789abcdef\n0123456789abcdef\n",
         "more than 8"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error error;
        assert_null(read_secrets(cases[i].text, &error));
        assert_non_null(strstr(error.text, cases[i].problem));
    }
}

/* ---- cookies ---- */

static void add_cookie(struct http_fields *fields, const char *value)
{
    http_fields_add(fields, &arena, FIELD_COOKIE, SPAN_OF("Cookie"), span_from_cstr(value));
}

/* What a browser would send of the cookies that were set. */
static struct http_fields sent_back(const struct http_fields *set)
{
    struct http_fields fields = {0};

    for (size_t i = 0; i < set->count; i++) {
        struct span line = set->items[i].value;
        assert_true(line.len <= 4096);
        if (strstr(arena_cstr(&arena, line), "Max-Age=0") == NULL) {
            add_cookie(&fields, arena_cstr(&arena, span_head(line, span_find(line, ';'))));
        }
    }
    return fields;
}

static void sessions_are_cut_into_cookies_and_put_together(void **state)
{
    static const size_t sizes[] = {1, 2, 3797, 3798, 3799, 7597, 7598, 7599, 3798 + 8 * 3800};
    static const size_t counts[] = {1, 1, 1, 1, 2, 2, 2, 3, 9};
    char *text = arena_alloc(&arena, 40000);

    (void)state;
    for (size_t i = 0; i < 40000; i++) {
        text[i] = (char)('A' + i % 26);
    }
    for (size_t i = 0; i < 2 * ARRAY_LEN(sizes); i++) {
        const struct oidc_cookies cookies = {"shop", i % 2 == 0};
        const struct oidc_cookies others = {"shop", i % 2 != 0};
        struct span whole = span_make(text, sizes[i / 2]);
        struct http_fields set = {0};
        struct http_fields has;
        size_t count;

        assert_true(oidc_session_set(&cookies, whole, 0, 60, &set, &arena));
        assert_int_equal(set.count, counts[i / 2]);
        has = sent_back(&set);
        assert_true(span_eq(oidc_session_text(&cookies, &has, &count, &arena), whole));
        assert_int_equal(count, counts[i / 2]);
        assert_null(oidc_session_text(&others, &has, &count, &arena).ptr);
        has.count--; /* the last one is lost */
        assert_null(oidc_session_text(&cookies, &has, &count, &arena).ptr);
        has.count++;
        add_cookie(&has, arena_cstr(&arena, has.items[has.count - 1].value)); /* or there twice */
        assert_null(oidc_session_text(&cookies, &has, &count, &arena).ptr);
    }
    struct http_fields set = {0};
    const struct oidc_cookies cookies = {"shop", true};
    assert_false(oidc_session_set(&cookies, span_make(text, 3799 + 8 * 3800), 0, 60, &set, &arena));
}

static void cookies_that_a_smaller_session_needs_no_more_are_taken_away(void **state)
{
    const struct oidc_cookies cookies = {"shop", true};
    struct http_fields set = {0};

    (void)state;
    assert_true(oidc_session_set(&cookies, SPAN_OF("text"), 3, 60, &set, &arena));
    assert_int_equal(set.count, 3);
    assert_true(is_text(set.items[0].value, "__Host-shop=1.text; Path=/; Max-Age=60; HttpOnly; "
                                            "SameSite=Lax; Secure"));
    assert_true(is_text(set.items[2].value, "__Host-shop.2=; Path=/; Max-Age=0; HttpOnly; "
                                            "SameSite=Lax; Secure"));
    assert_int_equal(sent_back(&set).count, 1);
}

static void sessions_in_cookies_that_nobody_has_set(void **state)
{
    static const char *const bad[] = {
        "shop=",       "shop=1.",      "shop=1",      "shop=.text",  "shop=0.text",
        "shop=2.text", "shop=text",    "shop=10.te",  "shop=a.text", "shop.1=text",
        "Shop=1.text", "shop=-1.text", "xshop=1.tex", "shop",        "shop=1.a; shop=1.a"};
    const struct oidc_cookies cookies = {"shop", false};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct http_fields has = {0};
        size_t count;
        add_cookie(&has, bad[i]);
        assert_null(oidc_session_text(&cookies, &has, &count, &arena).ptr);
    }
}

static void sessions_are_found_among_other_cookies_in_any_order(void **state)
{
    static const struct {
        const char *first;
        const char *second; /* NULL: one field */
        const char *text;   /* NULL: none */
        size_t count;
    } cases[] = {
        {"shop=1.a", NULL, "a", 1},
        {"x=1; shop.2=c; y; shop.1=b; shop=3.a; z=2", NULL, "abc", 3},
        {"shop.1=b; x=1", "y=1; shop=2.a", "ab", 2},
        {"shop=2.a; shop.1=b; shop.8=z", NULL, "ab", 9}, /* of a larger one: it is taken away */
        {"shop=1.a; shop.1=b; shop.1=b", NULL, "a", 2},
        {"shop=2.a; shop.1=b", "shop.1=b", NULL, 2},
        {"shop=2.a; shop.2=b", NULL, NULL, 3},
        {"shop=2.a; shop.01=b; shop.9=b; shop.0=b; shop.1x=b; shop.=b; shop1=b", NULL, NULL, 1},
        {"shop=1.a; shop-in-12345678=b", NULL, "a", 1},
        {"shop=2.a=b; shop.1=c=d", NULL, "a=bc=d", 2},
        {"shop =1.a", NULL, NULL, 0},
    };
    const struct oidc_cookies cookies = {"shop", false};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_fields has = {0};
        size_t count;
        add_cookie(&has, cases[i].first);
        if (cases[i].second != NULL) {
            add_cookie(&has, cases[i].second);
        }
        assert_true(is_text(oidc_session_text(&cookies, &has, &count, &arena), cases[i].text));
        assert_int_equal(count, cases[i].count);
    }
}

static void servers_get_no_cookie_of_the_gateways(void **state)
{
    static const struct {
        const char *sent;
        const char *left; /* NULL: the field is not sent */
    } cases[] = {
        {"a=1; b=2", "a=1; b=2"},
        {"shop=1.x", NULL},
        {"a=1; shop=1.x; b=2", "a=1; b=2"},
        {"a=1; __Host-shop=1.x; __Host-shop.1=y; b=2", "a=1; b=2"},
        {"shop.1=x;shop-in-12345678=y;a=1", "a=1"},
        {"__Host-shop-in-12345678=y", NULL},
        {"shopping=1; __Host-shopping=1", "shopping=1; __Host-shopping=1"},
        {" shop = 1.x ; a=1", "a=1"},
        {"shop", NULL},
        {"a=shop=1.x", "a=shop=1.x"},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_fields has = {0};
        add_cookie(&has, cases[i].sent);
        oidc_cookies_strip("shop", &has, &arena);
        assert_int_equal(has.items[0].is_not_sent, cases[i].left == NULL);
        assert_true(cases[i].left == NULL || is_text(has.items[0].value, cases[i].left));
    }
}

static void tabs_are_found_by_their_names(void **state)
{
    const struct oidc_cookies cookies = {"shop", true};
    struct http_fields set = {0};
    struct http_fields has = {0};
    struct span tabs[4];

    (void)state;
    oidc_tab_set(&cookies, SPAN_OF("12345678"), SPAN_OF("sealed"), 600, &set, &arena);
    assert_true(is_text(set.items[0].value, "__Host-shop-in-12345678=sealed; Path=/; Max-Age=600; "
                                            "HttpOnly; SameSite=Lax; Secure"));
    add_cookie(&has,
               "a=1; __Host-shop-in-12345678=x; __Host-shop-in-1234567=y; shop-in-87654321=z");
    add_cookie(&has, "__Host-shop-in-abcdefgh=w");
    assert_int_equal(oidc_tabs(&cookies, &has, tabs, ARRAY_LEN(tabs)), 2);
    assert_true(is_text(tabs[0], "12345678") && is_text(tabs[1], "abcdefgh"));
    assert_int_equal(oidc_tabs(&cookies, &has, tabs, 1), 1);
    assert_true(is_text(oidc_tab_text(&cookies, &has, SPAN_OF("abcdefgh"), &arena), "w"));
    assert_null(oidc_tab_text(&cookies, &has, SPAN_OF("87654321"), &arena).ptr);
}

/* ---- a sign-in ---- */

static void sign_ins_are_told_apart_by_their_seeds(void **state)
{
    struct oidc_sign_in one;
    struct oidc_sign_in other;
    struct oidc_sign_in again;
    struct oidc_proofs proofs;
    struct span packed;

    (void)state;
    oidc_sign_in_begin(&one, SPAN_OF("/page?x=1"), NOW);
    oidc_sign_in_begin(&other, SPAN_OF("/page?x=1"), NOW);
    proofs = oidc_sign_in_proofs(&one, &arena);
    assert_int_equal(proofs.verifier.len, 43); /* RFC 7636 section 4.1 */
    assert_false(span_eq(proofs.state, proofs.nonce) || span_eq(proofs.state, proofs.verifier) ||
                 span_eq(proofs.verifier, proofs.challenge));
    assert_false(span_eq(proofs.state, oidc_sign_in_proofs(&other, &arena).state));
    packed = oidc_sign_in_pack(&one, &arena);
    assert_true(oidc_sign_in_unpack(packed, &again));
    assert_true(again.began_s == NOW && is_text(again.target, "/page?x=1"));
    assert_true(span_eq(oidc_sign_in_proofs(&again, &arena).state, proofs.state));
    for (size_t i = 0; i < packed.len - one.target.len; i++) {
        assert_false(oidc_sign_in_unpack(span_head(packed, i), &again));
    }
}

static void challenge_is_the_verifiers_digest(void **state)
{
    struct oidc_sign_in sign_in;
    struct oidc_proofs proofs;
    unsigned char digest[SHA256_BYTES];
    char text[BASE64_LEN(SHA256_BYTES)];

    (void)state;
    oidc_sign_in_begin(&sign_in, SPAN_OF("/"), NOW);
    proofs = oidc_sign_in_proofs(&sign_in, &arena);
    assert_true(digest_sha256(&proofs.verifier, 1, digest));
    assert_true(span_eq(
        proofs.challenge,
        span_make(text, base64_encode(BASE64_URL, span_make(digest, sizeof(digest)), text))));
}

static void browsers_come_back_to_the_same_site(void **state)
{
    static const char *const good[] = {
        "/",           "/a",    "/a/b?c=d",        "/?x=//evil.example",
        "/%2f%2fevil", "/a//b", "/a?u=https://x/", "/~ann/"};
    static const char *const bad[] = {
        "",        "//evil.example", "/\\evil.example", "\\/evil", "evil", "https://x/", "/\tevil",
        "/a\r\nb", "/a b",           "/\x80",           "///",     "*",    "/a\\..\\b"};
    char *longest = arena_calloc(&arena, OIDC_TARGET_MAX + 2);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(is_text(oidc_return_target(span_from_cstr(good[i])), good[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_true(is_text(oidc_return_target(span_from_cstr(bad[i])), "/"));
    }
    memset(longest, '/', 1);
    memset(longest + 1, 'x', OIDC_TARGET_MAX);
    assert_int_equal(oidc_return_target(span_make(longest, OIDC_TARGET_MAX)).len, OIDC_TARGET_MAX);
    assert_int_equal(oidc_return_target(span_make(longest, OIDC_TARGET_MAX + 1)).len, 1);
}

static void pages_are_told_from_other_requests(void **state)
{
    static const struct {
        enum http_method method;
        const char *accept; /* NULL, as the others: not there */
        const char *mode;
        const char *with;
        bool is_page;
    } cases[] = {
        {HTTP_GET, "text/html", NULL, NULL, true},
        {HTTP_HEAD, "text/html,*/*;q=0.8", "navigate", NULL, true},
        {HTTP_GET, "application/xhtml+xml", NULL, NULL, true},
        {HTTP_GET, "TEXT/HTML;level=1;q=0.1", "Navigate", NULL, true},
        {HTTP_POST, "text/html", NULL, NULL, false},
        {HTTP_GET, NULL, NULL, NULL, false},
        {HTTP_GET, "*/*", NULL, NULL, false},
        {HTTP_GET, "application/json", NULL, NULL, false},
        {HTTP_GET, "text/html;q=0", NULL, NULL, false},
        {HTTP_GET, "text/html", "cors", NULL, false},
        {HTTP_GET, "text/html", "no-cors", NULL, false},
        {HTTP_GET, "text/html", NULL, "XMLHttpRequest", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_request request = {.method = cases[i].method};
        const char *const values[] = {cases[i].accept, cases[i].mode, cases[i].with};
        static const char *const names[] = {"Accept", "Sec-Fetch-Mode", "X-Requested-With"};
        for (size_t f = 0; f < ARRAY_LEN(names); f++) {
            if (values[f] != NULL) {
                struct span name = span_from_cstr(names[f]);
                http_fields_add(&request.fields, &arena, http_field_id(name), name,
                                span_from_cstr(values[f]));
            }
        }
        assert_int_equal(oidc_is_navigation(&request), cases[i].is_page);
    }
}

static void callbacks_are_read_strictly(void **state)
{
    static const struct {
        const char *query;
        const char *state; /* NULL: it is none */
        const char *code;
        const char *error;
    } cases[] = {
        {"state=s&code=c", "s", "c", NULL},
        {"code=a%2Bb+c&x=1&state=%73", "s", "a+b c", NULL},
        {"state=s&error=access_denied&error_description=no+way", "s", NULL, "access_denied"},
        {"state=s", NULL, NULL, NULL},
        {"code=c", NULL, NULL, NULL},
        {"", NULL, NULL, NULL},
        {"state=&code=c", NULL, NULL, NULL},
        {"state=s&code=", NULL, NULL, NULL},
        {"state=s&code=c&error=e", NULL, NULL, NULL},
        {"state=s&code=c&code=c", NULL, NULL, NULL},
        {"state=s&state=t&code=c", NULL, NULL, NULL},
        {"state=s&code=c&iss=a&iss=b", NULL, NULL, NULL},
        {"STATE=s&code=c", NULL, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct oidc_callback callback;
        struct error error;
        bool is_read =
            oidc_callback_read(span_from_cstr(cases[i].query), &arena, &callback, &error);

        assert_int_equal(is_read, cases[i].state != NULL);
        if (is_read) {
            assert_true(is_text(callback.state, cases[i].state));
            assert_true(is_text(callback.code, cases[i].code));
            assert_true(is_text(callback.error, cases[i].error));
        }
    }
}

static void values_of_callbacks_have_bounds(void **state)
{
    static const struct {
        const char *name;
        size_t most;
    } bounds[] = {{"state", OIDC_WORD_MAX}, {"code", OIDC_CODE_MAX}};

    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_LEN(bounds); i++) {
        size_t len = bounds[i / 2].most + i % 2;
        char *value = arena_calloc(&arena, len + 1);
        struct oidc_callback callback;
        struct error error;

        memset(value, 'x', len);
        assert_int_equal(
            oidc_callback_read(span_from_cstr(arena_printf(&arena, "%s=%s&%s=1", bounds[i / 2].name,
                                                           value, bounds[1 - i / 2].name)),
                               &arena, &callback, &error),
            i % 2 == 0);
    }
}

/* ---- userinfo ---- */

static void userinfo_says_what_the_id_token_does_not(void **state)
{
    static const struct {
        const char *answer;
        const char *read; /* NULL: it is refused */
    } cases[] = {
        {"{\"sub\":\"ann\"}", "{}"},
        {"{ \"sub\" : \"ann\" , \"team\" : [ 1 ] }", "{\"team\":[1]}"},
        {"{\"sub\":\"ann\",\"email\":\"forged\",\"exp\":1,\"nick\":\"a\"}", "{\"nick\":\"a\"}"},
        /* As a path it would be another claim's, which is signed. */
        {"{\"sub\":\"ann\",\"realm.roles\":\"admin\",\"realm.x.y\":1,\"realms.x\":2}",
         "{\"realms.x\":2}"},
        {"{\"sub\":\"ann\",\"realm\":{\"roles\":\"admin\"}}", "{}"},
        {"{\"sub\":\"Ann\"}", NULL},
        {"{\"sub\":\"ann \"}", NULL},
        {"{\"sub\":\"\"}", NULL},
        {"{\"sub\":1}", NULL},
        {"{\"sub\":[\"ann\"]}", NULL},
        {"{\"nick\":\"ann\"}", NULL},
        {"{\"sub\":\"ann\",\"sub\":\"ann\"}", NULL},
        {"[\"sub\"]", NULL},
        {"", NULL},
        {"ey.ey.ey", NULL},
    };
    struct error error;
    json_t *claims = json_strict_object(
        SPAN_OF("{\"sub\":\"ann\",\"email\":\"a@x\",\"exp\":2,\"realm\":{\"roles\":[]}}"),
        &(struct json_bounds){.depth = 5, .values = 50}, &error);
    json_t *nobody = json_object();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span read =
            oidc_userinfo_read(span_from_cstr(cases[i].answer), claims, &arena, &error);
        assert_true(is_text(read, cases[i].read));
        assert_true(cases[i].read != NULL || error.text[0] != '\0');
        assert_null(
            oidc_userinfo_read(span_from_cstr(cases[i].answer), nobody, &arena, &error).ptr);
    }
    json_decref(claims);
    json_decref(nobody);
}

/* ---- the provider's document ---- */

#define ENDPOINTS                                                                                  \
    "\"authorization_endpoint\":\"https://id.example.com/a?x=1\","                                 \
    "\"token_endpoint\":\"https://id.example.com/t\","                                             \
    "\"jwks_uri\":\"https://keys.example.com/k\""

static void documents_are_their_issuers_and_go_nowhere_open(void **state)
{
    static const struct {
        const char *document;
        const char *problem; /* NULL: it is right */
    } cases[] = {
        {"\"issuer\":\"https://id.example.com\"," ENDPOINTS, NULL},
        {"\"issuer\":\"https://id.example.com/\"," ENDPOINTS, NULL},
        {"\"issuer\":\"https://id.example.com\",\"code_challenge_methods_supported\":[\"plain\","
         "\"S256\"]," ENDPOINTS,
         NULL},
        {"\"issuer\":\"https://id.example.com\",\"end_session_endpoint\":\"https://x.example/"
         "e\"," ENDPOINTS,
         NULL},
        {"\"issuer\":\"https://id.example.com.evil.example\"," ENDPOINTS, "'issuer'"},
        {"\"issuer\":\"https://ID.example.com\"," ENDPOINTS, "'issuer'"},
        {"\"issuer\":[\"https://id.example.com\"]," ENDPOINTS, "'issuer'"},
        {ENDPOINTS, "'issuer'"},
        {"\"issuer\":\"https://id.example.com\"", "'authorization_endpoint'"},
        {"\"issuer\":\"https://"
         "id.example.com\",\"code_challenge_methods_supported\":[\"plain\"]," ENDPOINTS,
         "S256"},
        {"\"issuer\":\"https://"
         "id.example.com\",\"end_session_endpoint\":\"javascript:x\"," ENDPOINTS,
         "'end_session_endpoint'"},
        {"\"issuer\":\"https://id.example.com\",\"end_session_endpoint\":\"http://x.example/"
         "\"," ENDPOINTS,
         "https"},
        {"\"issuer\":\"https://id.example.com\",\"authorization_endpoint\":\"https://x.example/\","
         "\"token_endpoint\":\"http://x.example/\",\"jwks_uri\":\"https://x.example/\"",
         "'token_endpoint' is not with https"},
        {"\"issuer\":\"https://id.example.com\",\"issuer\":\"https://id.example.com\"," ENDPOINTS,
         "no JSON"},
    };
    const struct fetched_settings settings = {
        .url = "https://id.example.com/.well-known/openid-configuration",
        .timeout_ms = 1000,
        .every_ms = 1000,
        .pause_ms = 1000};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error error = {""};
        const struct oidc_provider *provider = oidc_provider_parse(
            &settings, span_from_cstr(arena_printf(&arena, "{%s}", cases[i].document)), &error);

        assert_int_equal(provider != NULL, cases[i].problem == NULL);
        if (provider == NULL) {
            assert_non_null(strstr(error.text, cases[i].problem));
        } else {
            assert_string_equal(provider->sign_in, "https://id.example.com/a?x=1");
            assert_string_equal(provider->token, "https://id.example.com/t");
            assert_non_null(provider->keys);
        }
        oidc_provider_release(provider);
    }
}

static void schemes_of_issuers_are_read_as_urls_are(void **state)
{
    const struct fetched_settings settings = {
        .url = "HTTPS://id.example.com/.well-known/openid-configuration",
        .timeout_ms = 1000,
        .every_ms = 1000,
        .pause_ms = 1000};
    struct error error = {""};

    (void)state;
    assert_null(oidc_provider_parse(
        &settings,
        SPAN_OF("{\"issuer\":\"HTTPS://id.example.com\",\"authorization_endpoint\":\"https://x/\","
                "\"token_endpoint\":\"http://x/\",\"jwks_uri\":\"https://x/\"}"),
        &error));
    assert_non_null(strstr(error.text, "'token_endpoint' is not with https"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_sealed_is_opened_by_the_same_box_alone),
        TEST(keys_change_and_old_ones_open_for_a_time),
        TEST(files_of_secrets_are_read_strictly),
        TEST(sessions_are_cut_into_cookies_and_put_together),
        TEST(cookies_that_a_smaller_session_needs_no_more_are_taken_away),
        TEST(sessions_in_cookies_that_nobody_has_set),
        TEST(sessions_are_found_among_other_cookies_in_any_order),
        TEST(servers_get_no_cookie_of_the_gateways),
        TEST(tabs_are_found_by_their_names),
        TEST(sign_ins_are_told_apart_by_their_seeds),
        TEST(challenge_is_the_verifiers_digest),
        TEST(browsers_come_back_to_the_same_site),
        TEST(pages_are_told_from_other_requests),
        TEST(callbacks_are_read_strictly),
        TEST(values_of_callbacks_have_bounds),
        TEST(userinfo_says_what_the_id_token_does_not),
        TEST(documents_are_their_issuers_and_go_nowhere_open),
        TEST(schemes_of_issuers_are_read_as_urls_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
