#include "http/h2_response.h"

#include "http/fields.h"

void h2_response_init(struct h2_response *head, struct arena *arena, const struct h2_limits *limits,
                      struct http_response *response)
{
    *response = (struct http_response){.version = HTTP_2, .keep_alive = true};
    head->response = response;
    h2_section_init(&head->section, arena, limits, &response->fields, false);
}

/* status-code = 3DIGIT (RFC 9110 section 15); below 100 there is none. */
static enum h2_error take_status(struct h2_response *head, struct span value)
{
    uint64_t status;

    if (value.len != 3 || !span_to_u64(value, 999, &status) || status < 100) {
        return H2_BAD_STATUS;
    }
    head->response->status = (unsigned)status;
    return H2_OK;
}

/* "Clients MUST treat a response as malformed" with any other pseudo-field than the one :status, or
 * with one behind an ordinary field (RFC 9113 section 8.3). */
static enum h2_error take_pseudo(struct h2_response *head, struct span name, struct span value)
{
    if (!span_eq(name, SPAN_OF(":status")) || head->response->status != 0 ||
        head->section.has_ordinary) {
        return H2_BAD_PSEUDO;
    }
    return take_status(head, value);
}

void h2_response_add(struct h2_response *head, struct span name, struct span value)
{
    struct h2_section *section = &head->section;

    if (name.len == 0 || name.ptr[0] != ':') {
        h2_section_add(section, name, value);
    } else {
        h2_section_refuse(section, take_pseudo(head, name, value), name, value);
    }
}

static enum h2_error settle_length(struct h2_response *head, bool can_have_length)
{
    struct http_response *response = head->response;
    struct http_field *length = NULL;

    for (size_t i = 0; i < response->fields.count && length == NULL; i++) {
        if (response->fields.items[i].id == FIELD_CONTENT_LENGTH) {
            length = &response->fields.items[i];
        }
    }
    if (length == NULL) {
        return H2_OK;
    }
    if (!can_have_length) {
        for (size_t i = 0; i < response->fields.count; i++) {
            struct http_field *field = &response->fields.items[i];
            field->is_not_sent |= field->id == FIELD_CONTENT_LENGTH;
        }
        return H2_OK;
    }
    if (!http_merge_lengths(&response->fields, &response->content_length, &response->refused)) {
        h2_section_refuse(&head->section, H2_BAD_CONTENT_LENGTH, SPAN_OF("content-length"),
                          response->refused);
        return H2_BAD_CONTENT_LENGTH;
    }
    response->has_content_length = true;
    return H2_OK;
}

static enum h2_error finish(struct h2_response *head, enum http_method request_method, bool is_end)
{
    struct http_response *response = head->response;
    unsigned status = response->status;
    bool has_no_body = http_response_is_bodiless(status, request_method);
    enum h2_error error = head->section.error;

    if (error != H2_OK) {
        return error;
    }
    if (status == 0) {
        return H2_BAD_MISSING_PSEUDO;
    }
    if (status == 101 || (status < 200 && is_end)) {
        return H2_BAD_STATUS;
    }
    error = settle_length(head, status >= 200 && status != 204 && status != 205);
    if (error != H2_OK) {
        return error;
    }
    response->has_content_length |= status == 205; /* of none, as HTTP/1.1 must say */
    if (has_no_body) {
        response->framing = HTTP_FRAMING_NONE;
        return H2_OK;
    }
    if (is_end && response->content_length != 0) {
        return H2_BAD_LENGTH_MISMATCH;
    }
    response->framing = is_end || (response->has_content_length && response->content_length == 0)
                            ? HTTP_FRAMING_NONE
                        : response->has_content_length ? HTTP_FRAMING_LENGTH
                                                       : HTTP_FRAMING_CHUNKED;
    return H2_OK;
}

enum h2_error h2_response_finish(struct h2_response *head, enum http_method request_method,
                                 bool is_end)
{
    head->section.error = finish(head, request_method, is_end);
    return head->section.error;
}
