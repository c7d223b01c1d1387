#include "edge/head_limits.h"

struct h1_limits head_limits_h1(const struct limits_settings *limits, enum head_of of)
{
    bool is_request = of == HEAD_OF_REQUEST;

    return (struct h1_limits){
        .head_bytes = (size_t)(is_request ? limits->head : limits->response_head),
        .target_bytes = (size_t)limits->target,
        .fields = (size_t)(is_request ? limits->fields : limits->response_fields)};
}

struct h2_limits head_limits_h2(const struct limits_settings *limits, enum head_of of)
{
    struct h1_limits same = head_limits_h1(limits, of);

    return (struct h2_limits){same.head_bytes, same.target_bytes, same.fields};
}
