/* Handshake messages of `explain` as notes on the last step; `message` is without its 4-byte
 * header. */
#ifndef TIDEGATE_CLI_EXPLAIN_HELLO_H
#define TIDEGATE_CLI_EXPLAIN_HELLO_H

#include "cli/explain.h"

void explain_client_hello(struct explain *ex, struct span message);
void explain_server_hello(struct explain *ex, struct span message);
void explain_encrypted_extensions(struct explain *ex, struct span message);
void explain_certificate_request(struct explain *ex, struct span message, bool is_tls13);
void explain_signature_used(struct explain *ex, struct span message);

#endif
