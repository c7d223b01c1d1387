/* The commands of `tidegate COMMAND ...`, one file each (cmd_NAME.c). Each gets its own arguments
 * with argv[0] being the command's name, prints for people, and returns the exit status: 0 fine,
 * 1 what was asked for failed or is wrong, 2 the command line was not understood (`reload`: or the
 * gateway could not be asked). */
#ifndef TIDEGATE_CLI_COMMANDS_H
#define TIDEGATE_CLI_COMMANDS_H

#include "base/check.h"
#include "cli/command_list.h"

/* clang-format off */
#define COMMAND_PROTOTYPE(name, function, summary) int function(int argc, char **argv);
COMMAND_LIST(COMMAND_PROTOTYPE)
#undef COMMAND_PROTOTYPE
/* clang-format on */

/* Says on standard error what is wrong with the command line and how to get help. Returns 2, so
 * that a command can `return usage_error("run", "unknown option %s", arg);`. */
int usage_error(const char *command, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Prints the help of one command on standard output; NULL is the overview. Returns 0, or 2 when
 * there is no such command. */
int print_help(const char *command);

#endif
