#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool error_set(struct error *error, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(error->text, sizeof(error->text), fmt, args);
    va_end(args);
    return false;
}

bool error_set_errno(struct error *error, int number, const char *fmt, ...)
{
    va_list args;
    size_t len;
    char reason[128];

    va_start(args, fmt);
    (void)vsnprintf(error->text, sizeof(error->text), fmt, args);
    va_end(args);
    len = strlen(error->text);
    (void)snprintf(error->text + len, sizeof(error->text) - len, ": %s",
                   strerror_r(number, reason, sizeof(reason)));
    return false;
}
