#include "http/h1_write.h"
#include "server/front_h1_internal.h"

/* Status line, framing and connection fields; the reason comes on top. */
#define HEAD_EXTRA_BYTES 256

static void write_connection(struct h1_writer *w, const struct front_h1 *front,
                             const struct front_exchange *x, const struct http_response *response)
{
    bool has_upgrade = response->upgrade.len != 0;
    struct span option = !front->keep_alive                ? SPAN_OF("close")
                         : x->request->version == HTTP_1_0 ? SPAN_OF("keep-alive")
                                                           : SPAN_OF("");

    if (option.len != 0 || has_upgrade) {
        h1_write_bytes(w, SPAN_OF("Connection: "));
        h1_write_bytes(w, option);
        h1_write_bytes(w, option.len != 0 && has_upgrade ? SPAN_OF(", ") : SPAN_OF(""));
        h1_write_bytes(w, has_upgrade ? SPAN_OF("Upgrade\r\n") : SPAN_OF("\r\n"));
    }
    if (has_upgrade) {
        h1_write_field(w, SPAN_OF("Upgrade"), response->upgrade);
    }
}

static void write_framing(struct h1_writer *w, struct front_h1 *front,
                          const struct front_exchange *x, const struct http_response *response)
{
    front->response_framing = response->framing;
    if (response->framing == HTTP_FRAMING_CHUNKED || response->framing == HTTP_FRAMING_CLOSE) {
        if (x->request->version == HTTP_1_0) {
            front->response_framing = HTTP_FRAMING_CLOSE;
            front->keep_alive = false;
            return;
        }
        front->response_framing = HTTP_FRAMING_CHUNKED;
        h1_write_bytes(w, SPAN_OF("Transfer-Encoding: chunked\r\n"));
        return;
    }
    if (response->has_content_length) {
        h1_write_field_u64(w, SPAN_OF("Content-Length"), response->content_length);
    } else if (response->version == HTTP_2 && x->request->method != HTTP_HEAD &&
               response->status != 204 && response->status != 304) {
        /* The stream's end said that there is no body; here its length must. */
        h1_write_bytes(w, SPAN_OF("Content-Length: 0\r\n"));
    }
}

static void write_head(struct front_h1 *front, struct front_exchange *x,
                       const struct http_response *response, bool is_final)
{
    struct conn *conn = front->conn;
    size_t room = h1_fields_size(&response->fields) + response->reason.len + response->upgrade.len +
                  HEAD_EXTRA_BYTES;
    struct h1_writer w;

    h1_writer_init(&w, conn_reserve(conn, room), room);
    h1_write_status_line(&w, response->status, response->reason);
    h1_write_fields(&w, &response->fields, UINT64_C(1) << FIELD_CONTENT_LENGTH);
    if (response->status == 101) {
        h1_write_bytes(&w, SPAN_OF("Connection: Upgrade\r\n"));
        h1_write_field(&w, SPAN_OF("Upgrade"), response->upgrade);
    } else if (is_final) {
        write_framing(&w, front, x, response);
        write_connection(&w, front, x, response);
    }
    h1_write_end(&w);
    CHECK(!w.is_full);
    conn_commit(conn, h1_writer_span(&w).len);
}

void front_h1_write_interim(struct front_exchange *x, const struct http_response *response)
{
    write_head(x->owner, x, response, false);
}

void front_h1_write_head(struct front_exchange *x, const struct http_response *response)
{
    struct front_h1 *front = x->owner;

    front->keep_alive = front_h1_reuse(front, x, false) == REUSE_GOES_ON;
    write_head(front, x, response, true);
}

void front_h1_write_body(struct front_exchange *x, struct span bytes)
{
    struct front_h1 *front = x->owner;
    struct conn *conn = front->conn;

    if (bytes.len == 0) {
        return;
    }
    if (front->response_framing != HTTP_FRAMING_CHUNKED) {
        conn_queue(conn, bytes);
        return;
    }
    char *line = conn_reserve(conn, H1_CHUNK_LINE_MAX);
    conn_commit(conn, h1_chunk_line(line, bytes.len));
    conn_queue(conn, bytes);
    conn_queue(conn, SPAN_OF("\r\n"));
}

/* The rest of the request, or a tunnel's other direction, may take its time yet; that nothing more
 * follows is to be seen now. */
static void say_goodbye(struct front_h1 *front, const struct front_exchange *x)
{
    if ((x->state == EXCHANGE_REST && !front->keep_alive) || x->is_tunnel) {
        conn_finish(front->conn);
    }
}

void front_h1_write_end(struct front_exchange *x, const struct http_fields *trailers)
{
    struct front_h1 *front = x->owner;
    struct conn *conn = front->conn;
    size_t room = HEAD_EXTRA_BYTES + (trailers != NULL ? h1_fields_size(trailers) : 0);
    struct h1_writer w;

    if (front->response_framing != HTTP_FRAMING_CHUNKED) {
        say_goodbye(front, x);
        return;
    }
    h1_writer_init(&w, conn_reserve(conn, room), room);
    h1_write_bytes(&w, SPAN_OF("0\r\n"));
    if (trailers != NULL) {
        h1_write_fields(&w, trailers, 0);
    }
    h1_write_end(&w);
    CHECK(!w.is_full);
    conn_commit(conn, h1_writer_span(&w).len);
    say_goodbye(front, x);
}

bool front_h1_is_blocked(const struct front_exchange *x)
{
    const struct front_h1 *front = x->owner;
    const struct conn *conn = front->conn;

    return conn_pending(conn) != 0 || conn->is_splice_blocked;
}

bool front_h1_poll(struct front_exchange *x)
{
    struct front_h1 *front = x->owner;

    conn_flush(front->conn);
    if (!front_h1_is_blocked(x)) {
        return true;
    }
    if (front->state != FRONT_H1_BODY && front->timer.deadline_us == 0) {
        front_h1_watch_output(front);
    }
    return false;
}
