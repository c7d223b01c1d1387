/* The handshake's key and its answer (RFC 6455 section 4), which WebSocket over HTTP/2 leaves out
 * (RFC 8441 section 5) and HTTP/1.1 wants: the gateway is the client of a server that speaks
 * HTTP/1.1, and the server of a client that does. */
#ifndef TIDEGATE_SERVER_WEBSOCKET_H
#define TIDEGATE_SERVER_WEBSOCKET_H

#include "http/message.h"

/* Whether its extended CONNECT asks for WebSocket. */
bool websocket_is_asked(const struct http_request *request);
/* Adds Sec-WebSocket-Key, unless the client has sent one. */
void websocket_add_key(struct http_request *request, struct arena *arena);
/* Whether the response proves that the server has read the key: otherwise it may be one that does
 * not know what it has switched to. */
bool websocket_is_accepted(const struct http_request *request,
                           const struct http_response *response);

/* Whether a client over HTTP/1.1 has sent a key of the right length. */
bool websocket_has_key(const struct http_request *request);
/* Adds the answer to the client's key to the response, in place of what the server says. */
void websocket_add_accept(const struct http_request *request, struct http_response *response,
                          struct arena *arena);

#endif
