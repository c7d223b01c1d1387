/* Keys of an issuer that are fetched from its URL (auth/fetched.h). */
#ifndef TIDEGATE_AUTH_KEY_SOURCE_H
#define TIDEGATE_AUTH_KEY_SOURCE_H

#include "auth/fetched.h"
#include "jose/jwk_set.h"

struct fetched *key_source_open(const struct fetched_settings *settings);
/* A reference for the caller; NULL: there were none yet. */
struct jwk_set *key_source_keys(struct fetched *source) MUST_CHECK;

#endif
