#include "edge/locations.h"

#include "base/strbuf.h"

#include "edge/destination.h"

static const struct span unchanged = {NULL, 0};

/* ---- paths ---- */

static struct span without_slash(struct span prefix)
{
    return prefix.len != 0 && prefix.ptr[prefix.len - 1] == '/' ? span_head(prefix, prefix.len - 1)
                                                                : prefix;
}

static struct span prefix_of(const char *text)
{
    return text != NULL ? without_slash(span_from_cstr(text)) : SPAN_OF("");
}

/* In whole segments; *rest: "/..." or empty, a query included. */
static bool begins_with(struct span path, struct span prefix, struct span *rest)
{
    if (!span_starts_with(path, prefix)) {
        return false;
    }
    *rest = span_skip(path, prefix.len);
    return rest->len == 0 || rest->ptr[0] == '/' || rest->ptr[0] == '?' || rest->ptr[0] == '#';
}

/* What `rewrite` made is unmade. A path below the prefix that the client sees is one that the
 * server knows of already (by its own configuration), and one that is not below `prefix` has no
 * name out here: both stay. */
static bool path_for_client(struct span *path, const struct rewrite_settings *rewrite,
                            struct arena *arena)
{
    struct span stripped = prefix_of(rewrite != NULL ? rewrite->strip_prefix : NULL);
    struct span added = prefix_of(rewrite != NULL ? rewrite->prefix : NULL);
    struct span rest;
    struct span ours;

    if ((stripped.len == 0 && added.len == 0) || !begins_with(*path, added, &rest) ||
        (added.len == 0 && begins_with(*path, stripped, &ours))) {
        return false;
    }
    if (rest.len == 0 || rest.ptr[0] != '/') {
        rest = span_from_cstr(arena_printf(arena, "/%.*s", SPAN_ARG(rest)));
    }
    *path = span_from_cstr(arena_printf(arena, "%.*s%.*s", SPAN_ARG(stripped), SPAN_ARG(rest)));
    return true;
}

/* ---- URLs ---- */

static bool is_authority(const struct destination *url, struct span authority, bool is_https)
{
    struct span host;
    uint16_t port;

    if (authority.len == 0 || !http_parse_authority(authority, &host, &port)) {
        return false;
    }
    if (port == 0) {
        port = is_https ? 443 : 80;
    }
    return span_ieq(host, url->host) && port == url->port;
}

static bool is_of_server(const struct destination *url, const struct locations_from *from)
{
    return url->is_https == from->server_is_https &&
           (is_authority(url, from->sent, url->is_https) ||
            is_authority(url, from->server, url->is_https));
}

/* By the name that the client used, a scheme of its own, or a path alone. */
static bool is_of_client(const struct destination *url, const struct locations_from *from)
{
    return url->is_https == from->view->is_https &&
           is_authority(url, from->view->host, url->is_https);
}

static struct span url_for_client(struct span value, const struct destination *url,
                                  const struct locations_from *from, struct arena *arena)
{
    struct span rest = url->rest.len != 0 ? url->rest : SPAN_OF("/");
    bool is_moved;

    if (from->view->host.ptr == NULL || (!is_of_server(url, from) && !is_of_client(url, from))) {
        return unchanged;
    }
    is_moved = path_for_client(&rest, from->rewrite, arena);
    if (!is_moved && is_of_client(url, from)) {
        return unchanged;
    }
    (void)value;
    return span_from_cstr(arena_printf(arena, "%s://%.*s%.*s",
                                       from->view->is_https ? "https" : "http",
                                       SPAN_ARG(from->view->host), SPAN_ARG(rest)));
}

struct span location_for_client(struct span value, const struct locations_from *from,
                                struct arena *arena)
{
    struct destination url;
    bool is_relative = span_starts_with(value, SPAN_OF("//"));

    if (is_relative) { /* another host by the same scheme (RFC 3986 section 4.2) */
        struct span whole = span_from_cstr(arena_printf(
            arena, "%s:%.*s", from->server_is_https ? "https" : "http", SPAN_ARG(value)));
        return destination_parse(whole, &url) && is_of_server(&url, from)
                   ? url_for_client(whole, &url, from, arena)
                   : unchanged;
    }
    if (destination_parse(value, &url)) {
        return url_for_client(value, &url, from, arena);
    }
    if (value.len != 0 && value.ptr[0] == '/' && path_for_client(&value, from->rewrite, arena)) {
        return value;
    }
    return unchanged;
}

struct span refresh_for_client(struct span value, const struct locations_from *from,
                               struct arena *arena)
{
    const struct span mark = SPAN("url=");
    size_t at = 0;
    size_t end = value.len;
    struct span url;

    while (at + mark.len <= value.len && !span_istarts_with(span_skip(value, at), mark)) {
        at++;
    }
    if (at + mark.len > value.len) {
        return unchanged;
    }
    at += mark.len;
    if (at < end && (value.ptr[at] == '"' || value.ptr[at] == '\'')) {
        end = at + 1 + span_find(span_skip(value, at + 1), value.ptr[at]);
        at++;
    }
    url = location_for_client(span_make(value.ptr + at, end - at), from, arena);
    if (url.ptr == NULL) {
        return unchanged;
    }
    return span_from_cstr(arena_printf(arena, "%.*s%.*s%.*s", SPAN_ARG(span_head(value, at)),
                                       SPAN_ARG(url), SPAN_ARG(span_skip(value, end))));
}

/* ---- cookies ---- */

struct cookie_parts {
    struct strbuf *out;
    bool is_changed;
    bool is_secure;
    bool is_http_only;
};

static struct span host_of(struct span authority)
{
    struct span host;
    uint16_t port;

    return authority.ptr != NULL && http_parse_authority(authority, &host, &port) ? host
                                                                                  : SPAN_OF("");
}

/* RFC 6265 section 5.1.3. */
static bool is_in_domain(struct span host, struct span domain)
{
    if (host.len == domain.len) {
        return span_ieq(host, domain);
    }
    return host.len > domain.len && host.ptr[host.len - domain.len - 1] == '.' &&
           span_ieq(span_skip(host, host.len - domain.len), domain);
}

/* A domain that the server is in, and the client's name is not: browsers would drop the cookie. */
static bool is_servers_own(struct span domain, const struct locations_from *from)
{
    if (domain.len != 0 && domain.ptr[0] == '.') {
        domain = span_skip(domain, 1);
    }
    return domain.len != 0 && !is_in_domain(host_of(from->view->host), domain) &&
           (is_in_domain(host_of(from->sent), domain) ||
            is_in_domain(host_of(from->server), domain));
}

static void add(struct cookie_parts *parts, struct span piece)
{
    strbuf_printf(parts->out, "%s%.*s", parts->out->len != 0 ? "; " : "", SPAN_ARG(piece));
}

static void take_attribute(struct cookie_parts *parts, struct span piece,
                           const struct locations_from *from, bool has_moved, bool keeps_path,
                           const struct cookies_settings *cookies, struct arena *arena)
{
    size_t equals = span_find(piece, '=');
    struct span name = span_trim(span_head(piece, equals));
    struct span value = span_trim(span_skip(piece, equals < piece.len ? equals + 1 : equals));

    if (has_moved && span_ieq(name, SPAN_OF("Domain")) && is_servers_own(value, from)) {
        parts->is_changed = true;
        return;
    }
    if (has_moved && !keeps_path && span_ieq(name, SPAN_OF("Path")) &&
        path_for_client(&value, from->rewrite, arena)) {
        parts->is_changed = true;
        add(parts, span_from_cstr(arena_printf(arena, "Path=%.*s", SPAN_ARG(value))));
        return;
    }
    if (cookies != NULL && cookies->same_site != COOKIE_SAME_SITE_KEEP &&
        span_ieq(name, SPAN_OF("SameSite"))) {
        parts->is_changed = true;
        return;
    }
    parts->is_secure |= span_ieq(name, SPAN_OF("Secure"));
    parts->is_http_only |= span_ieq(name, SPAN_OF("HttpOnly"));
    add(parts, piece);
}

static void add_settings(struct cookie_parts *parts, bool is_https,
                         const struct cookies_settings *cookies)
{
    static const char *const words[] = {[COOKIE_SAME_SITE_KEEP] = "",
                                        [COOKIE_SAME_SITE_LAX] = "SameSite=Lax",
                                        [COOKIE_SAME_SITE_STRICT] = "SameSite=Strict",
                                        [COOKIE_SAME_SITE_NONE] = "SameSite=None"};
    enum cookie_same_site same_site = cookies->same_site;

    if (cookies->secure == COOKIE_SECURE_ON && is_https && !parts->is_secure) {
        parts->is_secure = parts->is_changed = true;
        add(parts, SPAN_OF("Secure"));
    }
    if (cookies->http_only && !parts->is_http_only) {
        parts->is_changed = true;
        add(parts, SPAN_OF("HttpOnly"));
    }
    if (same_site != COOKIE_SAME_SITE_KEEP &&
        (same_site != COOKIE_SAME_SITE_NONE || parts->is_secure)) {
        parts->is_changed = true;
        add(parts, span_from_cstr(words[same_site]));
    }
}

struct span set_cookie_for_client(struct span value, const struct locations_from *from,
                                  bool has_moved, const struct cookies_settings *cookies,
                                  struct arena *arena)
{
    bool keeps_path = span_istarts_with(value, SPAN_OF("__Host-"));
    struct strbuf out;
    struct cookie_parts parts = {.out = &out};
    struct span rest = value;
    struct span piece;
    struct span made = unchanged;

    strbuf_init(&out);
    for (bool is_first = true; span_split(&rest, ';', &piece); is_first = false) {
        piece = span_trim(piece);
        if (is_first && piece.len == 0) {
            break; /* no cookie */
        }
        if (is_first) {
            strbuf_add(&out, piece);
        } else if (piece.len != 0) {
            take_attribute(&parts, piece, from, has_moved, keeps_path, cookies, arena);
        }
    }
    if (cookies != NULL && out.len != 0) {
        add_settings(&parts, from->view->is_https, cookies);
    }
    if (parts.is_changed) {
        made = arena_copy(arena, strbuf_span(&out));
    }
    strbuf_free(&out);
    return made;
}
