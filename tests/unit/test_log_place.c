#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "observe/log_place.h"
#include "observe/log_writer.h"

#define LIMIT_MS 20000
#define QUEUE ((size_t)4 << 20)

static char folder[64];
static char path[96];

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/tidegate-log-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    (void)snprintf(path, sizeof(path), "%s/socket", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder);
}

static struct log_place parse(const char *text)
{
    struct log_place place;
    struct error error;

    assert_true(log_place_parse(span_from_cstr(text), &place, &error));
    return place;
}

static const char *path_of(const struct log_place *place)
{
    return ((const struct sockaddr_un *)&place->address)->sun_path;
}

static void places_are_known(void **state)
{
    (void)state;
    assert_int_equal(parse("file").kind, LOG_PLACE_FILE);
    assert_int_equal(parse("stdout").kind, LOG_PLACE_STDOUT);
    struct log_place place = parse("syslog");
    assert_int_equal(place.kind, LOG_PLACE_SYSLOG);
    assert_string_equal(path_of(&place), "/dev/log");
    place = parse("syslog:/run/x");
    assert_string_equal(path_of(&place), "/run/x");
    place = parse("journal");
    assert_int_equal(place.kind, LOG_PLACE_JOURNAL);
    assert_string_equal(path_of(&place), "/run/systemd/journal/socket");
    place = parse("journal:/a");
    assert_string_equal(path_of(&place), "/a");
    place = parse("syslog:127.0.0.1:514");
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&place.address;
    assert_int_equal(v4->sin_family, AF_INET);
    assert_int_equal(ntohs(v4->sin_port), 514);
    assert_int_equal(ntohl(v4->sin_addr.s_addr), INADDR_LOOPBACK);
    place = parse("syslog:[::1]:6514");
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&place.address;
    assert_int_equal(v6->sin6_family, AF_INET6);
    assert_int_equal(ntohs(v6->sin6_port), 6514);
    assert_int_equal(place.transport, LOG_DATAGRAMS);
    place = parse("syslog+tcp:127.0.0.1:601");
    assert_int_equal(place.kind, LOG_PLACE_SYSLOG);
    assert_int_equal(place.transport, LOG_TCP);
    place = parse("syslog+tls:[::1]:6514");
    assert_int_equal(place.transport, LOG_TLS);
    char host[LOG_HOST_SIZE];
    log_place_host(&place, host);
    assert_string_equal(host, "::1");
    assert_string_equal(place.host, "");
    place = parse("syslog+tcp:Logs_1.example.com:601");
    assert_int_equal(place.address_len, 0);
    assert_int_equal(place.port, 601);
    log_place_host(&place, host);
    assert_string_equal(host, "Logs_1.example.com");
    assert_int_equal(parse("file:/a").kind, LOG_PLACE_FILE);
}

static void other_places_are_not(void **state)
{
    static const char *const wrong[] = {"",
                                        "files",
                                        "syslog:",
                                        "syslogs",
                                        "syslog:127.0.0.1",
                                        "syslog:127.0.0.1:0",
                                        "syslog:127.0.0.1:65536",
                                        "syslog:host:514",
                                        "syslog::514",
                                        "syslog:[::1:514",
                                        "journal:127.0.0.1:514",
                                        "journal:x",
                                        "stdout:1",
                                        "file:",
                                        "file:/",
                                        "file:a",
                                        "syslog+tcp",
                                        "syslog+tcp:",
                                        "syslog+tcp:/a",
                                        "syslog+tls:host.1:6514",
                                        "syslog+tls:-host:6514",
                                        "syslog+tls:a..b:6514",
                                        "syslog+tls:a b:6514",
                                        "syslog+tls:host:",
                                        "syslog+tls:host",
                                        "syslog+udp:127.0.0.1:1"};
    char long_path[200] = "syslog:/";

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct log_place place;
        struct error error = {""};
        assert_false(log_place_parse(span_from_cstr(wrong[i]), &place, &error));
        assert_true(error.text[0] != '\0');
    }
    memset(long_path + 8, 'x', sizeof(long_path) - 9);
    struct log_place place;
    struct error error;
    assert_false(log_place_parse(span_from_cstr(long_path), &place, &error));
}

/* ---- a writer of datagrams ---- */

static int listen_here(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static struct log_writer *make_writer(void)
{
    char name[128];
    struct log_place place;
    struct error error;

    (void)snprintf(name, sizeof(name), "syslog:%s", path);
    place = parse(name);
    struct log_writer *writer = log_writer_create_datagrams(name, &place, QUEUE);
    assert_true(log_writer_is_of(writer, name));
    assert_false(log_writer_is_of(writer, "-"));
    assert_true(log_writer_start(writer, &error));
    return writer;
}

static void put(struct log_writer *writer, const char *const *texts, size_t count)
{
    struct strbuf out;

    strbuf_init(&out);
    for (size_t i = 0; i < count; i++) {
        size_t start = log_writer_begin_frame(&out);
        strbuf_add_cstr(&out, texts[i]);
        log_writer_end_frame(&out, start);
    }
    log_writer_put(writer, out.ptr, out.len);
}

static void expect(int fd, const char *text)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    char got[256];

    assert_int_equal(poll(&pfd, 1, LIMIT_MS), 1);
    ssize_t n = recv(fd, got, sizeof(got), 0);
    assert_int_equal(n, strlen(text));
    assert_memory_equal(got, text, (size_t)n);
}

static void each_frame_is_a_datagram(void **state)
{
    static const char *const texts[] = {"one", "two\nlines", "three"};
    int fd = listen_here();
    struct log_writer *writer = make_writer();

    (void)state;
    put(writer, texts, 3);
    for (size_t i = 0; i < 3; i++) {
        expect(fd, texts[i]);
    }
    assert_true(log_writer_stop(writer, LIMIT_MS));
    (void)close(fd);
}

static uint64_t wait_failed(struct log_writer *writer, uint64_t count)
{
    struct log_writer_counts counts = {0};
    uint64_t until_ms = clock_ms() + LIMIT_MS;

    while (counts.failed_blocks < count && clock_ms() < until_ms) {
        (void)poll(NULL, 0, 5);
        log_writer_counts(writer, &counts);
    }
    return counts.failed_blocks;
}

static void whoever_is_not_there_loses_lines_and_is_found_when_it_comes(void **state)
{
    static const char *const lost[] = {"lost", "lost, too"};
    static const char *const found[] = {"found"};
    static const char *const again[] = {"again"};
    struct log_writer *writer = make_writer();

    (void)state;
    put(writer, lost, 2);
    assert_int_equal(wait_failed(writer, 2), 2);
    int fd = listen_here();
    put(writer, found, 1);
    expect(fd, "found");
    (void)close(fd); /* it starts anew */
    (void)unlink(path);
    fd = listen_here();
    put(writer, again, 1);
    expect(fd, "again");
    assert_true(log_writer_stop(writer, LIMIT_MS));
    (void)close(fd);
}

static void whoever_takes_nothing_holds_up_nobody(void **state)
{
    static const char *const text[] = {"x"};
    int fd = listen_here();
    struct log_writer *writer = make_writer();
    struct log_writer_counts counts = {0};

    (void)state;
    for (int i = 0; i < 100 && counts.dropped_blocks == 0; i++) {
        char *block = xcalloc(1, QUEUE / 8); /* frames of nothing */
        log_writer_put(writer, block, QUEUE / 8);
        put(writer, text, 1);
        log_writer_counts(writer, &counts);
    }
    assert_true(counts.dropped_blocks != 0);
    assert_false(log_writer_stop(writer, 100));
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_known),
        cmocka_unit_test(other_places_are_not),
        cmocka_unit_test_setup_teardown(each_frame_is_a_datagram, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whoever_is_not_there_loses_lines_and_is_found_when_it_comes,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(whoever_takes_nothing_holds_up_nobody, set_up, tear_down),
    };
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
