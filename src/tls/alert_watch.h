/* Looks at the beginning of somebody else's TLS, one direction of it, for a fatal alert that is
 * sent in plain: before the keys are there, either side says so why it gives up (RFC 8446 section
 * 6, RFC 5246 section 7.2). What is encrypted is not looked at, and nothing is changed.
 *
 * Fed as the bytes come, in pieces of any size; allocates nothing. */
#ifndef TIDEGATE_TLS_ALERT_WATCH_H
#define TIDEGATE_TLS_ALERT_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "tls/alert.h"

/* No handshake has more in plain. */
#define ALERT_WATCH_BYTES_MAX (256 * 1024)

struct alert_watch {
    bool is_over; /* nothing more will be found */
    int alert;    /* TLS_ALERT_NONE: none was found */
    uint8_t head[7];
    uint8_t head_len;
    uint32_t skip; /* bytes of the present record that do not matter */
    uint32_t seen;
};

void alert_watch_init(struct alert_watch *watch);
void alert_watch_take(struct alert_watch *watch, struct span bytes);

/* What such an alert means, as seen from between the two; texts are static. */
struct alert_meaning {
    const char *word; /* that of handshakes here: tls/handshake_error.h */
    const char *sentence;
    const char *mend;
};

/* by_client: the client sent it, about what the server sent; else the other way round. */
struct alert_meaning alert_watch_meaning(int alert, bool by_client);

#endif
