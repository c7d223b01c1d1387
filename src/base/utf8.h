/* UTF-8 (RFC 3629), for text from strangers that people will look at. */
#ifndef TIDEGATE_BASE_UTF8_H
#define TIDEGATE_BASE_UTF8_H

#include "base/span.h"

/* The length of the sequence at the front of s, and its character; 0 if there is none. */
size_t utf8_take(struct span s, uint32_t *code);

/* Whether a terminal or an editor shows it for what it is. Not so: controls, those above 0x7f too
 * (U+009B begins an escape sequence), what turns the direction of what follows or hides in it (the
 * "Trojan Source" characters), other line ends, and the byte order mark. */
bool utf8_is_shown(uint32_t code);

#endif
