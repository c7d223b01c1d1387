/* An exchange: one request and its response, between a front (the client's side, of any HTTP
 * version) and a call (a server's side), or an answer made here.
 *
 *   front --head--> exchange_begin: site, route, policy
 *                      |--> answered here: redirect, respond, files, errors
 *                      `--> forwarded: call --head, body, end--> front
 *
 * Bodies stream: a front asks exchange_takes_body before it reads, a call asks poll_response. Each
 * piece given is taken at once (it is queued for the other side), so that what a slow side costs is
 * bounded by one receive buffer.
 *
 * The exchange ends itself: when the response is complete, or with exchange_abandon by the front.
 * The front hears of it by its `done`, after which the exchange is gone. Request memory comes from
 * its arena. */
#ifndef TIDEGATE_GATEWAY_EXCHANGE_H
#define TIDEGATE_GATEWAY_EXCHANGE_H

#include "gateway/worker_base.h"
#include "server/front_exchange.h"

/* For link_ops: from the worker's pool. It is served by what that generation has. */
struct front_exchange *exchange_open(struct link *link, struct generation *generation,
                                     const struct front_ops *ops, void *owner);
/* There is memory again: bodies that were read no further go on. */
void exchange_resume_bodies(struct worker *worker);
/* At the worker's end: the memory of those that are not in use. */
void exchange_free_pool(struct worker *worker);

#endif
