/* What a head that was not parsed seems to say: without it, a refusal could not be found in the log
 * by the request that it was for. */
#include "http/h1_parse.h"

/* Of each part; a log cuts them in its own way. */
#define GLIMPSE_MAX 4096

/* Up to the line's end, without it. Moves *rest behind. */
static struct span take_line(struct span *rest)
{
    size_t len = span_find(*rest, '\n');
    struct span line = span_head(*rest, len);

    *rest = len < rest->len ? span_skip(*rest, len + 1) : span_make(NULL, 0);
    if (line.len != 0 && line.ptr[line.len - 1] == '\r') {
        line = span_head(line, line.len - 1);
    }
    return line;
}

static struct span take_word(struct span *line, size_t most, struct arena *arena)
{
    size_t len = span_find(*line, ' ');
    struct span word = span_head(*line, len);

    *line = span_skip(*line, len);
    while (line->len != 0 && line->ptr[0] == ' ') {
        *line = span_skip(*line, 1);
    }
    return arena_copy(arena, span_cut(word, most));
}

static void glimpse_line(struct span line, struct arena *arena, struct http_request *request)
{
    request->method_name = take_word(&line, H1_METHOD_MAX, arena);
    request->method = http_method_from(request->method_name);
    request->target = take_word(&line, GLIMPSE_MAX, arena);
    if (span_starts_with(line, SPAN_OF("HTTP/1."))) {
        request->version = span_eq_cstr(line, "HTTP/1.0") ? HTTP_1_0 : HTTP_1_1;
    }
}

static void glimpse_field(struct span line, struct arena *arena, struct http_request *request)
{
    size_t colon = span_find(line, ':');
    enum http_field_id id = http_field_id(span_trim(span_head(line, colon)));
    struct span value;

    if (colon == line.len || (id != FIELD_HOST && id != FIELD_USER_AGENT && id != FIELD_REFERER) ||
        http_fields_has(&request->fields, id)) {
        return;
    }
    value = arena_copy(arena, span_cut(span_trim(span_skip(line, colon + 1)), GLIMPSE_MAX));
    http_fields_add(&request->fields, arena, id, http_field_name(id), value);
    if (id == FIELD_HOST) {
        request->authority = value;
    }
}

void h1_glimpse(struct span bytes, struct arena *arena, struct http_request *request)
{
    struct span line;

    *request = (struct http_request){0};
    do {
        if (bytes.len == 0) {
            return;
        }
        line = take_line(&bytes);
    } while (line.len == 0);
    glimpse_line(line, arena, request);
    while (bytes.len != 0) {
        line = take_line(&bytes);
        if (line.len == 0) {
            return;
        }
        glimpse_field(line, arena, request);
    }
}
