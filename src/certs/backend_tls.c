#include "certs/backend_tls.h"

#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/file_opener.h"
#include "base/key_uri.h"
#include "base/log.h"
#include "certs/expiry_watch.h"
#include "certs/same_options.h"
#include "certs/tls_report.h"
#include "tls/cert_check.h"
#include "tls/certificate.h"
#include "tls/private_key.h"

/* ---- building ---- */

static void warn_unverified(const struct backend_tls_settings *tls, struct config_report *report)
{
    if (!tls->verify && tls->pins.count == 0) {
        config_report_add(report, CONFIG_WARNING, tls->place,
                          "the servers of this backend are not verified ('verify: false')");
        config_report_hint(report, "anybody between can read and change what is sent: name "
                                   "their authority with 'ca', or their keys with 'pins'");
    }
}

static enum tls_protocols protocols_of(const struct backend_settings *settings)
{
    return settings->protocol == BACKEND_H2     ? TLS_H2_ONLY
           : settings->protocol == BACKEND_AUTO ? TLS_H2_AND_H1
                                                : TLS_H1_ONLY;
}

static struct tls_client_options options_h1(const struct backend_tls *tls)
{
    struct tls_client_options options = tls->options;

    options.protocols = TLS_H1_ONLY;
    return options;
}

static bool create_contexts(struct backend_tls *tls, struct error *error)
{
    struct tls_client_options h1 = options_h1(tls);

    tls->context = tls_client_context_create(&tls->options, error);
    if (tls->context == NULL || tls->settings->protocol != BACKEND_AUTO) {
        return tls->context != NULL;
    }
    tls->context_h1 = tls_client_context_create(&h1, error);
    return tls->context_h1 != NULL;
}

/* Of files that could be read: what servers, or we, will object to in them. */
static bool check_files(const struct backend_tls *tls, struct config_report *report)
{
    struct tls_report to = {report, tls->own->place, false};
    const struct cert_findings findings = {tls_report_finding, &to};
    struct error ignored;
    struct certificate *certificate = tls->options.certificate != NULL
                                          ? certificate_load(tls->options.certificate, &ignored)
                                          : NULL;

    if (certificate != NULL) {
        cert_check_own(certificate, CERT_FOR_SERVERS, clock_wall_s(), EXPIRY_WARNING_DAYS,
                       &findings);
    }
    certificate_destroy(certificate);
    if (tls->files[BACKEND_TLS_CA] != NULL) {
        cert_check_authorities(tls->files[BACKEND_TLS_CA], clock_wall_s(), EXPIRY_WARNING_DAYS,
                               &findings);
    }
    if (tls->options.crl != NULL && tls->files[BACKEND_TLS_CA] != NULL) {
        cert_check_crl(tls->options.crl, tls->files[BACKEND_TLS_CA], clock_wall_s(), &findings);
    }
    return !to.has_errors;
}

static bool same_files(const struct backend_tls *one, const struct backend_tls *other)
{
    for (size_t i = 0; i < BACKEND_TLS_FILES_MAX; i++) {
        const char *a = one->files[i];
        const char *b = other->files[i];
        if ((a == NULL) != (b == NULL) || (a != NULL && strcmp(a, b) != 0) ||
            !file_stamp_equal(&one->stamps[i], &other->stamps[i])) {
            return false;
        }
    }
    return true;
}

static bool reuse(struct backend_tls *tls, const struct backend_tls *previous)
{
    if (previous == NULL || previous->context == NULL || previous->is_ca_due ||
        previous->is_own_due || previous->retry_at != 0 ||
        !same_client_options(&tls->options, &previous->options) || !same_files(tls, previous)) {
        return false;
    }
    tls->context = tls_context_hold(previous->context);
    tls->context_h1 = previous->context_h1 != NULL ? tls_context_hold(previous->context_h1) : NULL;
    tls->owner = previous->owner;
    return true;
}

bool backend_tls_build(struct backend_tls *tls, const struct backend_settings *settings,
                       const struct backend_tls_settings *own, struct trust *trust,
                       const struct backend_tls *previous, struct config_report *report)
{
    static atomic_uint_least64_t last_owner;
    struct error error;

    *tls = (struct backend_tls){
        .settings = settings,
        .own = own,
        .owner = atomic_fetch_add(&last_owner, 1) + 1,
        .options =
            {
                .ca = own->ca,
                .certificate = own->certificate,
                .key = own->key,
                .skip_verify = !own->verify,
                .protocols = protocols_of(settings),
            },
        /* An authority that nobody is verified by is not read. */
        .files = {own->verify ? own->ca : NULL, own->certificate, key_uri_file(own->key)},
    };
    /* Before the files are read, so that a change while they are is seen later. */
    for (size_t i = 0; i < BACKEND_TLS_FILES_MAX; i++) {
        tls->stamps[i] = file_opener_stamp(tls->files[i]);
    }
    warn_unverified(own, report);
    if (!trust_client_options(trust, own, &tls->options, &error)) {
        config_report_add(report, CONFIG_ERROR, own->place, "%s", error.text);
        return false;
    }
    if (reuse(tls, previous)) {
        return true;
    }
    if (!create_contexts(tls, &error)) {
        config_report_add(report, CONFIG_ERROR, own->place, "%s", error.text);
        return false;
    }
    return check_files(tls, report);
}

size_t backend_tls_count_own(const struct backend_settings *settings)
{
    size_t count = 0;

    for (size_t i = 0; i < settings->server_count; i++) {
        count += settings->servers[i].tls != NULL;
    }
    return count;
}

bool backend_tls_build_own(struct backend_tls *tls, const struct backend_settings *settings,
                           struct trust *trust, struct arena *arena, struct backend *plan,
                           struct config_report *report)
{
    bool is_fine = true;

    if (backend_tls_count_own(settings) == 0) {
        return true;
    }
    plan->tls_owner = 0; /* whose connections are this configuration's alone */
    plan->own_tls_count = settings->server_count;
    plan->own_tls = arena_calloc(arena, settings->server_count * sizeof(struct backend_contexts));
    for (size_t i = 0; i < settings->server_count; i++) {
        const struct backend_tls_settings *own = settings->servers[i].tls;
        if (own != NULL) {
            is_fine &= backend_tls_build(tls, settings, own, trust, NULL, report);
            plan->own_tls[i] = (struct backend_contexts){tls->context, tls->context_h1};
            tls++;
        }
    }
    return is_fine;
}

void backend_tls_free(struct backend_tls *tls)
{
    tls_context_destroy(tls->context);
    tls_context_destroy(tls->context_h1);
}

/* ---- later ---- */

/* What has changed: the authorities for themselves, the own certificate with its key. */
static void look(struct backend_tls *tls)
{
    tls->is_own_due |= tls->retry_at != 0 && tls->retry_at <= clock_wall_s();
    for (size_t i = 0; i < BACKEND_TLS_FILES_MAX; i++) {
        struct file_stamp stamp = file_opener_stamp(tls->files[i]);
        if (!file_stamp_equal(&stamp, &tls->stamps[i])) {
            tls->stamps[i] = stamp;
            *(i == BACKEND_TLS_CA ? &tls->is_ca_due : &tls->is_own_due) = true;
        }
    }
}

/* A certificate that is not valid now is no reason to give up one that may be. */
static bool is_valid_now(struct backend_tls *tls, const struct certificate *certificate)
{
    enum certificate_time when = certificate_time_at(certificate, clock_wall_s());

    if (when == CERTIFICATE_CURRENT) {
        return true;
    }
    if (when == CERTIFICATE_NOT_YET_VALID) {
        tls->retry_at = certificate_not_before(certificate);
    }
    log_warn("backend %s: the new certificate in '%s' %s: the old one stays in use",
             tls->settings->name, certificate_path(certificate),
             when == CERTIFICATE_EXPIRED ? "has expired"
                                         : "is not valid yet, and will be used when it is");
    return false;
}

static bool reload_contexts(struct backend_tls *tls, const struct tls_changes *changes)
{
    struct tls_client_options h1 = options_h1(tls);
    struct error error;

    if (tls_client_context_reload(tls->context, &tls->options, changes, &error) &&
        (tls->context_h1 == NULL ||
         tls_client_context_reload(tls->context_h1, &h1, changes, &error))) {
        return true;
    }
    log_error("backend %s: %s; the files as they were before stay in use", tls->settings->name,
              error.text);
    return false;
}

/* The new authorities, if they can be used. */
static bool is_ca_to_be_taken(struct backend_tls *tls)
{
    struct error error;

    if (!tls->is_ca_due) {
        return false;
    }
    tls->is_ca_due = false;
    if (tls_context_check_authorities(tls->options.ca, &error)) {
        return true;
    }
    log_error("backend %s: %s; the authorities as they were before stay in use",
              tls->settings->name, error.text);
    return false;
}

/* The new certificate of our own, if it can be used; NULL: there is none, or it stays as it is. */
static struct certificate *own_to_be_taken(struct backend_tls *tls)
{
    struct certificate *certificate;
    struct error error;

    if (!tls->is_own_due) {
        return NULL;
    }
    tls->is_own_due = false;
    tls->retry_at = 0;
    certificate = certificate_load(tls->options.certificate, &error);
    if (certificate != NULL && private_key_fits(tls->options.key, certificate, &error)) {
        if (is_valid_now(tls, certificate)) {
            return certificate;
        }
    } else {
        log_warn("backend %s: %s; the certificate and the key as they were before stay in use",
                 tls->settings->name, error.text);
    }
    certificate_destroy(certificate);
    return NULL;
}

static void say_taken(const struct backend_tls *tls, const struct tls_changes *changes,
                      const struct certificate *certificate)
{
    if (changes->authorities) {
        log_info("backend %s: its changed TLS files are in use now: servers are verified by the "
                 "authorities in '%s'",
                 tls->settings->name, tls->options.ca);
    }
    if (certificate != NULL) {
        log_info(
            "backend %s: its changed TLS files are in use now; own certificate '%s' (%s, sha256 "
            "%s)",
            tls->settings->name, certificate_path(certificate), certificate_subject(certificate),
            certificate_fingerprint(certificate));
    }
}

static void reload(struct backend_tls *tls)
{
    struct certificate *certificate = own_to_be_taken(tls);
    bool is_own = certificate != NULL;
    struct tls_changes changes = {.own = &is_own, .authorities = is_ca_to_be_taken(tls)};

    if ((is_own || changes.authorities) && reload_contexts(tls, &changes)) {
        say_taken(tls, &changes, certificate);
    } else if (is_own && changes.authorities) {
        /* A file that changed under our eyes: whom we trust does not wait for who we are. */
        is_own = false;
        if (reload_contexts(tls, &changes)) {
            say_taken(tls, &changes, NULL);
        }
    }
    certificate_destroy(certificate);
}

bool backend_tls_refresh(struct backend_tls *tls)
{
    bool is_any;

    look(tls);
    is_any = tls->is_ca_due || tls->is_own_due;
    if (is_any) {
        reload(tls);
    }
    return is_any;
}
