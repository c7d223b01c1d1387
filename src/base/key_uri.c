#include "base/key_uri.h"

#include <string.h>

#define SCHEME "pkcs11:"
#define PIN_VALUE "pin-value="

bool key_uri_is(struct span text)
{
    return text.len >= sizeof(SCHEME) - 1 &&
           span_ieq(span_make(text.ptr, sizeof(SCHEME) - 1), SPAN_OF(SCHEME));
}

const char *key_uri_file(const char *key)
{
    return key != NULL && !key_uri_is(span_from_cstr(key)) ? key : NULL;
}

/* ---- attributes ---- */

struct attribute {
    struct span name;
    struct span value;
};

/* The next of a list with these separators. False: there is none any more. */
static bool next_attribute(struct span *rest, char separator, struct attribute *attribute)
{
    const char *end;
    const char *equals;
    size_t len;

    if (rest->len == 0) {
        return false;
    }
    end = memchr(rest->ptr, separator, rest->len);
    len = end != NULL ? (size_t)(end - rest->ptr) : rest->len;
    equals = memchr(rest->ptr, '=', len);
    attribute->name = span_make(rest->ptr, equals != NULL ? (size_t)(equals - rest->ptr) : len);
    attribute->value =
        equals != NULL ? span_make(equals + 1, len - attribute->name.len - 1) : span_make(NULL, 0);
    *rest = end != NULL ? span_make(end + 1, rest->len - len - 1) : span_make(NULL, 0);
    return true;
}

static int hex(char c)
{
    char low = ascii_lower(c);

    return ascii_is_digit(c) ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

/* Without its %XX. False: it has a wrong one, or does not fit. */
static bool decode(struct span value, char *out, size_t size, size_t *out_len)
{
    *out_len = 0;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c == '%') {
            if (value.len - i < 3 || hex(value.ptr[i + 1]) < 0 || hex(value.ptr[i + 2]) < 0) {
                return false;
            }
            c = (char)(hex(value.ptr[i + 1]) << 4 | hex(value.ptr[i + 2]));
            i += 2;
        }
        if (*out_len + 1 >= size) {
            return false;
        }
        out[(*out_len)++] = c;
    }
    out[*out_len] = '\0';
    return true;
}

/* A whole path. */
static bool decode_path(struct span value, char out[PATH_MAX])
{
    size_t len;

    return value.len > 1 && value.ptr[0] == '/' && value.ptr[1] != '/' &&
           decode(value, out, PATH_MAX, &len) && strlen(out) == len;
}

/* Bytes that no URI has would be read by modules in different ways. */
static bool is_well_formed(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f || text.ptr[i] == '"') {
            return false;
        }
    }
    return true;
}

/* ---- which key ---- */

/* What modules are asked by; the rest of RFC 7512 (of libraries and slots) they read differently.
 */
static const char *const names[] = {"token",  "object", "id",          "type",
                                    "serial", "model",  "manufacturer"};

static bool is_known(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (span_eq_cstr(name, names[i])) {
            return true;
        }
    }
    return false;
}

static bool check_object(struct span path, struct error *error)
{
    struct attribute attribute;
    char decoded[KEY_URI_MAX];
    size_t len;
    bool names_key = false;

    while (next_attribute(&path, ';', &attribute)) {
        if (!is_known(attribute.name)) {
            return error_set(error,
                             "'%.*s' of the PKCS#11 URI is not known: a key is named by token, "
                             "object, id, serial, model and manufacturer",
                             SPAN_ARG(span_cut(attribute.name, 40)));
        }
        if (attribute.value.len == 0 || !decode(attribute.value, decoded, sizeof(decoded), &len)) {
            return error_set(error,
                             "'%.*s' of the PKCS#11 URI has no value, or a wrong one: %%XX "
                             "stands for a byte, by two digits",
                             SPAN_ARG(attribute.name));
        }
        if (span_eq_cstr(attribute.name, "type") && strcmp(decoded, "private") != 0) {
            return error_set(error, "the PKCS#11 URI names no private key: write type=private");
        }
        names_key |= span_eq_cstr(attribute.name, "object") || span_eq_cstr(attribute.name, "id");
    }
    return names_key || error_set(error, "the PKCS#11 URI does not say which key: name it by "
                                         "object=LABEL, or by id=%%01");
}

/* ---- how to get there ---- */

static bool take_pin_file(struct span value, struct key_uri *uri, struct error *error)
{
    size_t scheme = span_starts_with(value, SPAN_OF("file:///")) ? 7
                    : span_starts_with(value, SPAN_OF("file:"))  ? 5
                                                                 : 0;

    return (scheme != 0 && decode_path(span_skip(value, scheme), uri->pin_file)) ||
           error_set(error, "pin-source of the PKCS#11 URI is no file: write "
                            "pin-source=file:/etc/tidegate/pin, with the file's whole path");
}

static bool take_module(struct span value, struct key_uri *uri, struct error *error)
{
    return decode_path(value, uri->module) ||
           error_set(error, "module-path of the PKCS#11 URI is no whole path: write "
                            "module-path=/usr/lib/softhsm/libsofthsm2.so, for example");
}

static bool take_query(struct span query, struct key_uri *uri, struct error *error)
{
    struct attribute attribute;

    while (next_attribute(&query, '&', &attribute)) {
        bool ok;
        if (span_eq_cstr(attribute.name, "pin-source")) {
            ok = take_pin_file(attribute.value, uri, error);
        } else if (span_eq_cstr(attribute.name, "module-path")) {
            ok = take_module(attribute.value, uri, error);
        } else if (span_eq_cstr(attribute.name, "pin-value")) {
            ok = error_set(error, "the PIN cannot be in the PKCS#11 URI, as a configuration is "
                                  "shown in many places: put it into a file that root alone may "
                                  "read, and write pin-source=file:/PATH");
        } else {
            ok = error_set(error,
                           "'%.*s' of the PKCS#11 URI is not known: behind the '?' may be "
                           "pin-source and module-path",
                           SPAN_ARG(span_cut(attribute.name, 40)));
        }
        if (!ok) {
            return false;
        }
    }
    return true;
}

bool key_uri_parse(struct span text, struct key_uri *uri, struct error *error)
{
    struct span rest = span_skip(text, sizeof(SCHEME) - 1);
    const char *mark = memchr(rest.ptr, '?', rest.len);
    size_t len = mark != NULL ? (size_t)(mark - rest.ptr) : rest.len;
    struct span query = mark != NULL ? span_skip(rest, len + 1) : span_make(NULL, 0);

    *uri = (struct key_uri){.object = SCHEME};
    if (text.len >= KEY_URI_MAX || !is_well_formed(text)) {
        return error_set(error,
                         "the PKCS#11 URI has a byte that no URI has, or more than %d: blanks are "
                         "written %%20",
                         KEY_URI_MAX - 1);
    }
    if (!check_object(span_make(rest.ptr, len), error) || !take_query(query, uri, error)) {
        return false;
    }
    memcpy(uri->object + sizeof(SCHEME) - 1, rest.ptr, len);
    uri->object[sizeof(SCHEME) - 1 + len] = '\0';
    return true;
}

bool key_uri_opens(const char *key, struct key_uri *uri, const char **file, struct error *error)
{
    *file = key_uri_file(key);
    if (*file == NULL) {
        if (!key_uri_parse(span_from_cstr(key), uri, error)) {
            return false;
        }
        *file = uri->pin_file[0] != '\0' ? uri->pin_file : NULL;
    }
    return true;
}

void key_uri_hide_pins(char *text, size_t len)
{
    size_t at = 0;
    char *found;

    while ((found = memmem(text + at, len - at, PIN_VALUE, sizeof(PIN_VALUE) - 1)) != NULL) {
        at = (size_t)(found - text) + sizeof(PIN_VALUE) - 1;
        while (at < len && text[at] > ' ' && strchr("&\"'", text[at]) == NULL) {
            text[at++] = '*';
        }
    }
}
