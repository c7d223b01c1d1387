#include "client/back_h1_internal.h"
#include "http/h1_write.h"

/* Request line, framing and connection fields, besides what is counted. */
#define HEAD_EXTRA_BYTES 256

static void write_target(struct h1_writer *w, const struct call *call)
{
    const struct http_request *request = call->request;

    h1_write_bytes(w, request->method_name);
    h1_write_bytes(w, SPAN_OF(" "));
    h1_write_bytes(w, call->path);
    if (request->query.ptr != NULL) {
        h1_write_bytes(w, SPAN_OF("?"));
        h1_write_bytes(w, request->query);
    }
    h1_write_bytes(w, SPAN_OF(" HTTP/1.1\r\n"));
}

/* A POST without a body may come without a length: by HTTP/2 that says END_STREAM, which is gone
 * here, and there are servers that answer 411 (RFC 9110 section 15.5.12). */
static void write_framing(struct h1_writer *w, const struct http_request *request)
{
    if (request->framing == HTTP_FRAMING_CHUNKED) {
        h1_write_bytes(w, SPAN_OF("Transfer-Encoding: chunked\r\n"));
    } else if (request->has_content_length) {
        h1_write_field_u64(w, SPAN_OF("Content-Length"), request->content_length);
    } else if (http_method_wants_body(request->method)) {
        h1_write_bytes(w, SPAN_OF("Content-Length: 0\r\n"));
    }
}

static void write_head(struct h1_writer *w, struct back_h1 *back, const struct call *call)
{
    const struct http_request *request = call->request;
    bool wants_trailers = http_fields_has(&request->fields, FIELD_TE) &&
                          http_fields_list_has(&request->fields, FIELD_TE, SPAN_OF("trailers"));

    write_target(w, call);
    h1_write_field(w, SPAN_OF("Host"), call_authority(call));
    h1_write_fields(w, &request->fields,
                    UINT64_C(1) << FIELD_HOST | UINT64_C(1) << FIELD_CONTENT_LENGTH);
    write_framing(w, request);
    if (request->upgrade.ptr != NULL) {
        h1_write_bytes(w, SPAN_OF("Connection: Upgrade\r\n"));
        h1_write_field(w, SPAN_OF("Upgrade"), request->upgrade);
    } else if (back_h1_backend(back)->proxy_protocol != BACKEND_PROXY_OFF) {
        h1_write_bytes(w, SPAN_OF("Connection: close\r\n"));
    } else if (wants_trailers) {
        h1_write_bytes(w, SPAN_OF("TE: trailers\r\nConnection: TE\r\n"));
    }
    h1_write_end(w);
}

void back_h1_write_head(struct back *base, struct call *call, bool is_end)
{
    struct back_h1 *back = back_h1_of(base);
    const struct http_request *request = call->request;
    size_t room = h1_fields_size(&request->fields) + request->method_name.len + call->path.len +
                  request->query.len + call_authority(call).len + request->upgrade.len +
                  HEAD_EXTRA_BYTES;
    struct h1_writer writer;

    (void)is_end;
    back->call = call;
    back_h1_enter(back, BACK_HEAD);
    back->request_is_chunked = request->framing == HTTP_FRAMING_CHUNKED;
    back->scanned = 0;
    back->interim_count = 0;
    back->has_leftover = false;
    back->waits_for_request = false;
    back->has_answered = false;
    back->out_at_start = back->conn->bytes_out;
    if (call->is_auth_bound) {
        back_h1_bind(back);
    }
    h1_writer_init(&writer, conn_reserve(back->conn, room), room);
    write_head(&writer, back, call);
    CHECK(!writer.is_full);
    conn_commit(back->conn, h1_writer_span(&writer).len);
}

bool back_h1_takes_body(const struct back *base)
{
    struct back_h1 *back = back_h1_of(base);
    struct conn *conn = (struct conn *)(uintptr_t)back->conn;

    conn_flush(conn);
    return conn_pending(conn) == 0 && !conn->is_splice_blocked;
}

void back_h1_write_body(struct back *base, struct span bytes)
{
    struct back_h1 *back = back_h1_of(base);

    if (!back->request_is_chunked) {
        conn_queue(back->conn, bytes);
        return;
    }
    char *line = conn_reserve(back->conn, H1_CHUNK_LINE_MAX);
    conn_commit(back->conn, h1_chunk_line(line, bytes.len));
    conn_queue(back->conn, bytes);
    conn_queue(back->conn, SPAN_OF("\r\n"));
}

struct conn *back_h1_raw(struct back *base)
{
    struct back_h1 *back = back_h1_of(base);

    return back->request_is_chunked ? NULL : back->conn;
}

void back_h1_write_end(struct back *base, const struct http_fields *trailers)
{
    struct back_h1 *back = back_h1_of(base);
    size_t room = HEAD_EXTRA_BYTES + (trailers != NULL ? h1_fields_size(trailers) : 0);
    struct h1_writer writer;

    if (back->is_raw) {
        conn_finish(back->conn);
        return;
    }
    if (back->waits_for_request) {
        loop_defer(back->client->core->loop, &back->again);
    }
    if (!back->request_is_chunked) {
        return;
    }
    h1_writer_init(&writer, conn_reserve(back->conn, room), room);
    h1_write_bytes(&writer, SPAN_OF("0\r\n"));
    if (trailers != NULL) {
        h1_write_fields(&writer, trailers, 0);
    }
    h1_write_end(&writer);
    CHECK(!writer.is_full);
    conn_commit(back->conn, h1_writer_span(&writer).len);
}
