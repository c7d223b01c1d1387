/* All reasons that the access log can give, from the one table (reason_table.h) and those of the
 * protocols: what each means, who ends what in it, and what to do. The log's lines,
 * docs/failures.md and `tidegate help failures` come from here; tests fail for a word that is not.
 *
 * Reasons of TLS handshakes have their own tables, by side (tls/handshake_error.h); reason_find
 * knows their words through handshake_cause_at. Everything is static; any thread may ask. */
#ifndef TIDEGATE_GATEWAY_REASON_H
#define TIDEGATE_GATEWAY_REASON_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

enum reason_part {
    REASON_REQUEST, /* refused, though well-formed */
    REASON_CLIENT,
    REASON_SERVER,
    REASON_TUNNEL,
    REASON_HELLO, /* a ClientHello that is none */
    REASON_PATH,
    REASON_H1, /* malformed messages, of clients and servers */
    REASON_H2,
    REASON_FLOOD,
    REASON_PART_COUNT
};

struct reason {
    enum reason_part part;
    const char *who; /* "gateway", "client", "backend" or "network" */
    const char *word;
    const char *sentence;
    const char *mend;
};

/* Every one but those of handshakes, in the order of their tables; NULL after the last. */
const struct reason *reason_at(size_t i);
/* NULL: none has this word. Where two parts have it (the versions of HTTP do), the first one's. */
const struct reason *reason_find(struct span word);
/* Whether it is the server that ends something for this reason. */
bool reason_is_of_server(const char *word);

#endif
