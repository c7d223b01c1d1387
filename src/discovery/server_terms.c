#include "discovery/server_terms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A name, brackets and a port. */
#define SERVER_HOST_MAX 300

/* ---- what they have in common ---- */

/* As the configuration says, with lengths, so that no two differ in their commas alone. */
static const char *say(struct arena *arena, const char *said, const char *text)
{
    return text != NULL ? arena_printf(arena, "%s%zu:%s,", said, strlen(text), text)
                        : arena_printf(arena, "%s-,", said);
}

static const char *say_trust(struct arena *arena, const struct backend_tls_settings *tls)
{
    const char *said = arena_printf(arena, "%d%d", tls->verify, (int)tls->min_version);

    said = say(arena, said, tls->verify ? tls->ca : NULL);
    said = say(arena, said, tls->crl);
    for (size_t i = 0; i < tls->pins.count; i++) {
        said = say(arena, said, tls->pins.items[i]);
    }
    return said;
}

static const char *say_talk(struct arena *arena, const char *said,
                            const struct check_connect_settings *check)
{
    return check != NULL ? say(arena, say(arena, said, check->send), check->expect) : said;
}

/* Servers that are asked differently are different ones to us: each has its own health. */
static const char *say_check(struct arena *arena, const struct backend_settings *backend)
{
    const struct health_check_settings *check = backend->health_check;
    const char *said;

    if (check == NULL) {
        return NULL;
    }
    said = arena_printf(arena, "%d%d,%llu,%llu,%u,", check->tcp != NULL, check->tls != NULL,
                        (unsigned long long)check->interval_ms,
                        (unsigned long long)check->timeout_ms, check->port);
    said = say_talk(arena, say_talk(arena, said, check->tcp), check->tls);
    if (check->grpc != NULL) {
        said = say(arena, said, check->grpc->service);
    }
    if (check->http != NULL) {
        const struct check_http_settings *http = check->http;
        said = say(arena, say(arena, say(arena, said, http->method), http->path), http->host);
        said = say(arena, say(arena, said, backend->host), http->body);
        said = say(arena, said, http->body_regex);
        for (size_t i = 0; i < http->expect.count; i++) {
            said = say(arena, said, http->expect.items[i]);
        }
        for (size_t i = 0; i < http->field_count; i++) {
            said = say(arena, say(arena, said, http->fields[i].name), http->fields[i].value);
        }
    }
    return said;
}

static struct health_terms health_terms_of(const struct backend_settings *backend)
{
    const struct health_check_settings *check = backend->health_check;
    struct health_terms terms = {
        .failures = backend->outliers.failures,
        .eject_us = backend->outliers.eject_ms * 1000,
        .eject_max_us = backend->outliers.eject_max_ms * 1000,
    };

    if (check != NULL) {
        terms.rise = check->rise;
        terms.fall = check->fall;
        terms.assumes_down = check->assume == HEALTH_ASSUME_DOWN;
    }
    return terms;
}

static const char *say_identity(struct arena *arena, const struct backend_tls_settings *tls)
{
    return say(arena, say(arena, "", tls->certificate), tls->key);
}

static struct server_own_terms *own_terms_of(const struct backend_settings *backend,
                                             struct arena *arena)
{
    struct server_own_terms *own = arena_calloc(arena, (backend->server_count + 1) * sizeof(*own));

    for (size_t i = 0; i < backend->server_count; i++) {
        const struct backend_tls_settings *tls = backend->servers[i].tls;
        if (tls != NULL) {
            own[i] = (struct server_own_terms){.server_name = tls->server_name,
                                               .identity = say_identity(arena, tls),
                                               .trust = say_trust(arena, tls)};
        }
    }
    return own;
}

struct server_terms server_terms_of(const struct backend_settings *backend, struct arena *arena)
{
    const struct backend_tls_settings *tls = backend->tls;
    struct server_terms terms = {
        .protocol = (enum backend_protocol)backend->protocol,
        .zone = backend->gateway_zone,
        .check = say_check(arena, backend),
        .health = health_terms_of(backend),
        .servers = backend->servers,
        .server_count = backend->server_count,
        .own = own_terms_of(backend, arena),
    };

    if (tls != NULL) {
        terms.has_tls = true;
        terms.server_name = tls->server_name;
        terms.is_named_by_client = tls->name_from_client;
        terms.identity = say_identity(arena, tls);
        terms.trust = say_trust(arena, tls);
    }
    return terms;
}

/* ---- one ---- */

static unsigned rank_of(const struct server_terms *terms, const struct server_settings *settings)
{
    bool is_near =
        terms->zone == NULL || (settings->zone != NULL && strcmp(settings->zone, terms->zone) == 0);

    if (settings->backup) {
        return is_near ? SERVER_BACKUP : SERVER_BACKUP_ELSEWHERE;
    }
    return is_near ? SERVER_OF_ZONE : SERVER_ELSEWHERE;
}

/* 0 is none. */
static unsigned lower_limit(unsigned a, unsigned b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* By its number less one; 0: it has no TLS of its own. */
static size_t own_number(const struct server_terms *terms, const struct server_settings *settings)
{
    for (size_t i = 0; settings->tls != NULL && i < terms->server_count; i++) {
        if (&terms->servers[i] == settings) {
            return i + 1;
        }
    }
    return 0;
}

static struct server_own_terms own_or_usual(const struct server_terms *terms,
                                            const struct server_settings *settings)
{
    size_t number = own_number(terms, settings);

    return number != 0
               ? terms->own[number - 1]
               : (struct server_own_terms){terms->server_name, terms->identity, terms->trust};
}

static const char *name_for_tls(const struct server_terms *terms,
                                const struct server_settings *settings)
{
    const char *usual = own_or_usual(terms, settings).server_name;

    if (!terms->has_tls) {
        return NULL;
    }
    if (settings->server_name != NULL) {
        return settings->server_name;
    }
    if (terms->is_named_by_client && settings->tls == NULL) {
        return settings->address.kind == ADDRESS_NAME ? settings->address.host : "";
    }
    if (usual == NULL && settings->address.kind != ADDRESS_UNIX) {
        return settings->address.host;
    }
    return usual;
}

/* As it would be written in a URL: without the port that its scheme has. */
static const char *host_of(const struct server_terms *terms, const struct server_settings *settings,
                           const char *text, uint16_t port, char room[SERVER_HOST_MAX])
{
    const struct address_setting *address = &settings->address;
    const char *name =
        address->kind == ADDRESS_NAME ? address->host : name_for_tls(terms, settings);
    uint16_t usual = terms->has_tls ? 443 : 80;

    if (address->kind == ADDRESS_UNIX || address->kind == ADDRESS_SRV) {
        return name != NULL && address->host != name ? name
               : address->kind == ADDRESS_UNIX       ? "localhost"
                                                     : text;
    }
    if (address->kind != ADDRESS_NAME) {
        size_t len = strlen(text) - (port == usual ? strlen(strrchr(text, ':')) : 0);
        (void)snprintf(room, SERVER_HOST_MAX, "%.*s", (int)len, text);
    } else if (port == usual) {
        return address->host;
    } else {
        (void)snprintf(room, SERVER_HOST_MAX, "%s:%u", address->host, port);
    }
    return room;
}

static void grow(struct server_list *list)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity != 0 ? 2 * list->capacity : 8;
        list->items = xrealloc(list->items, list->capacity * sizeof(*list->items));
    }
}

bool server_list_add(struct server_list *list, const struct server_terms *terms,
                     const struct server_settings *settings, const char *ip, uint16_t port,
                     unsigned weight)
{
    const struct address_setting *address = &settings->address;
    const struct server_own_terms tls = own_or_usual(terms, settings);
    const struct endpoint_key key = {
        .host = ip != NULL ? ip : address->host,
        .is_unix = address->kind == ADDRESS_UNIX,
        .port = port,
        .tls_name = name_for_tls(terms, settings),
        .identity = tls.identity,
        .trust = tls.trust,
        .protocol = terms->protocol,
        .asked_for = settings->host,
        .check = terms->check,
        .health = terms->health,
    };
    struct endpoint *endpoint;
    char text[SOCK_TEXT_MAX];
    char host[SERVER_HOST_MAX];

    if (list->count == SERVER_SET_MAX) {
        list->left_out++;
        return true;
    }
    endpoint = endpoint_take(&key);
    if (endpoint == NULL) {
        return false;
    }
    if (ip != NULL) {
        (void)snprintf(text, sizeof(text), strchr(ip, ':') != NULL ? "[%s]:%u" : "%s:%u", ip, port);
    }
    grow(list);
    list->items[list->count++] = (struct server){
        .text = xstrdup(ip != NULL ? text : address->text),
        .host = xstrdup(host_of(terms, settings, ip != NULL ? text : address->text, port, host)),
        .weight = weight,
        .unit = 1,
        .own_host = settings->host,
        .own_tls = own_number(terms, settings),
        .is_named_by_client =
            terms->is_named_by_client && settings->tls == NULL && settings->server_name == NULL,
        .rank = rank_of(terms, settings),
        .max_in_use = lower_limit(settings->max_requests, settings->max_connections),
        .endpoint = endpoint,
    };
    return true;
}

static void forget_texts(struct server_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free((char *)(uintptr_t)list->items[i].text);
        free((char *)(uintptr_t)list->items[i].host);
    }
    free(list->items);
    *list = (struct server_list){0};
}

struct server_set *server_list_take(struct server_list *list, const char *problem)
{
    struct server_set *set = server_set_create(list->items, list->count, problem);

    forget_texts(list);
    return set;
}

void server_list_free(struct server_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        endpoint_release(list->items[i].endpoint);
    }
    forget_texts(list);
}
