/* The tour: a real request through each way that Tidegate knows, what happened to it hop by hop,
 * and whether that is what should have happened. */
#ifndef TIDEGATE_CLI_DEMO_TOUR_H
#define TIDEGATE_CLI_DEMO_TOUR_H

#include <stdbool.h>

#include "cli/demo_world.h"

/* Prints on standard output. True when every way did what it says; stops early, with false, when
 * the world's signal_fd becomes readable. */
bool demo_tour(const struct demo_world *world, bool color);
/* The commands to try by hand. */
void demo_print_commands(const struct demo_world *world, bool color);

#endif
