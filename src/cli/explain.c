#include "cli/explain.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/message.h"
#include "tls/alert.h"
#include "tls/failure_words.h"

/* What is kept of a server that sends more than any should. */
enum { STEPS_MAX = 1000, LINES_MAX = 600 };

void explain_init(struct explain *ex, const struct explain_options *options)
{
    *ex = (struct explain){.options = options, .fd = -1, .alert_received = TLS_ALERT_NONE};
    arena_init(&ex->arena, 16384);
    ex->began_us = clock_us();
    ex->deadline_us = ex->began_us + options->timeout_ms * 1000;
}

void explain_free(struct explain *ex)
{
    explain_disconnect(ex);
    SSL_SESSION_free(ex->session);
    SSL_CTX_free(ex->ctx);
    free(ex->steps);
    arena_destroy(&ex->arena);
}

/* ---- the record ---- */

struct explain_step *explain_step(struct explain *ex, enum explain_side side, const char *name,
                                  const char *title)
{
    struct explain_step *step;

    if (ex->step_count == STEPS_MAX) {
        /* A server that talks on and on: the last place is used again, and time is up. */
        ex->deadline_us = 0;
        ex->step_count--;
    }
    if (ex->step_count == ex->step_capacity) {
        ex->step_capacity = ex->step_capacity != 0 ? 2 * ex->step_capacity : 32;
        ex->steps = xrealloc(ex->steps, ex->step_capacity * sizeof(*ex->steps));
    }
    step = &ex->steps[ex->step_count++];
    *step = (struct explain_step){
        .side = side, .name = name, .title = title, .at_us = clock_us() - ex->began_us};
    return step;
}

static void note(struct explain *ex, struct explain_step *step, const char *label, const char *fmt,
                 va_list args)
{
    if (ex->step_count == STEPS_MAX || step->count == LINES_MAX) {
        return;
    }
    if (step->count == step->capacity) {
        size_t capacity = step->capacity != 0 ? 2 * step->capacity : 8;
        struct explain_line *lines = arena_calloc(&ex->arena, capacity * sizeof(*lines));
        if (step->count != 0) {
            memcpy(lines, step->lines, step->count * sizeof(*lines));
        }
        step->lines = lines;
        step->capacity = capacity;
    }
    step->lines[step->count].label = label;
    step->lines[step->count++].value = arena_vprintf(&ex->arena, fmt, args);
}

void explain_note(struct explain *ex, const char *label, const char *fmt, ...)
{
    va_list args;

    CHECK(ex->step_count != 0);
    va_start(args, fmt);
    note(ex, &ex->steps[ex->step_count - 1], label, fmt, args);
    va_end(args);
}

void explain_note_at(struct explain *ex, size_t step, const char *label, const char *fmt, ...)
{
    va_list args;

    CHECK(step < ex->step_count);
    va_start(args, fmt);
    note(ex, &ex->steps[step], label, fmt, args);
    va_end(args);
}

bool explain_fail(struct explain *ex, const struct handshake_cause *cause, const char *who,
                  const char *detail)
{
    if (ex->failure.cause == NULL) { /* the first reason is the one that matters */
        ex->failure.cause = cause;
        ex->failure.who = who != NULL ? who : "this client";
        ex->failure.why = cause->sentence;
        ex->failure.detail = detail != NULL ? arena_cstr(&ex->arena, span_from_cstr(detail)) : NULL;
    }
    return false;
}

const char *explain_server(struct explain *ex)
{
    return arena_printf(&ex->arena, "the server (%s)",
                        ex->server != NULL ? ex->server : ex->target.authority);
}

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
    } else if (strstr(ex->options->url, "://") != NULL) {
        return error_set(error, "'%s' is neither an https:// nor an http:// URL", ex->options->url);
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
        return explain_fail(ex, failure_cause(FAILURE_NAME_NOT_RESOLVED),
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
            uint64_t took = clock_us() - ex->began_us - ex->steps[step].at_us;
            explain_step(ex, EXPLAIN_TO_CLIENT, "connected", "connected");
            explain_note(ex, "round trip", "%.1f ms", (double)took / 1000);
            return true;
        }
        ex->steps[step].is_bad = true;
        explain_note_at(ex, step, "error", "%s", strerror(error));
    }
    return explain_fail(ex, failure_of_connect(error), failure_who_connect(error),
                        arena_printf(&ex->arena, "%s: %s", ex->server, strerror(error)));
}

void explain_disconnect(struct explain *ex)
{
    if (ex->ssl != NULL) {
        if (ex->has_handshake && ex->failure.cause == NULL) {
            (void)SSL_shutdown(ex->ssl);
        }
        SSL_free(ex->ssl);
        ex->ssl = NULL;
    }
    if (ex->fd >= 0) {
        (void)close(ex->fd);
        ex->fd = -1;
    }
    sk_X509_pop_free(ex->sent, X509_free);
    ex->sent = NULL;
    ex->has_handshake = false;
    ex->was_asked = false;
}

/* ---- the answer ---- */

void explain_body(struct explain *ex, struct span bytes)
{
    size_t room = sizeof(ex->body_start) - ex->body_start_len;
    size_t n = bytes.len < room ? bytes.len : room;

    if (n != 0) {
        memcpy(ex->body_start + ex->body_start_len, bytes.ptr, n);
        ex->body_start_len += n;
    }
    ex->body_bytes += bytes.len;
}

void explain_look_for_id(struct explain *ex, struct span name, struct span value)
{
    if (span_ieq(name, SPAN_OF("x-request-id")) || span_ieq(name, SPAN_OF("request-id")) ||
        span_ieq(name, SPAN_OF("x-correlation-id"))) {
        ex->request_id = arena_cstr(&ex->arena, value);
    }
}

/* Tidegate's error pages end in a line "request ID". */
static const char *id_of_page(struct explain *ex)
{
    const struct span word = SPAN("request ");
    struct span rest = span_make(ex->body_start, ex->body_start_len);
    struct span line;

    while (span_split(&rest, '\n', &line)) {
        if (span_starts_with(line, word) && line.len > word.len && line.len <= word.len + 64) {
            return arena_cstr(&ex->arena, span_skip(line, word.len));
        }
    }
    return NULL;
}

/* An answer that says that there is none (RFC 9110 section 15.6). */
static bool judge_answer(struct explain *ex)
{
    const char *id = ex->request_id != NULL ? ex->request_id : id_of_page(ex);

    if (ex->status < 500) {
        return true;
    }
    return explain_fail(
        ex, failure_cause(FAILURE_SERVER_ERROR), explain_server(ex),
        id != NULL ? arena_printf(&ex->arena, "%u %s, request id %s", ex->status,
                                  http_reason(ex->status), id)
                   : arena_printf(&ex->arena, "%u %s", ex->status, http_reason(ex->status)));
}

/* ---- the play ---- */

static bool play_once(struct explain *ex)
{
    return explain_connect(ex) && (!ex->target.is_tls || explain_handshake(ex)) &&
           explain_request(ex) && judge_answer(ex);
}

bool explain_play(struct explain *ex)
{
    if (!explain_resolve(ex) || !play_once(ex)) {
        return false;
    }
    if (!ex->options->resume || !ex->target.is_tls) {
        return true;
    }
    explain_disconnect(ex);
    ex->is_second = true;
    explain_step(ex, EXPLAIN_HERE, "again", "once more, to resume the session");
    explain_note(ex, "session", "%s",
                 ex->session == NULL ? "the server gave none" : "offered to the server");
    if (!play_once(ex)) {
        return false;
    }
    explain_step(ex, EXPLAIN_HERE, "resumption",
                 ex->was_resumed ? "the session was resumed" : "the session was not resumed");
    return true;
}
