/* A request's copy, for a call that outlives its exchange. */
#ifndef TIDEGATE_GATEWAY_REQUEST_COPY_H
#define TIDEGATE_GATEWAY_REQUEST_COPY_H

#include "base/arena.h"
#include "http/message.h"

/* All but what belongs to the client's connection (fields that are not sent, Upgrade, Expect), and
 * the fields that `leaves_out` says; NULL: no others. */
void request_copy(struct http_request *to, const struct http_request *from, struct arena *arena,
                  bool (*leaves_out)(const struct http_field *field));
/* The same of fields, to be added. */
void request_copy_fields(struct http_fields *to, const struct http_fields *from,
                         struct arena *arena, bool (*leaves_out)(const struct http_field *field));

#endif
