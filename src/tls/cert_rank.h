/* Which of several certificates serves a client best, at the time when it asks: one decision for
 * the certificates of a folder and for those that a site lists. Pure.
 *
 * First comes what the client will take at all: a certificate that has its name, and is valid now.
 * Of those one that has the very name goes before a wildcard, as the more exact answer, but only if
 * the client can check its kind of key: whoever is limited to RSA gets the RSA wildcard rather than
 * no handshake. Between equals the one that was issued last wins. What has expired, or is not valid
 * yet, is served only when there is nothing better: the client's own error says then what is wrong.
 */
#ifndef TIDEGATE_TLS_CERT_RANK_H
#define TIDEGATE_TLS_CERT_RANK_H

#include <stdbool.h>
#include <stdint.h>

#include "tls/cert_scan.h"

/* How a certificate has a name. */
enum cert_cover { CERT_COVER_EXACT, CERT_COVER_WILDCARD, CERT_COVER_NONE };

/* Best first. Certificates of one rank are offered together, one of each kind of key, and the
 * client's preference decides. */
enum cert_rank {
    CERT_RANK_EXACT,
    CERT_RANK_WILDCARD,
    CERT_RANK_EXACT_NOT_NOW,
    CERT_RANK_WILDCARD_NOT_NOW,
    CERT_RANK_OTHER,
    CERT_RANK_OTHER_NOT_NOW,
    CERT_RANK_COUNT
};

/* now: seconds since 1970. */
static inline enum cert_rank cert_rank_of(enum cert_cover cover, int64_t not_before,
                                          int64_t not_after, int64_t now)
{
    bool holds = not_before <= now && now <= not_after;

    switch (cover) {
    case CERT_COVER_EXACT:
        return holds ? CERT_RANK_EXACT : CERT_RANK_EXACT_NOT_NOW;
    case CERT_COVER_WILDCARD:
        return holds ? CERT_RANK_WILDCARD : CERT_RANK_WILDCARD_NOT_NOW;
    case CERT_COVER_NONE:
        break;
    }
    return holds ? CERT_RANK_OTHER : CERT_RANK_OTHER_NOT_NOW;
}

/* The best of each rank and kind, as places in a list of the caller's. */
struct cert_ranking {
    void *best[CERT_RANK_COUNT][CERT_KIND_COUNT];
    int64_t not_before[CERT_RANK_COUNT][CERT_KIND_COUNT];
};

/* Takes one more certificate into account; *ranking begins as all zero. */
static inline void cert_ranking_add(struct cert_ranking *ranking, void *certificate,
                                    enum cert_rank rank, enum cert_kind kind, int64_t not_before)
{
    if (ranking->best[rank][kind] == NULL || not_before > ranking->not_before[rank][kind]) {
        ranking->best[rank][kind] = certificate;
        ranking->not_before[rank][kind] = not_before;
    }
}

#endif
