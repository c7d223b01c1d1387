/* What one process leaves to the next: sockets by the environment and by address, the messages of a
 * handover, labels in systemd's store, orders of people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "access/ban_list.h"
#include "auth/ended_sessions.h"
#include "base/clock.h"
#include "base/sealed_file.h"
#include "base/strbuf.h"
#include "certs/trust.h"
#include "gateway/legacy.h"
#include "process/fd_store.h"
#include "process/given_sockets.h"
#include "process/handover.h"
#include "tls/tickets.h"
#include "upstream/server_order.h"

/* ---- given sockets ---- */

static int bound(struct sock_address *where, bool listens)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_true(sock_address_from_ip(where, "127.0.0.1", 0));
    assert_int_equal(bind(fd, &where->any, where->len), 0);
    assert_true(!listens || listen(fd, 1) == 0);
    assert_true(sock_local_address(fd, where));
    return fd;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void a_socket_goes_by_its_name_then_by_its_address(void **state)
{
    struct given_sockets given = {0};
    struct sock_address first;
    struct sock_address second;
    struct sock_address other;
    struct given_socket *found;
    (void)state;

    given_add(&given, bound(&first, true), "first", NULL, false);
    given_add(&given, bound(&second, false), NULL, "web", true); /* it listens from here on */
    assert_int_equal(given.count, 2);
    assert_true(sock_address_from_ip(&other, "127.0.0.2", 1));
    found = given_take(&given, "first", &other);
    assert_non_null(found);
    assert_memory_equal(&found->where.v4.sin_port, &first.v4.sin_port, sizeof(in_port_t));
    assert_null(given_take(&given, "nobody", &other));
    found = given_take(&given, "nobody", &second);
    assert_non_null(found);
    assert_string_equal(found->label, "web");
    assert_true(found->is_foreign);
    assert_true((fcntl(found->fd, F_GETFL) & O_NONBLOCK) != 0);
    (void)close(found->fd);
    found->fd = -1;
    assert_null(given_take(&given, "nobody", &second));
    given_close(&given);
    given_close(&given);
}

static void what_cannot_be_listened_on_is_closed(void **state)
{
    struct given_sockets given = {0};
    struct sock_address where;
    int datagram = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int unbound = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int pair[2];
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int listening = bound(&where, true);
    (void)state;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    given_add(&given, datagram, NULL, "a", true);
    given_add(&given, unbound, NULL, "b", true);
    given_add(&given, pair[0], NULL, "c", true);
    given_add(&given, file, NULL, "d", true);
    given_add(&given, listening, NULL, "e", true);
    assert_int_equal(given.count, 1);
    assert_false(is_open(datagram) || is_open(unbound) || is_open(pair[0]) || is_open(file));
    given_tell_unwanted(&given);
    assert_true(given.items[0].is_unwanted);
    given_close(&given);
    assert_false(is_open(listening));
    (void)close(pair[1]);
}

static void the_environment_counts_for_the_process_that_it_names(void **state)
{
    struct given_sockets given = {0};
    char pid[16];
    int count = -1;
    (void)state;

    (void)snprintf(pid, sizeof(pid), "%d", (int)getpid() + 1);
    assert_int_equal(setenv("LISTEN_PID", pid, 1) | setenv("LISTEN_FDS", "2", 1), 0);
    given_from_environment(&given, &count);
    assert_int_equal(count, 0);
    assert_null(getenv("LISTEN_FDS"));
    assert_null(getenv("LISTEN_PID"));
    for (size_t i = 0; i < 4; i++) {
        static const char *const wrong[] = {"", "x", "-3", "99999999999"};
        (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
        assert_int_equal(setenv("LISTEN_PID", pid, 1) | setenv("LISTEN_FDS", wrong[i], 1), 0);
        given_from_environment(&given, &count);
        assert_int_equal(count, 0);
    }
    assert_int_equal(given.count, 0);
}

/* ---- a handover ---- */

static void a_message_comes_as_it_was_sent(void **state)
{
    static struct handover out;
    static struct handover in;
    const char *name;
    bool is_foreign;
    int link[2];
    int fd;
    (void)state;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, link), 0);
    assert_int_equal(handover_receive(link[1], &in), HANDOVER_NOTHING);
    out = (struct handover){.word = HANDOVER_SOCKETS, .number = 7};
    assert_true(handover_add_socket(&out, link[0], "first", true));
    assert_true(handover_add_socket(&out, link[0], "the second", false));
    assert_true(handover_send(link[0], &out));
    assert_int_equal(handover_receive(link[1], &in), HANDOVER_GOT);
    assert_int_equal(in.word, HANDOVER_SOCKETS);
    assert_int_equal(in.number, 7);
    assert_int_equal(in.fd_count, 2);
    assert_true(handover_socket(&in, 0, &name, &is_foreign) && is_foreign);
    assert_string_equal(name, "first");
    assert_true(handover_socket(&in, 1, &name, &is_foreign) && !is_foreign);
    assert_string_equal(name, "the second");
    assert_false(handover_socket(&in, 2, &name, &is_foreign));
    fd = handover_take_fd(&in, 1);
    assert_true(is_open(fd));
    assert_int_equal(handover_take_fd(&in, 1), -1);
    assert_int_equal(handover_take_fd(&in, 2), -1);
    handover_close(&in);
    (void)close(fd);
    (void)close(link[0]);
    assert_int_equal(handover_receive(link[1], &in), HANDOVER_END);
    (void)close(link[1]);
}

static void a_text_without_an_end_is_no_socket(void **state)
{
    static struct handover in;
    static const char *const wrong[] = {"", "o", "oname"};
    const char *name;
    bool is_foreign;
    (void)state;

    for (size_t i = 0; i < 3; i++) {
        in = (struct handover){.text_len = strlen(wrong[i])};
        memcpy(in.text, wrong[i], in.text_len);
        assert_false(handover_socket(&in, 0, &name, &is_foreign));
    }
    in = (struct handover){.text = {'\0', 'o', 'a', '\0'}, .text_len = 4};
    assert_false(handover_socket(&in, 0, &name, &is_foreign));
    assert_false(handover_socket(&in, 1, &name, &is_foreign));
}

static void a_message_that_is_full_takes_no_more(void **state)
{
    static struct handover out;
    static char name[HANDOVER_TEXT_MAX];
    (void)state;

    out = (struct handover){.word = HANDOVER_SOCKETS};
    for (int i = 0; i < FD_PASS_MAX; i++) {
        assert_true(handover_add_socket(&out, 0, "a", false));
    }
    assert_false(handover_add_socket(&out, 0, "a", false));
    out = (struct handover){.word = HANDOVER_SOCKETS};
    memset(name, 'x', sizeof(name) - 1);
    assert_false(handover_add_socket(&out, 0, name, false));
    name[sizeof(name) - 2] = '\0';
    assert_true(handover_add_socket(&out, 0, name, false));
    assert_int_equal(out.text_len, HANDOVER_TEXT_MAX);
}

/* ---- systemd's store ---- */

static void a_label_is_what_systemd_takes(void **state)
{
    char label[FD_STORE_LABEL_MAX];
    char name[400];
    (void)state;

    fd_store_label("[::1]:8443", label);
    assert_string_equal(label, "tidegate-[__1]_8443");
    fd_store_label("unix:/run/a b\xc3\xa4.sock", label);
    assert_string_equal(label, "tidegate-unix_/run/a_b__.sock");
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    fd_store_label(name, label);
    assert_int_equal(strlen(label), FD_STORE_LABEL_MAX - 1);
}

static void there_is_a_store_where_systemd_says_so(void **state)
{
    (void)state;

    assert_int_equal(unsetenv("NOTIFY_SOCKET") | setenv("FDSTORE", "4", 1), 0);
    assert_int_equal(fd_store_room(), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", "@nowhere", 1), 0);
    assert_int_equal(fd_store_room(), 4);
    assert_int_equal(setenv("FDSTORE", "-1", 1), 0);
    assert_int_equal(fd_store_room(), 0);
    assert_int_equal(unsetenv("FDSTORE") | unsetenv("NOTIFY_SOCKET"), 0);
    assert_int_equal(fd_store_room(), 0);
}

/* ---- orders ---- */

#define ORDERS(text) span_make(text, sizeof(text) - 1)

static void orders_go_to_another_process(void **state)
{
    struct server_order *a = server_order_take("shop", "a:80");
    struct server_order *b = server_order_take("shop", "b:80");
    struct server_order *c;
    struct strbuf bytes;
    uint64_t weighings;
    (void)state;

    assert_true(server_order_give("shop/a:80", SERVER_DRAINING));
    assert_true(server_order_give("shop/b:80", SERVER_DISABLED));
    assert_true(server_order_weigh("shop/a:80", 7));
    strbuf_init(&bytes);
    server_orders_write(&bytes);
    /* Meanwhile something else is ordered, and one that is not there yet. */
    assert_true(server_order_give("shop/a:80", SERVER_ENABLED));
    assert_true(server_order_weigh("shop/b:80", 0));
    strbuf_add(&bytes, ORDERS("enabled\0"
                              "1000\0shop\0c:80\0"));
    weighings = server_order_weighings();
    server_orders_read(strbuf_span(&bytes));
    assert_int_not_equal(server_order_weighings(), weighings);
    c = server_order_take("shop", "c:80");
    assert_int_equal(server_order_of(a), SERVER_DRAINING);
    assert_int_equal(server_order_weight(a), 7);
    assert_int_equal(server_order_of(b), SERVER_DISABLED);
    assert_int_equal(server_order_weight(b), SERVER_WEIGHT_DEFAULT);
    assert_int_equal(server_order_of(c), SERVER_ENABLED);
    assert_int_equal(server_order_weight(c), 1000);
    server_orders_read(ORDERS("disabled\0-1\0shop\0a:80\0"));
    assert_int_equal(server_order_of(a), SERVER_DISABLED);
    assert_int_equal(server_order_of(b), SERVER_ENABLED);
    assert_int_equal(server_order_weight(c), SERVER_WEIGHT_DEFAULT);
    /* What is none, and what is cut short, is passed over. */
    server_orders_read(ORDERS("blown up\0-1\0shop\0a:80\0"
                              "draining\0"
                              "1001\0shop\0b:80\0"
                              "draining\0-2\0shop\0b:80\0"
                              "draining\0\0shop\0b:80\0"
                              "draining\0-1\0shop\0c:80"));
    assert_int_equal(server_order_of(a), SERVER_ENABLED);
    assert_int_equal(server_order_of(b), SERVER_ENABLED);
    assert_int_equal(server_order_of(c), SERVER_ENABLED);
    server_orders_read(span_make("", 0));
    strbuf_free(&bytes);
    server_order_release(a);
    server_order_release(b);
    server_order_release(c);
}

/* Of sites that both have. */
static void tickets_bans_and_ends_of_sessions_go_to_another_gateway(void **state)
{
    static const uint8_t kept_off[16] = {
        [10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0, [14] = 2, [15] = 7};
    static const char *const names[] = {"a.example", "b.example", "c.example"};
    struct tls_tickets *tickets[4];
    struct site_tickets old_sites[2];
    struct site_tickets new_sites[2];
    struct trust leaves = {.tickets = old_sites, .ticket_count = 2};
    struct trust comes = {.tickets = new_sites, .ticket_count = 2};
    unsigned char one[16];
    unsigned char other[16];
    const struct ended_session ended = {{{1, 2, 3}}, clock_wall_s(), clock_wall_s() + 600};
    struct ended_session after[4];
    struct strbuf bytes;
    size_t ban_len;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        tickets[i] = tls_tickets_create(1000000);
        tls_tickets_name(tickets[i], 1, one); /* which makes keys */
    }
    for (size_t i = 0; i < 2; i++) {
        old_sites[i] = (struct site_tickets){names[i], tickets[i]};
        new_sites[i] = (struct site_tickets){names[2 - i], tickets[2 + i]}; /* c, b */
    }
    assert_true(bans_add(kept_off, clock_us() + 600000000, "a rule", clock_us()));
    ended_sessions_add(&ended);
    strbuf_init(&bytes);
    legacy_write(&leaves, &bytes);
    assert_int_equal(bans_lift_all(clock_us()), 1);
    legacy_read(&comes, strbuf_span(&bytes));
    assert_true(bans_have(kept_off, clock_us()));
    assert_int_equal(bans_lift_all(clock_us()), 1);
    tls_tickets_name(tickets[1], 1, one);
    tls_tickets_name(tickets[3], 1, other);
    assert_memory_equal(one, other, 16);
    tls_tickets_name(tickets[0], 1, one);
    tls_tickets_name(tickets[2], 1, other);
    assert_memory_not_equal(one, other, 16);
    /* Keys are last: what comes before them may grow. */
    assert_true(memmem(bytes.ptr, bytes.len, "ended", 5) <
                memmem(bytes.ptr, bytes.len, "tickets", 7));
    ban_len = (size_t)((char *)memmem(bytes.ptr, bytes.len, "ended", 5) - bytes.ptr);
    for (size_t len = 0; len < bytes.len;
         len++) { /* what is cut off, or another word, is nothing */
        legacy_read(&comes, span_make(bytes.ptr, len));
        assert_int_equal(bans_have(kept_off, clock_us()), len >= ban_len);
    }
    assert_int_equal(bans_lift_all(clock_us()), 1);
    legacy_read(&comes, SPAN_OF("ban\0?\0"
                                "1\0x\0ban\0\0\0\0other\0\0\0\0"));
    assert_false(bans_have(kept_off, clock_us()));
    /* What is remembered is that of before, once; what was is nothing. */
    assert_int_equal(ended_sessions_copy(after, 4, clock_wall_s()), 1);
    strbuf_clear(&bytes);
    strbuf_printf(&bytes, "ended%cBAUG%c1%c9999999999%cended", 0, 0, 0, 0);
    strbuf_printf(&bytes, "%cBAUGAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=%c1%c2%c", 0, 0, 0, 0);
    legacy_read(&comes, strbuf_span(&bytes));
    assert_int_equal(ended_sessions_copy(after, 4, clock_wall_s()), 1);
    strbuf_clear(&bytes);
    strbuf_printf(&bytes, "ended%cBAUGAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=%c1%c9999999999%c", 0,
                  0, 0, 0);
    legacy_read(&comes, strbuf_span(&bytes));
    assert_int_equal(ended_sessions_copy(after, 4, clock_wall_s()), 2);
    assert_true(ended_sessions_has(&(struct remembered_key){{4, 5, 6}}, 1, clock_wall_s()));
    assert_false(ended_sessions_has(&(struct remembered_key){{4, 5, 6}}, 2, clock_wall_s()));
    strbuf_free(&bytes);
    for (size_t i = 0; i < 4; i++) {
        tls_tickets_release(tickets[i]);
    }
}

static void a_sealed_file_is_read_whole_or_not(void **state)
{
    int plain = memfd_create("plain", MFD_CLOEXEC);
    int fd = sealed_file_make("sealed", SPAN_OF("ten bytes!"));
    char *bytes;
    size_t len;

    (void)state;
    assert_true(fd >= 0 && plain >= 0);
    assert_true(sealed_file_read(fd, 10, &bytes, &len));
    assert_int_equal(len, 10);
    assert_memory_equal(bytes, "ten bytes!", 10);
    free(bytes);
    assert_false(sealed_file_read(fd, 9, &bytes, &len));
    assert_false(sealed_file_read(plain, 10, &bytes, &len));
    assert_int_equal(write(fd, "x", 1), -1);
    (void)close(fd);
    (void)close(plain);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_socket_goes_by_its_name_then_by_its_address),
        cmocka_unit_test(what_cannot_be_listened_on_is_closed),
        cmocka_unit_test(the_environment_counts_for_the_process_that_it_names),
        cmocka_unit_test(a_message_comes_as_it_was_sent),
        cmocka_unit_test(a_text_without_an_end_is_no_socket),
        cmocka_unit_test(a_message_that_is_full_takes_no_more),
        cmocka_unit_test(a_label_is_what_systemd_takes),
        cmocka_unit_test(there_is_a_store_where_systemd_says_so),
        cmocka_unit_test(orders_go_to_another_process),
        cmocka_unit_test(tickets_bans_and_ends_of_sessions_go_to_another_gateway),
        cmocka_unit_test(a_sealed_file_is_read_whole_or_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
