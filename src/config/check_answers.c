/* What is wrong in what sites and routes say of answers (struct answers_settings), and in a route's
 * own limits of time. */
#include "config/check_internal.h"

static void error_at(const struct checker *checker, struct place place, const char *text,
                     const char *hint)
{
    config_report_add(checker->report, CONFIG_ERROR, place, "%s", text);
    config_report_hint(checker->report, "%s", hint);
}

static void check_hsts(const struct checker *checker, const struct hsts_settings *hsts)
{
    const uint64_t year_ms = UINT64_C(365) * 24 * 60 * 60 * 1000;

    if (hsts->preload && (!hsts->subdomains || hsts->max_age_ms < year_ms)) {
        error_at(checker, check_place(checker, &hsts->preload, hsts->place),
                 "'preload' is for names with 'subdomains' and a 'max_age' of a year or more",
                 "say hsts: { max_age: 730d, subdomains: true, preload: true }, or leave it out");
    }
}

static void check_cookies(const struct checker *checker, const struct cookies_settings *cookies)
{
    if (cookies->secure == COOKIE_SECURE_KEEP && cookies->same_site == COOKIE_SAME_SITE_KEEP &&
        !cookies->http_only && !config_report_has_errors(checker->report)) {
        error_at(checker, cookies->place, "these cookies stay as they are",
                 "say 'secure', 'same_site' or 'http_only'");
    }
}

/* Anybody's page could act as the user, and read what comes of it. */
static void check_cors(const struct checker *checker, const struct cors_settings *cors)
{
    for (size_t i = 0; i < cors->origins.count && cors->credentials; i++) {
        if (strcmp(cors->origins.items[i], "*") == 0) {
            error_at(checker, check_place(checker, &cors->credentials, cors->place),
                     "'credentials' for the pages of all origins",
                     "name the origins that may act as the user, for example origins: "
                     "[\"https://app.example.com\"]");
            return;
        }
    }
}

static void check_errors(const struct checker *checker, const struct errors_settings *errors)
{
    for (size_t i = 0; i < ERROR_PAGES; i++) {
        if (errors->pages[i] != NULL || config_report_has_errors(checker->report)) {
            return;
        }
    }
    error_at(checker, errors->place, "'errors' without a page",
             "say for example errors: { 404: 404.html, 5xx: sorry.html }");
}

static void check_answers(const struct checker *checker, const struct answers_settings *answers)
{
    if (answers->hsts != NULL) {
        check_hsts(checker, answers->hsts);
    }
    if (answers->cors != NULL) {
        check_cors(checker, answers->cors);
    }
    if (answers->errors != NULL) {
        check_errors(checker, answers->errors);
    }
    if (answers->cookies != NULL) {
        check_cookies(checker, answers->cookies);
    }
}

static bool has_times_of_servers(const struct checker *checker,
                                 const struct route_timeouts_settings *own)
{
    return check_is_given(checker, &own->tunnel_idle_ms) ||
           check_is_given(checker, &own->response_ms) ||
           check_is_given(checker, &own->stream_idle_ms) ||
           check_is_given(checker, &own->body_ms) || check_is_given(checker, &own->request_ms);
}

void check_route_answers(const struct checker *checker, const struct route_settings *route)
{
    check_answers(checker, &route->answers);
    if (route->backend != NULL) {
        return;
    }
    if (route->early_hints.count != 0) {
        error_at(checker, check_place(checker, &route->early_hints, route->place),
                 "'early_hints' in a route without 'backend'",
                 "what is answered here is there at once: remove them, or say Link in "
                 "'response_fields'");
    }
    if (route->timeouts != NULL && has_times_of_servers(checker, route->timeouts)) {
        error_at(checker, route->timeouts->place, "'timeouts' in a route without 'backend'",
                 "all but 'send' are about its servers: remove them, or say 'timeouts' of the "
                 "file");
    }
    if (route->answers.cookies != NULL) {
        error_at(checker, route->answers.cookies->place, "'cookies' in a route without 'backend'",
                 "they are about what servers set: remove them");
    }
}

void check_site_answers(const struct checker *checker, const struct site_settings *site)
{
    check_answers(checker, &site->answers);
    if (site->answers.hsts != NULL && site->answers.hsts->state == HSTS_ON && site->tls == NULL) {
        config_report_add(checker->report, CONFIG_WARNING, site->answers.hsts->place,
                          "'hsts' in a site without 'tls'");
        config_report_hint(checker->report, "it is told only behind a proxy of 'trusted_proxies' "
                                            "that takes TLS off");
    }
}
