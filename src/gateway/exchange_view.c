/* The exchange's request as its client sees it: what edge/client_view.h needs to know of the
 * connection. */
#include <stdio.h>

#include "certs/networks.h"
#include "gateway/exchange_internal.h"

static bool is_trusted(const void *settings, const uint8_t ip[16])
{
    struct peer peer = {.is_unix = false};

    memcpy(peer.ip, ip, sizeof(peer.ip));
    return networks_trust(settings, &peer);
}

struct span exchange_peer(struct exchange *x)
{
    char text[SOCK_TEXT_MAX];

    if (x->peer.ptr == NULL) {
        bool has_address = !x->link->peer.is_unix;
        size_t len = has_address ? peer_ip_text(&x->link->peer, text) : 0;
        x->peer = arena_copy(&x->arena, span_make(text, len));
    }
    return x->peer;
}

const struct client_view *exchange_view(struct exchange *x)
{
    struct link *link = x->link;

    if (!x->has_view) {
        struct client_view_from from = {
            .peer = exchange_peer(x),
            .peer_port = link->peer.port,
            .is_tls = link->is_tls,
            .authority = x->request.authority,
            .authority_port = x->request.port,
            .fields = link->is_peer_trusted ? &x->request.fields : NULL,
            .address_field = x->settings->client_address_from != NULL
                                 ? span_from_cstr(x->settings->client_address_from)
                                 : SPAN_OF(""),
            .is_trusted = is_trusted,
            .context = x->settings,
        };
        client_view_read(&from, &x->arena, &x->view);
        x->has_view = true;
    }
    return &x->view;
}

bool exchange_is_https(struct exchange *x)
{
    return x->link->is_peer_trusted ? exchange_view(x)->is_https : x->link->is_tls;
}

bool exchange_client_ip(struct exchange *x, uint8_t ip[16])
{
    if (x->link->is_peer_trusted && exchange_view(x)->hop_count != 0) {
        memcpy(ip, x->view.hops[x->view.hop_count - 1].ip, 16);
        return true;
    }
    memcpy(ip, x->link->peer.ip, 16);
    return !x->link->peer.is_unix;
}

struct span exchange_client_text(struct exchange *x, char text[SOCK_TEXT_MAX])
{
    const struct client_view *view;
    int len;

    if (!x->link->is_peer_trusted || exchange_view(x)->hop_count == 0) {
        return span_make(text, peer_text(&x->link->peer, text));
    }
    view = &x->view;
    if (view->client_port == 0) {
        return view->address;
    }
    len = snprintf(text, SOCK_TEXT_MAX,
                   span_find(view->address, ':') == view->address.len ? "%.*s:%u" : "[%.*s]:%u",
                   SPAN_ARG(view->address), view->client_port);
    return span_make(text, (size_t)len);
}
