#include "base/pem_private.h"

#include <string.h>

#include "base/span.h"

/* The first place of `what` from `from` on; the text's length: nowhere. */
static size_t find(const char *text, size_t len, size_t from, const char *what)
{
    const char *at = memmem(text + from, len - from, what, strlen(what));

    return at != NULL ? (size_t)(at - text) : len;
}

/* Behind the dashes that end a label which begins at `from`. */
static size_t end_of_label(const char *text, size_t len, size_t from)
{
    size_t dashes = find(text, len, from, "-----");

    return dashes == len ? len : dashes + 5;
}

bool pem_private_hide(char *text, size_t len)
{
    static const char begin[] = "-----BEGIN ";
    bool is_any = false;

    for (size_t at = find(text, len, 0, begin); at < len; at = find(text, len, at, begin)) {
        size_t label = at + strlen(begin);
        size_t behind = end_of_label(text, len, label);
        size_t end = behind;
        /* "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", or whatever comes. */
        if (memmem(text + label, behind - label, "PRIVATE KEY", 11) != NULL) {
            end = find(text, len, behind, "-----END ");
            end = end == len ? len : end_of_label(text, len, end + 9);
            memset(text + at, ' ', end - at);
            is_any = true;
        }
        at = end;
    }
    return is_any;
}
