#include "cli/explain_net.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/message.h"
#include "tls/cause.h"

/* ---- the URL ---- */

static bool split_authority(struct explain *ex, struct span authority, struct error *error)
{
    struct explain_target *target = &ex->target;
    struct span host;
    uint16_t port;

    if (!http_parse_authority(authority, &host, &port)) {
        return error_set(error, "'%.*s' is no host or host:port", SPAN_ARG(authority));
    }
    target->authority = arena_cstr(&ex->arena, authority);
    target->port = port != 0 ? port : target->is_tls ? 443 : 80;
    if (port == 0 && target->is_bytes && !target->is_tls) {
        return error_set(error, "'%s' has no port, and tcp:// has no usual one", ex->options->url);
    }
    if (host.len > 2 && host.ptr[0] == '[') {
        host = span_make(host.ptr + 1, host.len - 2);
    }
    char *name = arena_cstr(&ex->arena, host);
    for (char *at = name; *at != '\0'; at++) {
        *at = ascii_lower(*at);
    }
    target->host = name;
    return true;
}

bool explain_parse_url(struct explain *ex, struct error *error)
{
    struct span url = span_from_cstr(ex->options->url);
    struct explain_target *target = &ex->target;

    target->is_tls = true;
    if (url.len >= 8 && strncasecmp(url.ptr, "https://", 8) == 0) {
        url = span_skip(url, 8);
    } else if (url.len >= 7 && strncasecmp(url.ptr, "http://", 7) == 0) {
        target->is_tls = false;
        url = span_skip(url, 7);
    } else if (url.len >= 6 &&
               (strncasecmp(url.ptr, "tcp://", 6) == 0 || strncasecmp(url.ptr, "tls://", 6) == 0)) {
        target->is_bytes = true;
        target->is_tls = ascii_lower(url.ptr[1]) == 'l';
        url = span_skip(url, 6);
    } else if (strstr(ex->options->url, "://") != NULL) {
        return error_set(error, "'%s' is no https://, http://, tls:// or tcp:// URL",
                         ex->options->url);
    }
    for (size_t i = 0; i < url.len; i++) {
        if ((unsigned char)url.ptr[i] <= ' ' || url.ptr[i] == 0x7f) {
            return error_set(error, "a URL cannot hold blanks or control characters; "
                                    "write them as %%20 and the like");
        }
    }
    url = span_head(url, span_find(url, '#'));
    size_t slash = span_find(url, '/');
    size_t question = span_find(url, '?');
    size_t end = slash < question ? slash : question;
    struct span rest = span_skip(url, end);
    target->target = rest.len == 0 ? "/"
                                   : arena_printf(&ex->arena, "%s%.*s",
                                                  rest.ptr[0] == '?' ? "/" : "", SPAN_ARG(rest));
    return split_authority(ex, span_head(url, end), error);
}

/* ---- names and sockets ---- */

static void keep_address(struct explain *ex, const struct sockaddr *address, socklen_t len)
{
    struct sock_address *slot;

    if (ex->address_count == EXPLAIN_ADDRESSES_MAX || len > sizeof(slot->un)) {
        return;
    }
    slot = &ex->addresses[ex->address_count++];
    *slot = (struct sock_address){.len = len};
    memcpy(&slot->any, address, len);
}

static bool resolve(struct explain *ex, const char *host, uint16_t port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC};
    struct addrinfo *found = NULL;
    char text[8];
    int error;

    (void)snprintf(text, sizeof(text), "%u", (unsigned)port);
    error = getaddrinfo(host, text, &hints, &found);
    if (error != 0) {
        ex->steps[ex->step_count - 1].is_bad = true;
        return explain_fail(ex, cause_words(CAUSE_NAME_NOT_RESOLVED),
                            "the name service of this machine",
                            arena_printf(&ex->arena, "%s: %s", host, gai_strerror(error)));
    }
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        keep_address(ex, at->ai_addr, at->ai_addrlen);
    }
    freeaddrinfo(found);
    return true;
}

bool explain_resolve(struct explain *ex)
{
    const char *host = ex->target.host;
    uint16_t port = ex->target.port;
    struct sock_address literal;

    ex->address_count = 0;
    if (ex->options->connect != NULL) {
        struct span name;
        /* It was parsed once, by the command line. */
        CHECK(http_parse_authority(span_from_cstr(ex->options->connect), &name, &port));
        if (name.len > 2 && name.ptr[0] == '[') {
            name = span_make(name.ptr + 1, name.len - 2);
        }
        host = arena_cstr(&ex->arena, name);
        port = port != 0 ? port : ex->target.port;
    }
    if (sock_address_from_ip(&literal, host, port)) {
        keep_address(ex, &literal.any, literal.len);
        return true; /* nothing to look up, and so no step */
    }
    explain_step(ex, EXPLAIN_HERE, "resolve", "look up the name");
    explain_note(ex, "name", "%s", host);
    size_t step = ex->step_count - 1;
    if (!resolve(ex, host, port)) {
        return false;
    }
    for (size_t i = 0; i < ex->address_count; i++) {
        struct peer peer = peer_from(&ex->addresses[i]);
        char text[SOCK_TEXT_MAX];
        (void)peer_ip_text(&peer, text);
        explain_note_at(ex, step, "address", "%s", text);
    }
    ex->steps[step].at_us = clock_us() - ex->began_us;
    return true;
}

bool explain_wait(struct explain *ex, short events)
{
    for (;;) {
        uint64_t now = clock_us();
        struct pollfd fd = {.fd = ex->fd, .events = events};
        uint64_t left_ms = now < ex->deadline_us ? (ex->deadline_us - now) / 1000 + 1 : 0;
        int ready = left_ms == 0 ? 0 : poll(&fd, 1, left_ms < 3600000 ? (int)left_ms : 3600000);

        if (ready > 0) {
            return true;
        }
        if (ready == 0) {
            errno = ETIMEDOUT;
            return false;
        }
        if (errno != EINTR) {
            return false;
        }
    }
}

/* 0, or an errno. */
static int try_address(struct explain *ex, const struct sock_address *address)
{
    bool is_connected = false;
    int error = 0;
    socklen_t len = sizeof(error);

    ex->fd = sock_connect(address, &is_connected);
    if (ex->fd < 0) {
        return errno;
    }
    if (!is_connected) {
        if (!explain_wait(ex, POLLOUT)) {
            error = errno;
        } else if (getsockopt(ex->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) {
            error = errno;
        }
    }
    if (error != 0) {
        (void)close(ex->fd);
        ex->fd = -1;
    }
    return error;
}

bool explain_connect(struct explain *ex)
{
    int error = 0;

    for (size_t i = 0; i < ex->address_count; i++) {
        char text[SOCK_TEXT_MAX];

        (void)sock_address_text(&ex->addresses[i], text);
        explain_step(ex, EXPLAIN_TO_SERVER, "connect", "TCP connect");
        explain_note(ex, "address", "%s", text);
        size_t step = ex->step_count - 1;
        ex->server = arena_cstr(&ex->arena, span_from_cstr(text));
        error = try_address(ex, &ex->addresses[i]);
        if (error == 0) {
            if (!sock_local_address(ex->fd, &ex->local)) {
                ex->local.len = 0;
            }
            uint64_t took = clock_us() - ex->began_us - ex->steps[step].at_us;
            explain_step(ex, EXPLAIN_TO_CLIENT, "connected", "connected");
            explain_note(ex, "round trip", "%.1f ms", (double)took / 1000);
            return true;
        }
        ex->steps[step].is_bad = true;
        explain_note_at(ex, step, "error", "%s", strerror(error));
    }
    return explain_fail(ex, cause_of_connect(error), cause_who_connect(error),
                        arena_printf(&ex->arena, "%s: %s", ex->server, strerror(error)));
}
