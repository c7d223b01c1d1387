/* What edge_decide is asked of an exchange, and how it learns who the client is. */
#include "access/phase_access.h"
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

static struct edge_request request_of(struct exchange *x, struct span path)
{
    struct link *link = x->link;

    return (struct edge_request){.hosts = x->listener->hosts,
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
                                 .asker = x};
}

void exchange_decide(struct exchange *x, struct span path, struct edge_decision *decision)
{
    struct edge_request request = request_of(x, path);

    edge_decide(&request, &x->arena, decision);
}

void exchange_ask_access(struct exchange *x, struct access_question *question)
{
    struct edge_request request = request_of(x, x->request.path);

    *question = (struct access_question){.facts = edge_facts(&request, x->path.match, &x->arena),
                                         .path = &x->path,
                                         .paths = x->site->edge->paths,
                                         .client = ask_client};
}

bool exchange_may_reach(struct exchange *x, const struct route *route, const struct path *path)
{
    struct access_question question;

    if (route->access == NULL) {
        return true;
    }
    exchange_ask_access(x, &question);
    question.path = path;
    return access_phase_allows(route->access, &question,
                               x->phases != NULL ? x->phases->identity : NULL);
}
