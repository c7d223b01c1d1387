/* What fuzz targets of whole requests share: a world with a route of each kind, made once for all
 * inputs, and sending that never waits. The servers `one` (HTTP/1.1) and `two` (HTTP/2) are
 * played by the target. */
#ifndef TIDEGATE_FUZZ_WORLD_H
#define TIDEGATE_FUZZ_WORLD_H

#include <stdlib.h>

#include "harness/h2_talk.h"
#include "harness/harness.h"

/* More than this waits for no gateway: what it does not take is of no interest. */
#define FUZZ_UNSENT_MAX 131072

static const char fuzz_config[] =
    "listeners: [ { bind: \"unix:$DIR/door\", proxy_protocol_from: [unix, 127.0.0.0/8] } ]\n"
    "trusted_proxies: [10.0.0.0/8]\n"
    "backends:\n"
    "  - { name: one, servers: [\"unix:$DIR/one\"], response_timeout: 100ms }\n"
    "  - { name: two, servers: [\"unix:$DIR/two\"], protocol: h2c, response_timeout: 100ms }\n"
    "  - { name: headed, servers: [\"unix:$DIR/one\"], proxy_protocol: v2,\n"
    "      response_timeout: 100ms }\n"
    "sites: [ { hosts: [\"*\"], plain_http: serve,\n"
    "  tls: { certificate: $DIR/a.test.crt, key: $DIR/a.test.key }, routes: [\n"
    "    { match: { path: /1* }, backend: one, upgrade: [websocket, tcp] },\n"
    "    { match: { path: /2* }, backend: two },\n"
    "    { match: { path: /3* }, backend: headed },\n"
    "    { match: { path: /file.txt }, files: $DIR },\n"
    "    { match: { path: /echo }, respond: { echo: true } },\n"
    "    { match: { path: /* }, respond: { body: hello }, body_limit: 1k } ] },\n"
    "  { hosts: [pass.test], passthrough: \"unix:$DIR/one\" } ]\n"
    "timeouts: { first_byte: 100ms, head: 100ms, body: 100ms, send: 100ms, keep_alive: 100ms }\n"
    "limits: { head: 4k, fields: 80, target: 256, streams: 8 }\n"
    "log: { access: /dev/null }\n";

static struct world *fuzz_world;

static inline void fuzz_world_close(void)
{
    world_close(fuzz_world);
}

static inline void fuzz_world_make_file(void)
{
    struct strbuf lines;

    strbuf_init(&lines);
    for (int i = 0; i < 1000; i++) {
        strbuf_printf(&lines, "line %d\n", i);
    }
    world_write_file(fuzz_world, "file.txt", strbuf_span(&lines));
    strbuf_free(&lines);
}

/* A worker in the world, which is made for the first input. */
static inline struct harness *fuzz_start(const char *config)
{
    if (fuzz_world == NULL) {
        fuzz_world = world_open();
        world_serve(fuzz_world, "one");
        world_serve(fuzz_world, "two");
        fuzz_world_make_file();
        world_write_certificate(fuzz_world, "a.test");
        world_load(fuzz_world, config);
        (void)atexit(fuzz_world_close);
    }
    return harness_start(fuzz_world);
}

static inline void fuzz_put(struct actor *actor, struct span bytes)
{
    if (actor != NULL && actor->unsent.len < FUZZ_UNSENT_MAX) {
        actor_send(actor, bytes);
    }
}

/* Drops what has come; returns whether anything had. */
static inline bool fuzz_sink(struct actor *actor)
{
    bool any = actor != NULL && actor->got.len != 0;

    if (any) {
        strbuf_clear(&actor->got);
    }
    return any;
}

/* Bytes of a peer with events between them: these are not sent. No text has them. */
enum fuzz_event {
    FUZZ_TURN = 0xf8, /* the gateway gets a turn */
    FUZZ_SETTLE,      /* it gets all that it wants */
    FUZZ_TIME,        /* and time passes */
    FUZZ_FINISH,      /* a half-close */
    FUZZ_CLOSE,
    FUZZ_STALL /* reads no more, or again */
};

#define FUZZ_TIME_MS 120

/* The next piece and the event behind it. The actor may be NULL. */
static inline void fuzz_play_piece(struct harness *h, struct actor *actor, struct span *rest)
{
    size_t len = 0;
    uint8_t event = FUZZ_SETTLE;

    while (len < rest->len && (uint8_t)rest->ptr[len] < FUZZ_TURN) {
        len++;
    }
    fuzz_put(actor, span_head(*rest, len));
    *rest = span_skip(*rest, len);
    if (rest->len != 0) {
        event = (uint8_t)rest->ptr[0];
        *rest = span_skip(*rest, 1);
    }
    if (event == FUZZ_TIME) {
        harness_advance_ms(h, FUZZ_TIME_MS);
    } else if (event == FUZZ_FINISH && actor != NULL) {
        actor_finish(actor);
    } else if (event == FUZZ_CLOSE && actor != NULL) {
        actor_close(actor);
    } else if (event == FUZZ_STALL && actor != NULL) {
        actor_stall(actor, !actor->is_stalled);
    } else if (event == FUZZ_TURN) {
        (void)harness_turn(h);
    } else {
        harness_settle(h);
    }
}

#endif
