#include "config/load.h"

#include <stdlib.h>

#include "base/strbuf.h"
#include "config/directives_internal.h"
#include "config/foreign.h"
#include "config/load_internal.h"
#include "config/load_json.h"
#include "config/places.h"
#include "config/suggest.h"
#include "config/text_rules.h"

static void *member(void *object, size_t offset)
{
    return (char *)object + offset;
}

/* Sections. */

static bool load_scalar_section(struct loader *loader, const struct section *section,
                                struct yaml_node *node, void *object)
{
    const struct directive *directive = section_find(section, span_from_cstr(section->scalar_name));

    CHECK(directive != NULL);
    return load_value(loader, directive, node, object);
}

/* A mapping, or the text that is short for one. */
static bool load_object(struct loader *loader, const struct directive *directive,
                        struct yaml_node *node, void *object)
{
    const struct section *section = directive->section;

    if (section->place_offset != NO_PLACE) {
        *(struct place *)member(object, section->place_offset) = node->place;
    }
    if (node->kind == YAML_MAPPING) {
        load_section(loader, section, node, object);
        return true;
    }
    if (node->kind == YAML_TEXT && section->scalar_name != NULL) {
        return load_scalar_section(loader, section, node, object);
    }
    return load_wrong_kind(loader, directive, node);
}

/* The word by which what stands above is left out. */
static bool is_off(const struct directive *directive, const struct yaml_node *node)
{
    return (directive->flags & DIRECTIVE_OFF) != 0 && node->kind == YAML_TEXT &&
           (span_eq_cstr(node->text, "off") || span_eq_cstr(node->text, "false"));
}

static bool load_single_section(struct loader *loader, const struct directive *directive,
                                struct yaml_node *node, void *slot)
{
    void *object = slot;

    if (is_off(directive, node)) {
        return true;
    }
    if ((directive->flags & DIRECTIVE_EMBEDDED) == 0) {
        object = arena_calloc(&loader->settings->arena, directive->section->size);
        load_defaults(loader, directive->section, object);
    }
    if (!load_object(loader, directive, node, object)) {
        return false;
    }
    if ((directive->flags & DIRECTIVE_EMBEDDED) == 0) {
        *(void **)slot = object;
    }
    return true;
}

static struct yaml_node *entry_of(const struct yaml_node *mapping, struct span name)
{
    struct yaml_node *entry = mapping->first;

    while (entry != NULL && !span_eq(entry->key->text, name)) {
        entry = entry->next;
    }
    return entry;
}

/* Whether TLS ends at the site, by its own words or by `defaults`. */
static bool has_tls(const struct loader *loader, const struct yaml_node *site)
{
    const struct yaml_node *own = entry_of(site, SPAN_OF("tls"));

    return own != NULL ? own->kind == YAML_MAPPING
                       : entry_of(loader->defaults, SPAN_OF("tls")) != NULL;
}

/* Whether the site can have what `defaults` say by that key. */
static bool can_have(const struct loader *loader, const struct yaml_node *site, struct span key)
{
    if (entry_of(site, SPAN_OF("passthrough")) != NULL) {
        return false;
    }
    if (entry_of(site, SPAN_OF("tcp")) != NULL) {
        return span_eq_cstr(key, "tls");
    }
    return !span_eq_cstr(key, "hsts") || has_tls(loader, site);
}

/* Of `defaults`: what the site does not say itself, and can have. */
static void load_common(struct loader *loader, const struct yaml_node *site, void *object)
{
    if (loader->defaults == NULL) {
        return;
    }
    for (struct yaml_node *entry = loader->defaults->first; entry != NULL; entry = entry->next) {
        const struct directive *directive = section_find(&section_defaults, entry->key->text);

        if (directive != NULL && entry_of(site, entry->key->text) == NULL &&
            can_have(loader, site, entry->key->text)) {
            (void)load_value(loader, directive, entry, object);
        }
    }
}

/* A list, or a single text where that is short for a section. */
static bool load_sections(struct loader *loader, const struct directive *directive,
                          struct yaml_node *node, void *object)
{
    const struct section *section = directive->section;
    bool is_single = node->kind == YAML_TEXT && section->scalar_name != NULL;
    size_t max_count = is_single ? 1 : node->count;
    size_t count = 0;
    char *items;

    if (is_off(directive, node)) {
        return true;
    }
    if (node->kind != YAML_LIST && !is_single) {
        return load_wrong_kind(loader, directive, node);
    }
    if (!load_count_is_fine(loader, directive, node, max_count)) {
        return false;
    }
    items = arena_calloc(&loader->settings->arena, max_count * section->size);
    for (struct yaml_node *item = is_single ? node : node->first; item != NULL;
         item = is_single ? NULL : item->next) {
        load_defaults(loader, section, items + count * section->size);
        if (load_object(loader, directive, item, items + count * section->size)) {
            if (section == &section_site && item->kind == YAML_MAPPING) {
                load_common(loader, item, items + count * section->size);
            }
            count++;
        } else {
            memset(items + count * section->size, 0, section->size);
        }
    }
    *(void **)member(object, directive->offset) = items;
    *(size_t *)member(object, directive->count_offset) = count;
    return count == max_count;
}

/* Header fields: a mapping with any keys. */

static bool load_field(struct loader *loader, const struct directive *directive,
                       struct yaml_node *node, struct header_setting *fields, size_t count)
{
    struct arena *arena = &loader->settings->arena;
    struct span name = node->key->text;
    struct complaint complaint;

    if (node->kind == YAML_WRONG) {
        return false;
    }
    if (node->kind != YAML_TEXT) {
        config_report_add(loader->report, CONFIG_ERROR, node->place, "field %s needs text",
                          quote(name).text);
        config_report_hint(loader->report, "for example %s", directive->example);
        return false;
    }
    if (directive->check_field != NULL ? !directive->check_field(name, node->text, &complaint)
                                       : !rule_field(name, node->text, &complaint)) {
        load_complain(loader, node->key->place, node->key->text, &complaint);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (span_ieq(span_from_cstr(fields[i].name), name)) {
            config_report_add(loader->report, CONFIG_ERROR, node->key->place,
                              "field %s is given twice", quote(name).text);
            config_report_hint(loader->report, "write its values in one, separated by commas");
            return false;
        }
    }
    fields[count].name = arena_cstr(arena, name);
    fields[count].value = arena_cstr(arena, node->text);
    return true;
}

static bool load_fields(struct loader *loader, const struct directive *directive,
                        struct yaml_node *node, void *object)
{
    struct header_setting *fields;
    size_t count = 0;

    if (node->kind != YAML_MAPPING) {
        return load_wrong_kind(loader, directive, node);
    }
    if (!load_count_is_fine(loader, directive, node, node->count)) {
        return false;
    }
    fields = arena_calloc(&loader->settings->arena, node->count * sizeof(*fields));
    for (struct yaml_node *item = node->first; item != NULL; item = item->next) {
        count += load_field(loader, directive, item, fields, count) ? 1 : 0;
    }
    *(struct header_setting **)member(object, directive->offset) = fields;
    *(size_t *)member(object, directive->count_offset) = count;
    return count == node->count;
}

static bool load_reference(struct loader *loader, const struct directive *directive,
                           struct yaml_node *node, void *slot)
{
    if (node->kind == YAML_NOTHING || node->kind == YAML_WRONG) {
        return load_wrong_kind(loader, directive, node);
    }
    if (loader->reference_count == loader->reference_capacity) {
        loader->reference_capacity =
            loader->reference_capacity != 0 ? 2 * loader->reference_capacity : 16;
        loader->references =
            xrealloc(loader->references, loader->reference_capacity * sizeof(*loader->references));
    }
    loader->references[loader->reference_count++] = (struct backend_reference){slot, node};
    return true;
}

static bool load_single_text(struct loader *loader, const struct directive *directive,
                             struct yaml_node *node, void *slot)
{
    struct complaint complaint;

    if ((directive->flags & DIRECTIVE_JSON) != 0 && node->kind != YAML_WRONG) {
        *(const char **)slot = load_json(node, &loader->settings->arena);
        return true;
    }
    if (node->kind != YAML_TEXT) {
        return load_wrong_kind(loader, directive, node);
    }
    if (!load_text(loader, directive, node->text, slot, &complaint)) {
        load_complain(loader, node->place, node->text, &complaint);
        return false;
    }
    if (directive->type == DIRECTIVE_ADDRESS) {
        ((struct address_setting *)slot)->place = node->place;
    }
    return true;
}

/* Messages about a section's presence point at its key, those about a text at the text. An embedded
 * section shares its address with its first member, so it has no place in the table. */
static void note_place(struct loader *loader, const struct directive *directive,
                       const struct yaml_node *node, const void *slot)
{
    bool by_key = directive->type == DIRECTIVE_SECTION || directive->type == DIRECTIVE_SECTIONS ||
                  directive->type == DIRECTIVE_BACKEND;

    if (directive->type == DIRECTIVE_ADDRESS || (directive->flags & DIRECTIVE_EMBEDDED) != 0) {
        return;
    }
    places_add(loader->settings->places, slot,
               by_key && node->key != NULL ? node->key->place : node->place);
}

/* `defaults` itself is no site: backends that it names are those of sites that have it. */
static bool load_template(struct loader *loader, const struct directive *directive,
                          struct yaml_node *node, void *slot)
{
    size_t references = loader->reference_count;
    bool is_right = load_single_section(loader, directive, node, slot);

    loader->reference_count = references;
    return is_right;
}

bool load_value(struct loader *loader, const struct directive *directive, struct yaml_node *node,
                void *object)
{
    void *slot = member(object, directive->offset);

    loader->folder = loader->folders[node->place.file];
    note_place(loader, directive, node, slot);
    switch (directive->type) {
    case DIRECTIVE_TEXTS:
    case DIRECTIVE_LISTEN:
    case DIRECTIVE_NETWORKS:
        return load_texts(loader, directive, node, slot);
    case DIRECTIVE_SECTION:
        return directive->section == &section_defaults
                   ? load_template(loader, directive, node, slot)
                   : load_single_section(loader, directive, node, slot);
    case DIRECTIVE_SECTIONS:
        return load_sections(loader, directive, node, object);
    case DIRECTIVE_FIELDS:
        return load_fields(loader, directive, node, object);
    case DIRECTIVE_BACKEND:
        return load_reference(loader, directive, node, slot);
    default:
        return load_single_text(loader, directive, node, slot);
    }
}

void load_defaults(struct loader *loader, const struct section *section, void *object)
{
    struct complaint complaint;

    for (size_t i = 0; i < section->count; i++) {
        const struct directive *directive = &section->directives[i];
        void *slot = member(object, directive->offset);

        if ((directive->flags & DIRECTIVE_EMBEDDED) != 0) {
            load_defaults(loader, directive->section, slot);
        } else if (directive->fallback == NULL) {
            continue;
        } else if (directive->type == DIRECTIVE_TEXTS || directive->type == DIRECTIVE_LISTEN) {
            load_default_texts(loader, directive, slot);
        } else {
            CHECK(load_text(loader, directive, span_from_cstr(directive->fallback), slot,
                            &complaint));
        }
    }
}

/* Keys. */

static void hint_keys(struct loader *loader, const struct section *section)
{
    struct strbuf list;

    strbuf_init(&list);
    for (size_t i = 0; i < section->count; i++) {
        if (directive_is_usable(&section->directives[i])) {
            strbuf_printf(&list, "%s%s", list.len != 0 ? ", " : "", section->directives[i].name);
        }
    }
    config_report_hint(loader->report, "%s can have: %s", section->name,
                       list.len != 0 ? list.ptr : "nothing");
    strbuf_free(&list);
}

/* Another section that has this very key. */
static const struct section *find_home(struct span name)
{
    for (size_t i = 0; all_sections[i] != NULL; i++) {
        const struct directive *directive =
            all_sections[i] != &section_defaults ? section_find(all_sections[i], name) : NULL;

        if (directive != NULL && directive_is_usable(directive)) {
            return all_sections[i];
        }
    }
    return NULL;
}

/* The directive that was probably meant, or NULL. */
static const struct directive *nearest_key(const struct loader *loader,
                                           const struct section *section, struct span name,
                                           size_t *distance)
{
    struct suggestion suggestion;

    suggestion_init(&suggestion, name);
    for (size_t i = 0; i < section->count && !config_report_is_full(loader->report); i++) {
        if (directive_is_usable(&section->directives[i])) {
            suggestion_offer(&suggestion, section->directives[i].name);
        }
    }
    *distance = suggestion.distance;
    return suggestion.best != NULL ? section_find(section, span_from_cstr(suggestion.best)) : NULL;
}

/* Returns the directive that was offered as the one meant, or NULL. */
static const struct directive *unknown_key(struct loader *loader, const struct section *section,
                                           const struct yaml_node *key)
{
    const struct section *home = find_home(key->text);
    bool is_meant_here;
    const char *foreign = foreign_mend(section->name, key->text, &is_meant_here);
    size_t distance = 0;
    const struct directive *nearest = nearest_key(loader, section, key->text, &distance);

    /* A word that is known elsewhere is not a mistyped one. */
    if (foreign != NULL && (home == NULL || is_meant_here)) {
        config_report_add(loader->report, CONFIG_ERROR, key->place, "unknown key %s in %s",
                          quote(key->text).text, section->name);
        config_report_hint(loader->report, "%s", foreign);
        return NULL;
    }
    if (nearest != NULL && (home == NULL || distance == 1)) {
        config_report_add(loader->report, CONFIG_ERROR, key->place,
                          "unknown key %s; did you mean '%s'?", quote(key->text).text,
                          nearest->name);
    } else if (home != NULL) {
        nearest = NULL;
        config_report_add(loader->report, CONFIG_ERROR, key->place,
                          "unknown key %s in %s; it belongs in %s", quote(key->text).text,
                          section->name, home->name);
    } else {
        config_report_add(loader->report, CONFIG_ERROR, key->place, "unknown key %s in %s",
                          quote(key->text).text, section->name);
    }
    hint_keys(loader, section);
    return nearest;
}

/* A mistyped key counts as given, so that nothing complains that it is missing. */
static void on_unknown_key(struct loader *loader, const struct section *section,
                           const struct yaml_node *key, void *object, struct place *seen)
{
    const struct directive *meant = unknown_key(loader, section, key);

    if (meant != NULL && seen[meant - section->directives].line == 0) {
        seen[meant - section->directives] = key->place;
        places_add(loader->settings->places, member(object, meant->offset), key->place);
    }
}

void load_report_twice(struct config_report *report, const struct settings *settings,
                       const struct directive *directive, const struct section *section,
                       struct place place, struct place first)
{
    config_report_add(report, CONFIG_ERROR, place, "'%s' is given twice in %s", directive->name,
                      section->name);
    config_report_hint(report, "it is on %s already; keep one",
                       place_words(settings, first, place).text);
}

void load_report_not_section(struct config_report *report, const struct yaml_node *root)
{
    config_report_add(report, CONFIG_ERROR, root->place,
                      root->kind == YAML_NOTHING ? "the file is empty"
                                                 : "the file is not a section of keys and values");
    const char *foreign = root->kind == YAML_TEXT ? foreign_file(root->text) : NULL;
    config_report_hint(report, "%s",
                       foreign != NULL
                           ? foreign
                           : "begin with 'sites:', then '  - hosts: [shop.example.com]' below it");
}

const char *load_folder_of(struct arena *arena, const char *file_name)
{
    const char *slash = strrchr(file_name, '/');

    if (slash == NULL) {
        return "";
    }
    return arena_cstr(arena,
                      span_make(file_name, slash == file_name ? 1 : (size_t)(slash - file_name)));
}

static void load_entry(struct loader *loader, const struct section *section, struct yaml_node *node,
                       void *object, struct place *seen)
{
    const struct directive *directive = section_find(section, node->key->text);
    size_t index;

    if (directive == NULL) {
        on_unknown_key(loader, section, node->key, object, seen);
        return;
    }
    if (!directive_is_usable(directive)) {
        config_report_add(loader->report, CONFIG_ERROR, node->key->place,
                          "'%s' is not in this version of Tidegate yet", directive->name);
        config_report_hint(loader->report, "remove it; a later version will bring it (%s)",
                           directive->doc);
        return;
    }
    index = (size_t)(directive - section->directives);
    if (seen[index].line != 0) {
        /* A list of another file that is none, or the other way round. */
        if (directive_is_list(directive) && seen[index].file != node->place.file) {
            (void)(node->kind == YAML_MAPPING || node->kind == YAML_NOTHING
                       ? load_wrong_kind(loader, directive, node)
                       : false);
            return;
        }
        load_report_twice(loader->report, loader->settings, directive, section, node->key->place,
                          seen[index]);
        return;
    }
    seen[index] = node->key->place;
    (void)load_value(loader, directive, node, object);
}

void load_section(struct loader *loader, const struct section *section, struct yaml_node *node,
                  void *object)
{
    struct place seen[SECTION_DIRECTIVES_MAX] = {0};

    CHECK(section->count <= ARRAY_LEN(seen));
    for (struct yaml_node *value = node->first; value != NULL; value = value->next) {
        load_entry(loader, section, value, object, seen);
    }
    for (size_t i = 0; i < section->count; i++) {
        const struct directive *directive = &section->directives[i];

        if ((directive->flags & DIRECTIVE_REQUIRED) != 0 && seen[i].line == 0) {
            config_report_add(loader->report, CONFIG_ERROR, node->place, "%s has no '%s'",
                              section->name, directive->name);
            config_report_hint(loader->report, "add for example %s", directive->example);
        }
    }
}

void load_file(struct loader *loader, struct yaml_node *root)
{
    load_defaults(loader, &section_root, loader->settings);
    if (root->kind == YAML_MAPPING) {
        const struct yaml_node *defaults = entry_of(root, SPAN_OF("defaults"));

        loader->defaults = defaults != NULL && defaults->kind == YAML_MAPPING ? defaults : NULL;
        load_section(loader, &section_root, root, loader->settings);
    } else {
        load_report_not_section(loader->report, root);
    }
}
