/* What requests, or connections that pass through, have in common that should get the same server:
 * the key of their backend's balancing. A pure function, without I/O. */
#ifndef TIDEGATE_EDGE_BALANCE_KEY_H
#define TIDEGATE_EDGE_BALANCE_KEY_H

#include "base/arena.h"
#include "base/span.h"
#include "http/message.h"
#include "settings/settings.h"

struct balance_facts {
    const uint8_t *ip;                  /* the client's, IPv4 mapped into IPv6; NULL: it has none */
    struct span sni;                    /* ptr NULL: none */
    const struct http_request *request; /* NULL: passed through */
    struct span path;                   /* of the request, as routes match it */
    /* Of who sends it; ptr NULL: it is not known. name NULL: the user, else a claim. NULL: nobody
     * is known. */
    struct span (*identity)(void *asker, const char *name);
    void *asker;
};

/* Whether requests have one at all. */
static inline bool balance_has_key(const struct balance_settings *balance)
{
    return balance->strategy >= BALANCE_SOURCE;
}

/* ptr NULL: they have none, or the backend asks for none. Points into the facts. An IPv6 address
 * counts by its network of 64 bits, in which its client may change the others (RFC 8981). */
struct span balance_key_find(const struct balance_settings *balance,
                             const struct balance_facts *facts);
/* What the key is, for people: "the cookie 'id'"; NULL: there is none. In the arena, or static. */
const char *balance_key_words(const struct balance_settings *balance, struct arena *arena);

#endif
