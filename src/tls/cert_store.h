/* A folder of certificates, served by their own names: an index of all of them, and the few that
 * are in use, loaded. A certificate and its key are read at the first handshake that needs them (a
 * few files of a few KiB, on the worker: the one place where a worker reads a disk before a
 * handshake) and kept until others are used more. Keys must therefore be readable by the gateway's
 * user.
 *
 * Every function may be called from any thread. The store must outlive the contexts that were made
 * with it. */
#ifndef TIDEGATE_TLS_CERT_STORE_H
#define TIDEGATE_TLS_CERT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/error.h"
#include "base/span.h"
#include "tls/listed_certificate.h"
#include "tls/ocsp_staple.h"

struct cert_store;
struct ocsp_registry;
struct signer;

/* Told of each file that is not used and why; at most CERT_COMPLAINTS_MAX times a call, then once
 * how many more there are. */
#define CERT_COMPLAINTS_MAX 10
struct cert_listener {
    void (*complain)(void *arg, const char *text);
    void *arg;
};

struct cert_counts {
    size_t usable; /* certificates */
    size_t names;
    size_t added; /* since the last look, files */
    size_t changed;
    size_t removed;
};

/* Reads the folder's index. loaded_max: certificates kept loaded, at least 1. NULL with an error
 * when the folder cannot be read. */
struct cert_store *cert_store_open(const char *folder, size_t loaded_max,
                                   const struct cert_listener *listener,
                                   struct error *error) MUST_CHECK;
/* Has OCSP responses fetched for the certificates that are loaded and have no file of one. Before
 * any is loaded; the registry must outlive the store. */
void cert_store_fetch_ocsp(struct cert_store *store, struct ocsp_registry *registry,
                           enum ocsp_fetch_policy when);
/* Who has the keys of the folder's certificates: none is read then. Before any is loaded, and
 * before a context is made with the store. */
void cert_store_sign_with(struct cert_store *store, struct signer *signer);
bool cert_store_has_signer(const struct cert_store *store);
/* Looks again: takes over what is new and readable as a whole; a file that is broken now leaves
 * what was there before in use. False with an error when the folder cannot be read: then all stays
 * as it was. */
bool cert_store_refresh(struct cert_store *store, const struct cert_listener *listener,
                        struct error *error) MUST_CHECK;
/* One more owner, who destroys it too: the last one's end is the store's. */
struct cert_store *cert_store_hold(struct cert_store *store);
/* NULL is allowed. */
void cert_store_destroy(struct cert_store *store);

/* Whether a file of this name, without its folder, is looked at in a folder of certificates. */
bool cert_store_is_file_name(const char *name);
/* Whether such a file may have a private key in it, alone or beside a certificate. */
bool cert_store_may_hold_key(const char *name);
struct cert_counts cert_store_counts(struct cert_store *store);
/* Whether a certificate answers for this host: by its own name, or by a wildcard. Any case. */
bool cert_store_has(struct cert_store *store, struct span host);
/* Reads every certificate of the folder with its key, and tells of each what keeps it from being
 * used, or what clients will object to; without a bound on the number of complaints. It keeps
 * nothing: a folder of ten thousand takes seconds. */
void cert_store_check(struct cert_store *store, int64_t now, unsigned soon_days,
                      const struct cert_listener *listener);
/* Calls `each` for every certificate that can be used, as the index has it (the first of its names
 * alone). `each` must be short: handshakes wait. */
void cert_store_each(struct cert_store *store, tls_list_fn *each, void *arg);
/* How many keys a user may not read, going by the files' modes; the first one's path is put into
 * `path`. */
size_t cert_store_unreadable(struct cert_store *store, uint32_t user, uint32_t group, char *path,
                             size_t size);

/* Gives a connection the certificates for a host, one of each kind of key. False with an error: the
 * files cannot be used. Only where cert_store_has. For tls/ alone. */
struct ssl_st;
bool cert_store_use(struct cert_store *store, struct ssl_st *ssl, struct span host,
                    struct error *error) MUST_CHECK;
/* How many are loaded now; for tests. */
size_t cert_store_loaded(struct cert_store *store);

#endif
