/* Frames for a whole HTTP/2 front: a worker of its own, a session over a socket pair, exchanges
 * that answer here or find no server. Whatever comes, the connection ends, and nothing is left: no
 * session, no exchange, no lease, no memory.
 *
 * Input, after the preface and SETTINGS that each run begins with: frames as type, flags, stream (a
 * byte each), two bytes of length, payload. A HEADERS payload that begins with 0xff stands for an
 * ordinary request's, since HPACK is hard to come by. The highest bit of `type` ends a batch: the
 * gateway gets a turn. */
#include "fuzz_world.h"

#define TYPE_HEADERS 1
#define BATCH_END 0x80
#define TURN_US 200

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char config[] =
    "listeners: [ { bind: \"unix:$DIR/door\" } ]\n"
    "sites: [ { hosts: [\"*\"], routes: [\n"
    "  { match: { path: /gone/* }, backend: \"127.0.0.1:1\" },\n"
    "  { match: { path: /echo }, respond: { echo: true } },\n"
    "  { match: { path: /* }, respond: { body: hello }, body_limit: 1k } ] } ]\n"
    "limits: { head: 1k, fields: 8, target: 256, streams: 8 }\n"
    "log: { access: /dev/null }\n";

static const uint8_t requests[][20] = {
    {7, 0x82, 0x86, 0x84, 0x01, 0x01, 'a', 0},                                   /* GET / */
    {12, 0x83, 0x86, 0x04, 0x05, '/', 'e', 'c', 'h', 'o', 0x01, 0x01, 'a'},      /* POST /echo */
    {13, 0x83, 0x86, 0x04, 0x06, '/', 'g', 'o', 'n', 'e', '/', 0x01, 0x01, 'a'}, /* POST /gone/ */
};

/* True: the gateway gets a turn. */
static bool put_frame(struct actor *client, struct span *rest)
{
    const uint8_t *at = (const uint8_t *)rest->ptr;
    uint8_t kind = at[0] & 0x7f;
    uint8_t flags = at[1];
    bool ends = (at[0] & BATCH_END) != 0;
    size_t len = ((size_t)at[3] << 8 | at[4]) & 0x3fff;
    uint8_t stream = at[2];
    struct span payload = span_cut(span_skip(*rest, 5), len);
    struct strbuf frame;

    *rest = span_skip(*rest, 5 + payload.len);
    if (kind == TYPE_HEADERS && payload.len != 0 && (uint8_t)payload.ptr[0] == 0xff) {
        const uint8_t *request = requests[payload.len % 3];
        payload = span_make(request + 1, request[0]);
        flags &= 0x05; /* END_STREAM and END_HEADERS */
    }
    strbuf_init(&frame);
    h2_put_frame(&frame, kind, flags, stream, payload);
    fuzz_put(client, strbuf_span(&frame));
    strbuf_free(&frame);
    return ends;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct span rest = span_make(bytes, size);
    struct harness *h = fuzz_start(config);
    struct h2_talk talk;

    h2_talk_as_client(&talk, harness_connect(h));
    while (rest.len >= 5) {
        if (put_frame(talk.actor, &rest)) {
            fake_clock_move_us(TURN_US);
            (void)harness_turn(h);
            (void)fuzz_sink(talk.actor);
        }
    }
    harness_settle(h);
    actor_finish(talk.actor);
    harness_settle(h);
    harness_stop(h);
    h2_talk_free(&talk);
    return 0;
}
