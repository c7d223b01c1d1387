/* Fetches the OCSP responses that tls/ocsp_registry wants: POSTs (RFC 6960 appendix A) over
 * client/fetch, on a thread with a core of its own, so that neither a worker nor the control thread
 * ever waits for a responder or a name server, and one that does not answer holds up no other.
 * There is no thread until there is something to fetch.
 *
 * Started once in the gateway's process, after the fork; stopped when its workers have ended. */
#ifndef TIDEGATE_CERTS_OCSP_FETCHER_H
#define TIDEGATE_CERTS_OCSP_FETCHER_H

#include <stdint.h>

#include "base/check.h"

struct network_list;
struct ocsp_registry;
struct ocsp_fetcher;

/* timeout_ms: for one fetch, from the name's lookup to the response's last byte. Holds the
 * registry. Whoever makes a certificate says where its responder is: an address that is not public
 * must be in `allowed`, which is copied. */
struct ocsp_fetcher *ocsp_fetcher_start(struct ocsp_registry *registry, uint64_t timeout_ms,
                                        const struct network_list *allowed) MUST_CHECK;
/* By another configuration, for fetches to come. */
void ocsp_fetcher_set(struct ocsp_fetcher *fetcher, uint64_t timeout_ms,
                      const struct network_list *allowed);
/* Cuts off what is under way. NULL is allowed. */
void ocsp_fetcher_stop(struct ocsp_fetcher *fetcher);

#endif
