/* What one HTTP/2 connection may cost: a token bucket against floods of frames that are cheap to
 * send and dear to receive (CVE-2019-9511 to 9518, CVE-2023-44487 and their kin). Every kind of
 * frame has its price in one table (h2_budget.c); time refills the bucket, and so does honest work
 * (a body moved, a request that came to its end).
 *
 * What only answers frames of ours is free, at whatever rate: a PING or some WINDOW_UPDATEs for
 * each DATA or HEADERS that was sent, as gRPC's clients measure the way with them (and gRPC's
 * servers forgive them); the CONTINUATIONs of a head within its limit; a RST_STREAM of a stream
 * that had lived, whose number limits.streams bounds.
 *
 * Pure: the caller tells the time and what came. */
#ifndef TIDEGATE_HTTP_H2_BUDGET_H
#define TIDEGATE_HTTP_H2_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

/* What a frame of a body gives back that was sent to the peer, and a request that came to its end.
 */
#define H2_BUDGET_PER_FRAME 2
#define H2_BUDGET_PER_REQUEST 2
#define H2_LATE_BYTES 16384
/* A stream that was open for this long was no means to go around limits.streams: it costs nothing
 * to reset it. */
#define H2_LIVED_US 40000
/* Of WINDOW_UPDATE, what a DATA or HEADERS that was sent pays for, and what each so many bytes of
 * it pay for: some clients answer what they read in small pieces, each for stream and connection.
 */
#define H2_FREE_WINDOWS 2
#define H2_FREE_WINDOW_BYTES 512
/* CONTINUATION frames that a head may have beyond one for each so many bytes. */
#define H2_FREE_CONTINUATIONS 4
#define H2_CONTINUATION_BYTES 512

enum h2_event {
    H2_EVENT_RESET,         /* RST_STREAM for a stream that has just been opened */
    H2_EVENT_RESET_SERVED,  /* whose response had begun */
    H2_EVENT_RESET_LIVED,   /* that had been open for H2_LIVED_US */
    H2_EVENT_RESET_GONE,    /* that is closed */
    H2_EVENT_EMPTY_DATA,    /* DATA without a byte that does not end its stream */
    H2_EVENT_CONTINUATION,  /* each that its head does not pay for */
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
    uint64_t most;        /* what a new connection may spend at once */
    uint64_t per_second;  /* what a second gives back */
    uint64_t filled_us;   /* when time last gave some */
    uint32_t pings;       /* that are free, as they answer frames of ours */
    uint32_t windows;     /* likewise */
    uint32_t head_frames; /* CONTINUATIONs of the head that is being received */
    uint64_t head_bytes;
};

/* `most` and `per_second` are not 0. */
void h2_budget_init(struct h2_budget *budget, uint64_t most, uint64_t per_second, uint64_t now_us);
/* False: the connection has used its budget up. */
bool h2_budget_spend(struct h2_budget *budget, enum h2_event event, uint64_t now_us) MUST_CHECK;
/* HEADERS has come, with so many bytes on the wire; then its CONTINUATIONs. `limit` is that of the
 * whole head. */
void h2_budget_head(struct h2_budget *budget, size_t bytes);
bool h2_budget_continue(struct h2_budget *budget, size_t bytes, size_t limit,
                        uint64_t now_us) MUST_CHECK;
/* HEADERS has been sent to the peer; DATA with so many bytes; a request came to its end in order.
 */
void h2_budget_earn_head(struct h2_budget *budget);
void h2_budget_earn_data(struct h2_budget *budget, size_t bytes);
void h2_budget_earn_request(struct h2_budget *budget);
/* Which RST_STREAM that is: of a stream that is there, whose response's head was sent or not. */
enum h2_event h2_reset_event(bool is_there, bool is_served, uint64_t age_us);
/* Tokens. */
unsigned h2_event_price(enum h2_event event);
/* "h2_reset_flood": stable, for logs and counters. */
const char *h2_event_word(enum h2_event event);
/* A sentence for the log. */
const char *h2_event_text(enum h2_event event);
/* What the price is for: "stream that was open for less than 40 ms"; for the manual. */
const char *h2_event_unit(enum h2_event event);

#endif
