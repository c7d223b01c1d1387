#include "base/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

static enum log_level max_level = LOG_LEVEL_INFO;
static const char *role_name;

static const char *const level_names[] = {"error", "warning", "info", "debug"};

void log_set_level(enum log_level level)
{
    max_level = level;
}

bool log_enabled(enum log_level level)
{
    return level <= max_level;
}

void log_set_role(const char *role)
{
    role_name = role;
}

const char *log_role(void)
{
    return role_name;
}

/* A reader of standard error that has stopped (a pager, a held terminal) must not stop the traffic:
 * its lines are lost. A pipe with room at all has room for a line (PIPE_BUF). */
static bool has_room(void)
{
    struct pollfd pfd = {.fd = STDERR_FILENO, .events = POLLOUT};

    return poll(&pfd, 1, 0) > 0;
}

static void write_line(enum log_level level, const char *suffix, const char *fmt, va_list args)
{
    char line[2048];
    size_t len;

    (void)snprintf(line, sizeof(line), "tidegate%s%s%s: %s: ", role_name != NULL ? "[" : "",
                   role_name != NULL ? role_name : "", role_name != NULL ? "]" : "",
                   level_names[level]);
    len = strlen(line);
    (void)vsnprintf(line + len, sizeof(line) - len - 1, fmt, args);
    len = strlen(line);
    (void)snprintf(line + len, sizeof(line) - len - 1, "%s", suffix);
    len = strlen(line);
    line[len++] = '\n';
    /* Nobody could be told about a standard error that cannot be written. */
    if (has_room()) {
        ssize_t written = write(STDERR_FILENO, line, len);
        (void)written;
    }
}

#define LOG_AT(level)                                                                              \
    va_list args;                                                                                  \
    va_start(args, fmt);                                                                           \
    if (log_enabled(level)) {                                                                      \
        write_line(level, "", fmt, args);                                                          \
    }                                                                                              \
    va_end(args)

void log_error(const char *fmt, ...)
{
    LOG_AT(LOG_LEVEL_ERROR);
}

void log_warn(const char *fmt, ...)
{
    LOG_AT(LOG_LEVEL_WARN);
}

void log_info(const char *fmt, ...)
{
    LOG_AT(LOG_LEVEL_INFO);
}

void log_debug(const char *fmt, ...)
{
    LOG_AT(LOG_LEVEL_DEBUG);
}

void log_limited(struct log_limiter *limiter, enum log_level level, const char *fmt, ...)
{
    char suffix[64] = "";
    va_list args;

    if (!log_enabled(level)) {
        return;
    }
    uint64_t second = clock_us() / 1000000 + 1; /* 0 is a limiter never used */
    if (second == limiter->last_second) {
        limiter->dropped++;
        return;
    }
    if (limiter->dropped != 0) {
        (void)snprintf(suffix, sizeof(suffix), " (%llu such messages left out)",
                       (unsigned long long)limiter->dropped);
    }
    limiter->last_second = second;
    limiter->dropped = 0;
    va_start(args, fmt);
    write_line(level, suffix, fmt, args);
    va_end(args);
}

enum log_level log_level_from(const char *word)
{
    static const char *const words[] = {"error", "warn", "info", "debug"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(word, words[i]) == 0) {
            return (enum log_level)i;
        }
    }
    return LOG_LEVEL_INFO;
}
