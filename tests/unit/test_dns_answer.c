/* What DNS messages say: addresses and services, along aliases; and that hostile ones say nothing
 * and read nothing that is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dns/dns_answer.h"

#define CNAME 5

static uint8_t bytes[65536];
static size_t len;
static struct dns_answer answer;

static void add_16(unsigned value)
{
    bytes[len++] = (uint8_t)(value >> 8);
    bytes[len++] = (uint8_t)value;
}

static void add_name(const char *name)
{
    while (*name != '\0') {
        size_t label = strcspn(name, ".");
        bytes[len++] = (uint8_t)label;
        memcpy(bytes + len, name, label);
        len += label;
        name += label + (name[label] == '.');
    }
    bytes[len++] = 0;
}

static void begin_with(unsigned flags, const char *name, unsigned type)
{
    len = 0;
    add_16(0x1234);
    add_16(flags);
    add_16(1);
    add_16(0);
    add_16(0);
    add_16(0);
    add_name(name);
    add_16(type);
    add_16(1);
}

static void begin(const char *name, unsigned type)
{
    begin_with(0x8180, name, type);
}

static void add_record(const char *owner, unsigned type, uint32_t ttl, const void *data,
                       size_t data_len)
{
    bytes[7]++;
    bytes[6] = (uint8_t)(bytes[6] + (bytes[7] == 0));
    add_name(owner);
    add_16(type);
    add_16(1);
    add_16(ttl >> 16);
    add_16(ttl & 0xffff);
    add_16((unsigned)data_len);
    memcpy(bytes + len, data, data_len);
    len += data_len;
}

static void add_a(const char *owner, uint32_t ttl, uint8_t last)
{
    add_record(owner, DNS_A, ttl, (uint8_t[]){192, 0, 2, last}, 4);
}

static void add_alias(const char *owner, uint32_t ttl, const char *target)
{
    size_t at = len + strlen(owner) + 2 + 10;

    add_record(owner, CNAME, ttl, "", 0);
    add_name(target);
    bytes[at - 1] = (uint8_t)(len - at);
}

static void add_service(const char *owner, unsigned priority, unsigned weight, unsigned port,
                        const char *target)
{
    size_t at = len + strlen(owner) + 2 + 10;

    add_record(owner, DNS_SRV, 60, "", 0);
    add_16(priority);
    add_16(weight);
    add_16(port);
    add_name(target);
    bytes[at - 1] = (uint8_t)(len - at);
}

/* From memory that ends where the message does. */
static void parse(enum dns_type type)
{
    char *copy = malloc(len + 1);

    assert_non_null(copy);
    memcpy(copy + 1, bytes, len);
    dns_answer_parse(&answer, span_make(copy + 1, len), type);
    free(copy);
}

static void its_addresses_with_the_shortest_time_to_live(void **state)
{
    (void)state;
    begin("app.example", DNS_A);
    add_a("app.example", 300, 1);
    add_a("APP.Example", 60, 2);
    add_a("app.example", 300, 2); /* the same once more */
    parse(DNS_A);
    assert_int_equal(answer.how, DNS_OK);
    assert_int_equal(answer.count, 2);
    assert_int_equal(answer.ttl_s, 60);
    assert_int_equal(answer.records[1].ip[3], 2);
    assert_null(answer.problem);
    assert_false(answer.is_cut);
}

static void other_names_and_types_say_nothing(void **state)
{
    (void)state;
    begin("app.example", DNS_A);
    add_a("other.example", 300, 1);
    add_record("app.example", 16, 300, "\3abc", 4);
    add_record("app.example", DNS_A, 300, "\1\2\3", 3);
    parse(DNS_A);
    assert_int_equal(answer.how, DNS_NO_DATA);
    assert_int_equal(answer.count, 0);
    begin("app.example", DNS_A);
    add_a("app.example", 300, 1);
    parse(DNS_AAAA); /* it answers another question */
    assert_int_equal(answer.how, DNS_FAILED);
}

static void aliases_are_followed_in_any_order(void **state)
{
    (void)state;
    begin("www.example", DNS_A);
    add_a("c.example", 300, 7);
    add_alias("b.example", 20, "C.example");
    add_alias("www.example", 300, "b.example");
    parse(DNS_A);
    assert_int_equal(answer.how, DNS_OK);
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.records[0].ip[3], 7);
    assert_int_equal(answer.ttl_s, 20);
}

static void aliases_in_a_circle_end(void **state)
{
    (void)state;
    begin("a.example", DNS_A);
    add_alias("a.example", 300, "b.example");
    add_alias("b.example", 300, "a.example");
    parse(DNS_A);
    assert_int_equal(answer.how, DNS_NO_DATA);
}

static void addresses_that_no_server_has_are_passed_over(void **state)
{
    static const uint8_t none[16];
    static const uint8_t group[16] = {0xff, 2};
    static const uint8_t fine[16] = {0x20, 1, 0xd, 0xb8};

    (void)state;
    begin("app.example", DNS_A);
    add_record("app.example", DNS_A, 9, none, 4);
    add_record("app.example", DNS_A, 9, (uint8_t[]){224, 0, 0, 1}, 4);
    add_record("app.example", DNS_A, 9, (uint8_t[]){255, 255, 255, 255}, 4);
    parse(DNS_A);
    assert_int_equal(answer.how, DNS_NO_DATA);
    begin("app.example", DNS_AAAA);
    add_record("app.example", DNS_AAAA, 9, none, 16);
    add_record("app.example", DNS_AAAA, 9, group, 16);
    add_record("app.example", DNS_AAAA, 9, fine, 16);
    parse(DNS_AAAA);
    assert_int_equal(answer.count, 1);
    assert_memory_equal(answer.records[0].ip, fine, 16);
}

static void services_have_names_ports_and_weights(void **state)
{
    (void)state;
    begin("_http._tcp.example", DNS_SRV);
    add_service("_http._tcp.example", 10, 5, 8080, "One.example");
    add_service("_http._tcp.example", 20, 0, 81, "two.example");
    add_service("_http._tcp.example", 0, 0, 0, "no-port.example");
    add_service("_http._tcp.example", 0, 0, 80, ""); /* there is none (RFC 2782) */
    add_record("_http._tcp.example", DNS_SRV, 9, "\0\1\0\1\0", 5);
    parse(DNS_SRV);
    assert_int_equal(answer.how, DNS_OK);
    assert_int_equal(answer.count, 2);
    assert_string_equal(answer.records[0].target, "one.example");
    assert_int_equal(answer.records[0].priority, 10);
    assert_int_equal(answer.records[0].weight, 5);
    assert_int_equal(answer.records[0].port, 8080);
    assert_int_equal(answer.records[1].port, 81);
}

static void names_are_names_alone(void **state)
{
    (void)state;
    begin("_http._tcp.example", DNS_SRV);
    add_service("_http._tcp.example", 0, 0, 80, "a b.example");
    add_service("_http._tcp.example", 0, 0, 80, "x\r\ny.example");
    add_service("_http._tcp.example", 0, 0, 80, "fine.example");
    parse(DNS_SRV);
    assert_int_equal(answer.count, 1);
    assert_string_equal(answer.records[0].target, "fine.example");
}

static void failures_are_told_apart(void **state)
{
    (void)state;
    begin_with(0x8183, "app.example", DNS_A);
    parse(DNS_A);
    assert_int_equal(answer.how, DNS_NO_NAME);
    begin_with(0x8182, "app.example", DNS_A);
    add_a("app.example", 300, 1);
    parse(DNS_A);
    assert_int_equal(answer.how, DNS_FAILED);
    assert_int_equal(answer.count, 0);
    begin("app.example", DNS_A);
    parse(DNS_A);
    assert_int_equal(answer.how, DNS_NO_DATA);
    assert_non_null(answer.problem);
}

static void more_records_than_are_used_are_left_out(void **state)
{
    (void)state;
    begin("app.example", DNS_A);
    for (unsigned i = 0; i < DNS_RECORDS_MAX + 10; i++) {
        add_a("app.example", 300, (uint8_t)i);
    }
    parse(DNS_A);
    assert_int_equal(answer.count, DNS_RECORDS_MAX);
    assert_true(answer.is_cut);
}

static void pointers_lead_back_and_not_for_ever(void **state)
{
    static const uint8_t to_itself[] = {0xc0, 29};

    (void)state;
    begin("app.example", DNS_A);
    bytes[7] = 1;
    assert_int_equal(len, 29);
    memcpy(bytes + len, to_itself, 2);
    len += 2;
    parse(DNS_A);
    assert_int_equal(answer.count, 0);
    begin("app.example", DNS_A);
    bytes[7] = 1;
    bytes[len++] = 0xc0;
    bytes[len++] = 12; /* the question's name */
    add_16(DNS_A);
    add_16(1);
    add_16(0);
    add_16(60);
    add_16(4);
    memcpy(bytes + len, "\300\0\2\11", 4);
    len += 4;
    parse(DNS_A);
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.records[0].ip[3], 9);
}

static void a_time_to_live_beyond_all_reason_is_none(void **state)
{
    (void)state;
    begin("app.example", DNS_A);
    add_a("app.example", 0xffffffff, 1);
    parse(DNS_A);
    assert_int_equal(answer.ttl_s, 0);
}

static void a_message_that_is_cut_anywhere_says_no_more_than_it_has(void **state)
{
    size_t whole;

    (void)state;
    begin("www.example", DNS_A);
    add_alias("www.example", 300, "app.example");
    add_a("app.example", 300, 1);
    add_a("app.example", 300, 2);
    whole = len;
    for (len = 0; len < whole; len++) {
        parse(DNS_A);
        assert_true(answer.count <= 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_addresses_with_the_shortest_time_to_live),
        cmocka_unit_test(other_names_and_types_say_nothing),
        cmocka_unit_test(aliases_are_followed_in_any_order),
        cmocka_unit_test(aliases_in_a_circle_end),
        cmocka_unit_test(addresses_that_no_server_has_are_passed_over),
        cmocka_unit_test(services_have_names_ports_and_weights),
        cmocka_unit_test(names_are_names_alone),
        cmocka_unit_test(failures_are_told_apart),
        cmocka_unit_test(more_records_than_are_used_are_left_out),
        cmocka_unit_test(pointers_lead_back_and_not_for_ever),
        cmocka_unit_test(a_time_to_live_beyond_all_reason_is_none),
        cmocka_unit_test(a_message_that_is_cut_anywhere_says_no_more_than_it_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
