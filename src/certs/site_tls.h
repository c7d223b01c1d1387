/* A site's TLS from its settings: checks the certificates and the policy, builds the context and
 * the folder's index, and looks after the files later: what has changed is checked the same way and
 * taken into use for connections to come, or told of and left.
 *
 * Built by whoever may read the keys (the supervisor, as root); site_tls_refresh runs on the
 * gateway's control thread, as the gateway's user. */
#ifndef TIDEGATE_CERTS_SITE_TLS_H
#define TIDEGATE_CERTS_SITE_TLS_H

#include "base/file_stamp.h"
#include "certs/trust.h"
#include "config/config.h"
#include "config/report.h"
#include "settings/settings.h"
#include "tls/cert_store.h"
#include "tls/tls_context.h"

/* A file of the settings. What has changed is taken for itself: a certificate with its key, its
 * response, or the authorities of clients. */
struct watched_file {
    const char *path;
    struct file_stamp stamp;
    int certificate;  /* which one it belongs to; SITE_TLS_CLIENTS: the clients' authorities */
    bool is_response; /* the certificate's OCSP response */
};
enum { SITE_TLS_CLIENTS = -1 };

/* A certificate that the settings name, while the site runs. */
struct own_certificate {
    int64_t ocsp_until;          /* of its file's response; 0: none is stapled */
    int64_t retry_at;            /* the new one will be valid; 0: none is awaited */
    int64_t await_until;         /* its OCSP response is awaited no longer; 0: it is not */
    struct certificate *awaited; /* new, its response being fetched; NULL: none */
    bool is_due;                 /* its file or its key's has changed, and was not taken yet */
    bool is_response_due;        /* its response's file has changed */
};

struct certificate;
struct ocsp_registry;

struct site_tls {
    const struct site_settings *settings;
    struct tls_context *context; /* NULL: not built */
    struct cert_store *store;    /* NULL: no folder */
    struct tls_server_options options;
    struct watched_file *files;
    size_t file_count;
    struct own_certificate *own; /* by certificate */
    bool are_clients_due;        /* the file of their authorities has changed */
    bool is_folder_lost;         /* said so */
};

/* Fills *tls, whose parts live in the arena and in tls/; site_tls_free in any case. The
 * certificates whose OCSP responses are to be fetched join `ocsp`, which must outlive it. previous:
 * the site of the configuration before, whose context is kept where nothing has changed; NULL:
 * none. On the thread that looks for changed files. False with errors in the report. */
bool site_tls_build(struct site_tls *tls, const struct settings *settings,
                    const struct site_settings *site, struct trust *trust,
                    struct ocsp_registry *ocsp, const struct site_tls *previous,
                    struct arena *arena, struct config_report *report) MUST_CHECK;
/* The parts of building that a change needs again: they report what is wrong. False: the
 * certificate cannot be used. For certs/site_tls_refresh.c. */
bool site_tls_check_certificate(struct site_tls *tls, size_t i,
                                struct config_report *report) MUST_CHECK;
/* Reads a folder's certificates and keys, all of them, as handshakes would, and reports what is
 * wrong with them: for `tidegate check`, since a start reads only names. */
void site_tls_check_folder(const struct site_tls *tls, struct config_report *report);
/* For settings that have errors: reports what is wrong with the files of the site's certificates
 * all the same. Without `with_hosts` it does not ask whether they cover the site's hosts. */
void site_tls_check_files(const struct site_settings *site, bool with_hosts,
                          struct config_report *report);
/* Looks for changed files, and takes what has changed. True: some had, and were read. */
bool site_tls_refresh(struct site_tls *tls);
void site_tls_free(struct site_tls *tls);

#endif
