#include "gateway/log_rules.h"

#include "certs/networks.h"
#include "config/message_rules.h"

/* ---- building ---- */

static void add_member(struct log_rules *rules, struct log_member *members, struct span name,
                       const struct template *value)
{
    size_t at = 0;

    while (at < rules->member_count && !span_eq(members[at].name, name)) {
        at++;
    }
    members[at] = (struct log_member){name, *value};
    rules->member_count += at == rules->member_count ? 1 : 0;
}

static void build_members(struct log_rules *rules, const struct log_rules *above,
                          const struct log_rules_settings *settings, struct arena *arena)
{
    struct log_member *members =
        arena_calloc(arena, (above->member_count + settings->field_count + 1) * sizeof(*members));

    rules->members = members;
    rules->member_count = 0;
    for (size_t i = 0; i < above->member_count; i++) {
        add_member(rules, members, above->members[i].name, &above->members[i].value);
    }
    for (size_t i = 0; i < settings->field_count; i++) {
        struct template value = {NULL, 0};
        struct error error = {""};

        CHECK(
            template_parse(span_from_cstr(settings->fields[i].value), true, arena, &value, &error));
        add_member(rules, members, span_from_cstr(settings->fields[i].name), &value);
    }
}

static void build_redact(struct log_rules *rules, const struct log_rules *above,
                         const struct string_list *own, struct arena *arena)
{
    struct string_list *all = &rules->redact;

    all->items = arena_calloc(arena, (above->redact.count + own->count + 1) * sizeof(*all->items));
    all->count = 0;
    for (size_t i = 0; i < above->redact.count; i++) {
        all->items[all->count++] = above->redact.items[i];
    }
    for (size_t i = 0; i < own->count; i++) {
        all->items[all->count++] = own->items[i];
    }
}

static void build_exclude(struct log_rules *rules, const struct log_rules *above,
                          const struct log_rules_settings *settings, struct arena *arena)
{
    size_t count = above->exclude_count + settings->exclude_count;

    rules->exclude = arena_calloc(arena, (count + 1) * sizeof(*rules->exclude));
    rules->exclude_count = 0;
    for (size_t i = 0; i < above->exclude_count; i++) {
        rules->exclude[rules->exclude_count++] = above->exclude[i];
    }
    for (size_t i = 0; i < settings->exclude_count; i++) {
        rules->exclude[rules->exclude_count++] = &settings->exclude[i];
    }
}

const struct log_rules *log_rules_build(const struct log_rules *above,
                                        const struct log_rules_settings *settings,
                                        const struct log_names *names, struct arena *arena)
{
    static const struct log_rules nothing;
    struct log_rules *rules;

    above = above != NULL ? above : &nothing;
    if (settings == NULL) {
        return above;
    }
    rules = arena_calloc(arena, sizeof(*rules));
    *rules = *above;
    build_members(rules, above, settings, arena);
    build_redact(rules, above, &settings->redact, arena);
    build_exclude(rules, above, settings, arena);
    rules->outlets = log_outlets_build(settings, names, arena);
    if (settings->sample != NULL) {
        CHECK(sample_parse(span_from_cstr(settings->sample), &rules->taken, &rules->of));
    }
    return rules;
}

/* ---- asking ---- */

static bool fits_path(const char *pattern, struct span path)
{
    struct span wanted = span_from_cstr(pattern);

    if (wanted.ptr[0] == '*') {
        wanted = span_skip(wanted, 1);
        return path.len >= wanted.len && span_eq(span_skip(path, path.len - wanted.len), wanted);
    }
    if (wanted.ptr[wanted.len - 1] == '*') {
        return span_starts_with(path, span_head(wanted, wanted.len - 1));
    }
    return span_eq(path, wanted);
}

static bool is_one_of_paths(const struct string_list *patterns, struct span path)
{
    for (size_t i = 0; i < patterns->count; i++) {
        if (path.len != 0 && fits_path(patterns->items[i], path)) {
            return true;
        }
    }
    return patterns->count == 0;
}

static bool is_one_of_methods(const struct string_list *methods, struct span method)
{
    for (size_t i = 0; i < methods->count; i++) {
        if (span_eq_cstr(method, methods->items[i])) {
            return true;
        }
    }
    return methods->count == 0;
}

static bool is_one_of_statuses(const struct string_list *statuses, unsigned status)
{
    for (size_t i = 0; i < statuses->count; i++) {
        const char *text = statuses->items[i]; /* "200" or "2xx" */
        unsigned first = (unsigned)(text[0] - '0');
        bool is_class = text[1] == 'x';
        unsigned all =
            is_class ? 0 : first * 100 + (unsigned)(text[1] - '0') * 10 + (unsigned)(text[2] - '0');

        if (is_class ? status / 100 == first : status == all) {
            return true;
        }
    }
    return statuses->count == 0;
}

bool log_rules_exclude(const struct log_rules *rules, const struct log_facts *facts)
{
    for (size_t i = 0; i < rules->exclude_count; i++) {
        const struct log_exclude_settings *one = rules->exclude[i];

        if ((!facts->has_failed || one->statuses.count != 0) &&
            is_one_of_paths(&one->paths, facts->path) &&
            is_one_of_methods(&one->methods, facts->method) &&
            is_one_of_statuses(&one->statuses, facts->status) &&
            (one->clients.count == 0 || networks_have(&one->clients, facts->client))) {
            return true;
        }
    }
    return false;
}

bool log_rules_sample(const struct log_rules *rules, bool has_failed, uint32_t random)
{
    return has_failed || rules->of == 0 || random % rules->of < rules->taken;
}
