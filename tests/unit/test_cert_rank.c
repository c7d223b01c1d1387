/* Which certificate is the best for a client, and when its files are looked at again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "certs/refresh_pause.h"
#include "tls/cert_rank.h"

static void what_the_client_takes_goes_first(void **state)
{
    (void)state;
    assert_true(cert_rank_of(CERT_COVER_WILDCARD, 1, 9, 5) <
                cert_rank_of(CERT_COVER_EXACT, 1, 4, 5));
    assert_true(cert_rank_of(CERT_COVER_WILDCARD, 1, 9, 5) <
                cert_rank_of(CERT_COVER_EXACT, 6, 9, 5));
    assert_true(cert_rank_of(CERT_COVER_EXACT, 1, 9, 5) <
                cert_rank_of(CERT_COVER_WILDCARD, 1, 9, 5));
    assert_true(cert_rank_of(CERT_COVER_EXACT, 1, 4, 5) < cert_rank_of(CERT_COVER_NONE, 1, 9, 5));
    assert_true(cert_rank_of(CERT_COVER_NONE, 1, 9, 5) < cert_rank_of(CERT_COVER_NONE, 1, 4, 5));
}

static void its_first_and_last_second_are_its_own(void **state)
{
    (void)state;
    assert_int_equal(cert_rank_of(CERT_COVER_EXACT, 5, 9, 5), CERT_RANK_EXACT);
    assert_int_equal(cert_rank_of(CERT_COVER_EXACT, 5, 9, 9), CERT_RANK_EXACT);
    assert_int_equal(cert_rank_of(CERT_COVER_EXACT, 5, 9, 10), CERT_RANK_EXACT_NOT_NOW);
    assert_int_equal(cert_rank_of(CERT_COVER_EXACT, 5, 9, 4), CERT_RANK_EXACT_NOT_NOW);
}

static void the_youngest_of_a_kind_stays(void **state)
{
    struct cert_ranking ranking = {0};
    int old;
    int young;
    int other;

    (void)state;
    cert_ranking_add(&ranking, &old, CERT_RANK_EXACT, CERT_KIND_P256, 1);
    cert_ranking_add(&ranking, &young, CERT_RANK_EXACT, CERT_KIND_P256, 2);
    cert_ranking_add(&ranking, &old, CERT_RANK_EXACT, CERT_KIND_P256, 1);
    cert_ranking_add(&ranking, &other, CERT_RANK_EXACT, CERT_KIND_RSA, 0);
    assert_ptr_equal(ranking.best[CERT_RANK_EXACT][CERT_KIND_P256], &young);
    assert_ptr_equal(ranking.best[CERT_RANK_EXACT][CERT_KIND_RSA], &other);
    assert_null(ranking.best[CERT_RANK_WILDCARD][CERT_KIND_P256]);
}

static void looking_takes_its_share_and_no_more(void **state)
{
    (void)state;
    assert_int_equal(refresh_pause_ms(1000, 0), 1000);
    assert_int_equal(refresh_pause_ms(1000, 9), 1000);
    assert_int_equal(refresh_pause_ms(1000, 50), 5000);
    assert_int_equal(refresh_pause_ms(1000, UINT64_MAX), REFRESH_PAUSE_MAX_MS);
    assert_int_equal(refresh_pause_ms(3600000, 500), 3600000);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_client_takes_goes_first),
        cmocka_unit_test(its_first_and_last_second_are_its_own),
        cmocka_unit_test(the_youngest_of_a_kind_stays),
        cmocka_unit_test(looking_takes_its_share_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
