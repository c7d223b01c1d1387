/* Sessions of OpenID Connect: as they are packed, when they end, and which have been signed out of.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "auth/ended_sessions.h"
#include "auth/oidc_session.h"

#define NOW INT64_C(1700000000)

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
    return text.ptr != NULL && span_eq_cstr(text, expected);
}

static struct oidc_session session_of(void)
{
    struct oidc_session session;

    oidc_session_begin(&session, NOW);
    session.ends_s = NOW + 600;
    session.id_token = SPAN_OF("a.b.c");
    session.refresh_token = SPAN_OF("refresh");
    session.access_token = SPAN_OF("access");
    session.userinfo = SPAN_OF("{}");
    return session;
}

static void sessions_are_packed_and_unpacked(void **state)
{
    const struct oidc_session session = session_of();
    struct span packed = oidc_session_pack(&session, &arena);
    struct oidc_session again;

    (void)state;
    assert_true(oidc_session_unpack(packed, &again));
    assert_memory_equal(again.id, session.id, sizeof(session.id));
    assert_true(again.began_s == NOW && again.seen_s == NOW && again.made_s == NOW &&
                again.ends_s == NOW + 600);
    assert_true(is_text(again.id_token, "a.b.c") && is_text(again.refresh_token, "refresh"));
    assert_true(is_text(again.access_token, "access") && is_text(again.userinfo, "{}"));
    for (size_t i = 0; i < packed.len; i++) {
        assert_false(oidc_session_unpack(span_head(packed, i), &again));
    }
    char *longer = arena_calloc(&arena, packed.len + 1);
    memcpy(longer, packed.ptr, packed.len);
    assert_false(oidc_session_unpack(span_make(longer, packed.len + 1), &again));
}

static void sessions_end_by_the_shortest_of_their_times(void **state)
{
    const struct oidc_session_settings settings = {.idle_ms = 3600000, .total_ms = 7200000};
    static const struct {
        int64_t seen, made, ends, now; /* behind NOW, when it began */
        bool can_refresh;
        enum oidc_session_state state;
    } cases[] = {
        {0, 0, 600, 0, true, OIDC_SESSION_GOOD},
        {0, 0, 600, 539, true, OIDC_SESSION_GOOD},
        {0, 0, 600, 540, true, OIDC_SESSION_REFRESH},
        {0, 0, 600, 599, true, OIDC_SESSION_REFRESH},
        {0, 0, 600, 600, true, OIDC_SESSION_ENDED},
        {0, 0, 600, 599, false, OIDC_SESSION_GOOD},
        {0, 0, 600, 600, false, OIDC_SESSION_OVER},
        {0, 0, 20, 14, true, OIDC_SESSION_GOOD}, /* a quarter of a short time */
        {0, 0, 20, 15, true, OIDC_SESSION_REFRESH},
        {0, 0, 9000, 3599, true, OIDC_SESSION_GOOD},
        {0, 0, 9000, 3600, true, OIDC_SESSION_OVER}, /* idle */
        {0, 0, 600, 3600, true, OIDC_SESSION_OVER},
        {7100, 7100, 9000, 7199, true, OIDC_SESSION_GOOD},
        {7100, 7100, 9000, 7200, true, OIDC_SESSION_OVER}, /* total */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct oidc_session session = session_of();
        session.seen_s = NOW + cases[i].seen;
        session.made_s = NOW + cases[i].made;
        session.ends_s = NOW + cases[i].ends;
        if (!cases[i].can_refresh) {
            session.refresh_token = SPAN_OF("");
        }
        assert_int_equal(oidc_session_state(&session, &settings, NOW + cases[i].now),
                         cases[i].state);
    }
}

static void cookies_learn_now_and_then_that_they_are_used(void **state)
{
    const struct oidc_session_settings settings = {.idle_ms = 3600000, .total_ms = 7200000};
    struct oidc_session session = session_of();

    (void)state;
    assert_false(oidc_session_wants_renewal(&session, &settings, NOW + 449));
    assert_true(oidc_session_wants_renewal(&session, &settings, NOW + 450));
    assert_int_equal(oidc_session_left_s(&session, &settings, NOW + 100), 3500);
    session.seen_s = NOW + 7000;
    assert_int_equal(oidc_session_left_s(&session, &settings, NOW + 7000), 200);
    assert_int_equal(oidc_session_left_s(&session, &settings, NOW + 9000), 0);
}

static void sessions_that_were_signed_out_of_are_known_for_a_time(void **state)
{
    struct remembered_key key;
    struct remembered_key other;
    static struct ended_session all[ENDED_SESSIONS_MAX];
    const struct span name = SPAN_OF("s-1");
    const struct span other_name = SPAN_OF("s-2");

    (void)state;
    assert_true(remembered_key_make(&name, 1, &key) && remembered_key_make(&other_name, 1, &other));
    ended_sessions_add(&(struct ended_session){key, NOW, NOW + 100});
    assert_false(ended_sessions_is_empty());
    assert_true(ended_sessions_has(&key, NOW, NOW + 99));
    assert_true(ended_sessions_has(&key, NOW - 5, NOW));
    assert_false(ended_sessions_has(&key, NOW + 1, NOW + 50)); /* it began later */
    assert_false(ended_sessions_has(&key, NOW, NOW + 100));
    assert_false(ended_sessions_has(&other, NOW, NOW));
    ended_sessions_add(&(struct ended_session){key, NOW + 10, NOW + 200});
    assert_true(ended_sessions_has(&key, NOW + 10, NOW + 199));
    ended_sessions_add(&(struct ended_session){key, NOW, NOW + 100}); /* of both the later one */
    assert_true(ended_sessions_has(&key, NOW + 10, NOW + 199));
    assert_int_equal(ended_sessions_copy(all, ENDED_SESSIONS_MAX, NOW + 199), 1);
    assert_memory_equal(&all[0].key, &key, sizeof(key));
    assert_int_equal(ended_sessions_copy(all, 0, NOW), 0);
    assert_int_equal(ended_sessions_copy(all, ENDED_SESSIONS_MAX, NOW + 200), 0);
    for (unsigned i = 0; i < 200000; i++) { /* more than there is room for */
        struct remembered_key one = {{0}};
        memcpy(one.bytes, &i, sizeof(i));
        ended_sessions_add(&(struct ended_session){one, NOW, NOW + 100});
    }
    assert_true(ended_sessions_has(&key, NOW, NOW)); /* what ends later stays */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sessions_are_packed_and_unpacked),
        TEST(sessions_end_by_the_shortest_of_their_times),
        TEST(cookies_learn_now_and_then_that_they_are_used),
        TEST(sessions_that_were_signed_out_of_are_known_for_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
