/* Rules for single texts of `auth`, as those of config/text_rules.h. */
#ifndef TIDEGATE_CONFIG_AUTH_RULES_H
#define TIDEGATE_CONFIG_AUTH_RULES_H

#include <stdbool.h>

#include "base/span.h"
#include "config/complaint.h"

/* What a token says of itself in one word: an issuer, an audience, a type. */
bool rule_token_word(struct span text, struct complaint *complaint) MUST_CHECK;
/* Of signatures: RS256 ... EdDSA; no 'none' and no shared secret. */
bool rule_algorithm(struct span text, struct complaint *complaint) MUST_CHECK;
/* The path of a claim: names with dots between. */
bool rule_claim(struct span text, struct complaint *complaint) MUST_CHECK;
/* A provider of OpenID Connect: a URL without a query. */
bool rule_issuer_url(struct span text, struct complaint *complaint) MUST_CHECK;
/* A path that the gateway answers itself, which can be read in one way alone. */
bool rule_own_path(struct span text, struct complaint *complaint) MUST_CHECK;
/* A field that requests get from, or send to, whoever decides about them. */
bool rule_auth_field(struct span text, struct complaint *complaint) MUST_CHECK;

#endif
