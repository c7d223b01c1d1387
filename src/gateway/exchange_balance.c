/* What an exchange says to the balancing of its backend: which requests belong together, and the
 * cookie by which they do. */
#include "auth/auth_identity.h"
#include "edge/balance_key.h"
#include "gateway/exchange_internal.h"
#include "upstream/sticky.h"

static const struct balance_settings *balance_of(const struct exchange *x)
{
    return &x->backend_settings->balance;
}

static struct span identity_part(void *asker, const char *name)
{
    struct exchange *x = asker;
    const struct auth_identity *identity = x->phases != NULL ? x->phases->identity : NULL;
    struct span value = {NULL, 0};

    if (identity != NULL) {
        value = name == NULL ? identity->user
                             : auth_identity_claim_text(identity, span_from_cstr(name), &x->arena);
    }
    return value.len != 0 ? value : span_make(NULL, 0);
}

uint64_t exchange_balance_key(struct exchange *x, const struct balance_settings *balance)
{
    struct balance_facts facts = {
        .ip = x->link->peer.is_unix ? NULL : x->link->peer.ip,
        .sni = span_from_cstr(x->link->sni),
        .request = &x->request,
        .path = x->path.match,
        .identity = identity_part,
        .asker = x,
    };

    if (x->link->is_peer_trusted) {
        const struct client_view *view = exchange_view(x);
        facts.ip = view->hop_count != 0 ? view->hops[view->hop_count - 1].ip : facts.ip;
    }
    return balance_key_of(balance_key_find(balance, &facts));
}

void exchange_choose_key(struct exchange *x)
{
    const struct balance_settings *balance = balance_of(x);

    if (balance_has_key(balance)) {
        x->call.lease.key = exchange_balance_key(x, balance);
    }
}

/* RFC 6265 section 4.1.1; Secure where the client would send it back. */
void exchange_set_sticky(struct exchange *x, const struct balance_sticky_settings *sticky,
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

static void keep_server(struct exchange *x, const struct balance_sticky_settings *sticky,
                        const struct server *server)
{
    char text[STICKY_TOKEN_LEN];
    struct span token = span_make(text, sizeof(text));

    sticky_token(x->backend->sticky_key, x->backend->name, server->text, text);
    if (balance_key_of(token) != x->call.lease.key) {
        exchange_set_sticky(x, sticky, token);
    }
}

void exchange_keep_server(struct exchange *x)
{
    const struct balance_settings *balance = balance_of(x);

    if (balance->strategy == BALANCE_STICKY && lease_server(&x->call.lease) != NULL) {
        keep_server(x, balance->sticky, lease_server(&x->call.lease));
    }
}
