/* Whether a request is sent again whose server's side failed: the one place that decides it, for
 * every HTTP version on either side, for first and for pooled connections alike. A back reports
 * what it knows (facts), the call what it has (state), the configuration what may be (policy: the
 * directive `retries`); none of them judges.
 *
 *   nothing of it was sent ............................ again, any method
 *   the server says that it did not look at it ........ again, any method (RFC 9113 section 8.7);
 *                                                       over HTTP/1.1 where it asks for that
 *   it was sent, and nothing came back ................ `times`, if doing it twice is harmless
 *                                                       (RFC 9110 section 9.2.2, or the route says
 *                                                       so); behind a connection's rest once,
 *                                                       whatever `for` says
 *   it was answered 502, 503 or 504, or not in time ... the same, where `for` says so
 *   anything else came back, an interim response too .. never: the server is at work on it
 *
 * A server that cannot be reached is no matter of this: nothing was begun, and the next one is
 * tried while any is left (client/dial.h), unless `for` leaves `connect` out.
 *
 * Never where the client has been answered, or where a part of the body is not in our hands any
 * more (client/replay.h). What may make servers do more than they are asked for is counted against
 * a budget of its backend, so that an outage is not multiplied (upstream/retry_budget.h). */
#ifndef TIDEGATE_EDGE_RETRY_H
#define TIDEGATE_EDGE_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"

/* How far the request had come. */
enum retry_stage {
    RETRY_NOT_SENT, /* no byte of it has left */
    RETRY_DECLINED, /* the server refuses it unseen: REFUSED_STREAM, or above a GOAWAY's last */
    RETRY_SENT,     /* the server may have acted on it, and was lost before a byte of an answer */
    RETRY_STATUS,   /* it answered with a status that says it could not */
    RETRY_LATE,     /* it has not answered in the time that one try has */
    RETRY_ANSWERING /* something came back, or the fault is not the connection's */
};

struct retry_facts {
    enum retry_stage stage;
    bool was_at_rest; /* nothing has come on it since it rested: it may have ended of old age */
    bool wants_h1;    /* with DECLINED: it wants the request over HTTP/1.1 (HTTP_1_1_REQUIRED) */
    unsigned status;  /* with STATUS */
    uint32_t h2_code; /* of the server's reset; 0: none. For whoever asks: it decides nothing */
};

struct retry_state {
    bool has_started;      /* the client has the head of a response */
    bool has_body_in_hand; /* all of the body that was sent can be sent again */
    bool is_idempotent;    /* http_method_is_idempotent */
    unsigned losses;       /* how often it was sent again that servers may have acted on */
    bool has_budget;       /* retry_budget_has, of its backend */
    unsigned refusals;     /* how often it was declined, or not sent, so far */
};

/* What it may be sent again for, beside what holds always. */
enum retry_on {
    RETRY_ON_CONNECT = 1 << 0,
    RETRY_ON_RESET = 1 << 1,
    RETRY_ON_REFUSED_STREAM = 1 << 2,
    RETRY_ON_502 = 1 << 3,
    RETRY_ON_503 = 1 << 4,
    RETRY_ON_504 = 1 << 5,
    RETRY_ON_TIMEOUT = 1 << 6
};

struct retry_policy {
    unsigned on;         /* enum retry_on */
    bool is_harmless;    /* whatever the method: the route says so */
    bool is_once;        /* it is a second try itself, beside the first: never */
    unsigned losses_max; /* `times` */
    unsigned refusals_max;
    bool may_use_h1; /* the backend is spoken to in HTTP/1.1 as well */
};

enum retry_answer {
    RETRY_NO,
    RETRY_ON_NEW_CONNECTION, /* to any server: the connection is to blame */
    RETRY_ON_OTHER_SERVER,   /* as long as there is one; else any. On a new connection, too */
    RETRY_ANYWHERE,          /* another server, if any; connections that are there will do */
    RETRY_OVER_H1            /* the same, but over HTTP/1.1 */
};

enum retry_answer retry_decide(const struct retry_policy *policy, const struct retry_state *state,
                               const struct retry_facts *facts) MUST_CHECK;
/* Whether a retry for this counts against the budget. */
static inline bool retry_costs(const struct retry_facts *facts)
{
    return facts->stage == RETRY_SENT || facts->stage == RETRY_STATUS || facts->stage == RETRY_LATE;
}
/* Whether a request that its server has not answered yet is asked of another one, too (the
 * directive `hedge`). */
struct hedge_facts {
    bool only_reads;    /* GET, HEAD */
    bool has_body;      /* of which the second server would want a copy */
    bool wants_upgrade; /* to another protocol, which two servers would speak at once */
    bool is_bound;      /* to its server, or to a connection */
    bool has_interim;   /* the server has shown that it is at work */
    bool has_budget;
    bool has_other_server;
    unsigned under_way; /* of other requests */
    unsigned max;
};
bool retry_may_hedge(const struct hedge_facts *facts);
/* Whether no server has acted on it, for whoever asked to know that he may ask again. */
bool retry_is_unseen(const struct retry_policy *policy, const struct retry_facts *facts);

#endif
