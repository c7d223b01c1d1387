/* An HTTP/2 back: whatever frames a server sends to scripted requests, each client gets a response
 * or an end, and nothing is left.
 *
 * Input: a byte that chooses the requests and whether the server begins with SETTINGS, then frames:
 * type, flags, stream (a byte each), two bytes of length, payload. A HEADERS payload that begins
 * with 0xff stands for an ordinary response's, since HPACK is hard to come by. The highest bit of
 * `type` ends a batch: the gateway gets a turn. Types from TYPE_RAW on are none of HTTP/2's. */
#include "fuzz_world.h"

#define BATCH_END 0x80
#define TIME_JUMP_MS 120

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum {
    TYPE_RAW = 0x7b, /* the payload alone */
    TYPE_TIME,
    TYPE_FINISH,
    TYPE_CLOSE, /* and on with the gateway's next connection */
    TYPE_STALL
};

enum flag { FLAG_SILENT = 1, FLAG_BODY = 2, FLAG_WHOLE = 4, FLAG_TWO = 8, FLAG_TUNNEL = 16 };

static const uint8_t responses[][16] = {
    {1, 0x88},                                      /* 200 */
    {1, 0x89},                                      /* 204 */
    {5, 0x88, 0x0f, 0x0d, 0x01, '5'},               /* 200, Content-Length: 5 */
    {5, 0x08, 0x03, '1', '0', '0'},                 /* 100 */
    {5, 0x08, 0x03, '1', '0', '3'},                 /* 103 */
    {5, 0x00, 0x01, 'a', 0x01, 'b'},                /* a trailer */
    {9, 0x88, 0x00, 0x05, 'g', 'r', 'p', 'c', '-'}, /* cut short */
    {1, 0x8d},                                      /* 404 */
    {5, 0x08, 0x03, '1', '0', '1'},                 /* 101, which HTTP/2 has not */
};

#define FIELDS(method, path) ":method: " method "\n:scheme: http\n:authority: a\n:path: " path "\n"

static void send_requests(struct h2_talk *client, uint8_t flags)
{
    bool has_body = (flags & (FLAG_BODY | FLAG_TUNNEL)) != 0;

    for (uint32_t stream = 1; stream <= ((flags & FLAG_TWO) != 0 ? 3U : 1U); stream += 2) {
        h2_send_head(
            client, stream, !has_body,
            (flags & FLAG_TUNNEL) != 0
                ? FIELDS("CONNECT", "/2") ":protocol: websocket\nsec-websocket-version: 13\n"
                                          "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\n"
            : has_body ? FIELDS("POST", "/2")
                       : FIELDS("GET", "/2"));
        if (has_body) {
            h2_send_data(client, stream, (flags & FLAG_WHOLE) != 0, "some of a body");
        }
    }
}

/* What is no frame. */
static void do_event(uint8_t type, struct harness *h, struct actor *server)
{
    switch (type) {
    case TYPE_TIME:
        harness_advance_ms(h, TIME_JUMP_MS);
        break;
    case TYPE_FINISH:
        actor_finish(server);
        break;
    case TYPE_CLOSE:
        actor_close(server);
        break;
    default:
        actor_stall(server, !server->is_stalled);
        break;
    }
}

/* True: the gateway gets a turn. */
static bool play_frame(struct harness *h, struct actor *server, struct span *rest)
{
    const uint8_t *at = (const uint8_t *)rest->ptr;
    uint8_t type = at[0] & 0x7f;
    uint8_t flags = at[1];
    size_t len = ((size_t)at[3] << 8 | at[4]) & 0x3fff;
    struct span payload = span_cut(span_skip(*rest, 5), len);
    struct strbuf frame;

    *rest = span_skip(*rest, 5 + payload.len);
    if (type == TYPE_RAW) {
        fuzz_put(server, payload);
    } else if (type > TYPE_RAW) {
        do_event(type, h, server);
    } else {
        if (type == NGHTTP2_HEADERS && payload.len != 0 && (uint8_t)payload.ptr[0] == 0xff) {
            const uint8_t *response = responses[payload.len % ARRAY_LEN(responses)];
            payload = span_make(response + 1, response[0]);
            flags &= H2_END_STREAM | H2_END_HEADERS;
        }
        strbuf_init(&frame);
        h2_put_frame(&frame, type, flags, at[2], payload);
        fuzz_put(server, strbuf_span(&frame));
        strbuf_free(&frame);
    }
    return (at[0] & BATCH_END) != 0;
}

/* The present connection, or the next one, greeted as the input wants. */
static struct actor *next_server(struct harness *h, struct actor *server, uint8_t flags)
{
    if (server != NULL && server->fd >= 0) {
        return server;
    }
    server = harness_accept(h, "two");
    if (server != NULL && (flags & FLAG_SILENT) == 0) {
        /* ENABLE_CONNECT_PROTOCOL */
        actor_send(server, SPAN_OF("\0\0\6\4\0\0\0\0\0\0\x08\0\0\0\1"));
    }
    return server;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct span rest;
    struct actor *server = NULL;
    struct h2_talk client;

    if (size < 6) {
        return 0;
    }
    rest = span_make(bytes + 1, size - 1);
    struct harness *h = fuzz_start(fuzz_config);
    h2_talk_as_client(&client, harness_connect(h));
    send_requests(&client, bytes[0]);
    harness_settle(h);
    while (rest.len >= 5 && (server = next_server(h, server, bytes[0])) != NULL) {
        if (play_frame(h, server, &rest)) {
            harness_settle(h);
            (void)fuzz_sink(client.actor);
            (void)fuzz_sink(server);
        }
    }
    harness_settle(h);
    actor_close(client.actor);
    harness_stop(h);
    h2_talk_free(&client);
    return 0;
}
