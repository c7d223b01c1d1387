#include "cli/diff_words.h"

#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "cli/control_client.h"
#include "config/compare.h"
#include "tls/certificate.h"

#define DAY_S 86400

/* What configurations and certificates say must not reach a terminal as it is. */
static void print_clean(const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        (void)putchar(c < ' ' || c == 0x7f ? '?' : c);
    }
}

/* ---- what the files say ---- */

static void print_key(const struct key_difference *key)
{
    (void)printf("           %s: ", key->key);
    if (key->before == NULL || strcmp(key->before, "set") == 0) {
        (void)printf(key->after != NULL ? "added" : "removed");
        if (key->after != NULL && strcmp(key->after, "set") != 0) {
            (void)printf(" ");
            print_clean(key->after);
        }
    } else if (key->after == NULL) {
        (void)printf("removed ");
        print_clean(key->before);
    } else {
        print_clean(key->before);
        (void)printf(" -> ");
        print_clean(key->after);
    }
    (void)printf("%s\n", key->needs_restart ? " (needs a restart)" : "");
}

static void print_difference(const struct diff_sides *sides, const struct difference *found)
{
    static const char *const kinds[] = {"added  ", "removed", "changed"};
    const struct settings *settings =
        found->kind == DIFFERENCE_REMOVED ? sides->before : sides->after;

    (void)printf("  %s  %s", kinds[found->kind], found->what);
    if (found->name[0] != '\0') {
        (void)printf(" ");
        print_clean(found->name);
    }
    if (found->site != NULL) {
        (void)printf(" of site ");
        print_clean(found->site);
    }
    if (found->place.line != 0 && found->kind != DIFFERENCE_REMOVED) {
        (void)printf("  (");
        print_clean(settings->origin.files[found->place.file].name);
        (void)printf(":%d)", found->place.line);
    }
    (void)printf("\n");
    for (size_t i = 0; i < found->key_count; i++) {
        print_key(&found->keys[i]);
    }
}

/* ---- certificates ---- */

struct named_certificate {
    const char *file; /* absolute */
    const char *owner;
    bool is_before;
    bool is_after;
};

struct certificates {
    struct diff_sides *sides;
    const struct diff_running *running;
    int64_t now;
    struct named_certificate *items;
    size_t count;
    size_t capacity;
    struct map known;
};

/* What a certificate is for whom, and how long. */
struct facts {
    const char *names;
    int64_t not_after;
    const char *problem; /* NULL: none */
};

/* Files whose names differ in case alone count as one here. */
static void note(struct certificates *list, const char *file, const char *owner, bool is_after)
{
    struct arena *arena = &list->sides->arena;
    const char *path = diff_absolute(arena, is_after ? NULL : list->sides->folder, file);
    struct named_certificate *found = map_find(&list->known, span_from_cstr(path));

    if (found == NULL) {
        CHECK(list->count < list->capacity);
        found = &list->items[list->count++];
        *found = (struct named_certificate){.file = path, .owner = owner};
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

static struct facts facts_on_disk(struct certificates *list, const char *file)
{
    struct arena *arena = &list->sides->arena;
    struct facts facts = {0};
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
static struct facts facts_in_use(struct certificates *list, const char *file)
{
    const json_t *all =
        list->running != NULL ? json_object_get(list->running->certificates, "certificates") : NULL;

    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *item = json_array_get(all, i);
        const char *path =
            diff_absolute(&list->sides->arena, list->sides->folder, control_text(item, "file"));

        if (strcmp(path, file) == 0 && strcmp(control_text(item, "kind"), "certificate") == 0) {
            return (struct facts){control_text(item, "names"),
                                  list->now + control_number(item, "seconds_left"), NULL};
        }
    }
    return facts_on_disk(list, file);
}

static long long days(const struct certificates *list, const struct facts *facts)
{
    return (long long)((facts->not_after - list->now) / DAY_S);
}

static void print_certificate(struct certificates *list, const struct named_certificate *found)
{
    struct facts before = {0};
    struct facts after = {0};
    /* Seconds that the answer was on its way are no difference. */
    int64_t longer;

    if (found->is_before) {
        before = facts_in_use(list, found->file);
    }
    if (found->is_after) {
        after = facts_on_disk(list, found->file);
    }
    longer = after.not_after - before.not_after;
    if (found->is_before && found->is_after && after.problem == NULL && longer > -60 &&
        longer < 60) {
        return;
    }
    (void)printf("  %s  certificate %s of ",
                 !found->is_before  ? "added  "
                 : !found->is_after ? "removed"
                                    : "changed",
                 found->file);
    print_clean(found->owner);
    (void)printf(": ");
    const struct facts *told = found->is_after ? &after : &before;
    if (told->problem != NULL) {
        print_clean(told->problem);
    } else {
        print_clean(told->names);
        if (found->is_before && found->is_after) {
            (void)printf(", %lld -> %lld days left", days(list, &before), days(list, &after));
        } else {
            (void)printf(", %lld days left", days(list, told));
        }
    }
    (void)printf("\n");
}

static void print_certificates(struct diff_sides *sides, const struct diff_running *running,
                               int64_t now)
{
    struct certificates list = {.sides = sides, .running = running, .now = now};

    list.capacity = count_of(sides->before) + count_of(sides->after);
    list.items = arena_calloc(&sides->arena, (list.capacity + 1) * sizeof(*list.items));
    map_init(&list.known);
    note_all(&list, sides->before, false);
    note_all(&list, sides->after, true);
    for (size_t i = 0; i < list.count; i++) {
        print_certificate(&list, &list.items[i]);
    }
    map_free(&list.known);
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

static void print_touched(const struct difference *found, const json_t *status)
{
    bool is_site = strcmp(found->what, "site") == 0;

    if (is_site && (found->kind == DIFFERENCE_REMOVED || is_stricter(found))) {
        (void)printf("  connections to site %s take no more requests; what runs is finished\n",
                     found->name);
    } else if (strcmp(found->what, "listener") == 0 && found->kind == DIFFERENCE_REMOVED) {
        (void)printf("  connections that came by listener %s stay until they end; no more come\n",
                     found->name);
    } else if (strcmp(found->what, "backend") == 0 && found->kind != DIFFERENCE_ADDED) {
        long long leases = control_number(backend_in_use(status, found->name), "leases");

        if (leases != 0) {
            (void)printf("  %lld request%s and tunnels on backend %s end as they began\n", leases,
                         leases == 1 ? "" : "s", found->name);
        }
    }
}

static void print_connections(const struct comparison *comparison, const json_t *status)
{
    (void)printf("connections: %lld open, %lld requests under way; none is broken off\n",
                 control_number(status, "sessions"), control_number(status, "exchanges"));
    for (size_t i = 0; i < comparison->count; i++) {
        print_touched(&comparison->items[i], status);
    }
}

void diff_print(struct diff_sides *sides, const struct diff_running *running, int64_t now)
{
    struct comparison comparison;
    const struct key_difference *restart;

    compare_settings(sides->before, sides->after, &sides->arena, &comparison);
    if (comparison.count == 0) {
        (void)printf("the configuration is the same\n");
    }
    for (size_t i = 0; i < comparison.count; i++) {
        print_difference(sides, &comparison.items[i]);
    }
    print_certificates(sides, running, now);
    if (running != NULL && comparison.count != 0) {
        print_connections(&comparison, running->status);
    }
    for (size_t i = 0; (restart = comparison_restart(&comparison, i)) != NULL; i++) {
        (void)printf("%s%s", i == 0 ? "a reload leaves as they are, until a restart: " : ", ",
                     restart->key);
    }
    (void)printf("%s", comparison_restart(&comparison, 0) != NULL ? "\n" : "");
    for (size_t i = 0; i < sides->own_variables.count; i++) {
        (void)printf("note: ${%s} was taken from the environment here; a reload takes the "
                     "gateway's\n",
                     sides->own_variables.items[i]);
    }
}
