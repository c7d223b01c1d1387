/* What becomes of requests while the process has much memory (gateway/memory_watch.h). */
#include "gateway/exchange_internal.h"
#include "gateway/memory_watch.h"

/* A tunnel keeps nothing. */
bool exchange_is_stopped(const struct exchange *x)
{
    return UNLIKELY(memory_level() != MEMORY_ENOUGH) && !x->front.is_tunnel &&
           x->request_bytes >= MEMORY_BODY_BYTES;
}

bool exchange_lacks_memory(struct exchange *x)
{
    if (LIKELY(memory_level() != MEMORY_OUT)) {
        return false;
    }
    exchange_refuse(x, 503, true, "memory_hard", "the gateway has no memory left (memory.hard)",
                    "see what takes it in tidegate status; raise memory.hard, if there is more");
    return true;
}

/* An exchange may end in that, and others begin: each that is there now is met once at least. */
void exchange_resume_bodies(struct worker *worker)
{
    for (uint64_t left = worker->exchange_count; left > 0; left--) {
        struct list *node = list_pop_front(&worker->exchanges);
        struct exchange *x;

        if (node == NULL) {
            return;
        }
        list_push_back(&worker->exchanges, node);
        x = LIST_ENTRY(node, struct exchange, pool_node);
        if (!x->front.request_done && exchange_takes_body(x)) {
            x->front.ops->resume(&x->front);
        }
    }
}
