#include "gateway/backend_tls.h"

#include <time.h>

#include "base/log.h"
#include "tls/certificate.h"

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

static enum tls_context_protocols protocols_of(const struct backend_settings *settings)
{
    return settings->protocol == PROTOCOL_H2     ? TLS_PROTOCOLS_H2
           : settings->protocol == PROTOCOL_AUTO ? TLS_PROTOCOLS_BOTH
                                                 : TLS_PROTOCOLS_H1;
}

static struct tls_client_options options_h1(const struct backend_tls *tls)
{
    struct tls_client_options options = tls->options;

    options.protocols = TLS_PROTOCOLS_H1;
    return options;
}

static bool create_contexts(struct backend_tls *tls, struct error *error)
{
    struct tls_client_options h1 = options_h1(tls);

    tls->context = tls_client_context_create(&tls->options, error);
    if (tls->context == NULL || tls->settings->protocol != PROTOCOL_AUTO) {
        return tls->context != NULL;
    }
    tls->context_h1 = tls_client_context_create(&h1, error);
    return tls->context_h1 != NULL;
}

bool backend_tls_build(struct backend_tls *tls, const struct backend_settings *settings,
                       struct trust *trust, struct config_report *report)
{
    const struct backend_tls_settings *own = settings->tls;
    struct error error;

    *tls = (struct backend_tls){
        .settings = settings,
        .options =
            {
                .ca = own->ca,
                .certificate = own->certificate,
                .key = own->key,
                .skip_verify = !own->verify,
                .protocols = protocols_of(settings),
            },
        /* An authority that nobody is verified by is not read. */
        .files = {own->verify ? own->ca : NULL, own->certificate, own->key},
    };
    /* Before the files are read, so that a change while they are is seen later. */
    for (size_t i = 0; i < BACKEND_TLS_FILES_MAX; i++) {
        tls->stamps[i] = file_stamp_take(tls->files[i]);
    }
    warn_unverified(own, report);
    if (!trust_client_options(trust, own, &tls->options, &error) || !create_contexts(tls, &error)) {
        config_report_add(report, CONFIG_ERROR, own->place, "%s", error.text);
        return false;
    }
    return true;
}

void backend_tls_free(struct backend_tls *tls)
{
    tls_context_destroy(tls->context);
    tls_context_destroy(tls->context_h1);
}

/* ---- later ---- */

static bool have_files_changed(struct backend_tls *tls)
{
    bool has_changed = tls->retry_at != 0 && tls->retry_at <= (int64_t)time(NULL);

    for (size_t i = 0; i < BACKEND_TLS_FILES_MAX; i++) {
        struct file_stamp stamp = file_stamp_take(tls->files[i]);
        if (!file_stamp_equal(&stamp, &tls->stamps[i])) {
            tls->stamps[i] = stamp;
            has_changed = true;
        }
    }
    return has_changed;
}

/* A certificate that is not valid now is no reason to give up one that may be. */
static bool is_valid_now(struct backend_tls *tls, const struct certificate *certificate)
{
    enum certificate_time when = certificate_time_at(certificate, (int64_t)time(NULL));

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

static bool reload_contexts(struct backend_tls *tls, struct error *error)
{
    struct tls_client_options h1 = options_h1(tls);

    return tls_client_context_reload(tls->context, &tls->options, error) &&
           (tls->context_h1 == NULL || tls_client_context_reload(tls->context_h1, &h1, error));
}

static void say_old_ones_stay(const struct backend_tls *tls, const struct error *error)
{
    log_warn("backend %s: %s; the files as they were before stay in use. The user that the gateway "
             "runs as must be able to read them and their folders",
             tls->settings->name, error->text);
}

static void say_new_ones_are_used(const struct backend_tls *tls,
                                  const struct certificate *certificate)
{
    if (certificate == NULL) {
        log_info("backend %s: its changed TLS files are in use now", tls->settings->name);
        return;
    }
    log_info("backend %s: its changed TLS files are in use now; own certificate '%s' (%s, sha256 "
             "%s)",
             tls->settings->name, certificate_path(certificate), certificate_subject(certificate),
             certificate_fingerprint(certificate));
}

static void reload(struct backend_tls *tls)
{
    struct certificate *certificate = NULL;
    struct error error;

    tls->retry_at = 0;
    if (tls->options.certificate != NULL) {
        certificate = certificate_load(tls->options.certificate, &error);
        if (certificate == NULL) {
            say_old_ones_stay(tls, &error);
            return;
        }
    }
    if (certificate == NULL || is_valid_now(tls, certificate)) {
        if (reload_contexts(tls, &error)) {
            say_new_ones_are_used(tls, certificate);
        } else {
            say_old_ones_stay(tls, &error);
        }
    }
    certificate_destroy(certificate);
}

void backend_tls_refresh(struct backend_tls *tls)
{
    if (have_files_changed(tls)) {
        reload(tls);
    }
}
