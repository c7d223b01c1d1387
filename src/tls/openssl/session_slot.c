#include "tls/openssl/session_slot_internal.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tls/openssl/peer_verify.h"

/* As many as connections may be made at once before the first of them gets a ticket. */
#define SESSIONS_MAX 8

struct kept {
    SSL_SESSION *session; /* NULL: none */
    char *name;
    int64_t deadline;
    int64_t expires; /* by the ticket's own lifetime */
    unsigned char state[PEER_VERIFY_STATE_BYTES];
};

struct session_slot {
    pthread_mutex_t lock;
    size_t next;                    /* where the next one goes */
    struct kept kept[SESSIONS_MAX]; /* a ring */
};

static void drop(struct kept *kept)
{
    SSL_SESSION_free(kept->session);
    free(kept->name);
    *kept = (struct kept){0};
}

struct session_slot *session_slot_create(void)
{
    struct session_slot *slot = xcalloc(1, sizeof(*slot));

    CHECK(pthread_mutex_init(&slot->lock, NULL) == 0);
    return slot;
}

void session_slot_destroy(struct session_slot *slot)
{
    if (slot != NULL) {
        for (size_t i = 0; i < SESSIONS_MAX; i++) {
            drop(&slot->kept[i]);
        }
        (void)pthread_mutex_destroy(&slot->lock);
        free(slot);
    }
}

void session_slot_put(struct session_slot *slot, const char *name, SSL *ssl, SSL_SESSION *session,
                      int64_t deadline)
{
    /* The connection's own would be spoilt if it ended without close_notify. */
    struct kept kept = {.session = SSL_SESSION_dup(session),
                        .deadline = deadline,
                        .expires = clock_wall_s() + SSL_SESSION_get_timeout(session)};
    struct kept old;

    if (kept.session == NULL) {
        return;
    }
    kept.name = xstrdup(name);
    peer_verify_state(SSL_get_SSL_CTX(ssl), kept.state);
    (void)pthread_mutex_lock(&slot->lock);
    old = slot->kept[slot->next];
    slot->kept[slot->next] = kept;
    slot->next = (slot->next + 1) % SESSIONS_MAX;
    (void)pthread_mutex_unlock(&slot->lock);
    drop(&old);
}

static bool is_good(const struct kept *kept, int64_t now, const unsigned char *state)
{
    return kept->deadline > now && kept->expires > now &&
           memcmp(kept->state, state, PEER_VERIFY_STATE_BYTES) == 0;
}

/* Where it was taken from has room for the next one: the newest places stay together. */
static void close_gap(struct session_slot *slot, size_t gap)
{
    for (size_t next = (gap + 1) % SESSIONS_MAX; next != slot->next;
         gap = next, next = (next + 1) % SESSIONS_MAX) {
        slot->kept[gap] = slot->kept[next];
    }
    slot->kept[gap] = (struct kept){0};
    slot->next = gap;
}

/* The newest of the name, whose session is then the caller's; one of TLS 1.2 stays, as a copy. */
static struct kept take(struct session_slot *slot, const char *name, int64_t now,
                        const unsigned char *state)
{
    for (size_t back = 1; back <= SESSIONS_MAX; back++) {
        size_t i = (slot->next + SESSIONS_MAX - back) % SESSIONS_MAX;
        struct kept kept = slot->kept[i];
        bool is_usable = kept.session != NULL && is_good(&kept, now, state);
        if (kept.session == NULL || strcmp(kept.name, name) != 0) {
            continue;
        }
        if (is_usable && SSL_SESSION_get_protocol_version(kept.session) != TLS1_3_VERSION) {
            kept.session = SSL_SESSION_dup(kept.session);
            return kept;
        }
        close_gap(slot, i);
        if (is_usable) {
            free(kept.name);
            return kept;
        }
        drop(&kept);
        back--; /* an older one is where this was, if there is one behind the gap */
    }
    return (struct kept){0};
}

int64_t session_slot_use(struct session_slot *slot, const char *name, SSL *ssl)
{
    unsigned char state[PEER_VERIFY_STATE_BYTES];
    struct kept kept;

    peer_verify_state(SSL_get_SSL_CTX(ssl), state);
    (void)pthread_mutex_lock(&slot->lock);
    kept = take(slot, name, clock_wall_s(), state);
    (void)pthread_mutex_unlock(&slot->lock);
    if (kept.session == NULL) {
        return 0;
    }
    if (SSL_set_session(ssl, kept.session) != 1) {
        kept.deadline = 0;
    }
    SSL_SESSION_free(kept.session);
    return kept.deadline;
}

/* ---- for connections ---- */

static pthread_once_t index_once = PTHREAD_ONCE_INIT;
static int use_index = -1; /* of a connection's struct session_use */

static void make_index(void)
{
    use_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

/* A server gave us a session that can be resumed. */
static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    const struct session_use *use = use_index >= 0 ? SSL_get_ex_data(ssl, use_index) : NULL;

    if (use != NULL) {
        /* Tickets that came by a ticket don't put off the next full handshake. */
        session_slot_put(use->slot, use->name, ssl, session,
                         SSL_session_reused(ssl) == 1 ? use->deadline
                                                      : clock_wall_s() + SESSION_SLOT_MAX_AGE_S);
    }
    return 0;
}

void session_slot_install(SSL_CTX *ssl_ctx)
{
    (void)pthread_once(&index_once, make_index);
    SSL_CTX_sess_set_new_cb(ssl_ctx, on_new_session);
}

void session_slot_begin(struct session_use *use, struct session_slot *slot, const char *name,
                        SSL *ssl)
{
    *use = (struct session_use){slot, 0, name};
    if (use_index >= 0 && SSL_set_ex_data(ssl, use_index, use) == 1) {
        use->deadline = session_slot_use(slot, name, ssl);
    }
}
