#include "cli/diff_words.h"

#include <stdio.h>
#include <string.h>

#include "cli/control_client.h"

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

static void print_certificate(const struct diff_changes *changes,
                              const struct diff_certificate *found)
{
    const struct diff_facts *told = found->is_after ? &found->after : &found->before;

    (void)printf("  %s  certificate %s of ",
                 !found->is_before  ? "added  "
                 : !found->is_after ? "removed"
                                    : "changed",
                 found->file);
    print_clean(found->owner);
    (void)printf(": ");
    if (told->problem != NULL) {
        print_clean(told->problem);
    } else {
        print_clean(told->names);
        if (found->is_before && found->is_after) {
            (void)printf(", %lld -> %lld days left", diff_days_left(changes, &found->before),
                         diff_days_left(changes, &found->after));
        } else {
            (void)printf(", %lld days left", diff_days_left(changes, told));
        }
    }
    (void)printf("\n");
}

/* ---- connections ---- */

static void print_touched(const struct diff_touched *touched)
{
    if (strcmp(touched->what, "site") == 0) {
        (void)printf("  connections to site %s take no more requests; what runs is finished\n",
                     touched->name);
    } else if (strcmp(touched->what, "listener") == 0) {
        (void)printf("  connections that came by listener %s stay until they end; no more come\n",
                     touched->name);
    } else {
        (void)printf("  %lld request%s and tunnels on backend %s end as they began\n",
                     touched->leases, touched->leases == 1 ? "" : "s", touched->name);
    }
}

static void print_connections(const struct diff_changes *changes, const json_t *status)
{
    (void)printf("connections: %lld open, %lld requests under way; none is broken off\n",
                 control_number(status, "sessions"), control_number(status, "exchanges"));
    for (size_t i = 0; i < changes->touched_count; i++) {
        print_touched(&changes->touched[i]);
    }
}

void diff_print(const struct diff_sides *sides, const struct diff_changes *changes,
                const struct diff_running *running)
{
    const struct comparison *comparison = &changes->comparison;
    const struct key_difference *restart;

    if (comparison->count == 0) {
        (void)printf("the configuration is the same\n");
    }
    for (size_t i = 0; i < comparison->count; i++) {
        print_difference(sides, &comparison->items[i]);
    }
    for (size_t i = 0; i < changes->certificate_count; i++) {
        print_certificate(changes, &changes->certificates[i]);
    }
    if (running != NULL && comparison->count != 0) {
        print_connections(changes, running->status);
    }
    for (size_t i = 0; (restart = comparison_restart(comparison, i)) != NULL; i++) {
        (void)printf("%s%s", i == 0 ? "a reload leaves as they are, until a restart: " : ", ",
                     restart->key);
    }
    (void)printf("%s", comparison_restart(comparison, 0) != NULL ? "\n" : "");
    for (size_t i = 0; i < sides->own_variables.count; i++) {
        (void)printf("note: ${%s} was taken from the environment here; a reload takes the "
                     "gateway's\n",
                     sides->own_variables.items[i]);
    }
}
