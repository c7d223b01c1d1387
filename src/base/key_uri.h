/* Where a private key is that is in no file: in a token (a smart card, an HSM), named by a URI of
 * PKCS#11 (RFC 7512). The one place that decides whether what a configuration says of a key is such
 * a URI or a path, what of it is passed on to a module, and in which file the token's PIN is.
 *
 *   pkcs11:token=gate;object=shop;type=private?pin-source=file:/etc/tidegate/pin
 *          `------- which key --------------'  `-- how to get there -----------'
 *
 * A PIN in the URI itself (pin-value) is refused: a configuration is shown in many places. Pure. */
#ifndef TIDEGATE_BASE_KEY_URI_H
#define TIDEGATE_BASE_KEY_URI_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"
#include "base/error.h"
#include "base/span.h"

/* The longest URI, and the longest PIN, in bytes. */
#define KEY_URI_MAX 2048
#define KEY_PIN_MAX 256

struct key_uri {
    char object[KEY_URI_MAX]; /* the scheme and which key; no PIN, nor where one is */
    char pin_file[PATH_MAX];  /* "": none */
    char module[PATH_MAX];    /* "": the one that the system is configured with (p11-kit) */
};

/* Whether it is a URI, and no path. */
bool key_uri_is(struct span text);
/* False with an error, which says nothing of a PIN. */
bool key_uri_parse(struct span text, struct key_uri *uri, struct error *error) MUST_CHECK;
/* The file that the key is in, to be looked at and read; NULL: there is none. NULL is allowed. */
const char *key_uri_file(const char *key);
/* What is to be opened in order to have a key: *file is its own, or the one with its token's PIN
 * (of *uri), or NULL: nothing. False with an error. */
bool key_uri_opens(const char *key, struct key_uri *uri, const char **file,
                   struct error *error) MUST_CHECK;
/* Writes stars over each PIN in a text, such as a configuration's that was refused. */
void key_uri_hide_pins(char *text, size_t len);

#endif
