/* Who is kept off: for what, from when and until when; and in bounded memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "access/ban_list.h"
#include "access/ban_rule.h"
#include "base/log.h"

#define SECOND UINT64_C(1000000)

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 4096);
    log_set_level(LOG_LEVEL_ERROR);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_destroy(&arena);
    return 0;
}

static const uint8_t *ip_of(const char *text)
{
    uint8_t *ip = arena_calloc(&arena, 16);

    memset(ip + 10, 0xff, 2);
    if (inet_pton(AF_INET, text, ip + 12) != 1) {
        assert_int_equal(inet_pton(AF_INET6, text, ip), 1);
    }
    return ip;
}

static void list(void **state)
{
    struct ban bans[4];

    (void)state;
    assert_false(bans_are_any());
    assert_true(bans_add(ip_of("192.0.2.7"), 20 * SECOND, "a", 10 * SECOND));
    assert_false(bans_add(ip_of("192.0.2.7"), 15 * SECOND, "b", 10 * SECOND)); /* it is there */
    assert_true(bans_add(ip_of("2001:db8::7"), 30 * SECOND, "c", 10 * SECOND));
    assert_true(bans_are_any());
    assert_true(bans_have(ip_of("192.0.2.7"), 19 * SECOND));
    assert_false(bans_have(ip_of("192.0.2.8"), 19 * SECOND));
    assert_true(bans_have(ip_of("2001:db8::ffff:1"), 19 * SECOND)); /* of the same /64 */
    assert_false(bans_have(ip_of("2001:db8:0:1::7"), 19 * SECOND));
    assert_int_equal(bans_copy(bans, 4, 19 * SECOND), 2);
    assert_false(bans_have(ip_of("192.0.2.7"), 20 * SECOND)); /* it has ended */
    assert_int_equal(bans_copy(bans, 4, 20 * SECOND), 1);
    assert_string_equal(bans[0].by, "c");
    assert_true(bans_lift(ip_of("2001:db8::1"), 20 * SECOND));
    assert_false(bans_lift(ip_of("2001:db8::1"), 20 * SECOND));
    assert_false(bans_are_any());
}

/* More than there is room for: those that end last stay, and nothing is lost count of. */
static void list_that_is_full(void **state)
{
    uint8_t ip[16] = {[10] = 0xff, [11] = 0xff};
    size_t kept = 0;

    (void)state;
    for (uint32_t i = 0; i < 4 * BANS_MAX; i++) {
        memcpy(ip + 12, &i, sizeof(i));
        (void)bans_add(ip, (100 + i % 4) * SECOND, "flood", SECOND);
    }
    assert_in_range(bans_copy(NULL, 0, SECOND), BANS_MAX / 2, BANS_MAX);
    for (uint32_t i = 3; i < 4 * BANS_MAX; i += 4) {
        memcpy(ip + 12, &i, sizeof(i));
        kept += bans_have(ip, SECOND);
    }
    assert_in_range(kept, BANS_MAX * 8 / 10, BANS_MAX);
    assert_in_range(bans_lift_all(SECOND), BANS_MAX / 2, BANS_MAX);
    assert_false(bans_are_any());
}

static void rules(void **state)
{
    const char *of[] = {"401", "5xx", "bad_request"};
    struct ban_settings settings = {
        .name = "test", .after = 3, .of = {of, 3}, .within_ms = 10000, .for_ms = 60000};
    struct network network = {.prefix_bits = 128};
    const struct offence wrong = {.status = 401};
    const struct offence fine = {.status = 404};
    const struct offence broken = {.status = 400, .is_bad_request = true};
    const struct offence failed = {.status = 502};
    const struct offence handshake = {.is_handshake = true};
    const uint8_t *ip = ip_of("198.51.100.7");
    struct ban_rules made;

    (void)state;
    memcpy(network.address, ip_of("198.51.100.9"), 16);
    settings.except = (struct network_list){&network, 1};
    ban_rules_build(&made, &settings, 1, &arena);
    for (int i = 0; i < 10; i++) {
        ban_rules_note(&made, ip, &fine, 100 * SECOND);
        ban_rules_note(&made, ip, &handshake, 100 * SECOND);
        ban_rules_note(&made, ip_of("198.51.100.9"), &wrong, 100 * SECOND);
    }
    assert_false(bans_are_any());
    ban_rules_note(&made, ip, &wrong, 100 * SECOND);
    ban_rules_note(&made, ip, &broken, 101 * SECOND);
    assert_false(bans_are_any());
    ban_rules_note(&made, ip, &failed, 102 * SECOND);
    assert_true(bans_have(ip, 102 * SECOND));
    assert_true(bans_have(ip, 161 * SECOND));
    assert_false(bans_have(ip, 162 * SECOND));
    /* It begins anew; and what is long ago does not count. */
    ban_rules_note(&made, ip, &wrong, 200 * SECOND);
    ban_rules_note(&made, ip, &wrong, 201 * SECOND);
    ban_rules_note(&made, ip, &wrong, 230 * SECOND);
    assert_false(bans_are_any());
    ban_rules_close(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list),
        cmocka_unit_test(list_that_is_full),
        cmocka_unit_test(rules),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
