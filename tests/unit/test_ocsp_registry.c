/* Certificates whose OCSP responses are fetched: which is due, what is stapled after what came, and
 * what is kept of those that are not in use. */
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

#include "base/log.h"
#include "ocsp_test.h"
#include "tls/certificate.h"
#include "tls/ocsp_registry.h"
#include "tls/ocsp_schedule.h"

#define NOW 1800000000
#define NOW_MS ((int64_t)NOW * 1000)
#define URL "http://ocsp.example/"

static struct identity issuer;

static int set_up(void **state)
{
    log_set_level(LOG_LEVEL_ERROR);
    issuer = identity_make(&(struct identity_options){.subject = "Issuer", .is_ca = true}, NULL);
    return tls_test_set_up(state);
}

static int tear_down(void **state)
{
    identity_free(&issuer);
    return tls_test_tear_down(state);
}

static struct identity make_leaf(const char *responder)
{
    return identity_make(&(struct identity_options){.subject = "leaf", .responder = responder},
                         &issuer);
}

/* Its file, without or with the issuer behind it, as the gateway loads it. */
static struct certificate *load(const struct identity *leaf, bool with_issuer)
{
    const struct identity *chain[] = {leaf, &issuer};
    const char *path = test_write_chain("leaf.crt", chain, with_issuer ? 2 : 1);
    struct error error;
    struct certificate *certificate = certificate_load(path, &error);

    assert_non_null(certificate);
    return certificate;
}

static struct ocsp_subject *join(struct ocsp_registry *registry, const struct identity *leaf)
{
    struct certificate *certificate = load(leaf, true);
    struct ocsp_subject *subject = ocsp_registry_join(registry, certificate);

    certificate_destroy(certificate);
    return subject;
}

static struct ocsp_answer good(const struct identity *leaf, int64_t now)
{
    return (struct ocsp_answer){.leaf = leaf->certificate,
                                .issuer = issuer.certificate,
                                .signer = &issuer,
                                .from = now - 10,
                                .until = now + 1000};
}

/* Fetches what is due at that time: there must be something. */
static void bring(struct ocsp_registry *registry, const struct ocsp_answer *answer, int64_t now_ms)
{
    struct span bytes = answer != NULL ? ocsp_answer_make(answer) : (struct span){NULL, 0};
    struct ocsp_fetch fetch;
    int64_t wait_ms;

    assert_true(ocsp_registry_next(registry, now_ms, &fetch, &wait_ms));
    ocsp_registry_done(registry, &fetch, bytes, "it is down", now_ms);
    free((char *)(uintptr_t)bytes.ptr);
}

static int64_t wait_at(struct ocsp_registry *registry, int64_t now_ms)
{
    struct ocsp_fetch fetch;
    int64_t wait_ms;

    assert_false(ocsp_registry_next(registry, now_ms, &fetch, &wait_ms));
    return wait_ms;
}

static bool has_response(struct ocsp_subject *subject, int64_t now_ms)
{
    size_t len = 0;
    unsigned char *response = ocsp_subject_response(subject, now_ms, &len);
    bool has = response != NULL;

    assert_true(!has || len > 100);
    OPENSSL_free(response);
    return has;
}

/* ---- who joins ---- */

static void only_what_can_be_asked_for_joins(void **state)
{
    struct ocsp_registry *registry = ocsp_registry_create();
    struct identity bare = make_leaf(NULL);
    struct identity leaf = make_leaf(URL);
    struct certificate *alone = load(&leaf, false);

    (void)state;
    assert_null(join(registry, &bare));
    assert_null(ocsp_registry_join(registry, alone));
    assert_true(wait_at(registry, NOW_MS) == INT64_MAX);
    assert_false(ocsp_registry_watch(registry, NULL, NULL));
    certificate_destroy(alone);
    identity_free(&bare);
    identity_free(&leaf);
    ocsp_registry_release(registry);
}

static void what_is_fetched(void **state)
{
    struct ocsp_registry *registry = ocsp_registry_create();
    struct identity leaf = make_leaf("http://ocsp.example:81/a?b");
    struct ocsp_subject *subject = join(registry, &leaf);
    struct ocsp_fetch fetch;
    int64_t wait_ms;

    (void)state;
    assert_true(ocsp_registry_watch(registry, NULL, NULL));
    assert_true(ocsp_registry_next(registry, NOW_MS, &fetch, &wait_ms));
    assert_string_equal(fetch.where, "http://ocsp.example:81/a?b");
    assert_string_equal(fetch.url.host, "ocsp.example");
    assert_int_equal(fetch.url.port, 81);
    assert_true(fetch.request.len > 50);
    assert_true(wait_at(registry, NOW_MS) == INT64_MAX); /* it is in flight */
    ocsp_registry_done(registry, &fetch, (struct span){NULL, 0}, "x", NOW_MS);
    ocsp_subject_leave(subject);
    identity_free(&leaf);
    ocsp_registry_release(registry);
}

static unsigned wakes;

static void count_wake(void *arg)
{
    (void)arg;
    wakes++;
}

static void one_certificate_is_one_subject(void **state)
{
    struct ocsp_registry *registry = ocsp_registry_create();
    struct identity leaf = make_leaf(URL);
    struct ocsp_answer answer = good(&leaf, NOW);
    struct ocsp_subject *first;
    struct ocsp_subject *second;

    (void)state;
    wakes = 0;
    assert_false(ocsp_registry_watch(registry, count_wake, NULL));
    first = join(registry, &leaf);
    second = join(registry, &leaf);
    assert_ptr_equal(first, second);
    assert_int_equal(wakes, 1);
    bring(registry, &answer, NOW_MS);
    ocsp_subject_leave(first);
    assert_true(has_response(second, NOW_MS));
    ocsp_subject_leave(second);
    identity_free(&leaf);
    ocsp_registry_release(registry);
}

/* ---- what came ---- */

static void good_then_again_at_half_of_its_life(void **state)
{
    struct ocsp_registry *registry = ocsp_registry_create();
    struct identity leaf = make_leaf(URL);
    struct ocsp_subject *subject = join(registry, &leaf);
    struct ocsp_answer answer = good(&leaf, NOW);
    int64_t wait_ms;

    (void)state;
    assert_false(has_response(subject, NOW_MS));
    bring(registry, &answer, NOW_MS);
    assert_true(has_response(subject, NOW_MS));
    wait_ms = wait_at(registry, NOW_MS);
    assert_in_range(wait_ms, 437500, 500000);
    answer = good(&leaf, NOW + 500);
    bring(registry, &answer, NOW_MS + wait_ms);
    assert_true(has_response(subject, NOW_MS + 1400000));
    assert_false(has_response(subject, NOW_MS + 1500000)); /* it has ended */
    ocsp_subject_leave(subject);
    identity_free(&leaf);
    ocsp_registry_release(registry);
}

static void one_without_an_end_is_used_for_a_day(void **state)
{
    struct ocsp_registry *registry = ocsp_registry_create();
    struct identity leaf = make_leaf(URL);
    struct ocsp_subject *subject = join(registry, &leaf);
    struct ocsp_answer answer = good(&leaf, NOW);

    (void)state;
    answer.until = 0;
    bring(registry, &answer, NOW_MS);
    assert_in_range(wait_at(registry, NOW_MS), 3600000 * 7 / 8, 3600000);
    assert_true(has_response(subject, NOW_MS + (OCSP_ENDLESS_S - 1) * 1000LL));
    assert_false(has_response(subject, NOW_MS + OCSP_ENDLESS_S * 1000LL));
    ocsp_subject_leave(subject);
    identity_free(&leaf);
    ocsp_registry_release(registry);
}

static void failures_leave_the_old_one_in_use(void **state)
{
    struct ocsp_registry *registry = ocsp_registry_create();
    struct identity leaf = make_leaf(URL);
    struct ocsp_subject *subject = join(registry, &leaf);
    struct ocsp_answer answer = good(&leaf, NOW);
    int64_t now_ms = NOW_MS + 600000;
    unsigned tries = 0;

    (void)state;
    bring(registry, &answer, NOW_MS);
    while (now_ms < NOW_MS + 999000) {
        bring(registry, NULL, now_ms);
        assert_true(has_response(subject, now_ms));
        now_ms += wait_at(registry, now_ms);
        tries++;
    }
    assert_in_range(tries, 5, 30);
    for (unsigned i = 0; i < 20; i++) {
        bring(registry, NULL, now_ms);
        now_ms += wait_at(registry, now_ms);
    }
    assert_in_range(wait_at(registry, now_ms - 1), 0, 1);
    assert_false(has_response(subject, now_ms));
    answer = good(&leaf, now_ms / 1000);
    bring(registry, &answer, now_ms);
    assert_true(has_response(subject, now_ms));
    ocsp_subject_leave(subject);
    identity_free(&leaf);
    ocsp_registry_release(registry);
}

static void revoked_ends_the_old_one(void **state)
{
    struct ocsp_registry *registry = ocsp_registry_create();
    struct identity leaf = make_leaf(URL);
    struct ocsp_subject *subject = join(registry, &leaf);
    struct ocsp_answer old = good(&leaf, NOW - 500);
    struct ocsp_answer revoked = good(&leaf, NOW);
    int64_t now_ms = NOW_MS;

    (void)state;
    bring(registry, &old, now_ms);
    assert_true(has_response(subject, now_ms));
    revoked.status = V_OCSP_CERTSTATUS_REVOKED;
    now_ms += wait_at(registry, now_ms);
    revoked.from = revoked.until = now_ms / 1000 - 10;
    log_set_level(LOG_LEVEL_ERROR);
    bring(registry, &revoked, now_ms);
    assert_false(has_response(subject, now_ms));
    /* What was good before, played back by somebody. */
    now_ms += wait_at(registry, now_ms);
    old.until = now_ms / 1000 + 1000;
    bring(registry, &old, now_ms);
    assert_false(has_response(subject, now_ms));
    /* It was on hold only. */
    now_ms += wait_at(registry, now_ms);
    old = good(&leaf, now_ms / 1000);
    bring(registry, &old, now_ms);
    assert_true(has_response(subject, now_ms));
    ocsp_subject_leave(subject);
    identity_free(&leaf);
    ocsp_registry_release(registry);
}

static void an_older_one_does_not_replace_a_newer(void **state)
{
    struct ocsp_registry *registry = ocsp_registry_create();
    struct identity leaf = make_leaf(URL);
    struct ocsp_subject *subject = join(registry, &leaf);
    struct ocsp_answer newer = good(&leaf, NOW);
    struct ocsp_answer older = good(&leaf, NOW);
    int64_t now_ms = NOW_MS;

    (void)state;
    bring(registry, &newer, now_ms);
    now_ms += wait_at(registry, now_ms);
    older.from = NOW - 20;
    older.until = NOW + 600; /* it ends sooner */
    bring(registry, &older, now_ms);
    assert_true(has_response(subject, NOW_MS + 900000));
    /* Better than none. */
    older.until = NOW + 5000;
    bring(registry, &older, NOW_MS + 2000000);
    assert_true(has_response(subject, NOW_MS + 3000000));
    ocsp_subject_leave(subject);
    identity_free(&leaf);
    ocsp_registry_release(registry);
}

static void what_does_not_fit_is_not_used(void **state)
{
    struct ocsp_registry *registry = ocsp_registry_create();
    struct identity leaf = make_leaf(URL);
    struct identity other = make_leaf(URL);
    struct ocsp_subject *subject = join(registry, &leaf);
    struct ocsp_answer answer = good(&other, NOW);

    (void)state;
    bring(registry, &answer, NOW_MS);
    assert_false(has_response(subject, NOW_MS));
    assert_in_range(wait_at(registry, NOW_MS), 1, OCSP_RETRY_MIN_MS);
    answer = good(&leaf, NOW);
    answer.signer = &other;
    bring(registry, &answer, NOW_MS + 10000);
    assert_false(has_response(subject, NOW_MS + 10000));
    ocsp_subject_leave(subject);
    identity_free(&leaf);
    identity_free(&other);
    ocsp_registry_release(registry);
}

static void a_clock_that_is_set_back_delays_nothing(void **state)
{
    struct ocsp_registry *registry = ocsp_registry_create();
    struct identity leaf = make_leaf(URL);
    struct ocsp_subject *subject = join(registry, &leaf);
    int64_t past_ms = NOW_MS - 365LL * 86400 * 1000;
    struct ocsp_answer answer = good(&leaf, NOW);

    (void)state;
    bring(registry, &answer, NOW_MS);
    bring(registry, NULL, past_ms);
    assert_in_range(wait_at(registry, past_ms), 1, OCSP_RETRY_MIN_MS);
    ocsp_subject_leave(subject);
    identity_free(&leaf);
    ocsp_registry_release(registry);
}

/* ---- bounds ---- */

static void so_many_fetches_at_a_time(void **state)
{
    enum { COUNT = 40 };
    struct ocsp_registry *registry = ocsp_registry_create();
    struct ocsp_subject *subjects[COUNT];
    struct ocsp_fetch fetches[OCSP_FETCHES_MAX];
    struct ocsp_fetch one;
    int64_t wait_ms;
    unsigned of_first = 0;

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        char url[64];
        (void)snprintf(url, sizeof(url), "http://r%u.example/%u", i < 20 ? 0 : i, i);
        struct identity leaf = make_leaf(url);
        subjects[i] = join(registry, &leaf);
        identity_free(&leaf);
    }
    for (unsigned i = 0; i < OCSP_FETCHES_MAX; i++) {
        assert_true(ocsp_registry_next(registry, NOW_MS, &fetches[i], &wait_ms));
        of_first += strcmp(fetches[i].url.host, "r0.example") == 0;
    }
    assert_true(of_first <= OCSP_FETCHES_OF_RESPONDER);
    assert_false(ocsp_registry_next(registry, NOW_MS, &one, &wait_ms));
    /* One that ends makes room for another. */
    ocsp_registry_done(registry, &fetches[0], (struct span){NULL, 0}, "x", NOW_MS);
    assert_true(ocsp_registry_next(registry, NOW_MS, &fetches[0], &wait_ms));
    for (unsigned i = 0; i < COUNT; i++) {
        ocsp_subject_leave(subjects[i]); /* some while they are in flight */
    }
    for (unsigned i = 0; i < OCSP_FETCHES_MAX; i++) {
        ocsp_registry_done(registry, &fetches[i], (struct span){NULL, 0}, "x", NOW_MS);
    }
    assert_true(wait_at(registry, NOW_MS) == INT64_MAX);
    ocsp_registry_release(registry);
}

static void what_has_left_comes_again_with_its_response(void **state)
{
    struct ocsp_registry *registry = ocsp_registry_create();
    struct identity leaf = make_leaf(URL);
    struct ocsp_subject *subject = join(registry, &leaf);
    struct ocsp_answer answer = good(&leaf, NOW);

    (void)state;
    bring(registry, &answer, NOW_MS);
    ocsp_subject_leave(subject);
    assert_true(wait_at(registry, NOW_MS + 900000) == INT64_MAX); /* nobody needs it */
    subject = join(registry, &leaf);
    assert_true(has_response(subject, NOW_MS + 1000));
    assert_in_range(wait_at(registry, NOW_MS + 1000), 1, 500000); /* not asked again at once */
    ocsp_subject_leave(subject);
    identity_free(&leaf);
    ocsp_registry_release(registry);
}

static void so_many_are_kept_of_those_that_left(void **state)
{
    struct ocsp_registry *registry = ocsp_registry_create();
    struct identity first = make_leaf(URL);
    struct ocsp_subject *subject = join(registry, &first);
    struct ocsp_answer answer = good(&first, NOW);

    (void)state;
    bring(registry, &answer, NOW_MS);
    ocsp_subject_leave(subject);
    for (unsigned i = 0; i < OCSP_RETIRED_MAX; i++) {
        struct identity leaf = make_leaf(URL);
        ocsp_subject_leave(join(registry, &leaf));
        identity_free(&leaf);
    }
    subject = join(registry, &first);
    assert_false(has_response(subject, NOW_MS));
    ocsp_subject_leave(subject);
    identity_free(&first);
    ocsp_registry_release(registry);
}

/* Runs with standard error in a file; returns how many lines it has then. */
static unsigned count_lines(void (*run)(struct ocsp_registry *, struct ocsp_subject **),
                            struct ocsp_registry *registry, struct ocsp_subject **subjects,
                            const char *words, bool *has_words)
{
    int fd = memfd_create("stderr", MFD_CLOEXEC);
    int kept = dup(STDERR_FILENO);
    char text[65536];
    unsigned lines = 0;
    ssize_t len;

    assert_true(fd >= 0 && kept >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    log_set_level(LOG_LEVEL_INFO);
    run(registry, subjects);
    log_set_level(LOG_LEVEL_ERROR);
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    len = pread(fd, text, sizeof(text) - 1, 0);
    assert_in_range(len, 1, sizeof(text) - 2);
    text[len] = '\0';
    *has_words = strstr(text, words) != NULL;
    for (ssize_t i = 0; i < len; i++) {
        lines += text[i] == '\n';
    }
    close(fd);
    close(kept);
    return lines;
}

enum { TALKERS = 50 };

static void fail_all(struct ocsp_registry *registry, struct ocsp_subject **subjects)
{
    (void)subjects;
    for (unsigned i = 0; i < TALKERS; i++) {
        bring(registry, NULL, NOW_MS);
    }
}

/* Within the next minute, all again, the first with other words. */
static void fail_again(struct ocsp_registry *registry, struct ocsp_subject **subjects)
{
    struct ocsp_fetch fetch;
    int64_t wait_ms;

    (void)subjects;
    assert_true(ocsp_registry_next(registry, NOW_MS + 60000, &fetch, &wait_ms));
    ocsp_registry_done(registry, &fetch, (struct span){NULL, 0}, "it is slow", NOW_MS + 60000);
    for (unsigned i = 1; i < TALKERS; i++) {
        bring(registry, NULL, NOW_MS + 60000);
    }
}

static void so_many_messages_in_a_minute(void **state)
{
    struct ocsp_registry *registry = ocsp_registry_create();
    struct ocsp_subject *subjects[TALKERS];
    bool has_words;

    (void)state;
    for (unsigned i = 0; i < TALKERS; i++) {
        struct identity leaf = make_leaf(URL);
        subjects[i] = join(registry, &leaf);
        identity_free(&leaf);
    }
    assert_int_equal(count_lines(fail_all, registry, subjects, "it is down", &has_words),
                     OCSP_MESSAGES_PER_MINUTE);
    assert_true(has_words);
    /* The same problem is not told again; how many were left out is. */
    assert_int_equal(
        count_lines(fail_again, registry, subjects, "20 more messages about OCSP", &has_words), 2);
    assert_true(has_words);
    for (unsigned i = 0; i < TALKERS; i++) {
        ocsp_subject_leave(subjects[i]);
    }
    ocsp_registry_release(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_can_be_asked_for_joins),
        cmocka_unit_test(what_is_fetched),
        cmocka_unit_test(one_certificate_is_one_subject),
        cmocka_unit_test(good_then_again_at_half_of_its_life),
        cmocka_unit_test(one_without_an_end_is_used_for_a_day),
        cmocka_unit_test(failures_leave_the_old_one_in_use),
        cmocka_unit_test(revoked_ends_the_old_one),
        cmocka_unit_test(an_older_one_does_not_replace_a_newer),
        cmocka_unit_test(what_does_not_fit_is_not_used),
        cmocka_unit_test(a_clock_that_is_set_back_delays_nothing),
        cmocka_unit_test(so_many_fetches_at_a_time),
        cmocka_unit_test(what_has_left_comes_again_with_its_response),
        cmocka_unit_test(so_many_are_kept_of_those_that_left),
        cmocka_unit_test(so_many_messages_in_a_minute),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
