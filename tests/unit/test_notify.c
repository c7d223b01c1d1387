/* sd_notify's datagrams, to a path and to an abstract name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "process/notify.h"

static void receives(struct sockaddr_un *address, size_t path_len, const char *variable)
{
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_len);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    char got[64] = "";

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)address, len), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", variable, 1), 0);
    notify_send("READY=1");
    assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), 7);
    assert_string_equal(got, "READY=1");
    (void)close(fd);
}

static void reaches_a_socket_file(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char folder[] = "/tmp/tidegate-notify-XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", folder);
    receives(&address, strlen(address.sun_path) + 1, address.sun_path);
    assert_int_equal(unlink(address.sun_path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void reaches_an_abstract_name(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char variable[64];
    int len;

    (void)state;
    len = snprintf(variable, sizeof(variable), "@tidegate-test-%ld", (long)getpid());
    memcpy(address.sun_path + 1, variable + 1, (size_t)len - 1);
    receives(&address, (size_t)len, variable);
}

static void odd_names_and_nobody_listening_do_no_harm(void **state)
{
    static const char *const names[] = {
        "", "/", "relative", "/nobody/is/here", "@", "@tidegate-nobody-listens"};
    char *too_long = malloc(300);

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(setenv("NOTIFY_SOCKET", names[i], 1), 0);
        notify_send("READY=1");
    }
    assert_non_null(too_long);
    memset(too_long, 'x', 299);
    too_long[0] = '/';
    too_long[299] = '\0';
    assert_int_equal(setenv("NOTIFY_SOCKET", too_long, 1), 0);
    notify_send("READY=1");
    free(too_long);
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    notify_send("READY=1");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(reaches_a_socket_file),
        cmocka_unit_test(reaches_an_abstract_name),
        cmocka_unit_test(odd_names_and_nobody_listening_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
