#include "config/sign_in_routes.h"

#include <string.h>

#include "config/places.h"

#define PATHS 3
/* Of a logout token, in a form; all else has no body. */
#define BODY_MAX (UINT64_C(32) * 1024)

struct methods {
    struct auth_settings **items;
    size_t count;
};

static bool is_same_text(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

/* Whether two say the same of who signs in where, so that one's paths and cookies are the other's:
 * as where a site has it for all, and a route in another mode. */
static bool is_same(const struct oidc_settings *one, const struct oidc_settings *other)
{
    const char *const texts[][2] = {
        {one->issuer, other->issuer},
        {one->client_id, other->client_id},
        {one->client_secret, other->client_secret},
        {one->ca, other->ca},
        {one->callback, other->callback},
        {one->sign_out, other->sign_out},
        {one->back_channel, other->back_channel},
        {one->signed_out, other->signed_out},
        {one->cookie, other->cookie},
        {one->session.keys, other->session.keys},
        {one->pass_token, other->pass_token},
    };
    bool is_alike = one->client_auth == other->client_auth && one->userinfo == other->userinfo &&
                    one->session.rotate_ms == other->session.rotate_ms &&
                    one->session.total_ms == other->session.total_ms;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        is_alike = is_alike && is_same_text(texts[i][0], texts[i][1]);
    }
    return is_alike;
}

static void add(struct methods *methods, struct auth_settings *auth)
{
    if (auth == NULL || auth->mode == AUTH_MODE_OFF || auth->oidc == NULL) {
        return;
    }
    for (size_t i = 0; i < methods->count; i++) {
        if (methods->items[i] == auth || is_same(methods->items[i]->oidc, auth->oidc)) {
            return;
        }
    }
    methods->items[methods->count++] = auth;
}

/* What the provider says to the callback is for nobody else. */
static struct log_rules_settings *make_log(struct arena *arena)
{
    static const char *hidden[] = {"code", "state"};
    struct log_rules_settings *log = arena_calloc(arena, sizeof(*log));

    log->redact = (struct string_list){hidden, ARRAY_LEN(hidden)};
    return log;
}

static void make_route(struct settings *settings, const struct site_settings *site,
                       struct auth_settings *auth, const char *path, struct route_settings *route)
{
    struct respond_settings *respond = arena_calloc(&settings->arena, sizeof(*respond));

    /* Its phase answers before that. */
    *respond = (struct respond_settings){.status = 200, .body = "", .place = auth->oidc->place};
    *route =
        (struct route_settings){.match = {.path = path},
                                .respond = respond,
                                .auth = auth,
                                .signs_in = auth->oidc,
                                .body_limit = BODY_MAX,
                                .response_limit = UINT64_MAX,
                                .access_log = site->access_log,
                                .security_fields = site->security_fields,
                                .answers = {.locations = site->answers.locations},
                                .on_client_close = site->on_client_close,
                                .log = make_log(&settings->arena),
                                .site_access = !site->access.is_given,
                                .name = arena_printf(&settings->arena, "%s/sign-in", site->name),
                                .place = auth->oidc->place};
    places_add(settings->places, &route->respond, auth->oidc->place);
}

void sign_in_routes_add(struct settings *settings, struct site_settings *site)
{
    size_t size = site->route_count * sizeof(*site->routes);
    struct methods methods = {
        arena_alloc(&settings->arena, (site->route_count + 1) * sizeof(struct auth_settings *)), 0};
    struct route_settings *all;

    add(&methods, site->auth);
    for (size_t i = 0; i < site->route_count; i++) {
        add(&methods, site->routes[i].auth);
    }
    if (methods.count == 0) {
        return;
    }
    all = arena_calloc(&settings->arena, PATHS * methods.count * sizeof(*all) + size);
    if (size != 0) {
        memcpy(&all[PATHS * methods.count], site->routes, size);
        places_move(settings->places, site->routes, size, &all[PATHS * methods.count]);
    }
    for (size_t i = 0; i < methods.count; i++) {
        const struct oidc_settings *oidc = methods.items[i]->oidc;
        const char *const paths[PATHS] = {oidc->callback, oidc->sign_out, oidc->back_channel};
        for (size_t p = 0; p < PATHS; p++) { /* the site's `access` may ask who it is */
            make_route(settings, site, methods.items[i], paths[p], &all[PATHS * i + p]);
        }
    }
    site->routes = all;
    site->route_count += PATHS * methods.count;
}
