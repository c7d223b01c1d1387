/* Opens a folder that the configuration names, for a snapshot: its files, or scripts. */
#ifndef TIDEGATE_GATEWAY_SNAPSHOT_ROOT_H
#define TIDEGATE_GATEWAY_SNAPSHOT_ROOT_H

#include "config/report.h"
#include "files/files_root.h"

/* False: the report says why; `place` is where the folder is named. */
bool snapshot_open_root(struct files_root *root, const char *path, struct place place,
                        struct config_report *report) MUST_CHECK;

#endif
