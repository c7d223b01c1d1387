/* Where a message ends, and whether its connection can carry another: RFC 9112 sections 6 and 9,
 * RFC 9110 sections 7.6.1, 7.8 and 10.1.1. */
#include "http/chars.h"
#include "http/fields.h"
#include "http/h1_internal.h"

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
            field->is_hop_by_hop = true;
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
                                      struct connection_options *options)
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

/* Content-Length = 1*DIGIT (RFC 9110 section 8.6). A list of equal values may be taken for one by
 * RFC 9112 section 6.3; somebody else may take its first or its last, so it is refused. So is
 * what 19 digits cannot hold, leading zeros included. */
static enum h1_error parse_length(struct span value, uint64_t *length)
{
    if (memchr(value.ptr, ',', value.len) != NULL) {
        return H1_BAD_CONFLICTING_LENGTH;
    }
    if (value.len > 19 || !span_to_u64(value, INT64_MAX, length)) {
        return H1_BAD_CONTENT_LENGTH;
    }
    return H1_OK;
}

struct framing {
    bool has_length;
    bool is_chunked;
    uint64_t length;
};

/* RFC 9112 section 6.3, and stricter: whatever two recipients could read in two ways is an
 * error. */
static enum h1_error parse_framing(const struct http_fields *fields, uint64_t repeated,
                                   enum http_version version, struct framing *framing)
{
    const uint64_t both = FIELD_BIT(FIELD_CONTENT_LENGTH) | FIELD_BIT(FIELD_TRANSFER_ENCODING);

    *framing = (struct framing){0};
    if (LIKELY((fields->present & both) == 0)) {
        return H1_OK;
    }
    if ((repeated & FIELD_BIT(FIELD_CONTENT_LENGTH)) != 0) {
        return H1_BAD_CONFLICTING_LENGTH;
    }
    if ((fields->present & both) == both) {
        return H1_BAD_LENGTH_AND_CODING;
    }
    if (http_fields_has(fields, FIELD_CONTENT_LENGTH)) {
        const struct http_field *field = http_fields_find(fields, FIELD_CONTENT_LENGTH);
        framing->has_length = true;
        return parse_length(field->value, &framing->length);
    }
    const struct http_field *field = http_fields_find(fields, FIELD_TRANSFER_ENCODING);
    if ((repeated & FIELD_BIT(FIELD_TRANSFER_ENCODING)) != 0 || version == HTTP_1_0 ||
        !span_ieq(field->value, word_chunked)) {
        return H1_BAD_TRANSFER_ENCODING;
    }
    framing->is_chunked = true;
    return H1_OK;
}

/* Upgrade = #protocol; protocol = protocol-name [ "/" protocol-version ], both tokens (RFC 9110
 * section 7.8). Several lines would be one list; nobody sends that, so it is refused. */
static enum h1_error parse_upgrade(const struct http_fields *fields, uint64_t repeated,
                                   struct span *upgrade)
{
    const struct http_field *field = http_fields_find(fields, FIELD_UPGRADE);
    struct span protocol;

    if (field == NULL) {
        return H1_OK;
    }
    if ((repeated & FIELD_BIT(FIELD_UPGRADE)) != 0) {
        return H1_BAD_UPGRADE;
    }
    struct span rest = field->value;
    while (span_split(&rest, ',', &protocol)) {
        protocol = span_trim(protocol);
        size_t slash = span_find(protocol, '/');
        if (!http_is_token(span_head(protocol, slash)) ||
            (slash < protocol.len && !http_is_token(span_skip(protocol, slash + 1)))) {
            return H1_BAD_UPGRADE;
        }
    }
    *upgrade = field->value;
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

enum h1_error h1_settle_request(struct http_request *request, uint64_t repeated)
{
    struct framing framing;
    struct connection_options options;
    enum h1_error error = parse_framing(&request->fields, repeated, request->version, &framing);

    if (UNLIKELY(error != H1_OK)) {
        return error;
    }
    /* RFC 9112 section 6.3: a request with neither field has no body. */
    request->framing = framing.is_chunked    ? HTTP_FRAMING_CHUNKED
                       : framing.length != 0 ? HTTP_FRAMING_LENGTH
                                             : HTTP_FRAMING_NONE;
    request->content_length = framing.length;
    request->has_content_length = framing.has_length;
    error = parse_connection(&request->fields, &options);
    if (UNLIKELY(error != H1_OK)) {
        return error;
    }
    request->keep_alive = is_persistent(request->version, &options);
    /* "A server MUST ignore an Upgrade header field that is received in an HTTP/1.0 request"
     * (RFC 9110 section 7.8). */
    if (UNLIKELY(options.upgrade && request->version == HTTP_1_1)) {
        error = parse_upgrade(&request->fields, repeated, &request->upgrade);
        if (error != H1_OK) {
            return error;
        }
    }
    return parse_expect(request, repeated);
}

/* RFC 9112 section 6.3: the responses that end with their head whatever the fields say. */
static bool never_has_body(const struct http_response *response, enum http_method request_method)
{
    return response->status < 200 || response->status == 204 ||
           (request_method == HTTP_CONNECT && response->status < 300);
}

static enum h1_error settle_framing(struct http_response *response, enum http_method request_method,
                                    uint64_t repeated)
{
    struct framing framing;
    enum h1_error error = parse_framing(&response->fields, repeated, response->version, &framing);

    if (UNLIKELY(error != H1_OK)) {
        return error;
    }
    response->framing = HTTP_FRAMING_NONE;
    if (UNLIKELY(never_has_body(response, request_method))) {
        /* RFC 9112 section 6.1: a server must not send Transfer-Encoding here; RFC 9110
         * section 8.6: nor Content-Length, which does no harm once it is dropped. */
        mark_named(&response->fields, FIELD_CONTENT_LENGTH, SPAN_OF(""));
        return framing.is_chunked ? H1_BAD_TRANSFER_ENCODING : H1_OK;
    }
    response->content_length = framing.length;
    response->has_content_length = framing.has_length;
    if (request_method == HTTP_HEAD || response->status == 304) {
        return H1_OK;
    }
    if (framing.is_chunked) {
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
                                      const struct connection_options *options)
{
    enum h1_error error;

    if (!options->upgrade || response->version == HTTP_1_0) {
        return H1_BAD_UPGRADE;
    }
    error = parse_upgrade(&response->fields, repeated, &response->upgrade);
    if (error != H1_OK) {
        return error;
    }
    return response->upgrade.ptr != NULL ? H1_OK : H1_BAD_UPGRADE;
}

enum h1_error h1_settle_response(struct http_response *response, enum http_method request_method,
                                 uint64_t repeated)
{
    struct connection_options options;
    enum h1_error error = settle_framing(response, request_method, repeated);

    if (UNLIKELY(error != H1_OK)) {
        return error;
    }
    error = parse_connection(&response->fields, &options);
    if (UNLIKELY(error != H1_OK)) {
        return error;
    }
    response->keep_alive =
        is_persistent(response->version, &options) && response->framing != HTTP_FRAMING_CLOSE;
    if (UNLIKELY(response->status == 101)) {
        return settle_switching(response, repeated, &options);
    }
    /* What could be switched to, if it can be read; nothing depends on it. */
    if (UNLIKELY(options.upgrade) &&
        parse_upgrade(&response->fields, repeated, &response->upgrade) != H1_OK) {
        response->upgrade = span_make(NULL, 0);
    }
    return H1_OK;
}
