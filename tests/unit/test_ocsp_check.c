/* What an OCSP response is worth, what a certificate says of its responder, and when a response is
 * fetched again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ocsp_test.h"
#include "tls/ocsp_schedule.h"
#include "tls/openssl/ocsp_check_internal.h"

#define NOW 1800000000
#define SKEW 300

static struct identity issuer;
static struct identity other_issuer;  /* another name, another key */
static struct identity other_name;    /* another name, the same key */
static struct identity delegate;      /* may sign for the issuer */
static struct identity not_delegated; /* was issued by it, but may not */
static struct identity leaf;

static int set_up(void **state)
{
    const struct identity_options ca = {.subject = "Issuer", .is_ca = true};
    const struct identity_options other = {.subject = "Other", .is_ca = true};

    (void)state;
    issuer = identity_make(&ca, NULL);
    other_issuer = identity_make(&other, NULL);
    other_name = (struct identity){issuer.key, X509_dup(other_issuer.certificate)};
    assert_int_equal(X509_set_pubkey(other_name.certificate, issuer.key), 1);
    delegate = identity_make(
        &(struct identity_options){.subject = "Responder", .usage = "OCSPSigning"}, &issuer);
    not_delegated = identity_make(&(struct identity_options){.subject = "Shop"}, &issuer);
    leaf = identity_make(&(struct identity_options){.subject = "leaf"}, &issuer);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    other_name.key = NULL;
    identity_free(&issuer);
    identity_free(&other_issuer);
    identity_free(&other_name);
    identity_free(&delegate);
    identity_free(&not_delegated);
    identity_free(&leaf);
    return 0;
}

static struct ocsp_answer good(void)
{
    return (struct ocsp_answer){.leaf = leaf.certificate,
                                .issuer = issuer.certificate,
                                .signer = &issuer,
                                .from = NOW - 100,
                                .until = NOW + 1000};
}

static struct ocsp_finding look(struct span bytes)
{
    return ocsp_check(bytes, issuer.certificate, X509_get0_serialNumber(leaf.certificate), NOW);
}

static struct ocsp_finding look_at(const struct ocsp_answer *answer)
{
    struct span bytes = ocsp_answer_make(answer);
    struct ocsp_finding finding = look(bytes);

    free((char *)(uintptr_t)bytes.ptr);
    return finding;
}

/* ---- responses ---- */

static void a_good_response(void **state)
{
    struct ocsp_answer answer = good();
    struct ocsp_finding finding = look_at(&answer);

    (void)state;
    assert_int_equal(finding.verdict, OCSP_VERDICT_GOOD);
    assert_int_equal(finding.from, NOW - 100);
    assert_int_equal(finding.until, NOW + 1000);
    answer.digest = "SHA256";
    assert_int_equal(look_at(&answer).verdict, OCSP_VERDICT_GOOD);
    answer.until = 0;
    finding = look_at(&answer);
    assert_int_equal(finding.verdict, OCSP_VERDICT_GOOD);
    assert_true(finding.until == INT64_MAX);
}

static void the_whole_identity_of_the_certificate_counts(void **state)
{
    struct ocsp_answer answer = good();
    struct span bytes;

    (void)state;
    answer.issuer = other_issuer.certificate;
    assert_int_equal(look_at(&answer).verdict, OCSP_VERDICT_OTHER);
    answer.issuer = other_name.certificate; /* the key's hash fits, the name's does not */
    assert_int_equal(look_at(&answer).verdict, OCSP_VERDICT_OTHER);
    bytes = ocsp_answer_make(&answer);
    /* Without the issuer the number is all there is to compare. */
    assert_int_equal(ocsp_check(bytes, NULL, X509_get0_serialNumber(leaf.certificate), NOW).verdict,
                     OCSP_VERDICT_GOOD);
    free((char *)(uintptr_t)bytes.ptr);
    answer = good();
    answer.leaf = delegate.certificate;
    assert_int_equal(look_at(&answer).verdict, OCSP_VERDICT_OTHER);
}

static void who_may_sign(void **state)
{
    struct ocsp_answer answer = good();

    (void)state;
    answer.signer = &delegate;
    assert_int_equal(look_at(&answer).verdict, OCSP_VERDICT_GOOD);
    answer.signer = &not_delegated;
    assert_int_equal(look_at(&answer).verdict, OCSP_VERDICT_UNSIGNED);
    answer.signer = &other_issuer;
    assert_int_equal(look_at(&answer).verdict, OCSP_VERDICT_UNSIGNED);
}

static void what_it_may_say(void **state)
{
    struct ocsp_answer answer = good();
    struct ocsp_finding finding;

    (void)state;
    answer.status = V_OCSP_CERTSTATUS_REVOKED;
    answer.reason = OCSP_REVOKED_STATUS_KEYCOMPROMISE;
    finding = look_at(&answer);
    assert_int_equal(finding.verdict, OCSP_VERDICT_REVOKED);
    assert_string_equal(finding.word, "keyCompromise");
    assert_int_equal(finding.revoked_at, NOW - 100);
    answer.reason = OCSP_REVOKED_STATUS_NOSTATUS;
    answer.until = NOW - 10; /* what was revoked stays so */
    finding = look_at(&answer);
    assert_int_equal(finding.verdict, OCSP_VERDICT_REVOKED);
    assert_null(finding.word);
    answer.status = V_OCSP_CERTSTATUS_UNKNOWN;
    assert_int_equal(look_at(&answer).verdict, OCSP_VERDICT_UNKNOWN);
    answer.status = V_OCSP_CERTSTATUS_REVOKED;
    answer.signer = &other_issuer; /* anybody could say so */
    assert_int_equal(look_at(&answer).verdict, OCSP_VERDICT_UNSIGNED);
}

static void when_it_holds(void **state)
{
    static const struct {
        int64_t from, until;
        enum ocsp_verdict verdict;
    } cases[] = {
        {NOW - 10, NOW + 1, OCSP_VERDICT_GOOD},
        {NOW - 10, NOW, OCSP_VERDICT_EXPIRED},
        {NOW - 10, NOW - 5, OCSP_VERDICT_EXPIRED},
        {NOW + SKEW, NOW + 1000, OCSP_VERDICT_GOOD},
        {NOW + SKEW + 1, NOW + 1000, OCSP_VERDICT_NOT_YET_VALID},
        {NOW - 10, 253402300799, OCSP_VERDICT_GOOD}, /* the year 9999 */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ocsp_answer answer = good();
        answer.from = cases[i].from;
        answer.until = cases[i].until;
        assert_int_equal(look_at(&answer).verdict, cases[i].verdict);
    }
}

static void refusals_have_their_names(void **state)
{
    struct span bytes = ocsp_refusal_make(OCSP_RESPONSE_STATUS_TRYLATER);
    struct ocsp_finding finding = look(bytes);

    (void)state;
    assert_int_equal(finding.verdict, OCSP_VERDICT_DECLINED);
    assert_string_equal(finding.word, "trylater");
    free((char *)(uintptr_t)bytes.ptr);
}

/* Each piece ends at a page that cannot be read. */
static void no_part_of_a_response_is_one(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct ocsp_answer answer = good();
    struct span bytes = ocsp_answer_make(&answer);
    char *guarded =
        mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_ptr_not_equal(guarded, MAP_FAILED);
    assert_true(bytes.len < 2 * page);
    assert_int_equal(mprotect(guarded + 2 * page, page, PROT_NONE), 0);
    for (size_t len = 0; len < bytes.len; len++) {
        char *at = guarded + 2 * page - len;
        memcpy(at, bytes.ptr, len);
        assert_int_equal(look(span_make(at, len)).verdict, OCSP_VERDICT_NO_RESPONSE);
    }
    (void)munmap(guarded, 3 * page);
    free((char *)(uintptr_t)bytes.ptr);
}

static void bytes_behind_it_and_too_many(void **state)
{
    struct ocsp_answer answer = good();
    struct span bytes = ocsp_answer_make(&answer);
    char *large = calloc(1, OCSP_RESPONSE_MAX + 1);

    (void)state;
    assert_non_null(large);
    memcpy(large, bytes.ptr, bytes.len);
    assert_int_equal(look(span_make(large, bytes.len)).verdict, OCSP_VERDICT_GOOD);
    assert_int_equal(look(span_make(large, bytes.len + 1)).verdict, OCSP_VERDICT_NO_RESPONSE);
    assert_int_equal(look(span_make(large, OCSP_RESPONSE_MAX + 1)).verdict,
                     OCSP_VERDICT_NO_RESPONSE);
    assert_int_equal(look((struct span){NULL, 0}).verdict, OCSP_VERDICT_NO_RESPONSE);
    free(large);
    free((char *)(uintptr_t)bytes.ptr);
}

/* ---- certificates ---- */

static void what_a_certificate_says_of_its_responder(void **state)
{
    struct identity plain = identity_make(&(struct identity_options){.subject = "a"}, NULL);
    struct identity must = identity_make(
        &(struct identity_options){
            .subject = "b", .is_must_staple = true, .responder = "http://ocsp.example/x"},
        NULL);
    struct identity https = identity_make(
        &(struct identity_options){.subject = "c", .responder = "https://ocsp.example/"}, NULL);
    char *url = ocsp_responder(must.certificate);
    struct span request = ocsp_request(leaf.certificate, issuer.certificate);
    const unsigned char *at = (const unsigned char *)request.ptr;
    OCSP_REQUEST *parsed = d2i_OCSP_REQUEST(NULL, &at, (long)request.len);

    (void)state;
    assert_string_equal(url, "http://ocsp.example/x");
    assert_null(ocsp_responder(plain.certificate));
    assert_null(ocsp_responder(https.certificate));
    assert_true(ocsp_is_required(must.certificate));
    assert_false(ocsp_is_required(plain.certificate));
    assert_non_null(parsed);
    assert_int_equal(OCSP_request_onereq_count(parsed), 1);
    OCSP_REQUEST_free(parsed);
    free((char *)(uintptr_t)request.ptr);
    free(url);
    identity_free(&plain);
    identity_free(&must);
    identity_free(&https);
}

/* ---- when ---- */

static void half_of_a_response_s_life(void **state)
{
    const int64_t now_ms = (int64_t)NOW * 1000;
    static const struct {
        int64_t life_s, wait_ms;
    } cases[] = {
        {-5, OCSP_REFRESH_MIN_MS},
        {0, OCSP_REFRESH_MIN_MS},
        {1, OCSP_REFRESH_MIN_MS},
        {100, 50000},
        {3600, 1800000},
        {7 * 86400, OCSP_REFRESH_MAX_MS},
        {251602300799, OCSP_REFRESH_MAX_MS},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t most = cases[i].wait_ms;
        int64_t least =
            most - most / 8 > OCSP_REFRESH_MIN_MS ? most - most / 8 : OCSP_REFRESH_MIN_MS;
        assert_int_equal(ocsp_refresh_wait_ms(NOW + cases[i].life_s, now_ms, 0), most);
        assert_int_equal(ocsp_refresh_wait_ms(NOW + cases[i].life_s, now_ms, 0xffff), least);
    }
    assert_int_equal(ocsp_refresh_wait_ms(INT64_MAX, now_ms, 0), OCSP_ENDLESS_REFRESH_MS);
    assert_int_equal(ocsp_refresh_wait_ms(INT64_MAX - 1, now_ms, 0), OCSP_REFRESH_MAX_MS);
}

static void less_and_less_often_after_failures(void **state)
{
    const int64_t now_ms = (int64_t)NOW * 1000;

    (void)state;
    assert_int_equal(ocsp_retry_wait_ms(1, 0, now_ms, 0), 2000);
    assert_int_equal(ocsp_retry_wait_ms(2, 0, now_ms, 0), 4000);
    assert_int_equal(ocsp_retry_wait_ms(6, 0, now_ms, 0), 64000);
    for (unsigned failures = 12; failures < 100; failures++) {
        assert_int_equal(ocsp_retry_wait_ms(failures, 0, now_ms, 0), OCSP_RETRY_MAX_MS);
    }
    assert_int_equal(ocsp_retry_wait_ms(UINT32_MAX, 0, now_ms, 0), OCSP_RETRY_MAX_MS);
    assert_true(ocsp_retry_wait_ms(1, 0, now_ms, UINT32_MAX) >= 1750);
    /* More often while there is one to lose. */
    assert_int_equal(ocsp_retry_wait_ms(20, NOW + 600, now_ms, 0), 300000);
    assert_true(ocsp_retry_wait_ms(20, NOW + 1, now_ms, 0) >= 1000);
    assert_int_equal(ocsp_retry_wait_ms(20, NOW - 1, now_ms, 0), OCSP_RETRY_MAX_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_response),
        cmocka_unit_test(the_whole_identity_of_the_certificate_counts),
        cmocka_unit_test(who_may_sign),
        cmocka_unit_test(what_it_may_say),
        cmocka_unit_test(when_it_holds),
        cmocka_unit_test(refusals_have_their_names),
        cmocka_unit_test(no_part_of_a_response_is_one),
        cmocka_unit_test(bytes_behind_it_and_too_many),
        cmocka_unit_test(what_a_certificate_says_of_its_responder),
        cmocka_unit_test(half_of_a_response_s_life),
        cmocka_unit_test(less_and_less_often_after_failures),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
