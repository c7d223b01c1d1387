#include "cli/route_access.h"

#include "access/phase_access.h"
#include "base/clock.h"
#include "cli/route_auth.h"
#include "config/places.h"

/* Where whoever says nothing of himself is sent; NULL: nowhere. */
static const char *sign_in_of(const struct auth_settings *auth)
{
    if (auth->oidc != NULL) {
        return auth->oidc->issuer;
    }
    return auth->forward != NULL ? auth->forward->sign_in : NULL;
}

const char *route_auth_text(const struct route_settings *route, struct arena *arena)
{
    const struct auth_settings *auth = route->auth;

    if (!settings_has_auth(route)) {
        return NULL;
    }
    if (route->signs_in != NULL) {
        return "of the method that it belongs to";
    }
    return arena_printf(
        arena, "by %s; %s", route_auth_words(auth, arena),
        auth->mode == AUTH_MODE_OPTIONAL ? "who says nothing is nobody"
        : sign_in_of(auth) != NULL
            ? arena_printf(arena, "browsers are sent to %s, others get 401", sign_in_of(auth))
            : "others get 401");
}

const char *route_respond_text(const struct route_settings *route, struct arena *arena)
{
    const struct oidc_settings *oidc = route->signs_in;

    if (oidc == NULL && route->respond->close) {
        return "no answer: the connection is reset";
    }
    if (oidc == NULL) {
        return arena_printf(arena, "status %u, %s", route->respond->status,
                            route->respond->echo ? "the request as JSON"
                                                 : "a text of the configuration");
    }
    return arena_printf(arena, "the %s of oidc with %s",
                        strcmp(route->match.path, oidc->callback) == 0   ? "callback"
                        : strcmp(route->match.path, oidc->sign_out) == 0 ? "sign-out"
                                                                         : "back channel",
                        oidc->issuer);
}

/* Rules of a site or a route, with files as they are now. */
struct asked_rules {
    struct access_files files;
    struct access_sources sources;
    struct error error;
    struct access_plan plan;
};

static void add_list(struct asked_rules *rules, const struct access_settings *settings,
                     const char *name, struct arena *arena)
{
    rules->plan.lists[rules->plan.count++] =
        access_list_build(settings, name, &rules->sources, arena);
}

static void say(struct route_access *access, const struct access_verdict *verdict,
                const struct settings *settings, const struct access_settings *from,
                struct arena *arena)
{
    struct access_refusal refusal;

    access->rule = verdict->rule;
    access->place =
        verdict->settings != NULL ? verdict->settings->place : config_place(settings, &from->rules);
    access->passes = verdict->outcome == ACCESS_ALLOWED;
    if (access->passes) {
        access->text = arena_printf(arena, "the rule '%s' lets it pass", verdict->rule);
        return;
    }
    refusal = access_refusal_of(verdict, arena);
    access->status = refusal.status;
    access->reason = refusal.reason;
    access->text = arena_printf(arena, "%u: %s", refusal.status, refusal.detail);
}

static void ask_rules(struct route_access *access, struct route_request *request,
                      const struct site_settings *site, const struct route_settings *route,
                      const struct edge_site *edge, const struct path *path)
{
    const struct settings *settings = request->settings;
    struct arena *arena = request->arena;
    bool has_site = site->access.is_given && route->site_access;
    struct match_facts facts = edge_facts(&request->edge, path->match, arena);
    struct access_facts more = {request->question->identity, request->edge.client,
                                request->question->at_s != 0 ? request->question->at_s
                                                             : clock_wall_s()};
    struct asked_rules rules = {.error = {""}};
    struct access_verdict verdict;

    rules.sources = (struct access_sources){&rules.files, settings->countries, &rules.error, false};
    if (has_site) {
        add_list(&rules, &site->access, site->name, arena);
    }
    if (route->access.is_given) {
        add_list(&rules, &route->access, route->name, arena);
    }
    if (rules.sources.has_failed) {
        access->text = arena_printf(arena, "the rules cannot be asked: %s", rules.error.text);
        access->reason = "access_unreadable";
    } else if (rules.plan.count != 0) {
        facts.more = &more;
        access_ask(&rules.plan, &facts, path, edge->paths, &verdict);
        say(access, &verdict, settings, has_site ? &site->access : &route->access, arena);
    }
    access_files_close(&rules.files);
}

struct route_access route_access_ask(struct route_request *request,
                                     const struct site_settings *site,
                                     const struct route_settings *route,
                                     const struct edge_site *edge, const struct path *path)
{
    bool has_rules = route->access.is_given || (site->access.is_given && route->site_access);
    struct route_access access = {.is_asked = has_rules || request->question->says_who,
                                  .passes = true};

    if (access.is_asked && settings_has_auth(route) && route->auth->mode != AUTH_MODE_OPTIONAL &&
        request->question->identity == NULL) {
        access.passes = false;
        access.status = 401;
        access.reason = "credentials_missing";
        access.text = "401: nobody says who sends it (--as user=NAME does)";
        access.place = route->auth->place;
    } else if (has_rules) {
        access.passes = false;
        ask_rules(&access, request, site, route, edge, path);
    }
    return access;
}

/* ---- connections ---- */

static const uint8_t *address_of(void *asker)
{
    return ((const struct route_question *)asker)->from;
}

struct route_access route_access_ask_connection(const struct settings *settings,
                                                const struct access_settings *given,
                                                const char *name,
                                                const struct route_question *question,
                                                struct arena *arena)
{
    struct route_access access = {.passes = true, .is_asked = given->is_given};
    struct access_facts more = {.wall_s = question->at_s != 0 ? question->at_s : clock_wall_s()};
    struct match_facts facts = {.is_https = true,
                                .address = address_of,
                                .asker = (void *)(uintptr_t)question,
                                .arena = arena,
                                .steps = MATCH_STEPS_MAX,
                                .more = &more};
    struct asked_rules rules = {.error = {""}};
    struct access_verdict verdict;

    if (!access.is_asked) {
        return access;
    }
    rules.sources = (struct access_sources){&rules.files, settings->countries, &rules.error, false};
    add_list(&rules, given, name, arena);
    if (rules.sources.has_failed) {
        access.passes = false;
        access.text = arena_printf(arena, "the rules cannot be asked: %s", rules.error.text);
        access.reason = "access_unreadable";
    } else {
        access_ask_connection(&rules.plan, &facts, &verdict);
        say(&access, &verdict, settings, given, arena);
        access.status = 0;
        if (!access.passes) {
            access.text = arena_printf(
                arena, "%s: the connection ends; a handshake with the alert access_denied",
                access_refusal_of(&verdict, arena).detail);
        }
    }
    access_files_close(&rules.files);
    return access;
}

/* ---- rates ---- */

static const char *add_rate(const char *text, const struct rate_settings *rate, struct arena *arena)
{
    const char *one = "";

    if (rate->requests != 0) {
        one = arena_printf(arena, "%llu in %llu ms", (unsigned long long)rate->requests,
                           (unsigned long long)rate->per_ms);
    }
    if (rate->at_once != 0) {
        one = arena_printf(arena, "%s%s%llu at once", one, one[0] != '\0' ? ", " : "",
                           (unsigned long long)rate->at_once);
    }
    return arena_printf(arena, "%s%s'%s': %s by %s%s", text != NULL ? text : "",
                        text != NULL ? "; " : "", rate->name, one, rate->by,
                        rate->dry_run ? " (dry run)" : "");
}

const char *route_rates_text(const struct site_settings *site, const struct route_settings *route,
                             struct arena *arena)
{
    const char *text = NULL;

    for (size_t i = 0; i < site->rate_count; i++) {
        text = add_rate(text, &site->rates[i], arena);
    }
    for (size_t i = 0; i < route->rate_count; i++) {
        text = add_rate(text, &route->rates[i], arena);
    }
    return text;
}
