#include "config/field_rules_join.h"

#include "edge/field_rules.h"

static bool is_among(const struct header_setting *fields, size_t count, struct span name)
{
    for (size_t i = 0; i < count; i++) {
        if (span_ieq(span_from_cstr(fields[i].name), name)) {
            return true;
        }
    }
    return false;
}

static bool is_removed(const struct string_list *remove, struct span name)
{
    for (size_t i = 0; i < remove->count; i++) {
        if (field_rules_pattern_fits(span_from_cstr(remove->items[i]), name)) {
            return true;
        }
    }
    return false;
}

/* Whether the rules say what becomes of a field, so that nobody else's count. What is added stands
 * beside others. */
static bool decides(const struct field_rules_settings *rules, struct span name)
{
    return is_among(rules->set, rules->set_count, name) ||
           is_among(rules->defaults, rules->default_count, name) ||
           is_removed(&rules->remove, name);
}

static void join_fields(const struct header_setting *outer, size_t outer_count,
                        const struct field_rules_settings *rules, const struct header_setting *own,
                        size_t own_count, struct header_setting **to, size_t *count,
                        struct arena *arena)
{
    struct header_setting *all = arena_calloc(arena, (outer_count + own_count + 1) * sizeof(*all));
    size_t n = 0;

    for (size_t i = 0; i < outer_count; i++) {
        if (!decides(rules, span_from_cstr(outer[i].name))) {
            all[n++] = outer[i];
        }
    }
    for (size_t i = 0; i < own_count; i++) {
        all[n++] = own[i];
    }
    *to = all;
    *count = n;
}

struct field_rules_settings *field_rules_join(const struct field_rules_settings *outer,
                                              struct field_rules_settings *inner,
                                              struct arena *arena)
{
    struct field_rules_settings *both;
    const char **remove;
    size_t count = 0;

    if (outer == NULL || outer == inner) {
        return inner;
    }
    both = arena_calloc(arena, sizeof(*both));
    both->place = inner->place;
    remove = arena_calloc(arena, (outer->remove.count + inner->remove.count + 1) * sizeof(*remove));
    for (size_t i = 0; i < outer->remove.count; i++) {
        remove[count++] = outer->remove.items[i];
    }
    for (size_t i = 0; i < inner->remove.count; i++) {
        remove[count++] = inner->remove.items[i];
    }
    both->remove = (struct string_list){remove, count};
    join_fields(outer->set, outer->set_count, inner, inner->set, inner->set_count, &both->set,
                &both->set_count, arena);
    join_fields(outer->add, outer->add_count, inner, inner->add, inner->add_count, &both->add,
                &both->add_count, arena);
    join_fields(outer->defaults, outer->default_count, inner, inner->defaults, inner->default_count,
                &both->defaults, &both->default_count, arena);
    return both;
}
