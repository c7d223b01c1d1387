/* A real worker in the test's own thread: its loop is turned by the test, by a clock that the test
 * moves, with clients and servers that the test plays (actor.h) in turns between. Nothing sleeps,
 * and all goes the same way in each run.
 *
 *   struct world *world = world_open();
 *   world_serve(world, "one");
 *   world_load(world, "listeners: [ { bind: \"unix:$DIR/door\" } ] ...");
 *   struct harness *h = harness_start(world);
 *   struct actor *client = harness_connect(h);
 *   actor_say(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
 *   harness_settle(h);
 *   struct actor *server = harness_accept(h, "one");
 *   ...
 *   harness_stop(h);
 *   world_close(world);
 *
 * Over Unix sockets everything that was sent has arrived when the call returns. Over TCP it takes
 * a moment of real time: HARNESS_UNTIL waits for a condition. */
#ifndef TIDEGATE_TESTS_HARNESS_HARNESS_H
#define TIDEGATE_TESTS_HARNESS_HARNESS_H

#include "actor.h"
#include "fake_clock.h"
#include "gateway/worker.h"
#include "world.h"

struct harness {
    struct world *world;
    struct worker *worker;
    struct list actors;
    const struct act_step *scripts[WORLD_SOCKETS_MAX]; /* by the number of the server */
    bool was_told_to_drain;
    bool is_over; /* the worker's loop has ended, as after a drain */
    struct strbuf log;
};

struct harness *harness_start(struct world *world);
/* Ends all that is left, and checks that nothing of it stays: no session, exchange or lease. */
void harness_stop(struct harness *h);

/* One turn of the worker's loop, then one of each actor. False: nothing happened. */
bool harness_turn(struct harness *h);
/* Turns until nothing happens. */
void harness_settle(struct harness *h);
/* Moves the clock, from one deadline to the next, and settles at each. */
void harness_advance_ms(struct harness *h, uint64_t ms);
/* Turns, with a little real time between them, until the condition is true; for TCP. */
bool harness_rests(struct harness *h, unsigned *tries);
#define HARNESS_UNTIL(h, condition)                                                                \
    do {                                                                                           \
        unsigned harness_tries = 0;                                                                \
        do {                                                                                       \
            harness_settle(h);                                                                     \
        } while (!(condition) && harness_rests(h, &harness_tries));                                \
    } while (0)

/* A client; `door` counts the listeners' sockets. Its connection is accepted in the next turn. */
struct actor *harness_connect(struct harness *h);
struct actor *harness_connect_to(struct harness *h, size_t door);
/* The next connection that the gateway made to that server; NULL: none. */
struct actor *harness_accept(struct harness *h, const char *server);
/* Whoever connects to that server from now on meets an actor that plays this; NULL: nobody. */
void harness_play(struct harness *h, const char *server, const struct act_step *script);
/* As the control thread does: SIGTERM has come. */
void harness_drain(struct harness *h);
/* The same where another process goes on with the sockets. */
void harness_hand_over(struct harness *h);
/* As a reload does with connections whose site is gone. */
void harness_lose_sites(struct harness *h);

/* The access log's lines since the last time, with their line feeds; valid until the next call. */
const char *harness_take_log(struct harness *h);
/* Of the last line: a member's value as text, "" where it is not there. Valid until the next call.
 */
const char *harness_logged(struct harness *h, const char *member);

#endif
