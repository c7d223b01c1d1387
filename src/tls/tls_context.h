/* A TLS context: what all connections of one site, or all to one backend, have in common (an
 * SSL_CTX and its settings). Built once for a snapshot, then used by every worker; it is
 * built anew when its files change.
 *
 * Whoever created it, or held it, destroys it. Connections hold their own reference to the
 * library's part, so a context may go while they live. */
#ifndef TIDEGATE_TLS_TLS_CONTEXT_H
#define TIDEGATE_TLS_TLS_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/error.h"
#include "base/span.h"
#include "settings/choices.h"
#include "tls/listed_certificate.h"
#include "tls/ocsp_staple.h"
#include "tls/tls_policy.h"

struct signer;

struct tls_certificate_files {
    const char *certificate; /* PEM: the leaf, then its intermediates */
    const char *key;         /* PEM, without a passphrase; NULL: the signer has it */
    const char *ocsp;        /* DER: a response to staple; NULL: none */
    struct signer *signer;   /* who has the key (tls/signer.h); NULL: it is read from the file */
};

struct tls_server_options {
    /* At least one, unless there is a store. Which of them a client gets is decided at its
     * handshake: by its name, by what is valid then, and by what the client can check. */
    const struct tls_certificate_files *certificates;
    size_t certificate_count;
    /* A folder of certificates for the names that they have; for others those above are used. NULL:
     * none. It must outlive the context. */
    struct cert_store *store;
    struct ocsp_registry *ocsp; /* NULL: nothing is fetched; the store has its own */
    enum ocsp_fetch_policy ocsp_fetch;
    enum tls_policy policy;
    enum client_verify clients;
    const char *client_ca; /* PEM bundle; needed unless clients is OFF */
    enum tls_protocols protocols;
    bool is_not_http;        /* what is spoken inside is one of `others`, or whatever it may be */
    struct tls_names others; /* best first; none: ALPN is not answered */
    struct crl_file *client_crl;    /* held; NULL: revocation is not looked at */
    unsigned client_depth;          /* intermediates allowed between client and root; 0: 10 */
    bool keep_client_chain;         /* tickets carry what tls_conn_peer_chain gives */
    struct tls_tickets *tickets;    /* held; NULL: keys of the context's own, that never change */
    uint32_t session_cache;         /* sessions kept of clients without tickets; clients OFF */
    uint32_t early_data_max;        /* bytes; 0: no 0-RTT; needs `tickets`, and clients OFF */
    const char *scope;              /* tickets are for contexts with the same one alone; NULL: "" */
    struct tls_overrides overrides; /* of the policy */
};

struct tls_client_options {
    const char *ca;          /* PEM bundle; NULL: the system's */
    const char *certificate; /* with `key` or `signer`: for two-way TLS; NULL: none */
    const char *key;
    struct signer *signer; /* as in struct tls_certificate_files */
    enum tls_protocols protocols;
    bool is_not_http;        /* nothing is offered by ALPN */
    bool skip_verify;        /* trust anybody: encryption without knowing with whom */
    struct crl_file *crl;    /* held; NULL: revocation is not looked at */
    const char *const *pins; /* tls/openssl/peer_verify.h */
    size_t pin_count;
    bool only_tls13; /* else TLS 1.2 too */
};

struct tls_context;
struct cert_store;
struct crl_file;
struct ocsp_registry;
struct tls_tickets;

/* NULL with an error for a person. */
struct tls_context *tls_server_context_create(const struct tls_server_options *options,
                                              struct error *error) MUST_CHECK;
struct tls_context *tls_client_context_create(const struct tls_client_options *options,
                                              struct error *error) MUST_CHECK;
/* Which files are to be read again: what is not stays as it is, so that one input which cannot be
 * used keeps no other from being taken. */
struct tls_changes {
    const bool *own; /* by certificate (a client's context has one): it and its key; NULL: none */
    const bool *responses; /* by certificate: its OCSP response alone, from a file; NULL: none */
    bool authorities;
};

/* Builds the server's part anew, from files that have changed, and puts it in the old one's place
 * for connections to come; from one thread at a time. changes NULL: reads all. False with an error:
 * the old one stays. */
bool tls_server_context_reload(struct tls_context *context,
                               const struct tls_server_options *options,
                               const struct tls_changes *changes, struct error *error) MUST_CHECK;
/* What would be stapled to its certificate i, as that is in use, with the file's response as it is
 * now (tls/ocsp_staple.h). For whoever reloads it. */
enum ocsp_stapled tls_server_context_check_response(const struct tls_context *context, size_t i,
                                                    const char *path, int64_t *until,
                                                    struct error *error) MUST_CHECK;
/* The same for a client's. */
bool tls_client_context_reload(struct tls_context *context,
                               const struct tls_client_options *options,
                               const struct tls_changes *changes, struct error *error) MUST_CHECK;
/* Whether a file of authorities could be taken now; false with an error. */
bool tls_context_check_authorities(const char *path, struct error *error) MUST_CHECK;
/* Whether a server's context has a certificate for a client that asks for `name` (empty: for none).
 * From any thread. */
bool tls_context_can_serve(const struct tls_context *context, struct span name);
/* Calls `each` for the context's own certificates as they are now, but for those of a store. From
 * any thread; `each` must be short, and call nothing of the context. */
void tls_context_each_certificate(struct tls_context *context, tls_list_fn *each, void *arg);
/* The same for the authorities that it read from a file, whose path is told. */
void tls_context_each_authority(struct tls_context *context, const char *path, tls_list_fn *each,
                                void *arg);
/* One more owner, who destroys it too: the last one's end is the context's. */
struct tls_context *tls_context_hold(struct tls_context *context);
/* NULL is allowed. */
void tls_context_destroy(struct tls_context *context);

/* Whether the library has the hybrid post-quantum group X25519MLKEM768 (for `check` and status). */
bool tls_context_has_post_quantum(void);

/* A connection's object, with a reference of its own to the context as it is now; NULL when memory
 * is out. From any thread; for tls/ alone. */
struct ssl_st;
struct ssl_st *tls_context_new_ssl(struct tls_context *context) MUST_CHECK;
/* Whether its handshakes may have to wait for a signature. For tls/ alone. */
bool tls_context_has_signer(const struct tls_context *context);
/* Whether a connection's object is of the context as it is now, and not as it was before it was
 * built anew. From any thread; for tls/ alone. */
bool tls_context_made(struct tls_context *context, const struct ssl_st *ssl);
/* The library's object as it is now, for tests and before the context is shared. */
struct ssl_ctx_st;
struct ssl_ctx_st *tls_context_ssl_ctx(const struct tls_context *context);

#endif
