#include <stdlib.h>

#include "base/map.h"
#include "config/address.h"
#include "config/check_internal.h"
#include "config/complaint.h"
#include "config/places.h"
#include "config/suggest.h"

/* Over all listeners; each is a file descriptor. */
#define ADDRESSES_MAX 1024

struct bound_address {
    const struct address_setting *address;
    struct place place;
};

static bool check_overlap(const struct checker *checker, const struct bound_address *bound,
                          size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (!address_overlaps(bound[i].address, bound[index].address)) {
            continue;
        }
        config_report_add(checker->report, CONFIG_ERROR, bound[index].place,
                          "%s is taken by another listener's %s",
                          quote_cstr(bound[index].address->text).text,
                          quote_cstr(bound[i].address->text).text);
        config_report_hint(checker->report,
                           "the other is on %s; an address and port can be bound once",
                           place_words(checker->settings, bound[i].place, bound[index].place).text);
        return false;
    }
    return true;
}

static void check_binds(const struct checker *checker)
{
    const struct settings *settings = checker->settings;
    struct bound_address *bound = xcalloc(ADDRESSES_MAX, sizeof(*bound));
    size_t count = 0;

    for (size_t i = 0; i < settings->listener_count; i++) {
        const struct listener_settings *listener = &settings->listeners[i];

        for (size_t j = 0; j < listener->bind.count; j++) {
            const struct address_setting *address = &listener->bind.items[j];

            if (count == ADDRESSES_MAX) {
                config_report_add(checker->report, CONFIG_ERROR, address->place,
                                  "there are more than %d addresses to listen on", ADDRESSES_MAX);
                config_report_hint(checker->report, "\":443\" stands for every address at once");
                free(bound);
                return;
            }
            bound[count] = (struct bound_address){
                address, address->place.line != 0 ? address->place : listener->place};
            if (!check_overlap(checker, bound, count++) && address->place.line == 0) {
                break; /* The usual ports, of which one message is enough. */
            }
        }
    }
    free(bound);
}

/* Names of sites, and the sites of listeners. */

static void map_sites(const struct settings *settings, struct map *sites)
{
    map_init(sites);
    for (size_t i = 0; i < settings->site_count; i++) {
        (void)map_add(sites, span_from_cstr(settings->sites[i].name), (void *)&settings->sites[i]);
    }
}

/* Two sites that get their names from the same host either share a listener, which is an error of
 * its own, or can't be told apart by listeners. */
static void check_site_names(const struct checker *checker, const struct map *sites,
                             const size_t *reported_by)
{
    const struct settings *settings = checker->settings;

    for (size_t i = 0; i < settings->site_count; i++) {
        const struct site_settings *site = &settings->sites[i];
        const struct site_settings *first = map_find(sites, span_from_cstr(site->name));

        if (first == site || reported_by[i] != 0 || site->hosts.count == 0) {
            continue;
        }
        config_report_add(checker->report, CONFIG_ERROR,
                          check_place(checker, &site->name, site->place),
                          "there are two sites named %s", quote_cstr(site->name).text);
        config_report_hint(checker->report,
                           "the first is on %s; give one of them another 'name' (without "
                           "one, a site is named by its first host)",
                           place_words(settings, first->place, site->place).text);
    }
}

static void unknown_site(const struct checker *checker, const char *const *name)
{
    const struct settings *settings = checker->settings;
    struct suggestion suggestion;

    suggestion_init(&suggestion, span_from_cstr(*name));
    for (size_t i = 0; i < settings->site_count && !config_report_is_full(checker->report); i++) {
        suggestion_offer(&suggestion, settings->sites[i].name);
    }
    if (suggestion.best != NULL) {
        config_report_add(checker->report, CONFIG_ERROR, config_place(settings, name),
                          "unknown site %s; did you mean '%s'?", quote_cstr(*name).text,
                          suggestion.best);
    } else {
        config_report_add(checker->report, CONFIG_ERROR, config_place(settings, name),
                          "unknown site %s", quote_cstr(*name).text);
    }
    config_report_hint(checker->report, "a site is called by its 'name', or by its first host "
                                        "when it has none");
}

/* Hosts: each at most once among the sites of a listener. */

static void report_duplicate(const struct checker *checker, const char *const *host,
                             const struct site_settings *site, const struct site_settings *first)
{
    bool is_by_www = site->www != SITE_WWW_AS_IS || first->www != SITE_WWW_AS_IS;
    const struct settings *settings = checker->settings;
    bool is_default = strcmp(*host, "*") == 0;

    config_report_add(checker->report, CONFIG_ERROR, config_place(settings, host),
                      is_default ? "there are two default sites" : "host %s is served twice",
                      quote_cstr(*host).text);
    config_report_hint(checker->report,
                       "the site on %s has it already%s; keep one, or let listeners name "
                       "different 'sites'",
                       place_words(settings, first->place, config_place(settings, host)).text,
                       is_by_www ? " ('www' gives a site both forms of its names)" : "");
}

/* `hosts` maps host to site. Sites may meet on several listeners, each of which is a pass (counted
 * from 1); only the first to find a site's duplicates reports them. */
static void add_hosts(const struct checker *checker, const struct site_settings *site,
                      struct map *hosts, size_t pass, size_t *reported_by)
{
    size_t index = (size_t)(site - checker->settings->sites);

    for (size_t i = 0; i < site->hosts.count; i++) {
        struct span host = span_from_cstr(site->hosts.items[i]);
        const struct site_settings *first = map_add(hosts, host, (void *)site);

        if (first != NULL && (reported_by[index] == 0 || reported_by[index] == pass)) {
            report_duplicate(checker, &site->hosts.items[i], site, first);
            reported_by[index] = pass;
        }
    }
}

static void check_all_hosts(const struct checker *checker, size_t *reported_by)
{
    const struct settings *settings = checker->settings;
    struct map hosts;

    map_init(&hosts);
    for (size_t i = 0; i < settings->site_count; i++) {
        add_hosts(checker, &settings->sites[i], &hosts, 1, reported_by);
    }
    map_free(&hosts);
}

static void check_listener_sites(const struct checker *checker,
                                 const struct listener_settings *listener, const struct map *sites,
                                 size_t *reported_by, bool *is_served)
{
    const struct settings *settings = checker->settings;
    size_t pass = 2 + (size_t)(listener - settings->listeners);
    struct map hosts;

    map_init(&hosts);
    for (size_t i = 0; i < listener->sites.count; i++) {
        const struct site_settings *site =
            map_find(sites, span_from_cstr(listener->sites.items[i]));

        if (site == NULL) {
            unknown_site(checker, &listener->sites.items[i]);
            continue;
        }
        is_served[site - settings->sites] = true;
        add_hosts(checker, site, &hosts, pass, reported_by);
    }
    map_free(&hosts);
}

static void check_served(const struct checker *checker, const bool *is_served)
{
    for (size_t i = 0; i < checker->settings->site_count; i++) {
        const struct site_settings *site = &checker->settings->sites[i];

        if (!is_served[i]) {
            config_report_add(checker->report, CONFIG_WARNING, site->place,
                              "no listener serves site %s", quote_cstr(site->name).text);
            config_report_hint(checker->report, "add its name to the 'sites' of a listener");
        }
    }
}

void check_listeners_and_hosts(const struct checker *checker)
{
    const struct settings *settings = checker->settings;
    size_t *reported_by = xcalloc(settings->site_count, sizeof(*reported_by));
    bool *is_served = xcalloc(settings->site_count, sizeof(*is_served));
    bool has_full_listener = false;
    struct map sites;

    check_binds(checker);
    map_sites(settings, &sites);
    for (size_t i = 0; i < settings->listener_count; i++) {
        has_full_listener =
            has_full_listener || (!check_is_given(checker, &settings->listeners[i].sites) &&
                                  settings->listeners[i].tcp == NULL);
    }
    if (has_full_listener) {
        check_all_hosts(checker, reported_by);
    }
    for (size_t i = 0; i < settings->listener_count; i++) {
        check_listener_sites(checker, &settings->listeners[i], &sites, reported_by, is_served);
    }
    check_site_names(checker, &sites, reported_by);
    if (!has_full_listener && checker->report->errors == 0) {
        check_served(checker, is_served);
    }
    map_free(&sites);
    free(reported_by);
    free(is_served);
}
