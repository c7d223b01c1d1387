/* What tokens say of a user, and how it is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "auth/claims.h"
#include "jose/json_strict.h"

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

static void assert_claim(const struct auth_identity *identity, const char *path, const char *text)
{
    assert_string_equal(
        arena_cstr(&arena, auth_identity_claim_text(identity, span_from_cstr(path), &arena)), text);
}

static void test_claims_are_named_by_their_way(void **state)
{
    static const struct json_bounds bounds = {10, 100};
    struct error error;
    json_t *json = json_strict_object(
        SPAN_OF("{\"sub\":\"ann\",\"n\":-7,\"r\":0.5,\"yes\":true,\"no\":false,\"nil\":null,"
                "\"groups\":[\"b\",\"a\",[\"c\"]],\"e\":[],\"realm\":{\"roles\":[\"r\",\"w\"],"
                "\"deep\":{\"er\":\"x\"}},\"list\":[{\"id\":1},{\"id\":2}],"
                "\"https://example.com/roles\":[\"u\"],\"user.role\":\"good\","
                "\"user\":{\"role\":\"self-made\",\"x.y\":\"hidden\",\"name\":\"n\"},"
                "\"scope\":\"read  write\",\"\":\"empty\"}"),
        &bounds, &error);
    struct auth_identity identity = {.claims = claims_of_json(json, &arena)};
    struct auth_claims scopes;
    struct auth_list words;

    (void)state;
    json_decref(json);
    assert_claim(&identity, "sub", "ann");
    assert_claim(&identity, "n", "-7");
    assert_claim(&identity, "r", "0.5");
    assert_claim(&identity, "yes", "true");
    assert_claim(&identity, "no", "false");
    assert_claim(&identity, "nil", "");
    assert_claim(&identity, "groups", "b,a,c");
    assert_claim(&identity, "e", "");
    assert_claim(&identity, "realm", "");
    assert_claim(&identity, "realm.roles", "r,w");
    assert_claim(&identity, "realm.deep.er", "x");
    assert_claim(&identity, "list.id", "1,2");
    assert_claim(&identity, "https://example.com/roles", "u");
    assert_claim(&identity, "user.role", "good"); /* not what stands below `user` */
    assert_claim(&identity, "user.x.y", "");
    assert_claim(&identity, "user.name", "n");
    scopes = auth_identity_claims(&identity, SPAN_OF("scope"));
    words = claims_words(&scopes, &arena);
    assert_int_equal(words.count, 2);
    assert_true(auth_list_has(&words, SPAN_OF("read")) && auth_list_has(&words, SPAN_OF("write")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_claims_are_named_by_their_way, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
