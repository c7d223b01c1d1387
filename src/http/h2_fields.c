#include "http/h2_fields.h"

#include "http/chars.h"
#include "http/fields.h"
#include "http/h1_parse_internal.h"
#include "http/refused.h"

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

/* One field's own checks (RFC 9113 sections 8.2.1 and 8.2.2); not for pseudo-fields. */
static enum h2_error check_field(enum http_field_id id, struct span name, struct span value)
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

static struct span *pseudo_slot(struct h2_section *section, struct span name)
{
    return span_eq(name, SPAN_OF(":method"))      ? &section->method
           : span_eq(name, SPAN_OF(":path"))      ? &section->path
           : span_eq(name, SPAN_OF(":scheme"))    ? &section->scheme
           : span_eq(name, SPAN_OF(":authority")) ? &section->authority
           : span_eq(name, SPAN_OF(":protocol"))  ? &section->protocol
                                                  : NULL;
}

static enum h2_error take_pseudo(struct h2_section *section, struct span name, struct span value)
{
    struct span *slot = pseudo_slot(section, name);

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
 * us a hundred. One that is empty says nothing, and the delimiter in front of it would end the
 * value with a space, which no field of HTTP/2 may do (section 8.2.1): servers would refuse the
 * request. */
static void add_crumb(struct h2_section *section, struct span value)
{
    struct http_field *field = &section->fields->items[section->cookie];
    size_t had = field->value.len;
    size_t needed = had + 2 + value.len;

    if (value.len == 0) {
        return;
    }
    if (had == 0) {
        field->value = arena_copy(section->arena, value);
        return;
    }
    if (needed > section->cookie_room) {
        char *bytes = arena_alloc(section->arena, needed * 2);
        memcpy(bytes, field->value.ptr, had);
        section->cookie_bytes = bytes;
        section->cookie_room = needed * 2;
    }
    memcpy(section->cookie_bytes + had, "; ", 2);
    memcpy(section->cookie_bytes + had + 2, value.ptr, value.len);
    field->value = span_make(section->cookie_bytes, needed);
}

static enum h2_error take_field(struct h2_section *section, struct span name, struct span value)
{
    struct http_fields *fields = section->fields;
    enum http_field_id id = http_field_id(name);
    enum h2_error error = check_field(id, name, value);

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

/* ---- what was refused ---- */

/* Of names and values that are kept for a sentence, and for the log. */
#define REFUSED_NAME_MAX 64
#define REFUSED_VALUE_MAX 4096

static void find_in_name(struct h2_refused *refused)
{
    struct span name = refused->name;

    refused->is_in_name = true;
    for (size_t i = 0; i < name.len; i++) {
        if (!http_is(name.ptr[i], HTTP_TOKEN) || http_is(name.ptr[i], HTTP_UPPER_CASE)) {
            refused->at = i;
            refused->len = 1;
            return;
        }
    }
}

static void find_in_value(struct h2_refused *refused)
{
    struct span value = refused->value;
    const char *end = value.ptr + value.len;
    const char *bad;

    if (value.len == 0) {
        return;
    }
    bad = http_value_end(value.ptr, end);
    if (value.ptr[0] == ' ' || value.ptr[0] == '\t') {
        bad = value.ptr;
    } else if (bad == end) {
        bad = end - 1;
    }
    refused->at = (size_t)(bad - value.ptr);
    refused->len = 1;
}

/* The section's error is about this field. */
static void note_refused(struct h2_section *section, struct span name, struct span value)
{
    struct h2_refused *refused = &section->refused;

    refused->name = arena_copy(section->arena, span_cut(name, REFUSED_NAME_MAX));
    refused->value = arena_copy(section->arena, span_cut(value, REFUSED_VALUE_MAX));
    if (section->error == H2_BAD_FIELD_NAME) {
        find_in_name(refused);
    } else if (section->error == H2_BAD_FIELD_VALUE) {
        find_in_value(refused);
    } else {
        refused->len = refused->value.len;
    }
}

/* The same for a field whose value was kept; `part` of it, or all of it (ptr NULL). */
static void note_part(struct h2_section *section, struct span name, struct span value,
                      struct span part)
{
    if (value.ptr == NULL) {
        return;
    }
    note_refused(section, name, value);
    if (part.ptr >= value.ptr && part.ptr <= value.ptr + REFUSED_VALUE_MAX &&
        part.ptr <= value.ptr + value.len) {
        section->refused.at = (size_t)(part.ptr - value.ptr);
        section->refused.len = part.len;
    }
}

void h2_section_refuse(struct h2_section *section, enum h2_error error, struct span name,
                       struct span value)
{
    if (section->error == H2_OK && error != H2_OK) {
        section->error = error;
        note_refused(section, name, value);
    }
}

const char *h2_section_detail(const struct h2_section *section)
{
    const struct h2_refused *refused = &section->refused;
    const char *text = h2_error_text(section->error);
    struct span in = refused->is_in_name ? refused->name : refused->value;
    char shown[4 * REFUSED_NAME_MAX + 1];

    if (refused->name.ptr == NULL) {
        return text;
    }
    http_refused_escape(shown, sizeof(shown), refused->name);
    return http_refused_text(text,
                             arena_printf(section->arena, "the %s \"%s\"",
                                          refused->is_in_name ? "name" : "field", shown),
                             refused->at, span_cut(span_skip(in, refused->at), refused->len),
                             section->arena);
}

/* After an error, for the log. */
static void glimpse_pseudo(struct h2_section *section, struct span name, struct span value)
{
    struct span *slot = pseudo_slot(section, name);

    if (slot != NULL && slot->ptr == NULL && !section->is_trailers) {
        *slot = arena_copy(section->arena, span_cut(value, REFUSED_VALUE_MAX));
    }
}

/* Likewise; what a log tells of a request besides (as h1_glimpse). */
static void glimpse_field(struct h2_section *section, struct span name, struct span value)
{
    enum http_field_id id = http_field_id(name);

    if ((id == FIELD_HOST || id == FIELD_USER_AGENT || id == FIELD_REFERER) &&
        !section->is_trailers && !http_fields_has(section->fields, id)) {
        http_fields_add(section->fields, section->arena, id, http_field_name(id),
                        arena_copy(section->arena, span_cut(value, REFUSED_VALUE_MAX)));
    }
}

void h2_section_glimpse(const struct h2_section *section, struct http_request *request)
{
    struct span host = http_fields_last_value(&request->fields, FIELD_HOST);

    request->version = HTTP_2;
    request->method_name = span_cut(section->method, H1_METHOD_MAX);
    request->method = http_method_from(request->method_name);
    request->target = section->path;
    request->authority = section->authority.ptr != NULL ? section->authority : host;
}

void h2_section_add(struct h2_section *section, struct span name, struct span value)
{
    bool is_pseudo = name.len != 0 && name.ptr[0] == ':';

    section->bytes += name.len + value.len + FIELD_OVERHEAD;
    if (section->error == H2_OK) {
        enum h2_error error = section->bytes > section->limits.head_bytes ? H2_HEAD_TOO_LARGE
                              : is_pseudo ? take_pseudo(section, name, value)
                                          : take_field(section, name, value);
        if (LIKELY(error == H2_OK)) {
            return;
        }
        h2_section_refuse(section, error, name, value);
    }
    if (is_pseudo) {
        glimpse_pseudo(section, name, value);
    } else {
        glimpse_field(section, name, value);
    }
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
            request->refused = span_head(span_skip(path, i), 1);
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

/* It is :authority that is wrong, or, as that is right or absent, Host. */
static void note_bad_authority(struct h2_section *section, const struct http_fields *fields)
{
    struct span none = {NULL, 0};
    struct span host;
    uint16_t port;

    if (section->authority.ptr != NULL && !http_parse_authority(section->authority, &host, &port)) {
        note_part(section, SPAN_OF(":authority"), section->authority, none);
    } else {
        note_part(section, SPAN_OF("host"), http_fields_last_value(fields, FIELD_HOST), none);
    }
}

/* Which field it was that does not go with the others. */
static void note_finish_error(struct h2_section *section, const struct http_request *request)
{
    const struct http_fields *fields = &request->fields;
    struct span none = {NULL, 0};

    switch (section->error) {
    case H2_BAD_METHOD:
        note_part(section, SPAN_OF(":method"), section->method, none);
        break;
    case H2_BAD_SCHEME:
        note_part(section, SPAN_OF(":scheme"), section->scheme, none);
        break;
    case H2_BAD_PATH:
        note_part(section, SPAN_OF(":path"), section->path, request->refused);
        break;
    case H2_BAD_AUTHORITY:
        note_bad_authority(section, fields);
        break;
    case H2_BAD_AUTHORITY_CONFLICT:
        note_part(section, SPAN_OF("host"), http_fields_last_value(fields, FIELD_HOST), none);
        break;
    case H2_BAD_PROTOCOL:
        note_part(section, SPAN_OF(":protocol"), section->protocol, none);
        break;
    case H2_BAD_CONTENT_LENGTH:
    case H2_BAD_LENGTH_MISMATCH:
        note_part(section, SPAN_OF("content-length"),
                  http_fields_last_value(fields, FIELD_CONTENT_LENGTH), none);
        break;
    case H2_BAD_EXPECT:
        note_part(section, SPAN_OF("expect"), http_fields_last_value(fields, FIELD_EXPECT), none);
        break;
    default:
        break;
    }
}

enum h2_error h2_request_finish(struct h2_section *section, bool is_end,
                                struct http_request *request)
{
    bool had_error = section->error != H2_OK;

    request->version = HTTP_2;
    request->keep_alive = true;
    section->error = finish_request(section, is_end, request);
    if (UNLIKELY(section->error != H2_OK && !had_error)) {
        note_finish_error(section, request);
    }
    return section->error;
}

enum h2_error h2_trailers_finish(struct h2_section *section)
{
    struct http_fields *fields = section->fields;
    size_t kept = 0;

    for (size_t i = 0; i < fields->count; i++) {
        if (http_field_may_be_trailer(&fields->items[i])) {
            fields->items[kept++] = fields->items[i];
        }
    }
    fields->count = kept;
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
