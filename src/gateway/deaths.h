/* How gateway processes have died, in memory that all of them and the supervisor share: a process
 * that dies leaves a note of what it had in hand (gateway/in_hand.h), the supervisor takes it, and
 * the next one goes by it.
 *
 * A client whose connection was in hand at two deaths within a minute is refused for ten minutes:
 * one request now and then that finds an error of ours must not keep the gateway from everybody
 * else. Peers in `trusted_proxies`, which stand for many clients, and those on Unix sockets are
 * never refused, nor is anybody for a signal that was sent from outside.
 *
 * deaths_prepare in the first process, before it starts another; without it, as in tests, nobody
 * has died. */
#ifndef TIDEGATE_GATEWAY_DEATHS_H
#define TIDEGATE_GATEWAY_DEATHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/sock.h"

/* The last ones, for `tidegate status`. */
#define DEATHS_KEPT 8
/* Clients that were in hand at a death a short while ago, or are refused. */
#define DEATHS_CLIENTS_MAX 64
/* Bytes of what a process said of itself. */
#define DEATH_WORDS_MAX 2048

#define DEATHS_WITHIN_MS UINT64_C(60000)
#define DEATHS_REFUSE_MS UINT64_C(600000)

/* Of the process that dies: its signal's handler writes it, once. */
struct death_note {
    volatile int is_begun;   /* by whoever was first */
    volatile int is_blaming; /* `client` was in hand, and may be refused for it */
    struct peer client;
    size_t len; /* of words */
    char words[DEATH_WORDS_MAX];
};

struct death {
    int64_t at_ms;               /* since 1970 */
    char how[128];               /* "was ended by signal 11 (Segmentation fault)" */
    char words[DEATH_WORDS_MAX]; /* its own; "": none */
};

struct refused_client {
    struct peer client; /* its port means nothing; of IPv6, the first 64 bits are its own */
    uint64_t left_ms;
};

void deaths_prepare(void);

/* ---- the process that dies; for handlers of signals ---- */

/* NULL: another thread writes it already, or there is no memory for it. */
struct death_note *deaths_note(void);

/* ---- the supervisor, when a process has died, and before it starts the next ---- */

/* Takes the note over, tells in the log whom it makes refuse, and clears it. Times as of
 * clock_wall_ms and clock_ms. */
void deaths_collect(const char *how, int64_t wall_ms, uint64_t now_ms);

/* ---- a gateway process ---- */

/* Whether the client is refused. A load where nobody is. */
bool deaths_refuse(const struct peer *client, uint64_t now_ms);

/* ---- for status; `max` is of the room in the arrays ---- */

/* The last first; *total: all since the start. */
size_t deaths_last(struct death *deaths, size_t max, uint64_t *total);
size_t deaths_refused(struct refused_client *clients, size_t max, uint64_t now_ms);

#endif
