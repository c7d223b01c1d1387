#include "config/parts.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "config/address.h"
#include "config/complaint.h"
#include "config/load_internal.h"
#include "config/text_rules.h"
#include "config/variables.h"

/* A directive at the top of the files. */
struct gathered {
    struct yaml_node *value;  /* the first, which takes what later files add */
    struct yaml_node *newest; /* key of the last one */
    struct yaml_node *tail;   /* last item or entry of `value` */
};

/* A file that was read, by its name; names that differ in case alone are one chain of the map. */
struct known_file {
    const char *name;
    struct known_file *next;
};

struct parts {
    struct settings *settings;
    const struct config_source *source;
    struct arena *arena;
    struct config_report *report;
    struct variables variables;
    struct yaml_node *root; /* of all of them */
    struct yaml_node *tail; /* its last entry */
    struct gathered gathered[SECTION_DIRECTIVES_MAX];
    struct map known;
    const char *stack[INCLUDE_DEPTH_MAX]; /* the files that are being followed, outermost first */
    size_t depth;
    size_t bytes;
    size_t file_capacity;
    size_t folder_capacity;
    bool is_full; /* and that was reported */
};

/* Twice as much room as before, in an arena: for lists that grow a few times. */
static void *grow(struct arena *arena, const void *old, size_t count, size_t *capacity, size_t size)
{
    char *items;

    *capacity = *capacity != 0 ? 2 * *capacity : 8;
    items = arena_calloc(arena, *capacity * size);
    if (count != 0) {
        memcpy(items, old, count * size);
    }
    return items;
}

/* Without "./" and double slashes, so that one file has one name; ".." is left, as what it means
 * depends on links. */
static const char *plain_path(const char *path, struct arena *arena)
{
    char *plain = arena_cstr(arena, span_from_cstr(path));
    char *to = plain;

    for (const char *from = path; *from != '\0';) {
        bool at_start = to == plain || to[-1] == '/';

        if (at_start && from[0] == '.' && from[1] == '/') {
            from += 2;
        } else if (to != plain && at_start && from[0] == '/') {
            from++;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
    return plain;
}

/* Files. */

static unsigned add_file(struct parts *parts, const char *name, struct span text)
{
    struct settings_origin *origin = &parts->settings->origin;
    struct arena *arena = &parts->settings->arena;
    unsigned index = config_report_source(parts->report, name, text);

    if (origin->file_count == parts->file_capacity) {
        origin->files = grow(arena, origin->files, origin->file_count, &parts->file_capacity,
                             sizeof(*origin->files));
    }
    CHECK(index == origin->file_count);
    origin->files[origin->file_count++] =
        (struct settings_file){arena_cstr(arena, span_from_cstr(name)), arena_copy(arena, text)};
    return index;
}

static bool is_known(struct parts *parts, const char *name)
{
    struct known_file *entry = arena_calloc(parts->arena, sizeof(*entry));
    struct known_file *first;

    entry->name = name;
    first = map_add(&parts->known, span_from_cstr(name), entry);
    if (first == NULL || first == entry) {
        return false;
    }
    for (struct known_file *at = first; at != NULL; at = at->next) {
        if (strcmp(at->name, name) == 0) {
            return true;
        }
    }
    entry->next = first->next;
    first->next = entry;
    return false;
}

static void report_unreadable(struct parts *parts, const char *name, struct place place, int number)
{
    if (parts->depth == 0) {
        place.file = add_file(parts, name, span_make(NULL, 0));
        config_report_add(parts->report, CONFIG_ERROR, place, "cannot be read: %s",
                          strerror(number));
    } else {
        config_report_add(parts->report, CONFIG_ERROR, place, "%s cannot be read: %s",
                          quote_cstr(name).text, strerror(number));
    }
    config_report_hint(parts->report, "%s",
                       number == EACCES ? "run as a user who may read it, or change its permissions"
                       : number != ENOENT  ? "a configuration is a plain text file"
                       : parts->depth == 0 ? "name the file with -c FILE"
                                           : "paths are seen from the folder of the file that "
                                             "includes them");
}

/* NULL: it is no tree, and that was reported. */
static struct yaml_node *parse(struct parts *parts, const char *name, struct span text)
{
    bool is_too_large = text.len > CONFIG_FILE_BYTES_MAX;
    unsigned file = add_file(parts, name, is_too_large ? span_make(NULL, 0) : text);
    struct yaml_node *root;

    if (is_too_large) {
        config_report_add(parts->report, CONFIG_ERROR, (struct place){.file = file},
                          "the file is larger than %zu MiB", CONFIG_FILE_BYTES_MAX >> 20);
        config_report_hint(parts->report, "is it a configuration at all?");
        return NULL;
    }
    parts->bytes += text.len;
    root = yaml_parse(text, file, parts->arena, parts->report);
    if (root != NULL) {
        variables_expand(&parts->variables, root);
    }
    return root;
}

static struct yaml_node *read_file(struct parts *parts, const char *name, struct place place)
{
    struct yaml_node *root = NULL;
    struct strbuf text;

    strbuf_init(&text);
    if (parts->source->read(parts->source->arg, name, &text)) {
        root = parse(parts, name, strbuf_span(&text));
    } else {
        report_unreadable(parts, name, place, errno);
    }
    strbuf_free(&text);
    return root;
}

/* One tree of several. */

static struct yaml_node *last_of(const struct yaml_node *node)
{
    struct yaml_node *last = node->first;

    while (last != NULL && last->next != NULL) {
        last = last->next;
    }
    return last;
}

/* A text that stands for a list of one becomes that list. */
static void make_list(struct parts *parts, struct yaml_node *node)
{
    struct yaml_node *item;

    if (node->kind != YAML_TEXT) {
        return;
    }
    item = arena_calloc(parts->arena, sizeof(*item));
    *item = *node;
    item->key = NULL;
    item->next = NULL;
    node->kind = YAML_LIST;
    node->first = item;
    node->count = 1;
}

static bool is_list_kind(const struct yaml_node *node)
{
    return node->kind == YAML_LIST || node->kind == YAML_TEXT;
}

/* Whether the value of a later file goes on with that of an earlier one. */
static bool goes_on(const struct directive *directive, const struct yaml_node *value,
                    const struct yaml_node *more)
{
    if (directive_is_list(directive)) {
        return is_list_kind(value) && is_list_kind(more);
    }
    return (directive->flags & DIRECTIVE_EMBEDDED) != 0 && value->kind == YAML_MAPPING &&
           more->kind == YAML_MAPPING;
}

static void go_on(struct parts *parts, struct gathered *gathered, struct yaml_node *more)
{
    struct yaml_node *value = gathered->value;

    if (value->kind != YAML_MAPPING) {
        make_list(parts, value);
        make_list(parts, more);
    }
    if (gathered->tail == NULL) {
        gathered->tail = last_of(value);
    }
    if (gathered->tail != NULL) {
        gathered->tail->next = more->first;
    } else {
        value->first = more->first;
    }
    value->count += more->count;
    gathered->tail = more->first != NULL ? last_of(more) : gathered->tail;
}

static void append(struct parts *parts, struct yaml_node *value)
{
    if (parts->tail != NULL) {
        parts->tail->next = value;
    } else {
        parts->root->first = value;
    }
    parts->tail = value;
    parts->root->count++;
}

static void add_value(struct parts *parts, struct yaml_node *value)
{
    const struct directive *directive = section_find(&section_root, value->key->text);
    struct gathered *gathered;

    if (directive == NULL) {
        append(parts, value);
        return;
    }
    gathered = &parts->gathered[directive - section_root.directives];
    if (gathered->value == NULL) {
        gathered->value = value;
        append(parts, value);
    } else if (gathered->newest->place.file == value->key->place.file) {
        load_report_twice(parts->report, parts->settings, directive, &section_root,
                          value->key->place, gathered->newest->place);
    } else if (goes_on(directive, gathered->value, value)) {
        go_on(parts, gathered, value);
    } else {
        append(parts, value); /* for the loader to say what is wrong with it */
    }
    gathered->newest = value->key;
}

static void add_root(struct parts *parts, struct yaml_node *root)
{
    struct yaml_node *next;

    for (struct yaml_node *value = root->first; value != NULL; value = next) {
        next = value->next;
        value->next = NULL;
        add_value(parts, value);
    }
}

/* What is included. */

static bool may_include(struct parts *parts, const char *name, struct place place)
{
    const struct settings_origin *origin = &parts->settings->origin;

    for (size_t i = 0; i < parts->depth; i++) {
        if (strcmp(parts->stack[i], name) == 0) {
            config_report_add(parts->report, CONFIG_ERROR, place, "%s would include itself%s",
                              quote_cstr(name).text, i + 1 < parts->depth ? ", in a circle" : "");
            config_report_hint(parts->report, "each file is read once: leave it out here");
            return false;
        }
    }
    if (is_known(parts, name)) {
        config_report_add(parts->report, CONFIG_ERROR, place, "%s is included already",
                          quote_cstr(name).text);
        config_report_hint(parts->report, "each file is read once: leave it out here");
        return false;
    }
    if (parts->depth == INCLUDE_DEPTH_MAX) {
        config_report_add(parts->report, CONFIG_ERROR, place,
                          "files include each other more than %d deep", INCLUDE_DEPTH_MAX);
        config_report_hint(parts->report, "include it from a file further up");
        return false;
    }
    if (origin->file_count >= INCLUDE_FILES_MAX || parts->bytes >= INCLUDE_BYTES_MAX) {
        config_report_add(parts->report, CONFIG_ERROR, place,
                          "more than %d files or %zu MiB are included", INCLUDE_FILES_MAX,
                          INCLUDE_BYTES_MAX >> 20);
        config_report_hint(parts->report, "does a pattern take more than it should?");
        parts->is_full = true;
        return false;
    }
    return true;
}

static void take_file(struct parts *parts, const char *name, struct yaml_node *root);

static void include_file(struct parts *parts, const char *name, struct place place)
{
    struct yaml_node *root;

    if (!may_include(parts, name, place)) {
        return;
    }
    root = read_file(parts, name, place);
    if (root == NULL || root->kind == YAML_NOTHING) {
        return; /* all of it commented out */
    }
    if (root->kind != YAML_MAPPING) {
        load_report_not_section(parts->report, root);
        return;
    }
    take_file(parts, name, root);
}

struct found_names {
    const char *pattern;
    struct arena *arena;
    struct string_list list;
    size_t capacity;
};

static void take_name(void *to, const char *name)
{
    struct found_names *found = to;

    if (fnmatch(found->pattern, name, FNM_PERIOD) != 0) {
        return;
    }
    if (found->list.count == found->capacity) {
        found->list.items = grow(found->arena, found->list.items, found->list.count,
                                 &found->capacity, sizeof(*found->list.items));
    }
    found->list.items[found->list.count++] = arena_cstr(found->arena, span_from_cstr(name));
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void note_folder(struct parts *parts, const char *folder, const struct string_list *names)
{
    struct settings_origin *origin = &parts->settings->origin;

    if (origin->folder_count == parts->folder_capacity) {
        origin->folders = grow(&parts->settings->arena, origin->folders, origin->folder_count,
                               &parts->folder_capacity, sizeof(*origin->folders));
    }
    origin->folders[origin->folder_count++] = (struct settings_folder){folder, *names};
}

static void include_pattern(struct parts *parts, const char *path, struct place place)
{
    struct arena *arena = &parts->settings->arena;
    const char *slash = strrchr(path, '/');
    size_t folder_len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    const char *folder = arena_cstr(arena, span_make(path, folder_len));
    struct found_names found = {.pattern = slash != NULL ? slash + 1 : path, .arena = arena};

    if (!parts->source->list(parts->source->arg, folder, take_name, &found)) {
        report_unreadable(parts, folder_len != 0 ? folder : ".", place, errno);
        return;
    }
    note_folder(parts, folder, &found.list);
    if (found.list.count > 1) {
        qsort(found.list.items, found.list.count, sizeof(*found.list.items), by_name);
    }
    for (size_t i = 0; i < found.list.count && !parts->is_full; i++) {
        struct span name = span_from_cstr(found.list.items[i]);

        include_file(parts, plain_path(path_join(folder, name, arena), arena), place);
    }
}

static void include_item(struct parts *parts, const char *folder, const struct yaml_node *item)
{
    struct complaint complaint;
    struct arena *arena = &parts->settings->arena;
    const char *path;
    const char *name;

    /* What is no path is reported when the directive is loaded. */
    if (item->kind != YAML_TEXT || parts->is_full || !rule_include(item->text, &complaint) ||
        memchr(item->text.ptr, '\0', item->text.len) != NULL) {
        return;
    }
    path = plain_path(path_join(folder, item->text, arena), arena);
    name = strrchr(path, '/');
    if (strpbrk(name != NULL ? name : path, "*?[") != NULL) {
        include_pattern(parts, path, item->place);
    } else {
        include_file(parts, path, item->place);
    }
}

static void follow(struct parts *parts, const char *file, const struct yaml_node *include)
{
    const char *own = parts->depth == 0 ? parts->source->folder : NULL;
    const char *folder = own != NULL ? own : load_folder_of(&parts->settings->arena, file);
    const struct yaml_node *item = include->kind == YAML_LIST ? include->first : include;
    size_t count = include->kind == YAML_LIST ? include->count : 1;

    parts->stack[parts->depth++] = file;
    for (size_t i = 0; i < count; i++) {
        include_item(parts, folder, item);
        item = item->next;
    }
    parts->depth--;
}

/* A file's tree, a mapping, and what it includes. */
static void take_file(struct parts *parts, const char *name, struct yaml_node *root)
{
    struct yaml_node include = {0};

    /* A copy, with its count: its items are chained to others' when the trees become one. */
    for (const struct yaml_node *value = root->first; value != NULL; value = value->next) {
        if (span_eq_cstr(value->key->text, "include")) {
            include = *value;
        }
    }
    add_root(parts, root);
    if (include.kind == YAML_LIST || include.kind == YAML_TEXT) {
        follow(parts, name, &include);
    }
}

/* The whole. */

static struct yaml_node *read_all(struct parts *parts, const char *file)
{
    const char *plain = plain_path(file, parts->arena);
    struct yaml_node *first;

    (void)is_known(parts, plain);
    first = read_file(parts, file, (struct place){0});
    if (first == NULL || first->kind != YAML_MAPPING) {
        return first;
    }
    parts->root = arena_calloc(parts->arena, sizeof(*parts->root));
    *parts->root = (struct yaml_node){.kind = YAML_MAPPING, .place = first->place};
    take_file(parts, plain, first);
    return parts->root;
}

struct yaml_node *parts_read(struct settings *settings, const struct config_source *source,
                             struct arena *arena, struct config_report *report)
{
    struct parts parts = {.settings = settings, .source = source, .arena = arena, .report = report};
    struct yaml_node *root;

    CHECK(section_root.count <= ARRAY_LEN(parts.gathered));
    parts.variables = (struct variables){
        .source = source, .settings = settings, .arena = arena, .report = report};
    config_report_start(report);
    map_init(&parts.known);
    root = read_all(&parts, settings->file);
    map_free(&parts.known);
    return root;
}
