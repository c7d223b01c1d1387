/* Where a message ends, and whether its connection can carry another: RFC 9112 sections 6 and 9,
 * RFC 9110 sections 7.6.1, 7.8 and 10.1.1. */
#include "http/chars.h"
#include "http/fields.h"
#include "http/h1_parse_internal.h"

/* What the Connection fields say. */
struct connection_options {
    bool close;
    bool keep_alive;
    bool upgrade;
};

static const struct span word_close = SPAN("close");
static const struct span word_keep_alive = SPAN("keep-alive");
static const struct span word_chunked = SPAN("chunked");
static const struct span word_continue = SPAN("100-continue");

/* RFC 9110 section 7.6.1: "Intermediaries MUST parse a received Connection header field before a
 * message is forwarded and, for each connection-option in this field, remove any header or trailer
 * field(s) from the message with the same name as the connection-option". */
static void mark_named(struct http_fields *fields, enum http_field_id id, struct span name)
{
    if (id != FIELD_OTHER && !http_fields_has(fields, id)) {
        return;
    }
    for (size_t i = 0; i < fields->count; i++) {
        struct http_field *field = &fields->items[i];
        if (field->id == id && (id != FIELD_OTHER || span_ieq(field->name, name))) {
            field->is_not_sent = true;
        }
    }
}

static enum h1_error take_option(struct http_fields *fields, struct span option,
                                 struct connection_options *options)
{
    enum http_field_id id;

    if (span_ieq(option, word_close)) {
        options->close = true;
        return H1_OK;
    }
    if (span_ieq(option, word_keep_alive)) {
        options->keep_alive = true;
        return H1_OK;
    }
    if (!http_is_token(option)) {
        return H1_BAD_CONNECTION;
    }
    id = http_field_id(option);
    if ((http_fields_fixed >> id & 1) != 0) {
        return H1_BAD_CONNECTION;
    }
    options->upgrade |= id == FIELD_UPGRADE;
    mark_named(fields, id, option);
    return H1_OK;
}

static enum h1_error parse_connection(struct http_fields *fields,
                                      struct connection_options *options, struct span *refused)
{
    size_t options_left = H1_CONNECTION_OPTIONS_MAX;

    *options = (struct connection_options){0};
    if (!http_fields_has(fields, FIELD_CONNECTION)) {
        return H1_OK;
    }
    for (size_t i = 0; i < fields->count; i++) {
        struct span rest = fields->items[i].value;
        struct span option;
        if (fields->items[i].id != FIELD_CONNECTION) {
            continue;
        }
        while (span_split(&rest, ',', &option)) {
            option = span_trim(option);
            *refused = option;
            if (options_left-- == 0) {
                return H1_BAD_CONNECTION;
            }
            /* Empty elements are to be ignored (RFC 9110 section 5.6.1.2). */
            if (option.len == 0) {
                continue;
            }
            enum h1_error error = take_option(fields, option, options);
            if (error != H1_OK) {
                return error;
            }
        }
    }
    return H1_OK;
}

/* RFC 9112 section 9.3 */
static bool is_persistent(enum http_version version, const struct connection_options *options)
{
    return !options->close && (version != HTTP_1_0 || options->keep_alive);
}

/* Content-Length = 1*DIGIT (RFC 9110 section 8.6). What 19 digits cannot hold is refused, leading
 * zeros included. */
static bool parse_number(struct span value, uint64_t *length)
{
    return value.len <= 19 && span_to_u64(value, INT64_MAX, length);
}

/* RFC 9110 section 8.6: several lines, or a list, of "identical decimal values" may be taken for
 * one. From a server they are: that is one of its modules writing the field again. Not from a
 * client, who may be out to find somebody that takes the first or the last of them. */
bool http_merge_lengths(struct http_fields *fields, uint64_t *length, struct span *refused)
{
    bool has_one = false;

    for (size_t i = 0; i < fields->count; i++) {
        struct http_field *field = &fields->items[i];
        struct span rest = field->value;
        struct span part;
        if (field->id != FIELD_CONTENT_LENGTH) {
            continue;
        }
        field->is_not_sent = has_one;
        while (span_split(&rest, ',', &part)) {
            uint64_t number;
            part = span_trim(part);
            if (!parse_number(part, &number) || (has_one && number != *length)) {
                *refused = field->value;
                return false;
            }
            field->value = !has_one ? part : field->value;
            has_one = true;
            *length = number;
        }
    }
    return true;
}

/* `repeated` or a list. */
static enum h1_error parse_lengths(struct http_fields *fields, bool is_request, uint64_t *length,
                                   struct span *refused)
{
    struct span value = http_fields_last_value(fields, FIELD_CONTENT_LENGTH);
    bool is_several = memchr(value.ptr, ',', value.len) != NULL ||
                      http_fields_find(fields, FIELD_CONTENT_LENGTH)->value.ptr != value.ptr;

    if (LIKELY(!is_several) || is_request) {
        *refused = value;
        return is_several                     ? H1_BAD_CONFLICTING_LENGTH
               : !parse_number(value, length) ? H1_BAD_CONTENT_LENGTH
                                              : H1_OK;
    }
    return http_merge_lengths(fields, length, refused) ? H1_OK : H1_BAD_CONFLICTING_LENGTH;
}

/* Transfer-Encoding = #transfer-coding (RFC 9112 section 6.1), in any number of lines. A request
 * whose last coding is not "chunked" has no end that could be told: 400 by section 6.3. Another
 * coding in front of it is one that is not known here: 501 by section 6.1. An empty element,
 * "chunked" with a parameter, or anything behind it, is read in two ways. */
static enum h1_error parse_codings(const struct http_fields *fields)
{
    bool is_chunked = false;
    bool has_other = false;

    for (size_t i = 0; i < fields->count; i++) {
        struct span rest = fields->items[i].value;
        struct span coding;
        if (fields->items[i].id != FIELD_TRANSFER_ENCODING) {
            continue;
        }
        while (span_split(&rest, ',', &coding)) {
            coding = span_trim(coding);
            struct span name = span_trim(span_head(coding, span_find(coding, ';')));
            if (is_chunked || !http_is_token(name) ||
                (span_ieq(name, word_chunked) && name.len != coding.len)) {
                return H1_BAD_TRANSFER_ENCODING;
            }
            is_chunked = span_ieq(name, word_chunked);
            has_other |= !is_chunked;
        }
    }
    return !is_chunked ? H1_BAD_TRANSFER_ENCODING : has_other ? H1_UNKNOWN_CODING : H1_OK;
}

struct framing {
    bool has_length;
    bool is_chunked;
    uint64_t length;
};

/* RFC 9112 section 6.3, and stricter: whatever two recipients could read in two ways is an
 * error. */
static enum h1_error parse_framing(struct http_fields *fields, bool is_request,
                                   enum http_version version, struct framing *framing,
                                   struct span *refused)
{
    const uint64_t both = FIELD_BIT(FIELD_CONTENT_LENGTH) | FIELD_BIT(FIELD_TRANSFER_ENCODING);

    *framing = (struct framing){0};
    if (LIKELY((fields->present & both) == 0)) {
        return H1_OK;
    }
    if (http_fields_has(fields, FIELD_CONTENT_LENGTH)) {
        enum h1_error error = parse_lengths(fields, is_request, &framing->length, refused);
        if (error != H1_OK) {
            return error;
        }
        framing->has_length = true;
    }
    if (!http_fields_has(fields, FIELD_TRANSFER_ENCODING)) {
        return H1_OK;
    }
    *refused = http_fields_last_value(fields, FIELD_TRANSFER_ENCODING);
    if ((fields->present & both) == both) {
        return H1_BAD_LENGTH_AND_CODING;
    }
    framing->is_chunked = true;
    return version == HTTP_1_0 ? H1_BAD_TRANSFER_ENCODING : parse_codings(fields);
}

/* The lines of a list as one (RFC 9110 section 5.3). */
static struct span join_lines(const struct http_fields *fields, enum http_field_id id,
                              struct arena *arena)
{
    size_t size = 0;
    char *start;
    char *to;

    for (size_t i = 0; i < fields->count; i++) {
        size += fields->items[i].id == id ? fields->items[i].value.len + 2 : 0;
    }
    start = to = arena_alloc(arena, size);
    for (size_t i = 0; i < fields->count; i++) {
        struct span value = fields->items[i].value;
        if (fields->items[i].id == id && value.len != 0) {
            to = (char *)memcpy(to, value.ptr, value.len) + value.len;
            to = (char *)memcpy(to, ", ", 2) + 2;
        }
    }
    return span_make(start, to != start ? (size_t)(to - start) - 2 : 0);
}

/* Upgrade = #protocol; protocol = protocol-name [ "/" protocol-version ], both tokens (RFC 9110
 * section 7.8), with empty elements between them perhaps. */
static enum h1_error parse_upgrade(const struct http_fields *fields, uint64_t repeated,
                                   struct arena *arena, struct span *upgrade)
{
    const struct http_field *field = http_fields_find(fields, FIELD_UPGRADE);
    bool is_empty = true;
    struct span protocol;

    if (field == NULL) {
        return H1_OK;
    }
    struct span list = (repeated & FIELD_BIT(FIELD_UPGRADE)) != 0
                           ? join_lines(fields, FIELD_UPGRADE, arena)
                           : field->value;
    struct span rest = list;
    while (span_split(&rest, ',', &protocol)) {
        protocol = span_trim(protocol);
        size_t slash = span_find(protocol, '/');
        if (protocol.len == 0) {
            continue;
        }
        if (!http_is_token(span_head(protocol, slash)) ||
            (slash < protocol.len && !http_is_token(span_skip(protocol, slash + 1)))) {
            return H1_BAD_UPGRADE;
        }
        is_empty = false;
    }
    if (is_empty) {
        return H1_BAD_UPGRADE;
    }
    *upgrade = list;
    return H1_OK;
}

/* Expect = #expectation, of which there is one: 100-continue, in any case. HTTP/1.0 has none
 * (RFC 9110 section 10.1.1), so what looks like one there means nothing to us nor to the origin. */
static enum h1_error parse_expect(struct http_request *request, uint64_t repeated)
{
    const struct http_field *field = http_fields_find(&request->fields, FIELD_EXPECT);

    if (LIKELY(field == NULL)) {
        return H1_OK;
    }
    if (request->version == HTTP_1_0) {
        mark_named(&request->fields, FIELD_EXPECT, SPAN_OF(""));
        return H1_OK;
    }
    if ((repeated & FIELD_BIT(FIELD_EXPECT)) != 0 || !span_ieq(field->value, word_continue)) {
        return H1_BAD_EXPECT;
    }
    request->expects_continue = request->framing != HTTP_FRAMING_NONE;
    return H1_OK;
}

static enum h1_error settle_request(struct http_request *request, uint64_t repeated,
                                    struct arena *arena)
{
    struct framing framing;
    struct connection_options options;
    enum h1_error error =
        parse_framing(&request->fields, true, request->version, &framing, &request->refused);

    if (UNLIKELY(error != H1_OK)) {
        return error;
    }
    /* RFC 9112 section 6.3: a request with neither field has no body. */
    request->framing = framing.is_chunked    ? HTTP_FRAMING_CHUNKED
                       : framing.length != 0 ? HTTP_FRAMING_LENGTH
                                             : HTTP_FRAMING_NONE;
    request->content_length = framing.length;
    request->has_content_length = framing.has_length;
    error = parse_connection(&request->fields, &options, &request->refused);
    if (UNLIKELY(error != H1_OK)) {
        return error;
    }
    request->keep_alive = is_persistent(request->version, &options);
    /* "A server MUST ignore an Upgrade header field that is received in an HTTP/1.0 request"
     * (RFC 9110 section 7.8). */
    if (UNLIKELY(options.upgrade && request->version == HTTP_1_1)) {
        error = parse_upgrade(&request->fields, repeated, arena, &request->upgrade);
        if (error != H1_OK) {
            request->refused = http_fields_last_value(&request->fields, FIELD_UPGRADE);
            return error;
        }
    }
    error = parse_expect(request, repeated);
    if (UNLIKELY(error != H1_OK)) {
        request->refused = http_fields_last_value(&request->fields, FIELD_EXPECT);
    }
    return error;
}

enum h1_error h1_settle_request(struct http_request *request, uint64_t repeated,
                                struct arena *arena)
{
    enum h1_error error = settle_request(request, repeated, arena);

    if (LIKELY(error == H1_OK)) {
        request->refused = span_make(NULL, 0);
    }
    return error;
}

/* A response that ends with its head (http_response_is_bodiless), and that may not say how long a
 * body is: 1xx, 204, 205 and CONNECT's 2xx. What it says nevertheless means nothing (RFC 9112
 * section 6.3, rule 1), but for what may come behind it. */
static void settle_bodiless(struct http_response *response)
{
    struct http_fields *fields = &response->fields;
    struct span length = http_fields_last_value(fields, FIELD_CONTENT_LENGTH);

    response->announces_body = http_fields_has(fields, FIELD_TRANSFER_ENCODING) ||
                               (length.ptr != NULL && !span_eq(length, SPAN_OF("0")));
    mark_named(fields, FIELD_CONTENT_LENGTH, SPAN_OF(""));
    if (response->status == 205) {
        /* Without a length it would end with the connection. */
        response->announces_body |= length.ptr == NULL;
        response->has_content_length = true;
    }
}

static enum h1_error settle_framing(struct http_response *response, enum http_method request_method)
{
    bool is_bodiless = http_response_is_bodiless(response->status, request_method);
    bool has_length = response->status == 304 || request_method == HTTP_HEAD;
    struct framing framing;

    response->framing = HTTP_FRAMING_NONE;
    if (UNLIKELY(is_bodiless && (!has_length || response->status < 200 || response->status == 204 ||
                                 response->status == 205))) {
        settle_bodiless(response);
        return H1_OK;
    }
    enum h1_error error =
        parse_framing(&response->fields, false, response->version, &framing, &response->refused);
    if (UNLIKELY(error != H1_OK)) {
        return error;
    }
    response->content_length = framing.length;
    response->has_content_length = framing.has_length;
    if (is_bodiless) {
        /* A HEAD's answer says what GET would have got; a 304 has no reason to name a coding. */
        response->announces_body = framing.is_chunked && response->status == 304;
    } else if (framing.is_chunked) {
        response->framing = HTTP_FRAMING_CHUNKED;
    } else if (!framing.has_length) {
        response->framing = HTTP_FRAMING_CLOSE;
    } else if (framing.length != 0) {
        response->framing = HTTP_FRAMING_LENGTH;
    }
    return H1_OK;
}

/* RFC 9110 section 15.2.2: "The server MUST generate an Upgrade header field in the response that
 * indicates which protocol(s) will be in effect after this response", and by section 7.8 name it
 * in Connection; HTTP/1.0 has no 101. */
static enum h1_error settle_switching(struct http_response *response, uint64_t repeated,
                                      const struct connection_options *options, struct arena *arena)
{
    enum h1_error error;

    if (!options->upgrade || response->version == HTTP_1_0) {
        return H1_BAD_UPGRADE;
    }
    error = parse_upgrade(&response->fields, repeated, arena, &response->upgrade);
    if (error != H1_OK) {
        return error;
    }
    return response->upgrade.ptr != NULL ? H1_OK : H1_BAD_UPGRADE;
}

enum h1_error h1_settle_response(struct http_response *response, enum http_method request_method,
                                 uint64_t repeated, struct arena *arena)
{
    struct connection_options options;
    enum h1_error error = settle_framing(response, request_method);

    if (UNLIKELY(error != H1_OK)) {
        return error;
    }
    error = parse_connection(&response->fields, &options, &response->refused);
    if (UNLIKELY(error != H1_OK)) {
        return error;
    }
    response->refused = span_make(NULL, 0);
    response->keep_alive = is_persistent(response->version, &options) &&
                           response->framing != HTTP_FRAMING_CLOSE && !response->announces_body;
    if (UNLIKELY(response->status == 101)) {
        response->refused = http_fields_last_value(&response->fields, FIELD_UPGRADE);
        return settle_switching(response, repeated, &options, arena);
    }
    /* What could be switched to, if it can be read; nothing depends on it. */
    if (UNLIKELY(options.upgrade) &&
        parse_upgrade(&response->fields, repeated, arena, &response->upgrade) != H1_OK) {
        response->upgrade = span_make(NULL, 0);
    }
    return H1_OK;
}
