/* What verification and resumption need beyond a snapshot's TLS contexts, and what outlives those
 * that are built anew: revocation lists, one per file however many sites and backends name it, that
 * are looked at again while the gateway runs; and the ticket keys of each site. */
#ifndef TIDEGATE_CERTS_TRUST_H
#define TIDEGATE_CERTS_TRUST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"
#include "base/error.h"

/* How often the files are looked at. */
#define TRUST_REFRESH_MS 1000

struct config_report;
struct crl_file;
struct site_settings;
struct backend_tls_settings;
struct tls_client_options;
struct tls_server_options;
struct tls_tickets;

struct site_tickets {
    const char *site; /* its name, which is the settings' */
    struct tls_tickets *tickets;
};

struct trust {
    const struct trust *previous; /* while it is filled: what goes on of it; NULL: none */
    struct crl_file **crls;
    bool *was_said; /* that this one cannot be read */
    size_t crl_count;
    struct site_tickets *tickets;
    size_t ticket_count;
};

/* What the settings say of clients and tickets, for a site that terminates TLS. The trust keeps
 * what the options then point to. False with an error. */
bool trust_server_options(struct trust *trust, const struct site_settings *site,
                          struct tls_server_options *options, struct error *error) MUST_CHECK;
/* What they say of revocation, pins and versions towards a backend. */
bool trust_client_options(struct trust *trust, const struct backend_tls_settings *tls,
                          struct tls_client_options *options, struct error *error) MUST_CHECK;
/* A warning for each file with a list that is past its next update. */
void trust_warn_expired(const struct trust *trust, struct config_report *report);
/* Reads again what has changed, and says so in the log. It reads files: for the control thread. */
void trust_refresh(struct trust *trust);
/* The process that serves follows one that has ended (tls/tickets.h: tls_tickets_follow). */
void trust_follow(struct trust *trust);
void trust_free(struct trust *trust);

#endif
