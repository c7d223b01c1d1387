/* What an error of HTTP is to a gRPC client: a call always ends with grpc-status, in trailers or
 * in a head that is all (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). */
#ifndef TIDEGATE_HTTP_GRPC_H
#define TIDEGATE_HTTP_GRPC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/span.h"

enum grpc_status {
    GRPC_UNKNOWN = 2,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_UNAUTHENTICATED = 16
};

/* As the gRPC project maps HTTP's (doc/http-grpc-status-mapping.md); where it says no more than
 * "unknown", by what the status means here. */
enum grpc_status grpc_status_of(unsigned http_status);
/* Percent-encoded, as grpc-message has it; in the arena. */
struct span grpc_message(struct span text, struct arena *arena);

/* A call's deadline (the field grpc-timeout), in microseconds. False: it says none. */
bool grpc_timeout_read(struct span value, uint64_t *us) MUST_CHECK;
/* The field's value, in the finest unit in which that can be said; in the arena. */
struct span grpc_timeout_write(uint64_t us, struct arena *arena);

#endif
