#include "upstream/server_queue.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/list.h"
#include "upstream/shed.h"

/*   WAITING --called--> CALLED --on its thread--> AT_TURN --stays--> WAITING
 *                          |                         |
 *      |                   `---- leaves: LEFT        `---- leaves
 *      `--a higher one needs its room--> PUSHED --on its thread--> OUT --leaves
 *                                          `---- leaves: LEFT_OUT */
enum wait_state {
    WAITING, /* in the line */
    CALLED,  /* the message is on its way */
    AT_TURN, /* it has come, and the owner tries */
    LEFT,    /* the owner has gone: the message ends it */
    PUSHED,  /* out of the line, and not counted any more; the message is on its way */
    OUT,     /* it has come, and the owner is to leave */
    LEFT_OUT /* the owner has gone by itself: the message ends it */
};

struct server_wait {
    struct loop_message message;
    struct list node;
    struct server_queue *queue;
    struct loop *loop;
    void *owner;
    void (*on_turn)(void *owner, bool is_pushed_out);
    enum priority priority;
    uint64_t number;       /* of those that came: the lower goes first */
    enum wait_state state; /* under the lock */
};

struct server_queue {
    pthread_mutex_t lock;
    struct list lines[PRIORITY_LEVELS];
    size_t size;
    uint64_t last_number;
    bool was_called; /* while the first one was away trying: it tries once more */
    /* Of all that have not left, those at their turn too. */
    _Atomic size_t counts[PRIORITY_LEVELS];
    _Atomic uint64_t refused;
    _Atomic uint64_t shed[PRIORITY_LEVELS];
    atomic_uint uses;
};

struct server_queue *server_queue_create(size_t size)
{
    struct server_queue *queue = xcalloc(1, sizeof(*queue));

    CHECK(pthread_mutex_init(&queue->lock, NULL) == 0);
    for (unsigned i = 0; i < PRIORITY_LEVELS; i++) {
        list_init(&queue->lines[i]);
    }
    queue->size = size;
    atomic_init(&queue->uses, 1);
    return queue;
}

void server_queue_release(struct server_queue *queue)
{
    if (queue == NULL || atomic_fetch_sub_explicit(&queue->uses, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (unsigned i = 0; i < PRIORITY_LEVELS; i++) {
        CHECK(list_is_empty(&queue->lines[i]));
    }
    (void)pthread_mutex_destroy(&queue->lock);
    free(queue);
}

static void end(struct server_wait *wait)
{
    struct server_queue *queue = wait->queue;

    free(wait);
    server_queue_release(queue);
}

size_t server_queue_before(const struct server_queue *queue, enum priority priority)
{
    size_t count = 0;

    for (unsigned i = 0; i <= (unsigned)priority; i++) {
        count += atomic_load(&queue->counts[i]);
    }
    return count;
}

size_t server_queue_count(const struct server_queue *queue)
{
    return server_queue_before(queue, PRIORITY_LOW);
}

void server_queue_count_shed(struct server_queue *queue, enum priority priority)
{
    atomic_fetch_add_explicit(&queue->shed[priority], 1, memory_order_relaxed);
}

uint64_t server_queue_shed(const struct server_queue *queue, enum priority priority)
{
    return atomic_load_explicit(&queue->shed[priority], memory_order_relaxed);
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

/* NULL: nobody is in the line. */
static struct server_wait *first_of(struct server_queue *queue)
{
    for (unsigned i = 0; i < PRIORITY_LEVELS; i++) {
        if (!list_is_empty(&queue->lines[i])) {
            return LIST_ENTRY(queue->lines[i].next, struct server_wait, node);
        }
    }
    return NULL;
}

static void call_first(struct server_queue *queue)
{
    struct server_wait *first = first_of(queue);

    if (first == NULL) {
        queue->was_called = true;
        return;
    }
    list_remove(&first->node);
    call(first);
}

void server_queue_call(struct server_queue *queue)
{
    (void)pthread_mutex_lock(&queue->lock);
    call_first(queue);
    (void)pthread_mutex_unlock(&queue->lock);
}

static void uncount(struct server_wait *wait)
{
    atomic_fetch_sub(&wait->queue->counts[wait->priority], 1);
}

/* Under the lock. Returns whether the owner has gone. */
static bool arrive(struct server_wait *wait)
{
    switch (wait->state) {
    case CALLED:
        wait->state = AT_TURN;
        return false;
    case PUSHED:
        wait->state = OUT;
        return false;
    case LEFT:
        call_first(wait->queue);
        uncount(wait);
        return true;
    case LEFT_OUT:
        return true;
    case WAITING:
    case AT_TURN:
    case OUT:
        break;
    }
    CHECK(false);
    return false;
}

static void on_called(struct loop_message *message)
{
    struct server_wait *wait = CONTAINER_OF(message, struct server_wait, message);
    struct server_queue *queue = wait->queue;
    bool is_out;
    bool has_left;

    (void)pthread_mutex_lock(&queue->lock);
    has_left = arrive(wait);
    is_out = wait->state == OUT;
    (void)pthread_mutex_unlock(&queue->lock);
    if (has_left) {
        end(wait);
        return;
    }
    wait->on_turn(wait->owner, is_out);
}

/* The last one of that priority goes; false: all of them have been called, and try. */
static bool push_out(struct server_queue *queue, enum priority priority)
{
    struct list *line = &queue->lines[priority];
    struct server_wait *last;

    if (list_is_empty(line)) {
        return false;
    }
    last = LIST_ENTRY(line->prev, struct server_wait, node);
    list_remove(&last->node);
    uncount(last);
    last->state = PUSHED;
    loop_post(last->loop, &last->message);
    return true;
}

/* Whether there is room for one more, as far as others have to make it. */
static bool make_room(struct server_queue *queue, enum priority priority)
{
    size_t waiting[PRIORITY_LEVELS];
    enum priority victim = priority;

    for (unsigned i = 0; i < PRIORITY_LEVELS; i++) {
        waiting[i] = atomic_load(&queue->counts[i]);
    }
    switch (shed_decide(priority, waiting, queue->size, &victim)) {
    case SHED_WAITS:
        return true;
    case SHED_PUSHES_OUT:
        atomic_fetch_add(&queue->refused, 1);
        return push_out(queue, victim);
    case SHED_REFUSED:
        break;
    }
    atomic_fetch_add(&queue->refused, 1);
    return false;
}

static struct server_wait *wait_create(struct server_queue *queue, enum priority priority)
{
    struct server_wait *wait = xcalloc(1, sizeof(*wait));

    wait->message.fn = on_called;
    wait->queue = queue;
    wait->priority = priority;
    wait->number = ++queue->last_number;
    atomic_fetch_add_explicit(&queue->uses, 1, memory_order_relaxed);
    return wait;
}

/* Whoever finds nobody in front tries at once: the last place may have been given back between its
 * look and its coming. */
struct server_wait *server_queue_join(struct server_queue *queue, enum priority priority,
                                      struct loop *loop, void *owner,
                                      void (*on_turn)(void *owner, bool is_pushed_out))
{
    struct server_wait *wait = NULL;

    (void)pthread_mutex_lock(&queue->lock);
    if (make_room(queue, priority)) {
        bool is_first = server_queue_before(queue, priority) == 0;
        wait = wait_create(queue, priority);
        wait->loop = loop;
        wait->owner = owner;
        wait->on_turn = on_turn;
        atomic_fetch_add(&queue->counts[priority], 1);
        if (is_first) {
            call(wait);
        } else {
            list_push_back(&queue->lines[priority], &wait->node);
        }
    }
    (void)pthread_mutex_unlock(&queue->lock);
    return wait;
}

/* Before those that came later: one of them may have been called too, and be back already. */
static void put_back(struct server_queue *queue, struct server_wait *wait)
{
    struct list *line = &queue->lines[wait->priority];

    LIST_FOR_EACH(node, line)
    {
        if (LIST_ENTRY(node, struct server_wait, node)->number > wait->number) {
            list_push_back(node, &wait->node);
            return;
        }
    }
    list_push_back(line, &wait->node);
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
    if (wait->state == WAITING && first_of(queue) == wait) {
        list_remove(&wait->node);
        call(wait);
    }
    (void)pthread_mutex_unlock(&queue->lock);
}

void server_queue_leave(struct server_wait *wait, bool has_place)
{
    struct server_queue *queue = wait->queue;
    bool has_message; /* which ends it when it comes; still counted until then, where it was */

    (void)pthread_mutex_lock(&queue->lock);
    has_message = wait->state == CALLED || wait->state == PUSHED;
    if (has_message) {
        wait->state = wait->state == CALLED ? LEFT : LEFT_OUT;
    } else if (wait->state != OUT) {
        if (wait->state == WAITING) {
            list_remove(&wait->node);
        } else if (!has_place || queue->was_called) {
            queue->was_called = false;
            call_first(queue);
        }
        uncount(wait);
    }
    (void)pthread_mutex_unlock(&queue->lock);
    if (!has_message) {
        end(wait);
    }
}
