/* How long to wait before a dead gateway is started again: 10 ms, doubled each time up to 500 ms,
 * and back to 10 ms once one has lived for 10 s. Short, because clients wait meanwhile and one that
 * kills the gateway on purpose must not keep it down. No clock of its own. */
#ifndef TIDEGATE_PROCESS_BACKOFF_H
#define TIDEGATE_PROCESS_BACKOFF_H

#include <stdint.h>

enum { BACKOFF_FIRST_MS = 10, BACKOFF_MAX_MS = 500, BACKOFF_RESET_MS = 10000 };

/* Zero-initialised. */
struct backoff {
    uint64_t last_ms;
};

/* The pause after a process that lived for `lived_ms`. */
uint64_t backoff_next(struct backoff *backoff, uint64_t lived_ms);

#endif
