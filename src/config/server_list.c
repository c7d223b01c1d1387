#include "config/server_list.h"

#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "config/directives_internal.h"
#include "config/load.h"
#include "config/places.h"

static const struct directive list_directives[] = {
    {.name = "servers",
     .type = DIRECTIVE_SECTIONS,
     SLOT(server_document, servers),
     COUNT(server_document, count),
     .max = 1000,
     .section = &section_server,
     .doc = "The servers.",
     .example = "servers: [10.0.1.1:8080]"},
};

static const struct section section_list = {
    .name = "the list",
    .title = "server_list",
    .directives = list_directives,
    .count = ARRAY_LEN(list_directives),
    .size = sizeof(struct server_document),
    .place_offset = NO_PLACE,
};

/* "10.0.0.1:80\n10.0.0.2:80\n", which is one text to YAML: as a list. */
static void split(struct yaml_node *node, struct arena *arena)
{
    struct yaml_node **end = &node->first;
    struct span rest = node->text;

    node->kind = YAML_LIST;
    while (rest.len != 0) {
        size_t len = 0;
        while (len < rest.len && strchr(" \t\r\n", rest.ptr[len]) == NULL) {
            len++;
        }
        if (len != 0) {
            struct yaml_node *item = arena_calloc(arena, sizeof(*item));
            item->kind = YAML_TEXT;
            item->place = node->place;
            item->text = span_from_cstr(arena_cstr(arena, span_head(rest, len)));
            *end = item;
            end = &item->next;
            node->count++;
        }
        rest = span_skip(rest, len < rest.len ? len + 1 : len);
    }
}

static void load(struct loader *loader, struct yaml_node *root, struct server_document *document,
                 struct arena *arena)
{
    if (root->kind == YAML_TEXT) {
        split(root, arena);
    }
    if (root->kind == YAML_MAPPING) {
        load_section(loader, &section_list, root, document);
    } else if (root->kind == YAML_NOTHING) {
        /* Most likely somebody is about to write it. */
        config_report_add(loader->report, CONFIG_ERROR, root->place, "there is nothing in it");
        config_report_hint(loader->report, "write [] where there are to be no servers");
    } else {
        (void)load_value(loader, &list_directives[0], root, document);
    }
}

static bool says_only_the_name(const struct backend_tls_settings *tls)
{
    return tls->ca == NULL && tls->certificate == NULL && tls->key == NULL && tls->crl == NULL &&
           tls->pins.count == 0 && !tls->name_from_client && tls->verify &&
           tls->min_version == BACKEND_TLS_1_2;
}

/* The rest of its TLS stays the backend's: whoever writes a list is not asked by whom servers are
 * vouched for, nor which files the gateway reads. */
static void take_name(struct server_settings *server, struct config_report *report)
{
    const struct backend_tls_settings *tls = server->tls;

    if (!says_only_the_name(tls)) {
        config_report_add(report, CONFIG_ERROR, tls->place,
                          "a list says where servers are, and not how they are verified");
        config_report_hint(report, "only 'server_name' can be said here; name authorities and "
                                   "certificates in 'tls' of the backend");
    } else if (tls->server_name != NULL && server->server_name != NULL) {
        config_report_add(report, CONFIG_ERROR, tls->place,
                          "'server_name' is said twice: of the server, and in its 'tls'");
    } else if (tls->server_name != NULL) {
        server->server_name = tls->server_name;
    }
    server->tls = NULL;
}

static bool tell_first(const struct config_report *report, struct error *error)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct config_message *message = &report->messages[i];
        if (message->severity == CONFIG_ERROR) {
            return error_set(error, "line %d: %.150s%s%.100s", message->place.line, message->text,
                             message->hint != NULL ? ": " : "",
                             message->hint != NULL ? message->hint : "");
        }
    }
    return error_set(error, "it is no list of servers");
}

bool server_document_load(struct server_document *document, struct span text, const char *folder,
                          struct error *error)
{
    struct config_report report;
    struct yaml_node *root;
    struct arena arena;
    bool is_fine;

    *document = (struct server_document){.settings = settings_create("list")};
    arena_init(&arena, (size_t)16 << 10);
    config_report_init(&report);
    unsigned file = config_report_source(&report, "list", text);
    root = yaml_parse(text, file, &arena, &report);
    if (root != NULL) {
        struct loader loader = {
            .settings = document->settings, .report = &report, .folders = &folder};
        load(&loader, root, document, &arena);
    }
    for (size_t i = 0; i < document->count; i++) {
        if (document->servers[i].tls != NULL) {
            take_name(&document->servers[i], &report);
        }
    }
    is_fine = report.errors == 0 && root != NULL;
    if (!is_fine) {
        (void)tell_first(&report, error);
        server_document_free(document);
    }
    config_report_free(&report);
    arena_destroy(&arena);
    return is_fine;
}

void server_document_free(struct server_document *document)
{
    settings_destroy(document->settings);
    *document = (struct server_document){0};
}
