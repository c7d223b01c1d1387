#include "cli/options.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/span.h"
#include "cli/commands.h"

static const struct option_spec *find_spec(const struct option_spec *specs, size_t count,
                                           const char *arg, size_t len)
{
    for (size_t i = 0; i < count; i++) {
        if ((strlen(specs[i].name) == len && memcmp(specs[i].name, arg, len) == 0) ||
            (specs[i].letter != NULL && strcmp(specs[i].letter, arg) == 0)) {
            return &specs[i];
        }
    }
    return NULL;
}

/* Takes the option at argv[*i] and moves *i on to its value when that is an argument of its own. */
static int take_option(int argc, char **argv, int *i, const struct option_spec *specs,
                       size_t spec_count)
{
    const char *arg = argv[*i];
    const char *equals = strncmp(arg, "--", 2) == 0 ? strchr(arg, '=') : NULL;
    size_t len = equals != NULL ? (size_t)(equals - arg) : strlen(arg);
    const struct option_spec *spec = find_spec(specs, spec_count, arg, len);

    if (spec == NULL) {
        return usage_error(argv[0], "unknown option '%s'", arg);
    }
    if (spec->value == NULL) {
        if (equals != NULL) {
            return usage_error(argv[0], "%s takes no value", spec->name);
        }
        *spec->flag = true;
        return OPTIONS_OK;
    }
    if (equals != NULL) {
        *spec->value = equals + 1;
        return OPTIONS_OK;
    }
    if (*i + 1 >= argc) {
        return usage_error(argv[0], "%s needs a value", arg);
    }
    *spec->value = argv[++*i];
    return OPTIONS_OK;
}

int options_parse(int argc, char **argv, const struct option_spec *specs, size_t spec_count,
                  const char **positional, size_t max)
{
    bool only_positional = false;
    size_t count = 0;

    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        int result;

        if (!only_positional && strcmp(arg, "--") == 0) {
            only_positional = true;
            continue;
        }
        if (only_positional || arg[0] != '-' || arg[1] == '\0') {
            if (count == max) {
                return usage_error(argv[0], "there is one argument too many: '%s'", arg);
            }
            positional[count++] = arg;
            continue;
        }
        if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
            return print_help(argv[0]);
        }
        result = take_option(argc, argv, &i, specs, spec_count);
        if (result != OPTIONS_OK) {
            return result;
        }
    }
    return OPTIONS_OK;
}

static bool is_option(const char *arg, const char *name, const char *letter)
{
    return strcmp(arg, name) == 0 || (letter != NULL && strcmp(arg, letter) == 0);
}

int options_take_all(int argc, char **argv, const char *name, const char *letter,
                     const char **values, size_t *count, size_t max)
{
    size_t len = strlen(name);
    bool is_over = false;
    int kept = 0;

    for (int i = 0; i < argc; i++) {
        const char *value = NULL;

        is_over = is_over || strcmp(argv[i], "--") == 0;
        if (i > 0 && !is_over && is_option(argv[i], name, letter)) {
            if (i + 1 == argc) {
                (void)usage_error(argv[0], "%s needs a value", argv[i]);
                return 0;
            }
            value = argv[++i];
        } else if (i > 0 && !is_over && strncmp(argv[i], name, len) == 0 && argv[i][len] == '=') {
            value = argv[i] + len + 1;
        }
        if (value == NULL) {
            argv[kept++] = argv[i];
        } else if (*count == max) {
            (void)usage_error(argv[0], "more than %zu %s", max, name);
            return 0;
        } else {
            values[(*count)++] = value;
        }
    }
    return kept;
}

bool options_color(FILE *out)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return (no_color == NULL || no_color[0] == '\0') && isatty(fileno(out)) == 1 &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

int options_columns(FILE *out)
{
    const char *told = getenv("COLUMNS");
    struct winsize size;
    uint64_t columns;

    if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col != 0) {
        return size.ws_col;
    }
    return told != NULL && span_to_u64(span_from_cstr(told), 10000, &columns) && columns != 0
               ? (int)columns
               : INT_MAX;
}
