#include "http/connection_auth.h"

#include "http/chars.h"

/* Nego2 is Negotiate's successor within Windows. */
static bool is_scheme(struct span word)
{
    static const struct span schemes[] = {SPAN("NTLM"), SPAN("Negotiate"), SPAN("Kerberos"),
                                          SPAN("Nego2")};

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (span_ieq(word, schemes[i])) {
            return true;
        }
    }
    return false;
}

/* Moves *at from a quote to behind the one that ends the string; false: there is none. */
static bool skip_quoted(struct span s, size_t *at)
{
    for (size_t i = *at + 1; i < s.len; i++) {
        if (s.ptr[i] == '"') {
            *at = i + 1;
            return true;
        }
        i += s.ptr[i] == '\\' ? 1 : 0;
    }
    return false;
}

static size_t word_len(struct span s, size_t at)
{
    size_t end = at;

    while (end < s.len && http_is(s.ptr[end], HTTP_TOKEN)) {
        end++;
    }
    return end - at;
}

/* Any word counts that is not the name of a parameter: which of them are schemes depends on a
 * grammar (RFC 9110 section 11.3) that servers write in their own ways. */
static bool has_scheme(struct span s, bool has_quotes)
{
    for (size_t at = 0; at < s.len;) {
        size_t len = word_len(s, at);
        if (len == 0) {
            if (s.ptr[at] != '"' || !has_quotes || !skip_quoted(s, &at)) {
                at++;
            }
            continue;
        }
        bool is_parameter = at + len < s.len && s.ptr[at + len] == '=';
        if (!is_parameter && is_scheme(span_make(s.ptr + at, len))) {
            return true;
        }
        at += len;
    }
    return false;
}

static bool quotes_pair(struct span s)
{
    for (size_t at = 0; at < s.len;) {
        if (s.ptr[at] != '"') {
            at++;
        } else if (!skip_quoted(s, &at)) {
            return false;
        }
    }
    return true;
}

bool connection_auth_in(struct span value)
{
    return has_scheme(value, quotes_pair(value));
}

static bool any_has(const struct http_fields *fields, enum http_field_id id)
{
    if (!http_fields_has(fields, id)) {
        return false;
    }
    for (size_t i = 0; i < fields->count; i++) {
        if (fields->items[i].id == id && connection_auth_in(fields->items[i].value)) {
            return true;
        }
    }
    return false;
}

bool connection_auth_is_given(const struct http_fields *request)
{
    return any_has(request, FIELD_AUTHORIZATION);
}

bool connection_auth_is_asked(const struct http_fields *response)
{
    const struct http_field *persistent;

    if (any_has(response, FIELD_WWW_AUTHENTICATE)) {
        return true;
    }
    persistent = http_fields_find(response, FIELD_PERSISTENT_AUTH);
    return persistent != NULL && !span_ieq(persistent->value, SPAN_OF("false"));
}
