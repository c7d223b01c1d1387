#include "process/key_desk.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/file_opener.h"
#include "io/fd_pass.h"
#include "keys/key_client.h"
#include "keys/key_message.h"
#include "keys/key_use.h"
#include "tls/key_source.h"

/* The supervisor may have to start a keyholder first. */
#define ANSWER_MS 10000

static struct {
    int sock;
    pthread_mutex_t lock; /* one question at a time */
    uint32_t number;
} desk = {.sock = -1, .lock = PTHREAD_MUTEX_INITIALIZER};

/* The answer to this question; one to a question that was given up is passed over. */
static bool hear(uint32_t number, struct key_reply *reply)
{
    struct pollfd ready = {.fd = desk.sock, .events = POLLIN};
    uint64_t end = clock_ms() + ANSWER_MS;

    for (uint64_t now = clock_ms(); now < end; now = clock_ms()) {
        ssize_t got;
        if (poll(&ready, 1, (int)(end - now)) <= 0) {
            continue;
        }
        got = recv(desk.sock, reply, sizeof(*reply), MSG_DONTWAIT);
        if (got == (ssize_t)sizeof(*reply) && reply->number == number) {
            return true;
        }
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
            return false;
        }
    }
    return false;
}

static bool ask(const char *path, struct key_reply *reply)
{
    struct key_desk_request request = {.kind = KEY_DESK_READ,
                                       .is_loaded = file_opener_has_view() ? 1 : 0};
    bool is_answered;

    (void)snprintf(request.path, sizeof(request.path), "%s", path);
    (void)pthread_mutex_lock(&desk.lock);
    request.number = ++desk.number;
    is_answered =
        send(desk.sock, &request, sizeof(request), MSG_NOSIGNAL) > 0 && hear(request.number, reply);
    (void)pthread_mutex_unlock(&desk.lock);
    return is_answered;
}

static bool read_key(void *arg, const char *path, struct key_public *key, struct error *error)
{
    struct key_reply reply;
    struct key_id id;

    (void)arg;
    if (!ask(path, &reply)) {
        return error_set(
            error, "the key in '%s' cannot be read now: the supervisor does not answer", path);
    }
    if (reply.is_taken == 0 || reply.key.len > sizeof(reply.key.der)) {
        *error = reply.error;
        return false;
    }
    if (!key_id_of(span_make(reply.key.der, reply.key.len), &id)) {
        return error_set(error, "the TLS library is out of memory");
    }
    key_use_took(&id);
    *key = reply.key;
    return true;
}

static void let_go(void *arg, const struct key_id *id, unsigned times)
{
    const struct key_desk_request request = {.kind = KEY_DESK_LET_GO, .times = times, .id = *id};

    (void)arg;
    /* What a full socket does not take is kept until this process ends. */
    ssize_t n = send(desk.sock, &request, sizeof(request), MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)n;
}

void key_desk_set(int sock)
{
    desk.sock = sock;
}

void key_desk_send_terms(const struct key_terms *terms)
{
    const struct key_desk_request request = {.kind = KEY_DESK_TERMS, .terms = *terms};

    /* A supervisor that is gone shows with the first key. */
    ssize_t n = send(desk.sock, &request, sizeof(request), MSG_NOSIGNAL);
    (void)n;
}

void key_desk_use(bool tells)
{
    static struct key_source source = {.read = read_key};

    source.signer = key_client_signer();
    key_use_tell(tells ? let_go : NULL, NULL);
    key_source_set(&source);
}
