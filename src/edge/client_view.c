#include "edge/client_view.h"

#include <arpa/inet.h>

/* ---- addresses ---- */

/* "::ffff:192.0.2.1" is what dual-stack sockets call 192.0.2.1. */
static struct span without_mapping(struct span address)
{
    const struct span mapped = SPAN("::ffff:");

    if (span_istarts_with(address, mapped) && span_find(address, '.') != address.len) {
        return span_skip(address, mapped.len);
    }
    return address;
}

static bool parse_ip(struct span text, uint8_t ip[16])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    char buffer[INET6_ADDRSTRLEN];

    if (text.len == 0 || text.len >= sizeof(buffer) || memchr(text.ptr, '\0', text.len) != NULL) {
        return false;
    }
    memcpy(buffer, text.ptr, text.len);
    buffer[text.len] = '\0';
    if (span_find(text, ':') != text.len) {
        return inet_pton(AF_INET6, buffer, ip) == 1;
    }
    memcpy(ip, mapped, sizeof(mapped));
    return inet_pton(AF_INET, buffer, ip + sizeof(mapped)) == 1;
}

/* An address with or without a port: 192.0.2.1, 192.0.2.1:80, 2001:db8::1, [2001:db8::1]:80. False
 * for "unknown", "_hidden" (RFC 7239 section 6) and whatever else a stranger may have written. */
static bool parse_hop(struct span text, struct view_hop *hop)
{
    struct span port = {NULL, 0};
    uint64_t number = 0;

    text = span_trim(text);
    if (text.len != 0 && text.ptr[0] == '[') {
        size_t end = span_find(text, ']');
        if (end == text.len) {
            return false;
        }
        port = span_skip(text, end + 1);
        text = span_make(text.ptr + 1, end - 1);
        if (port.len != 0 && port.ptr[0] != ':') {
            return false;
        }
    } else {
        size_t colon = span_find(text, ':');
        if (memchr(text.ptr, '.', colon) != NULL) {
            port = span_skip(text, colon);
            text = span_head(text, colon);
        }
    }
    if (port.len > 1 && !span_to_u64(span_skip(port, 1), UINT16_MAX, &number)) {
        return false;
    }
    *hop = (struct view_hop){.address = without_mapping(text), .port = (uint16_t)number};
    return parse_ip(text, hop->ip);
}

/* ---- lists ---- */

static bool is_id(const struct http_field *field, enum http_field_id id)
{
    return field->id == id && field->value.len != 0;
}

static bool has_any(const struct http_fields *fields, enum http_field_id id)
{
    if (!http_fields_has(fields, id)) {
        return false;
    }
    for (size_t i = 0; i < fields->count; i++) {
        if (is_id(&fields->items[i], id)) {
            return true;
        }
    }
    return false;
}

/* The lines of a list as one. */
static struct span join(const struct http_fields *fields, enum http_field_id id,
                        struct arena *arena)
{
    size_t size = 0;
    char *at;
    char *start;

    if (!has_any(fields, id)) {
        return (struct span){NULL, 0};
    }
    for (size_t i = 0; i < fields->count; i++) {
        size += is_id(&fields->items[i], id) ? fields->items[i].value.len + 2 : 0;
    }
    start = at = arena_alloc(arena, size);
    for (size_t i = 0; i < fields->count; i++) {
        const struct http_field *field = &fields->items[i];
        if (is_id(field, id)) {
            memcpy(at, field->value.ptr, field->value.len);
            at += field->value.len;
            memcpy(at, ", ", 2);
            at += 2;
        }
    }
    return span_make(start, size - 2);
}

/* Takes the element behind the last comma off *rest, from the right; empty ones are none (RFC 9110
 * section 5.6.1.2). Commas separate whatever stands between them: these lists have no quotes. */
static bool take_last(struct span *rest, struct span *element)
{
    while (rest->ptr != NULL) {
        size_t start = rest->len;
        while (start > 0 && rest->ptr[start - 1] != ',') {
            start--;
        }
        *element = span_trim(span_skip(*rest, start));
        *rest = start > 0 ? span_head(*rest, start - 1) : span_make(NULL, 0);
        if (element->len != 0) {
            return true;
        }
    }
    return false;
}

/* The newest elements that fit into VIEW_PREVIOUS_MAX. What is left of a quote is a stranger's: no
 * address has one, and a server that takes it for the beginning of a quoted string would not see
 * what stands behind. */
static struct span newest(struct span list)
{
    struct span kept = {NULL, 0};
    struct span rest = list;
    struct span element;
    const char *end = NULL; /* of the newest: what follows is empty elements */

    while (take_last(&rest, &element)) {
        end = end != NULL ? end : element.ptr + element.len;
        if (memchr(element.ptr, '"', element.len) != NULL ||
            memchr(element.ptr, '\\', element.len) != NULL ||
            (size_t)(end - element.ptr) > VIEW_PREVIOUS_MAX) {
            break;
        }
        kept = span_make(element.ptr, (size_t)(end - element.ptr));
    }
    return kept;
}

/* ---- X-Forwarded-* ---- */

/* An IPv6 address has many spellings, of which whoever compares expects one (RFC 5952). */
static struct span canonical(const struct view_hop *hop, struct arena *arena)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    char text[INET6_ADDRSTRLEN];
    bool is_ipv4 = memcmp(hop->ip, mapped, sizeof(mapped)) == 0;

    if (inet_ntop(is_ipv4 ? AF_INET : AF_INET6, hop->ip + (is_ipv4 ? sizeof(mapped) : 0), text,
                  sizeof(text)) == NULL) {
        return hop->address;
    }
    return arena_copy(arena, span_from_cstr(text));
}

static void add_hop(struct client_view *view, struct arena *arena, const struct view_hop *hop)
{
    struct view_hop *added;

    if (view->hops == NULL) {
        view->hops = arena_alloc(arena, VIEW_HOPS_MAX * sizeof(*hop));
    }
    added = &view->hops[view->hop_count++];
    *added = *hop;
    if (span_find(hop->address, ':') != hop->address.len) {
        added->address = canonical(hop, arena);
    }
}

static void walk_x_for(const struct client_view_from *from, struct arena *arena,
                       struct client_view *view)
{
    struct span rest = join(from->fields, FIELD_X_FORWARDED_FOR, arena);
    struct span element;
    struct view_hop hop;

    view->x_for = newest(rest);
    while (view->hop_count < VIEW_HOPS_MAX && take_last(&rest, &element) &&
           parse_hop(element, &hop)) {
        add_hop(view, arena, &hop);
        if (!from->is_trusted(from->context, hop.ip)) {
            return;
        }
    }
}

/* Of a list the element that was written where the client came in: as far from the right as there
 * are hops. Most proxies write one alone. */
static struct span value_at_client(const struct client_view_from *from,
                                   const struct client_view *view, enum http_field_id id,
                                   struct arena *arena)
{
    struct span rest = join(from->fields, id, arena);
    struct span value = {NULL, 0};
    struct span element;
    size_t steps = view->hop_count > 1 ? view->hop_count : 1;

    while (steps-- > 0 && take_last(&rest, &element)) {
        value = element;
    }
    return value;
}

/* Some proxies tell of WebSocket by its own schemes. */
static bool parse_scheme(struct span text, bool *is_https)
{
    *is_https = span_ieq(text, SPAN_OF("https")) || span_ieq(text, SPAN_OF("wss"));
    return *is_https || span_ieq(text, SPAN_OF("http")) || span_ieq(text, SPAN_OF("ws"));
}

static uint16_t scheme_port(bool is_https)
{
    return is_https ? 443 : 80;
}

/* host[:port], with the port that it shall name; no port where that is the scheme's. */
static struct span with_port(struct span host, uint16_t port, bool is_https, struct arena *arena)
{
    if (port == scheme_port(is_https)) {
        return host;
    }
    return span_from_cstr(arena_printf(arena, "%.*s:%u", SPAN_ARG(host), port));
}

static void take_host(struct client_view *view, struct span authority, uint16_t told_port,
                      struct arena *arena)
{
    struct span host;
    uint16_t port;

    view->host = authority;
    view->port = told_port != 0 ? told_port : scheme_port(view->is_https);
    view->named_port = 0;
    if (authority.ptr == NULL || !http_parse_authority(authority, &host, &port) || port == 0) {
        return;
    }
    if (told_port == 0 || told_port == port) {
        view->port = view->named_port = port;
        return;
    }
    view->host = with_port(host, told_port, view->is_https, arena);
}

/* A port that X-Forwarded-Host names is the one that the client wrote; X-Forwarded-Port is often
 * that of the proxy's socket, behind who knows what. */
static void read_x_place(const struct client_view_from *from, struct arena *arena,
                         struct client_view *view)
{
    struct span scheme = value_at_client(from, view, FIELD_X_FORWARDED_PROTO, arena);
    struct span authority = value_at_client(from, view, FIELD_X_FORWARDED_HOST, arena);
    struct span number = value_at_client(from, view, FIELD_X_FORWARDED_PORT, arena);
    uint64_t told_port = 0;
    struct span host;
    uint16_t port = 0;
    bool is_https;

    if (parse_scheme(scheme, &is_https)) {
        view->is_https = is_https;
    }
    if (!span_to_u64(number, UINT16_MAX, &told_port)) {
        told_port = 0;
    }
    if (authority.ptr == NULL || !http_parse_authority(authority, &host, &port)) {
        authority = from->authority;
        port = 0;
    }
    take_host(view, authority, port != 0 ? port : (uint16_t)told_port, arena);
}

static void read_real_ip(const struct client_view_from *from, struct arena *arena,
                         struct client_view *view)
{
    struct span rest = join(from->fields, FIELD_X_REAL_IP, arena);
    struct view_hop hop;

    if (rest.ptr != NULL && span_find(rest, ',') == rest.len && parse_hop(rest, &hop)) {
        add_hop(view, arena, &hop);
    }
}

/* ---- Forwarded ---- */

/* A forwarded-element (RFC 7239 section 4): what of it is read; values without their quotes. */
struct element {
    size_t start; /* in the list */
    struct span node;
    struct span proto;
    struct span host;
    bool is_empty; /* nobody wrote it (RFC 9110 section 5.6.1.2) */
};

static void skip_space(struct span list, size_t *at)
{
    while (*at < list.len && (list.ptr[*at] == ' ' || list.ptr[*at] == '\t')) {
        (*at)++;
    }
}

static bool is_separator(char byte)
{
    return byte == ',' || byte == ';' || byte == '"' || byte == '\\' || byte == ' ' || byte == '\t';
}

/* token or quoted-string; colons and brackets outside of quotes are let through, as many proxies
 * write them so. */
static bool take_value(struct span list, size_t *at, struct span *value)
{
    size_t start = *at;

    if (start < list.len && list.ptr[start] == '"') {
        for (size_t i = start + 1; i < list.len; i++) {
            if (list.ptr[i] == '\\') {
                i++;
            } else if (list.ptr[i] == '"') {
                *value = span_make(list.ptr + start + 1, i - start - 1);
                *at = i + 1;
                return true;
            }
        }
        return false;
    }
    while (*at < list.len && !is_separator(list.ptr[*at])) {
        (*at)++;
    }
    *value = span_make(list.ptr + start, *at - start);
    return *at > start;
}

/* Each parameter once (RFC 7239 section 4). */
static bool set_once(struct span *slot, struct span value)
{
    bool is_first = slot->ptr == NULL;

    *slot = value;
    return is_first;
}

static bool take_pair(struct span list, size_t *at, struct element *element)
{
    size_t start = *at;
    struct span name;
    struct span value;

    while (*at < list.len && list.ptr[*at] != '=' && !is_separator(list.ptr[*at])) {
        (*at)++;
    }
    name = span_make(list.ptr + start, *at - start);
    if (*at == list.len || list.ptr[*at] != '=' || !http_is_token(name)) {
        return false;
    }
    (*at)++;
    if (!take_value(list, at, &value)) {
        return false;
    }
    if (span_ieq(name, SPAN_OF("for"))) {
        return set_once(&element->node, value);
    }
    if (span_ieq(name, SPAN_OF("proto"))) {
        return set_once(&element->proto, value);
    }
    if (span_ieq(name, SPAN_OF("host"))) {
        return set_once(&element->host, value);
    }
    return true;
}

/* Up to the comma behind it, or the end. */
static bool take_element(struct span list, size_t *at, struct element *element)
{
    *element = (struct element){.start = *at, .is_empty = true};
    while (true) {
        skip_space(list, at);
        if (*at < list.len && list.ptr[*at] != ',' && list.ptr[*at] != ';') {
            element->is_empty = false;
            if (!take_pair(list, at, element)) {
                return false;
            }
        }
        skip_space(list, at);
        if (*at == list.len || list.ptr[*at] == ',') {
            return true;
        }
        if (list.ptr[*at] != ';') {
            return false;
        }
        (*at)++;
    }
}

/* The newest elements, oldest first. */
struct elements {
    struct element items[VIEW_HOPS_MAX];
    size_t count;
};

static void push(struct elements *elements, const struct element *element)
{
    if (elements->count == VIEW_HOPS_MAX) {
        memmove(elements->items, elements->items + 1, (VIEW_HOPS_MAX - 1) * sizeof(*element));
        elements->count--;
    }
    elements->items[elements->count++] = *element;
}

/* The elements of the end of the list that is well-formed. After what is not, all begins anew at
 * the next comma, were it within a quoted string that somebody opened and never closed: what a
 * trusted proxy appended stands behind a comma. A quoted string that runs to the list's end without
 * closing has no quote behind it, so there is one of these at most, and the whole stays linear. */
static struct span read_elements(struct span list, struct elements *elements)
{
    size_t start = 0;
    size_t at = 0;

    elements->count = 0;
    while (at < list.len) {
        struct element element;
        size_t began = at;
        if (take_element(list, &at, &element)) {
            if (!element.is_empty) {
                push(elements, &element);
            }
            at++; /* the comma */
            continue;
        }
        elements->count = 0;
        at = began + span_find(span_skip(list, began), ',') + 1;
        start = at;
    }
    if (elements->count == 0) {
        return (struct span){NULL, 0};
    }
    while (start < list.len && list.len - start > VIEW_PREVIOUS_MAX) {
        struct element element;
        if (!take_element(list, &start, &element)) {
            break;
        }
        start++;
    }
    return start < list.len ? span_trim(span_skip(list, start)) : span_make(NULL, 0);
}

/* What Forwarded alone would have us see. */
static void read_forwarded(const struct client_view_from *from, struct arena *arena,
                           struct client_view *view)
{
    struct elements *elements = arena_alloc(arena, sizeof(*elements));
    struct span authority = from->authority;
    struct span host;
    uint16_t port;

    view->forwarded = read_elements(join(from->fields, FIELD_FORWARDED, arena), elements);
    for (size_t i = elements->count; i-- > 0;) {
        const struct element *element = &elements->items[i];
        struct view_hop hop;
        bool is_https;
        if (parse_scheme(element->proto, &is_https)) {
            view->is_https = is_https;
        }
        if (element->host.ptr != NULL && http_parse_authority(element->host, &host, &port)) {
            authority = element->host;
        }
        if (element->node.ptr == NULL || !parse_hop(element->node, &hop)) {
            break;
        }
        add_hop(view, arena, &hop);
        if (!from->is_trusted(from->context, hop.ip)) {
            break;
        }
    }
    take_host(view, authority, 0, arena);
}

/* ---- both ---- */

static bool same_hops(const struct client_view *a, const struct client_view *b)
{
    if (a->hop_count != b->hop_count) {
        return false;
    }
    for (size_t i = 0; i < a->hop_count; i++) {
        if (memcmp(a->hops[i].ip, b->hops[i].ip, sizeof(a->hops[i].ip)) != 0) {
            return false;
        }
    }
    return true;
}

/* X-Forwarded-* is believed. A Forwarded that says the same is passed on as it is, with the ports
 * and names that it has besides; one that does not is written anew. */
static void read_x(const struct client_view_from *from, struct arena *arena,
                   struct client_view *view)
{
    struct client_view other = {.is_https = false};

    if (has_any(from->fields, FIELD_X_FORWARDED_FOR)) {
        walk_x_for(from, arena, view);
    } else {
        read_real_ip(from, arena, view);
    }
    read_x_place(from, arena, view);
    if (has_any(from->fields, FIELD_FORWARDED)) {
        struct client_view_from same = *from;
        other.is_https = view->is_https; /* where it does not say */
        same.authority = view->host;
        read_forwarded(&same, arena, &other);
        if (same_hops(view, &other) && view->is_https == other.is_https &&
            span_ieq(view->host, other.host)) {
            view->forwarded = other.forwarded;
        }
    }
}

static void read_own(const struct client_view_from *from, struct client_view *view)
{
    view->host = from->authority;
    view->named_port = from->authority_port;
    view->port = from->authority_port != 0 ? from->authority_port : scheme_port(from->is_tls);
    if (from->peer.len != 0) {
        view->address = from->peer;
        view->client_port = from->peer_port;
    }
}

static bool has_x(const struct http_fields *fields)
{
    return has_any(fields, FIELD_X_FORWARDED_FOR) || has_any(fields, FIELD_X_FORWARDED_PROTO) ||
           has_any(fields, FIELD_X_FORWARDED_HOST) || has_any(fields, FIELD_X_FORWARDED_PORT);
}

/* The last field of that name, and of a list the last element: who writes it behind what a stranger
 * wrote is nearer to us. */
static void read_named_address(const struct client_view_from *from, struct arena *arena,
                               struct client_view *view)
{
    struct span value = {NULL, 0};
    struct span element;
    struct view_hop hop;

    for (size_t i = 0; i < from->fields->count; i++) {
        if (span_ieq(from->fields->items[i].name, from->address_field)) {
            value = from->fields->items[i].value;
        }
    }
    if (take_last(&value, &element) && parse_hop(element, &hop)) {
        add_hop(view, arena, &hop);
    }
}

/* Scheme, host and port as ever. */
static void read_named(const struct client_view_from *from, struct arena *arena,
                       struct client_view *view)
{
    if (has_x(from->fields)) {
        read_x_place(from, arena, view);
    } else if (has_any(from->fields, FIELD_FORWARDED)) {
        struct client_view place = *view;
        read_forwarded(from, arena, &place);
        view->is_https = place.is_https;
        view->host = place.host;
        view->port = place.port;
        view->named_port = place.named_port;
    }
    read_named_address(from, arena, view);
}

void client_view_read(const struct client_view_from *from, struct arena *arena,
                      struct client_view *view)
{
    *view = (struct client_view){.is_https = from->is_tls};
    read_own(from, view);
    if (from->fields == NULL) {
        return;
    }
    if (from->address_field.len != 0) {
        read_named(from, arena, view);
    } else if (has_x(from->fields)) {
        read_x(from, arena, view);
    } else if (has_any(from->fields, FIELD_FORWARDED)) {
        read_forwarded(from, arena, view);
    } else {
        read_real_ip(from, arena, view);
    }
    if (view->hop_count != 0) {
        const struct view_hop *client = &view->hops[view->hop_count - 1];
        view->address = client->address;
        view->client_port = client->port;
    }
}

/* ---- other fields ---- */

static bool tells_scheme(struct span name)
{
    static const struct span names[] = {SPAN("X-Forwarded-Ssl"),
                                        SPAN("X-Forwarded-Scheme"),
                                        SPAN("X-Forwarded-Protocol"),
                                        SPAN("X-Forwarded-Https"),
                                        SPAN("X-Scheme"),
                                        SPAN("X-Proto"),
                                        SPAN("X-URL-Scheme"),
                                        SPAN("Front-End-Https"),
                                        SPAN("X-HTTPS"),
                                        SPAN("X-SSL"),
                                        SPAN("HTTPS")};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (span_ieq(name, names[i])) {
            return true;
        }
    }
    return false;
}

/* Whatever is none of these words means that TLS is off. */
static bool says_https(struct span value)
{
    bool is_https;

    (void)parse_scheme(value, &is_https);
    return is_https || span_ieq(value, SPAN_OF("on")) || span_ieq(value, SPAN_OF("ssl")) ||
           span_ieq(value, SPAN_OF("true")) || span_eq(value, SPAN_OF("1"));
}

bool client_view_denies(const struct client_view *view, const struct http_field *field)
{
    return field->id == FIELD_OTHER && tells_scheme(field->name) &&
           says_https(field->value) != view->is_https;
}
