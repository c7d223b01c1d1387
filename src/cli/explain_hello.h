/* What the handshake messages say, as notes for a person on the last step. They have passed the
 * library's checks or are about to; whatever does not parse here is left out. `message` is without
 * its 4-byte header. */
#ifndef TIDEGATE_CLI_EXPLAIN_HELLO_H
#define TIDEGATE_CLI_EXPLAIN_HELLO_H

#include "cli/explain.h"

void explain_client_hello(struct explain *ex, struct span message);
void explain_server_hello(struct explain *ex, struct span message);
void explain_encrypted_extensions(struct explain *ex, struct span message);
void explain_certificate_request(struct explain *ex, struct span message, bool is_tls13);
void explain_signature_used(struct explain *ex, struct span message);

#endif
