#include "certs/ocsp_transfer.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/h1_chunked.h"
#include "http/h1_parse.h"
#include "tls/ocsp_check.h"

#define HEAD_MAX (16 * 1024)
#define FIELDS_MAX 100
#define READ_BYTES 4096

static const struct h1_limits limits = {
    .head_bytes = HEAD_MAX, .target_bytes = OCSP_URL_MAX, .fields = FIELDS_MAX};

struct transfer {
    int fd;
    int stop_fd;
    uint64_t deadline_ms;
    struct error *error;
    struct arena arena;
    struct strbuf in; /* the head's bytes, until it is whole */
    size_t scanned;
    bool has_head;
    struct http_response response;
    struct h1_chunked chunked;
    struct strbuf *body;
};

enum step { STEP_MORE, STEP_DONE, STEP_FAILED, STEP_STOPPED };

static enum step fail(struct transfer *t, const char *text)
{
    (void)error_set(t->error, "%s", text);
    return STEP_FAILED;
}

static enum step fail_errno(struct transfer *t, int number, const char *what)
{
    (void)error_set(t->error, "%s: %s: see whether this machine may connect to it", what,
                    strerror(number));
    return STEP_FAILED;
}

/* ---- names ---- */

bool ocsp_lookup(const struct ocsp_url *url, struct ocsp_addresses *addresses, struct error *error)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char port[8];
    int result;

    addresses->count = 0;
    if (sock_address_from_ip(&addresses->items[0], url->host, url->port)) {
        addresses->count = 1;
        return true;
    }
    (void)snprintf(port, sizeof(port), "%u", url->port);
    result = getaddrinfo(url->host, port, &hints, &found);
    if (result != 0) {
        return error_set(error,
                         "cannot resolve %s: %s: see whether this machine's name server answers",
                         url->host, gai_strerror(result));
    }
    for (struct addrinfo *at = found; at != NULL && addresses->count < OCSP_ADDRESSES_MAX;
         at = at->ai_next) {
        struct sock_address *to = &addresses->items[addresses->count];
        if (at->ai_addrlen <= sizeof(to->v6)) {
            *to = (struct sock_address){.len = at->ai_addrlen};
            memcpy(&to->any, at->ai_addr, at->ai_addrlen);
            addresses->count++;
        }
    }
    freeaddrinfo(found);
    return addresses->count != 0 || error_set(error, "%s has no IPv4 or IPv6 address", url->host);
}

/* ---- the connection ---- */

/* MORE: the socket is ready for `events`. */
static enum step wait_for(struct transfer *t, short events, uint64_t until_ms)
{
    struct pollfd fds[2] = {{.fd = t->fd, .events = events}, {.fd = t->stop_fd, .events = POLLIN}};

    for (;;) {
        uint64_t now = clock_ms();
        int ready;

        if (now >= until_ms) {
            return fail(t, "it did not answer in time (timeouts.ocsp): see whether this machine "
                           "may connect to it");
        }
        ready = poll(fds, 2, (int)(until_ms - now));
        if (ready < 0 && errno != EINTR) {
            return fail_errno(t, errno, "poll");
        }
        if (ready > 0 && fds[1].revents != 0) {
            return STEP_STOPPED;
        }
        if (ready > 0) {
            return STEP_MORE;
        }
    }
}

static enum step connect_to(struct transfer *t, const struct sock_address *to, uint64_t until_ms)
{
    bool is_connected = false;
    char text[SOCK_TEXT_MAX];
    int number = 0;
    socklen_t len = sizeof(number);
    enum step step;

    (void)sock_address_text(to, text);
    t->fd = sock_connect(to, &is_connected);
    if (t->fd < 0) {
        return fail_errno(t, errno, text);
    }
    if (is_connected) {
        return STEP_MORE;
    }
    step = wait_for(t, POLLOUT, until_ms);
    if (step == STEP_MORE && getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &number, &len) == 0 &&
        number != 0) {
        step = fail_errno(t, number, text);
    }
    return step;
}

/* Each address has its share of the time that is left. */
static enum step connect_to_any(struct transfer *t, const struct ocsp_addresses *addresses)
{
    enum step step = STEP_FAILED;

    for (size_t i = 0; i < addresses->count && step == STEP_FAILED; i++) {
        uint64_t now = clock_ms();
        uint64_t left = t->deadline_ms > now ? t->deadline_ms - now : 0;

        if (t->fd >= 0) {
            close(t->fd);
            t->fd = -1;
        }
        step = connect_to(t, &addresses->items[i], now + left / (addresses->count - i));
    }
    return step;
}

static enum step send_all(struct transfer *t, struct span bytes)
{
    while (bytes.len != 0) {
        ssize_t n = send(t->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (n >= 0) {
            bytes = span_skip(bytes, (size_t)n);
        } else if (errno == EAGAIN) {
            enum step step = wait_for(t, POLLOUT, t->deadline_ms);
            if (step != STEP_MORE) {
                return step;
            }
        } else if (errno != EINTR) {
            return fail_errno(t, errno, "it broke the connection off");
        }
    }
    return STEP_MORE;
}

static enum step send_request(struct transfer *t, const struct ocsp_fetch *fetch)
{
    struct strbuf out;
    enum step step;

    strbuf_init(&out);
    strbuf_printf(&out,
                  "POST %s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: tidegate\r\n"
                  "Content-Type: application/ocsp-request\r\nContent-Length: %zu\r\n"
                  "Accept: application/ocsp-response\r\nConnection: close\r\n\r\n",
                  fetch->url.target, SPAN_ARG(fetch->url.authority), fetch->request.len);
    strbuf_add(&out, fetch->request);
    step = send_all(t, strbuf_span(&out));
    strbuf_free(&out);
    return step;
}

/* ---- the response ---- */

static enum step add_body(struct transfer *t, struct span bytes)
{
    if (bytes.len > OCSP_RESPONSE_MAX - t->body->len) {
        return fail(t, "what it sends is larger than an OCSP response can be (64 KiB): look "
                       "whether a proxy or a login page answers in its place");
    }
    strbuf_add(t->body, bytes);
    return STEP_MORE;
}

static enum step add_chunked(struct transfer *t, struct span in)
{
    for (;;) {
        enum h1_error error = H1_OK;
        struct span data = {NULL, 0};
        size_t used = 0;
        enum h1_chunked_result result =
            h1_chunked_decode(&t->chunked, in, &limits, &t->arena, &used, &data, NULL, &error);

        in = span_skip(in, used);
        switch (result) {
        case H1_CHUNKED_DATA:
            if (add_body(t, data) == STEP_FAILED) {
                return STEP_FAILED;
            }
            break;
        case H1_CHUNKED_MORE:
            return STEP_MORE;
        case H1_CHUNKED_END:
            return STEP_DONE;
        case H1_CHUNKED_BAD:
            return fail(t, h1_error_text(error));
        }
    }
}

static enum step take_body(struct transfer *t, struct span in)
{
    uint64_t left;
    enum step step;

    switch (t->response.framing) {
    case HTTP_FRAMING_NONE:
        return STEP_DONE;
    case HTTP_FRAMING_CHUNKED:
        return add_chunked(t, in);
    case HTTP_FRAMING_CLOSE:
        return add_body(t, in);
    case HTTP_FRAMING_LENGTH:
        break;
    }
    left = t->response.content_length - t->body->len;
    step = add_body(t, in.len > left ? span_head(in, (size_t)left) : in);
    return step == STEP_MORE && t->body->len == t->response.content_length ? STEP_DONE : step;
}

static enum step check_head(struct transfer *t)
{
    unsigned status = t->response.status;

    if (status == 200) {
        h1_chunked_init(&t->chunked);
        return STEP_MORE;
    }
    (void)error_set(t->error, "it answered with status %u%s", status,
                    status >= 300 && status < 400
                        ? ", and redirects are not followed: ask the authority"
                        : ": if that lasts, ask the authority");
    return STEP_FAILED;
}

static enum step take_head(struct transfer *t, struct span in)
{
    enum h1_error error = H1_OK;
    size_t start = 0;
    size_t len = 0;
    struct span all;
    enum step step;

    strbuf_add(&t->in, in);
    all = strbuf_span(&t->in);
    switch (h1_head_end(all, &limits, false, &t->scanned, &start, &len, &error)) {
    case H1_HEAD_MORE:
        return STEP_MORE;
    case H1_HEAD_BAD:
        return fail(t, h1_error_text(error));
    case H1_HEAD_COMPLETE:
        break;
    }
    error = h1_parse_response(span_make(all.ptr + start, len), &limits, &t->arena, HTTP_POST,
                              &t->response);
    if (error != H1_OK) {
        return fail(t, h1_error_text(error));
    }
    t->has_head = true;
    step = check_head(t);
    return step == STEP_MORE ? take_body(t, span_skip(all, start + len)) : step;
}

static enum step on_end(struct transfer *t)
{
    if (t->has_head && t->response.framing == HTTP_FRAMING_CLOSE) {
        return STEP_DONE;
    }
    return fail(t, "it closed the connection before the response was whole: if that lasts, ask the "
                   "authority");
}

static enum step receive(struct transfer *t)
{
    enum step step = STEP_MORE;
    char buffer[READ_BYTES];

    while (step == STEP_MORE) {
        ssize_t n = recv(t->fd, buffer, sizeof(buffer), 0);
        if (n > 0) {
            struct span in = span_make(buffer, (size_t)n);
            step = t->has_head ? take_body(t, in) : take_head(t, in);
        } else if (n == 0) {
            step = on_end(t);
        } else if (errno == EAGAIN) {
            step = wait_for(t, POLLIN, t->deadline_ms);
        } else if (errno != EINTR) {
            step = fail_errno(t, errno, "it broke the connection off");
        }
        /* A trickle of bytes keeps the socket readable: the time is looked at here too. */
        if (step == STEP_MORE && clock_ms() >= t->deadline_ms) {
            step = wait_for(t, POLLIN, t->deadline_ms);
        }
    }
    return step;
}

enum ocsp_transfer_result ocsp_transfer(const struct ocsp_fetch *fetch,
                                        const struct ocsp_addresses *addresses, int stop_fd,
                                        uint64_t deadline_ms, struct strbuf *body,
                                        struct error *error)
{
    struct transfer t = {
        .fd = -1, .stop_fd = stop_fd, .deadline_ms = deadline_ms, .error = error, .body = body};
    enum step step;

    arena_init(&t.arena, READ_BYTES);
    strbuf_init(&t.in);
    step = connect_to_any(&t, addresses);
    if (step == STEP_MORE) {
        step = send_request(&t, fetch);
    }
    if (step == STEP_MORE) {
        step = receive(&t);
    }
    if (t.fd >= 0) {
        close(t.fd);
    }
    strbuf_free(&t.in);
    arena_destroy(&t.arena);
    return step == STEP_DONE      ? OCSP_TRANSFER_DONE
           : step == STEP_STOPPED ? OCSP_TRANSFER_STOPPED
                                  : OCSP_TRANSFER_FAILED;
}
