/* Where a list of servers comes from besides the configuration: a file that is watched. What is
 * wrong with it is told, and the last list that was right is used on.
 *
 * On a loop, whose thread alone may call what is here. */
#ifndef TIDEGATE_DISCOVERY_SERVER_SOURCE_H
#define TIDEGATE_DISCOVERY_SERVER_SOURCE_H

#include "config/server_list.h"
#include "io/loop.h"

struct server_source;

/* Looks at once, before it returns; later from the loop: `on_change` when the list, or what is
 * wrong with it, is another one. The settings must stay; `whose` is for messages, and copied. */
struct server_source *server_source_create(struct loop *loop,
                                           const struct servers_from_settings *settings,
                                           const char *whose, void *owner,
                                           void (*on_change)(void *owner));
void server_source_destroy(struct server_source *source);
/* The last good one; NULL: there was none yet. Valid until the next change. */
const struct server_document *server_source_list(const struct server_source *source);
/* What is wrong with the last one; NULL: nothing. */
const char *server_source_problem(const struct server_source *source);

#endif
