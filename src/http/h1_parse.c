#include "http/h1_parse.h"

#include <string.h>

#include "http/chars.h"
#include "http/h1_parse_internal.h"

/* Everything of a request line but the target, at most: METHOD SP SP HTTP/1.1 CR. */
#define REQUEST_LINE_REST (H1_METHOD_MAX + 11)

/* Where h1_head_end must stop looking, and why: at the limit of the head, or of its first line. */
struct head_window {
    size_t stop;
    enum h1_error error;
};

/* A first line that can only be over its limit: because of its target, or of what is no target? */
static enum h1_error long_line_error(struct span line, const struct h1_limits *limits)
{
    struct span target = span_skip(line, span_find(line, ' '));

    if (target.len == 0) {
        return H1_BAD_REQUEST_LINE;
    }
    target = span_skip(target, 1);
    return span_find(target, ' ') > limits->target_bytes ? H1_TARGET_TOO_LONG : H1_BAD_REQUEST_LINE;
}

static struct head_window head_window(struct span bytes, const struct h1_limits *limits,
                                      bool is_request, size_t start, size_t from)
{
    struct head_window window = {bytes.len, H1_OK};
    size_t line_max = limits->target_bytes + REQUEST_LINE_REST;

    if (bytes.len - start > limits->head_bytes) {
        window = (struct head_window){start + limits->head_bytes, H1_HEAD_TOO_LARGE};
    }
    if (is_request && window.stop - start > line_max && from - start <= line_max &&
        memchr(bytes.ptr + start, '\n', line_max + 1) == NULL) {
        window = (struct head_window){
            start + line_max + 1,
            long_line_error(span_make(bytes.ptr + start, line_max + 1), limits)};
    }
    return window;
}

/* A NUL is told at once: what speaks another protocol need not wait for its timeout. */
static bool has_nul(struct span bytes, size_t from, size_t to)
{
    return to > from && memchr(bytes.ptr + from, '\0', to - from) != NULL;
}

static enum h1_error nul_error(struct span bytes, size_t start, bool is_request)
{
    const char *nul = memchr(bytes.ptr + start, '\0', bytes.len - start);

    if (memchr(bytes.ptr + start, '\n', (size_t)(nul - bytes.ptr) - start) != NULL) {
        return H1_BAD_FIELD_VALUE;
    }
    return is_request ? H1_BAD_REQUEST_LINE : H1_BAD_STATUS_LINE;
}

/* Moves *at behind the line end that ends the head, or to where the search ended. */
static enum h1_head_result find_end(const char *start, const char **at, const char *stop,
                                    enum h1_error *error)
{
    const char *p = *at;
    const char *lf;

    while (p < stop && (lf = memchr(p, '\n', (size_t)(stop - p))) != NULL) {
        if (UNLIKELY(lf == start || lf[-1] != '\r')) {
            *at = lf;
            *error = H1_BAD_LINE_END;
            return H1_HEAD_BAD;
        }
        p = lf + 1;
        if (lf - 1 == start || lf[-2] == '\n') {
            *at = p;
            return H1_HEAD_COMPLETE;
        }
    }
    *at = stop;
    return H1_HEAD_MORE;
}

/* Whether the first bytes can be no HTTP/1 message's: a server's banner, another protocol, a method
 * that does not end. Told at once, rather than when a line end or a deadline comes; *at is where.
 * CR, LF and NUL are find_end's business. */
static enum h1_error check_beginning(struct span bytes, bool is_request, size_t *at)
{
    static const char protocol[] = "HTTP/";
    size_t most = is_request ? H1_METHOD_MAX + 1 : sizeof(protocol) - 1;

    for (size_t i = 0; i < bytes.len && i < most; i++) {
        char c = bytes.ptr[i];
        if (c == '\r' || c == '\n' || c == '\0' || (is_request && c == ' ')) {
            break;
        }
        *at = i;
        if (is_request ? !http_is(c, HTTP_TOKEN) || i == H1_METHOD_MAX : c != protocol[i]) {
            return is_request ? H1_BAD_METHOD : H1_BAD_STATUS_LINE;
        }
    }
    return H1_OK;
}

static enum h1_error judge_lines(struct span bytes, size_t first, size_t from, size_t to,
                                 const struct h1_limits *limits, bool is_request, size_t *where);

enum h1_head_result h1_head_end(struct span bytes, const struct h1_limits *limits, bool is_request,
                                size_t *scanned, size_t *start, size_t *head_len,
                                enum h1_error *error)
{
    /* RFC 9112 section 2.2: "a server that is expecting to receive and parse a request-line SHOULD
     * ignore at least one empty line (CRLF) received prior to the request-line". */
    bool skips = is_request && bytes.len >= 2 && bytes.ptr[0] == '\r' && bytes.ptr[1] == '\n';
    size_t first = skips ? 2 : 0;
    size_t from = *scanned > first ? *scanned : first;
    struct head_window window;

    *error = H1_OK;
    *start = first;
    if (bytes.len <= from) {
        return H1_HEAD_MORE;
    }
    size_t wrong = 0;
    if (*scanned <= first + H1_METHOD_MAX &&
        (*error = check_beginning(span_skip(bytes, first), is_request, &wrong)) != H1_OK) {
        *scanned = first + wrong;
        return H1_HEAD_BAD;
    }
    window = head_window(bytes, limits, is_request, first, from);
    const char *at = bytes.ptr + from;
    enum h1_head_result result = find_end(bytes.ptr + first, &at, bytes.ptr + window.stop, error);
    size_t seen = (size_t)(at - bytes.ptr);
    if (UNLIKELY(has_nul(bytes, from, seen))) {
        *error = nul_error(bytes, first, is_request);
        seen = (size_t)((const char *)memchr(bytes.ptr + from, '\0', seen - from) - bytes.ptr);
        result = H1_HEAD_BAD;
    } else if (result == H1_HEAD_MORE && window.error != H1_OK) {
        *error = window.error;
        result = H1_HEAD_BAD;
    }
    if (result != H1_HEAD_COMPLETE) {
        enum h1_error earlier = judge_lines(bytes, first, from, seen, limits, is_request, &seen);
        if (earlier != H1_OK) {
            *error = earlier;
            result = H1_HEAD_BAD;
        }
    }
    *scanned = seen;
    *head_len = seen - first;
    return result;
}

/* The parser's loops need no bound of their own where the bytes end in CR LF: neither is in any
 * class they run over. */
static enum h1_error check_head(struct span head, const struct h1_limits *limits)
{
    if (head.len > limits->head_bytes) {
        return H1_HEAD_TOO_LARGE;
    }
    if (head.len < 2 || memcmp(head.ptr + head.len - 2, "\r\n", 2) != 0) {
        return H1_BAD_LINE_END;
    }
    return H1_OK;
}

/* HTTP-version = "HTTP/" DIGIT "." DIGIT (RFC 9112 section 2.3), followed by `delimiter`. At least
 * two readable bytes are at `at`, CR LF the last of them. */
static enum h1_error parse_version(const char *at, const char *end, char delimiter,
                                   enum http_version *version)
{
    if (end - at < 10 || memcmp(at, "HTTP/", 5) != 0) {
        return H1_BAD_VERSION;
    }
    if (!ascii_is_digit(at[5]) || at[6] != '.' || !ascii_is_digit(at[7]) || at[8] != delimiter) {
        return H1_BAD_VERSION;
    }
    if (at[5] != '1') {
        return H1_UNSUPPORTED_VERSION;
    }
    /* RFC 9110 section 2.5: a minor version that is higher than ours is to be taken as ours. */
    *version = at[7] != '0' ? HTTP_1_1 : HTTP_1_0;
    return H1_OK;
}

/* A bare CR or LF at `at`, where something else was due. */
static bool is_bad_line_end(const char *at)
{
    return *at == '\n' || (*at == '\r' && at[1] != '\n');
}

static enum h1_error parse_method(const char **at, struct http_request *request)
{
    const char *p = *at;

    while (http_is(*p, HTTP_TOKEN)) {
        p++;
    }
    request->method_name = span_make(*at, (size_t)(p - *at));
    if (UNLIKELY(*p != ' ' || p == *at || p - *at > H1_METHOD_MAX)) {
        bool is_empty = p == *at;
        *at = p - *at > H1_METHOD_MAX ? *at + H1_METHOD_MAX : p;
        return is_bad_line_end(p)                      ? H1_BAD_LINE_END
               : *p == '\r' || (*p == ' ' && is_empty) ? H1_BAD_REQUEST_LINE
                                                       : H1_BAD_METHOD;
    }
    request->method = http_method_from(request->method_name);
    *at = p + 1;
    return H1_OK;
}

/* Only the bytes are looked at here: what form they make is asked once the line is known to be
 * whole, so that the preface of HTTP/2 is told by its version. */
static enum h1_error take_target(const char **at, const struct h1_limits *limits,
                                 struct http_request *request)
{
    const char *p = *at;

    while (http_is(*p, HTTP_TARGET)) {
        p++;
    }
    request->target = span_make(*at, (size_t)(p - *at));
    if (UNLIKELY(*p != ' ' || p == *at)) {
        *at = p;
        return is_bad_line_end(p)        ? H1_BAD_LINE_END
               : *p == '\r' || *p == ' ' ? H1_BAD_REQUEST_LINE /* HTTP/0.9; two spaces */
                                         : H1_BAD_TARGET;
    }
    if (UNLIKELY(request->target.len > limits->target_bytes)) {
        return H1_TARGET_TOO_LONG;
    }
    *at = p + 1;
    return H1_OK;
}

/* The first byte at which what is here is no version any more. */
static const char *version_end(const char *at)
{
    static const char form[] = "HTTP/0.0";

    for (size_t i = 0; i < sizeof(form) - 1; i++) {
        if (form[i] == '0' ? !ascii_is_digit(at[i]) : at[i] != form[i]) {
            return at + i;
        }
    }
    return at + sizeof(form) - 1;
}

/* "GET /a b HTTP/1.1" is a request line of too many parts, "GET / HTTP/1.1 " a bad version. */
static enum h1_error bad_version(const char **at, const char *end)
{
    const char *start = *at;
    const char *p = http_value_end(start, end);

    if (is_bad_line_end(p)) {
        *at = p;
        return H1_BAD_LINE_END;
    }
    *at = version_end(start);
    return p - start >= 5 && memcmp(start, "HTTP/", 5) == 0 ? H1_BAD_VERSION : H1_BAD_REQUEST_LINE;
}

/* request-line = method SP request-target SP HTTP-version (RFC 9112 section 3) */
static enum h1_error parse_request_line(const char **at, const char *end,
                                        const struct h1_limits *limits,
                                        struct http_request *request)
{
    enum h1_error error = parse_method(at, request);

    if (UNLIKELY(error != H1_OK)) {
        return error;
    }
    error = take_target(at, limits, request);
    if (UNLIKELY(error != H1_OK)) {
        return error;
    }
    error = parse_version(*at, end, '\r', &request->version);
    if (UNLIKELY(error == H1_BAD_VERSION || (error == H1_OK && (*at)[9] != '\n'))) {
        return bad_version(at, end);
    }
    *at += error == H1_OK ? 10 : 0;
    return error;
}

/* The byte that stopped the parser, unless it was the end of what it had. */
static struct span byte_at(const char *at, const char *end)
{
    return at < end ? span_make(at, 1) : span_make(NULL, 0);
}

enum h1_error h1_parse_request(struct span head, const struct h1_limits *limits,
                               struct arena *arena, struct http_request *request)
{
    const char *at = head.ptr;
    const char *end = at + head.len;
    uint64_t repeated = 0;
    enum h1_error error = check_head(head, limits);

    *request = (struct http_request){0};
    if (UNLIKELY(error != H1_OK)) {
        return error;
    }
    error = parse_request_line(&at, end, limits, request);
    if (UNLIKELY(error != H1_OK)) {
        request->refused = byte_at(at, end);
        return error;
    }
    error = h1_parse_target(request);
    if (UNLIKELY(error != H1_OK)) {
        return error;
    }
    error = h1_parse_fields(&at, end, limits->fields, arena, &request->fields, &repeated);
    if (UNLIKELY(error != H1_OK)) {
        request->refused = byte_at(at, end);
        return error;
    }
    error = h1_settle_host(request, repeated, arena);
    if (UNLIKELY(error != H1_OK)) {
        return error;
    }
    return h1_settle_request(request, repeated, arena);
}

/* Why the status line is none that stops at *at. */
static enum h1_error bad_status_line(const char **at, const char *wrong)
{
    *at = wrong;
    return is_bad_line_end(wrong) ? H1_BAD_LINE_END : H1_BAD_STATUS_LINE;
}

static enum h1_error bad_status_version(const char **at, const char *end, enum h1_error error)
{
    const char *start = *at;
    const char *stop = http_value_end(start, end);
    bool is_http = stop - start >= 5 && memcmp(start, "HTTP/", 5) == 0;

    *at = is_bad_line_end(stop) ? stop : version_end(start);
    return is_bad_line_end(stop) ? H1_BAD_LINE_END : is_http ? error : H1_BAD_STATUS_LINE;
}

/* status-line = HTTP-version SP status-code SP [ reason-phrase ] (RFC 9112 section 4). Many servers
 * leave out the second space along with the reason, and every client takes that. */
static enum h1_error parse_status_line(const char **at, const char *end,
                                       struct http_response *response)
{
    const char *p = *at;
    enum h1_error error = parse_version(p, end, ' ', &response->version);

    if (UNLIKELY(error != H1_OK)) {
        return bad_status_version(at, end, error);
    }
    p += 9;
    unsigned status = 0;
    for (int i = 0; i < 3; i++, p++) {
        if (!ascii_is_digit(*p)) {
            return bad_status_line(at, p);
        }
        status = status * 10 + (unsigned)(*p - '0');
    }
    if (status < 100) {
        return bad_status_line(at, p - 3);
    }
    if (*p != ' ' && *p != '\r') {
        return bad_status_line(at, p);
    }
    const char *reason = *p == ' ' ? p + 1 : p;
    p = http_value_end(reason, end);
    if (*p != '\r' || p[1] != '\n') {
        return bad_status_line(at, p);
    }
    response->status = status;
    response->reason = span_make(reason, (size_t)(p - reason));
    *at = p + 2;
    return H1_OK;
}

/* Of a head that has not come whole: the lines that have, as far as they have not been judged, so
 * that what nobody could mend any more is answered at once. */
static enum h1_error judge_lines(struct span bytes, size_t first, size_t from, size_t to,
                                 const struct h1_limits *limits, bool is_request, size_t *where)
{
    const char *begin = bytes.ptr + first;
    const char *last = to > from ? memrchr(bytes.ptr + from, '\n', to - from) : NULL;
    enum h1_error error = H1_OK;

    if (last == NULL) {
        return H1_OK;
    }
    const char *before = memrchr(begin, '\n', from - first);
    const char *at = before != NULL ? before + 1 : begin;
    if (at == begin && is_request) {
        struct http_request request = {0};
        error = parse_request_line(&at, last + 1, limits, &request);
        if (error == H1_OK) {
            error = h1_parse_target(&request);
            at = error != H1_OK && request.refused.ptr != NULL ? request.refused.ptr : at;
        }
    } else if (at == begin) {
        struct http_response response = {0};
        error = parse_status_line(&at, last + 1, &response);
    }
    while (error == H1_OK && at <= last) {
        error = h1_check_line(&at, last + 1);
    }
    if (error != H1_OK) {
        *where = (size_t)(at - bytes.ptr);
    }
    return error;
}

enum h1_error h1_parse_response(struct span head, const struct h1_limits *limits,
                                struct arena *arena, enum http_method request_method,
                                struct http_response *response)
{
    const char *at = head.ptr;
    const char *end = at + head.len;
    uint64_t repeated = 0;
    enum h1_error error = check_head(head, limits);

    *response = (struct http_response){0};
    if (UNLIKELY(error != H1_OK)) {
        return error;
    }
    error = parse_status_line(&at, end, response);
    if (UNLIKELY(error != H1_OK)) {
        response->refused = byte_at(at, end);
        return error;
    }
    error = h1_parse_fields(&at, end, limits->fields, arena, &response->fields, &repeated);
    if (UNLIKELY(error != H1_OK)) {
        response->refused = byte_at(at, end);
        return error;
    }
    return h1_settle_response(response, request_method, repeated, arena);
}
