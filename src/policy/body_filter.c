#include "policy/body_filter.h"

#include "base/check.h"

void body_chain_add(struct body_chain *chain, struct body_filter *filter)
{
    struct body_filter **at = &chain->first;

    while (*at != NULL) {
        at = &(*at)->next;
    }
    filter->chain = chain;
    filter->next = NULL;
    *at = filter;
}

bool body_chain_init(struct body_chain *chain, const struct body_filter_list *list,
                     struct http_response *response, struct arena *arena,
                     void (*sink)(void *owner, struct span bytes), void *owner)
{
    *chain = (struct body_chain){.sink = sink, .owner = owner};
    for (size_t i = 0; i < list->count; i++) {
        const struct body_filter_maker *maker = &list->items[i];
        struct body_filter *filter = maker->make(maker->settings, response, arena);
        if (filter == NULL) {
            continue;
        }
        body_chain_add(chain, filter);
        if (filter->type->head != NULL && !filter->type->head(filter, response)) {
            return false;
        }
    }
    return true;
}

static bool push_to(struct body_chain *chain, struct body_filter *filter, struct span bytes)
{
    if (bytes.len == 0) {
        return true;
    }
    if (filter == NULL) {
        chain->sink(chain->owner, bytes);
        return true;
    }
    return filter->type->push(filter, bytes);
}

bool body_chain_push(struct body_chain *chain, struct span bytes)
{
    if (chain->has_failed || !push_to(chain, chain->first, bytes)) {
        return false;
    }
    return body_chain_held(chain) < BODY_CHAIN_HELD_MAX || body_chain_flush(chain);
}

/* Each in its turn: what the one before gave at its end has gone through it by then. */
bool body_chain_end(struct body_chain *chain)
{
    for (struct body_filter *at = chain->first; at != NULL && !chain->has_failed; at = at->next) {
        if (at->type->end != NULL && !at->type->end(at)) {
            return false;
        }
    }
    return !chain->has_failed;
}

bool body_chain_flush(struct body_chain *chain)
{
    for (struct body_filter *at = chain->first; at != NULL && !chain->has_failed; at = at->next) {
        if (at->type->flush != NULL && !at->type->flush(at)) {
            return false;
        }
    }
    return !chain->has_failed;
}

size_t body_chain_held(const struct body_chain *chain)
{
    size_t held = 0;

    for (const struct body_filter *at = chain->first; at != NULL; at = at->next) {
        held += at->type->held != NULL ? at->type->held(at) : 0;
    }
    return held;
}

bool body_filter_give(struct body_filter *filter, struct span bytes)
{
    return push_to(filter->chain, filter->next, bytes);
}

bool body_filter_fail(struct body_filter *filter, const struct trouble *failure)
{
    CHECK(!filter->chain->has_failed);
    filter->chain->has_failed = true;
    filter->chain->failure = *failure;
    return false;
}
