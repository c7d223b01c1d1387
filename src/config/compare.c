#include "config/compare.h"

#include <string.h>

#include "base/map.h"
#include "base/strbuf.h"
#include "config/address.h"
#include "config/directives.h"
#include "config/places.h"
#include "config/serving.h"
#include "config/values.h"

/* Of a value in a message. */
#define SHOWN_BYTES 160

struct comparer {
    const struct settings *before;
    const struct settings *after;
    struct arena *arena;
    struct comparison *comparison;
};

/* Objects of one section, of which one has become the other. Either is NULL where there is none. */
struct two {
    const char *before;
    const char *after;
};

static const void *member(const char *object, size_t offset)
{
    return object + offset;
}

static struct two members(struct two objects, size_t offset)
{
    return (struct two){objects.before + offset, objects.after + offset};
}

/* ---- what is found ---- */

static void *grow(struct arena *arena, const void *old, size_t count, size_t *capacity, size_t size)
{
    char *items;

    if (count < *capacity) {
        return (void *)old;
    }
    *capacity = *capacity != 0 ? 2 * *capacity : 8;
    items = arena_calloc(arena, *capacity * size);
    if (count != 0) {
        memcpy(items, old, count * size);
    }
    return items;
}

static size_t add_difference(struct comparer *c, struct difference difference)
{
    struct comparison *to = c->comparison;

    to->items = grow(c->arena, to->items, to->count, &to->capacity, sizeof(*to->items));
    to->items[to->count] = difference;
    return to->count++;
}

static void add_key(struct comparer *c, size_t of, const struct directive *directive,
                    const char *prefix, const char *before, const char *after)
{
    struct difference *to = &c->comparison->items[of];

    to->keys = grow(c->arena, to->keys, to->key_count, &to->capacity, sizeof(*to->keys));
    to->keys[to->key_count++] = (struct key_difference){
        .key = arena_printf(c->arena, "%s%s", prefix, directive->name),
        .before = before,
        .after = after,
        .needs_restart = (directive->flags & DIRECTIVE_RESTART) != 0,
    };
}

/* ---- values as text ---- */

static uint64_t number_at(const struct directive *directive, const void *slot)
{
    uint64_t large = 0;
    uint32_t small = 0;

    if (directive->width == sizeof(large)) {
        memcpy(&large, slot, sizeof(large));
        return large;
    }
    memcpy(&small, slot, sizeof(small));
    return small;
}

static void show_list(struct strbuf *out, const struct directive *directive, const void *slot)
{
    const struct string_list *texts = slot;
    const struct address_list *addresses = slot;
    const struct network_list *networks = slot;
    size_t count = directive->type == DIRECTIVE_LISTEN     ? addresses->count
                   : directive->type == DIRECTIVE_NETWORKS ? networks->count
                                                           : texts->count;

    for (size_t i = 0; i < count; i++) {
        strbuf_add_cstr(out, i != 0 ? ", " : "");
        if (directive->type == DIRECTIVE_LISTEN) {
            strbuf_add_cstr(out, addresses->items[i].text);
        } else if (directive->type == DIRECTIVE_NETWORKS) {
            strbuf_add_cstr(out, network_format(&networks->items[i]).text);
        } else {
            strbuf_add_cstr(out, texts->items[i]);
        }
    }
}

static void show_fields(struct strbuf *out, const struct directive *directive, const char *object)
{
    const struct header_setting *fields =
        *(struct header_setting *const *)member(object, directive->offset);
    size_t count = *(const size_t *)member(object, directive->count_offset);

    for (size_t i = 0; i < count; i++) {
        strbuf_printf(out, "%s%s: %s", i != 0 ? ", " : "", fields[i].name, fields[i].value);
    }
}

static void show_number(struct strbuf *out, const struct directive *directive, const void *slot)
{
    uint64_t number = number_at(directive, slot);

    if (directive->type == DIRECTIVE_ENUM) {
        strbuf_add_cstr(out, directive->words[number]);
    } else if ((directive->flags & DIRECTIVE_OFF) != 0 && number == 0) {
        strbuf_add_cstr(out, "off");
    } else if ((directive->flags & DIRECTIVE_UNLIMITED) != 0 && number >= SETTINGS_UNLIMITED) {
        strbuf_add_cstr(out, "unlimited");
    } else {
        strbuf_add_cstr(out, value_format(directive, number).text);
    }
}

/* The whole value of a directive that is no section; two that are the same look the same. */
static void show(struct strbuf *out, const struct directive *directive, const char *object)
{
    const void *slot = member(object, directive->offset);
    const struct backend_settings *backend;
    const char *text;

    switch (directive->type) {
    case DIRECTIVE_BOOL:
        strbuf_add_cstr(out, *(const bool *)slot ? "true" : "false");
        return;
    case DIRECTIVE_INTEGER:
    case DIRECTIVE_SIZE:
    case DIRECTIVE_DURATION:
    case DIRECTIVE_ENUM:
        show_number(out, directive, slot);
        return;
    case DIRECTIVE_TEXTS:
    case DIRECTIVE_LISTEN:
    case DIRECTIVE_NETWORKS:
        show_list(out, directive, slot);
        return;
    case DIRECTIVE_FIELDS:
        show_fields(out, directive, object);
        return;
    case DIRECTIVE_ADDRESS:
        strbuf_add_cstr(out, ((const struct address_setting *)slot)->text);
        return;
    case DIRECTIVE_BACKEND:
        backend = *(struct backend_settings *const *)slot;
        strbuf_add_cstr(out, backend != NULL ? backend->name : "");
        return;
    default:
        text = *(const char *const *)slot;
        strbuf_add_cstr(out, text != NULL ? text : "");
    }
}

/* For people, in the arena; NULL for nothing. */
static const char *shown(struct comparer *c, const struct strbuf *text)
{
    struct span all = strbuf_span(text);

    if (all.len == 0) {
        return NULL;
    }
    return all.len > SHOWN_BYTES
               ? arena_printf(c->arena, "%.*s...", SPAN_ARG(span_head(all, SHOWN_BYTES)))
               : arena_cstr(c->arena, all);
}

/* ---- sections ---- */

static void compare_section(struct comparer *c, const struct section *section, struct two objects,
                            const char *prefix, size_t of);

static bool is_given(const struct settings *settings, const void *slot)
{
    return config_place(settings, slot).line != 0;
}

static void compare_value(struct comparer *c, const struct directive *directive, struct two objects,
                          const char *prefix, size_t of)
{
    struct two slots = members(objects, directive->offset);
    struct strbuf before;
    struct strbuf after;
    bool was_given = is_given(c->before, slots.before);
    bool now_given = is_given(c->after, slots.after);

    /* A default that follows from something else is no difference of its own. */
    if (directive->type != DIRECTIVE_BACKEND && !was_given && !now_given) {
        return;
    }
    strbuf_init(&before);
    strbuf_init(&after);
    show(&before, directive, objects.before);
    show(&after, directive, objects.after);
    if (!span_eq(strbuf_span(&before), strbuf_span(&after))) {
        bool has_default = directive->fallback != NULL || directive->type == DIRECTIVE_BACKEND;

        add_key(c, of, directive, prefix, was_given || has_default ? shown(c, &before) : NULL,
                now_given || has_default ? shown(c, &after) : NULL);
    }
    strbuf_free(&before);
    strbuf_free(&after);
}

static void compare_single(struct comparer *c, const struct directive *directive,
                           struct two objects, const char *prefix, size_t of)
{
    struct two inner = members(objects, directive->offset);

    if ((directive->flags & DIRECTIVE_EMBEDDED) == 0) {
        inner = (struct two){*(const char *const *)inner.before, *(const char *const *)inner.after};
    }
    if (inner.before != NULL && inner.after != NULL) {
        compare_section(c, directive->section, inner,
                        arena_printf(c->arena, "%s%s.", prefix, directive->name), of);
    } else if (inner.before != inner.after) {
        add_key(c, of, directive, prefix, inner.before != NULL ? "set" : NULL,
                inner.after != NULL ? "set" : NULL);
    }
}

/* The objects of a list of sections. */
struct objects {
    const char *items;
    size_t count;
};

static struct objects objects_at(const struct directive *directive, const char *object)
{
    return (struct objects){
        *(const char *const *)member(object, directive->offset),
        *(const size_t *)member(object, directive->count_offset),
    };
}

/* What an object in a list is known by: its name, or what its section begins with. */
static const char *identity(struct comparer *c, const struct section *section, const char *object)
{
    const struct directive *name = section_find(section, SPAN_OF("name"));
    const struct directive *first = &section->directives[0];
    struct strbuf text;
    const char *found;

    strbuf_init(&text);
    if (name != NULL && *(const char *const *)member(object, name->offset) != NULL) {
        show(&text, name, object);
    } else {
        show(&text, first, object);
    }
    found = arena_cstr(c->arena, strbuf_span(&text));
    strbuf_free(&text);
    return found;
}

/* Pairs the objects of two lists by their identities, the first with the first of the same. Calls
 * `each` for those of `after` in their order, with an object or NULL for before, and then for those
 * that are gone. */
struct pair {
    const char *before;
    const char *after;
    const char *identity;
};

struct pairs {
    struct pair *items;
    size_t count;
    bool is_reordered;
};

/* Objects of `before` in a row of those that the map takes for one. */
struct chain {
    const char *identity;
    size_t index;
    struct chain *next;
    struct chain *last; /* of the first one's row */
};

typedef const char *identity_fn(struct comparer *c, const struct section *section,
                                const char *object);

static void match(struct comparer *c, const struct section *section, struct objects before,
                  struct objects after, identity_fn *identify, struct pairs *pairs)
{
    struct chain *chains = arena_calloc(c->arena, before.count * sizeof(*chains));
    bool *is_taken = arena_calloc(c->arena, before.count);
    size_t newest = 0;
    struct map known;

    *pairs = (struct pairs){
        .items = arena_calloc(c->arena, (before.count + after.count) * sizeof(struct pair))};
    map_init(&known);
    for (size_t i = 0; i < before.count; i++) {
        const char *name = identify(c, section, before.items + i * section->size);
        struct chain *head = map_add(&known, span_from_cstr(name), &chains[i]);

        chains[i] = (struct chain){name, i, NULL, &chains[i]};
        if (head != NULL && head != &chains[i]) {
            head->last->next = &chains[i];
            head->last = &chains[i];
        }
    }
    for (size_t i = 0; i < after.count; i++) {
        const char *object = after.items + i * section->size;
        struct pair *pair = &pairs->items[pairs->count++];
        struct chain *at;

        *pair = (struct pair){NULL, object, identify(c, section, object)};
        at = map_find(&known, span_from_cstr(pair->identity));
        while (at != NULL && (is_taken[at->index] || strcmp(at->identity, pair->identity) != 0)) {
            at = at->next;
        }
        if (at != NULL) {
            is_taken[at->index] = true;
            pair->before = before.items + at->index * section->size;
            pairs->is_reordered = pairs->is_reordered || at->index < newest;
            newest = at->index;
        }
    }
    for (size_t i = 0; i < before.count; i++) {
        const char *object = before.items + i * section->size;

        if (!is_taken[i]) {
            pairs->items[pairs->count++] =
                (struct pair){object, NULL, identify(c, section, object)};
        }
    }
    map_free(&known);
}

/* A list within something: its entries are keys of that. */
static void compare_list(struct comparer *c, const struct directive *directive, struct two objects,
                         const char *prefix, size_t of)
{
    struct pairs pairs;

    match(c, directive->section, objects_at(directive, objects.before),
          objects_at(directive, objects.after), identity, &pairs);
    for (size_t i = 0; i < pairs.count; i++) {
        const struct pair *pair = &pairs.items[i];

        if (pair->before == NULL || pair->after == NULL) {
            add_key(c, of, directive, prefix, pair->before != NULL ? pair->identity : NULL,
                    pair->after != NULL ? pair->identity : NULL);
        } else {
            compare_section(
                c, directive->section, (struct two){pair->before, pair->after},
                arena_printf(c->arena, "%s%s.%s.", prefix, directive->name, pair->identity), of);
        }
    }
}

/* Lists whose entries are things of their own (struct difference). */
static bool is_list_of_things(const struct directive *directive)
{
    static const char *const things[] = {"site", "route", "backend", "listener"};

    for (size_t i = 0; directive->type == DIRECTIVE_SECTIONS && i < ARRAY_LEN(things); i++) {
        if (strcmp(directive->section->title, things[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void compare_section(struct comparer *c, const struct section *section, struct two objects,
                            const char *prefix, size_t of)
{
    for (size_t i = 0; i < section->count; i++) {
        const struct directive *directive = &section->directives[i];

        if (!directive_is_usable(directive) || (directive->flags & DIRECTIVE_SHORTHAND) != 0 ||
            is_list_of_things(directive)) {
            continue;
        }
        if (directive->type == DIRECTIVE_SECTION) {
            compare_single(c, directive, objects, prefix, of);
        } else if (directive->type == DIRECTIVE_SECTIONS) {
            compare_list(c, directive, objects, prefix, of);
        } else {
            compare_value(c, directive, objects, prefix, of);
        }
    }
}

/* ---- things ---- */

static struct place place_of(const struct section *section, const char *object)
{
    const struct place nowhere = {0};

    if (section->place_offset == NO_PLACE) {
        return nowhere;
    }
    return *(const struct place *)member(object, section->place_offset);
}

/* Routes are known by their path: what they are called otherwise counts them. */
static const char *route_identity(struct comparer *c, const struct section *section,
                                  const char *object)
{
    const struct route_settings *route = (const struct route_settings *)(const void *)object;
    struct strbuf text;
    const char *found;

    (void)section;
    if (is_given(c->before, &route->name) || is_given(c->after, &route->name)) {
        return route->name;
    }
    strbuf_init(&text);
    for (size_t i = 0; i < route->match.methods.count; i++) {
        strbuf_printf(&text, "%s ", route->match.methods.items[i]);
    }
    strbuf_add_cstr(&text, route->match.path);
    if (route->match.regex != NULL) {
        strbuf_printf(&text, " %s", route->match.regex);
    }
    found = arena_cstr(c->arena, strbuf_span(&text));
    strbuf_free(&text);
    return found;
}

/* Listeners are known by their first address. */
static const char *listener_identity(struct comparer *c, const struct section *section,
                                     const char *object)
{
    const struct listener_settings *listener =
        (const struct listener_settings *)(const void *)object;

    (void)c;
    (void)section;
    return listener->bind.count != 0 ? listener->bind.items[0].text : "";
}

/* Takes the difference away again when nothing was found. */
static void end_difference(struct comparer *c, size_t index)
{
    if (c->comparison->items[index].key_count == 0 && index + 1 == c->comparison->count) {
        c->comparison->count--;
    }
}

static bool compare_thing(struct comparer *c, const struct section *section,
                          const struct pair *pair, struct difference difference)
{
    bool is_whole = pair->before == NULL || pair->after == NULL;
    size_t index;

    difference.kind = pair->before == NULL  ? DIFFERENCE_ADDED
                      : pair->after == NULL ? DIFFERENCE_REMOVED
                                            : DIFFERENCE_CHANGED;
    difference.name = pair->identity;
    difference.place = place_of(section, pair->after != NULL ? pair->after : pair->before);
    index = add_difference(c, difference);
    if (!is_whole) {
        compare_section(c, section, (struct two){pair->before, pair->after}, "", index);
        end_difference(c, index);
    }
    return !is_whole;
}

static void compare_routes(struct comparer *c, const struct site_settings *before,
                           const struct site_settings *after, const struct directive *directive)
{
    struct objects old = {(const char *)before->routes, before->route_count};
    struct objects new = {(const char *)after->routes, after->route_count};
    struct pairs pairs;

    match(c, directive->section, old, new, route_identity, &pairs);
    if (pairs.is_reordered) {
        size_t index =
            add_difference(c, (struct difference){DIFFERENCE_CHANGED, "site", after->name, NULL,
                                                  after->place, NULL, 0, 0});
        add_key(c, index, directive, "", "in another order", "as the file has them now");
    }
    for (size_t i = 0; i < pairs.count; i++) {
        (void)compare_thing(c, directive->section, &pairs.items[i],
                            (struct difference){.what = "route", .site = after->name});
    }
}

static void compare_things(struct comparer *c, const struct directive *directive, const char *what,
                           identity_fn *identify)
{
    const struct directive *routes = section_find(directive->section, SPAN_OF("routes"));
    struct pairs pairs;

    match(c, directive->section, objects_at(directive, (const char *)c->before),
          objects_at(directive, (const char *)c->after), identify, &pairs);
    for (size_t i = 0; i < pairs.count; i++) {
        const struct pair *pair = &pairs.items[i];
        bool is_both =
            compare_thing(c, directive->section, pair, (struct difference){.what = what});

        if (is_both && routes != NULL) {
            compare_routes(c, (const struct site_settings *)(const void *)pair->before,
                           (const struct site_settings *)(const void *)pair->after, routes);
        }
    }
}

void compare_settings(const struct settings *before, const struct settings *after,
                      struct arena *arena, struct comparison *comparison)
{
    struct comparer c = {before, after, arena, comparison};
    size_t index;

    *comparison = (struct comparison){0};
    compare_things(&c, section_find(&section_root, SPAN_OF("sites")), "site", identity);
    compare_things(&c, section_find(&section_root, SPAN_OF("backends")), "backend", identity);
    compare_things(&c, section_find(&section_root, SPAN_OF("listeners")), "listener",
                   listener_identity);
    index = add_difference(
        &c, (struct difference){.kind = DIFFERENCE_CHANGED, .what = "the file", .name = ""});
    compare_section(&c, &section_root, (struct two){(const char *)before, (const char *)after}, "",
                    index);
    end_difference(&c, index);
}

const struct key_difference *comparison_restart(const struct comparison *comparison, size_t n)
{
    for (size_t i = 0; i < comparison->count; i++) {
        for (size_t j = 0; j < comparison->items[i].key_count; j++) {
            if (comparison->items[i].keys[j].needs_restart && n-- == 0) {
                return &comparison->items[i].keys[j];
            }
        }
    }
    return NULL;
}
