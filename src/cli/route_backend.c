#include "cli/route_backend.h"

#include <string.h>

#include "cli/control_client.h"
#include "cli/route_answers.h"
#include "client/call_base.h"
#include "edge/balance_key.h"
#include "edge/retry.h"
#include "gateway/first_choice.h"
#include "http/message.h"
#include "settings/split_settings.h"

/* ---- how ---- */

const char *route_relay_text(const struct backend_settings *backend)
{
    return backend->tls != NULL ? "the client's bytes as they are, inside TLS of the gateway's own"
                                : "the client's bytes as they are";
}

const char *route_way_text(struct arena *arena, const struct backend_settings *backend)
{
    static const char *const protocols[] = {
        [BACKEND_H1] = "HTTP/1.1",
        [BACKEND_H2] = "HTTP/2",
        [BACKEND_AUTO] = "HTTP/2 or HTTP/1.1 (by ALPN)",
        [BACKEND_H2C] = "HTTP/2",
        [BACKEND_FASTCGI] = "FastCGI",
    };
    const char *protocol = protocols[backend->protocol];

    if (backend->tls == NULL) {
        return arena_printf(arena, "plain %s%s", protocol, route_host_words(arena, backend));
    }
    return arena_printf(
        arena, "%s over fresh %sTLS, the server's certificate %s%s%s", protocol,
        backend->tls->verify && backend->tls->certificate != NULL ? "two-way " : "",
        backend->tls->verify ? "verified" : "NOT verified",
        backend->tls->name_from_client ? " for the client's host, which is sent as SNI" : "",
        route_host_words(arena, backend));
}

const char *route_servers_text(struct arena *arena, const struct backend_settings *backend)
{
    const struct servers_from_settings *from = backend->servers_from;
    const char *text = "";

    for (size_t i = 0; i < backend->server_count; i++) {
        const struct server_settings *server = &backend->servers[i];

        text = arena_printf(arena, "%s%s%s", text, i == 0 ? "" : ", ", server->address.text);
        text = arena_printf(arena, "%s%s", text, server->backup ? " (backup)" : "");
        if (server->zone != NULL) {
            text = arena_printf(arena, "%s (zone %s)", text, server->zone);
        }
        if (server->weight != 1) {
            text = arena_printf(arena, "%s (weight %u)", text, server->weight);
        }
    }
    if (from != NULL) {
        text = arena_printf(arena, "%s%sthose that %s lists", text,
                            backend->server_count != 0 ? ", " : "",
                            from->file != NULL ? from->file : from->url);
    }
    return text;
}

const char *route_how_chosen(struct arena *arena, const struct balance_settings *balance)
{
    static const char *const words[] = {
        [BALANCE_ROUND_ROBIN] = "round robin over ",
        [BALANCE_LEAST_REQUESTS] = "the one with the fewest requests of ",
        [BALANCE_RANDOM_OF_TWO] = "the emptier of two drawn from ",
        [BALANCE_EWMA] = "the sooner of two drawn, by latency and requests, from ",
        [BALANCE_FIRST] = "the first that has room of ",
    };

    if (balance_has_key(balance)) {
        return arena_printf(arena, "by %s one of ", balance_key_words(balance, arena));
    }
    return words[balance->strategy];
}

/* ---- again ---- */

static void add(struct strbuf *text, const char *what)
{
    strbuf_add_cstr(text, text->len != 0 ? ", " : "");
    strbuf_add_cstr(text, what);
}

/* What no server has acted on. */
static void add_unseen(struct strbuf *text, unsigned on)
{
    if ((on & RETRY_ON_CONNECT) != 0) {
        add(text, "if no connection can be made");
    }
    if ((on & RETRY_ON_REFUSED_STREAM) != 0) {
        add(text, "if a server declines it unseen");
    }
}

/* What one may have. */
static void add_seen(struct strbuf *text, const struct call_retries *retries)
{
    static const struct {
        unsigned on;
        const char *word;
    } statuses[] = {{RETRY_ON_502, "502"}, {RETRY_ON_503, "503"}, {RETRY_ON_504, "504"}};

    if ((retries->on & RETRY_ON_RESET) != 0) {
        add(text, "if the connection is lost before an answer");
    }
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        if ((retries->on & statuses[i].on) != 0) {
            add(text, "if the answer is ");
            strbuf_add_cstr(text, statuses[i].word);
        }
    }
    if ((retries->on & RETRY_ON_TIMEOUT) != 0) {
        add(text, "");
        strbuf_printf(text, "if there is none within %llu ms",
                      (unsigned long long)retries->per_try_ms);
    }
}

static struct call_retries terms_of(const struct retries_settings *retries)
{
    struct call_retries terms = call_retries_usual;

    if (retries != NULL) {
        terms.on = retries->on_bits;
        terms.times = retries->times;
        terms.budget = retries->budget;
        terms.per_try_ms = retries->per_try_ms;
        terms.is_harmless = retries->any_method;
    }
    return terms;
}

const char *route_retries_text(const struct retries_settings *retries, struct span method,
                               struct arena *arena)
{
    const struct call_retries terms = terms_of(retries);
    enum http_method known = http_method_from(method);
    bool may_twice = terms.is_harmless || http_method_is_idempotent(known, method);
    const char *said;
    struct strbuf text;

    strbuf_init(&text);
    add_unseen(&text, terms.on);
    if (may_twice && terms.times != 0) {
        add_seen(&text, &terms);
    }
    said = text.len == 0
               ? "to no other server"
               : arena_printf(arena, "to another server %.*s", SPAN_ARG(strbuf_span(&text)));
    strbuf_free(&text);
    if (may_twice && terms.times != 0) {
        said = arena_printf(arena, "%s; %u time%s at most, and %u to 100 requests", said,
                            terms.times, terms.times == 1 ? "" : "s", terms.budget);
    } else {
        said = arena_printf(arena, "%s; never where a server may have acted on it", said);
    }
    if (retries != NULL && retries->hedge != NULL && (known == HTTP_GET || known == HTTP_HEAD)) {
        said = arena_printf(arena, "%s; a second server is asked beside the first after %s", said,
                            retries->hedge->after);
    }
    return said;
}

/* ---- first ---- */

const char *route_first_text(const struct backend_settings *backend,
                             const struct balance_facts *facts, struct arena *arena)
{
    struct span key = {0};
    const char *server;

    if (balance_has_key(&backend->balance)) {
        key = balance_key_find(&backend->balance, facts);
    }
    server = first_choice(backend, key, arena);
    if (server == NULL) {
        return NULL;
    }
    return key.ptr == NULL ? arena_printf(arena, "%s, if it is well and has room", server)
                           : arena_printf(arena, "%s, if it is well: by the key '%.*s'", server,
                                          SPAN_ARG(span_cut(key, 100)));
}

/* ---- now ---- */

json_t *route_servers_now(const struct settings *settings, const struct backend_settings *backend)
{
    struct error error;
    bool is_asked = settings->control != NULL && strcmp(settings->control, "off") != 0;
    json_t *status = is_asked ? control_get_json(settings->control, "/status", &error) : NULL;
    json_t *servers = NULL;
    json_t *one;
    size_t i;

    json_array_foreach(json_object_get(status, "backends"), i, one)
    {
        if (strcmp(control_text(one, "name"), backend->name) == 0) {
            servers = json_incref(json_object_get(one, "servers"));
            break;
        }
    }
    json_decref(status);
    return servers;
}

const char *route_server_state(const json_t *server)
{
    const char *order = control_text(server, "order");

    return order[0] != '\0' && strcmp(order, "enabled") != 0 ? order
                                                             : control_text(server, "state");
}

const char *route_split_text(const struct route_settings *route, size_t part, struct arena *arena)
{
    const struct split_part_settings *it = &route->split[part];
    const char *how = route->split_sticky != NULL ? "by the cookie "
                      : route->split_by != NULL   ? "by a key of the request"
                                                  : "at random; what follows is the first's";

    if (part != 0) {
        return arena_printf(arena, "weight %u to '%s'", it->weight, it->backend->name);
    }
    return arena_printf(arena, "weight %u to '%s', %s%s", it->weight, it->backend->name, how,
                        route->split_sticky != NULL ? route->split_sticky->cookie : "");
}
