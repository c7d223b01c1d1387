/* The later part of certs/site_tls.h: what has changed is taken into use, each input for itself.
 * A certificate that cannot be used keeps no new authority of clients from being asked, and the
 * other way round. */
#include "certs/site_tls.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/file_opener.h"
#include "base/log.h"
#include "tls/certificate.h"
#include "tls/ocsp_staple.h"

/* How long a new certificate that asks for a stapled response waits for the first one. */
#define STAPLE_WAIT_S 30

/* ---- looking ---- */

static void look(struct site_tls *tls)
{
    for (size_t i = 0; i < tls->file_count; i++) {
        struct watched_file *file = &tls->files[i];
        struct file_stamp stamp = file_opener_stamp(file->path);
        if (file_stamp_equal(&stamp, &file->stamp)) {
            continue;
        }
        file->stamp = stamp;
        if (file->certificate == SITE_TLS_CLIENTS) {
            tls->are_clients_due = true;
        } else if (file->is_response) {
            tls->own[file->certificate].is_response_due = true;
        } else {
            tls->own[file->certificate].is_due = true;
        }
    }
    for (size_t i = 0; i < tls->options.certificate_count; i++) {
        struct own_certificate *own = &tls->own[i];
        own->is_due |= own->retry_at != 0 && own->retry_at <= clock_wall_s();
    }
}

static bool is_due(const struct site_tls *tls)
{
    bool is_any = tls->are_clients_due;

    for (size_t i = 0; i < tls->options.certificate_count; i++) {
        is_any |= tls->own[i].is_due || tls->own[i].is_response_due;
    }
    return is_any;
}

/* ---- one certificate ---- */

static void log_report(const struct site_tls *tls, const struct config_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct config_message *message = &report->messages[i];
        bool is_error = message->severity == CONFIG_ERROR;
        log_warn("site %s: %s%s%s%s", tls->settings->name, message->text,
                 message->hint != NULL ? "; " : "", message->hint != NULL ? message->hint : "",
                 is_error ? "; the old certificate stays in use" : "");
    }
}

/* A certificate that is not valid now is no reason to give up one that may be. */
static bool is_valid_now(struct site_tls *tls, size_t i)
{
    struct error error;
    struct certificate *certificate =
        certificate_load(tls->options.certificates[i].certificate, &error);
    enum certificate_time when = certificate != NULL
                                     ? certificate_time_at(certificate, clock_wall_s())
                                     : CERTIFICATE_CURRENT;

    tls->own[i].retry_at = 0;
    if (when != CERTIFICATE_CURRENT) {
        tls->own[i].retry_at =
            when == CERTIFICATE_NOT_YET_VALID ? certificate_not_before(certificate) : 0;
        log_warn("site %s: the new certificate in '%s' %s: the old one stays in use",
                 tls->settings->name, certificate_path(certificate),
                 when == CERTIFICATE_EXPIRED ? "has expired"
                                             : "is not valid yet, and will be used when it is");
    }
    certificate_destroy(certificate);
    return when == CERTIFICATE_CURRENT;
}

/* Begins to fetch the response of a new certificate that asks for stapling; true: it is awaited. */
static bool begin_fetching(struct site_tls *tls, size_t i)
{
    const struct tls_certificate_files *files = &tls->options.certificates[i];
    struct error error;
    struct certificate *certificate =
        files->ocsp == NULL ? certificate_load(files->certificate, &error) : NULL;
    bool is_awaited = false;

    if (certificate != NULL && ocsp_staple_is_required(certificate)) {
        ocsp_staple_fetch(certificate, tls->options.ocsp, tls->options.ocsp_fetch);
        is_awaited = ocsp_staple_is_awaited(certificate);
    }
    certificate_destroy(tls->own[i].awaited);
    tls->own[i].awaited = certificate;
    return is_awaited;
}

/* A renewed certificate that asks for stapling is put off until its response is there, since
 * clients that insist on it would refuse it; but not for long, and not once the fetch has failed.
 */
static bool is_put_off(struct site_tls *tls, size_t i)
{
    struct own_certificate *own = &tls->own[i];

    if (!begin_fetching(tls, i) || (own->await_until != 0 && own->await_until <= clock_wall_s())) {
        own->await_until = 0;
        return false;
    }
    if (own->await_until == 0) {
        own->await_until = clock_wall_s() + STAPLE_WAIT_S;
        log_info("site %s: its new certificate asks for a stapled OCSP response, and is used when "
                 "that has been fetched, or in %d s",
                 tls->settings->name, STAPLE_WAIT_S);
    }
    return true;
}

/* Whether the certificate's new files are to be used now. What was put off stays due, and what is
 * to be told is told when it is used. */
static bool is_to_be_taken(struct site_tls *tls, size_t i)
{
    struct config_report report;
    bool is_good;
    bool is_later;

    if (!is_valid_now(tls, i)) {
        tls->own[i].is_due = false;
        return false;
    }
    config_report_init(&report);
    is_good = site_tls_check_certificate(tls, i, &report);
    is_later = is_good && is_put_off(tls, i);
    if (!is_later) {
        tls->own[i].is_due = false;
        log_report(tls, &report);
    }
    config_report_free(&report);
    return is_good && !is_later;
}

/* Whether another response is to be stapled to a certificate that stays. What cannot be used takes
 * nothing away that still holds, but for the word that the certificate was revoked. */
static bool is_response_to_be_taken(struct site_tls *tls, size_t i)
{
    const char *path = tls->options.certificates[i].ocsp;
    struct own_certificate *own = &tls->own[i];
    struct error error;
    int64_t until;

    switch (tls_server_context_check_response(tls->context, i, path, &until, &error)) {
    case OCSP_STAPLED_NEW:
        own->ocsp_until = until;
        log_info("site %s: the OCSP response in '%s' is in use now", tls->settings->name, path);
        return true;
    case OCSP_STAPLED_BEFORE:
        log_warn("site %s: %s; the response before is sent while it holds", tls->settings->name,
                 error.text);
        return false;
    case OCSP_STAPLED_NONE:
        break;
    }
    own->ocsp_until = 0;
    log_warn("site %s: %s; handshakes go on without a response", tls->settings->name, error.text);
    return true;
}

static void log_new(const struct site_tls *tls, size_t i)
{
    struct error error;
    struct certificate *certificate =
        certificate_load(tls->options.certificates[i].certificate, &error);

    if (certificate != NULL) {
        log_info("site %s: certificate '%s' is in use now (%s, sha256 %s)", tls->settings->name,
                 certificate_path(certificate), certificate_subject(certificate),
                 certificate_fingerprint(certificate));
    }
    certificate_destroy(certificate);
}

/* ---- the authorities of clients ---- */

static bool are_clients_to_be_taken(struct site_tls *tls)
{
    struct error error;

    if (!tls->are_clients_due) {
        return false;
    }
    tls->are_clients_due = false;
    if (tls_context_check_authorities(tls->options.client_ca, &error)) {
        return true;
    }
    log_error("site %s: %s; clients are still verified by the authorities that were read before",
              tls->settings->name, error.text);
    return false;
}

/* ---- taking ---- */

static bool take(struct site_tls *tls, const struct tls_changes *changes)
{
    struct error error;

    if (tls_server_context_reload(tls->context, &tls->options, changes, &error)) {
        return true;
    }
    log_error("site %s: %s; what was in use stays in use", tls->settings->name, error.text);
    return false;
}

static void say_taken(struct site_tls *tls, const struct tls_changes *changes)
{
    for (size_t i = 0; i < tls->options.certificate_count; i++) {
        if (changes->own[i]) {
            certificate_destroy(tls->own[i].awaited);
            tls->own[i].awaited = NULL;
            log_new(tls, i);
        }
    }
    if (changes->authorities) {
        log_info("site %s: '%s' is in use now: clients are verified by the authorities in it",
                 tls->settings->name, tls->options.client_ca);
    }
}

static void reload(struct site_tls *tls)
{
    bool *own = xcalloc(tls->options.certificate_count + 1, sizeof(*own));
    bool *responses = xcalloc(tls->options.certificate_count + 1, sizeof(*responses));
    struct tls_changes changes = {
        .own = own, .responses = responses, .authorities = are_clients_to_be_taken(tls)};
    bool is_any = changes.authorities;

    for (size_t i = 0; i < tls->options.certificate_count; i++) {
        own[i] = tls->own[i].is_due && is_to_be_taken(tls, i);
        responses[i] = !own[i] && tls->own[i].is_response_due && is_response_to_be_taken(tls, i);
        tls->own[i].is_response_due = false;
        is_any |= own[i] || responses[i];
    }
    if (is_any) {
        bool is_taken = take(tls, &changes);
        if (!is_taken) {
            /* A certificate's file that changed under our eyes: the rest does not wait. */
            for (size_t i = 0; i < tls->options.certificate_count; i++) {
                own[i] = false;
            }
            is_taken = take(tls, &changes);
        }
        if (is_taken) {
            say_taken(tls, &changes);
        }
    }
    free(own);
    free(responses);
}

/* ---- the folder ---- */

static void log_complaint(void *arg, const char *text)
{
    const struct site_tls *tls = arg;

    log_warn("site %s: %s", tls->settings->name, text);
}

static bool refresh_folder(struct site_tls *tls)
{
    struct cert_listener listener = {log_complaint, tls};
    struct cert_counts counts;
    struct error error;
    bool is_any;

    if (!cert_store_refresh(tls->store, &listener, &error)) {
        if (!tls->is_folder_lost) {
            log_warn("site %s: %s; its certificates stay as they were", tls->settings->name,
                     error.text);
        }
        tls->is_folder_lost = true;
        return false;
    }
    tls->is_folder_lost = false;
    counts = cert_store_counts(tls->store);
    is_any = counts.added + counts.changed + counts.removed != 0;
    if (is_any) {
        log_info("site %s: in '%s' %zu new, %zu changed, %zu gone; %zu certificates for %zu names",
                 tls->settings->name, tls->settings->tls->certificates_from, counts.added,
                 counts.changed, counts.removed, counts.usable, counts.names);
    }
    return is_any;
}

/* ---- responses ---- */

static void watch_ocsp(struct site_tls *tls)
{
    for (size_t i = 0; i < tls->options.certificate_count; i++) {
        int64_t *until = &tls->own[i].ocsp_until;
        if (*until != 0 && *until <= clock_wall_s()) {
            *until = 0;
            log_warn("site %s: the OCSP response in '%s' has expired and is not sent any more: put "
                     "a new one there",
                     tls->settings->name, tls->options.certificates[i].ocsp);
        }
    }
}

bool site_tls_refresh(struct site_tls *tls)
{
    bool is_any = tls->store != NULL && refresh_folder(tls);

    look(tls);
    if (is_due(tls)) {
        reload(tls);
        is_any = true;
    }
    watch_ocsp(tls);
    return is_any;
}
