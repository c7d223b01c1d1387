/* Those that wait for a server of a backend while all of them are full: one line for all workers,
 * by priority, and of the same one first come, first served. Where it is full a higher one has the
 * last of the lowest leave (upstream/shed.h). Whoever gives a server's place back calls the first
 * one (any thread); that one tries again on its own thread, and those that come meanwhile stand
 * behind it.
 *
 * Bounded by its size alone: how long somebody waits is its own affair. */
#ifndef TIDEGATE_UPSTREAM_SERVER_QUEUE_H
#define TIDEGATE_UPSTREAM_SERVER_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"
#include "io/loop.h"
#include "settings/choices.h"

struct server_queue;
struct server_wait; /* one of those */

/* Counted: its backend has a use, and so has each that waits. */
struct server_queue *server_queue_create(size_t size) MUST_CHECK;
/* The backend's use. NULL is allowed. From any thread. */
void server_queue_release(struct server_queue *queue);

/* How many wait. From any thread. */
size_t server_queue_count(const struct server_queue *queue);
/* Those of them that are of this priority or a higher one. */
size_t server_queue_before(const struct server_queue *queue, enum priority priority);
/* How many found it full, or left it for others, since it was made; of all priorities. */
uint64_t server_queue_refused(const struct server_queue *queue);

/* Those of a priority that got no server because there was none: refused, and those that waited in
 * vain. */
void server_queue_count_shed(struct server_queue *queue, enum priority priority);
uint64_t server_queue_shed(const struct server_queue *queue, enum priority priority);

/* Behind all others of its priority. on_turn is called from the loop, as often as it is its turn,
 * until it leaves; or once with is_pushed_out, upon which it leaves. Never from inside. NULL: the
 * queue is full. Left before the loop ends, which then makes another turn. */
struct server_wait *server_queue_join(struct server_queue *queue, enum priority priority,
                                      struct loop *loop, void *owner,
                                      void (*on_turn)(void *owner, bool is_pushed_out)) MUST_CHECK;
/* In on_turn: no server had a place after all. It stays the first. */
void server_queue_stay(struct server_wait *wait);
/* If it is the first in the line: its turn, for whatever reason. */
void server_queue_nudge(struct server_wait *wait);
/* It waits no more. has_place: it got one in on_turn; if not, and it was its turn, it is the next
 * one's. */
void server_queue_leave(struct server_wait *wait, bool has_place);

/* A server may have a place: the first one's turn. From any thread. */
void server_queue_call(struct server_queue *queue);

#endif
