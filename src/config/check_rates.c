/* What is wrong in what is said of how much may come. */
#include "config/check_internal.h"

static void add(const struct checker *checker, const void *member, const struct rate_settings *rate,
                const char *what, const char *hint)
{
    config_report_add(checker->report, CONFIG_ERROR, check_place(checker, member, rate->place),
                      "%s", what);
    config_report_hint(checker->report, "%s", hint);
}

static void check_rate(const struct checker *checker, const struct rate_settings *rate)
{
    if (rate->requests == 0 && rate->at_once == 0) {
        add(checker, &rate->requests, rate, "a rate says neither 'requests' nor 'at_once'",
            "for example { requests: 100, per: 1m }");
    }
    if (rate->requests == 0 && (check_is_given(checker, &rate->per_ms) || rate->burst != 0)) {
        add(checker, rate->burst != 0 ? &rate->burst : &rate->per_ms, rate,
            "'per' and 'burst' are about 'requests', which is not said",
            "for example { requests: 100, per: 1m }");
    }
    if (rate->kind == RATE_WINDOW && rate->burst != 0) {
        add(checker, &rate->burst, rate,
            "a window has no 'burst': all of 'requests' may come at once",
            "leave it out, or say kind: bucket");
    }
    if (rate->kind == RATE_WINDOW && rate->requests > (1U << 20) - 1) {
        add(checker, &rate->requests, rate, "a window counts up to 1048575 requests",
            "say kind: bucket, or a shorter 'per'");
    }
    if (rate->queue != 0 && (rate->at_once == 0 || rate->wait_ms == 0)) {
        add(checker, &rate->queue, rate, "'queue' needs 'at_once' and 'wait'",
            "for example { at_once: 10, queue: 20, wait: 5s }");
    }
    if (rate->wait_ms != 0 && rate->queue == 0 &&
        (rate->requests == 0 || rate->at_once != 0 || rate->kind == RATE_WINDOW)) {
        add(checker, &rate->wait_ms, rate,
            rate->at_once != 0 ? "'wait' with 'at_once' needs a 'queue'"
                               : "of a window nobody knows when its time comes: 'wait' is for "
                                 "kind: bucket",
            "for example { at_once: 10, queue: 20, wait: 5s }, or { requests: 10, wait: 2s }");
    }
    if (rate->only != NULL) {
        check_condition(checker, rate->only, "only");
    }
}

void check_rates(const struct checker *checker, const struct site_settings *site,
                 const struct rate_settings *rates, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_rate(checker, &rates[i]);
        if (rates[i].only != NULL) {
            check_match_clients(checker, site, rates[i].only);
        }
        for (size_t k = 0; k < i; k++) {
            if (rates[i].name != NULL && rates[k].name != NULL &&
                strcmp(rates[i].name, rates[k].name) == 0) {
                add(checker, &rates[i].name, &rates[i], "there is another rate of that name here",
                    "give it another one: what is counted goes by the name");
                break;
            }
        }
    }
}

void check_bans(const struct checker *checker)
{
    const struct settings *settings = checker->settings;
    const struct limits_settings *limits = &settings->limits;

    for (size_t i = 0; i < settings->ban_count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(settings->bans[i].name, settings->bans[k].name) == 0) {
                config_report_add(checker->report, CONFIG_ERROR, settings->bans[i].place,
                                  "there are two bans '%s'", settings->bans[i].name);
                config_report_hint(checker->report, "give one of them another name");
                break;
            }
        }
    }
    if (limits->connections_kept != 0 && limits->connections_kept_for.count == 0) {
        config_report_add(checker->report, CONFIG_ERROR,
                          check_place(checker, &limits->connections_kept, (struct place){0}),
                          "'reserved' keeps connections for nobody");
        config_report_hint(checker->report, "say for whom: reserved_for: [10.0.0.0/8]");
    }
}
