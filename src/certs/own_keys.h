/* The private keys that a configuration names: of sites, and of our own certificates towards
 * servers. Folders of certificates have theirs besides. */
#ifndef TIDEGATE_CERTS_OWN_KEYS_H
#define TIDEGATE_CERTS_OWN_KEYS_H

#include <stdbool.h>

#include "settings/settings.h"

/* key: the member of the settings, by which its place is known; never one that is not given. */
typedef void own_key_fn(void *arg, const char *const *key);
void own_keys_each(const struct settings *settings, own_key_fn *each, void *arg);
/* Whether any of them is in a token (base/key_uri.h). */
bool own_keys_need_module(const struct settings *settings);

#endif
