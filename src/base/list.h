/* An intrusive doubly linked list. The head is a node that points at itself when the list is empty;
 * an element's node does too while it is in no list, so list_remove can be called twice. */
#ifndef TIDEGATE_BASE_LIST_H
#define TIDEGATE_BASE_LIST_H

#include <stdbool.h>

#include "base/check.h"

struct list {
    struct list *next;
    struct list *prev;
};

static inline void list_init(struct list *node)
{
    node->next = node->prev = node;
}

static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_remove(struct list *node)
{
    /* The analyser does not follow counted owners: it takes a neighbour for freed. */
    node->prev->next = node->next; // NOLINT(clang-analyzer-unix.Malloc)
    node->next->prev = node->prev;
    list_init(node);
}

static inline void list_push_back(struct list *head, struct list *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

static inline void list_push_front(struct list *head, struct list *node)
{
    list_push_back(head->next, node);
}

/* Takes the first node off, or NULL. */
static inline struct list *list_pop_front(struct list *head)
{
    struct list *node = head->next;

    if (node == head) {
        return NULL;
    }
    list_remove(node); // NOLINT(clang-analyzer-unix.Malloc): no node is its own successor
    return node;
}

#define LIST_ENTRY(node, type, member) CONTAINER_OF(node, type, member)
/* The body may remove `it`, but no other node. */
#define LIST_FOR_EACH(it, head)                                                                    \
    for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                      \
         it = it##_next, it##_next = it->next)

#endif
