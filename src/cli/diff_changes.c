#include "cli/diff_changes.h"

#include <string.h>

#include "base/map.h"
#include "cli/control_client.h"
#include "tls/certificate.h"

#define DAY_S 86400

/* ---- certificates ---- */

struct certificates {
    struct diff_sides *sides;
    const struct diff_running *running;
    int64_t now;
    struct diff_certificate *items;
    size_t count;
    size_t capacity;
    struct map known;
};

/* Files whose names differ in case alone count as one here. */
static void note(struct certificates *list, const char *file, const char *owner, bool is_after)
{
    struct arena *arena = &list->sides->arena;
    const char *path = diff_absolute(arena, is_after ? NULL : list->sides->folder, file);
    struct diff_certificate *found = map_find(&list->known, span_from_cstr(path));

    if (found == NULL) {
        CHECK(list->count < list->capacity);
        found = &list->items[list->count++];
        *found = (struct diff_certificate){.file = path, .owner = owner};
        map_add(&list->known, span_from_cstr(path), found);
    }
    found->is_before = found->is_before || !is_after;
    found->is_after = found->is_after || is_after;
}

static size_t count_of(const struct settings *settings)
{
    size_t count = settings->backend_count;

    for (size_t i = 0; i < settings->site_count; i++) {
        count += settings->sites[i].tls != NULL ? settings->sites[i].tls->certificate_count : 0;
    }
    return count;
}

static void note_all(struct certificates *list, const struct settings *settings, bool is_after)
{
    struct arena *arena = &list->sides->arena;

    for (size_t i = 0; i < settings->site_count; i++) {
        const struct site_settings *site = &settings->sites[i];

        for (size_t j = 0; site->tls != NULL && j < site->tls->certificate_count; j++) {
            note(list, site->tls->certificates[j].certificate,
                 arena_printf(arena, "site %s", site->name), is_after);
        }
    }
    for (size_t i = 0; i < settings->backend_count; i++) {
        const struct backend_settings *backend = &settings->backends[i];

        if (backend->tls != NULL && backend->tls->certificate != NULL) {
            note(list, backend->tls->certificate, arena_printf(arena, "backend %s", backend->name),
                 is_after);
        }
    }
}

static struct diff_facts facts_on_disk(struct certificates *list, const char *file)
{
    struct arena *arena = &list->sides->arena;
    struct diff_facts facts = {0};
    struct error error;
    struct certificate *certificate = certificate_load(file, &error);

    if (certificate == NULL) {
        facts.problem = arena_cstr(arena, span_from_cstr(error.text));
        return facts;
    }
    facts.names = arena_cstr(arena, span_from_cstr(certificate_names(certificate)));
    facts.not_after = certificate_not_after(certificate);
    certificate_destroy(certificate);
    return facts;
}

/* As it is in use; with two files as it is on the disk. */
static struct diff_facts facts_in_use(struct certificates *list, const char *file)
{
    const json_t *all =
        list->running != NULL ? json_object_get(list->running->certificates, "certificates") : NULL;

    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *item = json_array_get(all, i);
        const char *path =
            diff_absolute(&list->sides->arena, list->sides->folder, control_text(item, "file"));

        if (strcmp(path, file) == 0 && strcmp(control_text(item, "kind"), "certificate") == 0) {
            return (struct diff_facts){control_text(item, "names"),
                                       list->now + control_number(item, "seconds_left"), NULL};
        }
    }
    return facts_on_disk(list, file);
}

/* Whether it is told of: what is in use and what the disk has may be the same. */
static bool is_news(struct certificates *list, struct diff_certificate *found)
{
    int64_t longer;

    if (found->is_before) {
        found->before = facts_in_use(list, found->file);
    }
    if (found->is_after) {
        found->after = facts_on_disk(list, found->file);
    }
    /* Seconds that the answer was on its way are no difference. */
    longer = found->after.not_after - found->before.not_after;
    return !found->is_before || !found->is_after || found->after.problem != NULL || longer <= -60 ||
           longer >= 60;
}

static void collect_certificates(struct diff_changes *changes, struct diff_sides *sides,
                                 const struct diff_running *running, int64_t now)
{
    struct certificates list = {.sides = sides, .running = running, .now = now};
    size_t kept = 0;

    list.capacity = count_of(sides->before) + count_of(sides->after);
    list.items = arena_calloc(&sides->arena, (list.capacity + 1) * sizeof(*list.items));
    map_init(&list.known);
    note_all(&list, sides->before, false);
    note_all(&list, sides->after, true);
    for (size_t i = 0; i < list.count; i++) {
        if (is_news(&list, &list.items[i])) {
            list.items[kept++] = list.items[i];
        }
    }
    map_free(&list.known);
    changes->certificates = list.items;
    changes->certificate_count = kept;
}

/* ---- connections ---- */

static const json_t *backend_in_use(const json_t *status, const char *name)
{
    const json_t *all = json_object_get(status, "backends");

    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *backend = json_array_get(all, i);

        if (strcmp(control_text(backend, "name"), name) == 0) {
            return backend;
        }
    }
    return NULL;
}

static bool is_stricter(const struct difference *found)
{
    for (size_t i = 0; i < found->key_count; i++) {
        if (strncmp(found->keys[i].key, "tls.clients", strlen("tls.clients")) == 0) {
            return true;
        }
    }
    return false;
}

/* Which connections it touches; false: none. */
static bool touches(const struct difference *found, const json_t *status,
                    struct diff_touched *touched)
{
    *touched = (struct diff_touched){.what = found->what, .name = found->name};
    if (strcmp(found->what, "site") == 0) {
        return found->kind == DIFFERENCE_REMOVED || is_stricter(found);
    }
    if (strcmp(found->what, "listener") == 0) {
        return found->kind == DIFFERENCE_REMOVED;
    }
    if (strcmp(found->what, "backend") == 0 && found->kind != DIFFERENCE_ADDED) {
        touched->leases = control_number(backend_in_use(status, found->name), "leases");
    }
    return touched->leases != 0;
}

static void collect_touched(struct diff_changes *changes, struct arena *arena, const json_t *status)
{
    const struct comparison *comparison = &changes->comparison;

    changes->touched = arena_calloc(arena, (comparison->count + 1) * sizeof(*changes->touched));
    for (size_t i = 0; i < comparison->count; i++) {
        if (touches(&comparison->items[i], status, &changes->touched[changes->touched_count])) {
            changes->touched_count++;
        }
    }
}

void diff_collect(struct diff_changes *changes, struct diff_sides *sides,
                  const struct diff_running *running, int64_t now)
{
    *changes = (struct diff_changes){.now = now};
    compare_settings(sides->before, sides->after, &sides->arena, &changes->comparison);
    collect_certificates(changes, sides, running, now);
    if (running != NULL) {
        collect_touched(changes, &sides->arena, running->status);
    }
}

long long diff_days_left(const struct diff_changes *changes, const struct diff_facts *facts)
{
    return (long long)((facts->not_after - changes->now) / DAY_S);
}
