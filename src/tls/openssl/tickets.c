#include "tls/tickets.h"

#include <endian.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/span.h"
#include "tls/replay_guard.h"

#define KEY_NAME_BYTES 16
/* RFC 8446 section 4.6.1 allows no more than seven days. */
#define LIFETIME_MAX_S (7L * 24 * 3600)

enum { PREVIOUS, CURRENT, NEXT, KEY_COUNT };

struct ticket_key {
    unsigned char name[KEY_NAME_BYTES];
    unsigned char cipher[32]; /* AES-256-CBC */
    unsigned char mac[32];    /* HMAC-SHA-256 */
};

struct tls_tickets {
    pthread_mutex_t lock; /* of what follows, down to the guard */
    bool has_keys;        /* not before the first use: see the header */
    uint64_t rotate_at_ms;
    struct ticket_key keys[KEY_COUNT];
    struct replay_guard *guard; /* NULL: no early data */
    int64_t closed_until_s;     /* no early data before that second of the wall clock */
    uint64_t rotation_ms;
    EVP_CIPHER *cipher; /* fetched once: a look-up by name in each handshake would cost more */
    atomic_uint references;
};

static uint64_t now(void)
{
    return clock_with_sleep_ms();
}

static bool make_key(struct ticket_key *key)
{
    return RAND_bytes(key->name, sizeof(key->name)) == 1 &&
           RAND_priv_bytes(key->cipher, sizeof(key->cipher)) == 1 &&
           RAND_priv_bytes(key->mac, sizeof(key->mac)) == 1;
}

/* With the lock, and the only place that makes the first keys. Not in tls_tickets_create: the
 * process that builds the contexts is forked into each gateway process, and would keep them. */
static void make_keys(struct tls_tickets *tickets)
{
    for (int i = 0; i < KEY_COUNT; i++) {
        CHECK(make_key(&tickets->keys[i]));
    }
    tickets->rotate_at_ms = now() + tickets->rotation_ms;
    tickets->has_keys = true;
}

/* With the lock. After a long rest several steps are due, of which three change every key. */
static void rotate(struct tls_tickets *tickets, uint64_t now_ms)
{
    if (!tickets->has_keys) {
        make_keys(tickets);
    }
    for (int i = 0; i < KEY_COUNT && now_ms >= tickets->rotate_at_ms; i++) {
        OPENSSL_cleanse(&tickets->keys[PREVIOUS], sizeof(struct ticket_key));
        tickets->keys[PREVIOUS] = tickets->keys[CURRENT];
        tickets->keys[CURRENT] = tickets->keys[NEXT];
        CHECK(make_key(&tickets->keys[NEXT]));
        tickets->rotate_at_ms += tickets->rotation_ms;
    }
    if (now_ms >= tickets->rotate_at_ms) {
        tickets->rotate_at_ms = now_ms + tickets->rotation_ms;
    }
}

static struct ticket_key current_key(struct tls_tickets *tickets)
{
    struct ticket_key key;

    (void)pthread_mutex_lock(&tickets->lock);
    rotate(tickets, now());
    key = tickets->keys[CURRENT];
    (void)pthread_mutex_unlock(&tickets->lock);
    return key;
}

/* Which key it is, or -1. */
static int find_key(struct tls_tickets *tickets, const unsigned char *name, struct ticket_key *key)
{
    int found = -1;

    (void)pthread_mutex_lock(&tickets->lock);
    rotate(tickets, now());
    for (int i = 0; i < KEY_COUNT; i++) {
        if (memcmp(tickets->keys[i].name, name, KEY_NAME_BYTES) == 0) {
            *key = tickets->keys[i];
            found = i;
        }
    }
    (void)pthread_mutex_unlock(&tickets->lock);
    return found;
}

/* ---- the library's side ---- */

static pthread_once_t index_once = PTHREAD_ONCE_INIT;
static int ctx_index = -1;

static void on_context_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
                            void *argp)
{
    (void)parent;
    (void)ad;
    (void)idx;
    (void)argl;
    (void)argp;
    tls_tickets_release(ptr);
}

static void make_index(void)
{
    ctx_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, on_context_free);
}

static bool set_mac(EVP_MAC_CTX *mac, struct ticket_key *key)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof(key->mac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

static int seal(struct tls_tickets *tickets, unsigned char *name, unsigned char *iv,
                EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    struct ticket_key key = current_key(tickets);
    bool ok = RAND_bytes(iv, EVP_CIPHER_get_iv_length(tickets->cipher)) == 1 &&
              EVP_EncryptInit_ex(cipher, tickets->cipher, NULL, key.cipher, iv) == 1 &&
              set_mac(mac, &key);

    memcpy(name, key.name, KEY_NAME_BYTES);
    OPENSSL_cleanse(&key, sizeof(key));
    return ok ? 1 : 0; /* 0: no ticket */
}

static int unseal(struct tls_tickets *tickets, bool is_tls13, const unsigned char *name,
                  const unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    struct ticket_key key;
    int found = find_key(tickets, name, &key);

    if (found < 0) {
        return 0; /* a full handshake */
    }
    bool ok = EVP_DecryptInit_ex(cipher, tickets->cipher, NULL, key.cipher, iv) == 1 &&
              set_mac(mac, &key);
    OPENSSL_cleanse(&key, sizeof(key));
    if (!ok) {
        return 0;
    }
    /* 2: and make a new one, always in TLS 1.3, whose clients should use each once (RFC 8446
     * appendix C.4). */
    return found == PREVIOUS || is_tls13 ? 2 : 1;
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int is_new)
{
    struct tls_tickets *tickets = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ctx_index);

    if (tickets == NULL) {
        return 0;
    }
    return is_new == 1 ? seal(tickets, name, iv, cipher, mac)
                       : unseal(tickets, SSL_version(ssl) == TLS1_3_VERSION, name, iv, cipher, mac);
}

bool tls_tickets_install(struct tls_tickets *tickets, struct ssl_ctx_st *ssl_ctx)
{
    uint64_t lifetime_s = tickets->rotation_ms / 500; /* two rotations */

    (void)pthread_once(&index_once, make_index);
    if (ctx_index < 0 || SSL_CTX_set_ex_data(ssl_ctx, ctx_index, tickets) != 1) {
        return false;
    }
    (void)atomic_fetch_add_explicit(&tickets->references, 1, memory_order_relaxed);
    lifetime_s = lifetime_s < 1 ? 1 : lifetime_s;
    (void)SSL_CTX_set_timeout(ssl_ctx,
                              lifetime_s < LIFETIME_MAX_S ? (long)lifetime_s : LIFETIME_MAX_S);
    return SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl_ctx, on_ticket) == 1;
}

/* With the lock. */
static void close_until(struct tls_tickets *tickets, int64_t then_s)
{
    tickets->closed_until_s = then_s;
    if (tickets->guard != NULL) {
        replay_guard_close_until(tickets->guard, then_s);
    }
}

void tls_tickets_follow(struct tls_tickets *tickets)
{
    (void)pthread_mutex_lock(&tickets->lock);
    close_until(tickets, clock_wall_s() + REPLAY_WINDOW_S);
    (void)pthread_mutex_unlock(&tickets->lock);
}

struct replay_guard *tls_tickets_replay_guard(struct tls_tickets *tickets)
{
    struct replay_guard *guard;

    (void)pthread_mutex_lock(&tickets->lock);
    if (tickets->guard == NULL) {
        tickets->guard = replay_guard_create();
        close_until(tickets, tickets->closed_until_s);
    }
    guard = tickets->guard;
    (void)pthread_mutex_unlock(&tickets->lock);
    return guard;
}

/* ---- from one process to the next ---- */

/* When the keys move on, by a clock that all processes of the machine have, and the keys. */
#define LEGACY_BYTES (sizeof(uint64_t) + KEY_COUNT * sizeof(struct ticket_key))
_Static_assert(sizeof(struct ticket_key) == KEY_NAME_BYTES + 64, "padding");

bool tls_tickets_write(struct tls_tickets *tickets, struct strbuf *text)
{
    unsigned char bytes[LEGACY_BYTES];
    char digits[BASE64_LEN(LEGACY_BYTES)];
    uint64_t rotate_at_ms;
    size_t len = 0;

    (void)pthread_mutex_lock(&tickets->lock);
    close_until(tickets, INT64_MAX);
    if (tickets->has_keys) {
        rotate(tickets, now());
        rotate_at_ms = htole64(tickets->rotate_at_ms);
        memcpy(bytes, &rotate_at_ms, sizeof(rotate_at_ms));
        memcpy(bytes + sizeof(rotate_at_ms), tickets->keys, sizeof(tickets->keys));
        len = base64_encode(BASE64, span_make((const char *)bytes, sizeof(bytes)), digits);
    }
    (void)pthread_mutex_unlock(&tickets->lock);
    strbuf_add(text, span_make(digits, len));
    OPENSSL_cleanse(bytes, sizeof(bytes));
    OPENSSL_cleanse(digits, sizeof(digits));
    return len != 0;
}

/* With the lock. The next one of the other process has sealed nothing yet: in its place comes the
 * one that has sealed here. */
static void take_keys(struct tls_tickets *tickets, const unsigned char *bytes)
{
    uint64_t rotate_at_ms;
    struct ticket_key own = tickets->keys[CURRENT];

    memcpy(&rotate_at_ms, bytes, sizeof(rotate_at_ms));
    rotate_at_ms = le64toh(rotate_at_ms);
    memcpy(tickets->keys, bytes + sizeof(rotate_at_ms), sizeof(tickets->keys));
    if (tickets->has_keys) {
        tickets->keys[NEXT] = own;
    }
    OPENSSL_cleanse(&own, sizeof(own));
    tickets->has_keys = true;
    /* Not later than keys of its own would. */
    tickets->rotate_at_ms =
        rotate_at_ms < now() + tickets->rotation_ms ? rotate_at_ms : now() + tickets->rotation_ms;
}

bool tls_tickets_inherit(struct tls_tickets *tickets, struct span text)
{
    unsigned char bytes[LEGACY_BYTES];
    size_t len;
    bool is_fine = base64_decode(BASE64, text, bytes, sizeof(bytes), &len) && len == sizeof(bytes);

    if (is_fine) {
        (void)pthread_mutex_lock(&tickets->lock);
        take_keys(tickets, bytes);
        close_until(tickets, clock_wall_s() + REPLAY_WINDOW_S);
        (void)pthread_mutex_unlock(&tickets->lock);
    }
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return is_fine;
}

/* ---- life ---- */

struct tls_tickets *tls_tickets_create(uint64_t rotation_ms)
{
    struct tls_tickets *tickets = xcalloc(1, sizeof(*tickets));

    tickets->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    if (tickets->cipher == NULL) {
        free(tickets);
        return NULL;
    }
    CHECK(pthread_mutex_init(&tickets->lock, NULL) == 0);
    atomic_init(&tickets->references, 1);
    tickets->rotation_ms = rotation_ms;
    return tickets;
}

struct tls_tickets *tls_tickets_hold(struct tls_tickets *tickets, uint64_t rotation_ms)
{
    (void)atomic_fetch_add_explicit(&tickets->references, 1, memory_order_relaxed);
    (void)pthread_mutex_lock(&tickets->lock);
    tickets->rotation_ms = rotation_ms;
    (void)pthread_mutex_unlock(&tickets->lock);
    return tickets;
}

void tls_tickets_release(struct tls_tickets *tickets)
{
    if (tickets == NULL ||
        atomic_fetch_sub_explicit(&tickets->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    OPENSSL_cleanse(tickets->keys, sizeof(tickets->keys));
    replay_guard_destroy(tickets->guard);
    EVP_CIPHER_free(tickets->cipher);
    (void)pthread_mutex_destroy(&tickets->lock);
    free(tickets);
}

void tls_tickets_advance(struct tls_tickets *tickets, uint64_t now_ms)
{
    (void)pthread_mutex_lock(&tickets->lock);
    rotate(tickets, now_ms);
    (void)pthread_mutex_unlock(&tickets->lock);
}

void tls_tickets_name(struct tls_tickets *tickets, unsigned which, unsigned char name[16])
{
    CHECK(which < KEY_COUNT);
    (void)pthread_mutex_lock(&tickets->lock);
    rotate(tickets, 0);
    memcpy(name, tickets->keys[which].name, KEY_NAME_BYTES);
    (void)pthread_mutex_unlock(&tickets->lock);
}
