/* /etc/hosts: who is in it, and that it is read again when it has changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "dns/hosts.h"

static const char text[] = "# a comment\n"
                           "192.0.2.1\tapp.example  App # not this: hidden.example\n"
                           "\n"
                           "  192.0.2.2 app.example\r\n"
                           "2001:db8::1 app.example\n"
                           "nonsense other.example\n"
                           "192.0.2.3 last.example";

static struct dns_answer answer;

static bool find(const char *name, enum dns_type type)
{
    return hosts_find_in(span_from_cstr(text), name, type, &answer);
}

static void all_addresses_of_a_name_are_found(void **state)
{
    (void)state;
    assert_true(find("APP.example", DNS_A));
    assert_int_equal(answer.how, DNS_OK);
    assert_int_equal(answer.count, 2);
    assert_int_equal(answer.records[1].ip[3], 2);
    assert_true(find("app", DNS_A));
    assert_int_equal(answer.count, 1);
    assert_true(find("app.example", DNS_AAAA));
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.records[0].ip[15], 1);
    assert_true(find("last.example", DNS_A));
    assert_int_equal(answer.count, 1);
}

static void a_name_that_is_there_has_no_other_addresses(void **state)
{
    (void)state;
    assert_true(find("last.example", DNS_AAAA));
    assert_int_equal(answer.how, DNS_NO_DATA);
    assert_true(find("other.example", DNS_A));
    assert_int_equal(answer.how, DNS_NO_DATA);
    assert_false(find("hidden.example", DNS_A));
    assert_false(find("example", DNS_A));
    assert_false(find("192.0.2.1", DNS_A));
}

static void localhost_is_this_machine(void **state)
{
    (void)state;
    assert_true(find("localhost", DNS_A));
    assert_int_equal(answer.records[0].ip[0], 127);
    assert_true(find("shop.localhost", DNS_AAAA));
    assert_int_equal(answer.records[0].ip[15], 1);
    assert_false(find("notlocalhost", DNS_A));
}

static void write_file(const char *path, const char *content)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void it_is_followed(void **state)
{
    char path[] = "/tmp/tidegate-hosts-XXXXXX";
    struct hosts hosts;
    uint64_t now_us = UINT64_C(1000000000);
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    clock_set_for_tests(now_us);
    hosts_init(&hosts, path);
    assert_false(hosts_find(&hosts, "app.example", DNS_A, &answer));
    write_file(path, "192.0.2.1 app.example\n");
    assert_false(hosts_find(&hosts, "app.example", DNS_A, &answer)); /* it was looked at just now */
    clock_set_for_tests(now_us += 1000000);
    assert_true(hosts_find(&hosts, "app.example", DNS_A, &answer));
    assert_int_equal(unlink(path), 0);
    clock_set_for_tests(now_us += 1000000);
    assert_false(hosts_find(&hosts, "app.example", DNS_A, &answer));
    clock_set_for_tests(0);
    hosts_free(&hosts);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_addresses_of_a_name_are_found),
        cmocka_unit_test(a_name_that_is_there_has_no_other_addresses),
        cmocka_unit_test(localhost_is_this_machine),
        cmocka_unit_test(it_is_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
