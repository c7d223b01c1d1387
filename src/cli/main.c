/* tidegate COMMAND ...: finds the command and hands over. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"run", cmd_run},       {"check", cmd_check},     {"route", cmd_route}, {"demo", cmd_demo},
    {"schema", cmd_schema}, {"version", cmd_version}, {"help", cmd_help},
};

/* How many letters must be changed, added, left out or swapped. Names of commands are short; a word
 * that is not is far from all of them. */
static size_t distance(const char *a, const char *b)
{
    enum { MAX = 16 };
    size_t rows[MAX + 1][MAX + 1];
    size_t n = strlen(a);
    size_t m = strlen(b);

    if (n > MAX || m > MAX) {
        return MAX;
    }
    for (size_t i = 0; i <= n; i++) {
        for (size_t k = 0; k <= m; k++) {
            if (i == 0 || k == 0) {
                rows[i][k] = i + k;
                continue;
            }
            size_t best = rows[i - 1][k - 1] + (a[i - 1] != b[k - 1]);
            best = rows[i - 1][k] + 1 < best ? rows[i - 1][k] + 1 : best;
            best = rows[i][k - 1] + 1 < best ? rows[i][k - 1] + 1 : best;
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1] &&
                rows[i - 2][k - 2] + 1 < best) {
                best = rows[i - 2][k - 2] + 1;
            }
            rows[i][k] = best;
        }
    }
    return rows[n][m];
}

static int unknown_command(const char *name)
{
    const char *nearest = NULL;
    size_t nearest_distance = 3; /* further away it is another word, not a slip */

    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        size_t d = distance(name, commands[i].name);

        if (d < nearest_distance) {
            nearest_distance = d;
            nearest = commands[i].name;
        }
    }
    if (nearest != NULL) {
        return usage_error(NULL, "unknown command '%s'; did you mean '%s'?", name, nearest);
    }
    return usage_error(NULL, "unknown command '%s'", name);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "help";

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        name = "help";
    } else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        name = "version";
    }
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(name, commands[i].name) == 0) {
            char *alone[] = {argv[0], NULL};

            return argc > 1 ? commands[i].run(argc - 1, argv + 1) : commands[i].run(1, alone);
        }
    }
    return unknown_command(name);
}
