/* Authentication that belongs to the connection instead of the request: NTLM, and Negotiate and
 * Kerberos as Windows servers do them (RFC 4559 section 6). After it every request on that
 * connection is the user's, whoever sent it, so such a connection to a server must serve nobody
 * but the client connection that it was authenticated for. */
#ifndef TIDEGATE_HTTP_CONNECTION_AUTH_H
#define TIDEGATE_HTTP_CONNECTION_AUTH_H

#include "http/message.h"

/* Whether an Authorization's credentials or a WWW-Authenticate's challenges hold such a scheme, in
 * any case, in any place of a list. Quoted strings are passed over; where the quotes do not come in
 * pairs nothing is. */
bool connection_auth_in(struct span value);
/* The request's Authorization does. Costs nothing where there is no such field. */
bool connection_auth_is_given(const struct http_fields *request);
/* The response's WWW-Authenticate does, or Persistent-Auth says that the connection keeps its
 * user. */
bool connection_auth_is_asked(const struct http_fields *response);

#endif
