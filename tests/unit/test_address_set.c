/* Sets of addresses and hours: what they have, at their edges, and when they are large. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "access/address_file.h"
#include "config/address.h"
#include "edge/address_set.h"
#include "edge/hours.h"

static void read_ip(const char *text, uint8_t ip[16])
{
    memset(ip, 0, 10);
    memset(ip + 10, 0xff, 2);
    if (inet_pton(AF_INET, text, ip + 12) != 1) {
        assert_int_equal(inet_pton(AF_INET6, text, ip), 1);
    }
}

static void *parse(const char *text)
{
    struct error error;

    return address_file_type.parse(span_from_cstr(text), &error);
}

static bool has(const char *file, const char *address)
{
    struct address_set *set = parse(file);
    uint8_t ip[16];
    bool is_in;

    assert_non_null(set);
    if (strcmp(address, "unix") == 0) {
        is_in = address_set_has(set, NULL);
    } else {
        read_ip(address, ip);
        is_in = address_set_has(set, ip);
    }
    address_file_type.destroy(set);
    return is_in;
}

static void members(void **state)
{
    static const struct {
        const char *file;
        const char *address;
        bool is_in;
    } cases[] = {
        {"10.0.0.0/8", "10.0.0.0", true},
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.0.0.0/8", "9.255.255.255", false},
        {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.8", false},
        {"192.0.2.7", "::ffff:192.0.2.7", true}, /* the same address, as IPv6 sockets say it */
        {"192.0.2.7", "::192.0.2.7", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"2001:db8::/32", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true},
        {"2001:db8::/32", "2001:db9::", false},
        {"2001:db8:0:1::/64", "2001:db8:0:1::", true},
        {"2001:db8:0:1::/64", "2001:db8:0:1:ffff:ffff:ffff:ffff", true},
        {"2001:db8:0:1::/64", "2001:db8:0:2::", false},
        {"2001:db8:0:1::/64", "2001:db8::ffff:ffff:ffff:ffff", false},
        {"2001:db8::1/128", "2001:db8::1", true},
        {"2001:db8::1/128", "2001:db8::", false},
        {"2001:db8::/65", "2001:db8::8000:0:0:0", false},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\n10.0.0.0/8",
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true},
        {"10.0.0.0/9\n10.128.0.0/9", "10.127.255.255", true}, /* they touch */
        {"10.0.0.0/8\n10.1.0.0/16\n10.0.0.0/8", "10.200.0.0", true},
        {"# a comment\n\n  192.0.2.0/24 ; SBL1\r\n198.51.100.0/24 # more\n", "198.51.100.9", true},
        {"# 192.0.2.7\n", "192.0.2.7", false},
        {"", "192.0.2.7", false},
        {"", "unix", false},
        {"unix\n", "unix", true},
        {"unix\n", "192.0.2.7", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (has(cases[i].file, cases[i].address) != cases[i].is_in) {
            fail_msg("%s in %s: want %d", cases[i].address, cases[i].file, cases[i].is_in);
        }
    }
}

static void mistakes_name_their_line(void **state)
{
    static const char *const files[] = {"10.0.0.0/8\n10.0.0.300\n", "10.0.0.0/8\n10.0.0.0/33",
                                        "10.0.0.0/8\n2001:db8::/129\n", "10.0.0.0/8\nlocalhost\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct error error;
        assert_null(address_file_type.parse(span_from_cstr(files[i]), &error));
        assert_non_null(strstr(error.text, "line 2: "));
    }
}

/* Each member is found, and none beside: 100,000 networks of both families. */
static void hundred_thousand(void **state)
{
    enum { COUNT = 100000 };
    struct network *networks = calloc(COUNT, sizeof(*networks));
    struct address_range *room = calloc(COUNT, sizeof(*room));
    struct complaint complaint;
    struct address_set set;
    uint8_t ip[16];
    char text[64];

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        unsigned n = (i * 7919U) % COUNT; /* in no order */
        if (n % 2 == 0) {
            (void)snprintf(text, sizeof(text), "%u.%u.%u.0/25", 1 + n / 65536, n / 256 % 256,
                           n % 256);
        } else {
            (void)snprintf(text, sizeof(text), "2001:db8:%x:%x::/65", n / 256, n % 256);
        }
        assert_true(network_parse(span_from_cstr(text), &networks[i], &complaint));
    }
    address_set_make(&set, room, networks, COUNT);
    assert_int_equal(set.count, COUNT);
    for (unsigned n = 0; n < COUNT; n++) {
        if (n % 2 == 0) {
            (void)snprintf(text, sizeof(text), "%u.%u.%u.127", 1 + n / 65536, n / 256 % 256,
                           n % 256);
        } else {
            (void)snprintf(text, sizeof(text), "2001:db8:%x:%x:7fff::1", n / 256, n % 256);
        }
        read_ip(text, ip);
        assert_true(address_set_has(&set, ip));
        ip[n % 2 == 0 ? 15 : 8] |= 0x80;
        assert_false(address_set_has(&set, ip));
    }
    free(networks);
    free(room);
}

/* Saturday, the 30th of January 2027, at midnight (UTC). */
#define SATURDAY INT64_C(1801267200)

static void hours(void **state)
{
    static const struct {
        const char *from;
        const char *until;
        const char *days[2];
        int day; /* from that Saturday on */
        int hour;
        int minute;
        bool is_in;
    } cases[] = {
        {"08:00", "18:00", {NULL}, 0, 8, 0, true},
        {"08:00", "18:00", {NULL}, 0, 7, 59, false},
        {"08:00", "18:00", {NULL}, 0, 17, 59, true},
        {"08:00", "18:00", {NULL}, 0, 18, 0, false},
        {"00:00", "24:00", {"sat"}, 0, 23, 59, true},
        {"00:00", "24:00", {"sat"}, 1, 0, 0, false},
        {"08:00", "18:00", {"mon-fri"}, 0, 12, 0, false},
        {"08:00", "18:00", {"mon-fri"}, 2, 12, 0, true},
        {"08:00", "18:00", {"mon-fri", "sat"}, 0, 12, 0, true},
        {"08:00", "18:00", {"fri-mon"}, 1, 12, 0, true},
        {"08:00", "18:00", {"fri-mon"}, 3, 12, 0, false},
        {"22:00", "06:00", {"sat"}, 0, 22, 0, true}, /* into the next day */
        {"22:00", "06:00", {"sat"}, 1, 5, 59, true},
        {"22:00", "06:00", {"sat"}, 1, 6, 0, false},
        {"22:00", "06:00", {"sat"}, 0, 5, 0, false},
        {"22:00", "06:00", {"sun"}, 2, 5, 0, true}, /* from Sunday into Monday */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *days[2] = {cases[i].days[0], cases[i].days[1]};
        const struct hours_settings settings = {
            .from = cases[i].from,
            .until = cases[i].until,
            .days = {days, (size_t)(days[0] != NULL) + (days[1] != NULL)}};
        const struct hours made = hours_make(&settings);
        int64_t at = SATURDAY + 86400 * cases[i].day + 3600 * cases[i].hour + 60 * cases[i].minute;
        if (hours_have(&made, at) != cases[i].is_in) {
            fail_msg("case %zu: want %d", i, cases[i].is_in);
        }
    }
}

/* By the machine's zone, whatever that is: summer time, too. */
static void local_hours(void **state)
{
    const struct hours_settings settings = {.from = "12:00", .until = "13:00", .zone = HOURS_LOCAL};
    const struct hours made = hours_make(&settings);

    (void)state;
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    assert_true(hours_have(&made, SATURDAY + 11 * 3600));
    assert_false(hours_have(&made, SATURDAY + 12 * 3600));
    assert_true(hours_have(&made, SATURDAY + 180 * INT64_C(86400) + 10 * 3600)); /* July */
    unsetenv("TZ");
    tzset();
}

static void not_hours(void **state)
{
    static const char *const times[] = {"8:00", "08:60", "24:01", "25:00", "08.00", "0800", ""};
    static const char *const days[] = {"", "monday", "mon-", "-fri", "mon-fry", "1"};
    unsigned out = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        assert_false(hours_parse_time(span_from_cstr(times[i]), &out));
    }
    for (size_t i = 0; i < ARRAY_LEN(days); i++) {
        assert_false(hours_parse_days(span_from_cstr(days[i]), &out));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members),          cmocka_unit_test(mistakes_name_their_line),
        cmocka_unit_test(hundred_thousand), cmocka_unit_test(hours),
        cmocka_unit_test(local_hours),      cmocka_unit_test(not_hours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
