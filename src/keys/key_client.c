#include "keys/key_client.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/loop.h"
#include "keys/key_use.h"

/* Waits for a slot of the ring. */
struct queued {
    struct sign_request *request;
    uint64_t asked_ms;
};

struct key_client {
    struct key_ring *ring;
    struct loop *loop;
    struct watch watch;
    struct deferred send;
    struct timer timer;                  /* of what has waited longest */
    struct queued slots[KEY_RING_SLOTS]; /* request NULL: free, or given up */
    struct queued queue[KEY_QUEUE_MAX];
    unsigned queue_at; /* the first one */
    unsigned queue_count;
    struct log_limiter limiter;
};

/* The thread's own. */
static __thread struct key_client *own;

/* Of the process; the last one is of all threads without a client of their own, by turns. */
static struct {
    struct key_ring *rings;
    size_t count;
    pthread_mutex_t lock;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

void key_client_leave_rings(void)
{
    for (size_t i = 0; i < shared.count; i++) {
        key_ring_unmap(&shared.rings[i]);
    }
    free(shared.rings);
    shared.rings = NULL;
    shared.count = 0;
}

bool key_client_use_rings(const struct key_ring_fds *rings, size_t count)
{
    key_client_leave_rings();
    shared.rings = xcalloc(count + 1, sizeof(*shared.rings));
    for (; shared.count < count; shared.count++) {
        if (!key_ring_map(&shared.rings[shared.count], &rings[shared.count])) {
            int number = errno;
            key_client_leave_rings();
            errno = number;
            return false;
        }
    }
    return true;
}

bool key_client_counts(struct key_counts *counts)
{
    *counts = (struct key_counts){0};
    for (size_t i = 0; i < shared.count; i++) {
        struct key_counts one;
        key_ring_counts(&shared.rings[i], &one);
        for (size_t a = 0; a < KEY_ANSWER_COUNT; a++) {
            counts->answers[a] += one.answers[a];
        }
        counts->delayed += one.delayed;
    }
    return shared.count != 0;
}

static bool question_of(const struct sign_request *request, struct key_question *question)
{
    memcpy(question->key.bytes, request->key.digest, sizeof(question->key.bytes));
    question->scheme = request->scheme;
    question->message = request->message;
    return request->message.len <= KEY_MESSAGE_MAX;
}

static void refuse(struct sign_request *request, struct log_limiter *limiter, const char *why)
{
    log_limited(limiter, LOG_LEVEL_WARN, "a handshake got no signature: %s", why);
    sign_answer(request, span_make(NULL, 0));
}

/* ---- a thread with a loop ---- */

static void send_one(struct key_client *client, struct queued queued)
{
    struct key_question question;
    unsigned slot;

    if (queued.request->state == SIGN_DROPPED) {
        sign_answer(queued.request, span_make(NULL, 0)); /* nobody wants it any more */
    } else if (!question_of(queued.request, &question)) {
        refuse(queued.request, &client->limiter, "what was to be signed is too long");
    } else {
        slot = key_ring_ask(client->ring, &question);
        client->slots[slot] = queued;
    }
}

static void watch_time(struct key_client *client)
{
    if (client->timer.deadline_us == 0) {
        timer_set_ms(client->loop, &client->timer, KEY_WAIT_MS);
    }
}

static void send_queue(struct key_client *client)
{
    bool is_any = client->queue_count != 0;

    while (client->queue_count != 0 && !key_ring_is_full(client->ring)) {
        struct queued first = client->queue[client->queue_at];
        client->queue_at = (client->queue_at + 1) % KEY_QUEUE_MAX;
        client->queue_count--;
        send_one(client, first);
    }
    if (is_any) {
        key_ring_wake_keyholder(client->ring);
    }
}

static void on_send(struct deferred *deferred)
{
    send_queue(CONTAINER_OF(deferred, struct key_client, send));
}

static void take_answers(struct key_client *client)
{
    enum key_answer answer;
    struct span signature;
    unsigned slot;

    while (key_ring_next_answer(client->ring, &slot, &answer, &signature)) {
        struct sign_request *request = client->slots[slot].request;
        client->slots[slot].request = NULL;
        if (request == NULL) {
            continue; /* it came too late */
        }
        if (answer == KEY_ANSWER_SIGNED) {
            sign_answer(request, signature);
        } else {
            refuse(request, &client->limiter, key_answer_text(answer));
        }
    }
}

static void on_answer(struct watch *watch, uint32_t events)
{
    struct key_client *client = CONTAINER_OF(watch, struct key_client, watch);

    (void)events;
    take_answers(client);
    if (client->queue_count != 0) {
        send_queue(client);
    }
}

/* What has waited too long is given up; *next_ms: when the next one will have. */
static void give_up(struct key_client *client, struct queued *queued, uint64_t now,
                    uint64_t *next_ms)
{
    uint64_t end = queued->asked_ms + KEY_WAIT_MS;

    if (queued->request == NULL) {
        return;
    }
    if (end <= now) {
        struct sign_request *request = queued->request;
        queued->request = NULL;
        refuse(request, &client->limiter,
               "the process that has the keys (keyholder) did not answer in time");
    } else if (end < *next_ms) {
        *next_ms = end;
    }
}

static void on_time(struct timer *timer)
{
    struct key_client *client = CONTAINER_OF(timer, struct key_client, timer);
    uint64_t now = clock_ms();
    uint64_t next_ms = UINT64_MAX;

    for (size_t i = 0; i < KEY_RING_SLOTS; i++) {
        give_up(client, &client->slots[i], now, &next_ms);
    }
    while (client->queue_count != 0) {
        struct queued *first = &client->queue[client->queue_at];
        give_up(client, first, now, &next_ms);
        if (first->request != NULL) {
            break; /* those behind it came later */
        }
        client->queue_at = (client->queue_at + 1) % KEY_QUEUE_MAX;
        client->queue_count--;
    }
    if (next_ms != UINT64_MAX) {
        timer_set_ms(client->loop, timer, next_ms - now);
    }
}

static void ask(struct key_client *client, struct sign_request *request)
{
    if (client->queue_count == KEY_QUEUE_MAX) {
        refuse(request, &client->limiter,
               "more of them wait than the process that has the keys (keyholder) can answer");
        return;
    }
    client->queue[(client->queue_at + client->queue_count) % KEY_QUEUE_MAX] =
        (struct queued){request, clock_ms()};
    client->queue_count++;
    watch_time(client);
    loop_defer(client->loop, &client->send);
}

struct key_client *key_client_create(size_t index, struct loop *loop)
{
    struct key_client *client;

    if (index + 1 >= shared.count) {
        return NULL;
    }
    client = xcalloc(1, sizeof(*client));
    client->ring = &shared.rings[index];
    client->loop = loop;
    deferred_init(&client->send, on_send);
    timer_init(&client->timer, on_time);
    watch_init(&client->watch, on_answer);
    /* Each time that the keyholder writes is an event, so that what it wrote is never read. */
    if (!watch_add(loop, &client->watch, client->ring->fds.answer, EPOLLIN | EPOLLET)) {
        log_error("a worker cannot hear the process that has the keys (keyholder): %s; raise the "
                  "limit of watches (fs.epoll.max_user_watches)",
                  strerror(errno));
        free(client);
        return NULL;
    }
    return client;
}

void key_client_use(struct key_client *client)
{
    own = client;
}

static void drop(struct sign_request *request)
{
    if (request != NULL) {
        sign_answer(request, span_make(NULL, 0));
    }
}

void key_client_destroy(struct key_client *client)
{
    if (client == NULL) {
        return;
    }
    for (size_t i = 0; i < KEY_RING_SLOTS; i++) {
        drop(client->slots[i].request);
    }
    for (; client->queue_count != 0; client->queue_count--) {
        drop(client->queue[client->queue_at].request);
        client->queue_at = (client->queue_at + 1) % KEY_QUEUE_MAX;
    }
    watch_remove(client->loop, &client->watch);
    deferred_cancel(&client->send);
    timer_destroy(client->loop, &client->timer);
    free(client);
}

/* ---- threads without a loop ---- */

/* Until the answer to this slot; what is left of questions that were given up is passed over. */
static bool wait_for(struct key_ring *ring, unsigned slot, enum key_answer *answer,
                     struct span *signature)
{
    uint64_t end = clock_ms() + KEY_WAIT_MS;

    for (;;) {
        struct pollfd ready = {.fd = ring->fds.answer, .events = POLLIN};
        uint64_t count;
        uint64_t now = clock_ms();
        unsigned of;
        while (key_ring_next_answer(ring, &of, answer, signature)) {
            if (of == slot) {
                return true;
            }
        }
        if (now >= end || (poll(&ready, 1, (int)(end - now)) < 0 && errno != EINTR)) {
            return false;
        }
        ssize_t n = read(ring->fds.answer, &count, sizeof(count));
        (void)n;
    }
}

static void ask_and_wait(struct sign_request *request)
{
    static struct log_limiter limiter;
    struct key_ring *ring = shared.count != 0 ? &shared.rings[shared.count - 1] : NULL;
    struct key_question question;
    enum key_answer answer;
    struct span signature;

    (void)pthread_mutex_lock(&shared.lock);
    if (ring == NULL || key_ring_is_full(ring) || !question_of(request, &question)) {
        refuse(request, &limiter, "the process that has the keys (keyholder) cannot be asked");
    } else {
        unsigned slot = key_ring_ask(ring, &question);
        key_ring_wake_keyholder(ring);
        if (!wait_for(ring, slot, &answer, &signature)) {
            refuse(request, &limiter,
                   "the process that has the keys (keyholder) did not answer in time");
        } else if (answer != KEY_ANSWER_SIGNED) {
            refuse(request, &limiter, key_answer_text(answer));
        } else {
            sign_answer(request, signature);
        }
    }
    (void)pthread_mutex_unlock(&shared.lock);
}

/* ---- the signer ---- */

static void sign(struct signer *self, struct sign_request *request)
{
    (void)self;
    if (own != NULL) {
        ask(own, request);
    } else {
        ask_and_wait(request);
    }
}

struct signer *key_client_signer(void)
{
    static struct signer signer = {
        .sign = sign, .keep = key_use_keep, .let_go = key_use_let_go, .is_of_ours = true};

    return &signer;
}
