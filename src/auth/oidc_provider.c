#include "auth/oidc_provider.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "jose/json_strict.h"

#define WELL_KNOWN "/.well-known/openid-configuration"

struct document {
    struct oidc_provider provider; /* first */
    atomic_uint references;
    uint64_t number;
    struct arena arena;
};

static struct document *document_of(const struct oidc_provider *provider)
{
    return (struct document *)(uintptr_t)CONTAINER_OF(provider, struct document, provider);
}

/* ---- read ---- */

/* NULL with an error. A URL that may be asked where the issuer was asked by `is_https`. */
static const char *read_url(const json_t *json, const char *name, bool is_https,
                            struct arena *arena, struct error *error)
{
    struct span text = json_strict_text(json, name);
    struct url url;

    if (text.ptr == NULL || !url_parse(text, &url)) {
        (void)error_set(error, "its '%s' is missing, or is no URL of at most %d bytes", name,
                        URL_MAX);
        return NULL;
    }
    if (is_https && !url.is_https) {
        (void)error_set(error, "its '%s' is not with https, as the issuer is", name);
        return NULL;
    }
    return arena_cstr(arena, text);
}

/* PKCE must not have been said to be done in another way alone (RFC 8414 section 2). */
static bool check_challenge(const json_t *json, struct error *error)
{
    const json_t *methods = json_object_get(json, "code_challenge_methods_supported");
    size_t i;
    const json_t *value;

    json_array_foreach(methods, i, value)
    {
        if (json_is_string(value) && strcmp(json_string_value(value), "S256") == 0) {
            return true;
        }
    }
    return json_array_size(methods) == 0 ||
           error_set(error, "its 'code_challenge_methods_supported' has no S256");
}

static bool read_document(const struct fetched_settings *settings, const json_t *json,
                          struct document *document, struct error *error)
{
    struct span issuer =
        span_head(span_from_cstr(settings->url), strlen(settings->url) - strlen(WELL_KNOWN));
    struct url url;
    bool is_https = url_parse(issuer, &url) && url.is_https;
    struct oidc_provider *provider = &document->provider;
    struct fetched_settings keys = *settings;
    struct span said = json_strict_text(json, "issuer");
    struct error ignored;

    /* An issuer that ends in '/' has one '/' less in the document's URL. */
    if (said.ptr == NULL ||
        (!span_eq(said, issuer) && !(said.len == issuer.len + 1 && said.ptr[issuer.len] == '/' &&
                                     span_starts_with(said, issuer)))) {
        return error_set(error, "its 'issuer' is another one: %.*s", SPAN_ARG(span_cut(said, 200)));
    }
    provider->sign_in = read_url(json, "authorization_endpoint", is_https, &document->arena, error);
    if (provider->sign_in == NULL) {
        return false;
    }
    provider->token = read_url(json, "token_endpoint", is_https, &document->arena, error);
    keys.url = read_url(json, "jwks_uri", is_https, &document->arena, error);
    if (provider->token == NULL || keys.url == NULL || !check_challenge(json, error)) {
        return false;
    }
    if (json_object_get(json, "end_session_endpoint") != NULL) {
        provider->sign_out =
            read_url(json, "end_session_endpoint", is_https, &document->arena, error);
        if (provider->sign_out == NULL) {
            return false;
        }
    }
    /* Few ask there: what is wrong with it is wrong for these alone. */
    provider->userinfo = read_url(json, "userinfo_endpoint", is_https, &document->arena, &ignored);
    provider->keys = key_source_open(&keys);
    return true;
}

const struct oidc_provider *oidc_provider_parse(const struct fetched_settings *settings,
                                                struct span text, struct error *error)
{
    static const struct json_bounds bounds = {.depth = 8, .values = 4096};
    static atomic_uint_fast64_t numbers;
    json_t *json = json_strict_object(text, &bounds, error);
    struct document *document;
    bool is_good;

    if (json == NULL) {
        return NULL;
    }
    document = xcalloc(1, sizeof(*document));
    atomic_init(&document->references, 1);
    document->number = atomic_fetch_add(&numbers, 1) + 1;
    arena_init(&document->arena, 1024);
    is_good = read_document(settings, json, document, error);
    json_decref(json);
    if (is_good) {
        return &document->provider;
    }
    oidc_provider_release(&document->provider);
    return NULL;
}

void oidc_provider_release(const struct oidc_provider *provider)
{
    struct document *document = provider != NULL ? document_of(provider) : NULL;

    if (document == NULL ||
        atomic_fetch_sub_explicit(&document->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    fetched_close(document->provider.keys);
    arena_destroy(&document->arena);
    free(document);
}

/* ---- fetched ---- */

static void *parse(const struct fetched_settings *settings, struct span text, struct error *error)
{
    return (void *)(uintptr_t)oidc_provider_parse(settings, text, error);
}

/* fetched_hold holds a lock: nothing here opens or closes others. */
static void *hold(void *object)
{
    struct document *document = document_of(object);

    (void)atomic_fetch_add_explicit(&document->references, 1, memory_order_relaxed);
    return object;
}

static void release(void *object)
{
    oidc_provider_release(object);
}

static uint64_t number(const void *object)
{
    return document_of(object)->number;
}

static const struct fetched_type type = {
    .what = "documents",
    .without = "nobody can sign in there",
    .accept = "application/json",
    .bytes_max = OIDC_DOCUMENT_MAX,
    .parse = parse,
    .hold = hold,
    .release = release,
    .number = number,
};

struct fetched *oidc_provider_open(const struct fetched_settings *settings, struct arena *arena)
{
    struct fetched_settings document = *settings;
    size_t len = strlen(settings->url);

    if (len != 0 && settings->url[len - 1] == '/') {
        len--;
    }
    document.url = arena_printf(arena, "%.*s" WELL_KNOWN, (int)len, settings->url);
    return fetched_open(&type, &document);
}

const struct oidc_provider *oidc_provider_hold(struct fetched *source)
{
    return fetched_hold(source);
}
