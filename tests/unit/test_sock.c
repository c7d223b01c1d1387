/* Addresses as text: as inet_ntop writes them, which the C library has tested for us. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/sock.h"

static const uint8_t v4_mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* With and without port, both in blocks of the size that headers promise. */
static void check_text(const struct peer *peer)
{
    char *text = malloc(SOCK_TEXT_MAX);
    char ip[INET6_ADDRSTRLEN];
    char both[SOCK_TEXT_MAX];
    bool is_ipv4 = memcmp(peer->ip, v4_mapped, sizeof(v4_mapped)) == 0;

    assert_non_null(text);
    assert_non_null(is_ipv4 ? inet_ntop(AF_INET, peer->ip + 12, ip, sizeof(ip))
                            : inet_ntop(AF_INET6, peer->ip, ip, sizeof(ip)));
    assert_int_equal(peer_ip_text(peer, text), strlen(ip));
    assert_string_equal(text, ip);
    (void)snprintf(both, sizeof(both), is_ipv4 ? "%s:%u" : "[%s]:%u", ip, peer->port);
    assert_int_equal(peer_text(peer, text), strlen(both));
    assert_string_equal(text, both);
    free(text);
}

static void ipv4_is_written(void **state)
{
    struct peer peer = {.port = 0};

    (void)state;
    memcpy(peer.ip, v4_mapped, sizeof(v4_mapped));
    for (unsigned byte = 0; byte < 256; byte++) {
        peer.ip[12] = (uint8_t)byte;
        peer.ip[13] = (uint8_t)(255 - byte);
        peer.ip[15] = (uint8_t)(byte / 2);
        peer.port = (uint16_t)(byte * 257);
        check_text(&peer);
    }
}

/* Each pattern of groups that are zero, with digits of each number in the others. */
static void ipv6_is_written(void **state)
{
    static const uint16_t groups[] = {0x1, 0x10, 0xabc, 0xf00d, 0xffff, 0x100, 0x1000, 0x9};
    struct peer peer = {.port = 443};

    (void)state;
    for (unsigned pattern = 0; pattern < 256; pattern++) {
        for (size_t turn = 0; turn < ARRAY_LEN(groups); turn++) {
            for (size_t at = 0; at < 8; at++) {
                uint16_t group = groups[(at + turn) % ARRAY_LEN(groups)];
                uint16_t written = htons((pattern >> at & 1) != 0 ? group : 0);
                memcpy(peer.ip + 2 * at, &written, sizeof(written));
            }
            check_text(&peer);
        }
    }
}

static void unix_peers_have_no_address(void **state)
{
    struct peer peer = {.is_unix = true};
    char text[SOCK_TEXT_MAX];

    (void)state;
    assert_int_equal(peer_text(&peer, text), 5);
    assert_string_equal(text, "unix:");
    assert_int_equal(peer_ip_text(&peer, text), 5);
    assert_string_equal(text, "unix:");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4_is_written),
        cmocka_unit_test(ipv6_is_written),
        cmocka_unit_test(unix_peers_have_no_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
