#include "gateway/down_watch.h"

#include "base/check.h"
#include "upstream/health.h"

/* Between two looks at all of them: one load each. */
#define LOOK_MS 250

static void on_look(struct timer *timer)
{
    struct down_watch *watch = CONTAINER_OF(timer, struct down_watch, timer);
    struct list down;

    list_init(&down);
    LIST_FOR_EACH(node, &watch->members)
    {
        struct down_member *member = LIST_ENTRY(node, struct down_member, node);
        if (health_state_of(&member->endpoint->health) == HEALTH_DOWN) {
            list_remove(&member->node);
            list_push_back(&down, &member->node);
        }
    }
    /* What one of them does may take others out. */
    for (struct list *node; (node = list_pop_front(&down)) != NULL;) {
        struct down_member *member = LIST_ENTRY(node, struct down_member, node);
        member->on_down(member);
    }
    if (!list_is_empty(&watch->members)) {
        timer_set_ms(watch->loop, &watch->timer, LOOK_MS);
    }
}

void down_watch_init(struct down_watch *watch, struct loop *loop)
{
    watch->loop = loop;
    list_init(&watch->members);
    timer_init(&watch->timer, on_look);
}

void down_watch_destroy(struct down_watch *watch)
{
    CHECK(list_is_empty(&watch->members));
    timer_destroy(watch->loop, &watch->timer);
}

void down_watch_add(struct down_watch *watch, struct down_member *member,
                    const struct endpoint *endpoint, void (*on_down)(struct down_member *member))
{
    bool is_first = list_is_empty(&watch->members);

    member->endpoint = endpoint;
    member->on_down = on_down;
    list_push_back(&watch->members, &member->node);
    if (is_first) {
        timer_set_ms(watch->loop, &watch->timer, LOOK_MS);
    }
}

void down_watch_remove(struct down_member *member)
{
    list_remove(&member->node);
}
