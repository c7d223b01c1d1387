/* What one HTTP/2 connection may cost: a token bucket against floods of frames that are cheap to
 * send and dear to receive (CVE-2023-44487 and its kin). Every kind of frame has its price in one
 * table (h2_budget.c); time refills the bucket, and so does honest work (a body moved, a response
 * finished), so that a busy connection is never mistaken for a flood.
 *
 * Pure: the caller tells the time and what came. */
#ifndef TIDEGATE_HTTP_H2_BUDGET_H
#define TIDEGATE_HTTP_H2_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"

/* Tokens: what a new connection may spend at once, and what a second gives back. */
#define H2_BUDGET_TOKENS 4000
#define H2_BUDGET_PER_SECOND 400
/* What a frame of a body gives back that was sent to the peer, and a request that came to its end.
 */
#define H2_BUDGET_PER_FRAME 2
#define H2_BUDGET_PER_REQUEST 2
#define H2_LATE_BYTES 16384

enum h2_event {
    H2_EVENT_RESET,         /* RST_STREAM from the peer */
    H2_EVENT_EMPTY_DATA,    /* DATA without a byte that does not end its stream */
    H2_EVENT_CONTINUATION,  /* each */
    H2_EVENT_SETTINGS,      /* acknowledgements too */
    H2_EVENT_PING,          /* acknowledgements too */
    H2_EVENT_PRIORITY,      /* PRIORITY, PRIORITY_UPDATE */
    H2_EVENT_WINDOW_UPDATE, /* each */
    H2_EVENT_MALFORMED,     /* a head or frame that broke a rule and ended its stream only */
    H2_EVENT_TOO_LARGE,     /* a head over the limits: HPACK bombs */
    H2_EVENT_LATE,          /* H2_LATE_BYTES of DATA for streams that have gone */
    H2_EVENT_OTHER,         /* GOAWAY, unknown kinds, frames for streams that have gone */
    H2_EVENT_COUNT
};

struct h2_budget {
    uint64_t tokens;
    uint64_t filled_us; /* when time last gave some */
};

void h2_budget_init(struct h2_budget *budget, uint64_t now_us);
/* False: the connection has used its budget up. */
bool h2_budget_spend(struct h2_budget *budget, enum h2_event event, uint64_t now_us) MUST_CHECK;
/* A body's frame has been sent to the peer, or a request came to its end in order. */
void h2_budget_earn_frame(struct h2_budget *budget);
void h2_budget_earn_request(struct h2_budget *budget);
/* Tokens. */
unsigned h2_event_price(enum h2_event event);
/* "h2_reset_flood": stable, for logs and counters. */
const char *h2_event_word(enum h2_event event);
/* A sentence for the log. */
const char *h2_event_text(enum h2_event event);

#endif
