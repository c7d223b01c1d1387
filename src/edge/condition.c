#include "edge/condition.h"

#include "edge/address_set.h"
#include "edge/field_senders.h"
#include "edge/path.h"

enum condition_kind {
    CONDITION_PATH,
    CONDITION_REGEX,
    CONDITION_METHODS,
    CONDITION_FIELD,
    CONDITION_QUERY,
    CONDITION_COOKIE,
    CONDITION_ADDRESS,
    CONDITION_SCHEME,
    CONDITION_OTHER,
    CONDITION_NOT,
    CONDITION_ANY,
    CONDITION_ALL
};

struct condition {
    enum condition_kind kind;
    struct span name;        /* FIELD, QUERY, COOKIE */
    struct span shown;       /* of these, PATH and REGEX: the value as it is written */
    struct text_match value; /* of these */
    struct address_set networks;
    const struct condition_type *type; /* OTHER */
    const void *what;                  /* its */
    const struct span *methods;
    size_t method_count;
    bool is_https; /* SCHEME */
    const struct condition *const *parts;
    size_t part_count; /* NOT has one */
};

/* ---- texts ---- */

size_t text_match_is_pattern(struct span text)
{
    return span_starts_with(text, SPAN_OF("re:")) ? 3 : 0;
}

static const struct pattern *make_pattern(struct span text, struct arena *arena)
{
    struct error error;
    size_t offset;
    const struct pattern *pattern = pattern_compile(text, 0, arena, &error, &offset);

    CHECK(pattern != NULL);
    return pattern;
}

static struct text_match split_star(struct span text)
{
    if (text.len != 0 && text.ptr[text.len - 1] == '*') {
        return (struct text_match){TEXT_BEGINS, span_head(text, text.len - 1), NULL};
    }
    if (text.len != 0 && text.ptr[0] == '*') {
        return (struct text_match){TEXT_ENDS, span_skip(text, 1), NULL};
    }
    return (struct text_match){TEXT_IS, text, NULL};
}

struct text_match text_match_make(struct span text, struct arena *arena)
{
    size_t mark = text_match_is_pattern(text);

    if (mark != 0) {
        return (struct text_match){TEXT_FITS_PATTERN, text,
                                   make_pattern(span_skip(text, mark), arena)};
    }
    return split_star(text);
}

enum condition_result text_match_check(const struct text_match *match, struct span text,
                                       int64_t *steps)
{
    bool fits = false;

    switch (match->fit) {
    case TEXT_IS:
        fits = span_eq(match->text, text);
        break;
    case TEXT_BEGINS:
        fits = span_starts_with(text, match->text);
        break;
    case TEXT_ENDS:
        fits = span_ends_with(text, match->text);
        break;
    case TEXT_FITS_PATTERN:
        switch (pattern_search_within(match->pattern, text, NULL, steps)) {
        case PATTERN_EXCEEDED:
            return CONDITION_UNDECIDED;
        case PATTERN_FOUND:
            return CONDITION_HOLDS;
        case PATTERN_NOT_FOUND:
            break;
        }
        break;
    }
    return fits ? CONDITION_HOLDS : CONDITION_FAILS;
}

struct text_match path_match_make(struct span text, struct arena *arena)
{
    struct text_match match = split_star(text);

    match.text = path_fold_percent(match.text, arena);
    return match;
}

bool path_match_fits(const struct text_match *match, struct span path)
{
    switch (match->fit) {
    case TEXT_IS:
        return span_eq(match->text, path);
    case TEXT_BEGINS:
        return span_starts_with(path, match->text) ||
               (span_eq(path, SPAN_OF("*")) && span_eq(match->text, SPAN_OF("/")));
    case TEXT_ENDS:
        return span_ends_with(path, match->text);
    case TEXT_FITS_PATTERN:
        break;
    }
    return false;
}

/* A pattern is a path, too: that of a prefix begins all that it fits. */
bool path_match_covers(const struct text_match *wide, const struct text_match *narrow)
{
    switch (wide->fit) {
    case TEXT_IS:
        return narrow->fit == TEXT_IS && span_eq(wide->text, narrow->text);
    case TEXT_BEGINS:
        return narrow->fit == TEXT_ENDS ? wide->text.len <= 1
                                        : span_starts_with(narrow->text, wide->text);
    case TEXT_ENDS:
        return narrow->fit != TEXT_BEGINS && span_ends_with(narrow->text, wide->text);
    case TEXT_FITS_PATTERN:
        break;
    }
    return false;
}

/* ---- building ---- */

struct builder {
    const struct condition **parts;
    size_t count;
    const struct condition_maker *maker;
    struct arena *arena;
};

static struct condition *add(struct builder *b, enum condition_kind kind)
{
    struct condition *condition = arena_calloc(b->arena, sizeof(*condition));

    condition->kind = kind;
    b->parts[b->count++] = condition;
    return condition;
}

static void add_named(struct builder *b, enum condition_kind kind,
                      const struct header_setting *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct condition *condition = add(b, kind);

        condition->name = span_from_cstr(items[i].name);
        condition->shown = span_from_cstr(items[i].value);
        condition->value = text_match_make(condition->shown, b->arena);
    }
}

static void add_path(struct builder *b, const struct match_settings *settings)
{
    struct condition *condition;

    if (settings->path != NULL) {
        condition = add(b, CONDITION_PATH);
        condition->shown = span_from_cstr(settings->path);
        condition->value = path_match_make(condition->shown, b->arena);
    }
    if (settings->regex != NULL) {
        condition = add(b, CONDITION_REGEX);
        condition->shown = span_from_cstr(settings->regex);
        condition->value = (struct text_match){TEXT_FITS_PATTERN, condition->shown,
                                               make_pattern(condition->shown, b->arena)};
    }
    if (settings->methods.count != 0) {
        struct span *methods = arena_calloc(b->arena, settings->methods.count * sizeof(*methods));

        for (size_t i = 0; i < settings->methods.count; i++) {
            methods[i] = span_from_cstr(settings->methods.items[i]);
        }
        condition = add(b, CONDITION_METHODS);
        condition->methods = methods;
        condition->method_count = settings->methods.count;
    }
}

static void add_list(struct builder *b, enum condition_kind kind,
                     const struct match_settings *items, size_t count)
{
    const struct condition **parts;
    struct condition *condition;

    if (count == 0) {
        return;
    }
    parts = arena_calloc(b->arena, count * sizeof(*parts));
    condition = add(b, kind);
    condition->parts = parts;
    for (size_t i = 0; i < count; i++) {
        const struct condition *part = condition_make(&items[i], true, b->maker, b->arena);
        if (part != NULL) {
            parts[condition->part_count++] = part;
        }
    }
}

static void add_networks(struct builder *b, const struct network_list *networks)
{
    struct condition *condition = add(b, CONDITION_ADDRESS);

    address_set_make(&condition->networks,
                     arena_calloc(b->arena, networks->count * sizeof(struct address_range)),
                     networks->items, networks->count);
}

/* What others know of. */
static void add_more(struct builder *b, const struct match_settings *settings)
{
    if (b->maker != NULL) {
        b->count += b->maker->add(b->maker->arg, settings, b->parts + b->count, b->arena);
    }
}

const struct condition *condition_of(const struct condition_type *type, const void *what,
                                     struct arena *arena)
{
    struct condition *condition = arena_calloc(arena, sizeof(*condition));

    *condition = (struct condition){.kind = CONDITION_OTHER, .type = type, .what = what};
    return condition;
}

/* Recursion is as deep as the configuration's check lets it be. */
const struct condition *condition_make(const struct match_settings *settings, bool is_whole,
                                       const struct condition_maker *maker, struct arena *arena)
{
    size_t most = settings->header_count + settings->query_count + settings->cookie_count + 8 +
                  CONDITION_MORE_MAX;
    struct builder b = {arena_calloc(arena, most * sizeof(*b.parts)), 0, maker, arena};
    struct condition *all;

    if (is_whole) {
        add_path(&b, settings);
    }
    if (settings->scheme != NULL) {
        add(&b, CONDITION_SCHEME)->is_https = strcmp(settings->scheme, "https") == 0;
    }
    if (settings->client_address.count != 0) {
        add_networks(&b, &settings->client_address);
    }
    add_named(&b, CONDITION_FIELD, settings->headers, settings->header_count);
    add_named(&b, CONDITION_QUERY, settings->query, settings->query_count);
    add_named(&b, CONDITION_COOKIE, settings->cookies, settings->cookie_count);
    add_more(&b, settings);
    add_list(&b, CONDITION_NOT, settings->negated, settings->negated != NULL ? 1 : 0);
    add_list(&b, CONDITION_ANY, settings->any, settings->any_count);
    add_list(&b, CONDITION_ALL, settings->all, settings->all_count);
    if (b.count <= 1) {
        return b.count != 0 ? b.parts[0] : NULL;
    }
    all = arena_calloc(arena, sizeof(*all));
    *all = (struct condition){.kind = CONDITION_ALL, .parts = b.parts, .part_count = b.count};
    return all;
}

/* ---- checking ---- */

/* Methods are compared with regard to case (RFC 9110 section 9.1). */
bool method_list_has(const struct span *methods, size_t count, struct span method)
{
    bool is_head = span_eq(method, SPAN_OF("HEAD"));

    for (size_t i = 0; i < count; i++) {
        if (span_eq(methods[i], method) || (is_head && span_eq(methods[i], SPAN_OF("GET")))) {
            return true;
        }
    }
    return false;
}

/* What a stranger may not say, no server gets. */
static bool is_there(const struct match_facts *facts, const struct http_field *field)
{
    enum field_sender sender = field_sender_of(field);

    return sender == FIELD_FROM_ANYONE || (sender == FIELD_FROM_TRUSTED && facts->is_peer_trusted);
}

static enum condition_result check_fields(const struct condition *c, struct match_facts *facts)
{
    const struct http_fields *fields = &facts->request->fields;

    if (span_ieq(c->name, SPAN_OF("Host"))) {
        return text_match_check(&c->value, facts->request->authority, &facts->steps);
    }
    for (size_t i = 0; i < fields->count; i++) {
        const struct http_field *field = &fields->items[i];
        enum condition_result result;

        if (!field_name_is_alike(field->name, c->name) || !is_there(facts, field)) {
            continue;
        }
        result = text_match_check(&c->value, field->value, &facts->steps);
        if (result != CONDITION_FAILS) {
            return result;
        }
    }
    return CONDITION_FAILS;
}

/* As servers decode forms: '+' is a space. What is no triplet stays. */
static struct span decode(struct span text, struct arena *arena)
{
    char *bytes;
    size_t len = 0;

    if (span_find(text, '%') == text.len && span_find(text, '+') == text.len) {
        return text;
    }
    bytes = arena_alloc(arena, text.len);
    for (size_t i = 0; i < text.len; i++) {
        int value = text.ptr[i] == '%' ? path_triplet(text, i) : -1;
        if (value >= 0) {
            bytes[len++] = (char)value;
            i += 2;
        } else {
            bytes[len++] = (char)(text.ptr[i] == '+' ? ' ' : text.ptr[i]);
        }
    }
    return span_make(bytes, len);
}

static enum condition_result check_parameter(const struct condition *c, struct span pair,
                                             struct match_facts *facts)
{
    size_t at = span_find(pair, '=');

    if (!span_eq(decode(span_head(pair, at), facts->arena), c->name)) {
        return CONDITION_FAILS;
    }
    return text_match_check(&c->value,
                            decode(span_skip(pair, at < pair.len ? at + 1 : at), facts->arena),
                            &facts->steps);
}

/* To most servers '&' alone stands between parameters, to some ';' as well (Rack before version 3,
 * CGI's libraries, Python before 3.9.2): what either finds counts, so that neither is a way past.
 */
static enum condition_result check_query(const struct condition *c, struct match_facts *facts)
{
    struct span rest = facts->request->query;
    struct span pair;

    while (span_split(&rest, '&', &pair)) {
        enum condition_result result = check_parameter(c, pair, facts);
        struct span piece;

        if (span_find(pair, ';') < pair.len) {
            while (result == CONDITION_FAILS && span_split(&pair, ';', &piece)) {
                result = check_parameter(c, piece, facts);
            }
        }
        if (result != CONDITION_FAILS) {
            return result;
        }
    }
    return CONDITION_FAILS;
}

/* Servers take the quotes off, or decode what is encoded as in a URL, or do neither. */
static enum condition_result check_cookie(const struct condition *c, struct span value,
                                          struct match_facts *facts)
{
    enum condition_result result = text_match_check(&c->value, value, &facts->steps);

    if (result == CONDITION_FAILS && value.len >= 2 && value.ptr[0] == '"' &&
        value.ptr[value.len - 1] == '"') {
        value = span_make(value.ptr + 1, value.len - 2);
        result = text_match_check(&c->value, value, &facts->steps);
    }
    if (result == CONDITION_FAILS && span_find(value, '%') < value.len) {
        result = text_match_check(&c->value, decode(value, facts->arena), &facts->steps);
    }
    return result;
}

static enum condition_result check_pairs(const struct condition *c, struct span list,
                                         struct match_facts *facts)
{
    struct span pair;

    while (span_split(&list, ';', &pair)) {
        size_t at = span_find(pair, '=');
        enum condition_result result;

        if (at == pair.len || !span_eq(span_trim(span_head(pair, at)), c->name)) {
            continue;
        }
        result = check_cookie(c, span_trim(span_skip(pair, at + 1)), facts);
        if (result != CONDITION_FAILS) {
            return result;
        }
    }
    return CONDITION_FAILS;
}

/* Each of that name: which one counts, servers see differently. */
static enum condition_result check_cookies(const struct condition *c, struct match_facts *facts)
{
    const struct http_fields *fields = &facts->request->fields;
    enum condition_result result = CONDITION_FAILS;

    for (size_t i = 0; i < fields->count && result == CONDITION_FAILS; i++) {
        if (fields->items[i].id == FIELD_COOKIE) {
            result = check_pairs(c, fields->items[i].value, facts);
        }
    }
    return result;
}

static enum condition_result holds(bool does)
{
    return does ? CONDITION_HOLDS : CONDITION_FAILS;
}

static enum condition_result check_leaf(const struct condition *c, struct match_facts *facts)
{
    switch (c->kind) {
    case CONDITION_PATH:
        return holds(path_match_fits(&c->value, facts->path));
    case CONDITION_REGEX:
        return text_match_check(&c->value, facts->path, &facts->steps);
    case CONDITION_METHODS:
        return holds(method_list_has(c->methods, c->method_count, facts->method));
    case CONDITION_ADDRESS:
        return holds(address_set_has(&c->networks, facts->address(facts->asker)));
    case CONDITION_SCHEME:
        return holds(c->is_https == facts->is_https);
    case CONDITION_FIELD:
        return facts->request != NULL ? check_fields(c, facts) : CONDITION_FAILS;
    case CONDITION_QUERY:
        return facts->request != NULL ? check_query(c, facts) : CONDITION_FAILS;
    case CONDITION_COOKIE:
        return facts->request != NULL ? check_cookies(c, facts) : CONDITION_FAILS;
    case CONDITION_OTHER:
        return c->type->check(c->what, facts);
    case CONDITION_NOT:
    case CONDITION_ANY:
    case CONDITION_ALL:
        break;
    }
    CHECK(false); /* those are taken apart before */
    return CONDITION_FAILS;
}

enum condition_result condition_check(const struct condition *condition, struct match_facts *facts,
                                      const struct condition **failed)
{
    const struct condition *within;
    enum condition_result result = CONDITION_FAILS;

    *failed = condition;
    switch (condition->kind) {
    case CONDITION_NOT:
        result = condition_check(condition->parts[0], facts, &within);
        return result == CONDITION_UNDECIDED ? result : holds(result == CONDITION_FAILS);
    case CONDITION_ANY:
        for (size_t i = 0; i < condition->part_count && result == CONDITION_FAILS; i++) {
            result = condition_check(condition->parts[i], facts, &within);
        }
        return result;
    case CONDITION_ALL:
        result = CONDITION_HOLDS;
        for (size_t i = 0; i < condition->part_count && result == CONDITION_HOLDS; i++) {
            result = condition_check(condition->parts[i], facts, failed);
        }
        return result;
    default:
        return check_leaf(condition, facts);
    }
}

/* Whether it asks nothing but what path it is. */
static bool is_of_path(const struct condition *condition)
{
    switch (condition->kind) {
    case CONDITION_PATH:
    case CONDITION_REGEX:
        return true;
    case CONDITION_NOT:
    case CONDITION_ANY:
    case CONDITION_ALL:
        for (size_t i = 0; i < condition->part_count; i++) {
            if (!is_of_path(condition->parts[i])) {
                return false;
            }
        }
        return true;
    default:
        return false;
    }
}

enum condition_result condition_check_path(const struct condition *condition,
                                           struct match_facts *facts)
{
    const struct condition *failed;
    enum condition_result result = CONDITION_HOLDS;

    if (is_of_path(condition)) {
        return condition_check(condition, facts, &failed);
    }
    for (size_t i = 0;
         condition->kind == CONDITION_ALL && i < condition->part_count && result == CONDITION_HOLDS;
         i++) {
        result = condition_check_path(condition->parts[i], facts);
    }
    return result;
}

/* ---- for people ---- */

static const char *list_words(const char *word, const struct condition *condition,
                              struct arena *arena)
{
    const char *text = "";

    for (size_t i = 0; i < condition->part_count; i++) {
        text = arena_printf(arena, "%s%s%s", text, i == 0 ? "" : "; ",
                            condition_words(condition->parts[i], arena));
    }
    return arena_printf(arena, "%s (%s)", word, text);
}

static const char *method_words(const struct condition *condition, struct arena *arena)
{
    const char *text = "methods";

    for (size_t i = 0; i < condition->method_count; i++) {
        text = arena_printf(arena, "%s %.*s", text, SPAN_ARG(condition->methods[i]));
    }
    return text;
}

const char *condition_words(const struct condition *c, struct arena *arena)
{
    switch (c->kind) {
    case CONDITION_PATH:
        return arena_printf(arena, "path %.*s", SPAN_ARG(c->shown));
    case CONDITION_REGEX:
        return arena_printf(arena, "regex %.*s", SPAN_ARG(c->shown));
    case CONDITION_METHODS:
        return method_words(c, arena);
    case CONDITION_FIELD:
        return arena_printf(arena, "headers %.*s: %.*s", SPAN_ARG(c->name), SPAN_ARG(c->shown));
    case CONDITION_QUERY:
        return arena_printf(arena, "query %.*s: %.*s", SPAN_ARG(c->name), SPAN_ARG(c->shown));
    case CONDITION_COOKIE:
        return arena_printf(arena, "cookies %.*s: %.*s", SPAN_ARG(c->name), SPAN_ARG(c->shown));
    case CONDITION_ADDRESS:
        return "client_address";
    case CONDITION_SCHEME:
        return c->is_https ? "scheme https" : "scheme http";
    case CONDITION_OTHER:
        return c->type->words(c->what, arena);
    case CONDITION_NOT:
        return list_words("not", c, arena);
    case CONDITION_ANY:
        return list_words("any", c, arena);
    case CONDITION_ALL:
        break;
    }
    return list_words("all", c, arena);
}
