#include "tls/openssl/own_certificates.h"

#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/span.h"
#include "tls/cert_store.h"
#include "tls/openssl/identity.h"
#include "tls/openssl/ssl_note.h"

struct own_certificates {
    struct cert_store *store; /* NULL: none */
    size_t count;
    struct identity *identities[];
};

static pthread_once_t index_once = PTHREAD_ONCE_INIT;
static int ctx_index = -1;

static void on_context_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
                            void *argp)
{
    struct own_certificates *own = ptr;

    (void)parent;
    (void)ad;
    (void)idx;
    (void)argl;
    (void)argp;
    for (size_t i = 0; own != NULL && i < own->count; i++) {
        identity_release(own->identities[i]);
    }
    free(own);
}

static void make_index(void)
{
    ctx_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, on_context_free);
}

/* ---- the choice ---- */

static void rank(const struct own_certificates *own, struct span name, struct cert_ranking *ranking)
{
    int64_t now = clock_wall_s();

    *ranking = (struct cert_ranking){0};
    for (size_t i = 0; i < own->count; i++) {
        struct identity *identity = own->identities[i];
        cert_ranking_add(ranking, identity,
                         cert_rank_of(identity_cover(identity, name), identity->not_before,
                                      identity->not_after, now),
                         identity->kind, identity->not_before);
    }
}

/* The first rank of which the client can use something; else the first that there is. */
static enum cert_rank choose_rank(const struct cert_ranking *ranking, SSL *ssl)
{
    enum cert_rank first = CERT_RANK_COUNT;

    for (enum cert_rank r = 0; r < CERT_RANK_COUNT; r++) {
        for (enum cert_kind k = 0; k < CERT_KIND_COUNT; k++) {
            struct identity *identity = ranking->best[r][k];
            if (identity == NULL) {
                continue;
            }
            first = first == CERT_RANK_COUNT ? r : first;
            if (identity_suits(identity, ssl)) {
                return r;
            }
        }
    }
    return first;
}

/* Whether the context gave the connection just these already: it holds one curve at most. */
static bool are_all_given(const struct own_certificates *own, void *const chosen[CERT_KIND_COUNT])
{
    size_t count = 0;
    size_t curves = 0;

    for (enum cert_kind k = 0; k < CERT_KIND_COUNT; k++) {
        count += chosen[k] != NULL ? 1 : 0;
        curves += chosen[k] != NULL && cert_kind_is_ecdsa(k) ? 1 : 0;
    }
    return count == own->count && curves <= 1;
}

static int choose_listed(const struct own_certificates *own, SSL *ssl, struct span name)
{
    struct identity *of_kind[CERT_KIND_COUNT];
    struct cert_ranking ranking;
    void *const *chosen;

    rank(own, name, &ranking);
    for (enum cert_rank r = 0; r < CERT_RANK_COUNT; r++) {
        if (are_all_given(own, ranking.best[r])) {
            return 1; /* all are as good, and of different kinds: the usual case */
        }
    }
    chosen = ranking.best[choose_rank(&ranking, ssl)];
    SSL_certs_clear(ssl);
    for (size_t k = 0; k < CERT_KIND_COUNT; k++) {
        of_kind[k] = chosen[k];
    }
    return identity_give(of_kind, ssl) ? 1 : 0;
}

/* Before the library chooses by what the client can check: those of the folder, if it has the name,
 * take the place of those that are listed. */
static int on_choose(SSL *ssl, void *arg)
{
    static __thread struct log_limiter limiter;
    const struct own_certificates *own = arg;
    const char *text = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    struct span name = text != NULL ? span_from_cstr(text) : span_make("", 0);
    struct error error;

    if (own->store == NULL || name.len == 0 || !cert_store_has(own->store, name)) {
        return own->count > 1 ? choose_listed(own, ssl, name) : 1;
    }
    SSL_certs_clear(ssl);
    if (cert_store_use(own->store, ssl, name, &error)) {
        return 1;
    }
    log_limited(&limiter, LOG_LEVEL_ERROR, "no certificate for %s: %s", text, error.text);
    ssl_note_set(ssl, span_from_cstr(error.text));
    return 0;
}

/* ---- setting it up ---- */

/* For clients of whom nothing is known when the library looks: the best of each kind as of now. */
static bool give_context(const struct own_certificates *own, SSL_CTX *ssl_ctx, struct error *error)
{
    struct cert_ranking ranking;
    bool has_curve = false;

    rank(own, span_make("", 0), &ranking);
    for (enum cert_kind k = 0; k < CERT_KIND_COUNT; k++) {
        struct identity *best = ranking.best[CERT_RANK_OTHER][k] != NULL
                                    ? ranking.best[CERT_RANK_OTHER][k]
                                    : ranking.best[CERT_RANK_OTHER_NOT_NOW][k];
        if (best == NULL || (cert_kind_is_ecdsa(k) && has_curve)) {
            continue;
        }
        if (!identity_use(best, ssl_ctx, error)) {
            return false;
        }
        has_curve |= cert_kind_is_ecdsa(k);
    }
    return true;
}

bool own_certificates_install(SSL_CTX *ssl_ctx, struct identity *const *identities, size_t count,
                              struct cert_store *store, struct error *error)
{
    struct own_certificates *own = xcalloc(1, sizeof(*own) + count * sizeof(struct identity *));

    own->store = store;
    for (size_t i = 0; i < count; i++) {
        own->identities[own->count++] = identity_hold(identities[i]);
    }
    (void)pthread_once(&index_once, make_index);
    if (ctx_index < 0 || SSL_CTX_set_ex_data(ssl_ctx, ctx_index, own) != 1) {
        on_context_free(NULL, own, NULL, 0, 0, NULL);
        return error_set(error, "the TLS library is out of memory");
    }
    if (store != NULL || count > 1) {
        SSL_CTX_set_cert_cb(ssl_ctx, on_choose, own);
    }
    return give_context(own, ssl_ctx, error);
}
