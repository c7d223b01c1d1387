/* tidegate demo: a throw-away CA, three origins and a gateway; a tour through every way; and then
 * all of it left running to be tried. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/demo_tour.h"
#include "cli/demo_world.h"
#include "cli/options.h"

/* Ctrl-C, kill, and the terminal closing all end the demo in order. -1: it cannot be had. */
static int take_signals(void)
{
    sigset_t signals;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGHUP);
    (void)sigaddset(&signals, SIGQUIT);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void print_message(const char *name, const char *line)
{
    (void)printf("%s: %s\n", name, line);
    (void)fflush(stdout);
}

/* Until somebody wants it to end. False when a process ended by itself. */
static bool stay(struct demo_world *world)
{
    for (;;) {
        struct pollfd fds[DEMO_PROCESS_COUNT + 1];

        for (size_t i = 0; i < DEMO_PROCESS_COUNT; i++) {
            fds[i] = (struct pollfd){.fd = world->processes[i].pipe_fd, .events = POLLIN};
        }
        fds[DEMO_PROCESS_COUNT] = (struct pollfd){.fd = world->signal_fd, .events = POLLIN};
        if (poll(fds, ARRAY_LEN(fds), -1) <= 0) {
            continue;
        }
        if (fds[DEMO_PROCESS_COUNT].revents != 0) {
            return true;
        }
        for (size_t i = 0; i < DEMO_PROCESS_COUNT; i++) {
            if (fds[i].revents != 0 && !demo_process_read(&world->processes[i], print_message)) {
                log_error("the demo's %s ended by itself", world->processes[i].name);
                return false;
            }
        }
    }
}

static bool run(struct demo_world *world, bool once)
{
    bool color = options_color(stdout);
    struct error error;
    bool ok;

    (void)printf("Starting a throw-away CA, three origins and the gateway ...\n");
    (void)fflush(stdout);
    if (!demo_world_open(world, &error)) {
        log_error("the demo cannot start: %s", error.text);
        demo_world_print_logs(world);
        return false;
    }
    ok = demo_tour(world, color);
    if (!ok) {
        demo_world_print_logs(world);
    }
    if (!once) {
        demo_print_commands(world, color);
        ok = stay(world) && ok;
        (void)printf("\nStopping, and removing %s ...\n", world->folder);
    }
    return ok;
}

int cmd_demo(int argc, char **argv)
{
    bool once = false;
    const struct option_spec specs[] = {{"--once", NULL, NULL, &once}};
    int result = options_parse(argc, argv, specs, ARRAY_LEN(specs), NULL, 0);
    struct demo_world world;
    int signal_fd;
    bool ok;

    if (result != OPTIONS_OK) {
        return result;
    }
    signal_fd = take_signals();
    if (signal_fd < 0) {
        log_error("cannot receive signals: %s", strerror(errno));
        return 1;
    }
    demo_world_init(&world, signal_fd);
    ok = run(&world, once);
    ok = demo_world_close(&world) && ok;
    (void)close(signal_fd);
    return ok ? 0 : 1;
}
