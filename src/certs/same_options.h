/* Whether two sites' contexts, or two backends', are made in the same way, so that one will do for
 * both: for a site or a backend that is in two configurations, one after the other. Files are
 * compared by their paths alone. */
#ifndef TIDEGATE_CERTS_SAME_OPTIONS_H
#define TIDEGATE_CERTS_SAME_OPTIONS_H

#include "tls/tls_context.h"

bool same_options(const struct tls_server_options *one, const struct tls_server_options *other);
bool same_client_options(const struct tls_client_options *one,
                         const struct tls_client_options *other);

#endif
