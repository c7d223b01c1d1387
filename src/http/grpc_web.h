/* gRPC-Web: gRPC for browsers, which know nothing of trailers and may read no bytes but text
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md). A message is framed as gRPC's;
 * the trailers are one more frame at the end of the body; in the text form all of it is in Base64,
 * which may be padded wherever a piece ends. Pure. */
#ifndef TIDEGATE_HTTP_GRPC_WEB_H
#define TIDEGATE_HTTP_GRPC_WEB_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/span.h"
#include "http/message.h"

enum grpc_web_form {
    GRPC_WEB_NONE, /* it is something else */
    GRPC_WEB_BINARY,
    GRPC_WEB_TEXT
};

/* By a Content-Type. *suffix: "+proto" of "application/grpc-web-text+proto", with what follows. */
enum grpc_web_form grpc_web_form_of(struct span type, struct span *suffix);
/* In which form whoever asked so takes the answer: as he asks, or as Accept says. */
enum grpc_web_form grpc_web_answer_form(enum grpc_web_form asked, struct span accept);
/* What servers of gRPC get and send: "application/grpc" and the suffix; in the arena. */
struct span grpc_web_server_type(struct span suffix, struct arena *arena);
/* The answer's, for the client; `suffix` of the server's. ptr NULL: the server's is not gRPC. */
struct span grpc_web_client_type(enum grpc_web_form form, struct span server_type,
                                 struct arena *arena);

/* The frame of the trailers: a byte of 0x80, four of the length, and a line for each field that is
 * sent; in the arena. */
struct span grpc_web_trailers(const struct http_fields *trailers, struct arena *arena);

/* A body in Base64, piece by piece. Zero-initialised. */
struct grpc_web_text {
    char held[4]; /* of a group whose end is still to come */
    size_t count;
};

/* Bytes that come of a piece of so many digits, at most. */
#define GRPC_WEB_TEXT_ROOM(len) ((len) / 4 * 3 + 3)

/* False: that is no Base64. *len: what came of it, of GRPC_WEB_TEXT_ROOM bytes. */
bool grpc_web_text_decode(struct grpc_web_text *text, struct span piece, unsigned char *bytes,
                          size_t *len) MUST_CHECK;
/* Whether it may end here. */
static inline bool grpc_web_text_is_whole(const struct grpc_web_text *text)
{
    return text->count == 0;
}

#endif
