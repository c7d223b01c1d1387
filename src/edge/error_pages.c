#include "edge/error_pages.h"

/* In the order of the directives (config/directives_pages.c). */
static const char *const statuses[ERROR_PAGES] = {
    "400", "401", "403", "404", "405", "406", "408", "410", "413", "414", "415", "421",
    "422", "429", "431", "451", "500", "501", "502", "503", "504", "4xx", "5xx"};

const char *error_page_status(size_t index)
{
    return statuses[index];
}

static bool is_of(const char *text, unsigned status)
{
    return (unsigned)(text[0] - '0') == status / 100 &&
           (text[1] == 'x' || ((unsigned)(text[1] - '0') == status / 10 % 10 &&
                               (unsigned)(text[2] - '0') == status % 10));
}

int error_page_of(unsigned status, const bool has[ERROR_PAGES])
{
    for (int i = 0; i < ERROR_PAGES; i++) {
        if (has[i] && is_of(statuses[i], status)) {
            return i;
        }
    }
    return -1;
}

bool error_page_may_replace(const struct http_response *response)
{
    const struct http_field *type = http_fields_find(&response->fields, FIELD_CONTENT_TYPE);
    struct span name;

    if (type == NULL) {
        return true;
    }
    name = span_trim(span_head(type->value, span_find(type->value, ';')));
    return span_ieq(name, SPAN_OF("text/html")) || span_ieq(name, SPAN_OF("text/plain")) ||
           span_ieq(name, SPAN_OF("application/xhtml+xml")) || name.len == 0;
}

void error_page_drop_fields(struct http_fields *fields)
{
    static const struct span names[] = {
        SPAN("Content-Type"),  SPAN("Content-Encoding"), SPAN("Content-Language"),
        SPAN("Content-Range"), SPAN("Content-MD5"),      SPAN("Content-Digest"),
        SPAN("Repr-Digest"),   SPAN("Digest"),           SPAN("ETag"),
        SPAN("Last-Modified"), SPAN("Accept-Ranges"),    SPAN("Content-Location"),
        SPAN("Trailer"),       SPAN("Content-Length"),   SPAN("Content-Disposition")};

    for (size_t i = 0; i < fields->count; i++) {
        for (size_t n = 0; n < ARRAY_LEN(names); n++) {
            if (span_ieq(fields->items[i].name, names[n])) {
                fields->items[i].is_not_sent = true;
            }
        }
    }
}
