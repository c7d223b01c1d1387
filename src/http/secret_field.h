/* Which fields hold what only sender and recipient may know, by their names: credentials, cookies,
 * keys, tokens, certificates of clients. They stay out of what requests share, such as the table of
 * HPACK (RFC 7541 section 7.1.3), and out of what is shown. */
#ifndef TIDEGATE_HTTP_SECRET_FIELD_H
#define TIDEGATE_HTTP_SECRET_FIELD_H

#include "http/message.h"

/* True for the registered ones, and for each name that has in it one of the words by which
 * applications call such fields (X-Api-Key, X-Auth-Token, Private-Token, X-CSRF-Token, ...).
 * Calling too many secret costs a few bytes on the wire, so it errs on that side. */
bool http_field_is_secret(const struct http_field *field);

#endif
