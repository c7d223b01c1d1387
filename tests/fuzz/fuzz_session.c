/* A whole session, with a PROXY header and TLS in front of its requests or without: whatever a
 * client and two servers do, byte by byte or frame by frame, with time passing, small buffers,
 * half-closes and a drain in between. Nothing is left at the end: no session, no exchange, no
 * memory.
 *
 * Input: a byte of flags, then operations: a byte each (low four bits what, high four bits which),
 * and what belongs to it. */
#include "fuzz_world.h"

#define CONNS 6
#define STEPS_PER_TURN 3
#define TIME_JUMP_US 120000

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum flag {
    FLAG_PROXY_HEADER = 1,
    FLAG_READS = 2,
    FLAG_DRAINING = 4,
    FLAG_SMALL = 8,
    FLAG_TLS = 16, /* a handshake goes first, and the client's bytes go through TLS */
    FLAG_TLS_H2 = 32
};

struct run {
    struct harness *h;
    struct span rest; /* of the input */
    struct actor *client;
    struct actor *one[CONNS]; /* NULL: not there yet */
    struct actor *two[CONNS];
    int wait_turns;
};

static const struct span proxy_header = SPAN("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n");

static const struct span requests[] = {
    SPAN("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"),
    SPAN("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n"),
    SPAN("POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
    SPAN("4\r\nabcd\r\n"),
    SPAN("0\r\n\r\n"),
    SPAN("0\r\nX-Sum: 1\r\n\r\n"),
    SPAN("GET /1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
    SPAN("POST /1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: "
         "4\r\n\r\nbody"),
    SPAN("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n"),
    SPAN("POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
    SPAN("GET /file.txt HTTP/1.1\r\nHost: a\r\n\r\n"),
    SPAN("GET /file.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=0-9,20-900,1000-2000\r\n\r\n"),
    SPAN("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"),
    SPAN("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"),
    SPAN("HEAD /1 HTTP/1.1\r\nHost: a\r\n\r\n"),
    SPAN("PUT /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n"),
    SPAN("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 700\r\n\r\n"),
    SPAN("GET /3 HTTP/1.1\r\nHost: a\r\n\r\n"),
    SPAN("GET /1 HTTP/1.0\r\n\r\n"),
    SPAN("GET /1 HTTP/1.1\r\nHost: a\r\nAuthorization: NTLM abcd\r\n\r\n"),
    SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"),
    SPAN("\x16\x03\x01\x00\x46\x01\x00\x00\x42\x03\x03"
         "01234567890123456789012345678901"
         "\x00\x00\x02\x13\x01\x01\x00\x00\x17\x00\x00\x00\x0e\x00\x0c\x00\x00\x09pass.test\x00\x0a"
         "\x00\x01\x00"),
};

static const struct span responses[] = {
    SPAN("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
    SPAN("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    SPAN("5\r\nhello\r\n"),
    SPAN("0\r\nA: b\r\n\r\n"),
    SPAN("HTTP/1.1 100 Continue\r\n\r\n"),
    SPAN("HTTP/1.1 103 Early\r\nLink: x\r\n\r\n"),
    SPAN("HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
    SPAN("HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"),
    SPAN("HTTP/1.1 204 N\r\n\r\n"),
    SPAN("HTTP/1.1 200 OK\r\n\r\n"),
    SPAN("HTTP/1.1 304 N\r\n\r\n"),
    SPAN("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n"),
    SPAN("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"),
    SPAN("HTTP/1.1 413 X\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
    SPAN("HTTP/1.1 401 X\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n"),
    SPAN("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"),
};

/* Field blocks: a length, then HPACK, which a fuzzer hardly comes by. */
static const uint8_t h2_requests[][64] = {
    {6, 0x82, 0x86, 0x84, 0x01, 0x01, 'a'},                 /* GET / */
    {9, 0x82, 0x86, 0x04, 0x02, '/', '1', 0x01, 0x01, 'a'}, /* GET /1 */
    {9, 0x83, 0x86, 0x04, 0x02, '/', '1', 0x01, 0x01, 'a'}, /* POST /1 */
    {9, 0x82, 0x86, 0x04, 0x02, '/', '2', 0x01, 0x01, 'a'}, /* GET /2 */
    {9, 0x83, 0x86, 0x04, 0x02, '/', '2', 0x01, 0x01, 'a'}, /* POST /2 */
    {16, 0x82, 0x86, 0x04, 0x09, '/', 'f', 'i', 'l', 'e', '.', 't', 'x', 't', 0x01, 0x01, 'a'},
    {12, 0x82, 0x86, 0x04, 0x05, '/', 'e', 'c', 'h', 'o', 0x01, 0x01, 'a'},
    {9, 0x82, 0x86, 0x04, 0x02, '/', '3', 0x01, 0x01, 'a'},
    /* CONNECT with :protocol websocket, for /1 */
    {59,   0x02, 0x07, 'C',  'O',  'N', 'N', 'E', 'C', 'T',  0x86, 0x04, 0x02, '/',  '1',
     0x01, 0x01, 'a',  0x00, 0x09, ':', 'p', 'r', 'o', 't',  'o',  'c',  'o',  'l',  0x09,
     'w',  'e',  'b',  's',  'o',  'c', 'k', 'e', 't', 0x00, 0x11, 's',  'e',  'c',  '-',
     'w',  'e',  'b',  's',  'o',  'c', 'k', 'e', 't', '-',  'k',  'e',  'y',  0x01, 'x'},
};

static const uint8_t h2_responses[][12] = {
    {1, 0x88},                        /* 200 */
    {1, 0x89},                        /* 204 */
    {4, 0x88, 0x0f, 0x0d, 0x00},      /* 200, Content-Length empty */
    {5, 0x08, 0x03, '1', '0', '0'},   /* 100 */
    {6, 0x88, 0x0f, 0x0d, 0x01, '5'}, /* 200, Content-Length: 5 */
    {5, 0x00, 0x01, 'a', 0x01, 'b'},  /* a trailer */
    {1, 0x8d},                        /* 404 */
};

/* ---- the input ---- */

static uint8_t take(struct run *run)
{
    uint8_t byte;

    if (run->rest.len == 0) {
        return 0;
    }
    byte = (uint8_t)run->rest.ptr[0];
    run->rest = span_skip(run->rest, 1);
    return byte;
}

static struct span take_some(struct run *run)
{
    size_t n = take(run);
    struct span some;

    n = n < run->rest.len ? n : run->rest.len;
    some = span_head(run->rest, n);
    run->rest = span_skip(run->rest, n);
    return some;
}

/* ---- frames ---- */

enum { DATA = 0, HEADERS = 1, RST_STREAM = 3, GOAWAY = 7, WINDOW_UPDATE = 8 };

/* What a frame of that type needs to mean something, where the input has not got it right. */
static struct span sensible_payload(uint8_t type, uint8_t which, struct span payload,
                                    bool is_client)
{
    static const char big[16384];
    bool other = (which & 16) != 0;

    if (type == HEADERS && (which & 8) == 0) {
        const uint8_t *block = is_client ? h2_requests[payload.len % ARRAY_LEN(h2_requests)]
                                         : h2_responses[payload.len % ARRAY_LEN(h2_responses)];
        return span_make(block + 1, block[0]);
    }
    if (type == DATA && (which & 8) != 0) {
        return span_make(big, sizeof(big));
    }
    if (type == WINDOW_UPDATE && payload.len != 4) {
        return other ? span_make("\x7f\xff\xff\xff", 4) : span_make("\0\1\0\0", 4);
    }
    if (type == RST_STREAM && payload.len != 4) {
        return other ? span_make("\0\0\0\7", 4) : span_make("\0\0\0\10", 4);
    }
    if (type == GOAWAY && payload.len < 8) {
        return other ? span_make("\0\0\0\0\0\0\0\0", 8) : span_make("\0\0\0\3\0\0\0\0", 8);
    }
    return payload;
}

static void put_frame(struct run *run, struct actor *actor, bool is_client)
{
    static const uint8_t streams[] = {0, 1, 3, 5, 7, 9, 11, 13};
    uint8_t type = take(run) & 31;
    uint8_t flags = take(run);
    uint8_t which = take(run);
    struct span payload = sensible_payload(type, which, take_some(run), is_client);
    struct strbuf frame;

    if (type == HEADERS && (which & 8) == 0) {
        flags = (uint8_t)((flags & 1) | 4);
    } else if (type == DATA && (which & 8) != 0) {
        flags &= 1;
    }
    strbuf_init(&frame);
    h2_put_frame(&frame, type, flags, type == GOAWAY ? 0 : streams[which & 7], payload);
    fuzz_put(actor, strbuf_span(&frame));
    strbuf_free(&frame);
}

/* ---- operations ---- */

static void put_big(struct actor *actor)
{
    static const char big[65536];

    fuzz_put(actor, span_make(big, sizeof(big)));
}

static void half_close(struct actor *actor)
{
    if (actor != NULL) {
        actor_finish(actor);
    }
}

/* The next connection takes its place. */
static void hang_up(struct actor **actor)
{
    if (*actor != NULL) {
        actor_close(*actor);
        *actor = NULL;
    }
}

/* Servers read only now and then. */
static void read_once(struct actor *actor)
{
    if (actor != NULL) {
        actor_stall(actor, false);
        (void)actor_turn(actor);
        (void)fuzz_sink(actor);
        actor_stall(actor, true);
    }
}

static void step(struct run *run)
{
    uint8_t op = take(run);
    int which = (op >> 4) % CONNS;
    bool other = (op & 0x80) != 0;

    switch (op & 15) {
    case 0:
        fuzz_put(run->client, take_some(run));
        break;
    case 1:
    case 2:
        put_frame(run, run->client, true);
        break;
    case 3:
        fuzz_put(run->client, requests[take(run) % ARRAY_LEN(requests)]);
        break;
    case 4:
        fuzz_put(run->one[which], take_some(run));
        break;
    case 5:
        fuzz_put(run->one[which], responses[take(run) % ARRAY_LEN(responses)]);
        break;
    case 6:
    case 7:
        put_frame(run, run->two[which], false);
        break;
    case 8:
        hang_up(other ? &run->two[which] : &run->one[which]);
        break;
    case 9:
        half_close(other ? run->two[which] : run->one[which]);
        break;
    case 10:
        actor_stall(run->client, !run->client->is_stalled);
        break;
    case 11:
        read_once(run->one[which]);
        read_once(run->two[which]);
        break;
    case 12:
        run->wait_turns = 1 + (op >> 4) % 4;
        break;
    case 13:
        put_big(other ? run->client : run->one[which]);
        break;
    case 14:
        if (other) {
            actor_close(run->client);
        } else {
            half_close(run->client);
        }
        break;
    default:
        fake_clock_move_us(TIME_JUMP_US);
        run->wait_turns = 1;
        break;
    }
}

/* Whether it has just come. */
static bool accept_one(struct run *run, struct actor **actor, const char *server)
{
    if (*actor != NULL || (*actor = harness_accept(run->h, server)) == NULL) {
        return false;
    }
    actor_stall(*actor, true);
    return true;
}

static void accept_all(struct run *run)
{
    /* MAX_CONCURRENT_STREAMS 4, so that what waits for a stream is met, too. */
    static const struct span settings = SPAN("\0\0\6\4\0\0\0\0\0\0\3\0\0\0\4");

    for (int i = 0; i < CONNS; i++) {
        (void)accept_one(run, &run->one[i], "one");
        if (accept_one(run, &run->two[i], "two")) {
            fuzz_put(run->two[i], settings);
        }
    }
}

static void start_tls(struct run *run, bool is_h2)
{
    static const unsigned char h1[] = "\x08http/1.1";
    static const unsigned char h2[] = "\2h2";
    static SSL_CTX *ctx;

    if (ctx == NULL) {
        ctx = SSL_CTX_new(TLS_client_method());
    }
    SSL *ssl = SSL_new(ctx);
    CHECK(ssl != NULL && SSL_set_tlsext_host_name(ssl, "a.test") == 1);
    CHECK(SSL_set_alpn_protos(ssl, is_h2 ? h2 : h1, (is_h2 ? sizeof(h2) : sizeof(h1)) - 1) == 0);
    SSL_set_connect_state(ssl);
    actor_start_tls(run->client, ssl);
}

static void play(struct run *run)
{
    while (run->rest.len != 0) {
        accept_all(run);
        if (run->wait_turns > 0) {
            run->wait_turns--;
        } else {
            for (int n = 0; n < STEPS_PER_TURN && run->rest.len != 0 && run->wait_turns == 0; n++) {
                step(run);
            }
        }
        (void)harness_turn(run->h);
        (void)fuzz_sink(run->client);
    }
    accept_all(run);
    harness_settle(run->h);
    actor_close(run->client);
    harness_settle(run->h);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct run run = {0};

    if (size < 2) {
        return 0;
    }
    run.h = fuzz_start(fuzz_config);
    run.rest = span_make(bytes + 1, size - 1);
    run.client = harness_connect(run.h);
    actor_stall(run.client, (bytes[0] & FLAG_READS) == 0);
    if ((bytes[0] & FLAG_SMALL) != 0) {
        actor_squeeze(run.client);
    }
    if ((bytes[0] & FLAG_PROXY_HEADER) != 0) {
        fuzz_put(run.client, proxy_header);
    }
    if ((bytes[0] & FLAG_TLS) != 0) {
        start_tls(&run, (bytes[0] & FLAG_TLS_H2) != 0);
    }
    run.h->worker->core.is_draining = (bytes[0] & FLAG_DRAINING) != 0;
    play(&run);
    harness_stop(run.h);
    return 0;
}
