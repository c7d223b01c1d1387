/* The body of a gRPC response in the form that gRPC-Web's clients read (http/grpc_web.h). */
#ifndef TIDEGATE_POLICY_FILTER_GRPC_WEB_H
#define TIDEGATE_POLICY_FILTER_GRPC_WEB_H

#include "policy/body_filter.h"
#include "policy/coder_pool.h"

/* is_text: in Base64, by the room of the worker's coders. In the arena. */
struct body_filter *filter_grpc_web_create(bool is_text, struct coder_pool *pool,
                                           struct arena *arena);
/* What stands behind the last message; before the filter's end, by reference. */
void filter_grpc_web_set_end(struct body_filter *filter, struct span frame);

#endif
