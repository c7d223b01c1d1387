#include "edge/destination.h"

static size_t authority_len(struct span s)
{
    size_t len = 0;

    while (len < s.len && s.ptr[len] != '/' && s.ptr[len] != '?' && s.ptr[len] != '#') {
        len++;
    }
    return len;
}

bool destination_parse(struct span value, struct destination *destination)
{
    const struct span http = SPAN("http://");
    const struct span https = SPAN("https://");
    size_t len;

    if (span_istarts_with(value, https)) {
        value = span_skip(value, https.len);
        *destination = (struct destination){.is_https = true};
    } else if (span_istarts_with(value, http)) {
        value = span_skip(value, http.len);
        *destination = (struct destination){.is_https = false};
    } else {
        return false;
    }
    len = authority_len(value);
    destination->authority = span_head(value, len);
    destination->rest = span_skip(value, len);
    if (!http_parse_authority(destination->authority, &destination->host, &destination->port)) {
        return false;
    }
    if (destination->port == 0) {
        destination->port = destination->is_https ? 443 : 80;
    }
    return true;
}

static bool is_host_of(const struct client_view *view, struct span host)
{
    struct span seen;
    uint16_t port;

    return view->host.ptr != NULL && http_parse_authority(view->host, &seen, &port) &&
           span_ieq(seen, host);
}

struct span destination_for_server(const struct destination *destination,
                                   const struct client_view *view, bool is_ours,
                                   bool server_is_https, struct span server_authority,
                                   struct arena *arena)
{
    bool is_same_host = is_host_of(view, destination->host);
    struct span authority = is_same_host ? server_authority : destination->authority;

    if ((!is_same_host && !is_ours) || destination->is_https != view->is_https ||
        destination->port != view->port || authority.ptr == NULL ||
        (destination->is_https == server_is_https && span_eq(authority, destination->authority))) {
        return (struct span){NULL, 0};
    }
    return span_from_cstr(arena_printf(arena, "%s://%.*s%.*s", server_is_https ? "https" : "http",
                                       SPAN_ARG(authority), SPAN_ARG(destination->rest)));
}
