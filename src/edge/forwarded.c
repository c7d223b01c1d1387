#include "edge/forwarded.h"

struct writer {
    char *at;
    char *end;
};

/* An element of Forwarded without its host: names, brackets, quotes, an address and a port. */
#define ELEMENT_BYTES 128

static inline void put(struct writer *w, struct span s)
{
    CHECK((size_t)(w->end - w->at) >= s.len);
    if (s.len != 0) {
        memcpy(w->at, s.ptr, s.len);
        w->at += s.len;
    }
}

/* Known to the compiler with its length, which then needs no call. */
#define PUT(w, literal) put((w), SPAN_OF(literal))

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
    CHECK((size_t)(w->end - w->at) >= 2 * s.len + 2);
    *w->at++ = '"';
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"' || s.ptr[i] == '\\') {
            *w->at++ = '\\';
        }
        *w->at++ = s.ptr[i];
    }
    *w->at++ = '"';
}

static struct span written(const struct writer *w, const char *start)
{
    return span_make(start, (size_t)(w->at - start));
}

static struct span write_for(struct writer *w, const struct forwarded_from *from)
{
    const struct client_view *view = from->view;
    const char *start = w->at;

    if (view->x_for.len != 0) {
        put(w, view->x_for);
        PUT(w, ", ");
    } else {
        for (size_t i = view->hop_count; i-- > 0;) {
            put(w, view->hops[i].address);
            PUT(w, ", ");
        }
    }
    put(w, from->peer.len != 0 ? from->peer : SPAN_OF("unknown"));
    return written(w, start);
}

/* An address with colons is no token, so it is quoted; an IPv6 address has brackets besides (RFC
 * 7239 section 6). */
static void put_node(struct writer *w, struct span address, uint16_t port)
{
    bool is_ipv6 = span_find(address, ':') != address.len;
    bool has_port = address.len != 0 && port != 0;
    bool is_quoted = is_ipv6 || has_port;

    PUT(w, "for=");
    if (is_quoted) {
        PUT(w, "\"");
    }
    if (is_ipv6) {
        PUT(w, "[");
    }
    put(w, address.len != 0 ? address : SPAN_OF("unknown"));
    if (is_ipv6) {
        PUT(w, "]");
    }
    if (has_port) {
        PUT(w, ":");
        put_u16(w, port);
    }
    if (is_quoted) {
        PUT(w, "\"");
    }
}

/* Forwarded has no place for the port but in the host. */
static struct span host_with_port(const struct client_view *view, struct arena *arena)
{
    struct span host;
    uint16_t named;

    if (view->port == (view->is_https ? 443 : 80) || view->port == view->named_port ||
        !http_parse_authority(view->host, &host, &named) || named == view->port) {
        return view->host;
    }
    return span_from_cstr(arena_printf(arena, "%.*s:%u", SPAN_ARG(host), view->port));
}

static void put_place(struct writer *w, const struct client_view *view, struct span host)
{
    if (host.len != 0) {
        PUT(w, ";host=");
        if (http_is_token(host)) {
            put(w, host);
        } else {
            put_quoted(w, host);
        }
    }
    PUT(w, ";proto=http");
    if (view->is_https) {
        PUT(w, "s");
    }
}

/* Host and scheme are the client's, in whichever element: servers read the first or the last. */
static struct span write_forwarded(struct writer *w, const struct forwarded_from *from,
                                   struct span host)
{
    const struct client_view *view = from->view;
    const char *start = w->at;

    if (view->forwarded.len != 0) {
        put(w, view->forwarded);
        PUT(w, ", ");
    } else {
        for (size_t i = view->hop_count; i-- > 0;) {
            put_node(w, view->hops[i].address, view->hops[i].port);
            if (i + 1 == view->hop_count) {
                put_place(w, view, host);
            }
            PUT(w, ", ");
        }
    }
    put_node(w, from->peer, from->peer_port);
    put_place(w, view, host);
    return written(w, start);
}

void forwarded_write(const struct forwarded_from *from, struct arena *arena,
                     struct forwarded *values)
{
    const struct client_view *view = from->view;
    struct span host = view->host.ptr != NULL ? host_with_port(view, arena) : view->host;
    size_t size = view->x_for.len + view->forwarded.len + 4 * host.len +
                  (view->hop_count + 1) * (2 * (size_t)ELEMENT_BYTES);
    struct writer w = {.at = arena_alloc(arena, size)};

    w.end = w.at + size;
    values->x_for = write_for(&w, from);
    values->forwarded = write_forwarded(&w, from, host);
    values->x_proto = view->is_https ? SPAN_OF("https") : SPAN_OF("http");
    values->x_host = view->host;
    values->x_real_ip = view->address;
    values->x_port = span_make(w.at, 0);
    put_u16(&w, view->port);
    values->x_port = written(&w, values->x_port.ptr);
}
