/* The last failures are kept, bounded, and counted by reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "observe/failures.h"
#include "tls/cause.h"
#include "tls/handshake_error.h"

static void note(const char *side, const char *reason, const char *name)
{
    struct failure_note one = {.side = side,
                               .who = "gateway",
                               .reason = reason,
                               .detail = "it failed",
                               .mend = "mend it",
                               .name = name,
                               .peer = "192.0.2.1:1234"};

    failures_note(&one);
}

static void grouped_by_side_and_reason(void **state)
{
    struct failure_group groups[8];

    (void)state;
    failures_clear();
    note("client", "unknown_server_name", "a.example");
    note("client", "unknown_server_name", "b.example");
    note("backend", "unknown_server_name", "shop");
    assert_int_equal(failures_groups(groups, 8), 2);
    assert_string_equal(groups[0].reason, "unknown_server_name");
    assert_string_equal(groups[0].side, "client");
    assert_int_equal(groups[0].count, 2);
    assert_string_equal(groups[0].last.name, "b.example");
    assert_string_equal(groups[0].mend, "mend it");
    assert_true(groups[0].first_ms <= groups[0].last_ms);
    assert_int_equal(failures_total(), 3);
    assert_int_equal(failures_groups(groups, 1), 1);
}

static void newest_first(void **state)
{
    struct failure_entry entries[4];

    (void)state;
    failures_clear();
    note("client", "one", NULL);
    note("client", "two", NULL);
    assert_int_equal(failures_last(entries, 4), 2);
    assert_string_equal(entries[0].reason, "two");
    assert_string_equal(entries[0].name, "");
    assert_string_equal(entries[1].reason, "one");
}

static void a_flood_is_counted_and_not_kept(void **state)
{
    struct failure_entry *entries = malloc(FAILURES_KEPT * sizeof(*entries));
    struct failure_group groups[2];

    (void)state;
    failures_clear();
    for (int i = 0; i < 5000; i++) {
        note("client", "closed", NULL);
    }
    /* The 5000 may have fallen into two seconds, or three on a slow machine. */
    assert_in_range(failures_last(entries, FAILURES_KEPT), FAILURES_PER_SECOND, FAILURES_KEPT);
    assert_int_equal(failures_groups(groups, 2), 1);
    assert_int_equal(groups[0].count, 5000);
    free(entries);
}

static void more_reasons_than_places_are_one(void **state)
{
    struct failure_group *groups = malloc(2 * FAILURES_REASONS * sizeof(*groups));
    char word[32];
    uint64_t sum = 0;
    size_t count;

    (void)state;
    failures_clear();
    for (int i = 0; i < 2 * FAILURES_REASONS; i++) {
        (void)snprintf(word, sizeof(word), "reason_%d", i);
        note("client", word, NULL);
    }
    count = failures_groups(groups, 2 * FAILURES_REASONS);
    assert_int_equal(count, FAILURES_REASONS);
    assert_string_equal(groups[0].reason, "other");
    for (size_t i = 0; i < count; i++) {
        sum += groups[i].count;
    }
    assert_int_equal(sum, 2 * FAILURES_REASONS);
    free(groups);
}

static void long_texts_are_cut(void **state)
{
    struct failure_entry entry;
    char name[1000];

    (void)state;
    failures_clear();
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    note("client", name, name);
    assert_int_equal(failures_last(&entry, 1), 1);
    assert_int_equal(strlen(entry.name), sizeof(entry.name) - 1);
    assert_int_equal(strlen(entry.reason), sizeof(entry.reason) - 1);
}

static void *many(void *arg)
{
    for (int i = 0; i < 2000; i++) {
        note("client", arg, NULL);
    }
    return NULL;
}

static void several_threads(void **state)
{
    pthread_t threads[4];
    static char words[4][8] = {"a", "b", "a", "b"};
    struct failure_group groups[4];

    (void)state;
    failures_clear();
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, many, words[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(failures_groups(groups, 4), 2);
    assert_int_equal(groups[0].count, 4000);
    assert_int_equal(groups[1].count, 4000);
}

/* The table behind docs/failures.md. */
static void every_cause_says_what_and_what_to_do(void **state)
{
    const struct handshake_cause *cause;
    const char *side;
    size_t count = 0;

    (void)state;
    for (; (cause = handshake_cause_at(count, &side)) != NULL; count++) {
        assert_int_equal(strspn(cause->word, "abcdefghijklmnopqrstuvwxyz0123456789_"),
                         strlen(cause->word));
        assert_true(strlen(cause->word) < sizeof(((struct failure_entry *)0)->reason));
        assert_true(strlen(cause->sentence) > 10);
        assert_true(strlen(cause->mend) > 10);
        assert_true(strlen(cause->mend) < sizeof(((struct failure_group *)0)->mend));
        assert_true(strcmp(side, "client") == 0 || strcmp(side, "server") == 0 ||
                    strcmp(side, "backend") == 0 || strcmp(side, "any") == 0);
    }
    assert_true(count > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grouped_by_side_and_reason),
        cmocka_unit_test(newest_first),
        cmocka_unit_test(a_flood_is_counted_and_not_kept),
        cmocka_unit_test(more_reasons_than_places_are_one),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(several_threads),
        cmocka_unit_test(every_cause_says_what_and_what_to_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
