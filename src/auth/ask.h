/* Asking a server of a backend about a request that waits: over the worker's own connections
 * (client/call.h), so that nothing blocks and connections are used again. For methods that somebody
 * else decides for.
 *
 *   ask_start --> ASKING --whole, failed, late--> OVER, told at the end of the turn
 *                    `--ask_cancel--> gone, and nobody is told
 *
 * Bounded in time and bytes, and by how many of a method may be on their way (struct ask_line).
 * All is on the worker's thread and in the request's arena, but for the count of a line. */
#ifndef TIDEGATE_AUTH_ASK_H
#define TIDEGATE_AUTH_ASK_H

#include <stdatomic.h>

#include "base/trouble.h"
#include "http/message.h"
#include "policy/phase.h"

struct ask;
struct backend;

/* Those of one method that are on their way, of all workers. */
struct ask_line {
    atomic_uint count;
    unsigned most;
};

/* Lives as long as the ask, with all of its memory. */
struct ask_what {
    const struct backend *backend;
    enum http_method method;
    struct span method_name;
    struct span path;
    struct span query;     /* ptr NULL: none */
    struct span authority; /* ptr NULL: the server's, as its backend says */
    struct http_fields fields;
    struct span body; /* of a POST */
    uint64_t timeout_ms;
    /* Bytes of the response's that are kept; more is an error. 0: its head is all that is wanted.
     */
    size_t body_max;
    bool body_may_be_cut; /* more is no error: then none of it is told */
};

/* Valid until on_done returns, and the fields as long as the request. */
struct ask_result {
    bool is_answered;       /* there was a whole response */
    struct trouble trouble; /* else: what went wrong */
    unsigned status;
    const struct http_fields *fields;
    struct span body; /* valid until on_done returns */
    bool is_cut;      /* it was longer than may be kept, or was lost */
};

/* NULL: there are too many in the line. on_done comes once, from the loop. */
struct ask *ask_start(struct phases *phases, struct ask_line *line, const struct ask_what *what,
                      void *owner,
                      void (*on_done)(void *owner, const struct ask_result *result)) MUST_CHECK;
/* Before the request's memory goes; on_done is not called any more. Not after it; NULL is allowed.
 */
void ask_cancel(struct ask *ask);

#endif
