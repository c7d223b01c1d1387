/* Whether a request is sent again whose server's side failed: the one place that decides it, for
 * every HTTP version on either side, for first and for pooled connections alike. A back reports
 * what it knows (facts), the exchange what it has (state); neither judges.
 *
 *   nothing of it was sent ............................ again, any method
 *   the server says that it did not look at it ........ again, any method (RFC 9113 section 8.7);
 *                                                       over HTTP/1.1 where it asks for that
 *   it was sent, and nothing came back ................ once, if doing it twice is harmless
 *                                                       (RFC 9110 section 9.2.2)
 *   anything came back, an interim response included .. never: the server is at work on it
 *
 * A server that cannot be reached is no matter of this: nothing was begun, and the next one is
 * tried while any is left (client/dial.h).
 *
 * Never where the client has been answered, or where a part of the body is not in our hands any
 * more (client/replay.h). */
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
    RETRY_ANSWERING /* something came back, or the fault is not the connection's */
};

struct retry_facts {
    enum retry_stage stage;
    bool was_pooled;  /* the connection had been of use before: it may have ended of old age */
    bool wants_h1;    /* with DECLINED: it wants the request over HTTP/1.1 (HTTP_1_1_REQUIRED) */
    uint32_t h2_code; /* of the server's reset; 0: none. For whoever asks: it decides nothing */
};

struct retry_state {
    bool has_started;      /* the client has the head of a response */
    bool has_body_in_hand; /* all of the body that was sent can be sent again */
    bool is_idempotent;    /* http_method_is_idempotent */
    unsigned losses;       /* how often it was lost on the way so far */
    unsigned refusals;     /* how often it was declined, or not sent, so far */
};

struct retry_policy {
    unsigned losses_max;
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
/* Whether no server has acted on it, for whoever asked to know that he may ask again. */
bool retry_is_unseen(const struct retry_policy *policy, const struct retry_facts *facts);

#endif
