/* Any text as a configuration: settings exactly when there is no error, whole settings when there
 * are any, places within the text, and reports that can always be printed. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_report(const struct config_report *report, size_t size)
{
    size_t errors = 0;

    for (size_t i = 0; i < report->count; i++) {
        const struct config_message *message = &report->messages[i];

        CHECK(message->text[0] != '\0');
        CHECK(message->hint == NULL || message->hint[0] != '\0');
        CHECK(message->place.line >= 0 && (size_t)message->place.line <= size + 1);
        CHECK(message->place.column >= 0);
        errors += message->severity == CONFIG_ERROR ? 1 : 0;
    }
    CHECK(errors <= report->errors);
}

static void print_report(const struct config_report *report)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    CHECK(out != NULL);
    config_report_print(report, out, false);
    config_report_print_json(report, out);
    fclose(out);
    CHECK(strchr(text, '\x1b') == NULL && strlen(text) == len);
    free(text);
}

static void check_backend(const struct settings *settings, const struct backend_settings *backend)
{
    CHECK(backend >= settings->backends && backend < settings->backends + settings->backend_count);
    CHECK(backend->name != NULL && backend->server_count != 0);
    for (size_t i = 0; i < backend->server_count; i++) {
        CHECK(backend->servers[i].address.host != NULL && backend->servers[i].weight != 0);
    }
}

static void check_whole_site(const struct settings *settings, const struct site_settings *site)
{
    CHECK(site->hosts.count != 0 && site->name != NULL);
    CHECK((site->passthrough != NULL) != (site->route_count != 0));
    CHECK(site->tls == NULL || site->tls->certificate_count != 0);
    if (site->passthrough != NULL) {
        check_backend(settings, site->passthrough);
    }
    for (size_t i = 0; i < site->route_count; i++) {
        const struct route_settings *route = &site->routes[i];

        CHECK((route->backend != NULL) + (route->respond != NULL) + (route->files != NULL) == 1);
        CHECK(route->match.path[0] == '/' && route->name != NULL);
        if (route->backend != NULL) {
            check_backend(settings, route->backend);
        }
    }
}

static void check_settings_whole(const struct settings *settings)
{
    CHECK(settings->site_count != 0 && settings->listener_count != 0);
    for (size_t i = 0; i < settings->listener_count; i++) {
        CHECK(settings->listeners[i].bind.count != 0);
    }
    for (size_t i = 0; i < settings->site_count; i++) {
        check_whole_site(settings, &settings->sites[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config_report report;
    struct settings *settings;

    config_report_init(&report);
    settings = config_load_text(span_make(data, size), "fuzz.yaml", &report);
    CHECK((settings == NULL) == config_report_has_errors(&report));
    if (settings != NULL) {
        check_settings_whole(settings);
    }
    check_report(&report, size);
    print_report(&report);
    settings_destroy(settings);
    config_report_free(&report);
    return 0;
}
