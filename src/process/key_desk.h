/* How a process that asks the keyholder has keys read, and says which it needs no more: over a
 * socket to the supervisor (process/key_service.h). */
#ifndef TIDEGATE_PROCESS_KEY_DESK_H
#define TIDEGATE_PROCESS_KEY_DESK_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "keys/key_id.h"
#include "process/confine.h"
#include "process/privileges.h"

enum { KEY_DESK_TERMS = 'T', KEY_DESK_READ = 'R', KEY_DESK_LET_GO = 'L' };

/* What a keyholder needs to know of the configuration: from the loader, before the first key. */
struct key_terms {
    struct privileges privileges; /* who it is to be */
    bool is_confined;
    struct module_files modules; /* for keys in tokens; none: there are no such keys */
};

/* KEY_DESK_READ is answered, with a struct key_reply; nothing else is. */
struct key_desk_request {
    uint32_t number;
    uint32_t kind;
    uint32_t times;     /* that the key was read, and is let go */
    uint32_t is_loaded; /* the key as it was when the configuration was loaded, if there is one */
    struct key_id id;
    union {
        struct key_terms terms;
        char path[PATH_MAX]; /* or a URI (base/key_uri.h) */
    };
};

/* The socket of this process, which must stay; nothing else changes yet. */
void key_desk_set(int sock);
/* The keys of this process are with the keyholder from now on. tells: it says which it needs no
 * more. Before any thread is started. */
void key_desk_use(bool tells);
/* In the loader, before that. */
void key_desk_send_terms(const struct key_terms *terms);

#endif
