/* Messages to the operator, on standard error: one line each, "tidegate: LEVEL: text" (or, under
 * a supervisor like systemd, with its <N> priority prefix). Not the access log. Safe from any
 * thread; each line is one write. Messages a peer can provoke must go through log_limited. */
#ifndef TIDEGATE_BASE_LOG_H
#define TIDEGATE_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Messages above `level` are dropped. Default: LOG_LEVEL_INFO. Set before threads start. */
void log_set_level(enum log_level level);
/* Of the word in a configuration; info for any other. */
enum log_level log_level_from(const char *word);
bool log_enabled(enum log_level level);
/* A word in front of each message, such as the process's role; kept by reference. NULL: none. */
void log_set_role(const char *role);
const char *log_role(void);

void log_error(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_info(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_debug(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* At most one message a second from each limiter; the next one says how many were left out.
 * The limiter is zero-initialised, and used by one thread. */
struct log_limiter {
    uint64_t last_second;
    uint64_t dropped;
};
void log_limited(struct log_limiter *limiter, enum log_level level, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

#endif
