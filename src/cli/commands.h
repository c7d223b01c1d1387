/* The commands of `tidegate COMMAND ...`, one file each (cmd_NAME.c). Each gets its own arguments
 * with argv[0] being the command's name, prints for people, and returns the exit status: 0 fine,
 * 1 what was asked for failed or is wrong, 2 the command line was not understood (`reload`: or the
 * gateway could not be asked). */
#ifndef TIDEGATE_CLI_COMMANDS_H
#define TIDEGATE_CLI_COMMANDS_H

#include "base/check.h"

int cmd_run(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_schema(int argc, char **argv);
int cmd_route(int argc, char **argv);
int cmd_test(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_reload(int argc, char **argv);
int cmd_upgrade(int argc, char **argv);
int cmd_prove_reload(int argc, char **argv);
int cmd_drain(int argc, char **argv);
int cmd_enable(int argc, char **argv);
int cmd_disable(int argc, char **argv);
int cmd_weight(int argc, char **argv);
int cmd_passwd(int argc, char **argv);
int cmd_key(int argc, char **argv);
int cmd_purge(int argc, char **argv);
int cmd_bans(int argc, char **argv);
int cmd_demo(int argc, char **argv);
int cmd_version(int argc, char **argv);
int cmd_help(int argc, char **argv);

/* Says on standard error what is wrong with the command line and how to get help. Returns 2, so
 * that a command can `return usage_error("run", "unknown option %s", arg);`. */
int usage_error(const char *command, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Prints the help of one command on standard output; NULL is the overview. Returns 0, or 2 when
 * there is no such command. */
int print_help(const char *command);

#endif
