/* Rules for the texts that say who a peer is: names in certificates, and pinned keys. As those of
 * config/text_rules.h. */
#ifndef TIDEGATE_CONFIG_IDENTITY_RULES_H
#define TIDEGATE_CONFIG_IDENTITY_RULES_H

#include "base/span.h"
#include "config/complaint.h"

/* "app.example.com" or "*.example.com". */
bool rule_client_dns(struct span text, struct complaint *complaint) MUST_CHECK;
/* "spiffe://example.org/app", with '*' at the end alone. */
bool rule_client_uri(struct span text, struct complaint *complaint) MUST_CHECK;
/* "someone@example.com" or "*@example.com". */
bool rule_client_email(struct span text, struct complaint *complaint) MUST_CHECK;
/* "sha256/" and 32 bytes in base64. */
bool rule_pin(struct span text, struct complaint *complaint) MUST_CHECK;

#endif
