#include "client/fetch_thread.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/thread.h"
#include "base/url.h"

/* Of a response's head. */
#define HEAD_MAX (16 * 1024)
#define FIELDS_MAX 100

static void look(struct fetch_thread *thread)
{
    thread->terms->look(thread->terms->owner);
}

static void on_timer(struct timer *timer)
{
    look(CONTAINER_OF(timer, struct fetch_thread, timer));
}

static void on_poke(struct loop_message *message)
{
    struct fetch_thread *thread = CONTAINER_OF(message, struct fetch_thread, poke);

    (void)pthread_mutex_lock(&thread->lock);
    thread->is_poked = false;
    (void)pthread_mutex_unlock(&thread->lock);
    look(thread);
}

void fetch_thread_look_in(struct fetch_thread *thread, uint64_t wait_ms)
{
    timer_set_ms(thread->core.loop, &thread->timer, wait_ms);
}

static void *run(void *arg)
{
    struct fetch_thread *thread = arg;

    loop_run(thread->core.loop);
    thread->terms->end(thread->terms->owner);
    timer_destroy(thread->core.loop, &thread->timer);
    client_close_all(&thread->client);
    loop_run_deferred(thread->core.loop);
    client_free(&thread->client, NULL, 0);
    return NULL;
}

/* With the lock. */
static bool start(struct fetch_thread *thread)
{
    const struct fetch_thread_terms *terms = thread->terms;
    const struct client_settings settings = {
        .h1 = {.head_bytes = HEAD_MAX, .target_bytes = URL_MAX, .fields = FIELDS_MAX},
        .request_head = HEAD_MAX,
        .send_ms = terms->send_ms,
    };
    int number;

    if (!core_init(&thread->core, 0)) {
        log_error("no %s are fetched for now: %s; raise the limit of open files", terms->fetched,
                  strerror(errno));
        return false;
    }
    thread->client = (struct client){.core = &thread->core, .settings = settings};
    client_init(&thread->client, NULL, 0);
    timer_init(&thread->timer, on_timer);
    number = thread_start(&thread->thread, terms->name, run, thread);
    if (number != 0) {
        log_error("no %s are fetched for now: cannot start a thread: %s", terms->fetched,
                  strerror(number));
        client_free(&thread->client, NULL, 0);
        core_destroy(&thread->core);
    }
    return number == 0;
}

bool fetch_thread_poke(struct fetch_thread *thread)
{
    bool has_thread;

    (void)pthread_mutex_lock(&thread->lock);
    if (!thread->has_thread) {
        thread->has_thread = start(thread);
    }
    has_thread = thread->has_thread;
    if (has_thread && !thread->is_poked) {
        thread->is_poked = true;
        loop_post(thread->core.loop, &thread->poke);
    }
    (void)pthread_mutex_unlock(&thread->lock);
    return has_thread;
}

void fetch_thread_init(struct fetch_thread *thread, const struct fetch_thread_terms *terms)
{
    *thread = (struct fetch_thread){.terms = terms, .poke = {.fn = on_poke}};
    CHECK(pthread_mutex_init(&thread->lock, NULL) == 0);
}

void fetch_thread_free(struct fetch_thread *thread)
{
    if (thread->has_thread) {
        loop_stop(thread->core.loop);
        thread_join(thread->thread);
        core_destroy(&thread->core);
    }
    (void)pthread_mutex_destroy(&thread->lock);
}
