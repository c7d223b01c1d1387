#include "policy/compress_rule.h"

#include "http/media_type.h"

/* ---- whether ---- */

/* What is not sent on was said all the same by a client, and is not said at all by a server. */
enum side { ASKED, SAID };

static bool is_of(const struct http_field *field, enum side side, struct span name)
{
    return (side == ASKED || !field->is_not_sent) && span_ieq(field->name, name);
}

/* Of all fields of that name. */
static bool list_has(const struct http_fields *fields, enum side side, struct span name,
                     struct span token)
{
    for (size_t i = 0; i < fields->count; i++) {
        struct span list = fields->items[i].value;
        struct span part;
        while (is_of(&fields->items[i], side, name) && span_split(&list, ',', &part)) {
            if (span_ieq(span_trim(part), token)) {
                return true;
            }
        }
    }
    return false;
}

static const struct http_field *find(const struct http_fields *fields, enum side side,
                                     struct span name)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (is_of(&fields->items[i], side, name)) {
            return &fields->items[i];
        }
    }
    return NULL;
}

/* gRPC compresses by itself, message by message; its form for browsers does not. */
static bool is_grpc(struct span type)
{
    return media_type_fits(type, SPAN_OF("application/grpc")) ||
           media_type_fits(type, SPAN_OF("application/grpc+*"));
}

static bool has_type(const struct compress_rule *rule, const struct http_response *response)
{
    const struct http_field *field = find(&response->fields, SAID, SPAN_OF("Content-Type"));
    struct span type;

    if (field == NULL) {
        return false;
    }
    type = media_type_of(field->value);
    if (is_grpc(type)) {
        return false;
    }
    for (size_t i = 0; i < rule->type_count; i++) {
        if (media_type_fits(type, rule->types[i])) {
            return true;
        }
    }
    return false;
}

/* Of a GET, or of a HEAD that is answered as one. */
static bool has_length(const struct compress_rule *rule, const struct http_request *request,
                       const struct http_response *response)
{
    if (response->has_content_length) {
        return response->content_length >= rule->from && response->content_length != 0;
    }
    return response->framing != HTTP_FRAMING_NONE || request->method == HTTP_HEAD;
}

static bool may_change(const struct compress_facts *facts)
{
    static const struct span forbid[] = {SPAN("Content-Encoding"), SPAN("Content-Range"),
                                         SPAN("Signature-Input")};
    const struct http_response *response = facts->response;
    const struct span cache_control = SPAN("Cache-Control");
    const struct span no_transform = SPAN("no-transform");

    for (size_t i = 0; i < ARRAY_LEN(forbid); i++) {
        if (find(&response->fields, SAID, forbid[i]) != NULL) {
            return false;
        }
    }
    return response->status >= 200 && response->status != 206 && response->upgrade.ptr == NULL &&
           !http_response_is_bodiless(response->status, HTTP_GET) &&
           !list_has(&response->fields, SAID, cache_control, no_transform) &&
           !list_has(&facts->request->fields, ASKED, cache_control, no_transform);
}

/* ---- BREACH ---- */

static bool is_of_this_host(struct span url, const struct http_request *request)
{
    size_t scheme = span_find(url, ':');
    struct span rest;

    if (scheme + 3 > url.len || !span_starts_with(span_skip(url, scheme), SPAN_OF("://"))) {
        return false;
    }
    rest = span_skip(url, scheme + 3);
    rest = span_head(rest, span_find(rest, '/'));
    return span_ieq(rest, request->authority);
}

static bool is_made_by_another_site(const struct http_request *request)
{
    const struct http_field *site = find(&request->fields, ASKED, SPAN_OF("Sec-Fetch-Site"));
    const struct http_field *url = find(&request->fields, ASKED, SPAN_OF("Origin"));

    if (site != NULL) {
        return !span_eq(site->value, SPAN_OF("same-origin")) &&
               !span_eq(site->value, SPAN_OF("none")) &&
               find(&request->fields, ASKED, SPAN_OF("Sec-Fetch-User")) == NULL;
    }
    if (url == NULL) {
        url = find(&request->fields, ASKED, SPAN_OF("Referer"));
    }
    return url != NULL && !is_of_this_host(url->value, request);
}

/* Whether the length of a compressed response may tell a stranger what is in it (BREACH): over
 * https, of a server's response that sets a cookie, and of one to a request with Cookie or
 * Authorization that another site had the browser make. By Sec-Fetch-Site, or where the browser
 * sends none by Origin and Referer; a click of the user's (Sec-Fetch-User) is not of that kind. */
static bool may_leak(const struct compress_facts *facts)
{
    const struct http_fields *asked = &facts->request->fields;

    if (!facts->is_https || facts->is_public) {
        return false;
    }
    if (find(&facts->response->fields, SAID, SPAN_OF("Set-Cookie")) != NULL) {
        return true;
    }
    return (find(asked, ASKED, SPAN_OF("Cookie")) != NULL ||
            find(asked, ASKED, SPAN_OF("Authorization")) != NULL) &&
           is_made_by_another_site(facts->request);
}

struct compress_decision compress_decide(const struct compress_rule *rule,
                                         const struct compress_facts *facts)
{
    struct compress_decision decision = {false, CODING_IDENTITY};

    if (!may_change(facts) || !has_type(rule, facts->response) ||
        !has_length(rule, facts->request, facts->response)) {
        return decision;
    }
    decision.is_candidate = true;
    /* HTTP/1.0 knows no chunks, so that a length that is not known costs its connection. */
    if (facts->request->version == HTTP_1_0 || (rule->guards_secrets && may_leak(facts))) {
        return decision;
    }
    decision.coding =
        accept_encoding_choose(&facts->request->fields, rule->order, rule->order_count);
    return decision;
}

/* ---- the head ---- */

static void drop(struct http_fields *fields, const struct span *names, size_t count)
{
    for (size_t i = 0; i < fields->count; i++) {
        for (size_t n = 0; n < count; n++) {
            if (span_ieq(fields->items[i].name, names[n])) {
                fields->items[i].is_not_sent = true;
            }
        }
    }
}

static const struct span digests[] = {SPAN("Digest"), SPAN("Content-Digest"), SPAN("Repr-Digest"),
                                      SPAN("Content-MD5")};

void compress_mend_trailers(struct http_fields *trailers)
{
    drop(trailers, digests, ARRAY_LEN(digests));
}

void compress_add_vary(struct http_response *response, struct arena *arena)
{
    const struct span name = SPAN("Vary");
    const struct span value = SPAN("Accept-Encoding");
    struct http_field *field = (struct http_field *)(uintptr_t)find(&response->fields, SAID, name);

    if (list_has(&response->fields, SAID, name, SPAN_OF("*")) ||
        list_has(&response->fields, SAID, name, value)) {
        return;
    }
    if (field == NULL) {
        http_fields_add(&response->fields, arena, FIELD_OTHER, name, value);
    } else if (span_trim(field->value).len == 0) {
        field->value = value;
    } else {
        field->value = span_from_cstr(
            arena_printf(arena, "%.*s, %.*s", SPAN_ARG(field->value), SPAN_ARG(value)));
    }
}

static bool is_weak(struct span etag)
{
    return span_starts_with(etag, SPAN_OF("W/"));
}

static struct http_field *find_etag(struct http_response *response)
{
    return (struct http_field *)(uintptr_t)find(&response->fields, SAID, SPAN_OF("ETag"));
}

static struct span weakened(struct span etag, struct arena *arena)
{
    return span_from_cstr(arena_printf(arena, "W/%.*s", SPAN_ARG(etag)));
}

void compress_mend_head(struct http_response *response, enum coding coding, struct arena *arena)
{
    static const struct span gone[] = {SPAN("Accept-Ranges"), SPAN("Content-Length")};
    struct http_field *etag = find_etag(response);

    drop(&response->fields, gone, ARRAY_LEN(gone));
    drop(&response->fields, digests, ARRAY_LEN(digests));
    if (etag != NULL && !is_weak(etag->value)) {
        etag->value = weakened(etag->value, arena);
    }
    http_fields_add(&response->fields, arena, FIELD_OTHER, SPAN_OF("Content-Encoding"),
                    coding_name(coding));
    response->has_content_length = false;
    response->content_length = 0;
    if (response->framing != HTTP_FRAMING_NONE) {
        response->framing = HTTP_FRAMING_CHUNKED;
    }
}

void compress_mend_not_modified(const struct http_request *request, struct http_response *response,
                                struct arena *arena)
{
    static const struct span length[] = {SPAN("Content-Length")};
    struct http_field *etag = find_etag(response);
    struct span weak;

    drop(&response->fields, length, ARRAY_LEN(length));
    response->has_content_length = false;
    response->content_length = 0;
    if (etag == NULL || is_weak(etag->value)) {
        return;
    }
    weak = weakened(etag->value, arena);
    for (size_t i = 0; i < request->fields.count; i++) {
        const struct http_field *field = &request->fields.items[i];
        struct span list = field->value;
        struct span one;
        if (field->id != FIELD_IF_NONE_MATCH) {
            continue;
        }
        /* A comma within a tag's quotes only makes parts that are no tags. */
        while (span_split(&list, ',', &one)) {
            if (span_eq(span_trim(one), weak)) {
                etag->value = weak;
                return;
            }
        }
    }
}
