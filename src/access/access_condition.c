#include "access/access_condition.h"

#include "access/address_file.h"
#include "access/country_db.h"
#include "auth/auth_identity.h"
#include "config/serving.h"
#include "edge/address_set.h"
#include "edge/claim_match.h"
#include "edge/hours.h"

static enum condition_result holds(bool does)
{
    return does ? CONDITION_HOLDS : CONDITION_FAILS;
}

static const struct access_facts *facts_of(const struct match_facts *facts)
{
    return facts->more;
}

static const char *list_words(const char *word, const struct string_list *list, struct arena *arena)
{
    const char *text = word;

    for (size_t i = 0; i < list->count; i++) {
        text = arena_printf(arena, "%s %s", text, list->items[i]);
    }
    return text;
}

/* ---- who: known ---- */

static enum condition_result check_known(const void *what, struct match_facts *facts)
{
    (void)what;
    return holds(facts_of(facts)->identity != NULL);
}

static const char *known_words(const void *what, struct arena *arena)
{
    (void)what;
    (void)arena;
    return "who known";
}

static const struct condition_type known_type = {check_known, known_words};

/* ---- who: all ---- */

static enum condition_result check_all(const void *what, struct match_facts *facts)
{
    (void)what;
    (void)facts;
    return CONDITION_HOLDS;
}

static const char *all_words(const void *what, struct arena *arena)
{
    (void)what;
    (void)arena;
    return "all";
}

static const struct condition_type all_type = {check_all, all_words};

/* ---- user, group, scope ---- */

enum names_of { NAMES_USER, NAMES_GROUP, NAMES_SCOPE };

struct names {
    enum names_of of;
    const struct string_list *written;
    struct text_match *texts; /* one of which must fit */
};

static enum condition_result check_text(const struct names *names, struct span text,
                                        struct match_facts *facts)
{
    enum condition_result result = CONDITION_FAILS;

    for (size_t i = 0; i < names->written->count && result == CONDITION_FAILS; i++) {
        result = text_match_check(&names->texts[i], text, &facts->steps);
    }
    return result;
}

static enum condition_result check_list(const struct names *names, const struct auth_list *list,
                                        struct match_facts *facts)
{
    enum condition_result result = CONDITION_FAILS;

    for (size_t i = 0; i < list->count && result == CONDITION_FAILS; i++) {
        result = check_text(names, list->items[i], facts);
    }
    return result;
}

/* What any of the methods has found. */
static enum condition_result check_names(const void *what, struct match_facts *facts)
{
    const struct names *names = what;
    const struct auth_identity *identity = facts_of(facts)->identity;
    enum condition_result result = CONDITION_FAILS;

    for (; identity != NULL && result == CONDITION_FAILS; identity = identity->also) {
        result = names->of == NAMES_USER
                     ? check_text(names, identity->user, facts)
                     : check_list(names,
                                  names->of == NAMES_GROUP ? &identity->groups : &identity->scopes,
                                  facts);
    }
    return result;
}

static const char *names_words(const void *what, struct arena *arena)
{
    static const char *const words[] = {"user", "group", "scope"};
    const struct names *names = what;

    return list_words(words[names->of], names->written, arena);
}

static const struct condition_type names_type = {check_names, names_words};

/* ---- claims ---- */

struct claim {
    struct span path;
    struct span shown;
    struct claim_match match;
};

/* Each of an array counts. */
static enum condition_result check_claim(const void *what, struct match_facts *facts)
{
    const struct claim *claim = what;
    struct auth_claims found = auth_identity_claims(facts_of(facts)->identity, claim->path);
    enum condition_result result = CONDITION_FAILS;

    for (size_t i = 0; i < found.count && result == CONDITION_FAILS; i++) {
        result = claim_match_check(&claim->match, found.items[i].value,
                                   found.items[i].kind == AUTH_CLAIM_NUMBER, &facts->steps);
    }
    return result;
}

static const char *claim_words(const void *what, struct arena *arena)
{
    const struct claim *claim = what;

    return arena_printf(arena, "claims %.*s: %.*s", SPAN_ARG(claim->path), SPAN_ARG(claim->shown));
}

static const struct condition_type claim_type = {check_claim, claim_words};

/* ---- files: addresses, countries ---- */

static const uint8_t *ask_address(struct match_facts *facts)
{
    return facts->address(facts->asker);
}

static enum condition_result check_address_file(const void *what, struct match_facts *facts)
{
    struct followed *file = (struct followed *)(uintptr_t)what;
    struct followed_object *object = followed_get(file);
    bool has = address_set_has(followed_read(object), ask_address(facts));

    followed_put(object);
    return holds(has);
}

static const char *address_file_words(const void *what, struct arena *arena)
{
    return arena_printf(arena, "address_file %s", followed_path(what));
}

static const struct condition_type address_file_conditions = {check_address_file,
                                                              address_file_words};

struct countries {
    struct followed *file;
    const struct string_list *codes;
};

static enum condition_result check_country(const void *what, struct match_facts *facts)
{
    const struct countries *countries = what;
    struct followed_object *object = followed_get(countries->file);
    struct span code = country_db_find(followed_read(object), ask_address(facts));
    bool has = false;

    for (size_t i = 0; i < countries->codes->count && !has; i++) {
        has = span_eq_cstr(code.len != 0 ? code : SPAN_OF("unknown"), countries->codes->items[i]);
    }
    followed_put(object);
    return holds(has);
}

static const char *country_words(const void *what, struct arena *arena)
{
    return list_words("country", ((const struct countries *)what)->codes, arena);
}

static const struct condition_type country_type = {check_country, country_words};

/* ---- client ---- */

static enum condition_result check_client(const void *what, struct match_facts *facts)
{
    const struct access_facts *more = facts_of(facts);
    const struct client_names *names = more->client != NULL ? more->client(facts->asker) : NULL;

    return holds(names == &route_any_client ||
                 (names != &route_unverified_client && client_rule_fits(what, names)));
}

static const char *client_words(const void *what, struct arena *arena)
{
    (void)what;
    (void)arena;
    return "client (its certificate)";
}

static const struct condition_type client_type = {check_client, client_words};

/* ---- hours ---- */

struct made_hours {
    struct hours hours;
    const struct hours_settings *settings;
};

static enum condition_result check_hours(const void *what, struct match_facts *facts)
{
    const struct made_hours *made = what;

    return holds(hours_have(&made->hours, facts_of(facts)->wall_s));
}

static const char *hours_words(const void *what, struct arena *arena)
{
    const struct hours_settings *settings = ((const struct made_hours *)what)->settings;

    return arena_printf(arena, "hours %s to %s%s", settings->from, settings->until,
                        list_words("", &settings->days, arena));
}

static const struct condition_type hours_type = {check_hours, hours_words};

/* ---- making them ---- */

struct making {
    const struct condition **more;
    size_t count;
    struct access_sources *sources;
    struct arena *arena;
};

static void add(struct making *m, const struct condition_type *type, const void *what)
{
    m->more[m->count++] = condition_of(type, what, m->arena);
}

static void add_names(struct making *m, enum names_of of, const struct string_list *list)
{
    struct names *names;

    if (list->count == 0) {
        return;
    }
    names = arena_calloc(m->arena, sizeof(*names));
    *names = (struct names){of, list, arena_calloc(m->arena, list->count * sizeof(*names->texts))};
    for (size_t i = 0; i < list->count; i++) {
        names->texts[i] = text_match_make(span_from_cstr(list->items[i]), m->arena);
    }
    add(m, &names_type, names);
}

static void add_claims(struct making *m, const struct access_match_settings *settings)
{
    for (size_t i = 0; i < settings->claim_count; i++) {
        struct claim *claim = arena_calloc(m->arena, sizeof(*claim));
        claim->path = span_from_cstr(settings->claims[i].name);
        claim->shown = span_from_cstr(settings->claims[i].value);
        claim->match = claim_match_make(claim->shown, m->arena);
        add(m, &claim_type, claim);
    }
}

/* NULL: it cannot be read, and so nothing is made of the whole. */
static struct followed *open_file(struct making *m, const char *path,
                                  const struct followed_type *type)
{
    struct error error;
    struct followed *file = access_files_open(m->sources->files, path, type, &error);

    if (file == NULL) {
        m->sources->has_failed = true;
        if (error.text[0] != '\0') {
            *m->sources->error = error;
        }
    }
    return file;
}

static void add_files(struct making *m, const struct access_match_settings *settings)
{
    if (settings->address_file != NULL) {
        const struct followed *file = open_file(m, settings->address_file, &address_file_type);
        if (file != NULL) {
            add(m, &address_file_conditions, file);
        }
    }
    if (settings->countries.count != 0 && m->sources->countries != NULL) {
        struct countries *countries = arena_calloc(m->arena, sizeof(*countries));
        countries->codes = &settings->countries;
        countries->file = open_file(m, m->sources->countries, &country_db_type);
        if (countries->file != NULL) {
            add(m, &country_type, countries);
        }
    }
}

static size_t add_more(void *arg, const struct match_settings *settings,
                       const struct condition *more[CONDITION_MORE_MAX], struct arena *arena)
{
    const struct access_match_settings *access = &settings->access;
    struct making m = {more, 0, arg, arena};

    if (access->who != NULL) {
        add(&m, strcmp(access->who, "known") == 0 ? &known_type : &all_type, NULL);
    }
    add_names(&m, NAMES_USER, &access->users);
    add_names(&m, NAMES_GROUP, &access->groups);
    add_names(&m, NAMES_SCOPE, &access->scopes);
    add_claims(&m, access);
    add_files(&m, access);
    if (settings->client != NULL) {
        add(&m, &client_type, serving_client_rule(settings->client, arena));
    }
    if (access->hours != NULL) {
        struct made_hours *made = arena_calloc(arena, sizeof(*made));
        *made = (struct made_hours){hours_make(access->hours), access->hours};
        add(&m, &hours_type, made);
    }
    return m.count;
}

struct condition_maker access_condition_maker(struct access_sources *sources)
{
    return (struct condition_maker){add_more, sources};
}

static bool any_asks_identity(const struct match_settings *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (access_match_asks_identity(&parts[i])) {
            return true;
        }
    }
    return false;
}

bool access_match_asks_identity(const struct match_settings *match)
{
    const struct access_match_settings *access = &match->access;

    return (access->who != NULL && strcmp(access->who, "known") == 0) || access->users.count != 0 ||
           access->groups.count != 0 || access->scopes.count != 0 || access->claim_count != 0 ||
           any_asks_identity(match->negated, match->negated != NULL ? 1 : 0) ||
           any_asks_identity(match->any, match->any_count) ||
           any_asks_identity(match->all, match->all_count);
}
