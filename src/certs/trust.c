#include "certs/trust.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "settings/settings.h"
#include "tls/crl.h"
#include "tls/tickets.h"
#include "tls/tls_context.h"

/* Those of the configuration before, as the file is now, so that contexts which are made with them
 * can go on. NULL: it had none of this file; or there is an error. */
static struct crl_file *take_crl(const struct trust *previous, const char *path,
                                 struct error *error)
{
    for (size_t i = 0; previous != NULL && i < previous->crl_count; i++) {
        if (strcmp(crl_file_path(previous->crls[i]), path) == 0 &&
            crl_file_refresh(previous->crls[i], error) != CRL_UNREADABLE) {
            return crl_file_hold(previous->crls[i]);
        }
    }
    return NULL;
}

/* The lists of a file, read now if they were not yet. */
static struct crl_file *find_crl(struct trust *trust, const char *path, struct error *error)
{
    struct crl_file *crl;

    for (size_t i = 0; i < trust->crl_count; i++) {
        if (strcmp(crl_file_path(trust->crls[i]), path) == 0) {
            return trust->crls[i];
        }
    }
    crl = take_crl(trust->previous, path, error);
    crl = crl != NULL ? crl : crl_file_open(path, error);
    if (crl == NULL) {
        return NULL;
    }
    trust->crls = xrealloc(trust->crls, (trust->crl_count + 1) * sizeof(struct crl_file *));
    trust->was_said = xrealloc(trust->was_said, (trust->crl_count + 1) * sizeof(bool));
    trust->was_said[trust->crl_count] = false;
    trust->crls[trust->crl_count++] = crl;
    return crl;
}

/* Whether some server of the site is told of the client's chain. */
static bool wants_chain(const struct site_settings *site)
{
    for (size_t i = 0; i < site->route_count; i++) {
        const struct backend_settings *backend = site->routes[i].backend;
        if (backend != NULL && backend->client_certificate) {
            return true;
        }
    }
    return false;
}

/* Those of the site before, so that tickets outlive a change of the configuration. Sites are mostly
 * in the same order as before. */
static struct tls_tickets *find_tickets(const struct trust *previous, const char *site, size_t near)
{
    for (size_t i = 0; previous != NULL && i < previous->ticket_count; i++) {
        const struct site_tickets *at = &previous->tickets[(near + i) % previous->ticket_count];
        if (strcmp(at->site, site) == 0) {
            return at->tickets;
        }
    }
    return NULL;
}

static struct tls_tickets *add_tickets(struct trust *trust, const struct site_settings *site)
{
    uint64_t rotation_ms = site->tls->ticket_rotation_ms;
    struct tls_tickets *before = find_tickets(trust->previous, site->name, trust->ticket_count);
    struct tls_tickets *tickets =
        before != NULL ? tls_tickets_hold(before, rotation_ms) : tls_tickets_create(rotation_ms);

    if (tickets != NULL) {
        trust->tickets =
            xrealloc(trust->tickets, (trust->ticket_count + 1) * sizeof(*trust->tickets));
        trust->tickets[trust->ticket_count++] = (struct site_tickets){site->name, tickets};
    }
    return tickets;
}

bool trust_server_options(struct trust *trust, const struct site_settings *site,
                          struct tls_server_options *options, struct error *error)
{
    const struct tls_clients_settings *clients = site->tls->clients;

    options->scope = site->name;
    options->tickets = add_tickets(trust, site);
    if (options->tickets == NULL) {
        return error_set(error, "the TLS library gives no keys for tickets");
    }
    if (clients == NULL || clients->verify == CLIENT_VERIFY_OFF) {
        return true;
    }
    options->client_depth = clients->depth;
    options->keep_client_chain = wants_chain(site);
    if (clients->crl != NULL) {
        options->client_crl = find_crl(trust, clients->crl, error);
        return options->client_crl != NULL;
    }
    return true;
}

bool trust_client_options(struct trust *trust, const struct backend_tls_settings *tls,
                          struct tls_client_options *options, struct error *error)
{
    options->pins = tls->pins.items;
    options->pin_count = tls->pins.count;
    options->only_tls13 = tls->min_version == BACKEND_TLS_1_3;
    if (tls->crl != NULL && tls->verify) {
        options->crl = find_crl(trust, tls->crl, error);
        return options->crl != NULL;
    }
    return true;
}

static bool is_expired(struct crl_file *crl)
{
    return crl_file_expires(crl) <= clock_wall_s();
}

void trust_warn_expired(const struct trust *trust, struct config_report *report)
{
    for (size_t i = 0; i < trust->crl_count; i++) {
        if (is_expired(trust->crls[i])) {
            config_report_add(report, CONFIG_WARNING, (struct place){0},
                              "a revocation list in '%s' is past its next update",
                              crl_file_path(trust->crls[i]));
            config_report_hint(report, "certificates of that CA are refused until it is renewed");
        }
    }
}

static void say_renewed(struct crl_file *crl)
{
    log_info("revocation lists in %s: read again", crl_file_path(crl));
    if (is_expired(crl)) {
        log_warn("revocation lists in %s: one is past its next update; certificates of that CA "
                 "are refused until it is renewed",
                 crl_file_path(crl));
    }
}

void trust_refresh(struct trust *trust)
{
    for (size_t i = 0; i < trust->crl_count; i++) {
        struct error error;
        switch (crl_file_refresh(trust->crls[i], &error)) {
        case CRL_SAME:
            break;
        case CRL_RENEWED:
            trust->was_said[i] = false;
            say_renewed(trust->crls[i]);
            break;
        case CRL_UNREADABLE:
            if (!trust->was_said[i]) {
                log_error("%s; the lists that were read before stay in use, until they are past "
                          "their next update",
                          error.text);
                trust->was_said[i] = true;
            }
            break;
        }
    }
}

void trust_follow(struct trust *trust)
{
    for (size_t i = 0; i < trust->ticket_count; i++) {
        tls_tickets_follow(trust->tickets[i].tickets);
    }
}

void trust_free(struct trust *trust)
{
    for (size_t i = 0; i < trust->crl_count; i++) {
        crl_file_release(trust->crls[i]);
    }
    for (size_t i = 0; i < trust->ticket_count; i++) {
        tls_tickets_release(trust->tickets[i].tickets);
    }
    free(trust->tickets);
    free(trust->crls);
    free(trust->was_said);
    *trust = (struct trust){0};
}
