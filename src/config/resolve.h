/* References to backends: names become pointers, and backends written in place become backends like
 * the named ones. */
#ifndef TIDEGATE_CONFIG_RESOLVE_H
#define TIDEGATE_CONFIG_RESOLVE_H

#include "config/load.h"

/* Points every reference at a backend, with those written in place behind the named ones. */
void resolve_backends(struct loader *loader);

#endif
