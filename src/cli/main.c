/* tidegate COMMAND ...: finds the command and hands over. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "config/suggest.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
#define COMMAND_ROW(name, function, summary) {name, function},
    COMMAND_LIST(COMMAND_ROW)
#undef COMMAND_ROW
};

static int unknown_command(const char *name)
{
    struct suggestion near;

    suggestion_init(&near, span_from_cstr(name));
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        suggestion_offer(&near, commands[i].name);
    }
    if (near.best != NULL) {
        return usage_error(NULL, "unknown command '%s'; did you mean '%s'?", name, near.best);
    }
    return usage_error(NULL, "unknown command '%s'", name);
}

/* Whoever starts a program may leave out its standard descriptors. The next file or socket would
 * get such a number, and what is meant for standard error would go to a client. */
static void fill_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            /* The lowest free number, which is this one. A log on standard output that is not there
             * shall fail, and say so. */
            (void)open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY);
        }
    }
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "help";

    fill_standard_descriptors();
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
