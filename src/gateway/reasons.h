/* All reasons that the access log can give, from the one table (observe/reason_table.h) and those
 * of the protocols. The log's lines, docs/failures.md and `tidegate help failures` come from here;
 * tests fail for a word that is not.
 *
 * Reasons of TLS handshakes have their own tables, by side (tls/handshake_error.h). Everything
 * lives as long as the process; any thread may ask. */
#ifndef TIDEGATE_GATEWAY_REASONS_H
#define TIDEGATE_GATEWAY_REASONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "observe/reason.h"

/* Every one but those of handshakes, in the order of their tables; NULL after the last. */
const struct reason *reasons_at(size_t i);
/* NULL: none has this word. Where two parts have it (the versions of HTTP do), the first one's. */
const struct reason *reasons_find(struct span word);
/* Whether it is the server that ends something for this reason. */
bool reasons_is_of_server(const char *word);
/* Whether it is that what a client sent is none of the protocol, or a flood. */
bool reasons_is_bad_request(const char *word);

#endif
