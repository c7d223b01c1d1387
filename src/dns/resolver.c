#include "dns/resolver.h"

#include <stdlib.h>
#include <string.h>

/* Until a name server is asked again, or the next one is; and how often. */
enum { TIMEOUT_MS = 1500, TRIES = 3 };

enum { V4, V6, FAMILIES };

struct family {
    struct lookup *lookup;
    enum dns_type type;
    size_t count;
    uint8_t ips[RESOLVER_ADDRESSES_MAX][16];
    enum dns_how how;
    const char *problem; /* static */
};

struct lookup {
    struct resolver *resolver;
    char *host;
    uint16_t port;
    void *owner;
    void (*on_done)(void *owner, const struct lookup_result *result); /* NULL: cancelled */
    unsigned under_way; /* answers that will come, whoever waits */
    struct family families[FAMILIES];
    struct deferred telling;
};

void resolver_init(struct resolver *resolver, struct loop *loop, const char *servers)
{
    *resolver = (struct resolver){.loop = loop};
    resolver->servers = servers != NULL ? xstrdup(servers) : NULL;
    hosts_init(&resolver->hosts, HOSTS_FILE);
}

void resolver_free(struct resolver *resolver)
{
    dns_destroy(resolver->dns);
    resolver->dns = NULL;
    hosts_free(&resolver->hosts);
    free(resolver->servers);
    resolver->servers = NULL;
}

static void destroy(struct lookup *lookup)
{
    free(lookup->host);
    free(lookup);
}

/* ---- the end ---- */

static void add(struct lookup_result *result, const struct family *family, uint16_t port)
{
    for (size_t i = 0; i < family->count && result->count < RESOLVER_ADDRESSES_MAX; i++) {
        struct sock_address *item = &result->items[result->count++];
        *item = (struct sock_address){0};
        if (family->type == DNS_A) {
            item->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
            memcpy(&item->v4.sin_addr, family->ips[i], 4);
            item->len = sizeof(item->v4);
        } else {
            item->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
            memcpy(&item->v6.sin6_addr, family->ips[i], 16);
            item->len = sizeof(item->v6);
        }
    }
}

/* A failure says more than that there is nothing of a family. */
static const char *problem_of(const struct lookup *lookup)
{
    const struct family *v4 = &lookup->families[V4];
    const struct family *v6 = &lookup->families[V6];

    if (v4->how == DNS_FAILED || (v4->how == DNS_NO_NAME && v6->how != DNS_FAILED)) {
        return v4->problem;
    }
    return v6->how == DNS_NO_DATA && v4->how == DNS_NO_DATA ? "it has no address" : v6->problem;
}

static void on_tell(struct deferred *deferred)
{
    struct lookup *lookup = CONTAINER_OF(deferred, struct lookup, telling);
    struct lookup_result result = {0};

    for (unsigned i = 0; i < FAMILIES; i++) {
        add(&result, &lookup->families[i], lookup->port);
    }
    if (result.count == 0) {
        (void)error_set(&result.error, "cannot resolve %s: %s", lookup->host, problem_of(lookup));
    }
    lookup->on_done(lookup->owner, &result);
    destroy(lookup);
}

static void on_answer(void *owner, const struct dns_answer *answer)
{
    struct family *family = owner;
    struct lookup *lookup = family->lookup;

    family->how = answer->how;
    family->problem = answer->problem;
    for (size_t i = 0; answer->how == DNS_OK && i < answer->count; i++) {
        if (family->count < RESOLVER_ADDRESSES_MAX) {
            memcpy(family->ips[family->count++], answer->records[i].ip, 16);
        }
    }
    if (--lookup->under_way != 0) {
        return;
    }
    if (lookup->on_done == NULL) {
        destroy(lookup);
    } else {
        loop_defer(lookup->resolver->loop, &lookup->telling);
    }
}

/* ---- the question ---- */

static void ask(struct lookup *lookup, struct family *family)
{
    struct resolver *resolver = lookup->resolver;
    const struct dns_options options = {resolver->servers, TIMEOUT_MS, TRIES};
    struct dns_answer known;
    struct error error;

    if (hosts_find(&resolver->hosts, lookup->host, family->type, &known)) {
        on_answer(family, &known);
        return;
    }
    if (resolver->dns == NULL) {
        resolver->dns = dns_create(resolver->loop, &options, &error);
    }
    if (resolver->dns == NULL) {
        known = (struct dns_answer){.how = DNS_FAILED, .problem = "no name server can be asked"};
        on_answer(family, &known);
        return;
    }
    dns_ask(resolver->dns, lookup->host, family->type, family, on_answer);
}

struct lookup *lookup_start(struct resolver *resolver, const char *host, uint16_t port, void *owner,
                            void (*on_done)(void *owner, const struct lookup_result *result))
{
    struct lookup *lookup = xcalloc(1, sizeof(*lookup));

    lookup->resolver = resolver;
    lookup->host = xstrdup(host);
    lookup->port = port;
    lookup->owner = owner;
    lookup->on_done = on_done;
    lookup->under_way = FAMILIES;
    deferred_init(&lookup->telling, on_tell);
    for (unsigned i = 0; i < FAMILIES; i++) {
        lookup->families[i].lookup = lookup;
        lookup->families[i].type = i == V4 ? DNS_A : DNS_AAAA;
    }
    for (unsigned i = 0; i < FAMILIES; i++) { /* the second answer may come in here */
        ask(lookup, &lookup->families[i]);
    }
    return lookup;
}

void lookup_cancel(struct lookup *lookup)
{
    if (lookup == NULL) {
        return;
    }
    lookup->on_done = NULL;
    if (lookup->under_way == 0) {
        deferred_cancel(&lookup->telling);
        destroy(lookup);
    }
}
