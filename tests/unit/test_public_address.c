/* io/sock: which addresses are the public Internet's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "io/sock.h"

static bool is_public(const char *text)
{
    struct sock_address address;
    struct peer peer;

    assert_true(sock_address_from_ip(&address, text, 80));
    peer = peer_from(&address);
    return peer_is_public(&peer);
}

static void addresses_with_a_meaning_of_their_own_are_not_public(void **state)
{
    static const char *const others[] = {
        "0.0.0.0",       "10.0.0.1",        "100.64.0.1",     "100.127.255.255", "127.0.0.1",
        "127.255.255.1", "169.254.169.254", "172.16.0.1",     "172.31.255.255",  "192.0.0.8",
        "192.0.2.1",     "192.168.1.1",     "198.18.0.1",     "198.19.255.255",  "198.51.100.7",
        "203.0.113.9",   "224.0.0.1",       "240.0.0.1",      "255.255.255.255", "::",
        "::1",           "::ffff:10.0.0.1", "::10.0.0.1",     "64:ff9b::7f00:1", "64:ff9b:1::1",
        "100::1",        "2001:db8::1",     "2002:7f00:1::1", "fc00::1",         "fdff::1",
        "fe80::1",       "fec0::1",         "ff02::1",
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        if (is_public(others[i])) {
            fail_msg("%s is no public address", others[i]);
        }
    }
}

static void neighbours_of_those_are_public(void **state)
{
    static const char *const publics[] = {
        "1.1.1.1",      "9.255.255.255", "11.0.0.0",    "100.63.255.255",   "100.128.0.0",
        "126.0.0.1",    "128.0.0.1",     "169.253.0.1", "172.15.255.255",   "172.32.0.1",
        "192.0.1.1",    "192.167.0.1",   "198.17.0.1",  "198.20.0.1",       "223.255.255.255",
        "2606:4700::1", "2001:db7::1",   "2a00::1",     "64:ff9b::101:101", "2002:101:101::1",
    };
    struct peer local = {.is_unix = true};
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(publics); i++) {
        if (!is_public(publics[i])) {
            fail_msg("%s is a public address", publics[i]);
        }
    }
    assert_false(peer_is_public(&local));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_with_a_meaning_of_their_own_are_not_public),
        cmocka_unit_test(neighbours_of_those_are_public),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
