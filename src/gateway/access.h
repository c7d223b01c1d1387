/* From live objects to the access log's lines: what every line has of its client, how an end is
 * told, and the lines of connections. An exchange's are begun here and filled there. */
#ifndef TIDEGATE_GATEWAY_ACCESS_H
#define TIDEGATE_GATEWAY_ACCESS_H

#include "base/trouble.h"
#include "client/tries.h"
#include "gateway/worker_base.h"
#include "io/conn.h"
#include "observe/access_record.h"
#include "server/link.h"

/* What the texts of a record point into. */
struct access_texts {
    char client[SOCK_TEXT_MAX];
    char told[SOCK_TEXT_MAX];
    char subject[256];
    char addresses[TRIES_KEPT][SOCK_TEXT_MAX];
    struct access_try tries[TRIES_KEPT + 1];
};

/* The worker's lines gather and are written as blocks; a line waits a moment at most. */
void access_init(struct worker *worker);
void access_flush(struct worker *worker);

/* By which rules a line is written, and with whose places: of one snapshot both. */
struct generation;
struct access_way {
    struct generation *generation; /* held by whoever the line is of */
    const struct log_rules *rules;
};

/* With what the link tells. False: the log is off. began_us: by clock_us. */
bool access_begin(const struct access_way *way, const struct link *link,
                  struct access_record *record, enum access_kind kind, uint64_t began_us,
                  struct access_texts *texts) MUST_CHECK;
/* Says how it ended, and writes it. values: of a request, for a template; NULL: a connection's. */
struct template_values;
void access_end(const struct access_way *way, const struct link *link, struct access_record *record,
                const struct trouble *trouble, const struct template_values *values);

/* The servers that it was tried on, where any failed; last: the one that it stayed with, NULL: none
 * did. */
void access_fill_tries(struct access_record *record, const struct tries *tries,
                       const struct server_try *last, struct access_texts *texts);

struct passthrough_facts {
    bool is_tcp; /* what was carried was not the client's own TLS */
    struct span backend;
    struct span server; /* ptr NULL: none was reached */
    int64_t connect_us; /* -1: not connected */
    const struct tries *tries;
    const char *refused_by; /* where it is known better than by the reason; else NULL */
};

/* Of a link's connection; each writes at most one line, nothing when the log is off. */
void access_log_trouble(struct link *link, const struct conn *conn, const struct trouble *trouble);
/* A connection that was of use before it was ended: written besides the lines of its requests. */
void access_log_end(struct link *link, const struct conn *conn, const struct trouble *trouble);
/* trouble NULL: it ended in order. Writes nothing if a line was written before. */
void access_log_passthrough(struct link *link, const struct conn *conn,
                            const struct passthrough_facts *facts, const struct trouble *trouble);

#endif
