/* What the tests of states share: connections in each of their states are met by each event, and
 * what is seen of it from outside (bytes of both sides, the log's lines) is told in one line:
 *
 *     client: 408 left | server: left | log: 408 head_timeout
 *
 * Heads are told by status, or method and target; what follows them as it came; what the gateway
 * says in an error's body not at all. `left`: the gateway has ended the connection. */
#ifndef TIDEGATE_TESTS_STATES_TEST_H
#define TIDEGATE_TESTS_STATES_TEST_H

#include "harness/h2_talk.h"
#include "harness/harness.h"

/* Each limit is another, so that the moment tells which one has struck. In ms. */
enum {
    FIRST_BYTE_MS = 1000,
    HEAD_MS = 2000,
    BODY_MS = 3000,
    SEND_MS = 4000,
    KEEP_ALIVE_MS = 5000,
    HALF_CLOSED_MS = 6000,
    RESPONSE_MS = 7000,
    STREAM_IDLE_MS = 8000,
    TUNNEL_IDLE_MS = 9000,
    TUNNEL_TOTAL_MS = 100000,
    POOL_IDLE_MS = 10000,
    SETTINGS_MS = 1000, /* connect_timeout of `two` */
    PING_AFTER_MS = 3000,
    PING_MS = 2000,
    /* A front of HTTP/2 looks at its limits every quarter of the shortest. */
    TICK_MS = HEAD_MS / 4
};

#define STATES_TIMEOUTS                                                                            \
    "timeouts: { first_byte: 1s, head: 2s, body: 3s, send: 4s, keep_alive: 5s, half_closed: 6s, "  \
    "stream_idle: 8s, tunnel_idle: 9s, tunnel_total: 100s, drain: 60s }\n"                         \
    "log: { access: /dev/null }\n"

/* One HTTP/1.1 server `one`, one HTTP/2 server `two`, each with response_timeout 7s: by /1 and /2;
 * everything else is answered by the gateway: /deny with 403, the rest with 200 and `hello`. */
int states_set_up(void **state);
int states_tear_down(void **state);
struct harness *states_start(void);

/* What has come since the last call, in words; valid until four more calls. NULL: nobody. */
const char *states_heard(struct actor *actor);
/* The lines of the log since the last call: status and reason of each, "-" where there is none. */
const char *states_logged(struct harness *h);
/* All three in one line, without those that have nothing to say. */
const char *states_told(struct harness *h, struct actor *client, struct actor *server);
/* And of HTTP/2: frames instead of bytes, without SETTINGS and WINDOW_UPDATE; heads by their
 * status, or method and path. */
const char *states_frames(struct h2_talk *talk);
const char *states_told_h2(struct harness *h, struct h2_talk *client, struct actor *server);
const char *states_told_h2_server(struct harness *h, struct actor *client, struct h2_talk *server);

#endif
