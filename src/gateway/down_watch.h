/* Connections that are relayed to servers whose backend wants them ended when the server goes down
 * (health_check.close_on_down): a worker's, looked at together now and then. Whoever is in the list
 * owns its member, and takes it out before it goes. */
#ifndef TIDEGATE_GATEWAY_DOWN_WATCH_H
#define TIDEGATE_GATEWAY_DOWN_WATCH_H

#include "base/list.h"
#include "io/loop.h"
#include "upstream/endpoint.h"

struct down_watch {
    struct loop *loop;
    struct list members;
    struct timer timer; /* runs while there are any */
};

struct down_member {
    struct list node; /* of itself alone, when it is in no list */
    const struct endpoint *endpoint;
    /* Its checks have put the server down. Once; it is out of the list then, and may be freed. */
    void (*on_down)(struct down_member *member);
};

void down_watch_init(struct down_watch *watch, struct loop *loop);
/* No member is left. */
void down_watch_destroy(struct down_watch *watch);
static inline void down_member_init(struct down_member *member)
{
    list_init(&member->node);
}
/* The endpoint outlives the membership. */
void down_watch_add(struct down_watch *watch, struct down_member *member,
                    const struct endpoint *endpoint, void (*on_down)(struct down_member *member));
/* May be called twice, and for one that was never added. */
void down_watch_remove(struct down_member *member);

#endif
