/* Certificates in `explain`: what each says, whether the leaf covers the host, and where the chain
 * ends. */
#ifndef TIDEGATE_CLI_EXPLAIN_CERT_H
#define TIDEGATE_CLI_EXPLAIN_CERT_H

#include "cli/explain.h"

/* The chain of a Certificate message; NULL when it is malformed or empty. */
STACK_OF(X509) * explain_parse_chain(struct span message, bool is_tls13);
void explain_describe_chain(struct explain *ex, STACK_OF(X509) * chain);
/* After verification: does it cover the host, and how does the chain end? */
void explain_describe_trust(struct explain *ex, size_t step, X509_STORE_CTX *verified, bool ok);

#endif
