/* An HTTP/1.1 back: whatever a server answers to a scripted request, and however it falls into
 * reads, the client gets a response or an end, and nothing is left.
 *
 * Input: a byte that chooses the request, then the server's bytes with events between them
 * (fuzz_next_piece). A close goes on with the gateway's next connection, if it makes one. */
#include "fuzz_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char *const h1_requests[] = {
    "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /1 HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD /1 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /1 HTTP/1.0\r\n\r\n",
    "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody",
    "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\nbody",
    "PUT /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nA: "
    "b\r\n\r\n",
    "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n",
    "GET /1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket, tcp\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nframes",
    "GET /1 HTTP/1.1\r\nHost: a\r\nAuthorization: NTLM abcd\r\n\r\n",
    "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n",
};

#define H2_FIELDS(method, path)                                                                    \
    ":method: " method "\n:scheme: http\n:authority: a\n:path: " path "\n"

static const struct {
    const char *fields;
    const char *body; /* NULL: none */
    bool is_whole;
} h2_requests[] = {
    {H2_FIELDS("GET", "/1"), NULL, true},
    {H2_FIELDS("HEAD", "/1"), NULL, true},
    {H2_FIELDS("POST", "/1"), "body", true},
    {H2_FIELDS("POST", "/1"), "body", false},
    {H2_FIELDS("POST", "/1") "content-type: application/grpc\nte: trailers\n", "body", false},
    {H2_FIELDS("CONNECT", "/1") ":protocol: websocket\nsec-websocket-version: 13\n"
                                "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\n",
     "frames", false},
};

static void send_request(struct h2_talk *talk, struct actor *client, uint8_t which)
{
    size_t i = which & 15;

    if ((which & 16) == 0) {
        actor_say(client, h1_requests[i % ARRAY_LEN(h1_requests)]);
        return;
    }
    i %= ARRAY_LEN(h2_requests);
    h2_talk_as_client(talk, client);
    h2_send_head(talk, 1, h2_requests[i].body == NULL, h2_requests[i].fields);
    if (h2_requests[i].body != NULL) {
        h2_send_data(talk, 1, h2_requests[i].is_whole, h2_requests[i].body);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct span rest;
    struct h2_talk talk = {0};
    struct actor *server = NULL;

    if (size < 2) {
        return 0;
    }
    rest = span_make(bytes + 1, size - 1);
    struct harness *h = fuzz_start(fuzz_config);
    struct actor *client = harness_connect(h);
    send_request(&talk, client, bytes[0]);
    while (rest.len != 0) {
        harness_settle(h);
        (void)fuzz_sink(client);
        if (server == NULL || server->fd < 0) {
            server = harness_accept(h, "one");
        }
        fuzz_play_piece(h, server, &rest);
        if (server != NULL) {
            (void)fuzz_sink(server);
        }
    }
    harness_settle(h);
    actor_close(client);
    harness_stop(h);
    h2_talk_free(&talk);
    return 0;
}
