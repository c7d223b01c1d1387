/* Where a list of servers comes from besides the configuration: a file that is looked at, or a URL
 * that is fetched (client/fetch.h), again and again. What is wrong with it is told, and the last
 * list that was right is used on.
 *
 * On a client's loop, whose thread alone may call what is here. */
#ifndef TIDEGATE_DISCOVERY_SERVER_SOURCE_H
#define TIDEGATE_DISCOVERY_SERVER_SOURCE_H

#include "client/client.h"
#include "config/server_list.h"

struct server_source;

/* Looks at a file at once, before it returns; later, and at what a URL gives, from the loop:
 * `on_change` when the list, or what is wrong with it, is another one, and once a URL was looked
 * at. A URL's name is asked of the name servers of `resolve` (NULL: of
 * this machine's). The settings must stay; `whose` is for messages, and copied. */
struct server_source *server_source_create(struct client *client,
                                           const struct servers_from_settings *settings,
                                           const struct resolve_settings *resolve,
                                           const char *whose, void *owner,
                                           void (*on_change)(void *owner));
void server_source_destroy(struct server_source *source);
/* The last good one; NULL: there was none yet. Valid until the next change. */
const struct server_document *server_source_list(const struct server_source *source);
/* For `tidegate check`: whether a file that is there is such a list; a URL is not asked. */
bool server_source_check(const struct servers_from_settings *settings,
                         struct error *error) MUST_CHECK;
/* Its file or URL, for people. */
const char *server_source_name(const struct server_source *source);
/* Whether it was looked at, however that went. */
bool server_source_has_looked(const struct server_source *source);
/* What is wrong with the last one; NULL: nothing. */
const char *server_source_problem(const struct server_source *source);

#endif
