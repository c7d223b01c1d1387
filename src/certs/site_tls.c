#include "certs/site_tls.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/account.h"
#include "base/clock.h"
#include "base/file_opener.h"
#include "base/key_uri.h"
#include "certs/expiry_watch.h"
#include "certs/same_options.h"
#include "certs/tls_report.h"
#include "config/places.h"
#include "edge/host_table.h"
#include "tls/cert_check.h"
#include "tls/certificate.h"
#include "tls/ocsp_staple.h"
#include "tls/private_key.h"
#include "tls/tls_trial.h"

struct builder {
    struct site_tls *tls;
    const struct settings *settings;
    const struct site_settings *site;
    struct config_report *report;
    bool failed;
};

static void fail(struct builder *b, struct place place, const struct error *error)
{
    config_report_add(b->report, CONFIG_ERROR, place, "%s", error->text);
    b->failed = true;
}

static void warn(struct builder *b, struct place place, const struct error *warning)
{
    config_report_add(b->report, CONFIG_WARNING, place, "%s", warning->text);
}

/* ---- the certificates that the settings name ---- */

/* The name that a certificate must have for a host: names of any depth need those of each depth, of
 * which the first is looked for; NULL: what an expression fits is not known. */
static const char *covering_name(const char *host)
{
    if (host_is_pattern(span_from_cstr(host)) != 0) {
        return NULL;
    }
    return strncmp(host, "**.", 3) == 0 ? host + 1 : host;
}

static void check_coverage(struct builder *b, const struct certificate *certificate,
                           struct place place)
{
    for (size_t i = 0; i < b->site->hosts.count; i++) {
        const char *name = covering_name(b->site->hosts.items[i]);
        if (name == NULL || certificate_covers(certificate, name)) {
            return;
        }
    }
    config_report_add(b->report, CONFIG_ERROR, place,
                      "certificate %s covers none of the hosts of site '%s'",
                      certificate_path(certificate), b->site->name);
    config_report_hint(b->report, "it covers: %s", certificate_names(certificate));
    b->failed = true;
}

static bool is_covered(const struct builder *b, struct certificate *const *certificates,
                       const char *host)
{
    for (size_t c = 0; c < b->site->tls->certificate_count; c++) {
        if (certificates[c] == NULL || certificate_covers(certificates[c], host)) {
            return true;
        }
    }
    return b->tls->store != NULL &&
           (strcmp(host, "*") == 0 || cert_store_has(b->tls->store, span_from_cstr(host)));
}

static void warn_uncovered(struct builder *b, struct certificate *const *certificates)
{
    const struct site_settings *site = b->site;

    for (size_t i = 0; i < site->hosts.count; i++) {
        const char *name = covering_name(site->hosts.items[i]);
        if (name != NULL && !is_covered(b, certificates, name)) {
            config_report_add(b->report, CONFIG_WARNING, site->tls->place,
                              "no certificate of this site covers its host '%s'",
                              site->hosts.items[i]);
            config_report_hint(b->report, "clients that ask for it will refuse the certificate");
        }
    }
}

/* Without a file: a response that can be fetched is no matter for a warning, nor is that a
 * certificate which does not ask for one has none. */
static void check_ocsp_fetch(struct builder *b, const struct certificate *certificate,
                             struct place place)
{
    bool is_off = b->site->tls->ocsp_fetch == OCSP_FETCH_OFF;
    struct error why;

    if (!ocsp_staple_is_required(certificate) ||
        (!is_off && ocsp_staple_can_fetch(certificate, &why))) {
        return;
    }
    config_report_add(b->report, CONFIG_WARNING, place,
                      "certificate %s asks for a stapled OCSP response (must-staple), and there is "
                      "none: %s",
                      certificate_path(certificate), is_off ? "'ocsp_fetch' is off" : why.text);
    config_report_hint(b->report,
                       "some clients will refuse it: %sadd 'ocsp' with the file of a "
                       "response, or get a certificate without must-staple",
                       is_off ? "turn 'ocsp_fetch' on, " : "");
}

static void check_ocsp(struct builder *b, size_t i, const struct certificate *certificate)
{
    const struct certificate_settings *settings = &b->site->tls->certificates[i];
    int64_t *until = &b->tls->own[i].ocsp_until;
    struct error warning;

    *until = 0;
    if (settings->ocsp == NULL) {
        check_ocsp_fetch(b, certificate, settings->place);
        return;
    }
    if (!ocsp_staple_check(certificate, settings->ocsp, until, &warning)) {
        *until = 0;
        warn(b, settings->place, &warning);
        config_report_hint(b->report, "%s",
                           ocsp_staple_is_required(certificate)
                               ? "the certificate asks for stapling (must-staple): some clients "
                                 "will refuse it until there is a response"
                               : "handshakes go on without it");
    }
}

/* NULL: there is none in the file. */
static struct certificate *load_certificate(struct builder *b,
                                            const struct certificate_settings *settings)
{
    struct error error;
    struct certificate *certificate = certificate_load(settings->certificate, &error);

    if (certificate == NULL) {
        fail(b, settings->place, &error);
        return NULL;
    }
    if (!private_key_fits(settings->key, certificate, &error)) {
        fail(b, settings->place, &error);
    }
    struct tls_report to = {b->report, settings->place, false};
    cert_check_own(certificate, CERT_FOR_CLIENTS, clock_wall_s(), EXPIRY_WARNING_DAYS,
                   &(struct cert_findings){tls_report_finding, &to});
    b->failed |= to.has_errors;
    return certificate;
}

static struct certificate *check_certificate(struct builder *b, size_t i)
{
    const struct certificate_settings *settings = &b->site->tls->certificates[i];
    struct certificate *certificate = load_certificate(b, settings);

    if (certificate != NULL) {
        check_coverage(b, certificate, settings->place);
        check_ocsp(b, i, certificate);
    }
    return certificate;
}

bool site_tls_check_certificate(struct site_tls *tls, size_t i, struct config_report *report)
{
    struct builder b = {.tls = tls, .site = tls->settings, .report = report};

    certificate_destroy(check_certificate(&b, i));
    return !b.failed;
}

static void check_certificates(struct builder *b)
{
    const struct tls_settings *tls = b->site->tls;
    struct certificate **certificates = xcalloc(tls->certificate_count + 1, sizeof(*certificates));

    for (size_t i = 0; i < tls->certificate_count; i++) {
        certificates[i] = check_certificate(b, i);
    }
    if (!b->failed) {
        warn_uncovered(b, certificates);
    }
    for (size_t i = 0; i < tls->certificate_count; i++) {
        certificate_destroy(certificates[i]);
    }
    free(certificates);
}

static void report_complaint(void *arg, const char *text)
{
    struct builder *b = arg;

    config_report_add(b->report, CONFIG_WARNING, b->site->tls->place, "%s", text);
}

void site_tls_check_folder(const struct site_tls *tls, struct config_report *report)
{
    struct builder b = {.site = tls->settings, .report = report};
    struct cert_listener listener = {report_complaint, &b};

    if (tls->store != NULL) {
        cert_store_check(tls->store, clock_wall_s(), EXPIRY_WARNING_DAYS, &listener);
    }
}

void site_tls_check_files(const struct site_settings *site, bool with_hosts,
                          struct config_report *report)
{
    struct builder b = {.site = site, .report = report};

    for (size_t i = 0; i < site->tls->certificate_count; i++) {
        const struct certificate_settings *settings = &site->tls->certificates[i];
        struct certificate *certificate = settings->certificate != NULL && settings->key != NULL
                                              ? load_certificate(&b, settings)
                                              : NULL;
        if (certificate != NULL && with_hosts) {
            check_coverage(&b, certificate, settings->place);
        }
        certificate_destroy(certificate);
    }
}

/* ---- the authorities of clients ---- */

static void check_clients(struct builder *b)
{
    const struct tls_clients_settings *clients = b->site->tls->clients;
    struct tls_report to;

    if (clients == NULL || clients->verify == CLIENT_VERIFY_OFF || clients->ca == NULL) {
        return;
    }
    to = (struct tls_report){b->report, clients->place, false};
    cert_check_authorities(clients->ca, clock_wall_s(), EXPIRY_WARNING_DAYS,
                           &(struct cert_findings){tls_report_finding, &to});
    if (b->tls->options.client_crl != NULL) {
        cert_check_crl(b->tls->options.client_crl, clients->ca, clock_wall_s(),
                       &(struct cert_findings){tls_report_finding, &to});
    }
}

/* ---- the folder ---- */

/* Whom the gateway will be; false: whoever it is now. */
static bool find_reader(const struct settings *settings, uid_t *user, gid_t *group)
{
    const struct passwd *account =
        geteuid() == 0 ? getpwnam(account_to_become(settings->user)) : NULL;
    const struct group *named =
        account != NULL && settings->group != NULL ? getgrnam(settings->group) : NULL;

    if (account == NULL) {
        return false;
    }
    *user = account->pw_uid;
    *group = named != NULL ? named->gr_gid : account->pw_gid;
    return true;
}

static void warn_unreadable(struct builder *b)
{
    char path[512] = "";
    uid_t user;
    gid_t group;
    size_t count;

    if (!find_reader(b->settings, &user, &group)) {
        return;
    }
    count = cert_store_unreadable(b->tls->store, user, group, path, sizeof(path));
    if (count != 0) {
        config_report_add(b->report, CONFIG_WARNING, b->site->tls->place,
                          "the gateway's user '%s' may not read %zu of the keys in '%s', for "
                          "example '%s'",
                          account_to_become(b->settings->user), count,
                          b->site->tls->certificates_from, path);
        config_report_hint(b->report, "%s",
                           file_opener_is_safe(path, user, group)
                               ? "the supervisor opens each of them for it when it is first asked "
                                 "for; let the user's group read them (chgrp, chmod g+r) to save "
                                 "that"
                               : "keys of a folder are read when they are first asked for: let the "
                                 "user's group read them (chgrp, chmod g+r)");
    }
}

/* The one that was open before, as the folder is now: what is as it was is not read again, and what
 * is loaded stays. NULL: it was another folder, or cannot be read now. */
static struct cert_store *take_store(const struct builder *b, const struct site_tls *previous,
                                     const struct cert_listener *listener)
{
    const struct tls_settings *tls = b->site->tls;
    const struct tls_settings *before = previous != NULL ? previous->settings->tls : NULL;
    struct error error;

    if (before == NULL || previous->store == NULL ||
        strcmp(before->certificates_from, tls->certificates_from) != 0 ||
        before->certificates_loaded != tls->certificates_loaded ||
        previous->options.ocsp != b->tls->options.ocsp ||
        previous->options.ocsp_fetch != b->tls->options.ocsp_fetch ||
        !cert_store_refresh(previous->store, listener, &error)) {
        return NULL;
    }
    return cert_store_hold(previous->store);
}

static struct cert_store *open_store(struct builder *b, const struct cert_listener *listener)
{
    const struct tls_settings *tls = b->site->tls;
    struct error error;
    struct cert_store *store =
        cert_store_open(tls->certificates_from, (size_t)tls->certificates_loaded, listener, &error);

    if (store == NULL) {
        fail(b, tls->place, &error);
    } else {
        cert_store_fetch_ocsp(store, b->tls->options.ocsp, b->tls->options.ocsp_fetch);
    }
    return store;
}

static void open_folder(struct builder *b, const struct site_tls *previous)
{
    const struct tls_settings *tls = b->site->tls;
    struct cert_listener listener = {report_complaint, b};

    b->tls->store = take_store(b, previous, &listener);
    if (b->tls->store == NULL) {
        b->tls->store = open_store(b, &listener);
    }
    if (b->tls->store == NULL) {
        return;
    }
    if (cert_store_counts(b->tls->store).usable == 0 && tls->certificate_count == 0) {
        config_report_add(b->report, CONFIG_ERROR, tls->place,
                          "the folder '%s' has no certificate that can be used",
                          tls->certificates_from);
        config_report_hint(b->report, "put NAME.crt and NAME.key there, or NAME.pem with both");
        b->failed = true;
    }
    warn_unreadable(b);
}

/* ---- the policy ---- */

static struct tls_names names_of(const struct string_list *list)
{
    return (struct tls_names){list->items, list->count};
}

static void check_names(struct builder *b, const struct string_list *list,
                        bool (*check)(const struct tls_names *, struct error *))
{
    struct tls_names names = names_of(list);
    struct error error;

    if (names.count != 0 && !check(&names, &error)) {
        fail(b, config_place(b->settings, list), &error);
    }
}

/* The key's process signs, and decrypts nothing. */
static void check_decrypting(struct builder *b, const struct tls_overrides *own)
{
    struct place place = config_place(b->settings, &b->site->tls->ciphers);
    const char *first;
    size_t count = tls_policy_count_decrypting(&own->ciphers, &first);
    bool is_all = count != 0 && count == own->ciphers.count;

    if (count == 0 || !own->keys_only_sign) {
        return;
    }
    config_report_add(b->report, is_all ? CONFIG_ERROR : CONFIG_WARNING, place,
                      "%s has RSA key exchange, for which the private key must decrypt: where keys "
                      "are in a process of their own it %s",
                      first, is_all ? "cannot be used, nor can the others here" : "is left out");
    config_report_hint(b->report, "name ciphers with ECDHE instead; or write `key_process: off`, "
                                  "and keys are in the process that talks to the network");
    b->failed |= is_all;
}

static void check_policy(struct builder *b, const struct tls_server_options *options)
{
    const struct tls_settings *tls = b->site->tls;
    struct error error;

    check_names(b, &tls->ciphers, tls_policy_check_ciphers);
    if (!b->failed) {
        check_decrypting(b, &options->overrides);
    }
    check_names(b, &tls->cipher_suites, tls_policy_check_cipher_suites);
    check_names(b, &tls->groups, tls_policy_check_groups);
    check_names(b, &tls->signature_algorithms, tls_policy_check_signatures);
    if (!tls_policy_check_versions(options->policy, &options->overrides, &error)) {
        fail(b, tls->place, &error);
    }
}

static bool has_overrides(const struct tls_overrides *own)
{
    return own->min_version != NULL || own->max_version != NULL || own->ciphers.count != 0 ||
           own->cipher_suites.count != 0 || own->groups.count != 0 ||
           own->signature_algorithms.count != 0;
}

/* Settings each of which is right may leave nothing together, or nothing for these keys. */
static void check_somebody_can_connect(struct builder *b)
{
    static const struct {
        int version;
        const char *name;
    } versions[] = {{TLS_VERSION_1_0, "TLS 1.0"},
                    {TLS_VERSION_1_1, "TLS 1.1"},
                    {TLS_VERSION_1_2, "TLS 1.2"},
                    {TLS_VERSION_1_3, "TLS 1.3"}};
    const struct tls_server_options *options = &b->tls->options;
    const char *why = "";
    const char *first_why = NULL;
    const char *shut = NULL;
    unsigned open = 0;
    int min;
    int max;

    if (options->certificate_count == 0 || !has_overrides(&options->overrides)) {
        return;
    }
    tls_policy_versions(options->policy, &options->overrides, &min, &max);
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        if (versions[i].version < min || versions[i].version > max) {
            continue;
        }
        if (tls_trial_handshake(b->tls->context, &options->overrides, versions[i].version, &why)) {
            open++;
        } else if (shut == NULL || versions[i].version == TLS_VERSION_1_2) {
            shut = versions[i].name;
            first_why = why;
        }
    }
    if (shut != NULL) {
        config_report_add(b->report, open == 0 ? CONFIG_ERROR : CONFIG_WARNING, b->site->tls->place,
                          "no client of %s can connect%s: %s", shut,
                          open == 0 ? ", nor of any other version" : "", first_why);
        config_report_hint(b->report,
                           "see 'ciphers', 'cipher_suites', 'groups' and 'signature_algorithms': "
                           "leave out what is not needed, or get a certificate with another key%s",
                           open == 0 ? "" : "; or leave that version out (min_version)");
        b->failed |= open == 0;
    }
}

/* ---- as a whole ---- */

static void set_options(struct builder *b, struct ocsp_registry *ocsp, struct arena *arena)
{
    const struct tls_settings *tls = b->site->tls;
    struct tls_certificate_files *files =
        arena_calloc(arena, (tls->certificate_count + 1) * sizeof(*files));

    for (size_t i = 0; i < tls->certificate_count; i++) {
        files[i].certificate = tls->certificates[i].certificate;
        files[i].key = tls->certificates[i].key;
        files[i].ocsp = tls->certificates[i].ocsp;
    }
    b->tls->options = (struct tls_server_options){
        .certificates = files,
        .certificate_count = tls->certificate_count,
        .ocsp = ocsp,
        .ocsp_fetch = tls->ocsp_fetch,
        .policy = tls->policy,
        .clients = tls->clients != NULL ? tls->clients->verify : CLIENT_VERIFY_OFF,
        .client_ca = tls->clients != NULL ? tls->clients->ca : NULL,
        .protocols = tls->protocols,
        .is_not_http = b->site->tcp != NULL,
        .others = names_of(&b->site->alpn),
        .session_cache = (uint32_t)tls->session_cache,
        .early_data_max = tls->early_data ? (uint32_t)tls->early_data_limit : 0,
        .overrides =
            {
                .min_version = tls->min_version,
                .max_version = tls->max_version,
                .ciphers = names_of(&tls->ciphers),
                .cipher_suites = names_of(&tls->cipher_suites),
                .groups = names_of(&tls->groups),
                .signature_algorithms = names_of(&tls->signature_algorithms),
                .prefer_client = tls->prefer == TLS_PREFER_CLIENT,
                .keys_only_sign = b->settings->key_process == KEY_PROCESS_ON,
            },
    };
}

static void watch(struct site_tls *tls, const char *path, int certificate, bool is_response)
{
    if (path != NULL) {
        tls->files[tls->file_count++] =
            (struct watched_file){path, file_opener_stamp(path), certificate, is_response};
    }
}

/* Before the files are read, so that a change while they are is seen later. */
static void watch_files(struct site_tls *tls, struct arena *arena)
{
    const struct tls_server_options *options = &tls->options;

    tls->files = arena_calloc(arena, (options->certificate_count * 3 + 1) * sizeof(*tls->files));
    tls->own = arena_calloc(arena, (options->certificate_count + 1) * sizeof(*tls->own));
    for (size_t i = 0; i < options->certificate_count; i++) {
        watch(tls, options->certificates[i].certificate, (int)i, false);
        watch(tls, key_uri_file(options->certificates[i].key), (int)i, false);
        watch(tls, options->certificates[i].ocsp, (int)i, true);
    }
    watch(tls, options->clients != CLIENT_VERIFY_OFF ? options->client_ca : NULL, SITE_TLS_CLIENTS,
          false);
}

/* Nothing that has changed waits to be taken into use. */
static bool is_at_rest(const struct site_tls *tls)
{
    bool rests = tls->context != NULL && !tls->are_clients_due;

    for (size_t i = 0; i < tls->options.certificate_count; i++) {
        const struct own_certificate *own = &tls->own[i];
        rests = rests && !own->is_due && !own->is_response_due && own->awaited == NULL &&
                own->retry_at == 0;
    }
    return rests;
}

static bool same_files(const struct site_tls *one, const struct site_tls *other)
{
    if (one->file_count != other->file_count) {
        return false;
    }
    for (size_t i = 0; i < one->file_count; i++) {
        if (strcmp(one->files[i].path, other->files[i].path) != 0 ||
            !file_stamp_equal(&one->files[i].stamp, &other->files[i].stamp)) {
            return false;
        }
    }
    return true;
}

/* A site whose TLS is as it was in the configuration before goes on with the same context: its
 * library's session cache stays, and nothing is read and checked a second time. */
static bool reuse(struct site_tls *tls, const struct site_tls *previous)
{
    if (previous == NULL || !is_at_rest(previous) ||
        !same_options(&tls->options, &previous->options) || !same_files(tls, previous)) {
        return false;
    }
    for (size_t i = 0; i < tls->options.certificate_count; i++) {
        tls->own[i].ocsp_until = previous->own[i].ocsp_until;
    }
    tls->context = tls_context_hold(previous->context);
    return true;
}

bool site_tls_build(struct site_tls *tls, const struct settings *settings,
                    const struct site_settings *site, struct trust *trust,
                    struct ocsp_registry *ocsp, const struct site_tls *previous,
                    struct arena *arena, struct config_report *report)
{
    struct builder b = {.tls = tls, .settings = settings, .site = site, .report = report};
    struct error error;

    *tls = (struct site_tls){.settings = site};
    set_options(&b, ocsp, arena);
    if (!trust_server_options(trust, site, &tls->options, &error)) {
        fail(&b, site->tls->clients != NULL ? site->tls->clients->place : site->tls->place, &error);
    }
    watch_files(tls, arena);
    if (site->tls->certificates_from != NULL) {
        open_folder(&b, previous);
        tls->options.store = tls->store;
    }
    if (!b.failed && reuse(tls, previous)) {
        return true;
    }
    check_certificates(&b);
    check_clients(&b);
    check_policy(&b, &tls->options);
    if (b.failed) {
        return false;
    }
    tls->context = tls_server_context_create(&tls->options, &error);
    if (tls->context == NULL) {
        fail(&b, site->tls->place, &error);
    } else {
        check_somebody_can_connect(&b);
    }
    return !b.failed;
}

void site_tls_free(struct site_tls *tls)
{
    for (size_t i = 0; i < tls->options.certificate_count; i++) {
        certificate_destroy(tls->own != NULL ? tls->own[i].awaited : NULL);
    }
    tls_context_destroy(tls->context);
    cert_store_destroy(tls->store);
}
