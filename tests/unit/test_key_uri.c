/* base/key_uri: what names a key in a token, and what is told of one that does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/key_uri.h"

static void good_ones(void **state)
{
    static const struct {
        const char *text, *object, *pin_file, *module;
    } cases[] = {
        {"pkcs11:object=a", "pkcs11:object=a", "", ""},
        {"PKCS11:id=%00%ff", "pkcs11:id=%00%ff", "", ""},
        {"pkcs11:token=a%20b;object=c;type=private?pin-source=file:/etc/pin",
         "pkcs11:token=a%20b;object=c;type=private", "/etc/pin", ""},
        {"pkcs11:object=a?module-path=/usr/lib/m.so&pin-source=file:///a%20b", "pkcs11:object=a",
         "/a b", "/usr/lib/m.so"},
        {"pkcs11:object=a;serial=1;model=m;manufacturer=n?",
         "pkcs11:object=a;serial=1;model=m;"
         "manufacturer=n",
         "", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct key_uri uri;
        struct error error;

        assert_true(key_uri_is(span_from_cstr(cases[i].text)));
        assert_null(key_uri_file(cases[i].text));
        assert_true(key_uri_parse(span_from_cstr(cases[i].text), &uri, &error));
        assert_string_equal(uri.object, cases[i].object);
        assert_string_equal(uri.pin_file, cases[i].pin_file);
        assert_string_equal(uri.module, cases[i].module);
    }
}

static void bad_ones(void **state)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"pkcs11:", "does not say which key"},
        {"pkcs11:token=a", "does not say which key"},
        {"pkcs11:object=", "no value"},
        {"pkcs11:object=a%4", "no value, or a wrong one"},
        {"pkcs11:object=a%zz", "no value, or a wrong one"},
        {"pkcs11:object", "no value"},
        {"pkcs11:object=a;;id=%01", "not known"},
        {"pkcs11:object=a;slot-id=3", "'slot-id' of the PKCS#11 URI is not known"},
        {"pkcs11:object=a;type=cert", "type=private"},
        {"pkcs11:object=a b", "a byte that no URI has"},
        {"pkcs11:object=a\n", "a byte that no URI has"},
        {"pkcs11:object=a?pin-value=1234", "the PIN cannot be in the PKCS#11 URI"},
        {"pkcs11:object=a?pin-source=/etc/pin", "pin-source"},
        {"pkcs11:object=a?pin-source=file:etc/pin", "pin-source"},
        {"pkcs11:object=a?pin-source=file://host/pin", "pin-source"},
        {"pkcs11:object=a?pin-source=file:/a%00b", "pin-source"},
        {"pkcs11:object=a?pin-source=|cat%20/pin", "pin-source"},
        {"pkcs11:object=a?module-path=m.so", "module-path"},
        {"pkcs11:object=a?module-name=m", "'module-name' of the PKCS#11 URI is not known"},
    };
    char text[KEY_URI_MAX + 1];
    struct key_uri uri;
    struct error error;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_false(key_uri_parse(span_from_cstr(cases[i].text), &uri, &error));
        if (strstr(error.text, cases[i].said) == NULL) {
            fail_msg("'%s': %s", cases[i].text, error.text);
        }
        assert_null(strstr(error.text, "1234"));
    }
    memset(text, 'a', sizeof(text));
    memcpy(text, "pkcs11:object=", 14);
    assert_true(key_uri_parse(span_make(text, KEY_URI_MAX - 1), &uri, &error));
    assert_false(key_uri_parse(span_make(text, KEY_URI_MAX), &uri, &error));
}

static void paths_are_none(void **state)
{
    static const char *const paths[] = {"", "a.key", "/etc/pkcs11:a", "pkcs11", "pkcs11/a.key"};

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct key_uri uri;
        struct error error;
        const char *file;

        assert_false(key_uri_is(span_from_cstr(paths[i])));
        assert_ptr_equal(key_uri_file(paths[i]), paths[i]);
        assert_true(key_uri_opens(paths[i], &uri, &file, &error));
        assert_ptr_equal(file, paths[i]);
    }
    assert_null(key_uri_file(NULL));
}

static void what_is_opened_for_one(void **state)
{
    struct key_uri uri;
    struct error error;
    const char *file;

    (void)state;
    assert_true(key_uri_opens("pkcs11:object=a", &uri, &file, &error));
    assert_null(file);
    assert_true(key_uri_opens("pkcs11:object=a?pin-source=file:/pin", &uri, &file, &error));
    assert_string_equal(file, "/pin");
    assert_false(key_uri_opens("pkcs11:token=a", &uri, &file, &error));
}

static void pins_are_hidden(void **state)
{
    char text[] = "a: pkcs11:object=a?pin-value=1234&x=y\nb: 'pkcs11:object=b?pin-value=56' # 78\n"
                  "pin-value=";

    (void)state;
    key_uri_hide_pins(text, sizeof(text) - 1);
    assert_string_equal(text, "a: pkcs11:object=a?pin-value=****&x=y\n"
                              "b: 'pkcs11:object=b?pin-value=**' # 78\npin-value=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones),       cmocka_unit_test(bad_ones),
        cmocka_unit_test(paths_are_none),  cmocka_unit_test(what_is_opened_for_one),
        cmocka_unit_test(pins_are_hidden),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
