#include "discovery/discovery.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/url.h"
#include "client/client.h"
#include "discovery/server_plan.h"

/* Of responses with lists. */
#define HEAD_MAX (16 * 1024)
#define FIELDS_MAX 100
#define SEND_MS 5000

/* What another thread has the loop do, and waits for. */
struct order {
    struct loop_message message;
    struct discovery *discovery;
    const struct discovery_backend *backends;
    size_t count;
    discovery_tell_fn *tell;
    void *arg;
    bool is_done;
};

struct discovery {
    void (*on_change)(void *arg);
    void *arg;

    pthread_mutex_t lock; /* of these */
    pthread_cond_t wake;
    size_t plan_count;
    size_t made_count; /* of these, those with a first answer to everything */

    pthread_t thread;
    struct loop *loop; /* the core's; NULL: there is no thread yet */
    atomic_bool has_thread;
    struct loop_message doubt;
    atomic_bool is_doubt_posted;

    /* The thread's own. */
    struct core core;
    struct client client; /* fetches lists */
    struct name_lookups lookups;
    struct list plans;
};

/* ---- on the thread ---- */

static void on_plan_change(struct server_plan *plan, bool is_changed)
{
    struct discovery *discovery = plan->owner;
    size_t made = 0;

    if (is_changed) {
        discovery->on_change(discovery->arg);
    }
    LIST_FOR_EACH(node, &discovery->plans)
    {
        made += LIST_ENTRY(node, struct server_plan, node)->is_made;
    }
    (void)pthread_mutex_lock(&discovery->lock);
    discovery->made_count = made;
    (void)pthread_cond_broadcast(&discovery->wake);
    (void)pthread_mutex_unlock(&discovery->lock);
}

static void finish(struct order *order)
{
    struct discovery *discovery = order->discovery;
    size_t count = 0;
    size_t made = 0;

    LIST_FOR_EACH(node, &discovery->plans)
    {
        count++;
        made += LIST_ENTRY(node, struct server_plan, node)->is_made;
    }
    (void)pthread_mutex_lock(&discovery->lock);
    discovery->plan_count = count;
    discovery->made_count = made;
    order->is_done = true;
    (void)pthread_cond_broadcast(&discovery->wake);
    (void)pthread_mutex_unlock(&discovery->lock);
}

/* The new ones come before the old ones go, so that what is known of their names stays. */
static void on_follow(struct loop_message *message)
{
    struct order *order = CONTAINER_OF(message, struct order, message);
    struct discovery *discovery = order->discovery;
    struct list fresh;

    list_init(&fresh);
    for (size_t i = 0; i < order->count; i++) {
        const struct discovery_backend *one = &order->backends[i];
        if (server_plan_is_needed(one->settings)) {
            struct server_plan *plan =
                server_plan_create(one->backend, one->settings, &discovery->lookups,
                                   &discovery->client, discovery, on_plan_change);
            list_push_back(&fresh, &plan->node);
        }
    }
    LIST_FOR_EACH(node, &discovery->plans)
    {
        server_plan_destroy(LIST_ENTRY(node, struct server_plan, node));
    }
    while (!list_is_empty(&fresh)) {
        list_push_back(&discovery->plans, list_pop_front(&fresh));
    }
    finish(order);
}

static void on_tell(struct loop_message *message)
{
    struct order *order = CONTAINER_OF(message, struct order, message);

    LIST_FOR_EACH(node, &order->discovery->plans)
    {
        server_plan_tell(LIST_ENTRY(node, struct server_plan, node), order->tell, order->arg);
    }
    finish(order);
}

static void on_doubt(struct loop_message *message)
{
    struct discovery *discovery = CONTAINER_OF(message, struct discovery, doubt);

    atomic_store(&discovery->is_doubt_posted, false);
    LIST_FOR_EACH(node, &discovery->plans)
    {
        struct server_plan *plan = LIST_ENTRY(node, struct server_plan, node);
        if (backend_take_doubt(plan->backend)) {
            server_plan_doubt(plan);
        }
    }
}

static void *run(void *arg)
{
    struct discovery *discovery = arg;

    loop_run(discovery->loop);
    LIST_FOR_EACH(node, &discovery->plans)
    {
        server_plan_destroy(LIST_ENTRY(node, struct server_plan, node));
    }
    name_lookups_free(&discovery->lookups);
    client_close_all(&discovery->client);
    loop_run_deferred(discovery->loop);
    (void)loop_turn(discovery->loop);
    client_free(&discovery->client, NULL, 0);
    return NULL;
}

/* ---- from others ---- */

/* By a worker. */
static void hear_doubt(void *arg)
{
    struct discovery *discovery = arg;

    if (!atomic_exchange(&discovery->is_doubt_posted, true)) {
        loop_post(discovery->loop, &discovery->doubt);
    }
}

struct discovery *discovery_create(void (*on_change)(void *arg), void *arg)
{
    struct discovery *discovery = xcalloc(1, sizeof(*discovery));

    discovery->on_change = on_change;
    discovery->arg = arg;
    discovery->doubt.fn = on_doubt;
    list_init(&discovery->plans);
    CHECK(pthread_mutex_init(&discovery->lock, NULL) == 0);
    condition_init(&discovery->wake);
    return discovery;
}

static bool start_thread(struct discovery *discovery)
{
    const struct client_settings settings = {
        .h1 = {.head_bytes = HEAD_MAX, .target_bytes = URL_MAX, .fields = FIELDS_MAX},
        .request_head = HEAD_MAX,
        .send_ms = SEND_MS,
    };
    int number = 0;

    if (discovery->loop != NULL) {
        return true;
    }
    if (!core_init(&discovery->core, 0)) {
        number = errno;
    } else {
        discovery->loop = discovery->core.loop;
        discovery->client = (struct client){.core = &discovery->core, .settings = settings};
        client_init(&discovery->client, NULL, 0);
        name_lookups_init(&discovery->lookups, discovery->loop, HOSTS_FILE);
        number = thread_start(&discovery->thread, "discovery", run, discovery);
    }
    if (number == 0) {
        atomic_store(&discovery->has_thread, true);
        backend_on_doubt(hear_doubt, discovery);
        return true;
    }
    log_error("the names of servers are not resolved: cannot start a thread: %s; raise the limits "
              "of open files and threads (LimitNOFILE=, TasksMax= of the service)",
              strerror(number));
    if (discovery->loop != NULL) {
        name_lookups_free(&discovery->lookups);
        client_free(&discovery->client, NULL, 0);
        core_destroy(&discovery->core);
        discovery->loop = NULL;
    }
    return false;
}

static void give(struct discovery *discovery, struct order *order)
{
    loop_post(discovery->loop, &order->message);
    (void)pthread_mutex_lock(&discovery->lock);
    while (!order->is_done) {
        (void)pthread_cond_wait(&discovery->wake, &discovery->lock);
    }
    (void)pthread_mutex_unlock(&discovery->lock);
}

static void wait_until_made(struct discovery *discovery, uint64_t limit_ms)
{
    uint64_t until_us = clock_us() + limit_ms * 1000;

    (void)pthread_mutex_lock(&discovery->lock);
    while (discovery->made_count < discovery->plan_count &&
           condition_wait_until(&discovery->wake, &discovery->lock, until_us)) {
    }
    bool are_made = discovery->made_count >= discovery->plan_count;
    (void)pthread_mutex_unlock(&discovery->lock);
    if (!are_made) {
        log_warn("not all names of servers could be looked up within %llu ms: see whether this "
                 "machine's name server answers; what needs those servers gets 503 until then",
                 (unsigned long long)limit_ms);
    }
}

void discovery_follow(struct discovery *discovery, const struct discovery_backend *backends,
                      size_t count, uint64_t limit_ms)
{
    struct order order = {
        .message = {.fn = on_follow}, .discovery = discovery, .backends = backends, .count = count};
    bool is_needed = discovery->loop != NULL; /* there may be some that are not to be followed */

    for (size_t i = 0; i < count; i++) {
        is_needed |= server_plan_is_needed(backends[i].settings);
    }
    if (is_needed && start_thread(discovery)) {
        give(discovery, &order);
        wait_until_made(discovery, limit_ms);
    }
}

void discovery_tell(struct discovery *discovery, discovery_tell_fn *tell, void *arg)
{
    struct order order = {
        .message = {.fn = on_tell}, .discovery = discovery, .tell = tell, .arg = arg};

    if (atomic_load(&discovery->has_thread)) {
        give(discovery, &order);
    }
}

void discovery_destroy(struct discovery *discovery)
{
    if (discovery == NULL) {
        return;
    }
    if (discovery->loop != NULL) {
        backend_on_doubt(NULL, NULL);
        loop_stop(discovery->loop);
        thread_join(discovery->thread);
        core_destroy(&discovery->core);
    }
    (void)pthread_cond_destroy(&discovery->wake);
    (void)pthread_mutex_destroy(&discovery->lock);
    free(discovery);
}
