/* Lists of servers that others write: in each form that they may have, and what is said of those
 * that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config/server_list.h"

static struct server_document list;
static struct error error;

static bool load(const char *text)
{
    return server_document_load(&list, span_from_cstr(text), "/run", &error);
}

static void each_form_is_a_list(void **state)
{
    static const char *const forms[] = {
        "- 10.0.0.1:80\n- { address: app.example:81, weight: 3 }\n",
        "servers:\n  - address: 10.0.0.1:80\n  - address: app.example:81\n    weight: 3\n",
        "[\"10.0.0.1:80\", {\"address\": \"app.example:81\", \"weight\": 3}]",
        "{\"servers\": [\"10.0.0.1:80\", {\"address\": \"app.example:81\", \"weight\": 3}]}\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        assert_true(load(forms[i]));
        assert_int_equal(list.count, 2);
        assert_string_equal(list.servers[0].address.host, "10.0.0.1");
        assert_int_equal(list.servers[0].weight, 1);
        assert_int_equal(list.servers[1].address.kind, ADDRESS_NAME);
        assert_int_equal(list.servers[1].address.port, 81);
        assert_int_equal(list.servers[1].weight, 3);
        server_document_free(&list);
    }
}

static void lines_are_a_list(void **state)
{
    (void)state;
    assert_true(load("10.0.0.1:80\n10.0.0.2:80\r\n\n  srv:_http._tcp.example\n"));
    assert_int_equal(list.count, 3);
    assert_string_equal(list.servers[1].address.text, "10.0.0.2:80");
    assert_int_equal(list.servers[2].address.kind, ADDRESS_SRV);
    server_document_free(&list);
    assert_true(load("10.0.0.1:80"));
    assert_int_equal(list.count, 1);
    server_document_free(&list);
    assert_true(load("unix:app.sock"));
    assert_string_equal(list.servers[0].address.host, "/run/app.sock");
    server_document_free(&list);
}

static void no_servers_must_be_said(void **state)
{
    (void)state;
    assert_true(load("[]"));
    assert_int_equal(list.count, 0);
    server_document_free(&list);
    assert_true(load("servers: []\n"));
    assert_int_equal(list.count, 0);
    server_document_free(&list);
    assert_false(load(""));
    assert_non_null(strstr(error.text, "there is nothing in it: write []"));
    assert_false(load("# nothing yet\n"));
}

static void what_is_wrong_is_told_with_its_line(void **state)
{
    (void)state;
    assert_false(load("- 10.0.0.1:80\n- 10.0.0.2\n"));
    assert_non_null(strstr(error.text, "line 2: address '10.0.0.2' has no port"));
    assert_false(load("- { address: 10.0.0.1:80, wieght: 2 }\n"));
    assert_non_null(strstr(error.text, "wieght"));
    assert_false(load("- { weight: 2 }\n"));
    assert_non_null(strstr(error.text, "a server has no 'address'"));
    assert_false(load("other: []\n"));
    assert_false(load("[10.0.0.1:80"));
    assert_false(load("\x01\x02\x03"));
    assert_null(list.settings);
}

static void of_tls_the_name_alone_may_be_said(void **state)
{
    static const char *const others[] = {"ca: a.pem", "verify: off", "min_version: 1.3",
                                         "certificate: a.pem, key: a.key", "crl: a.pem"};
    char text[160];

    (void)state;
    assert_true(load("- { address: 10.0.0.1:80, tls: { server_name: one.example } }\n"));
    assert_string_equal(list.servers[0].server_name, "one.example");
    assert_null(list.servers[0].tls);
    server_document_free(&list);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        (void)snprintf(text, sizeof(text),
                       "- { address: 10.0.0.1:80, tls: { server_name: one.example, %s } }\n",
                       others[i]);
        assert_false(load(text));
        assert_non_null(strstr(error.text, "not how they are verified"));
    }
    assert_false(
        load("- { address: 10.0.0.1:80, server_name: a.example, tls: { server_name: b } }\n"));
    assert_non_null(strstr(error.text, "said twice"));
}

static void more_than_a_backend_may_have_are_refused(void **state)
{
    static char text[32 * 1100];
    size_t len = 0;

    (void)state;
    for (unsigned i = 0; i < 1001; i++) {
        len +=
            (size_t)snprintf(text + len, sizeof(text) - len, "10.0.%u.%u:80\n", i / 250, i % 250);
    }
    assert_false(load(text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_is_a_list),
        cmocka_unit_test(lines_are_a_list),
        cmocka_unit_test(no_servers_must_be_said),
        cmocka_unit_test(what_is_wrong_is_told_with_its_line),
        cmocka_unit_test(of_tls_the_name_alone_may_be_said),
        cmocka_unit_test(more_than_a_backend_may_have_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
