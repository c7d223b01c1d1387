#include "certs/ocsp_fetcher.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "certs/networks.h"
#include "certs/ocsp_transfer.h"
#include "tls/ocsp_registry.h"

/* The clock that responses count by may be set; it is looked at anew after so long at the latest.
 */
#define LOOK_AGAIN_MS 60000

/* LOOKING_UP cannot be interrupted, so its thread is not waited for at the end; FETCHING can. */
enum job_state { JOB_FREE, JOB_LOOKING_UP, JOB_FETCHING, JOB_ENDED };

struct job {
    enum job_state state;
    pthread_t thread;
    struct ocsp_fetcher *fetcher;
    struct ocsp_fetch fetch;
};

struct ocsp_fetcher {
    struct ocsp_registry *registry;
    uint64_t timeout_ms;
    const struct network_list *allowed;
    int stop_fd; /* readable from the stop on */

    pthread_mutex_t lock; /* of all below; taken before the registry's, never after */
    pthread_cond_t changed;
    pthread_t thread;
    bool has_thread;
    bool is_stopping;
    bool is_poked; /* a certificate has joined since the last look */
    struct job jobs[OCSP_FETCHES_MAX];
};

/* ---- one fetch ---- */

/* False: the gateway stops, and what the fetcher points at may be about to go. */
static bool set_state(struct job *job, enum job_state state)
{
    struct ocsp_fetcher *fetcher = job->fetcher;
    bool goes_on;

    (void)pthread_mutex_lock(&fetcher->lock);
    goes_on = !fetcher->is_stopping;
    if (goes_on || state == JOB_ENDED) {
        job->state = state;
    }
    (void)pthread_cond_signal(&fetcher->changed);
    (void)pthread_mutex_unlock(&fetcher->lock);
    return goes_on;
}

/* Keeps the addresses that may be asked; false when there is none. */
static bool keep_allowed(struct ocsp_addresses *addresses, const struct network_list *allowed,
                         const char *host, struct error *error)
{
    char text[SOCK_TEXT_MAX] = "";
    size_t kept = 0;

    for (size_t i = 0; i < addresses->count; i++) {
        struct peer peer = peer_from(&addresses->items[i]);
        if (peer_is_public(&peer) || networks_have(allowed, &peer)) {
            addresses->items[kept++] = addresses->items[i];
        } else {
            (void)peer_ip_text(&peer, text);
        }
    }
    addresses->count = kept;
    return kept != 0 ||
           error_set(error,
                     "%s is at %s, which is no public address, and a certificate may name any: if "
                     "there is an OCSP responder, add its network to ocsp_networks",
                     host, text);
}

static void fetch(struct job *job, struct ocsp_addresses *addresses, uint64_t deadline_ms,
                  bool is_resolved, struct error *error)
{
    struct ocsp_registry *registry = job->fetcher->registry;
    enum ocsp_transfer_result result = OCSP_TRANSFER_FAILED;
    struct strbuf body;
    struct span bytes = {NULL, 0};

    strbuf_init(&body);
    if (is_resolved && keep_allowed(addresses, job->fetcher->allowed, job->fetch.url.host, error)) {
        result =
            ocsp_transfer(&job->fetch, addresses, job->fetcher->stop_fd, deadline_ms, &body, error);
    }
    if (result == OCSP_TRANSFER_DONE) {
        bytes = body.ptr != NULL ? strbuf_span(&body) : SPAN_OF("");
    }
    if (result != OCSP_TRANSFER_STOPPED) {
        ocsp_registry_done(registry, &job->fetch, bytes, error->text, clock_wall_ms());
    }
    strbuf_free(&body);
}

static void *fetch_main(void *arg)
{
    struct job *job = arg;
    uint64_t deadline_ms = clock_ms() + job->fetcher->timeout_ms;
    struct ocsp_addresses addresses;
    struct error error = {""};
    bool is_resolved = ocsp_lookup(&job->fetch.url, &addresses, &error);

    /* Nothing of the TLS library is touched before: at the stop it may be gone already. */
    if (set_state(job, JOB_FETCHING)) {
        fetch(job, &addresses, deadline_ms, is_resolved, &error);
        (void)set_state(job, JOB_ENDED);
    }
    return NULL;
}

/* ---- the thread that decides ---- */

static struct job *free_job(struct ocsp_fetcher *fetcher)
{
    for (size_t i = 0; i < OCSP_FETCHES_MAX; i++) {
        if (fetcher->jobs[i].state == JOB_FREE) {
            return &fetcher->jobs[i];
        }
    }
    return NULL;
}

/* With the lock; gives it back while it waits for the threads, which have nothing left to do. */
static void join_ended(struct ocsp_fetcher *fetcher)
{
    for (size_t i = 0; i < OCSP_FETCHES_MAX; i++) {
        struct job *job = &fetcher->jobs[i];
        if (job->state == JOB_ENDED) {
            (void)pthread_mutex_unlock(&fetcher->lock);
            thread_join(job->thread);
            (void)pthread_mutex_lock(&fetcher->lock);
            job->state = JOB_FREE;
        }
    }
}

/* With the lock. False: there is nothing to start, for *wait_ms at least. */
static bool start_next(struct ocsp_fetcher *fetcher, int64_t *wait_ms)
{
    struct job *job = free_job(fetcher);
    int number;

    *wait_ms = INT64_MAX;
    if (job == NULL ||
        !ocsp_registry_next(fetcher->registry, clock_wall_ms(), &job->fetch, wait_ms)) {
        return false;
    }
    job->fetcher = fetcher;
    job->state = JOB_LOOKING_UP;
    number = thread_start(&job->thread, "ocsp-fetch", fetch_main, job);
    if (number != 0) {
        struct error error;
        (void)error_set_errno(&error, number, "cannot start a thread");
        job->state = JOB_FREE;
        (void)pthread_mutex_unlock(&fetcher->lock);
        ocsp_registry_done(fetcher->registry, &job->fetch, (struct span){NULL, 0}, error.text,
                           clock_wall_ms());
        (void)pthread_mutex_lock(&fetcher->lock);
    }
    return true;
}

static void wait_for_change(struct ocsp_fetcher *fetcher, int64_t wait_ms)
{
    wait_ms = wait_ms < LOOK_AGAIN_MS ? wait_ms : LOOK_AGAIN_MS;
    (void)condition_wait_until(&fetcher->changed, &fetcher->lock,
                               clock_us() + (uint64_t)wait_ms * 1000);
}

static bool has_ended_jobs(const struct ocsp_fetcher *fetcher)
{
    for (size_t i = 0; i < OCSP_FETCHES_MAX; i++) {
        if (fetcher->jobs[i].state == JOB_ENDED) {
            return true;
        }
    }
    return false;
}

static void *fetcher_main(void *arg)
{
    struct ocsp_fetcher *fetcher = arg;

    (void)pthread_mutex_lock(&fetcher->lock);
    while (!fetcher->is_stopping) {
        int64_t wait_ms = 0;

        fetcher->is_poked = false;
        join_ended(fetcher);
        while (!fetcher->is_stopping && start_next(fetcher, &wait_ms)) {
            fetcher->is_poked = true; /* look again before waiting: the lock was away */
        }
        if (!fetcher->is_stopping && !fetcher->is_poked && !has_ended_jobs(fetcher)) {
            wait_for_change(fetcher, wait_ms);
        }
    }
    (void)pthread_mutex_unlock(&fetcher->lock);
    return NULL;
}

/* ---- start and stop ---- */

/* By whichever thread has loaded a certificate. */
static void poke(void *arg)
{
    struct ocsp_fetcher *fetcher = arg;

    (void)pthread_mutex_lock(&fetcher->lock);
    fetcher->is_poked = true;
    if (!fetcher->has_thread) {
        int number = thread_start(&fetcher->thread, "ocsp", fetcher_main, fetcher);
        fetcher->has_thread = number == 0;
        if (number != 0) {
            log_error("no OCSP responses are fetched for now: cannot start a thread: %s",
                      strerror(number));
        }
    }
    (void)pthread_cond_signal(&fetcher->changed);
    (void)pthread_mutex_unlock(&fetcher->lock);
}

struct ocsp_fetcher *ocsp_fetcher_start(struct ocsp_registry *registry, uint64_t timeout_ms,
                                        const struct network_list *allowed)
{
    struct ocsp_fetcher *fetcher = xcalloc(1, sizeof(*fetcher));

    fetcher->registry = ocsp_registry_hold(registry);
    fetcher->timeout_ms = timeout_ms;
    fetcher->allowed = allowed;
    fetcher->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    CHECK(pthread_mutex_init(&fetcher->lock, NULL) == 0);
    condition_init(&fetcher->changed);
    if (fetcher->stop_fd < 0) {
        log_error("no OCSP responses are fetched: %s; raise the limit of open files",
                  strerror(errno));
        return fetcher;
    }
    if (ocsp_registry_watch(registry, poke, fetcher)) {
        poke(fetcher);
    }
    return fetcher;
}

/* True: a lookup is still under way. Its thread looks at the fetcher once more. */
static bool end_jobs(struct ocsp_fetcher *fetcher)
{
    bool is_left = false;

    for (size_t i = 0; i < OCSP_FETCHES_MAX; i++) {
        struct job *job = &fetcher->jobs[i];
        enum job_state state;

        (void)pthread_mutex_lock(&fetcher->lock);
        state = job->state;
        (void)pthread_mutex_unlock(&fetcher->lock);
        if (state == JOB_LOOKING_UP) {
            (void)pthread_detach(job->thread);
            is_left = true;
        } else if (state != JOB_FREE) {
            thread_join(job->thread);
        }
    }
    return is_left;
}

void ocsp_fetcher_stop(struct ocsp_fetcher *fetcher)
{
    /* Kept for threads that are left behind, until the process ends. */
    static struct ocsp_fetcher *volatile left_behind;

    if (fetcher == NULL) {
        return;
    }
    (void)ocsp_registry_watch(fetcher->registry, NULL, NULL);
    (void)pthread_mutex_lock(&fetcher->lock);
    fetcher->is_stopping = true;
    if (fetcher->stop_fd >= 0) {
        (void)eventfd_write(fetcher->stop_fd, 1);
    }
    (void)pthread_cond_signal(&fetcher->changed);
    (void)pthread_mutex_unlock(&fetcher->lock);
    if (fetcher->has_thread) {
        thread_join(fetcher->thread);
    }
    if (end_jobs(fetcher)) {
        left_behind = fetcher;
        (void)left_behind;
        return;
    }
    if (fetcher->stop_fd >= 0) {
        close(fetcher->stop_fd);
    }
    ocsp_registry_release(fetcher->registry);
    (void)pthread_cond_destroy(&fetcher->changed);
    (void)pthread_mutex_destroy(&fetcher->lock);
    free(fetcher);
}
