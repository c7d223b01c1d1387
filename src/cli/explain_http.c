#include "cli/explain_http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/strbuf.h"
#include "cli/explain_answer.h"
#include "cli/explain_bytes.h"
#include "cli/explain_tls.h"
#include "http/h1_chunked.h"
#include "http/h1_parse.h"
#include "tls/cause.h"

enum { BUFFER_BYTES = 65536, HEAD_BYTES_MAX = 256 * 1024, FIELDS_MAX = 500, INTERIM_MAX = 32 };

static const struct h1_limits limits = {HEAD_BYTES_MAX, 65536, FIELDS_MAX};

/* ---- the request ---- */

static bool has_header(const struct explain_options *options, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < options->header_count; i++) {
        if (strncasecmp(options->headers[i], name, len) == 0 && options->headers[i][len] == ':') {
            return true;
        }
    }
    return false;
}

static void add_line(struct explain *ex, struct strbuf *b, const char *name, const char *value)
{
    if (!has_header(ex->options, name)) {
        strbuf_printf(b, "%s: %s\r\n", name, value);
        explain_note(ex, "field", "%s: %s", name, value);
    }
}

static bool send_request(struct explain *ex)
{
    const struct explain_options *options = ex->options;
    struct strbuf b;
    bool ok;

    strbuf_init(&b);
    strbuf_printf(&b, "%s %s HTTP/1.1\r\n", options->method, ex->target.target);
    explain_step(ex, EXPLAIN_TO_SERVER, "request",
                 arena_printf(&ex->arena, "%s %s HTTP/1.1", options->method, ex->target.target));
    add_line(ex, &b, "Host", ex->target.authority);
    add_line(ex, &b, "User-Agent", "tidegate-explain");
    add_line(ex, &b, "Accept", "*/*");
    add_line(ex, &b, "Connection", "close");
    for (size_t i = 0; i < options->header_count; i++) {
        strbuf_printf(&b, "%s\r\n", options->headers[i]);
        explain_note(ex, "field", "%s", options->headers[i]);
    }
    if (options->data != NULL) {
        char len[24];
        (void)snprintf(len, sizeof(len), "%zu", strlen(options->data));
        add_line(ex, &b, "Content-Length", len);
        explain_note(ex, "body", "%s bytes", len);
    }
    strbuf_add_cstr(&b, "\r\n");
    if (options->data != NULL) {
        strbuf_add_cstr(&b, options->data);
    }
    ok = explain_write(ex, b.ptr, b.len);
    strbuf_free(&b);
    return ok;
}

/* ---- the response ---- */

struct reader {
    char *bytes;
    size_t len;
};

static bool read_more(struct explain *ex, struct reader *r, bool *is_end)
{
    ssize_t got;

    if (r->len == HEAD_BYTES_MAX) {
        return explain_fail(ex, cause_words(CAUSE_TOO_LARGE_ANSWER), explain_server(ex), NULL);
    }
    got = explain_read(ex, r->bytes + r->len, HEAD_BYTES_MAX - r->len);
    if (got < 0) {
        return false;
    }
    *is_end = got == 0;
    r->len += (size_t)got;
    return true;
}

static bool fail_parse(struct explain *ex, enum h1_error error)
{
    return explain_fail(ex, cause_words(CAUSE_BAD_ANSWER), NULL, h1_error_text(error));
}

/* The answer's end came before its head was whole. */
static bool fail_end(struct explain *ex)
{
    if (ex->ssl != NULL) {
        return explain_fail_tls(ex, SSL_ERROR_ZERO_RETURN);
    }
    return explain_fail(ex, cause_words(CAUSE_NO_ANSWER_CLOSED), explain_server(ex), NULL);
}

static void note_response(struct explain *ex, const struct http_response *response)
{
    const char *version = response->version == HTTP_1_0 ? "HTTP/1.0" : "HTTP/1.1";

    explain_step(ex, EXPLAIN_TO_CLIENT, response->status < 200 ? "interim" : "response",
                 arena_printf(&ex->arena, "%s %u %.*s", version, response->status,
                              SPAN_ARG(response->reason)));
    for (size_t i = 0; i < response->fields.count; i++) {
        const struct http_field *field = &response->fields.items[i];
        explain_note(ex, "field", "%.*s: %.*s", SPAN_ARG(field->name), SPAN_ARG(field->value));
        explain_look_for_id(ex, field->name, field->value);
    }
    ex->protocol = version;
}

/* One head off the front of the buffer. */
static bool read_head(struct explain *ex, struct reader *r, struct http_response *response)
{
    size_t scanned = 0;
    size_t start = 0;
    size_t head_len = 0;
    bool is_end = false;
    enum h1_error error = H1_OK;

    for (;;) {
        if (r->len != 0) {
            enum h1_head_result result = h1_head_end(span_make(r->bytes, r->len), &limits, false,
                                                     &scanned, &start, &head_len, &error);
            if (result == H1_HEAD_COMPLETE) {
                break;
            }
            if (result == H1_HEAD_BAD) {
                return fail_parse(ex, error);
            }
        }
        if (!read_more(ex, r, &is_end)) {
            return false;
        }
        if (is_end) {
            return fail_end(ex);
        }
    }
    struct span head = arena_copy(&ex->arena, span_make(r->bytes + start, head_len));
    error = h1_parse_response(head, &limits, &ex->arena,
                              http_method_from(span_from_cstr(ex->options->method)), response);
    if (error != H1_OK) {
        return fail_parse(ex, error);
    }
    r->len -= start + head_len;
    memmove(r->bytes, r->bytes + start + head_len, r->len);
    note_response(ex, response);
    return true;
}

static bool read_chunked(struct explain *ex, struct reader *r)
{
    struct h1_chunked decoder;

    h1_chunked_init(&decoder);
    for (;;) {
        size_t at = 0;
        while (at < r->len) {
            size_t used = 0;
            struct span data;
            enum h1_error error = H1_OK;
            switch (h1_chunked_decode(&decoder, span_make(r->bytes + at, r->len - at), &limits,
                                      &ex->arena, &used, &data, NULL, &error)) {
            case H1_CHUNKED_DATA:
                explain_body(ex, data);
                break;
            case H1_CHUNKED_MORE:
                break;
            case H1_CHUNKED_END:
                return true;
            case H1_CHUNKED_BAD:
                return fail_parse(ex, error);
            }
            at += used;
        }
        r->len = 0;
        ssize_t got = explain_read(ex, r->bytes, BUFFER_BYTES);
        if (got <= 0) {
            return got < 0
                       ? false
                       : explain_fail(ex, cause_words(CAUSE_CUT_ANSWER), explain_server(ex), NULL);
        }
        r->len = (size_t)got;
    }
}

/* limit UINT64_MAX: to the connection's end. */
static bool read_counted(struct explain *ex, struct reader *r, uint64_t limit)
{
    explain_body(ex, span_make(r->bytes, r->len));
    while (ex->body_bytes < limit) {
        ssize_t got = explain_read(ex, r->bytes, BUFFER_BYTES);
        if (got < 0) {
            return false;
        }
        if (got == 0) {
            return limit == UINT64_MAX ||
                   explain_fail(ex, cause_words(CAUSE_CUT_ANSWER), explain_server(ex), NULL);
        }
        explain_body(ex, span_make(r->bytes, (size_t)got));
    }
    return true;
}

static bool read_body(struct explain *ex, struct reader *r, const struct http_response *response)
{
    bool ok = true;

    switch (response->framing) {
    case HTTP_FRAMING_NONE:
        break;
    case HTTP_FRAMING_LENGTH:
        ok = read_counted(ex, r, response->content_length);
        break;
    case HTTP_FRAMING_CHUNKED:
        ok = read_chunked(ex, r);
        break;
    case HTTP_FRAMING_CLOSE:
        ok = read_counted(ex, r, UINT64_MAX);
        break;
    }
    if (ok) {
        explain_step(
            ex, EXPLAIN_TO_CLIENT, "body",
            arena_printf(&ex->arena, "body: %llu bytes", (unsigned long long)ex->body_bytes));
    }
    return ok;
}

static bool read_response(struct explain *ex)
{
    struct reader r = {xmalloc(HEAD_BYTES_MAX > BUFFER_BYTES ? HEAD_BYTES_MAX : BUFFER_BYTES), 0};
    struct http_response response = {0};
    bool ok = false;

    for (int i = 0; i < INTERIM_MAX; i++) {
        ok = read_head(ex, &r, &response);
        if (!ok || response.status >= 200) {
            break;
        }
    }
    if (ok && response.status < 200) {
        ok = explain_fail(ex, cause_words(CAUSE_BAD_ANSWER), NULL,
                          "interim responses (1xx) without end");
    }
    if (ok) {
        ex->status = response.status;
        ok = read_body(ex, &r, &response);
    }
    free(r.bytes);
    return ok;
}

bool explain_request_h1(struct explain *ex)
{
    return send_request(ex) && read_response(ex);
}
