/* Everything the demo makes: a folder with certificates and configurations, three origins and a
 * gateway. What each of them is for stands in the configurations, which a reader may open. */
#ifndef TIDEGATE_CLI_DEMO_WORLD_H
#define TIDEGATE_CLI_DEMO_WORLD_H

#include "cli/demo_process.h"
#include "tls/demo_ca.h"

enum demo_who { DEMO_SHOP, DEMO_BANK, DEMO_PARTNERS, DEMO_GATEWAY, DEMO_PROCESS_COUNT };

/* Whose certificates there are, and so whom a client may find itself talking to. */
enum demo_holder {
    DEMO_GATEWAY_FOR_SHOP,
    DEMO_GATEWAY_FOR_PARTNERS,
    DEMO_GATEWAY_AS_CLIENT,
    DEMO_BANK_ITSELF,
    DEMO_PARTNERS_ITSELF,
    DEMO_CLIENT,
    DEMO_HOLDER_COUNT
};

enum { DEMO_PATH_SIZE = 300 };

struct demo_world {
    char folder[DEMO_PATH_SIZE - 40]; /* "" : none */
    char fingerprints[DEMO_HOLDER_COUNT][DEMO_FINGERPRINT_SIZE];
    struct demo_process processes[DEMO_PROCESS_COUNT];
    int signal_fd; /* readable: somebody wants the demo to end */
};

void demo_world_init(struct demo_world *world, int signal_fd);
/* Makes the folder and all in it, starts the origins and then the gateway. On false a part may
 * stand: close it too. */
bool demo_world_open(struct demo_world *world, struct error *error) MUST_CHECK;
/* Ends the processes and removes the folder. Returns whether all ended cleanly. Can be called
 * twice. */
bool demo_world_close(struct demo_world *world);
/* Copies what the processes said to standard error: for when something went wrong. */
void demo_world_print_logs(const struct demo_world *world);
/* FOLDER/name */
void demo_world_path(const struct demo_world *world, const char *name, char path[DEMO_PATH_SIZE]);

#endif
