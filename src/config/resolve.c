#include "config/resolve.h"

#include "base/map.h"
#include "base/strbuf.h"
#include "config/places.h"
#include "config/suggest.h"

/* A name never has a ':' (rule_name), an address always does. */
static bool is_name(const struct yaml_node *node)
{
    return node->kind == YAML_TEXT && span_find(node->text, ':') == node->text.len;
}

/* Names given in messages. */
#define NAMES_SHOWN 20

static void hint_names(struct loader *loader, size_t named, struct span text)
{
    const struct settings *settings = loader->settings;
    struct strbuf list;

    if (span_find(text, '.') < text.len || span_eq_cstr(text, "localhost")) {
        config_report_hint(loader->report, "to mean a server, add its port: %.*s:8080",
                           (int)(text.len < 64 ? text.len : 64), text.ptr);
        return;
    }
    if (named == 0) {
        config_report_hint(loader->report, "define it under 'backends', or write the server's "
                                           "address: 127.0.0.1:8080");
        return;
    }
    strbuf_init(&list);
    for (size_t i = 0; i < named && i < NAMES_SHOWN; i++) {
        if (settings->backends[i].name != NULL) {
            strbuf_printf(&list, "%s%s", list.len != 0 ? ", " : "", settings->backends[i].name);
        }
    }
    config_report_hint(loader->report, "the backends are: %s%s", list.len != 0 ? list.ptr : "",
                       named > NAMES_SHOWN ? ", ..." : "");
    strbuf_free(&list);
}

static void unknown_backend(struct loader *loader, size_t named, const struct yaml_node *node)
{
    const struct settings *settings = loader->settings;
    struct suggestion suggestion;

    suggestion_init(&suggestion, node->text);
    for (size_t i = 0; i < named && !config_report_is_full(loader->report); i++) {
        if (settings->backends[i].name != NULL) {
            suggestion_offer(&suggestion, settings->backends[i].name);
        }
    }
    if (suggestion.best != NULL) {
        config_report_add(loader->report, CONFIG_ERROR, node->place,
                          "unknown backend %s; did you mean '%s'?", quote(node->text).text,
                          suggestion.best);
    } else {
        config_report_add(loader->report, CONFIG_ERROR, node->place, "unknown backend %s",
                          quote(node->text).text);
    }
    hint_names(loader, named, node->text);
}

/* "10.0.0.1:80, 10.0.0.2:80" */
static const char *name_of_servers(struct loader *loader, const struct backend_settings *backend)
{
    const char *name;
    struct strbuf b;

    strbuf_init(&b);
    for (size_t i = 0; i < backend->server_count && b.len < 200; i++) {
        strbuf_printf(&b, "%s%s", i != 0 ? "," : "", backend->servers[i].address.text);
    }
    const struct servers_from_settings *from = backend->servers_from;
    if (backend->server_count == 0 && from != NULL && (from->file != NULL || from->url != NULL)) {
        strbuf_add_cstr(&b, from->file != NULL ? from->file : from->url);
    }
    name = arena_cstr(&loader->settings->arena, strbuf_span(&b));
    strbuf_free(&b);
    return name;
}

/* False when it is too broken to be a backend at all; that was reported. */
static bool load_in_place(struct loader *loader, struct yaml_node *node,
                          struct backend_settings *backend)
{
    bool ok = true;

    load_defaults(loader, &section_backend, backend);
    backend->place = node->place;
    if (node->kind == YAML_MAPPING) {
        load_section(loader, &section_backend, node, backend);
    } else {
        ok = load_value(loader, section_find(&section_backend, SPAN_OF("servers")), node, backend);
    }
    if (backend->name == NULL) {
        backend->name = name_of_servers(loader, backend);
    }
    return ok;
}

static void resolve(struct loader *loader, struct backend_reference *reference, size_t named,
                    struct map *known)
{
    struct settings *settings = loader->settings;
    struct yaml_node *node = reference->node;
    struct backend_settings *backend = &settings->backends[settings->backend_count];
    bool is_shareable = node->kind == YAML_TEXT;

    *reference->slot = is_shareable ? map_find(known, node->text) : NULL;
    if (*reference->slot != NULL) {
        return;
    }
    if (is_name(node)) {
        unknown_backend(loader, named, node);
        return;
    }
    if (!load_in_place(loader, node, backend)) {
        *backend = (struct backend_settings){0};
        return;
    }
    settings->backend_count++;
    *reference->slot = backend;
    if (is_shareable) {
        map_add(known, node->text, backend);
    }
}

void resolve_backends(struct loader *loader)
{
    struct settings *settings = loader->settings;
    size_t named = settings->backend_count;
    struct backend_settings *all =
        arena_calloc(&settings->arena, (named + loader->reference_count) * sizeof(*all));
    struct map known;

    if (named != 0) {
        memcpy(all, settings->backends, named * sizeof(*all));
        places_move(settings->places, settings->backends, named * sizeof(*all), all);
    }
    settings->backends = all;
    map_init(&known);
    for (size_t i = 0; i < named; i++) {
        if (all[i].name != NULL) {
            map_add(&known, span_from_cstr(all[i].name), &all[i]);
        }
    }
    for (size_t i = 0; i < loader->reference_count; i++) {
        resolve(loader, &loader->references[i], named, &known);
    }
    map_free(&known);
}
