/* Clients that leave, and what becomes of the connection behind a response. */
#include "server/front_h1_internal.h"
#include "tls/tls_conn.h"

enum reuse front_h1_reuse(const struct front_h1 *front, const struct front_exchange *x)
{
    uint64_t left = front->framing == HTTP_FRAMING_LENGTH ? front->body_left : UINT64_MAX;
    struct reuse_facts facts = {.peer_keeps = front->keep_alive,
                                .we_close = x->closes || front->link->core->is_draining ||
                                            (front->has_left && front->saved_len == 0),
                                .has_unread = front->saved_len != 0 || conn_can_read(front->conn),
                                .is_refusal = x->response->status >= 300,
                                .rest = reuse_rest_of(x->request_done, x->behind->is_forwarded(x),
                                                      x->behind->is_held_back(x), left)};

    return reuse_after(&facts);
}

bool front_h1_body_comes(const struct front_h1 *front)
{
    const struct front_exchange *x = front->exchange;
    uint64_t moved = front->conn->bytes_in - front->moved_at_timer;

    /* Where it is the server that is slow, it has deadlines of its own. */
    return !x->behind->takes_body(x) || x->behind->body_comes(x, moved, front->was_held);
}

void front_h1_lose(struct front_h1 *front, const char *reason)
{
    if (front->exchange != NULL) {
        front->exchange->behind->abandon(front->exchange, reason);
        front->exchange = NULL;
    }
    if (front->conn->is_reset || conn_write_failed(front->conn) || conn_pending(front->conn) != 0) {
        front_h1_leave(front, LINK_CLOSED);
    } else {
        front_h1_leave(front, LINK_FINISHED);
    }
}

/* TLS says whether a client that ended its direction has closed; to know, what it sent has to be
 * read: a next request may lie before. False: it has. */
static bool is_half_open(struct front_h1 *front)
{
    struct conn *conn = front->conn;
    struct span bytes;

    while (!conn_is_plain(conn) && !front->has_left && front->saved_len == 0 &&
           conn_can_read(conn)) {
        enum conn_result result = conn_read(conn, &bytes);
        if (result == CONN_OK) {
            front_h1_save(front, bytes);
        } else if (result != CONN_AGAIN) {
            front->has_left = true;
            return result == CONN_EOF && tls_conn_was_truncated(conn);
        }
    }
    return true;
}

void front_h1_watch_leaving(struct front_h1 *front)
{
    if (front->state != FRONT_H1_WAIT || !front->conn->has_hangup || front->exchange == NULL ||
        front->exchange->state == EXCHANGE_REST) {
        return;
    }
    if (front->conn->is_reset) { /* seen together with the request: it is not told of again */
        front_h1_lose(front, link_loss(front->link, front->conn, "client_reset"));
        return;
    }
    if (front->exchange->is_event_stream || !is_half_open(front)) {
        front_h1_lose(front, "client_closed");
        return;
    }
    if (front->timer.deadline_us == 0) {
        front->out_when_left = front->conn->bytes_out;
        timer_set_ms(front->link->core->loop, &front->timer,
                     front->link->settings->timeouts.half_closed_ms);
    }
}

void front_h1_left_for_long(struct front_h1 *front)
{
    if (!front->conn->has_hangup || front->exchange == NULL) {
        return;
    }
    if (front->conn->bytes_out == front->out_when_left) {
        front_h1_lose(front, "client_closed");
        return;
    }
    front_h1_watch_leaving(front);
}
