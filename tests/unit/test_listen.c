/* Binding the listeners: the right sockets in the right order, all or none, and errors that say
 * what to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process/listen.h"

static struct address_setting tcp(enum address_kind kind, const char *text, const char *host,
                                  uint16_t port)
{
    return (struct address_setting){.kind = kind, .text = text, .host = host, .port = port};
}

static bool open_list(struct listen_set *set, struct address_setting *items, size_t count,
                      struct error *error)
{
    return listen_open(set, &(struct address_list){items, count}, NULL, error);
}

static unsigned port_of(const struct listen_socket *s)
{
    return (unsigned)strtoul(strrchr(s->text, ':') + 1, NULL, 10);
}

static void binds_all_in_order_and_tells_the_real_ports(void **state)
{
    struct address_setting items[] = {tcp(ADDRESS_IPV4, "127.0.0.1:0", "127.0.0.1", 0),
                                      tcp(ADDRESS_IPV4, "127.0.0.2:0", "127.0.0.2", 0),
                                      tcp(ADDRESS_ANY, ":0", "", 0),
                                      tcp(ADDRESS_NAME, "localhost:0", "localhost", 0)};
    struct listen_set set;
    struct error error;

    (void)state;
    assert_true(open_list(&set, items, 4, &error));
    assert_int_equal(set.count, 4);
    assert_memory_equal(set.sockets[0].text, "127.0.0.1:", 10);
    assert_memory_equal(set.sockets[1].text, "127.0.0.2:", 10);
    for (size_t i = 0; i < set.count; i++) {
        int accepts = 0;
        socklen_t len = sizeof(accepts);

        assert_true(port_of(&set.sockets[i]) > 0);
        assert_int_equal(getsockopt(set.sockets[i].fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &len),
                         0);
        assert_int_equal(accepts, 1);
        assert_true((fcntl(set.sockets[i].fd, F_GETFL) & O_NONBLOCK) != 0);
        assert_true((fcntl(set.sockets[i].fd, F_GETFD) & FD_CLOEXEC) != 0);
    }
    listen_close(&set);
    listen_close(&set);
    assert_int_equal(set.count, 0);
}

static void ipv6_alone_does_not_take_the_ipv4_port(void **state)
{
    struct address_setting six = tcp(ADDRESS_IPV6, "[::1]:0", "::1", 0);
    struct address_setting four = tcp(ADDRESS_IPV4, "127.0.0.1", "127.0.0.1", 0);
    struct listen_set sixes;
    struct listen_set fours;
    struct error error;

    (void)state;
    if (access("/proc/net/if_inet6", F_OK) != 0 || !open_list(&sixes, &six, 1, &error)) {
        skip(); /* a container without IPv6 */
    }
    assert_memory_equal(sixes.sockets[0].text, "[::1]:", 6);
    four.port = (uint16_t)port_of(&sixes.sockets[0]);
    assert_true(open_list(&fours, &four, 1, &error));
    listen_close(&fours);
    listen_close(&sixes);
}

static void a_port_that_is_taken_is_told_and_nothing_stays_bound(void **state)
{
    struct address_setting items[] = {tcp(ADDRESS_IPV4, "127.0.0.1:0", "127.0.0.1", 0),
                                      tcp(ADDRESS_IPV4, "127.0.0.1:PORT", "127.0.0.1", 0)};
    struct listen_set first;
    struct listen_set second;
    struct error error;
    char held[64];

    (void)state;
    assert_true(open_list(&first, items, 1, &error));
    items[1].port = (uint16_t)port_of(&first.sockets[0]);
    assert_false(open_list(&second, items, 2, &error));
    assert_non_null(strstr(error.text, "another program listens there already"));
    assert_non_null(strstr(error.text, "ss -ltnp"));
    (void)snprintf(held, sizeof(held), "is held by test_listen, process %ld", (long)getpid());
    assert_non_null(strstr(error.text, held));
    assert_int_equal(second.count, 0);
    listen_close(&first);
}

static void stopping_refuses_at_once_although_others_hold_the_socket(void **state)
{
    struct address_setting item = tcp(ADDRESS_IPV4, "127.0.0.1:0", "127.0.0.1", 0);
    struct listen_set set;
    struct sock_address address;
    struct error error;
    int inherited;
    int fd;

    (void)state;
    assert_true(open_list(&set, &item, 1, &error));
    assert_true(sock_local_address(set.sockets[0].fd, &address));
    inherited = dup(set.sockets[0].fd);
    listen_stop(&set);
    assert_int_equal(set.count, 0);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, &address.any, address.len), -1);
    assert_int_equal(errno, ECONNREFUSED);
    (void)close(fd);
    /* And the next process can have the port. */
    item.port = ntohs(address.v4.sin_port);
    assert_true(open_list(&set, &item, 1, &error));
    listen_close(&set);
    (void)close(inherited);
}

static void an_address_of_another_machine_is_told(void **state)
{
    struct address_setting item = tcp(ADDRESS_IPV4, "192.0.2.1:0", "192.0.2.1", 0);
    struct listen_set set;
    struct error error;

    (void)state;
    assert_false(open_list(&set, &item, 1, &error));
    assert_non_null(strstr(error.text, "no such address"));
}

static void a_socket_file_is_made_replaced_when_stale_and_removed(void **state)
{
    char folder[] = "/tmp/tidegate-listen-XXXXXX";
    char path[128];
    struct address_setting item = {.kind = ADDRESS_UNIX, .text = "unix:test", .host = path};
    struct listen_set set;
    struct listen_set other;
    struct stat info;
    struct error error;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/gate.sock", folder);
    assert_true(open_list(&set, &item, 1, &error));
    assert_int_equal(stat(path, &info), 0);
    assert_true(S_ISSOCK(info.st_mode));
    assert_int_equal(info.st_mode & 0777, 0660);

    /* Somebody answers: hands off. */
    assert_false(open_list(&other, &item, 1, &error));
    assert_non_null(strstr(error.text, "another program listens there already"));

    /* Its process is gone but the file is there. */
    (void)close(set.sockets[0].fd);
    assert_true(open_list(&other, &item, 1, &error));
    listen_close(&other);
    assert_int_equal(access(path, F_OK), -1);
    free(set.sockets[0].name);
    free(set.sockets[0].unix_path);
    free(set.sockets);

    /* A file that is no socket is never removed. */
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_false(open_list(&other, &item, 1, &error));
    assert_non_null(strstr(error.text, "no socket"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);

    /* The advice is about the folder, not about ports. */
    assert_false(open_list(&other, &item, 1, &error));
    assert_non_null(strstr(error.text, "the socket's folder is not there"));
}

/* The same sockets, whatever their order; new ones bound, others closed. */
static void another_configuration_keeps_the_sockets_that_it_has_too(void **state)
{
    struct address_setting first[] = {tcp(ADDRESS_IPV4, "127.0.0.1:0", "127.0.0.1", 0),
                                      tcp(ADDRESS_IPV4, "127.0.0.1:0", "127.0.0.1", 0),
                                      tcp(ADDRESS_IPV4, "127.0.0.2:0", "127.0.0.2", 0)};
    struct address_setting second[] = {tcp(ADDRESS_IPV4, "127.0.0.3:0", "127.0.0.3", 0),
                                       tcp(ADDRESS_IPV4, "127.0.0.2:0", "127.0.0.2", 0),
                                       tcp(ADDRESS_IPV4, "127.0.0.1:0", "127.0.0.1", 0)};
    struct listen_set set;
    struct listen_set next;
    struct error error;
    int32_t places[3];

    (void)state;
    assert_true(open_list(&set, first, 3, &error));
    int fds[] = {set.sockets[0].fd, set.sockets[1].fd, set.sockets[2].fd};
    assert_true(listen_follow(&next, &set, &(struct address_list){second, 3}, places, &error));
    assert_int_equal(places[0], -1);
    assert_int_equal(places[1], 2);
    assert_int_equal(places[2], 0);
    listen_drop(&next, places);
    assert_int_equal(set.count, 3); /* as if nothing had been asked */

    assert_true(listen_follow(&next, &set, &(struct address_list){second, 3}, places, &error));
    listen_take(&set, &next, places);
    assert_int_equal(set.count, 3);
    assert_int_equal(set.sockets[1].fd, fds[2]);
    assert_int_equal(set.sockets[2].fd, fds[0]);
    assert_int_equal(fcntl(fds[1], F_GETFD), -1);
    listen_close(&set);
}

static void another_configuration_that_cannot_be_bound_changes_nothing(void **state)
{
    struct address_setting item = tcp(ADDRESS_IPV4, "127.0.0.1:0", "127.0.0.1", 0);
    struct address_setting second[] = {item, tcp(ADDRESS_IPV4, "192.0.2.1:1", "192.0.2.1", 1)};
    struct listen_set set;
    struct listen_set next;
    struct error error;
    int32_t places[2];

    (void)state;
    assert_true(open_list(&set, &item, 1, &error));
    assert_false(listen_follow(&next, &set, &(struct address_list){second, 2}, places, &error));
    assert_non_null(strstr(error.text, "192.0.2.1"));
    assert_int_equal(fcntl(set.sockets[0].fd, F_GETFD), FD_CLOEXEC);
    listen_close(&set);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(binds_all_in_order_and_tells_the_real_ports),
        cmocka_unit_test(ipv6_alone_does_not_take_the_ipv4_port),
        cmocka_unit_test(a_port_that_is_taken_is_told_and_nothing_stays_bound),
        cmocka_unit_test(stopping_refuses_at_once_although_others_hold_the_socket),
        cmocka_unit_test(an_address_of_another_machine_is_told),
        cmocka_unit_test(a_socket_file_is_made_replaced_when_stale_and_removed),
        cmocka_unit_test(another_configuration_keeps_the_sockets_that_it_has_too),
        cmocka_unit_test(another_configuration_that_cannot_be_bound_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
