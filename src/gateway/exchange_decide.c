/* What edge_decide is asked of an exchange, and how it learns who the client is. */
#include "edge/serve.h"
#include "gateway/client_identity.h"
#include "gateway/exchange_internal.h"

static const struct client_names *ask_client(void *asker)
{
    const struct exchange *x = asker;

    return client_identity_names(x->link);
}

static const uint8_t *ask_address(void *asker)
{
    struct exchange *x = asker;
    uint8_t *ip = arena_alloc(&x->arena, 16);

    return exchange_client_ip(x, ip) ? ip : NULL;
}

static struct span ask_authority(void *asker)
{
    return exchange_view(asker)->host;
}

void exchange_decide(struct exchange *x, struct span path, struct edge_decision *decision)
{
    struct link *link = x->link;

    edge_decide(&(struct edge_request){.hosts = x->listener->hosts,
                                       .connected = link->is_tls ? x->connected->edge : NULL,
                                       .is_https = exchange_is_https(x),
                                       .host = x->request.host,
                                       .path = path,
                                       .method = x->request.method_name,
                                       .message = &x->request,
                                       .is_peer_trusted = link->is_peer_trusted,
                                       .client = ask_client,
                                       .address = ask_address,
                                       .authority = ask_authority,
                                       .asker = x},
                &x->arena, decision);
}
