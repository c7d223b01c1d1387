/* What a server's RST_STREAM (RFC 9113 section 7) becomes for a client that speaks HTTP/2 too: the
 * code says to the client, gRPC's above all, what became of its request. */
#ifndef TIDEGATE_HTTP_H2_RESET_H
#define TIDEGATE_HTTP_H2_RESET_H

#include <stdbool.h>
#include <stdint.h>

#define H2_CODE_NO_ERROR 0x0U
#define H2_CODE_INTERNAL_ERROR 0x2U
#define H2_CODE_REFUSED_STREAM 0x7U
#define H2_CODE_HTTP_1_1_REQUIRED 0xdU

/* `server`: its code; 0 where it gave none. Passed on as it is, but for what would be untrue of a
 * response that has begun and does not come to its end: that there was no error, that the request
 * was not looked at, or that it should be sent again over HTTP/1.1. */
uint32_t h2_reset_code(uint32_t server);

#endif
