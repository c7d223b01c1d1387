/* What is found of who sends a request: claims by their paths, of one method and of several. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "auth/auth_identity.h"
#include "edge/template.h"

#define TEXT(path, value)                                                                          \
    {                                                                                              \
        SPAN(path), SPAN(value), AUTH_CLAIM_TEXT                                                   \
    }

static const struct auth_claim claims[] = {
    {SPAN("admin"), SPAN("true"), AUTH_CLAIM_BOOL},
    TEXT("realm.roles", "read"),
    TEXT("realm.roles", ""),
    TEXT("realm.roles", "write"),
    TEXT("sub", "ann"),
};
static const struct auth_claim certificate[] = {TEXT("sub", "another"), TEXT("subject", "CN=ann")};
static const struct auth_identity second = {
    .method = "client_certificate", .user = SPAN("CN=ann"), .claims = {certificate, 2}};
static const struct auth_identity first = {
    .method = "jwt", .user = SPAN("ann"), .claims = {claims, 5}, .also = &second};

static void assert_text(struct arena *arena, const char *path, const char *expected)
{
    struct span text = auth_identity_claim_text(&first, span_from_cstr(path), arena);

    assert_string_equal(arena_cstr(arena, text), expected);
}

static void test_claims_are_found_by_their_whole_path(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 1024);
    assert_text(&arena, "sub", "ann"); /* of the method that was asked first */
    assert_text(&arena, "subject", "CN=ann");
    assert_text(&arena, "admin", "true");
    assert_text(&arena, "realm.roles", "read,,write");
    assert_text(&arena, "realm", "");
    assert_text(&arena, "su", "");
    assert_text(&arena, "zzz", "");
    assert_int_equal(auth_identity_claims(&first, SPAN_OF("realm.roles")).count, 3);
    assert_int_equal(auth_identity_claims(NULL, SPAN_OF("sub")).count, 0);
    arena_destroy(&arena);
}

static void test_lists_have_whole_texts(void **state)
{
    static const struct span items[] = {SPAN("read"), SPAN("write")};
    const struct auth_list list = {items, 2};

    (void)state;
    assert_true(auth_list_has(&list, SPAN_OF("write")));
    assert_false(auth_list_has(&list, SPAN_OF("wri")));
    assert_false(auth_list_has(&list, SPAN_OF("")));
}

static void test_claims_may_be_named_by_urls(void **state)
{
    struct arena arena;
    struct template template;
    struct error error;

    (void)state;
    arena_init(&arena, 1024);
    assert_true(template_parse(SPAN_OF("{claim.https://example.com/roles}"), false, &arena,
                               &template, &error));
    assert_int_equal(template.parts[0].variable, VARIABLE_CLAIM);
    assert_string_equal(arena_cstr(&arena, template.parts[0].text), "https://example.com/roles");
    assert_false(template_parse(SPAN_OF("{claim.}"), false, &arena, &template, &error));
    assert_false(template_parse(SPAN_OF("{claim.a b}"), false, &arena, &template, &error));
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claims_are_found_by_their_whole_path),
        cmocka_unit_test(test_lists_have_whole_texts),
        cmocka_unit_test(test_claims_may_be_named_by_urls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
