/* Frames for a whole HTTP/2 front: a worker of its own, a session over a socket pair, exchanges
 * that answer here or find no server. Whatever comes, the connection ends, and nothing is left: no
 * session, no exchange, no lease, no memory.
 *
 * Input, after the preface and SETTINGS that each run begins with: frames as type, flags, stream (a
 * byte each), two bytes of length, payload. A HEADERS payload that begins with 0xff stands for an
 * ordinary request's, since HPACK is hard to come by. The highest bit of `type` ends a batch: the
 * gateway gets a turn. */
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/front_h2.h"
#include "gateway/session.h"

#define TYPE_HEADERS 1
#define BATCH_END 0x80
#define TURN_US 200

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char config[] =
    "listeners: [ { bind: \"127.0.0.1:1\" } ]\n"
    "sites: [ { hosts: [\"*\"], routes: [\n"
    "  { match: { path: /gone/* }, backend: \"127.0.0.1:1\" },\n"
    "  { match: { path: /echo }, respond: { echo: true } },\n"
    "  { match: { path: /* }, respond: { body: hello }, body_limit: 1k } ] } ]\n"
    "limits: { head: 1k, fields: 8, target: 256, streams: 8 }\n"
    "log: { access: \"off\" }\n";

static const uint8_t requests[][20] = {
    {7, 0x82, 0x86, 0x84, 0x01, 0x01, 'a', 0},                                   /* GET / */
    {12, 0x83, 0x86, 0x04, 0x05, '/', 'e', 'c', 'h', 'o', 0x01, 0x01, 'a'},      /* POST /echo */
    {13, 0x83, 0x86, 0x04, 0x06, '/', 'g', 'o', 'n', 'e', '/', 0x01, 0x01, 'a'}, /* POST /gone/ */
};

static struct snapshot *make_snapshot(void)
{
    struct config_report report;

    config_report_init(&report);
    struct settings *settings = config_load_text(span_from_cstr(config), "fuzz.yaml", &report);
    CHECK(settings != NULL);
    struct snapshot *snapshot = snapshot_create(settings, &report);
    CHECK(snapshot != NULL);
    config_report_free(&report);
    return snapshot;
}

struct run {
    struct timer timer;
    struct worker *worker;
    int peer;
    struct span rest;
};

static void put(struct run *run, const void *bytes, size_t len)
{
    /* What the gateway does not take is of no interest. */
    (void)!send(run->peer, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* True: the gateway gets a turn. */
static bool put_frame(struct run *run)
{
    const uint8_t *at = (const uint8_t *)run->rest.ptr;
    uint8_t kind = at[0] & 0x7f;
    bool ends = (at[0] & BATCH_END) != 0;
    size_t len = ((size_t)at[3] << 8 | at[4]) & 0x3fff;
    uint8_t head[9] = {0, 0, 0, kind, at[1], 0, 0, 0, at[2]};
    struct span payload = span_skip(run->rest, 5);

    payload = span_head(payload, payload.len < len ? payload.len : len);
    run->rest = span_skip(run->rest, 5 + payload.len);
    if (kind == TYPE_HEADERS && payload.len != 0 && (uint8_t)payload.ptr[0] == 0xff) {
        const uint8_t *request = requests[payload.len % 3];
        payload = span_make(request + 1, request[0]);
        head[4] &= 0x05; /* END_STREAM and END_HEADERS */
    }
    head[1] = (uint8_t)(payload.len >> 8);
    head[2] = (uint8_t)payload.len;
    put(run, head, sizeof(head));
    put(run, payload.ptr, payload.len);
    return ends;
}

static void on_turn(struct timer *timer)
{
    struct run *run = CONTAINER_OF(timer, struct run, timer);
    char sink[65536];

    while (recv(run->peer, sink, sizeof(sink), MSG_DONTWAIT) > 0) {
    }
    while (run->rest.len >= 5) {
        if (put_frame(run)) {
            timer_set(run->worker->core.loop, &run->timer, TURN_US);
            return;
        }
    }
    if (run->rest.len != 0) {
        run->rest = span_make(NULL, 0);
        timer_set(run->worker->core.loop, &run->timer, TURN_US);
        return;
    }
    (void)shutdown(run->peer, SHUT_WR);
    (void)close(run->peer);
    run->peer = -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct snapshot *snapshot;
    static const uint8_t settings_frame[9] = {0, 0, 0, 4};
    struct sock_address nobody = {0};
    int pair[2];

    if (snapshot == NULL) {
        snapshot = make_snapshot();
    }
    struct worker *worker = worker_create(snapshot, 0, NULL, 0);
    CHECK(worker != NULL && socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    struct worker_socket listening = {.worker = worker, .listener = &snapshot->listeners[0]};
    struct run run = {.worker = worker, .peer = pair[1], .rest = span_make(bytes, size)};
    worker->is_draining = true; /* so that the loop stops with the session */
    put(&run, FRONT_H2_PREFACE, FRONT_H2_PREFACE_BYTES);
    put(&run, settings_frame, sizeof(settings_frame));
    timer_init(&run.timer, on_turn);
    session_create(worker, &listening, pair[0], &nobody);
    timer_set(worker->core.loop, &run.timer, 1);
    worker_run(worker);
    CHECK(worker->session_count == 0 && worker->exchange_count == 0);
    timer_destroy(worker->core.loop, &run.timer);
    if (run.peer >= 0) {
        (void)close(run.peer);
    }
    worker_destroy(worker);
    return 0;
}
