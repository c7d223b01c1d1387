#include "cli/explain_answer.h"

#include <string.h>

#include "http/message.h"
#include "tls/cause.h"

void explain_forget_answer(struct explain *ex)
{
    ex->status = 0;
    ex->body_bytes = 0;
    ex->body_start_len = 0;
    ex->request_id = NULL;
}

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

bool explain_judge_answer(struct explain *ex)
{
    const char *id = ex->request_id != NULL ? ex->request_id : id_of_page(ex);

    if (ex->status < 500) {
        return true;
    }
    return explain_fail(
        ex, cause_words(CAUSE_SERVER_ERROR), explain_server(ex),
        id != NULL ? arena_printf(&ex->arena, "%u %s, request id %s", ex->status,
                                  http_reason(ex->status), id)
                   : arena_printf(&ex->arena, "%u %s", ex->status, http_reason(ex->status)));
}
