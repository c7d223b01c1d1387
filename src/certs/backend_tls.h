/* The TLS of a backend from its settings: what connections to its servers are made with, and a look
 * at its files (authorities, own certificate and key) later: what has changed is taken into use for
 * connections to come, or told of and left.
 *
 * Built by whoever may read the key (the supervisor, as root); backend_tls_refresh runs on the
 * gateway's control thread, as the gateway's user. */
#ifndef TIDEGATE_CERTS_BACKEND_TLS_H
#define TIDEGATE_CERTS_BACKEND_TLS_H

#include <stdint.h>

#include "base/file_stamp.h"
#include "certs/trust.h"
#include "config/config.h"
#include "config/report.h"
#include "settings/settings.h"
#include "tls/tls_context.h"
#include "upstream/backend.h"

enum backend_tls_file {
    BACKEND_TLS_CA,
    BACKEND_TLS_CERTIFICATE,
    BACKEND_TLS_KEY,
    BACKEND_TLS_FILES_MAX
};

struct backend_tls {
    const struct backend_settings *settings;
    const struct backend_tls_settings *own; /* the backend's, or one of its servers' */
    struct tls_context *context;            /* NULL: not built */
    struct tls_context *context_h1; /* where HTTP/2 is one of two: offers HTTP/1.1 alone; or NULL */
    uint64_t owner; /* in common with whoever has the same contexts, and nobody else */
    struct tls_client_options options;
    const char *files[BACKEND_TLS_FILES_MAX]; /* NULL: not set */
    struct file_stamp stamps[BACKEND_TLS_FILES_MAX];
    bool is_ca_due;   /* its file has changed */
    bool is_own_due;  /* the certificate's has, or its key's */
    int64_t retry_at; /* seconds since 1970: a new certificate will be valid; 0: none is awaited */
};

/* Fills *tls, by the TLS of a backend, or that of one of its servers; backend_tls_free in any case.
 * previous: the same one's in the configuration before, whose contexts go on where files and
 * settings are as they were, and with them connections to its servers; NULL: none. False with
 * errors in the report. */
bool backend_tls_build(struct backend_tls *tls, const struct backend_settings *settings,
                       const struct backend_tls_settings *own, struct trust *trust,
                       const struct backend_tls *previous, struct config_report *report) MUST_CHECK;
/* Of the backend's servers that have TLS of their own, as many as backend_tls_count_own says, in
 * their order; and in plan->own_tls, in the arena, what is made of each. */
size_t backend_tls_count_own(const struct backend_settings *settings);
bool backend_tls_build_own(struct backend_tls *tls, const struct backend_settings *settings,
                           struct trust *trust, struct arena *arena, struct backend *plan,
                           struct config_report *report) MUST_CHECK;
/* Looks for changed files. True: some had changed, and were read. */
bool backend_tls_refresh(struct backend_tls *tls);
void backend_tls_free(struct backend_tls *tls);

#endif
