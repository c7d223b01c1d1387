/* Which versions of HTTP a client and a site have in common, by what the ClientHello offers (ALPN,
 * RFC 7301). The TLS library chooses among them; this says beforehand that there is none, and what
 * would help, which depends on the site. */
#ifndef TIDEGATE_TLS_PROTOCOL_CHOICE_H
#define TIDEGATE_TLS_PROTOCOL_CHOICE_H

#include <stdbool.h>

#include "tls/cause.h"
#include "tls/hello.h"

/* CAUSE_COUNT: there is one, or the library is to say. A client that offers nothing speaks
 * HTTP/1.1: HTTP/2 over TLS must be agreed on (RFC 9113 section 3.3). */
enum cause protocol_choice(const struct hello *hello, bool speaks_h2, bool speaks_h1);
/* The same for a site of other protocols than HTTP: count 0: whatever it may be. is_required: a
 * client must offer one of them. */
enum cause protocol_choice_of(const struct hello *hello, const char *const *names, size_t count,
                              bool is_required);

#endif
