/* From live objects to the access log's lines. */
#ifndef TIDEGATE_GATEWAY_ACCESS_H
#define TIDEGATE_GATEWAY_ACCESS_H

#include "gateway/session.h"

struct exchange;

struct passthrough_facts {
    struct span backend;
    struct span server;     /* ptr NULL: none was reached */
    int64_t connect_us;     /* -1: not connected */
    const char *refused_by; /* where it is known better than by the reason; else NULL */
};

/* Each writes at most one line; nothing when the log is off. */
void access_log_trouble(struct session *session, const struct trouble *trouble);
/* A connection that was of use before it was ended: written besides the lines of its requests. */
void access_log_end(struct session *session, const struct trouble *trouble);
/* trouble NULL: it ended in order. Writes nothing if a line was written before. */
void access_log_passthrough(struct session *session, const struct passthrough_facts *facts,
                            const struct trouble *trouble);
void access_log_exchange(struct exchange *exchange);

#endif
