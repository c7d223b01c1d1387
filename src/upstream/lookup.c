#include "upstream/lookup.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/thread.h"

struct lookup {
    struct loop_message message;
    char *host;
    uint16_t port;
    struct lookup_result result;
    void *owner;
    void (*on_done)(void *owner, const struct lookup_result *result);
    pthread_mutex_t lock; /* of what follows */
    struct loop *loop;    /* NULL: cancelled, and the loop may be gone */
    bool is_posted;
};

static atomic_uint under_way;

static void destroy(struct lookup *lookup)
{
    (void)pthread_mutex_destroy(&lookup->lock);
    free(lookup->host);
    free(lookup);
}

static void on_message(struct loop_message *message)
{
    struct lookup *lookup = CONTAINER_OF(message, struct lookup, message);

    /* Its thread may not have left the lock yet. */
    (void)pthread_mutex_lock(&lookup->lock);
    (void)pthread_mutex_unlock(&lookup->lock);
    if (lookup->on_done != NULL) {
        lookup->on_done(lookup->owner, &lookup->result);
    }
    destroy(lookup);
}

/* Touches nothing of the loop once it is cancelled. */
static void hand_back(struct lookup *lookup)
{
    (void)pthread_mutex_lock(&lookup->lock);
    bool is_cancelled = lookup->loop == NULL;
    if (!is_cancelled) {
        lookup->is_posted = true;
        loop_post(lookup->loop, &lookup->message);
    }
    (void)pthread_mutex_unlock(&lookup->lock);
    if (is_cancelled) {
        destroy(lookup);
    }
}

static void *run(void *arg)
{
    struct lookup *lookup = arg;
    struct lookup_result *result = &lookup->result;

    if (!endpoint_resolve(lookup->host, lookup->port, result->items, &result->count,
                          &result->error)) {
        result->count = 0;
    }
    (void)atomic_fetch_sub(&under_way, 1);
    hand_back(lookup);
    return NULL;
}

static bool start_thread(struct lookup *lookup, struct error *error)
{
    pthread_t thread;
    int number;

    if (atomic_fetch_add(&under_way, 1) >= LOOKUPS_MAX) {
        (void)atomic_fetch_sub(&under_way, 1);
        return error_set(error,
                         "cannot resolve %s: %d lookups of names are under way already: see "
                         "whether this machine's name server answers",
                         lookup->host, LOOKUPS_MAX);
    }
    number = thread_start(&thread, "lookup", run, lookup);
    if (number != 0) {
        (void)atomic_fetch_sub(&under_way, 1);
        return error_set_errno(error, number, "cannot resolve %s: no thread can be started",
                               lookup->host);
    }
    (void)pthread_detach(thread);
    return true;
}

struct lookup *lookup_start(struct loop *loop, const char *host, uint16_t port, void *owner,
                            void (*on_done)(void *owner, const struct lookup_result *result),
                            struct error *error)
{
    struct lookup *lookup = xcalloc(1, sizeof(*lookup));

    lookup->message.fn = on_message;
    lookup->host = xstrdup(host);
    lookup->port = port;
    lookup->owner = owner;
    lookup->on_done = on_done;
    lookup->loop = loop;
    CHECK(pthread_mutex_init(&lookup->lock, NULL) == 0);
    if (!start_thread(lookup, error)) {
        destroy(lookup);
        return NULL;
    }
    return lookup;
}

void lookup_cancel(struct lookup *lookup)
{
    if (lookup == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&lookup->lock);
    lookup->on_done = NULL; /* the message, if it is on its way, frees it */
    if (!lookup->is_posted) {
        lookup->loop = NULL;
    }
    (void)pthread_mutex_unlock(&lookup->lock);
}
