#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config/directives.h"
#include "edge/field_senders.h"

static enum field_sender sender(const char *name)
{
    return field_sender(span_from_cstr(name));
}

static void test_names_of_proxies(void **state)
{
    static const struct {
        const char *name;
        enum field_sender sender;
    } cases[] = {
        {"Forwarded", FIELD_FROM_TRUSTED},
        {"forwarded", FIELD_FROM_TRUSTED},
        {"X-Forwarded", FIELD_FROM_TRUSTED},
        {"X-Forwarded-For", FIELD_FROM_TRUSTED},
        {"x-forwarded-prefix", FIELD_FROM_TRUSTED},
        {"X-Forwarded-Nobody-Knows-This-One-But-It-Begins-As-They-All-Do-And-Is-Long-As-Well",
         FIELD_FROM_TRUSTED},
        {"X-Real-IP", FIELD_FROM_TRUSTED},
        {"True-Client-IP", FIELD_FROM_TRUSTED},
        {"X-Client-IP", FIELD_FROM_TRUSTED},
        {"CF-Connecting-IP", FIELD_FROM_TRUSTED},
        {"CF-Connecting-IPv6", FIELD_FROM_TRUSTED},
        {"X-Cluster-Client-IP", FIELD_FROM_TRUSTED},
        {"Fastly-Client-IP", FIELD_FROM_TRUSTED},
        {"Remote-User", FIELD_FROM_TRUSTED},
        {"X-Remote-User", FIELD_FROM_TRUSTED},
        {"X-Remote-Group", FIELD_FROM_TRUSTED},
        {"X-SSL-Client-Verify", FIELD_FROM_TRUSTED},
        {"X-SSL-Client-S-DN", FIELD_FROM_TRUSTED},
        {"X-Client-Verify", FIELD_FROM_TRUSTED},
        {"X-Client-Cert", FIELD_FROM_TRUSTED},
        {"SSL-Client-Cert", FIELD_FROM_TRUSTED},
        {"Front-End-Https", FIELD_FROM_TRUSTED},
        {"SCRIPT_NAME", FIELD_FROM_TRUSTED},
        {"Script-Name", FIELD_FROM_NOBODY},
        {"Proxy", FIELD_FROM_NOBODY},
        {"Client-Cert", FIELD_FROM_NOBODY},
        {"Client-Cert-Chain", FIELD_FROM_NOBODY},
        {"client-cert-verify", FIELD_FROM_NOBODY},
        {"Client-Cert-Unverified", FIELD_FROM_NOBODY},
        {"X-Forwarded-Client-Cert", FIELD_FROM_NOBODY},
        {"X-Forwarded-Client-Cert-Info", FIELD_FROM_TRUSTED},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (sender(cases[i].name) != cases[i].sender) {
            fail_msg("%s: %d", cases[i].name, (int)sender(cases[i].name));
        }
    }
}

static void test_names_that_anyone_sends(void **state)
{
    static const char *const names[] = {"",
                                        "X",
                                        "X-",
                                        "-",
                                        "Accept",
                                        "Accept-Language",
                                        "Authorization",
                                        "CDN-Loop",
                                        "Client",
                                        "Cookie",
                                        "Content-Length",
                                        "Content_Type",
                                        "Early-Data",
                                        "Forwarde",
                                        "My_Field",
                                        "Proxy-Authorization",
                                        "Transfer-Encoding",
                                        "Upgrade-Insecure-Requests",
                                        "X-Api-Key",
                                        "X-Client-Data",
                                        "X-Client-Version",
                                        "X-Forwarde",
                                        "X-ForwardedFor",
                                        "X-HTTP-Method-Override",
                                        "X-Requested-With",
                                        "XX-Forwarded-For",
                                        "XForwarded-For",
                                        "Sec-Fetch-Mode",
                                        "sec-ch-ua"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (sender(names[i]) != FIELD_FROM_ANYONE) {
            fail_msg("%s", names[i]);
        }
    }
}

/* A server that makes variables of fields reads these as the listed one; so nobody may. */
static void test_each_listed_name_in_other_spellings(void **state)
{
    static const char odd[] = "_.+!#$%&'*^`|~";
    struct span name;
    enum field_sender expected;
    char text[96];

    (void)state;
    for (size_t index = 0; field_sender_listed(index, &name, &expected); index++) {
        size_t len = name.len - (name.ptr[name.len - 1] == '*' ? 1 : 0);
        memcpy(text, name.ptr, len);
        text[len] = len != name.len ? 'q' : '\0'; /* a name that a pattern stands for */
        text[len + 1] = '\0';
        if (sender(text) != expected) {
            fail_msg("%s is not found as listed", text);
        }
        for (size_t at = 0; at < len; at++) {
            if (name.ptr[at] != '-' && name.ptr[at] != '_') {
                continue;
            }
            for (const char *c = odd; *c != '\0'; c++) {
                text[at] = *c;
                if (*c != name.ptr[at] && sender(text) != FIELD_FROM_NOBODY) {
                    fail_msg("%s passes", text);
                }
            }
            text[at] = name.ptr[at];
        }
        if (len != name.len) {
            memcpy(text + len, "a_b", 4);
            assert_int_equal(sender(text), name.ptr[len - 1] == '_' ? expected : FIELD_FROM_NOBODY);
            memcpy(text + len, "a.b", 4);
            assert_int_equal(sender(text), FIELD_FROM_NOBODY);
            memcpy(text + len, "a-B", 4);
            assert_int_equal(sender(text), expected);
        }
    }
}

static void test_ids_and_names_agree(void **state)
{
    (void)state;
    for (int id = 1; id < FIELD_ID_COUNT; id++) {
        struct http_field field = {.id = (enum http_field_id)id};
        field.name = http_field_name(field.id);
        if (field_sender_of(&field) != field_sender(field.name)) {
            fail_msg("%.*s", SPAN_ARG(field.name));
        }
    }
}

static void test_the_manual_names_them_all(void **state)
{
    const struct directive *directive = NULL;
    struct span name;
    enum field_sender expected;
    char quoted[96];

    (void)state;
    for (size_t i = 0; i < section_root.count; i++) {
        if (strcmp(section_root.directives[i].name, "trusted_proxies") == 0) {
            directive = &section_root.directives[i];
        }
    }
    assert_non_null(directive);
    for (size_t index = 0; field_sender_listed(index, &name, &expected); index++) {
        (void)snprintf(quoted, sizeof(quoted), "`%.*s`", SPAN_ARG(name));
        if (strstr(directive->more, quoted) == NULL) {
            fail_msg("the manual of trusted_proxies does not name %s", quoted);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_proxies),
        cmocka_unit_test(test_names_that_anyone_sends),
        cmocka_unit_test(test_each_listed_name_in_other_spellings),
        cmocka_unit_test(test_ids_and_names_agree),
        cmocka_unit_test(test_the_manual_names_them_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
