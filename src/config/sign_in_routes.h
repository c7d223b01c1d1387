/* Routes that nobody has written: the paths that methods of `auth` answer in their sites. */
#ifndef TIDEGATE_CONFIG_SIGN_IN_ROUTES_H
#define TIDEGATE_CONFIG_SIGN_IN_ROUTES_H

#include "settings/settings.h"

/* Puts those of each `oidc` of the site before its routes, which are finished otherwise. */
void sign_in_routes_add(struct settings *settings, struct site_settings *site);

#endif
