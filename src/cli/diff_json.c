#include "cli/diff_json.h"

#include "cli/control_client.h"

/* What is no UTF-8, as a file's name may be, cannot be said in JSON: "?" stands for it. */
static json_t *text(const char *value)
{
    json_t *string = value != NULL ? json_string(value) : json_null();

    return string != NULL ? string : json_string("?");
}

static void set(json_t *object, const char *name, json_t *value)
{
    CHECK(json_object_set_new(object, name, value) == 0);
}

static void append(json_t *array, json_t *value)
{
    CHECK(json_array_append_new(array, value) == 0);
}

static json_t *key_json(const struct key_difference *key)
{
    json_t *object = json_object();

    set(object, "key", text(key->key));
    set(object, "before", text(key->before));
    set(object, "after", text(key->after));
    set(object, "needs_restart", json_boolean(key->needs_restart));
    return object;
}

static json_t *difference_json(const struct diff_sides *sides, const struct difference *found)
{
    static const char *const kinds[] = {"added", "removed", "changed"};
    const struct settings *settings =
        found->kind == DIFFERENCE_REMOVED ? sides->before : sides->after;
    json_t *object = json_object();
    json_t *keys = json_array();

    set(object, "change", text(kinds[found->kind]));
    set(object, "what", text(found->what));
    set(object, "name", text(found->name));
    set(object, "site", text(found->site));
    if (found->place.line != 0) {
        set(object, "file", text(settings->origin.files[found->place.file].name));
        set(object, "line", json_integer(found->place.line));
    }
    for (size_t i = 0; i < found->key_count; i++) {
        append(keys, key_json(&found->keys[i]));
    }
    set(object, "keys", keys);
    return object;
}

static json_t *facts_json(const struct diff_changes *changes, const struct diff_facts *facts)
{
    json_t *object = json_object();

    if (facts->problem != NULL) {
        set(object, "problem", text(facts->problem));
        return object;
    }
    set(object, "names", text(facts->names));
    set(object, "days_left", json_integer(diff_days_left(changes, facts)));
    return object;
}

static json_t *certificate_json(const struct diff_changes *changes,
                                const struct diff_certificate *found)
{
    json_t *object = json_object();

    set(object, "change",
        text(!found->is_before  ? "added"
             : !found->is_after ? "removed"
                                : "changed"));
    set(object, "file", text(found->file));
    set(object, "of", text(found->owner));
    set(object, "before", found->is_before ? facts_json(changes, &found->before) : json_null());
    set(object, "after", found->is_after ? facts_json(changes, &found->after) : json_null());
    return object;
}

static json_t *connections_json(const struct diff_changes *changes, const json_t *status)
{
    json_t *object = json_object();
    json_t *touched = json_array();

    set(object, "open", json_integer(control_number(status, "sessions")));
    set(object, "requests", json_integer(control_number(status, "exchanges")));
    for (size_t i = 0; i < changes->touched_count; i++) {
        json_t *item = json_object();

        set(item, "what", text(changes->touched[i].what));
        set(item, "name", text(changes->touched[i].name));
        set(item, "leases", json_integer(changes->touched[i].leases));
        append(touched, item);
    }
    set(object, "touched", touched);
    return object;
}

json_t *diff_json(const struct diff_sides *sides, const struct diff_changes *changes,
                  const struct diff_running *running)
{
    const struct comparison *comparison = &changes->comparison;
    const struct key_difference *restart;
    json_t *object = json_object();
    json_t *differences = json_array();
    json_t *certificates = json_array();
    json_t *restarts = json_array();
    json_t *variables = json_array();

    for (size_t i = 0; i < comparison->count; i++) {
        append(differences, difference_json(sides, &comparison->items[i]));
    }
    for (size_t i = 0; i < changes->certificate_count; i++) {
        append(certificates, certificate_json(changes, &changes->certificates[i]));
    }
    for (size_t i = 0; (restart = comparison_restart(comparison, i)) != NULL; i++) {
        append(restarts, text(restart->key));
    }
    for (size_t i = 0; i < sides->own_variables.count; i++) {
        append(variables, text(sides->own_variables.items[i]));
    }
    set(object, "is_same", json_boolean(comparison->count == 0 && changes->certificate_count == 0));
    set(object, "changes", differences);
    set(object, "certificates", certificates);
    set(object, "connections",
        running != NULL ? connections_json(changes, running->status) : json_null());
    set(object, "needs_restart", restarts);
    set(object, "own_variables", variables);
    return object;
}
