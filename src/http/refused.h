/* What a parser refuses, told to a person: the rule, the place, the bytes. For both versions. */
#ifndef TIDEGATE_HTTP_REFUSED_H
#define TIDEGATE_HTTP_REFUSED_H

#include "base/arena.h"
#include "base/span.h"

/* Of the bytes that an error is about, so many are shown. */
#define HTTP_REFUSED_SHOWN 64

/* As it is shown, whole and ended by NUL; `size` is at least 4 * in.len + 1, or it is cut. */
void http_refused_escape(char *out, size_t size, struct span in);
/* "TEXT: byte 3 of the head is ':' (0x3a)", or of more bytes "TEXT: from byte 40 on the head has
 * \"5, 6\"". `whole` is what is counted in, as "the head", `at` from 0. What is shown is printable
 * ASCII: the rest as \xHH. In the arena. */
const char *http_refused_text(const char *text, const char *whole, size_t at, struct span refused,
                              struct arena *arena);

#endif
