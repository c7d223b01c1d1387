/* Which TLS library this is, and what it has: asked of the one that really runs, since versions are
 * no good guide to what a distribution has switched on. */
#ifndef TIDEGATE_TLS_TLS_LIBRARY_H
#define TIDEGATE_TLS_TLS_LIBRARY_H

#include <stdbool.h>

/* With its version: static texts. */
const char *tls_library_name(void);
const char *tls_library_built_with(void);
/* Whether it can agree on that group ("X25519MLKEM768"). */
bool tls_library_has_group(const char *name);

#endif
