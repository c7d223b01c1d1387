#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void check_failed(const char *expression, const char *file, int line, const char *function)
{
    fprintf(stderr,
            "tidegate: internal error: %s:%d: %s: '%s' does not hold. Please report this.\n", file,
            line, function, expression);
    abort();
}

static void *not_null(void *p)
{
    if (p == NULL) {
        fprintf(stderr, "tidegate: out of memory\n");
        abort();
    }
    return p;
}

void *xmalloc(size_t size)
{
    return not_null(malloc(size != 0 ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
    return not_null(calloc(count != 0 ? count : 1, size != 0 ? size : 1));
}

void *xrealloc(void *old, size_t size)
{
    return not_null(realloc(old, size != 0 ? size : 1));
}

char *xstrdup(const char *s)
{
    return xstrndup(s, strlen(s));
}

char *xstrndup(const char *s, size_t len)
{
    char *copy = xmalloc(len + 1);

    memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}
