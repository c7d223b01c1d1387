/* A certificate chain in a PEM file, looked at: for `tidegate check`, for snapshots and for the
 * contexts that use it. Knows nothing of private keys.
 *
 * Errors are for a person and name the file. Whoever loads it destroys it. */
#ifndef TIDEGATE_TLS_CERTIFICATE_H
#define TIDEGATE_TLS_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/error.h"

/* The longest chain. */
#define CERTIFICATE_CHAIN_MAX 16

enum certificate_time { CERTIFICATE_CURRENT, CERTIFICATE_EXPIRED, CERTIFICATE_NOT_YET_VALID };

struct certificate;

/* The leaf and its intermediates, in the order a handshake sends them; NULL with an error when the
 * file is missing, unreadable, not PEM, or out of order. */
struct certificate *certificate_load(const char *path, struct error *error) MUST_CHECK;
void certificate_destroy(struct certificate *certificate);

/* host: lower case, exact or "*.example.com". A wildcard host needs that wildcard itself in the
 * certificate; an exact one may be covered by a wildcard's one label (RFC 6125 section 6.4.3).
 * "*" (the default site) is covered by anything. */
bool certificate_covers(const struct certificate *certificate, const char *host);
/* Whether the leaf's time of validity holds at `now` (seconds since 1970). */
enum certificate_time certificate_time_at(const struct certificate *certificate, int64_t now);
/* Whether the end is nearer than so many days, or than half of a life that is shorter than twice as
 * long: certificates that live for a week are not renewed a month before. Pure; seconds since 1970.
 */
bool certificate_ends_soon(int64_t from, int64_t until, int64_t now, unsigned days);
/* The same for every certificate of the chain, as a warning for a person; true: all are current.
 * soon_days: also warn when one ends within so many days. */
bool certificate_check_time(const struct certificate *certificate, int64_t now, unsigned soon_days,
                            struct error *warning) MUST_CHECK;
/* The same for the n-th certificate of the chain alone. */
bool certificate_check_time_of(const struct certificate *certificate, size_t n, int64_t now,
                               unsigned soon_days, struct error *warning) MUST_CHECK;
/* False with an error for RSA keys below 2048 bits, curves below 224 bits, and a leaf's on a curve
 * that TLS does not use. */
bool certificate_check_strength(const struct certificate *certificate,
                                struct error *error) MUST_CHECK;

const char *certificate_path(const struct certificate *certificate);
/* RFC 2253 text; "" when empty. */
const char *certificate_subject(const struct certificate *certificate);
const char *certificate_issuer(const struct certificate *certificate);
/* "RSA 2048", "EC P-256", "ED25519". */
const char *certificate_key_kind(const struct certificate *certificate);
/* SHA-256 of the leaf, lower-case hex. */
const char *certificate_fingerprint(const struct certificate *certificate);
/* The DNS names it covers, separated by ", ", cut off with "..." when there are many; "" when it
 * has none. For messages. */
const char *certificate_names(const struct certificate *certificate);
/* Seconds since 1970. */
int64_t certificate_not_before(const struct certificate *certificate);
int64_t certificate_not_after(const struct certificate *certificate);
size_t certificate_chain_length(const struct certificate *certificate);

/* The library's object of the n-th certificate, for tls/ alone; borrowed. */
struct x509_st;
struct x509_st *certificate_x509(const struct certificate *certificate, size_t n);

#endif
