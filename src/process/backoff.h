/* How long to wait before a dead gateway is started again: 100 ms, doubled each time up to 10 s,
 * and back to 100 ms once one has lived for 10 s. No clock of its own. */
#ifndef TIDEGATE_PROCESS_BACKOFF_H
#define TIDEGATE_PROCESS_BACKOFF_H

#include <stdint.h>

enum { BACKOFF_FIRST_MS = 100, BACKOFF_MAX_MS = 10000, BACKOFF_RESET_MS = 10000 };

/* Zero-initialised. */
struct backoff {
    uint64_t last_ms;
};

/* The pause after a process that lived for `lived_ms`. */
uint64_t backoff_next(struct backoff *backoff, uint64_t lived_ms);

#endif
