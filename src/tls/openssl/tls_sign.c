#include "tls/openssl/tls_sign.h"

#include <stdlib.h>

#include "base/fiber.h"
#include "io/conn.h"
#include "io/loop.h"
#include "tls/handshake_error.h"
#include "tls/openssl/tls_bio.h"
#include "tls/signer.h"

struct tls_sign {
    struct fiber *fiber;
    struct conn *conn;
    const struct tls_sign_calls *calls;
    void *arg;
    struct deferred resume;
    struct sign_request *request;          /* that the fiber waits for */
    const struct handshake_cause *failure; /* NULL: none */
    int result;                            /* of the library, when it does not wait */
    bool is_ending;
};

/* Whose fiber runs. */
static __thread struct tls_sign *current;

static void on_deferred(struct deferred *deferred)
{
    struct tls_sign *sign = CONTAINER_OF(deferred, struct tls_sign, resume);

    sign->calls->on_resume(sign->arg);
}

struct tls_sign *tls_sign_create(struct conn *conn, const struct tls_sign_calls *calls, void *arg)
{
    struct fiber *fiber = fiber_create();
    struct tls_sign *sign;

    if (fiber == NULL) {
        return NULL;
    }
    sign = xcalloc(1, sizeof(*sign));
    sign->fiber = fiber;
    sign->conn = conn;
    sign->calls = calls;
    sign->arg = arg;
    deferred_init(&sign->resume, on_deferred);
    return sign;
}

static void run(void *arg)
{
    struct tls_sign *sign = arg;

    sign->result = sign->calls->shake(sign->arg);
}

int tls_sign_handshake(struct tls_sign *sign)
{
    CHECK(current == NULL);
    current = sign;
    if (fiber_is_paused(sign->fiber)) {
        fiber_resume(sign->fiber);
    } else {
        fiber_run(sign->fiber, run, sign);
    }
    current = NULL;
    return sign->result;
}

bool tls_sign_is_waiting(const struct tls_sign *sign)
{
    return fiber_is_paused(sign->fiber);
}

const struct handshake_cause *tls_sign_failure(const struct tls_sign *sign)
{
    return sign->failure;
}

void tls_sign_destroy(struct tls_sign *sign)
{
    if (sign == NULL) {
        return;
    }
    deferred_cancel(&sign->resume);
    if (fiber_is_paused(sign->fiber)) {
        sign->is_ending = true;
        tls_bio_begin(sign->conn, span_make(NULL, 0));
        (void)tls_sign_handshake(sign);
        (void)tls_bio_take(); /* nobody is told anything any more */
        tls_bio_end();
    }
    fiber_destroy(sign->fiber);
    free(sign);
}

/* ---- inside the library's call ---- */

static void on_answer(void *arg)
{
    struct tls_sign *sign = arg;

    loop_defer(sign->conn->loop, &sign->resume);
}

struct sign_request *tls_sign_wait(struct signer *signer, const struct sign_key *key,
                                   uint16_t scheme, struct span message)
{
    struct tls_sign *sign = current;
    struct sign_request *request;

    if (scheme == 0) {
        return NULL;
    }
    request = sign_ask(signer, key, scheme, message, on_answer, sign);
    if (request->state == SIGN_ASKED && sign != NULL) {
        sign->request = request;
        fiber_pause(sign->fiber);
        sign->request = NULL;
    }
    if (request->state == SIGN_ANSWERED && request->signature.len != 0 &&
        (sign == NULL || !sign->is_ending)) {
        return request;
    }
    if (sign != NULL) {
        sign->failure = &handshake_not_signed;
    }
    sign_drop(request);
    return NULL;
}

void tls_sign_was_wrong(void)
{
    if (current != NULL) {
        current->failure = &handshake_wrong_signature;
    }
}
