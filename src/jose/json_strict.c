#include "jose/json_strict.h"

#include <pthread.h>
#include <string.h>

#include "base/secret.h"

static void seed(void)
{
    size_t number;

    memcpy(&number, secret_of_process(), sizeof(number));
    json_object_seed(number | 1); /* else by what the sandbox may not open */
}

/* Whether it is within its bounds, as far as can be told before it is parsed: what is no JSON is
 * found then. */
static bool fits(struct span text, const struct json_bounds *bounds, struct error *error)
{
    size_t depth = 0;
    size_t values = 0;
    bool is_text = false;

    for (size_t i = 0; i < text.len; i++) {
        char byte = text.ptr[i];
        if (is_text) {
            i += byte == '\\' ? 1 : 0;
            is_text = byte != '"';
            continue;
        }
        is_text = byte == '"';
        values += byte == ',' || byte == '{' || byte == '[';
        if (byte == '{' || byte == '[') {
            depth++;
        } else if ((byte == '}' || byte == ']') && depth != 0) {
            depth--;
        }
        if (depth > bounds->depth) {
            return error_set(error, "it is nested deeper than %zu", bounds->depth);
        }
        if (values > bounds->values) {
            return error_set(error, "it has more than %zu values", bounds->values);
        }
    }
    return true;
}

json_t *json_strict_object(struct span text, const struct json_bounds *bounds, struct error *error)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    json_error_t why;
    json_t *json;

    CHECK(pthread_once(&once, seed) == 0);
    if (!fits(text, bounds, error)) {
        return NULL;
    }
    json = json_loadb(text.len != 0 ? text.ptr : "", text.len, JSON_REJECT_DUPLICATES, &why);
    if (json == NULL) {
        (void)error_set(error, "it is no JSON: %s", why.text);
        return NULL;
    }
    if (!json_is_object(json)) {
        json_decref(json);
        (void)error_set(error, "it is no object");
        return NULL;
    }
    return json;
}

struct span json_strict_text(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return json_is_string(value) ? span_make(json_string_value(value), json_string_length(value))
                                 : span_make(NULL, 0);
}
