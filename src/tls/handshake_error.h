/* Why TLS failed, in words: from the library's reason, the result of verification and the peer's
 * alert to what happened and what to do about it. */
#ifndef TIDEGATE_TLS_HANDSHAKE_ERROR_H
#define TIDEGATE_TLS_HANDSHAKE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#include "tls/handshake_cause.h"

struct handshake_facts {
    bool is_server;              /* we are; the peer is a client. Else the peer is a backend */
    bool peer_is_server;         /* nor a backend: any server, and we are `tidegate explain` */
    unsigned long library_error; /* ERR_peek_error(); 0: none */
    long verify_result;          /* SSL_get_verify_result() */
    int alert_received;          /* TLS_ALERT_NONE */
};

/* Never NULL; the texts are static. */
const struct handshake_cause *handshake_cause_of(const struct handshake_facts *facts);

/* Whether it needs the library's reason, or the alert's name, beside it. */
bool handshake_cause_is_vague(const struct handshake_cause *cause);

/* Every cause there is, those of tls/cause.h last, for docs/failures.md: `side` says who
 * speaks of it ("client", "backend", "server", "any"). NULL after the last one. */
const struct handshake_cause *handshake_cause_at(size_t i, const char **side);

/* The one with a word, as the gateway says it of clients or else of backends; NULL: none has it. */
const struct handshake_cause *handshake_cause_find(const char *word, bool of_client);

/* Who ended it, after a failure of that word: "client", "backend", "gateway" or "network"; NULL: it
 * is none of a handshake or connection. of_client: with a client; else with a backend. */
const char *handshake_refused_by(const char *word, bool of_client);

/* What the library does not know of. */
extern const struct handshake_cause handshake_closed;     /* the peer ended it in the middle */
extern const struct handshake_cause handshake_reset;      /* a socket error */
extern const struct handshake_cause handshake_too_long;   /* more bytes than any handshake needs */
extern const struct handshake_cause handshake_only_noise; /* records that carry nothing */
extern const struct handshake_cause handshake_not_signed; /* whoever has our key (tls/signer.h) */
extern const struct handshake_cause handshake_wrong_signature;

#endif
