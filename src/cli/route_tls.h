/* What `tidegate route` says of a site's TLS. */
#ifndef TIDEGATE_CLI_ROUTE_TLS_H
#define TIDEGATE_CLI_ROUTE_TLS_H

#include "base/arena.h"
#include "settings/settings.h"

/* Which certificates clients have to show. */
const char *route_clients_text(const struct tls_settings *tls);
/* Which ones they get. In the arena, or static. */
const char *route_certificates_text(const struct tls_settings *tls, struct arena *arena);

#endif
