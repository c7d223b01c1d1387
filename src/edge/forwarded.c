#include "edge/forwarded.h"

struct writer {
    char *at;
    char *end;
};

static void put(struct writer *w, struct span s)
{
    CHECK((size_t)(w->end - w->at) >= s.len);
    if (s.len != 0) {
        memcpy(w->at, s.ptr, s.len);
        w->at += s.len;
    }
}

static void put_u16(struct writer *w, uint16_t n)
{
    char digits[5];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + n % 10);
        n = (uint16_t)(n / 10);
    } while (n != 0);
    put(w, span_make(digits + at, sizeof(digits) - at));
}

/* RFC 9110 section 5.6.4. */
static void put_quoted(struct writer *w, struct span s)
{
    put(w, SPAN_OF("\""));
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"' || s.ptr[i] == '\\') {
            put(w, SPAN_OF("\\"));
        }
        put(w, span_make(s.ptr + i, 1));
    }
    put(w, SPAN_OF("\""));
}

enum client_kind { CLIENT_UNKNOWN, CLIENT_IPV4, CLIENT_IPV6 };

/* The address in the form that the fields use: no zone, and IPv4 as such when it comes mapped into
 * IPv6, as dual-stack sockets give it. */
static enum client_kind client_kind(struct span *client)
{
    const struct span mapped = SPAN("::ffff:");

    *client = span_head(*client, span_find(*client, '%'));
    if (span_istarts_with(*client, mapped) &&
        span_find(*client, '.') != client->len) {
        *client = span_skip(*client, mapped.len);
    }
    for (size_t i = 0; i < client->len; i++) {
        char c = ascii_lower(client->ptr[i]);
        if (!ascii_is_digit(c) && c != '.' && c != ':' && (c < 'a' || c > 'f')) {
            client->len = 0;
        }
    }
    if (span_find(*client, ':') != client->len) {
        return CLIENT_IPV6;
    }
    if (span_find(*client, '.') != client->len) {
        return CLIENT_IPV4;
    }
    *client = SPAN_OF("unknown");
    return CLIENT_UNKNOWN;
}

static bool is_id(const struct http_field *field, enum http_field_id id)
{
    return field->id == id && field->value.len != 0;
}

/* The bytes of a list as previous hops sent it, its lines joined, and each with ", " behind. */
static size_t previous_size(const struct http_fields *fields, enum http_field_id id)
{
    size_t size = 0;

    if (fields == NULL || !http_fields_has(fields, id)) {
        return 0;
    }
    for (size_t i = 0; i < fields->count; i++) {
        if (is_id(&fields->items[i], id)) {
            size += fields->items[i].value.len + 2;
        }
    }
    return size;
}

/* Where the list's newest elements begin that fit into FORWARDED_PREVIOUS_MAX; a comma within
 * quotes is none. */
static size_t newest(struct span list)
{
    bool is_quoted = false;

    if (list.len <= FORWARDED_PREVIOUS_MAX) {
        return 0;
    }
    for (size_t i = 0; i < list.len; i++) {
        if (list.ptr[i] == '\\' && is_quoted) {
            i++;
        } else if (list.ptr[i] == '"') {
            is_quoted = !is_quoted;
        } else if (list.ptr[i] == ',' && !is_quoted && list.len - i - 1 <= FORWARDED_PREVIOUS_MAX) {
            i++;
            return i < list.len && list.ptr[i] == ' ' ? i + 1 : i;
        }
    }
    return list.len;
}

static void put_previous(struct writer *w, const struct http_fields *fields, enum http_field_id id)
{
    char *start = w->at;

    if (fields == NULL || !http_fields_has(fields, id)) {
        return;
    }
    for (size_t i = 0; i < fields->count; i++) {
        if (is_id(&fields->items[i], id)) {
            put(w, fields->items[i].value);
            put(w, SPAN_OF(", "));
        }
    }
    struct span list = span_make(start, (size_t)(w->at - start));
    size_t skipped = newest(list);
    memmove(start, start + skipped, list.len - skipped);
    w->at -= skipped;
}

static struct span written(const struct writer *w, const char *start)
{
    return span_make(start, (size_t)(w->at - start));
}

static struct span write_for(struct writer *w, const struct forwarded_from *from,
                             struct span client)
{
    const char *start = w->at;

    put_previous(w, from->previous, FIELD_X_FORWARDED_FOR);
    put(w, client);
    return written(w, start);
}

/* An address with colons is no token, so it is quoted; an IPv6 address has brackets besides (RFC
 * 7239 section 6). */
static struct span write_forwarded(struct writer *w, const struct forwarded_from *from,
                                   enum client_kind kind, struct span client)
{
    const char *start = w->at;
    bool has_port = kind != CLIENT_UNKNOWN && from->client_port != 0;
    bool is_quoted = kind == CLIENT_IPV6 || has_port;

    put_previous(w, from->previous, FIELD_FORWARDED);
    put(w, is_quoted ? SPAN_OF("for=\"") : SPAN_OF("for="));
    put(w, kind == CLIENT_IPV6 ? SPAN_OF("[") : SPAN_OF(""));
    put(w, client);
    put(w, kind == CLIENT_IPV6 ? SPAN_OF("]") : SPAN_OF(""));
    if (has_port) {
        put(w, SPAN_OF(":"));
        put_u16(w, from->client_port);
    }
    put(w, is_quoted ? SPAN_OF("\"") : SPAN_OF(""));
    if (from->authority.len != 0) {
        put(w, SPAN_OF(";host="));
        if (http_is_token(from->authority)) {
            put(w, from->authority);
        } else {
            put_quoted(w, from->authority);
        }
    }
    put(w, from->is_tls ? SPAN_OF(";proto=https") : SPAN_OF(";proto=http"));
    return written(w, start);
}

/* The one value of a field that a trusted proxy sent; ptr NULL: none, or several. */
static struct span previous_value(const struct http_fields *fields, enum http_field_id id)
{
    struct span value = {NULL, 0};

    if (fields == NULL || !http_fields_has(fields, id)) {
        return value;
    }
    for (size_t i = 0; i < fields->count; i++) {
        if (is_id(&fields->items[i], id)) {
            if (value.ptr != NULL) {
                return (struct span){NULL, 0};
            }
            value = fields->items[i].value;
        }
    }
    return value;
}

static struct span choose_proto(const struct forwarded_from *from)
{
    struct span value = previous_value(from->previous, FIELD_X_FORWARDED_PROTO);

    if (span_ieq(value, SPAN_OF("https"))) {
        return SPAN_OF("https");
    }
    if (span_ieq(value, SPAN_OF("http"))) {
        return SPAN_OF("http");
    }
    return from->is_tls ? SPAN_OF("https") : SPAN_OF("http");
}

static struct span choose_host(const struct forwarded_from *from)
{
    struct span value = previous_value(from->previous, FIELD_X_FORWARDED_HOST);
    struct span host;
    uint16_t port;

    if (value.ptr != NULL && http_parse_authority(value, &host, &port)) {
        return value;
    }
    return from->authority;
}

static struct span choose_port(struct writer *w, const struct forwarded_from *from)
{
    struct span value = previous_value(from->previous, FIELD_X_FORWARDED_PORT);
    const char *start = w->at;
    uint64_t port;

    if (span_to_u64(value, UINT16_MAX, &port) && port != 0) {
        return value;
    }
    if (from->local_port == 0) {
        return (struct span){NULL, 0};
    }
    put_u16(w, from->local_port);
    return written(w, start);
}

void forwarded_write(const struct forwarded_from *from, struct arena *arena,
                     struct forwarded *values)
{
    struct span client = from->client;
    enum client_kind kind = client_kind(&client);
    size_t size = previous_size(from->previous, FIELD_X_FORWARDED_FOR) +
                  previous_size(from->previous, FIELD_FORWARDED) + 2 * client.len +
                  2 * from->authority.len + 64; /* 64: names, quotes, two ports */
    struct writer w = {.at = arena_alloc(arena, size)};

    w.end = w.at + size;
    values->x_for = write_for(&w, from, client);
    values->forwarded = write_forwarded(&w, from, kind, client);
    values->x_proto = choose_proto(from);
    values->x_host = choose_host(from);
    values->x_port = choose_port(&w, from);
}
