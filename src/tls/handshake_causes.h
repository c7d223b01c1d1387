/* The tables that handshake_error.c finds causes in: not for others. */
#ifndef TIDEGATE_TLS_HANDSHAKE_CAUSES_H
#define TIDEGATE_TLS_HANDSHAKE_CAUSES_H

#include <stddef.h>

#include "tls/handshake_cause.h"

struct cause_row {
    int code;
    struct handshake_cause cause;
};

struct cause_table {
    const char *side; /* who speaks of it, as handshake_cause_at says it */
    const struct cause_row *rows;
    size_t count;
};

/* ---- handshake_alerts.c: alerts that the peer sent, by TLS_ALERT_* ---- */
extern const struct cause_table alerts_of_clients;
extern const struct cause_table alerts_of_backends;
extern const struct cause_table alerts_of_servers; /* to `tidegate explain` */
extern const struct cause_table alerts_of_anybody;

/* ---- handshake_verdicts.c: certificates that we did not accept, by X509_V_ERR_* ---- */
extern const struct cause_table verdicts_on_clients;
extern const struct cause_table verdicts_on_backends;
extern const struct cause_table verdicts_on_servers; /* by `tidegate explain` */

#endif
