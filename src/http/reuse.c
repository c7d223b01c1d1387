#include "http/reuse.h"

enum reuse_rest reuse_rest_of(bool request_done, bool is_carried, bool is_held_back, uint64_t left)
{
    if (request_done) {
        return REUSE_REST_NONE;
    }
    if (is_held_back) {
        return REUSE_REST_LONG;
    }
    if (is_carried) {
        return REUSE_REST_CARRIED;
    }
    return left <= REUSE_SHORT_REST ? REUSE_REST_SHORT : REUSE_REST_LONG;
}

enum reuse reuse_after(const struct reuse_facts *facts)
{
    bool goes_on = facts->peer_keeps && !facts->we_close;

    switch (facts->rest) {
    case REUSE_REST_NONE:
        if (facts->is_server) {
            return goes_on && !facts->has_unread ? REUSE_GOES_ON : REUSE_ENDS;
        }
        return goes_on ? REUSE_GOES_ON : facts->has_unread ? REUSE_LINGERS : REUSE_ENDS;
    case REUSE_REST_CARRIED:
        /* A client that is told of the close need not send what will do nothing any more. */
        return goes_on && !facts->is_refusal ? REUSE_GOES_ON : REUSE_LINGERS;
    case REUSE_REST_SHORT:
        return goes_on ? REUSE_GOES_ON : REUSE_LINGERS;
    case REUSE_REST_LONG:
        break;
    }
    return REUSE_LINGERS;
}

/* On the way for so long at most. */
#define REST_MARGIN_MS 1000

/* Of `timeout=5`, with quotes perhaps; UINT64_MAX: it says nothing of that. */
static uint64_t seconds_in(struct span value)
{
    struct span item;

    while (span_split(&value, ',', &item)) {
        uint64_t seconds;
        item = span_trim(item);
        if (!span_istarts_with(item, SPAN_OF("timeout="))) {
            continue;
        }
        item = span_skip(item, 8);
        if (item.len >= 2 && item.ptr[0] == '"' && item.ptr[item.len - 1] == '"') {
            item = span_make(item.ptr + 1, item.len - 2);
        }
        if (span_to_u64(item, UINT32_MAX, &seconds)) {
            return seconds;
        }
    }
    return UINT64_MAX;
}

uint64_t reuse_rest_ms(const struct http_fields *fields, uint64_t usual_ms)
{
    const struct http_field *field = http_fields_find(fields, FIELD_KEEP_ALIVE);
    uint64_t seconds = field != NULL ? seconds_in(field->value) : UINT64_MAX;
    uint64_t told_ms;

    if (seconds > UINT32_MAX) {
        return usual_ms;
    }
    told_ms = seconds > 2 ? seconds * 1000 - REST_MARGIN_MS : seconds * 500;
    return told_ms < usual_ms ? told_ms : usual_ms;
}
