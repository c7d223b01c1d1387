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
