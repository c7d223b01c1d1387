/* Routes that nobody has written: the paths that methods of `auth` answer in their sites. */
#ifndef TIDEGATE_CONFIG_SIGN_IN_ROUTES_H
#define TIDEGATE_CONFIG_SIGN_IN_ROUTES_H

#include "settings/settings.h"

/* Whether two say the same of who signs in where, so that one's paths and cookies are the other's:
 * as where a site has it for all, and a route in another mode. */
bool sign_in_is_same(const struct oidc_settings *one, const struct oidc_settings *other);
/* Puts those of each `oidc` of the site before its routes, which are finished otherwise. */
void sign_in_routes_add(struct settings *settings, struct site_settings *site);

#endif
