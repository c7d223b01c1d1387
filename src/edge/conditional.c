#include "edge/conditional.h"

#include "http/date.h"

/* Takes the next entity-tag (RFC 9110 section 8.8.3) off a list; a comma may stand within its
 * quotes. False at the end and at what is no entity-tag. */
static bool next_etag(struct span *list, struct span *etag)
{
    while (list->len != 0 && (list->ptr[0] == ',' || list->ptr[0] == ' ' || list->ptr[0] == '\t')) {
        *list = span_skip(*list, 1);
    }
    size_t open = span_starts_with(*list, SPAN_OF("W/")) ? 2 : 0;
    if (list->len <= open || list->ptr[open] != '"') {
        return false;
    }
    size_t close = open + 1 + span_find(span_skip(*list, open + 1), '"');
    if (close >= list->len) {
        return false;
    }
    *etag = span_head(*list, close + 1);
    *list = span_skip(*list, close + 1);
    return true;
}

static bool is_weak(struct span etag)
{
    return span_starts_with(etag, SPAN_OF("W/"));
}

/* RFC 9110 section 8.8.3.2. */
static bool etags_match(struct span a, struct span b, bool is_strong)
{
    if (is_strong) {
        return !is_weak(a) && span_eq(a, b);
    }
    return span_eq(span_skip(a, is_weak(a) ? 2 : 0), span_skip(b, is_weak(b) ? 2 : 0));
}

static bool list_matches(struct span list, struct span current, bool is_strong)
{
    struct span etag;

    if (span_eq(list, SPAN_OF("*"))) {
        return true;
    }
    while (current.len != 0 && next_etag(&list, &etag)) {
        if (etags_match(etag, current, is_strong)) {
            return true;
        }
    }
    return false;
}

static bool any_line_matches(const struct http_request *request, enum http_field_id id,
                             struct span current, bool is_strong)
{
    for (size_t i = 0; i < request->fields.count; i++) {
        const struct http_field *field = &request->fields.items[i];
        if (field->id == id && list_matches(field->value, current, is_strong)) {
            return true;
        }
    }
    return false;
}

/* The date of a field that must be there once; false when it is to be ignored. */
static bool date_of(const struct http_request *request, enum http_field_id id, time_t *date)
{
    const struct http_field *only = NULL;

    for (size_t i = 0; i < request->fields.count; i++) {
        if (request->fields.items[i].id == id) {
            if (only != NULL) {
                return false;
            }
            only = &request->fields.items[i];
        }
    }
    return only != NULL && http_date_parse(only->value, date);
}

/* Steps 1 and 2 of RFC 9110 section 13.2.2. */
static bool precondition_holds(const struct http_request *request, const struct validators *current)
{
    time_t date;

    if (http_fields_has(&request->fields, FIELD_IF_MATCH)) {
        return any_line_matches(request, FIELD_IF_MATCH, current->etag, true);
    }
    return current->last_modified == 0 || !date_of(request, FIELD_IF_UNMODIFIED_SINCE, &date) ||
           current->last_modified <= date;
}

/* Steps 3 and 4. */
static bool is_modified(const struct http_request *request, const struct validators *current)
{
    time_t date;

    if (http_fields_has(&request->fields, FIELD_IF_NONE_MATCH)) {
        return !any_line_matches(request, FIELD_IF_NONE_MATCH, current->etag, false);
    }
    bool is_read = request->method == HTTP_GET || request->method == HTTP_HEAD;
    return !is_read || current->last_modified == 0 ||
           !date_of(request, FIELD_IF_MODIFIED_SINCE, &date) || current->last_modified > date;
}

enum conditional_result conditional_evaluate(const struct http_request *request,
                                             const struct validators *current)
{
    if (!precondition_holds(request, current)) {
        return CONDITIONAL_PRECONDITION_FAILED;
    }
    if (is_modified(request, current)) {
        return CONDITIONAL_PROCEED;
    }
    return request->method == HTTP_GET || request->method == HTTP_HEAD
               ? CONDITIONAL_NOT_MODIFIED
               : CONDITIONAL_PRECONDITION_FAILED;
}

bool conditional_range_applies(const struct http_request *request, const struct validators *current)
{
    const struct http_field *field = http_fields_find(&request->fields, FIELD_IF_RANGE);
    struct span list;
    struct span etag;
    time_t date;

    if (field == NULL) {
        return true;
    }
    list = field->value;
    if (next_etag(&list, &etag)) {
        return list.len == 0 && etags_match(etag, current->etag, true);
    }
    return current->is_date_strong && current->last_modified != 0 &&
           date_of(request, FIELD_IF_RANGE, &date) && date == current->last_modified;
}
