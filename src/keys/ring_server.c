#include "keys/ring_server.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"

#define CREDIT 1000000

struct ring_server {
    struct ring_worker worker;
    struct key_ring_fds fds;
    pthread_t thread;
    atomic_bool is_ending;
};

/* ---- how many a second ---- */

static void earn(struct ring_worker *worker)
{
    uint64_t now = clock_us();
    uint64_t most = (uint64_t)worker->rate * CREDIT;
    uint64_t since = now - worker->credit_us;

    /* A second's worth is all that can be saved up. */
    worker->credit += (since < 1000000 ? since : 1000000) * worker->rate;
    worker->credit = worker->credit < most ? worker->credit : most;
    worker->credit_us = now;
}

static void pay(struct ring_worker *worker)
{
    if (worker->rate == 0) {
        return;
    }
    if (worker->credit < CREDIT) {
        earn(worker);
    }
    if (worker->credit < CREDIT) {
        key_ring_count_delay(&worker->ring);
    }
    while (worker->credit < CREDIT) {
        uint64_t wait_us = (CREDIT - worker->credit) / worker->rate + 1;
        const struct timespec wait = {.tv_nsec =
                                          (long)(wait_us < 999999 ? wait_us : 999999) * 1000};
        (void)nanosleep(&wait, NULL);
        earn(worker);
    }
    worker->credit -= CREDIT;
}

/* ---- questions ---- */

static enum key_answer answer_of(enum held_key_verdict verdict)
{
    switch (verdict) {
    case HELD_KEY_SIGNED:
        return KEY_ANSWER_SIGNED;
    case HELD_KEY_NO_HANDSHAKE:
        return KEY_ANSWER_NO_HANDSHAKE;
    case HELD_KEY_WRONG_SCHEME:
        return KEY_ANSWER_WRONG_SCHEME;
    case HELD_KEY_FAILED:
        break;
    }
    return KEY_ANSWER_FAILED;
}

static void answer(struct ring_worker *worker, const struct key_question *question)
{
    struct held_entry *entry = held_keys_hold(worker->keys, &question->key);
    unsigned char signature[SIGN_ANSWER_MAX];
    enum held_key_verdict verdict;
    size_t len = 0;

    if (entry == NULL) {
        key_ring_give(&worker->ring, KEY_ANSWER_UNKNOWN_KEY, span_make(NULL, 0));
        return;
    }
    verdict = held_key_sign(held_entry_key(entry), question->scheme, question->message, signature,
                            sizeof(signature), &len);
    held_keys_let_go(entry);
    key_ring_give(&worker->ring, answer_of(verdict),
                  span_make(signature, verdict == HELD_KEY_SIGNED ? len : 0));
}

bool ring_worker_serve(struct ring_worker *worker)
{
    struct key_question question;
    enum key_ring_take take;
    bool is_any = false;

    while ((take = key_ring_take(&worker->ring, &question, worker->buffer)) == KEY_RING_TAKEN) {
        pay(worker);
        answer(worker, &question);
        is_any = true;
    }
    if (is_any) {
        key_ring_wake_client(&worker->ring);
    }
    return take == KEY_RING_EMPTY;
}

static void *run(void *arg)
{
    struct ring_server *server = arg;

    while (!atomic_load(&server->is_ending)) {
        if (!ring_worker_serve(&server->worker)) {
            log_error("a ring of questions is out of order: the gateway's thread that it belongs "
                      "to gets no signatures any more; its memory may have been overwritten");
            break;
        }
        key_ring_sleep(&server->worker.ring);
    }
    return NULL;
}

/* ---- life ---- */

static void destroy(struct ring_server *server)
{
    key_ring_unmap(&server->worker.ring);
    key_ring_close(&server->fds);
    free(server->worker.buffer);
    free(server);
}

struct ring_server *ring_server_start(const struct key_ring_fds *fds, struct held_keys *keys,
                                      uint32_t rate, struct error *error)
{
    struct ring_server *server = xcalloc(1, sizeof(*server));
    int number;

    server->fds = *fds;
    server->worker.keys = keys;
    server->worker.rate = rate;
    server->worker.credit = (uint64_t)rate * CREDIT;
    server->worker.credit_us = clock_us();
    server->worker.buffer = xmalloc(KEY_MESSAGE_MAX);
    atomic_init(&server->is_ending, false);
    number = key_ring_map(&server->worker.ring, fds)
                 ? thread_start(&server->thread, "signer", run, server)
                 : errno;
    if (number == 0) {
        return server;
    }
    (void)error_set_errno(error, number,
                          "cannot serve a thread of the gateway with signatures; raise the limits "
                          "of threads and memory (TasksMax= and LimitMEMLOCK= of the service)");
    destroy(server);
    return NULL;
}

void ring_server_stop(struct ring_server *server)
{
    const uint64_t one = 1;
    uint64_t count;
    ssize_t n;

    atomic_store(&server->is_ending, true);
    n = write(server->fds.ask, &one, sizeof(one));
    /* A client could have filled the other one, so that the thread waits for room there. */
    n = read(server->fds.answer, &count, sizeof(count));
    (void)n;
    thread_join(server->thread);
    destroy(server);
}
