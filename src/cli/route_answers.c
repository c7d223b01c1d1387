#include "cli/route_answers.h"

#include <string.h>

#include "config/serving.h"
#include "edge/error_pages.h"

struct lines {
    size_t wanted;
    size_t count;
    const char *text;
    const char **word;
    struct place *place;
};

static void add(struct lines *lines, const char *word, struct place place, const char *text)
{
    if (lines->count++ == lines->wanted) {
        lines->text = text;
        *lines->word = word;
        *lines->place = place;
    }
}

static const char *join(const struct string_list *list, struct arena *arena)
{
    const char *text = "";

    for (size_t i = 0; i < list->count; i++) {
        text = arena_printf(arena, "%s%s%s", text, i == 0 ? "" : ", ", list->items[i]);
    }
    return text;
}

static void add_timeouts(struct lines *lines, const struct route_timeouts_settings *own,
                         struct arena *arena)
{
    const char *response = own->response_ms == UINT64_MAX
                               ? ""
                               : arena_printf(arena, ", the head of a response %llu ms",
                                              (unsigned long long)own->response_ms);

    add(lines, "timeouts", own->place,
        arena_printf(arena, "tunnels may be silent for %llu ms, responses for %llu ms%s",
                     (unsigned long long)own->tunnel_idle_ms,
                     (unsigned long long)own->stream_idle_ms, response));
}

static void add_errors(struct lines *lines, const struct errors_settings *errors,
                       struct arena *arena)
{
    const char *text = "";

    for (size_t i = 0; i < ERROR_PAGES; i++) {
        if (errors->pages[i] != NULL) {
            text = arena_printf(arena, "%s%s%s", text, text[0] == '\0' ? "" : ", ",
                                error_page_status(i));
        }
    }
    add(lines, "errors", errors->place,
        arena_printf(arena, "%s have pages of their own%s", text,
                     errors->from_servers ? ", in place of what servers answer, too" : ""));
}

static void add_hsts(struct lines *lines, const struct hsts_settings *hsts, bool is_https,
                     struct arena *arena)
{
    add(lines, "hsts", hsts->place,
        hsts->state == HSTS_OFF ? "browsers are not told to insist on https"
        : !is_https             ? "told on answers by https alone"
                    : arena_printf(arena, "browsers are told to insist on https for %llu s%s%s",
                                   (unsigned long long)(hsts->max_age_ms / 1000),
                                   hsts->subdomains ? ", for all names below, too" : "",
                                   hsts->preload ? ", and may have it built in" : ""));
}

static void add_cookies(struct lines *lines, const struct cookies_settings *cookies, bool is_https,
                        struct arena *arena)
{
    static const char *const same_sites[] = {[COOKIE_SAME_SITE_LAX] = "Lax",
                                             [COOKIE_SAME_SITE_STRICT] = "Strict",
                                             [COOKIE_SAME_SITE_NONE] = "None"};
    bool has_same_site = cookies->same_site != COOKIE_SAME_SITE_KEEP;

    add(lines, "cookies", cookies->place,
        arena_printf(arena, "those of servers get%s%s%s%s",
                     cookies->secure != COOKIE_SECURE_ON ? ""
                     : is_https                          ? " Secure"
                                                         : " Secure where clients come by https",
                     has_same_site ? " SameSite=" : "",
                     has_same_site ? same_sites[cookies->same_site] : "",
                     cookies->http_only ? " HttpOnly" : ""));
}

/* Where there is something to be put right. */
static void add_locations(struct lines *lines, const struct route_settings *route)
{
    const struct rewrite_settings *rewrite = route->rewrite;
    bool has_prefix = rewrite != NULL && (rewrite->strip_prefix != NULL || rewrite->prefix != NULL);

    if (route->backend != NULL &&
        (has_prefix || route->backend->host_from != BACKEND_HOST_CLIENT)) {
        add(lines, "locations", route->place,
            route->answers.locations == LOCATIONS_OFF
                ? "what servers say of their own URLs goes on as it is"
                : "what servers say of their own URLs (Location, Domain and Path of cookies) is "
                  "put "
                  "right for the client");
    }
}

static void add_log(struct lines *lines, const struct log_rules_settings *log, struct arena *arena)
{
    static const char *const forms[] = {"json", "combined", "logfmt", "a template"};
    const char *text = "";

    for (size_t i = 0; i < log->outlet_count; i++) {
        const struct log_outlet_settings *one = &log->outlets[i];

        text = arena_printf(arena, "%s%s%s (%s)", text, i == 0 ? "lines go to " : ", ",
                            strcmp(one->name, "-") == 0 ? "standard output" : one->name,
                            forms[one->format]);
    }
    add(lines, "log", log->place, log->outlet_count != 0 ? text : "no lines in any log");
}

/* Whether it says anything of how many requests there may be, so that some wait. */
static bool has_limits(const struct backend_settings *backend)
{
    for (size_t i = 0; i < backend->server_count; i++) {
        if (backend->servers[i].max_requests != 0 || backend->servers[i].max_connections != 0) {
            return true;
        }
    }
    return backend->concurrency != NULL;
}

static void add_priority(struct lines *lines, const struct route_settings *route,
                         struct arena *arena)
{
    static const char *const words[] = {
        [PRIORITY_HIGH] = "high", [PRIORITY_NORMAL] = "normal", [PRIORITY_LOW] = "low"};
    const struct concurrency_settings *limit;
    const char *text;

    if (route->backend == NULL || !has_limits(route->backend)) {
        return;
    }
    limit = route->backend->concurrency;
    text = arena_printf(arena, "%s, in the line of %llu in front of the backend",
                        words[route->priority], (unsigned long long)route->backend->queue.size);
    if (limit != NULL) {
        unsigned share = route->priority == PRIORITY_HIGH     ? 100
                         : route->priority == PRIORITY_NORMAL ? limit->normal_share
                                                              : limit->low_share;
        text = arena_printf(
            arena, "%s, which has %u requests at once%s; %u %% of them while higher ones come",
            text, limit->max, limit->adapt == CONCURRENCY_FIXED ? "" : " at most, fewer by latency",
            share);
    }
    add(lines, "priority", limit != NULL ? limit->place : route->backend->place, text);
}

const char *route_answers_line(const struct site_settings *site, const struct route_settings *route,
                               bool is_https, size_t index, struct arena *arena, const char **word,
                               struct place *place)
{
    struct lines lines = {.wanted = index, .word = word, .place = place};
    const struct answers_settings answers = serving_answers(site, route);
    const struct cors_settings *cors = answers.cors;
    const struct maintenance_settings *maintenance = answers.maintenance;

    if (cors != NULL) {
        add(&lines, "cors", cors->place,
            arena_printf(arena,
                         "pages of %s may use the answers%s; preflights are answered here with 204",
                         join(&cors->origins, arena), cors->credentials ? ", as their users" : ""));
    }
    if (maintenance != NULL) {
        add(&lines, "maintenance", maintenance->place,
            maintenance->except.count != 0
                ? "all are answered 503, but for the clients of 'except'; for these:"
                : "all are answered 503; without it:");
    }
    if (answers.errors != NULL) {
        add_errors(&lines, answers.errors, arena);
    }
    if (answers.hsts != NULL) {
        add_hsts(&lines, answers.hsts, is_https, arena);
    }
    if (answers.cookies != NULL && route->backend != NULL) {
        add_cookies(&lines, answers.cookies, is_https, arena);
    }
    add_locations(&lines, route);
    if (route->timeouts != NULL) {
        add_timeouts(&lines, route->timeouts, arena);
    }
    if (route->early_hints.count != 0) {
        add(&lines, "early_hints", route->place,
            arena_printf(arena, "103 with %s", join(&route->early_hints, arena)));
    }
    if (route->log != NULL || site->log != NULL) {
        add_log(&lines, route->log != NULL ? route->log : site->log, arena);
    }
    if (route->grpc_web && route->backend != NULL) {
        add(&lines, "grpc_web", route->place,
            "gRPC-Web goes on as gRPC, and the answer is gRPC-Web again");
    }
    add_priority(&lines, route, arena);
    return lines.text;
}

const char *route_host_words(struct arena *arena, const struct backend_settings *backend)
{
    switch (backend->host_from) {
    case BACKEND_HOST_SERVER:
        return ", with the server's own Host";
    case BACKEND_HOST_NAMED:
        return arena_printf(arena, ", Host %s", backend->host);
    case BACKEND_HOST_CLIENT:
        break;
    }
    return "";
}
