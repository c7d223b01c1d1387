#include "upstream/server_queue.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/list.h"

/*   WAITING --called--> CALLED --on its thread--> AT_TURN --stays--> WAITING
 *                          |                         |
 *                          `---- leaves: LEFT        `---- leaves */
enum wait_state {
    WAITING, /* in the line */
    CALLED,  /* the message is on its way */
    AT_TURN, /* it has come, and the owner tries */
    LEFT     /* the owner has gone: the message ends it */
};

struct server_wait {
    struct loop_message message;
    struct list node;
    struct server_queue *queue;
    struct loop *loop;
    void *owner;
    void (*on_turn)(void *owner);
    uint64_t number;       /* of those that came: the lower goes first */
    enum wait_state state; /* under the lock */
};

struct server_queue {
    pthread_mutex_t lock;
    struct list line;
    size_t size;
    uint64_t last_number;
    bool was_called;      /* while the first one was away trying: it tries once more */
    _Atomic size_t count; /* of all that have not left, those at their turn too */
    _Atomic uint64_t refused;
    atomic_uint uses;
};

struct server_queue *server_queue_create(size_t size)
{
    struct server_queue *queue = xcalloc(1, sizeof(*queue));

    CHECK(pthread_mutex_init(&queue->lock, NULL) == 0);
    list_init(&queue->line);
    queue->size = size;
    atomic_init(&queue->uses, 1);
    return queue;
}

void server_queue_release(struct server_queue *queue)
{
    if (queue == NULL || atomic_fetch_sub_explicit(&queue->uses, 1, memory_order_acq_rel) != 1) {
        return;
    }
    CHECK(list_is_empty(&queue->line));
    (void)pthread_mutex_destroy(&queue->lock);
    free(queue);
}

static void end(struct server_wait *wait)
{
    struct server_queue *queue = wait->queue;

    free(wait);
    server_queue_release(queue);
}

size_t server_queue_count(const struct server_queue *queue)
{
    return atomic_load(&queue->count);
}

uint64_t server_queue_refused(const struct server_queue *queue)
{
    return atomic_load(&queue->refused);
}

/* Under the lock, so that the loop is there: nobody can have left it behind meanwhile. */
static void call(struct server_wait *wait)
{
    wait->state = CALLED;
    loop_post(wait->loop, &wait->message);
}

static void call_first(struct server_queue *queue)
{
    struct list *node = list_pop_front(&queue->line);

    if (node == NULL) {
        queue->was_called = true;
        return;
    }
    call(LIST_ENTRY(node, struct server_wait, node));
}

void server_queue_call(struct server_queue *queue)
{
    (void)pthread_mutex_lock(&queue->lock);
    call_first(queue);
    (void)pthread_mutex_unlock(&queue->lock);
}

static void on_called(struct loop_message *message)
{
    struct server_wait *wait = CONTAINER_OF(message, struct server_wait, message);
    struct server_queue *queue = wait->queue;
    bool has_left;

    (void)pthread_mutex_lock(&queue->lock);
    has_left = wait->state == LEFT;
    if (has_left) {
        call_first(queue);
        atomic_fetch_sub(&queue->count, 1);
    } else {
        wait->state = AT_TURN;
    }
    (void)pthread_mutex_unlock(&queue->lock);
    if (has_left) {
        end(wait);
        return;
    }
    wait->on_turn(wait->owner);
}

/* Whoever finds nobody in front tries at once: the last place may have been given back between its
 * look and its coming. */
struct server_wait *server_queue_join(struct server_queue *queue, struct loop *loop, void *owner,
                                      void (*on_turn)(void *owner))
{
    struct server_wait *wait = NULL;

    (void)pthread_mutex_lock(&queue->lock);
    if (atomic_load(&queue->count) < queue->size) {
        wait = xcalloc(1, sizeof(*wait));
        wait->message.fn = on_called;
        wait->queue = queue;
        atomic_fetch_add_explicit(&queue->uses, 1, memory_order_relaxed);
        wait->loop = loop;
        wait->owner = owner;
        wait->on_turn = on_turn;
        wait->number = ++queue->last_number;
        if (atomic_fetch_add(&queue->count, 1) == 0) {
            call(wait);
        } else {
            list_push_back(&queue->line, &wait->node);
        }
    } else {
        atomic_fetch_add(&queue->refused, 1);
    }
    (void)pthread_mutex_unlock(&queue->lock);
    return wait;
}

/* Before those that came later: one of them may have been called too, and be back already. */
static void put_back(struct server_queue *queue, struct server_wait *wait)
{
    LIST_FOR_EACH(node, &queue->line)
    {
        if (LIST_ENTRY(node, struct server_wait, node)->number > wait->number) {
            list_push_back(node, &wait->node);
            return;
        }
    }
    list_push_back(&queue->line, &wait->node);
}

void server_queue_stay(struct server_wait *wait)
{
    struct server_queue *queue = wait->queue;

    (void)pthread_mutex_lock(&queue->lock);
    CHECK(wait->state == AT_TURN);
    if (queue->was_called) {
        queue->was_called = false;
        call(wait);
    } else {
        wait->state = WAITING;
        put_back(queue, wait);
    }
    (void)pthread_mutex_unlock(&queue->lock);
}

void server_queue_nudge(struct server_wait *wait)
{
    struct server_queue *queue = wait->queue;

    (void)pthread_mutex_lock(&queue->lock);
    if (wait->state == WAITING && queue->line.next == &wait->node) {
        list_remove(&wait->node);
        call(wait);
    }
    (void)pthread_mutex_unlock(&queue->lock);
}

void server_queue_leave(struct server_wait *wait, bool has_place)
{
    struct server_queue *queue = wait->queue;
    bool is_called;

    (void)pthread_mutex_lock(&queue->lock);
    is_called = wait->state == CALLED;
    if (is_called) {
        wait->state = LEFT; /* still counted: the message comes */
    } else {
        if (wait->state == WAITING) {
            list_remove(&wait->node);
        } else if (!has_place || queue->was_called) {
            queue->was_called = false;
            call_first(queue);
        }
        atomic_fetch_sub(&queue->count, 1);
    }
    (void)pthread_mutex_unlock(&queue->lock);
    if (!is_called) {
        end(wait);
    }
}
