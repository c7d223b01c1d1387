#include "cli/demo_log.h"

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { WAIT_MS = 20, WAITS = 150, LINE_SIZE = 8192 };

static bool is_failure_for(const json_t *entry, const char *sni)
{
    const char *name = json_string_value(json_object_get(entry, "sni"));

    return name != NULL && strcmp(name, sni) == 0 && json_object_get(entry, "reason") != NULL;
}

static json_t *find_now(const char *path, const char *sni)
{
    FILE *file = fopen(path, "re");
    char line[LINE_SIZE];
    json_t *found = NULL;

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        json_t *entry = json_loads(line, 0, NULL);

        if (is_failure_for(entry, sni)) {
            json_decref(found);
            found = entry;
        } else {
            json_decref(entry);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return found;
}

json_t *demo_log_find_failure(const char *path, const char *sni)
{
    json_t *found = find_now(path, sni);

    for (int i = 0; found == NULL && i < WAITS; i++) {
        (void)poll(NULL, 0, WAIT_MS);
        found = find_now(path, sni);
    }
    return found;
}
