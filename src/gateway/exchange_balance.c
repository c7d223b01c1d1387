/* What an exchange says to the balancing of its backend: which requests belong together, and the
 * cookie by which they do. */
#include "edge/balance_key.h"
#include "gateway/exchange_internal.h"
#include "upstream/sticky.h"

static const struct balance_settings *balance_of(const struct exchange *x)
{
    return &x->route->settings->backend->balance;
}

void exchange_choose_key(struct exchange *x)
{
    const struct balance_settings *balance = balance_of(x);
    struct balance_facts facts = {
        .sni = span_from_cstr(x->link->sni),
        .request = &x->request,
        .path = x->path.match,
    };
    const struct client_view *view;

    if (!balance_has_key(balance)) {
        return;
    }
    if (!x->link->peer.is_unix) {
        facts.ip = x->link->peer.ip;
    }
    if (x->link->is_peer_trusted) {
        view = exchange_view(x);
        facts.ip = view->hop_count != 0 ? view->hops[view->hop_count - 1].ip : facts.ip;
    }
    x->call.lease.key = balance_key_of(balance_key_find(balance, &facts));
}

/* RFC 6265 section 4.1.1; Secure where the client would send it back. */
static void set_cookie(struct exchange *x, const struct balance_sticky_settings *sticky,
                       struct span token)
{
    static const char *const same_sites[] = {
        [SAME_SITE_LAX] = "Lax", [SAME_SITE_STRICT] = "Strict", [SAME_SITE_NONE] = "None"};
    const char *age = "";

    if (sticky->max_age_ms != 0) {
        age = arena_printf(&x->arena, "; Max-Age=%llu",
                           (unsigned long long)(sticky->max_age_ms / 1000));
    }
    http_fields_add(&x->response.fields, &x->arena, FIELD_SET_COOKIE, SPAN_OF("Set-Cookie"),
                    span_from_cstr(arena_printf(
                        &x->arena, "%s=%.*s; Path=/%s; HttpOnly%s; SameSite=%s", sticky->cookie,
                        SPAN_ARG(token), age, exchange_is_https(x) ? "; Secure" : "",
                        same_sites[sticky->same_site])));
}

void exchange_keep_server(struct exchange *x)
{
    const struct balance_settings *balance = balance_of(x);
    const struct lease *lease = &x->call.lease;
    const struct server *server = lease_server(lease);
    char text[STICKY_TOKEN_LEN];
    struct span token = span_make(text, sizeof(text));

    if (balance->strategy != BALANCE_STICKY || server == NULL) {
        return;
    }
    sticky_token(x->backend->sticky_key, x->backend->name, server->text, text);
    if (balance_key_of(token) != lease->key) {
        set_cookie(x, balance->sticky, token);
    }
}
