/* What the files of tls/cert_store.h share. */
#ifndef TIDEGATE_TLS_OPENSSL_CERT_STORE_INTERNAL_H
#define TIDEGATE_TLS_OPENSSL_CERT_STORE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "base/check.h"
#include "base/error.h"
#include "base/list.h"
#include "tls/cert_index.h"
#include "tls/openssl/identity.h"

/* A certificate in use, with its key. Connections have references of their own to the library's
 * objects. */
struct cert_loaded {
    atomic_uint references; /* the store's, and of workers that are just handing it out */
    struct list node;       /* in the store's list, most recently used first */
    struct cert_entry *entry;
    struct identity *identity;
};

struct cert_store {
    atomic_uint references;
    char *folder;
    size_t loaded_max;
    struct ocsp_registry *ocsp; /* NULL: no responses are fetched */
    enum ocsp_fetch_policy ocsp_fetch;
    struct signer *signer; /* NULL: keys are read */
    pthread_mutex_t lock;  /* of all below; held for lookups, never for reading files */
    struct cert_index *index;
    struct list loaded;
    size_t loaded_count;
};

/* Reads an entry's files, without the lock. before NULL: nothing of it is loaded. NULL with an
 * error; else with one reference, for cert_store_keep. */
struct cert_loaded *cert_store_load(const struct cert_store *store, const struct cert_entry *entry,
                                    const struct identity *before, struct error *error) MUST_CHECK;
/* Takes it over into the list; under the lock. What was used longest ago may have to go. */
void cert_store_keep(struct cert_store *store, struct cert_entry *entry,
                     struct cert_loaded *loaded);
void cert_loaded_release(struct cert_loaded *loaded);

#endif
