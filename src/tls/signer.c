#include "tls/signer.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

struct sign_request *sign_ask(struct signer *signer, const struct sign_key *key, uint16_t scheme,
                              struct span message, void (*on_answer)(void *arg), void *arg)
{
    struct sign_request *request = xcalloc(1, sizeof(*request) + key->der.len + message.len);

    memcpy(request->bytes, key->der.ptr, key->der.len);
    memcpy(request->bytes + key->der.len, message.ptr, message.len);
    request->key = *key;
    request->key.der = span_make(request->bytes, key->der.len);
    request->message = span_make(request->bytes + key->der.len, message.len);
    request->scheme = scheme;
    request->state = SIGN_ASKED;
    request->on_answer = on_answer;
    request->arg = arg;
    request->is_asking = true;
    signer->sign(signer, request);
    request->is_asking = false;
    return request;
}

static void request_free(struct sign_request *request)
{
    free((char *)(uintptr_t)request->signature.ptr);
    free(request);
}

void sign_answer(struct sign_request *request, struct span signature)
{
    CHECK(request->state != SIGN_ANSWERED);
    if (request->state == SIGN_DROPPED) {
        request_free(request);
        return;
    }
    if (signature.len != 0 && signature.len <= SIGN_ANSWER_MAX) {
        request->signature = span_make(xstrndup(signature.ptr, signature.len), signature.len);
    }
    request->state = SIGN_ANSWERED;
    if (!request->is_asking) {
        request->on_answer(request->arg);
    }
}

void sign_drop(struct sign_request *request)
{
    CHECK(request->state != SIGN_DROPPED);
    if (request->state == SIGN_ANSWERED) {
        request_free(request);
        return;
    }
    request->state = SIGN_DROPPED;
}
