/* What became of the streams of an HTTP/2 connection that are closed, as far as frames that come
 * for them are to be judged by it (RFC 9113 sections 5.1 and 5.1.1). The last ones are remembered.
 *
 * Pure. */
#ifndef TIDEGATE_HTTP_H2_CLOSED_H
#define TIDEGATE_HTTP_H2_CLOSED_H

#include <stdbool.h>
#include <stdint.h>

/* How many of each kind are remembered. */
#define H2_CLOSED_KEPT 256

enum h2_late {
    H2_LATE_EXCUSED, /* we ended it, and the peer may not have known */
    H2_LATE_CLOSED,  /* the peer had ended or reset it: STREAM_CLOSED */
    H2_LATE_SKIPPED  /* it was never open, and a later one was: PROTOCOL_ERROR */
};

/* Zero is empty. A stream's number is odd, so it says its place in the rings. */
struct h2_closed {
    int32_t by_peer[H2_CLOSED_KEPT];
    int32_t by_us[H2_CLOSED_KEPT];
};

/* Both sides are done with it. `by_peer`: the peer has ended or reset its side. */
void h2_closed_add(struct h2_closed *closed, int32_t id, bool by_peer);
/* A frame came for a stream that is not open and not above `newest`. So far below it that the
 * stream may have been forgotten, the frame is excused. */
enum h2_late h2_closed_judge(const struct h2_closed *closed, int32_t id, int32_t newest);

#endif
