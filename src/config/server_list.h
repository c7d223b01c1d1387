/* A list of servers that is no part of the configuration: a document that somebody else writes, and
 * that is read again when it has changed. YAML or JSON: a list of addresses, or of sections as
 * under `servers`; the same below a key `servers`; or text with an address on each line. */
#ifndef TIDEGATE_CONFIG_SERVER_LIST_H
#define TIDEGATE_CONFIG_SERVER_LIST_H

#include "base/error.h"
#include "settings/settings.h"

/* Bytes of such a document. */
#define SERVER_LIST_BYTES_MAX (1024 * 1024)

struct server_document {
    struct server_settings *servers;
    size_t count;              /* may be 0 */
    struct settings *settings; /* what they lie in */
};

/* False with what is wrong, where, and what to do. `folder`: of relative paths of Unix sockets. */
bool server_document_load(struct server_document *document, struct span text, const char *folder,
                          struct error *error) MUST_CHECK;
/* One that is zero is allowed. */
void server_document_free(struct server_document *document);

#endif
