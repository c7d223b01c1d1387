/* A DNS client on a loop: asks name servers, and nothing in it blocks. The only place that knows
 * c-ares, which sends the questions (ids and ports at random), asks again and elsewhere when no
 * answer comes, and over TCP when one is cut; what answers say is read by dns/dns_answer.h.
 *
 * One thread only, that of the loop. */
#ifndef TIDEGATE_DNS_DNS_H
#define TIDEGATE_DNS_DNS_H

#include "base/error.h"
#include "dns/dns_answer.h"
#include "io/loop.h"

struct dns;

struct dns_options {
    /* "192.0.2.1:53", "[2001:db8::1]:53", with a comma between; NULL: those of resolv.conf, which
     * is read again when it has changed. */
    const char *servers;
    unsigned timeout_ms; /* until the next server, or the same one again, is asked */
    unsigned tries;      /* of each server */
};

/* NULL with the error. The options are copied. */
struct dns *dns_create(struct loop *loop, const struct dns_options *options,
                       struct error *error) MUST_CHECK;
/* Whoever still waits is told DNS_FAILED. Not from inside an answer. NULL is allowed. */
void dns_destroy(struct dns *dns);
/* `on_answer` is called once: from the loop, or from inside this call. The answer is valid until it
 * returns. A name without a dot, or as resolv.conf says ("ndots"), is looked for in the domains of
 * "search" too. */
void dns_ask(struct dns *dns, const char *name, enum dns_type type, void *owner,
             void (*on_answer)(void *owner, const struct dns_answer *answer));

#endif
