/* Who may come in: asked when a connection has been accepted, before anything is made for it. A
 * client that is kept off (`bans`), that has too many connections or makes too many in a second, or
 * for whom none is left, is closed without a word. Requests are asked in exchange_admission.c. */
#ifndef TIDEGATE_GATEWAY_ADMISSION_H
#define TIDEGATE_GATEWAY_ADMISSION_H

#include "gateway/worker_base.h"
#include "io/sock.h"

struct link;
struct trouble;

/* What a connection counts for, until it ends. Zero-initialised: nothing. */
struct admission {
    uint64_t hash;
    bool is_counted;
    const char
        *limit; /* by which it was refused, for the log; NULL: by a ban, which tells itself */
};

/* False: it is to be closed. Else *admission is its, for admission_end. */
bool admission_ask(const struct worker_socket *socket, const struct peer *peer,
                   struct admission *admission) MUST_CHECK;
/* Whether one more may be accepted in this second, whoever it is. */
bool admission_may_accept(const struct limits_settings *limits) MUST_CHECK;
/* Whether a TLS handshake may begin with that client. */
bool admission_takes_handshake(const struct link *link) MUST_CHECK;
/* May be called twice. */
void admission_end(struct admission *admission);
/* Connections that were closed for each of these, since the start, of all workers. */
struct admission_counts {
    uint64_t banned; /* requests, too */
    uint64_t too_many;
    uint64_t too_often;
    uint64_t kept; /* what was left was for others */
    uint64_t handshakes;
};
void admission_counts(struct admission_counts *counts);

/* A connection failed, and it was the client's doing. */
void admission_note_connection(struct link *link, const struct trouble *trouble);

#endif
