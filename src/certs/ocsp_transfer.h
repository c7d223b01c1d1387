/* One request to an OCSP responder and its response (RFC 6960 appendix A), over HTTP/1.1, blocking,
 * with a bound for everything: the time as a whole, the response's head and its body. Redirects are
 * not followed. */
#ifndef TIDEGATE_CERTS_OCSP_TRANSFER_H
#define TIDEGATE_CERTS_OCSP_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "io/sock.h"
#include "tls/ocsp_registry.h"

/* Addresses of a responder that are tried. */
#define OCSP_ADDRESSES_MAX 4

struct ocsp_addresses {
    struct sock_address items[OCSP_ADDRESSES_MAX];
    size_t count;
};

enum ocsp_transfer_result { OCSP_TRANSFER_DONE, OCSP_TRANSFER_FAILED, OCSP_TRANSFER_STOPPED };

/* Blocks for as long as the system's resolver takes. */
bool ocsp_lookup(const struct ocsp_url *url, struct ocsp_addresses *addresses,
                 struct error *error) MUST_CHECK;
/* DONE: a body that came with 200 was added to *body. FAILED: the error says what happened and what
 * to do. STOPPED: stop_fd became readable. deadline_ms: of the monotonic clock. */
enum ocsp_transfer_result ocsp_transfer(const struct ocsp_fetch *fetch,
                                        const struct ocsp_addresses *addresses, int stop_fd,
                                        uint64_t deadline_ms, struct strbuf *body,
                                        struct error *error) MUST_CHECK;

#endif
