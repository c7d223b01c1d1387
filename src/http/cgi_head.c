#include "http/cgi_head.h"

#include <string.h>

static const struct {
    const char *word;
    const char *text;
} bad_words[] = {
    [CGI_BAD_NONE] = {"", ""},
    [CGI_BAD_EMPTY] = {"cgi_empty_head",
                       "the script's answer has no fields (RFC 3875 section 6.2)"},
    [CGI_BAD_TOO_LARGE] =
        {"cgi_head_too_large",
         "the fields of the script's answer are longer than limits.response_head"},
    [CGI_BAD_STATUS] = {"cgi_status",
                        "the script's Status is not a number from 200 to 599 and a reason"},
    [CGI_BAD_TWICE] = {"cgi_status", "the script says its Status, or a Location, twice"},
    [CGI_BAD_CODING] = {"cgi_transfer_encoding",
                        "the script says Transfer-Encoding, which is not its to choose (RFC 3875 "
                        "section 6.3.4)"},
    [CGI_BAD_STATUS_LINE] = {"cgi_status_line",
                             "the answer begins with a status line of HTTP in place of Status"},
    [CGI_BAD_HTTP] = {"", ""},
};

const char *cgi_bad_word(enum cgi_bad bad)
{
    return bad_words[bad].word;
}

const char *cgi_bad_text(enum cgi_bad bad)
{
    return bad_words[bad].text;
}

/* At a line's beginning: whether it is empty, and how long that makes it; 0: it is not, or not yet.
 */
static size_t empty_line(struct span rest)
{
    if (rest.len >= 1 && rest.ptr[0] == '\n') {
        return 1;
    }
    return rest.len >= 2 && rest.ptr[0] == '\r' && rest.ptr[1] == '\n' ? 2 : 0;
}

enum h1_head_result cgi_head_end(struct span bytes, size_t limit, size_t *scanned, size_t *len)
{
    /* *scanned is where the last line that is not whole begins. */
    for (;;) {
        struct span rest = span_skip(bytes, *scanned);
        size_t empty = empty_line(rest);
        const char *end;

        if (empty != 0) {
            *len = *scanned + empty;
            return *len <= limit ? H1_HEAD_COMPLETE : H1_HEAD_BAD;
        }
        end = rest.len != 0 ? memchr(rest.ptr, '\n', rest.len) : NULL;
        if (end == NULL) {
            return bytes.len <= limit ? H1_HEAD_MORE : H1_HEAD_BAD;
        }
        *scanned += (size_t)(end - rest.ptr) + 1;
    }
}

/* The next line, without its end; false: that was the last one. */
static bool next_line(struct span *rest, struct span *line)
{
    size_t at = span_find(*rest, '\n');

    *line = span_head(*rest, at);
    *rest = span_skip(*rest, at < rest->len ? at + 1 : at);
    if (line->len != 0 && line->ptr[line->len - 1] == '\r') {
        *line = span_head(*line, line->len - 1);
    }
    return line->len != 0;
}

static bool is_field(struct span line, struct span name)
{
    return line.len > name.len && line.ptr[name.len] == ':' &&
           span_ieq(span_head(line, name.len), name);
}

static struct span value_of(struct span line, struct span name)
{
    struct span value = span_skip(line, name.len + 1);

    while (value.len != 0 && (value.ptr[0] == ' ' || value.ptr[0] == '\t')) {
        value = span_skip(value, 1);
    }
    return value;
}

/* "404 Not Found"; the reason may be missing. */
static bool is_status(struct span value)
{
    for (size_t i = 0; i < 3; i++) {
        if (i >= value.len || value.ptr[i] < '0' || value.ptr[i] > '9') {
            return false;
        }
    }
    return value.ptr[0] >= '2' && value.ptr[0] <= '5' && (value.len == 3 || value.ptr[3] == ' ');
}

struct cgi_facts {
    struct span status; /* ptr NULL: none was said */
    bool has_location;
    size_t lines;
};

static enum cgi_bad look(struct span head, struct cgi_facts *facts)
{
    struct span rest = head;
    struct span line;

    while (next_line(&rest, &line)) {
        facts->lines++;
        if (facts->lines == 1 && span_istarts_with(line, SPAN_OF("HTTP/"))) {
            return CGI_BAD_STATUS_LINE;
        }
        if (is_field(line, SPAN_OF("Transfer-Encoding"))) {
            return CGI_BAD_CODING;
        }
        if (is_field(line, SPAN_OF("Location"))) {
            if (facts->has_location) {
                return CGI_BAD_TWICE;
            }
            facts->has_location = true;
        }
        if (is_field(line, SPAN_OF("Status"))) {
            if (facts->status.ptr != NULL) {
                return CGI_BAD_TWICE;
            }
            facts->status = value_of(line, SPAN_OF("Status"));
            if (!is_status(facts->status)) {
                return CGI_BAD_STATUS;
            }
        }
    }
    return facts->lines == 0 ? CGI_BAD_EMPTY : CGI_BAD_NONE;
}

static char *put(char *at, struct span text)
{
    if (text.len != 0) {
        memcpy(at, text.ptr, text.len);
    }
    return at + text.len;
}

/* The same head as HTTP/1.1 writes it. */
static struct span as_http(struct span head, const struct cgi_facts *facts, struct arena *arena)
{
    /* Each line may get a CR, and the status line is behind the longest Status, or one of ours. */
    char *text = arena_alloc(arena, head.len + facts->lines + 64);
    struct span rest = head;
    struct span line;
    char *at = put(text, SPAN_OF("HTTP/1.1 "));

    at = put(at, facts->status.ptr != NULL ? facts->status
                 : facts->has_location     ? SPAN_OF("302 Found")
                                           : SPAN_OF("200 OK"));
    if (facts->status.len == 3) {
        at = put(at, SPAN_OF(" "));
    }
    at = put(at, SPAN_OF("\r\n"));
    while (next_line(&rest, &line)) {
        if (!is_field(line, SPAN_OF("Status"))) {
            at = put(put(at, line), SPAN_OF("\r\n"));
        }
    }
    at = put(at, SPAN_OF("\r\n"));
    return span_make(text, (size_t)(at - text));
}

enum cgi_bad cgi_parse_head(struct span head, const struct h1_limits *limits, struct arena *arena,
                            enum http_method method, struct http_response *response,
                            enum h1_error *error)
{
    struct cgi_facts facts = {0};
    enum cgi_bad bad = look(head, &facts);

    if (bad != CGI_BAD_NONE) {
        return bad;
    }
    *response = (struct http_response){0};
    *error = h1_parse_response(as_http(head, &facts, arena), limits, arena, method, response);
    return *error == H1_OK ? CGI_BAD_NONE : CGI_BAD_HTTP;
}
