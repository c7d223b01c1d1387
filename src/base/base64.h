/* Base64 (RFC 4648): the usual alphabet with padding, and the one for URLs and tokens without. */
#ifndef TIDEGATE_BASE_BASE64_H
#define TIDEGATE_BASE_BASE64_H

#include "base/span.h"

/* Sections 4 and 5; JSON Web Tokens are written in the second, without '=' (RFC 7515). */
enum base64_alphabet { BASE64, BASE64_URL };

/* Digits of n bytes, padding included: at least as many as base64_encode writes. */
#define BASE64_LEN(n) (((n) + 2) / 3 * 4)

/* Returns how many digits it wrote; no NUL. */
size_t base64_encode(enum base64_alphabet alphabet, struct span bytes, char *text);

/* Strict: no white space, padding where it belongs and nowhere else, and no bits set that belong to
 * no byte, so that no two texts mean the same bytes. False for all else, and where the bytes are
 * more than size. */
bool base64_decode(enum base64_alphabet alphabet, struct span text, unsigned char *bytes,
                   size_t size, size_t *len) MUST_CHECK;

/* Two lower-case digits a byte; no NUL. */
void hex_encode(struct span bytes, char *text);

#endif
