#include "http/refused.h"

static bool is_shown_plain(char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static char *put_escaped(char *to, char c)
{
    static const char digits[] = "0123456789abcdef";

    if (is_shown_plain(c)) {
        *to++ = c;
        return to;
    }
    *to++ = '\\';
    *to++ = 'x';
    *to++ = digits[(unsigned char)c >> 4];
    *to++ = digits[(unsigned char)c & 15];
    return to;
}

void http_refused_escape(char *out, size_t size, struct span in)
{
    char *to = out;

    for (size_t i = 0; i < in.len && size - (size_t)(to - out) > 4; i++) {
        to = put_escaped(to, in.ptr[i]);
    }
    *to = '\0';
}

const char *http_refused_text(const char *text, const char *whole, size_t at, struct span refused,
                              struct arena *arena)
{
    char shown[4 * HTTP_REFUSED_SHOWN + 1];

    if (refused.len == 1) {
        unsigned byte = (unsigned char)refused.ptr[0];
        return is_shown_plain(refused.ptr[0]) || byte == '"' || byte == '\\'
                   ? arena_printf(arena, "%s: byte %zu of %s is '%c' (0x%02x)", text, at, whole,
                                  refused.ptr[0], byte)
                   : arena_printf(arena, "%s: byte %zu of %s is 0x%02x", text, at, whole, byte);
    }
    http_refused_escape(shown, sizeof(shown), span_cut(refused, HTTP_REFUSED_SHOWN));
    return arena_printf(arena, "%s: from byte %zu on %s has \"%s\"%s", text, at, whole, shown,
                        refused.len > HTTP_REFUSED_SHOWN ? "..." : "");
}
