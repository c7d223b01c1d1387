/* What each of our processes is confined to (sandbox/sandbox.h), by the configuration. */
#ifndef TIDEGATE_PROCESS_CONFINE_H
#define TIDEGATE_PROCESS_CONFINE_H

#include <stdbool.h>

struct snapshot;

/* The first process, before it starts another one. */
void confine_supervisor(bool is_confined, bool keep_dumpable);
/* The keyholder, once it has given up its rights: no file at all. */
void confine_keyholder(bool is_confined, bool keep_dumpable);
/* Once it is who it will be, and before it starts a thread. It may read the folders that `files` of
 * the configuration serve and those above them, as a folder may be exchanged for another one; the
 * folders of the certificates that are looked at again; and what the C library looks names up with.
 * A folder that a later configuration names is out of its reach. */
void confine_gateway(const struct snapshot *snapshot, bool keep_dumpable);

#endif
