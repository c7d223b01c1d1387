/* Values that are a text or a list of texts: from YAML, and from the tables' defaults. */
#include "base/key_uri.h"
#include "config/address.h"
#include "config/load_internal.h"
#include "config/places.h"
#include "config/values.h"

/* Of one text in a list: longer than any host, method or name. */
#define ITEM_BYTES_MAX 4095

void load_complain(struct loader *loader, struct place place, struct span value,
                   const struct complaint *complaint)
{
    place = config_report_inside(loader->report, place, value, complaint->offset);
    config_report_add(loader->report, CONFIG_ERROR, place, "%s", complaint->text);
    if (complaint->hint[0] != '\0') {
        config_report_hint(loader->report, "%s", complaint->hint);
    }
}

static void store_number(const struct directive *directive, void *slot, uint64_t value)
{
    uint32_t small = (uint32_t)value;

    if (directive->width == sizeof(value)) {
        memcpy(slot, &value, sizeof(value));
        return;
    }
    CHECK(directive->width == sizeof(small) && value <= UINT32_MAX);
    memcpy(slot, &small, sizeof(small));
}

/* Texts of all kinds. */

static bool text_is_fine(const struct directive *directive, struct span text,
                         struct complaint *complaint)
{
    if (text.len != 0 && memchr(text.ptr, '\0', text.len) != NULL) {
        complain(complaint, "'%s' has a NUL byte", directive->name);
        return complain_hint(complaint, "remove the \\0");
    }
    return directive->check == NULL || directive->check(text, complaint);
}

static bool text_check_length(const struct directive *directive, struct span text,
                              struct complaint *complaint)
{
    if (text.len >= directive->min && text.len <= directive->max) {
        return true;
    }
    if (text.len < directive->min) {
        complain(complaint, "'%s' is empty", directive->name);
    } else {
        complain(complaint, "'%s' is longer than %llu bytes", directive->name,
                 (unsigned long long)directive->max);
    }
    return complain_hint(complaint, "for example %s", directive->example);
}

static bool load_word(struct loader *loader, const struct directive *directive, struct span text,
                      void *slot, struct complaint *complaint)
{
    size_t index = 0;

    (void)loader;
    if (!value_word(directive, text, &index, complaint)) {
        return false;
    }
    if (directive->type == DIRECTIVE_ENUM) {
        store_number(directive, slot, index);
    } else {
        *(const char **)slot = directive->words[index];
    }
    return true;
}

static bool load_path(struct loader *loader, const struct directive *directive, struct span text,
                      void *slot, struct complaint *complaint)
{
    for (size_t i = 0; directive->words != NULL && directive->words[i] != NULL; i++) {
        if (span_eq_cstr(text, directive->words[i])) {
            *(const char **)slot = directive->words[i];
            return true;
        }
    }
    if (!text_check_length(directive, text, complaint) ||
        !text_is_fine(directive, text, complaint)) {
        return false;
    }
    *(const char **)slot = (directive->flags & DIRECTIVE_URI) != 0 && key_uri_is(text)
                               ? arena_cstr(&loader->settings->arena, text)
                               : path_join(loader->folder, text, &loader->settings->arena);
    return true;
}

static bool load_plain_text(struct loader *loader, const struct directive *directive,
                            struct span text, void *slot, struct complaint *complaint)
{
    if (!text_check_length(directive, text, complaint) ||
        !text_is_fine(directive, text, complaint)) {
        return false;
    }
    *(const char **)slot = arena_cstr(&loader->settings->arena, text);
    return true;
}

/* A directive whose value is one text. */
bool load_text(struct loader *loader, const struct directive *directive, struct span text,
               void *slot, struct complaint *complaint)
{
    uint64_t number = 0;

    /* To readers of YAML 1.1 they are the same, so nobody can mean anything else. */
    if (directive_can_be_off(directive) && span_eq_cstr(text, "false")) {
        text = SPAN_OF("off");
    }
    if (directive_can_be_on(directive) && span_eq_cstr(text, "true")) {
        text = SPAN_OF("on");
    }
    switch (directive->type) {
    case DIRECTIVE_BOOL:
        return value_bool(directive, text, slot, complaint);
    case DIRECTIVE_INTEGER:
    case DIRECTIVE_SIZE:
    case DIRECTIVE_DURATION:
        if (!value_number(directive, text, &number, complaint)) {
            return false;
        }
        store_number(directive, slot, number);
        return true;
    case DIRECTIVE_ENUM:
    case DIRECTIVE_WORD:
        return load_word(loader, directive, text, slot, complaint);
    case DIRECTIVE_PATH:
        return load_path(loader, directive, text, slot, complaint);
    case DIRECTIVE_ADDRESS:
        return address_parse(text, ADDRESS_CONNECT, loader->folder, &loader->settings->arena, slot,
                             complaint);
    default:
        return load_plain_text(loader, directive, text, slot, complaint);
    }
}

/* Lists of texts. */

static bool add_text(struct loader *loader, const struct directive *directive, struct span text,
                     struct string_list *list, struct complaint *complaint)
{
    char *copy;

    if (text.len > ITEM_BYTES_MAX) {
        complain(complaint, "an item of '%s' is too long", directive->name);
        return complain_hint(complaint, "for example %s", directive->example);
    }
    if (!text_is_fine(directive, text, complaint)) {
        return false;
    }
    copy = arena_cstr(&loader->settings->arena, text);
    /* In an expression "\\D" is not "\\d". */
    bool is_lower =
        (directive->flags & DIRECTIVE_LOWER) != 0 && !span_starts_with(text, SPAN_OF("re:"));
    for (size_t i = 0; is_lower && copy[i] != '\0'; i++) {
        copy[i] = ascii_lower(copy[i]);
    }
    list->items[list->count++] = copy;
    return true;
}

static bool add_address(struct loader *loader, struct span text, struct place place,
                        struct address_list *list, struct complaint *complaint)
{
    struct address_setting *address = &list->items[list->count];

    address->place = place;
    if (!address_parse(text, ADDRESS_LISTEN, loader->folder, &loader->settings->arena, address,
                       complaint)) {
        return false;
    }
    list->count++;
    return true;
}

static bool add_item(struct loader *loader, const struct directive *directive, struct span text,
                     struct place place, void *slot)
{
    struct network_list *networks = slot;
    struct string_list *texts = slot;
    struct complaint complaint;
    const void *item = NULL;
    bool ok;

    if (directive->type == DIRECTIVE_LISTEN) {
        ok = add_address(loader, text, place, slot, &complaint);
    } else if (directive->type == DIRECTIVE_NETWORKS) {
        ok = network_parse(text, &networks->items[networks->count], &complaint);
        networks->count += ok ? 1 : 0;
    } else {
        item = &texts->items[texts->count];
        ok = add_text(loader, directive, text, texts, &complaint);
    }
    if (!ok) {
        load_complain(loader, place, text, &complaint);
    } else if (item != NULL && place.line != 0) {
        places_add(loader->settings->places, item, place);
    }
    return ok;
}

/* Room for `count` items in the list of the directive's type, none of them used. */
static void make_list(struct loader *loader, const struct directive *directive, size_t count,
                      void *slot)
{
    struct arena *arena = &loader->settings->arena;

    if (directive->type == DIRECTIVE_LISTEN) {
        struct address_list *list = slot;

        *list = (struct address_list){arena_calloc(arena, count * sizeof(*list->items)), 0};
    } else if (directive->type == DIRECTIVE_NETWORKS) {
        struct network_list *list = slot;

        *list = (struct network_list){arena_calloc(arena, count * sizeof(*list->items)), 0};
    } else {
        struct string_list *list = slot;

        *list = (struct string_list){arena_calloc(arena, count * sizeof(*list->items)), 0};
    }
}

bool load_count_is_fine(struct loader *loader, const struct directive *directive,
                        const struct yaml_node *node, size_t count)
{
    if (count >= directive->min && count <= directive->max) {
        return true;
    }
    if (count < directive->min) {
        config_report_add(loader->report, CONFIG_ERROR, node->place, "'%s' is empty",
                          directive->name);
        config_report_hint(loader->report, "leave it out, or write for example %s",
                           directive->example);
    } else {
        config_report_add(loader->report, CONFIG_ERROR, node->place,
                          "'%s' has %zu entries, which is too many", directive->name, count);
        config_report_hint(loader->report, "it can have up to %llu",
                           (unsigned long long)directive->max);
    }
    return false;
}

/* What was found in place of what a directive needs. */

static const char *needs(enum directive_type type)
{
    static const char *const needed[] = {
        [DIRECTIVE_BOOL] = "true or false",
        [DIRECTIVE_INTEGER] = "a whole number",
        [DIRECTIVE_SIZE] = "a size",
        [DIRECTIVE_DURATION] = "a time",
        [DIRECTIVE_TEXT] = "text",
        [DIRECTIVE_PATH] = "a path",
        [DIRECTIVE_ENUM] = "a word",
        [DIRECTIVE_WORD] = "a word",
        [DIRECTIVE_TEXTS] = "a list of texts",
        [DIRECTIVE_LISTEN] = "a list of addresses",
        [DIRECTIVE_ADDRESS] = "an address",
        [DIRECTIVE_NETWORKS] = "a list of networks",
        [DIRECTIVE_FIELDS] = "a section of field names and values",
        [DIRECTIVE_SECTION] = "a section of keys and values",
        [DIRECTIVE_SECTIONS] = "a list of sections",
        [DIRECTIVE_BACKEND] = "a backend's name, its address or a section",
        [DIRECTIVE_LATER] = "a later version",
    };

    return needed[type];
}

bool load_wrong_kind(struct loader *loader, const struct directive *directive,
                     const struct yaml_node *node)
{
    static const char *const found[] = {[YAML_NOTHING] = "nothing",
                                        [YAML_TEXT] = "text",
                                        [YAML_LIST] = "a list",
                                        [YAML_MAPPING] = "a section"};

    if (node->kind == YAML_WRONG) {
        return false;
    }
    if (node->kind == YAML_NOTHING) {
        config_report_add(loader->report, CONFIG_ERROR, node->place, "'%s' has no value",
                          directive->name);
    } else {
        config_report_add(loader->report, CONFIG_ERROR, node->place, "'%s' needs %s, not %s%s%s",
                          directive->name, needs(directive->type), found[node->kind],
                          node->kind == YAML_TEXT ? " " : "",
                          node->kind == YAML_TEXT ? quote(node->text).text : "");
    }
    config_report_hint(loader->report, "for example %s", directive->example);
    return false;
}

bool load_texts(struct loader *loader, const struct directive *directive, struct yaml_node *node,
                void *slot)
{
    size_t count = node->kind == YAML_TEXT ? 1 : node->count;
    bool ok = true;

    if (node->kind != YAML_TEXT && node->kind != YAML_LIST) {
        return load_wrong_kind(loader, directive, node);
    }
    if (!load_count_is_fine(loader, directive, node, count)) {
        return false;
    }
    make_list(loader, directive, count, slot);
    if (node->kind == YAML_TEXT) {
        return add_item(loader, directive, node->text, node->place, slot);
    }
    for (struct yaml_node *item = node->first; item != NULL; item = item->next) {
        if (item->kind != YAML_TEXT) {
            ok = load_wrong_kind(loader, directive, item);
        } else {
            ok = add_item(loader, directive, item->text, item->place, slot) && ok;
        }
    }
    return ok;
}

void load_default_texts(struct loader *loader, const struct directive *directive, void *slot)
{
    struct span rest = span_from_cstr(directive->fallback);
    struct span item;
    size_t count = 1;

    for (size_t i = 0; i < rest.len; i++) {
        count += rest.ptr[i] == ' ' ? 1 : 0;
    }
    make_list(loader, directive, count, slot);
    while (span_split(&rest, ' ', &item)) {
        CHECK(add_item(loader, directive, item, (struct place){0}, slot));
    }
}
