/* What each of our processes is confined to (sandbox/sandbox.h), by the configuration. */
#ifndef TIDEGATE_PROCESS_CONFINE_H
#define TIDEGATE_PROCESS_CONFINE_H

#include <stdbool.h>
#include <stddef.h>

#include "settings/settings.h"
#include "settings/token_files.h"

struct snapshot;

/* The first process, before it starts another one. */
void confine_supervisor(bool is_confined, bool keep_dumpable);
/* What a module for keys in tokens may write, texts one after the other, each with its NUL. */
struct module_files {
    char texts[KEY_MODULE_FILES_MAX * (TOKEN_FILE_BYTES_MAX + 1)];
    size_t count; /* 0: no module may be loaded */
};
void module_files_of(const struct settings *settings, struct module_files *files);
/* The keyholder, once it has given up its rights: no file at all; with modules their files, what
 * the system has in its folders, and sockets. */
void confine_keyholder(bool is_confined, const struct module_files *modules, bool keep_dumpable);
/* Once it is who it will be, and before it starts a thread. It may read the folders that `files` of
 * the configuration serve and those above them, as a folder may be exchanged for another one; the
 * folders of the certificates that are looked at again; and what the C library looks names up with.
 * A folder that a later configuration names is out of its reach. */
void confine_gateway(const struct snapshot *snapshot, bool keep_dumpable);

#endif
