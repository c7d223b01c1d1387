/* The addresses of a name, asked for once: /etc/hosts first, then name servers, both families. For
 * names that are followed for as long as they are used: discovery/name_lookup.h.
 *
 * On one loop, whose thread alone may call what is here; nothing in it blocks, and a question costs
 * no thread. A lookup is ended by its answer or by lookup_cancel. */
#ifndef TIDEGATE_DNS_RESOLVER_H
#define TIDEGATE_DNS_RESOLVER_H

#include "dns/dns.h"
#include "dns/hosts.h"
#include "io/sock.h"

/* Addresses used of a name; more are left out. */
#define RESOLVER_ADDRESSES_MAX 8

struct resolver {
    struct loop *loop;
    struct hosts hosts;
    char *servers;   /* as in dns_options; NULL: resolv.conf's */
    struct dns *dns; /* NULL: not asked yet */
};

struct lookup;

struct lookup_result {
    struct sock_address items[RESOLVER_ADDRESSES_MAX]; /* those of IPv4 first */
    size_t count;                                      /* 0: see the error */
    struct error error;                                /* what went wrong, for a person */
};

/* servers: copied. */
void resolver_init(struct resolver *resolver, struct loop *loop, const char *servers);
/* No lookup is left that was not cancelled. Not from inside an answer. */
void resolver_free(struct resolver *resolver);

/* on_done is called, once, from the loop, never from inside this; the lookup is freed behind it.
 * The name is copied. */
struct lookup *lookup_start(struct resolver *resolver, const char *host, uint16_t port, void *owner,
                            void (*on_done)(void *owner, const struct lookup_result *result));
/* on_done is not called any more. Not after on_done; NULL is allowed. */
void lookup_cancel(struct lookup *lookup);

#endif
