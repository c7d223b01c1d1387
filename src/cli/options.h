/* The command line of one command: "-c FILE", "--config FILE", "--config=FILE", flags, "--" and
 * positional arguments, in any order. "--help" prints the command's help. */
#ifndef TIDEGATE_CLI_OPTIONS_H
#define TIDEGATE_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct option_spec {
    const char *name;   /* "--config" */
    const char *letter; /* "-c", or NULL */
    const char **value; /* where the value goes; NULL for a flag */
    bool *flag;         /* set to true; NULL for an option with a value */
};

/* Go on with the command; any other result of options_parse is the exit status to return. */
enum { OPTIONS_OK = -1 };

/* Positional arguments go to `positional`, at most `max` of them; fewer leave the rest as they
 * were. argv[0] is the command's name. */
int options_parse(int argc, char **argv, const struct option_spec *specs, size_t spec_count,
                  const char **positional, size_t max);

/* Takes every "NAME VALUE" and "NAME=VALUE" (or "LETTER VALUE") out of argv, up to a "--", since
 * they may come several times. Returns the new argc, or 0 after a usage error. letter NULL: none.
 */
int options_take_all(int argc, char **argv, const char *name, const char *letter,
                     const char **values, size_t *count, size_t max);

/* How many columns a line has there: the terminal's, or what COLUMNS says of one that does not
 * tell; INT_MAX where it is no terminal and nothing is said. */
int options_columns(FILE *out);
/* Whether to use colours on it: a terminal that can, and no NO_COLOR in the environment. */
bool options_color(FILE *out);

#endif
