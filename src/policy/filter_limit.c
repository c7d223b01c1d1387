#include "policy/filter_limit.h"

struct filter_limit {
    struct body_filter base;
    uint64_t left; /* of the limit */
};

static const struct trouble too_large = {
    "response_too_large", "the server's response is over the limit",
    "response_limit of the route sets it; see why the server sends so much"};

static struct filter_limit *limit_of(struct body_filter *filter)
{
    return CONTAINER_OF(filter, struct filter_limit, base);
}

/* A length that is known beforehand: nothing of it is sent. */
static bool on_head(struct body_filter *filter, struct http_response *response)
{
    if (response->framing == HTTP_FRAMING_LENGTH &&
        response->content_length > limit_of(filter)->left) {
        return body_filter_fail(filter, &too_large);
    }
    return true;
}

static bool push(struct body_filter *filter, struct span bytes)
{
    struct filter_limit *limit = limit_of(filter);

    if (bytes.len > limit->left) {
        return body_filter_fail(filter, &too_large);
    }
    limit->left -= bytes.len;
    return body_filter_give(filter, bytes);
}

static const struct body_filter_type type = {
    .name = "response_limit", .head = on_head, .push = push};

struct body_filter *filter_limit_make(const void *settings, const struct http_response *response,
                                      struct arena *arena)
{
    struct filter_limit *limit = arena_calloc(arena, sizeof(*limit));
    const uint64_t *bytes = settings;

    (void)response;
    limit->base.type = &type;
    limit->left = *bytes;
    return &limit->base;
}
