#include "http/h2_fields.h"

#include "http/chars.h"
#include "http/fields.h"
#include "http/h1_internal.h"

/* What a field costs besides its bytes: colon, space, CR LF. */
#define FIELD_OVERHEAD 4

/* RFC 9113 section 8.2.2. TE is looked at on its own. */
#define CONNECTION_FIELDS                                                                          \
    (FIELD_BIT(FIELD_CONNECTION) | FIELD_BIT(FIELD_KEEP_ALIVE) | FIELD_BIT(FIELD_UPGRADE) |        \
     FIELD_BIT(FIELD_TRANSFER_ENCODING) | FIELD_BIT(FIELD_PROXY_CONNECTION))

static const struct h2_error_facts {
    unsigned status;
    const char *word;
    const char *text;
} facts[] = {
#define H2_ERROR(id, status, word, text) [id] = {status, word, text},
#include "http/h2_error_table.h"
#undef H2_ERROR
};

unsigned h2_error_status(enum h2_error error)
{
    CHECK(error < H2_ERROR_COUNT);
    return facts[error].status;
}

const char *h2_error_word(enum h2_error error)
{
    CHECK(error < H2_ERROR_COUNT);
    return facts[error].word;
}

const char *h2_error_text(enum h2_error error)
{
    CHECK(error < H2_ERROR_COUNT);
    return facts[error].text;
}

/* ---- one field ---- */

static bool is_lower_token(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!http_is(name.ptr[i], HTTP_TOKEN) || http_is(name.ptr[i], HTTP_UPPER_CASE)) {
            return false;
        }
    }
    return name.len != 0;
}

static bool is_value(struct span value)
{
    const char *end;

    if (value.len == 0) {
        return true;
    }
    end = value.ptr + value.len;
    return value.ptr[0] != ' ' && value.ptr[0] != '\t' && end[-1] != ' ' && end[-1] != '\t' &&
           http_value_end(value.ptr, end) == end;
}

enum h2_error h2_field_check(enum http_field_id id, struct span name, struct span value)
{
    if (UNLIKELY(!is_lower_token(name))) {
        return H2_BAD_FIELD_NAME;
    }
    if (UNLIKELY(!is_value(value))) {
        return H2_BAD_FIELD_VALUE;
    }
    if (UNLIKELY((FIELD_BIT(id) & CONNECTION_FIELDS) != 0 ||
                 (id == FIELD_TE && !span_ieq(value, SPAN_OF("trailers"))))) {
        return H2_BAD_CONNECTION_FIELD;
    }
    return H2_OK;
}

void h2_section_init(struct h2_section *section, struct arena *arena,
                     const struct h2_limits *limits, struct http_fields *fields, bool is_trailers)
{
    *section = (struct h2_section){
        .arena = arena, .limits = *limits, .fields = fields, .is_trailers = is_trailers};
}

static enum h2_error take_pseudo(struct h2_section *section, struct span name, struct span value)
{
    struct span *slot = span_eq(name, SPAN_OF(":method"))      ? &section->method
                        : span_eq(name, SPAN_OF(":path"))      ? &section->path
                        : span_eq(name, SPAN_OF(":scheme"))    ? &section->scheme
                        : span_eq(name, SPAN_OF(":authority")) ? &section->authority
                        : span_eq(name, SPAN_OF(":protocol"))  ? &section->protocol
                                                               : NULL;

    if (section->is_trailers) {
        return H2_BAD_TRAILER;
    }
    if (slot == NULL || slot->ptr != NULL || section->has_ordinary) {
        return H2_BAD_PSEUDO;
    }
    if (!is_value(value)) {
        return H2_BAD_FIELD_VALUE;
    }
    if (slot == &section->path && value.len > section->limits.target_bytes) {
        return H2_TARGET_TOO_LONG;
    }
    *slot = arena_copy(section->arena, value);
    return H2_OK;
}

/* RFC 9113 section 8.2.3: crumbs "MUST be concatenated into a single octet string using the
 * two-octet delimiter of 0x3b, 0x20". At once, as a field for each would cost a client one byte and
 * us a hundred. */
static void add_crumb(struct h2_section *section, struct span value)
{
    struct http_field *field = &section->fields->items[section->cookie];
    size_t had = field->value.len;
    size_t needed = had + 2 + value.len;

    if (needed > section->cookie_room) {
        char *bytes = arena_alloc(section->arena, needed * 2);
        if (had != 0) {
            memcpy(bytes, field->value.ptr, had);
        }
        section->cookie_bytes = bytes;
        section->cookie_room = needed * 2;
    }
    memcpy(section->cookie_bytes + had, "; ", 2);
    if (value.len != 0) {
        memcpy(section->cookie_bytes + had + 2, value.ptr, value.len);
    }
    field->value = span_make(section->cookie_bytes, needed);
}

static enum h2_error take_field(struct h2_section *section, struct span name, struct span value)
{
    struct http_fields *fields = section->fields;
    enum http_field_id id = http_field_id(name);
    enum h2_error error = h2_field_check(id, name, value);

    section->has_ordinary = true;
    if (error != H2_OK) {
        return error;
    }
    if (id == FIELD_COOKIE && http_fields_has(fields, FIELD_COOKIE)) {
        add_crumb(section, value);
        return H2_OK;
    }
    if (++section->count > section->limits.fields) {
        return H2_TOO_MANY_FIELDS;
    }
    if (id == FIELD_COOKIE) {
        section->cookie = fields->count;
    }
    if (http_fields_has(fields, id)) {
        section->repeated |= FIELD_BIT(id);
    }
    http_fields_add(fields, section->arena, id,
                    id != FIELD_OTHER ? http_field_name(id) : arena_copy(section->arena, name),
                    arena_copy(section->arena, value));
    return H2_OK;
}

void h2_section_add(struct h2_section *section, struct span name, struct span value)
{
    section->bytes += name.len + value.len + FIELD_OVERHEAD;
    if (section->error != H2_OK) {
        return;
    }
    if (section->bytes > section->limits.head_bytes) {
        section->error = H2_HEAD_TOO_LARGE;
        return;
    }
    section->error = name.len != 0 && name.ptr[0] == ':' ? take_pseudo(section, name, value)
                                                         : take_field(section, name, value);
}

/* ---- the whole ---- */

static enum h2_error from_h1(enum h1_error error)
{
    switch (error) {
    case H1_OK:
        return H2_OK;
    case H1_BAD_NO_HOST:
        return H2_BAD_NO_AUTHORITY;
    case H1_BAD_HOST:
    case H1_BAD_MANY_HOSTS:
        return H2_BAD_AUTHORITY;
    case H1_BAD_HOST_CONFLICT:
        return H2_BAD_AUTHORITY_CONFLICT;
    default:
        return H2_BAD_PATH;
    }
}

static enum h2_error settle_target(struct h2_section *section, struct http_request *request)
{
    struct span path = section->path;

    for (size_t i = 0; i < path.len; i++) {
        if (!http_is(path.ptr[i], HTTP_TARGET)) {
            return H2_BAD_PATH;
        }
    }
    /* A path and nothing else: the scheme and the authority have fields of their own. */
    if (path.len == 0 || (path.ptr[0] != '/' && !span_eq(path, SPAN_OF("*")))) {
        return H2_BAD_PATH;
    }
    request->target = path;
    return from_h1(h1_parse_target(request));
}

static enum h2_error settle_authority(struct h2_section *section, struct http_request *request)
{
    const struct http_field *host = http_fields_find(&request->fields, FIELD_HOST);

    if (section->authority.ptr != NULL) {
        request->authority = section->authority;
        if (!http_parse_authority(request->authority, &request->host, &request->port)) {
            return H2_BAD_AUTHORITY;
        }
        if (host == NULL) {
            http_fields_add(&request->fields, section->arena, FIELD_HOST,
                            http_field_name(FIELD_HOST), request->authority);
        }
    }
    return from_h1(h1_settle_host(request, section->repeated, section->arena));
}

static enum h2_error settle_body(const struct h2_section *section, bool is_end,
                                 struct http_request *request)
{
    const struct http_field *length = http_fields_find(&request->fields, FIELD_CONTENT_LENGTH);
    const struct http_field *expect = http_fields_find(&request->fields, FIELD_EXPECT);

    request->framing = is_end ? HTTP_FRAMING_NONE : HTTP_FRAMING_CHUNKED;
    if (length != NULL) {
        if ((section->repeated & FIELD_BIT(FIELD_CONTENT_LENGTH)) != 0 || length->value.len > 19 ||
            !span_to_u64(length->value, INT64_MAX, &request->content_length)) {
            return H2_BAD_CONTENT_LENGTH;
        }
        if (is_end && request->content_length != 0) {
            return H2_BAD_LENGTH_MISMATCH;
        }
        request->has_content_length = true;
        request->framing = request->content_length != 0 ? HTTP_FRAMING_LENGTH : HTTP_FRAMING_NONE;
    }
    if (expect != NULL) {
        if ((section->repeated & FIELD_BIT(FIELD_EXPECT)) != 0 ||
            !span_ieq(expect->value, SPAN_OF("100-continue"))) {
            return H2_BAD_EXPECT;
        }
        request->expects_continue = request->framing != HTTP_FRAMING_NONE;
    }
    return H2_OK;
}

/* RFC 8441 section 4: CONNECT with :protocol has a scheme and a path, as other requests. What
 * HTTP/1.1 calls the same is a GET with Upgrade. */
static enum h2_error settle_extended(struct h2_section *section, struct http_request *request)
{
    if (!http_is_token(section->protocol) || section->authority.ptr == NULL) {
        return H2_BAD_PROTOCOL;
    }
    if (http_fields_has(&request->fields, FIELD_CONTENT_LENGTH)) {
        return H2_BAD_CONTENT_LENGTH;
    }
    request->is_extended_connect = true;
    request->method = HTTP_GET;
    request->method_name = SPAN_OF("GET");
    request->upgrade = section->protocol;
    return H2_OK;
}

/* RFC 9113 section 8.5: only :method and :authority. */
static enum h2_error finish_connect(struct h2_section *section, struct http_request *request)
{
    if (section->scheme.ptr != NULL || section->path.ptr != NULL) {
        return H2_BAD_PSEUDO;
    }
    if (section->authority.ptr == NULL) {
        return H2_BAD_MISSING_PSEUDO;
    }
    request->target = section->authority;
    request->target_form = HTTP_TARGET_AUTHORITY;
    return settle_authority(section, request);
}

static enum h2_error finish_request(struct h2_section *section, bool is_end,
                                    struct http_request *request)
{
    enum h2_error error = section->error;

    if (error != H2_OK) {
        return error;
    }
    if (section->method.ptr == NULL) {
        return H2_BAD_MISSING_PSEUDO;
    }
    if (!http_is_token(section->method) || section->method.len > H1_METHOD_MAX) {
        return H2_BAD_METHOD;
    }
    request->method = http_method_from(section->method);
    request->method_name = section->method;
    if (request->method == HTTP_CONNECT && section->protocol.ptr == NULL) {
        return finish_connect(section, request);
    }
    if (section->protocol.ptr != NULL) {
        error =
            request->method != HTTP_CONNECT ? H2_BAD_PROTOCOL : settle_extended(section, request);
    }
    if (error == H2_OK && (section->scheme.ptr == NULL || section->path.ptr == NULL)) {
        error = H2_BAD_MISSING_PSEUDO;
    }
    if (error == H2_OK && !span_ieq(section->scheme, SPAN_OF("https")) &&
        !span_ieq(section->scheme, SPAN_OF("http"))) {
        error = H2_BAD_SCHEME;
    }
    request->scheme = section->scheme;
    if (error == H2_OK) {
        error = settle_target(section, request);
    }
    if (error == H2_OK) {
        error = settle_authority(section, request);
    }
    if (error == H2_OK) {
        error = settle_body(section, is_end || request->is_extended_connect, request);
    }
    return error;
}

enum h2_error h2_request_finish(struct h2_section *section, bool is_end,
                                struct http_request *request)
{
    request->version = HTTP_2;
    request->keep_alive = true;
    section->error = finish_request(section, is_end, request);
    return section->error;
}

enum h2_error h2_trailers_finish(struct h2_section *section)
{
    for (size_t i = 0; section->error == H2_OK && i < section->fields->count; i++) {
        if (!http_field_may_be_trailer(&section->fields->items[i])) {
            section->error = H2_BAD_TRAILER;
        }
    }
    return section->error;
}

/* ---- RFC 9218 ---- */

struct h2_priority h2_priority_parse(struct span value)
{
    struct h2_priority priority = {.urgency = H2_URGENCY_DEFAULT};
    struct span member;

    while (span_split(&value, ',', &member)) {
        member = span_trim(member);
        member = span_trim(span_head(member, span_find(member, ';'))); /* parameters mean nothing */
        if (member.len == 3 && member.ptr[0] == 'u' && member.ptr[1] == '=' &&
            member.ptr[2] >= '0' && member.ptr[2] <= '7') {
            priority.urgency = (unsigned)(member.ptr[2] - '0');
        } else if (span_eq(member, SPAN_OF("i")) || span_eq(member, SPAN_OF("i=?1"))) {
            priority.is_incremental = true;
        } else if (span_eq(member, SPAN_OF("i=?0"))) {
            priority.is_incremental = false;
        }
    }
    return priority;
}
