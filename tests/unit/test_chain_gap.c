/* What is missing in a chain that could not be verified: an intermediate certificate, or perhaps a
 * root that is not trusted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/check.h"
#include "tls/openssl/chain_gap.h"
#include "tls_test.h"

#define FETCH "caIssuers;URI:http://ca.example/issuer.crt"

/* root <- upper <- lower <- leaf, of one house; and a root of another. */
static struct identity root, upper, lower, leaf, other_root;

static int set_up(void **state)
{
    struct identity_options options = {.subject = "root", .house = "House", .is_ca = true};

    (void)state;
    root = identity_make(&options, NULL);
    options.subject = "upper";
    upper = identity_make(&options, &root);
    options.subject = "lower";
    lower = identity_make(&options, &upper);
    options = (struct identity_options){.subject = "leaf", .names = "DNS:site.example"};
    leaf = identity_make(&options, &lower);
    options = (struct identity_options){.subject = "other", .house = "Elsewhere", .is_ca = true};
    other_root = identity_make(&options, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    identity_free(&root);
    identity_free(&upper);
    identity_free(&lower);
    identity_free(&leaf);
    identity_free(&other_root);
    return 0;
}

static X509_STORE *trust(const struct identity *identity)
{
    X509_STORE *store = X509_STORE_new();

    assert_non_null(store);
    if (identity != NULL) {
        assert_int_equal(X509_STORE_add_cert(store, identity->certificate), 1);
    }
    return store;
}

/* What is found where `sent` came and `trusted` is trusted; "" where nothing is. */
static const char *gap(const struct identity *trusted, const struct identity *const *sent,
                       size_t count)
{
    static char name[CHAIN_GAP_TEXT_MAX];
    STACK_OF(X509) *chain = sk_X509_new_null();
    X509_STORE *store = trust(trusted);
    bool found;

    for (size_t i = 0; i < count; i++) {
        assert_true(sk_X509_push(chain, sent[i]->certificate) > 0);
    }
    memset(name, 'x', sizeof(name));
    found = chain_gap_find(chain, store, name);
    assert_int_equal(found, name[0] != '\0');
    assert_int_equal(ERR_peek_error(), 0);
    sk_X509_free(chain);
    X509_STORE_free(store);
    return name;
}

#define GAP(trusted, ...)                                                                          \
    gap(trusted, (const struct identity *const[]){__VA_ARGS__},                                    \
        sizeof((const struct identity *const[]){__VA_ARGS__}) / sizeof(struct identity *))

static void the_missing_one_is_named(void **state)
{
    (void)state;
    /* Its issuer is of the house of a root that is trusted. */
    assert_string_equal(GAP(&root, &leaf), "CN=lower,O=House");
    assert_string_equal(GAP(&root, &leaf, &lower), "CN=upper,O=House");
}

static void a_whole_chain_has_no_gap(void **state)
{
    (void)state;
    assert_string_equal(GAP(&root, &leaf, &lower, &upper), "");
    assert_string_equal(GAP(&root, &leaf, &lower, &upper, &root), "");
    /* Its root came with it, and is not trusted. */
    assert_string_equal(GAP(&other_root, &leaf, &lower, &upper, &root), "");
}

static void order_and_strangers_do_not_matter(void **state)
{
    (void)state;
    assert_string_equal(GAP(&root, &leaf, &other_root, &lower), "CN=upper,O=House");
    assert_string_equal(GAP(&root, &leaf, &upper, &lower), "");
    /* The same one twice. */
    assert_string_equal(GAP(&root, &leaf, &leaf, &lower, &lower), "CN=upper,O=House");
}

static void it_may_as_well_be_a_root(void **state)
{
    (void)state;
    assert_string_equal(GAP(&other_root, &leaf), "");
    assert_string_equal(GAP(NULL, &leaf, &lower), "");
}

static void a_certificate_says_where_its_issuer_is(void **state)
{
    const struct identity_options fetch = {.subject = "fetch", .access = FETCH};
    const struct identity_options ask = {.subject = "ask",
                                         .access = "OCSP;URI:http://ocsp.example/"};
    struct identity with_issuer = identity_make(&fetch, &lower);
    struct identity with_responder = identity_make(&ask, &lower);
    struct identity below_root = identity_make(&fetch, &root);

    (void)state;
    assert_string_equal(GAP(&other_root, &with_issuer), "CN=lower,O=House");
    assert_string_equal(GAP(NULL, &with_issuer), "CN=lower,O=House");
    assert_string_equal(GAP(&other_root, &with_responder), "");
    /* Nothing is missing between it and the root that issued it: something else is wrong. */
    assert_string_equal(GAP(&root, &below_root), "");
    identity_free(&with_issuer);
    identity_free(&with_responder);
    identity_free(&below_root);
}

static void self_signed_ones_miss_nothing(void **state)
{
    const struct identity_options options = {.subject = "own", .house = "House", .access = FETCH};
    struct identity own = identity_make(&options, NULL);

    (void)state;
    assert_string_equal(GAP(&root, &own), "");
    assert_string_equal(GAP(NULL, &own), "");
    identity_free(&own);
}

/* Two authorities that vouch for each other: whoever sends them must not keep us. */
static void a_circle_ends(void **state)
{
    const struct identity_options first_options = {.subject = "first", .is_ca = true};
    const struct identity_options second_options = {.subject = "second", .is_ca = true};
    const struct identity_options leaf_options = {.subject = "leaf"};
    struct identity first = identity_make(&first_options, NULL);
    struct identity second = identity_make(&second_options, &first);
    struct identity first_by_second = identity_make(&first_options, &second);
    struct identity below = identity_make(&leaf_options, &second);

    (void)state;
    assert_string_equal(GAP(&root, &below, &second, &first_by_second), "");
    assert_string_equal(GAP(&root, &below, &first_by_second, &second), "");
    identity_free(&first);
    identity_free(&second);
    identity_free(&first_by_second);
    identity_free(&below);
}

static void nothing_was_sent(void **state)
{
    STACK_OF(X509) *empty = sk_X509_new_null();
    X509_STORE *store = trust(&root);
    char name[CHAIN_GAP_TEXT_MAX] = "x";

    (void)state;
    assert_false(chain_gap_find(NULL, store, name));
    assert_string_equal(name, "");
    assert_false(chain_gap_find(empty, store, name));
    sk_X509_free(empty);
    X509_STORE_free(store);
}

/* 64 letters of a name are 384 when they are written for people. */
static void long_names_are_cut(void **state)
{
    char subject[2 * 64 + 1] = "";
    const struct identity_options issuer_options = {
        .subject = subject, .house = "House", .is_ca = true};
    const struct identity_options options = {.subject = "leaf"};
    struct identity issuer, below;
    const char *name;

    (void)state;
    for (int i = 0; i < 64; i++) {
        (void)strcat(subject, "\xc3\xbc");
    }
    issuer = identity_make(&issuer_options, &root);
    below = identity_make(&options, &issuer);
    name = GAP(&root, &below);
    assert_int_equal(strlen(name), CHAIN_GAP_TEXT_MAX - 1);
    assert_memory_equal(name, "CN=\\C3\\BC", 9);
    identity_free(&issuer);
    identity_free(&below);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_missing_one_is_named),
        cmocka_unit_test(a_whole_chain_has_no_gap),
        cmocka_unit_test(order_and_strangers_do_not_matter),
        cmocka_unit_test(it_may_as_well_be_a_root),
        cmocka_unit_test(a_certificate_says_where_its_issuer_is),
        cmocka_unit_test(self_signed_ones_miss_nothing),
        cmocka_unit_test(a_circle_ends),
        cmocka_unit_test(nothing_was_sent),
        cmocka_unit_test(long_names_are_cut),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
