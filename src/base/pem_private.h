/* Private keys in the text of a file that has other things too, such as a certificate with its key
 * in one: whoever needs the rest gets it without them. Pure. */
#ifndef TIDEGATE_BASE_PEM_PRIVATE_H
#define TIDEGATE_BASE_PEM_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

/* Writes spaces over what is between the lines "-----BEGIN ... PRIVATE KEY-----" and
 * "-----END ..." of each private key, of any kind, and over those lines; without an end, to the end
 * of the text. False: there was none. */
bool pem_private_hide(char *text, size_t len);

#endif
