/* Addresses and networks as a configuration writes them. Numbers and names are told apart here; no
 * name is looked up. */
#ifndef TIDEGATE_CONFIG_ADDRESS_H
#define TIDEGATE_CONFIG_ADDRESS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/span.h"
#include "config/complaint.h"
#include "settings/settings.h"

enum address_use {
    ADDRESS_LISTEN, /* ":443", no names, port 0 for any free one */
    ADDRESS_CONNECT
};

/* Fills all but `place`. A relative Unix socket path is joined to `folder`. Texts are copied into
 * the arena. */
bool address_parse(struct span text, enum address_use use, const char *folder, struct arena *arena,
                   struct address_setting *address, struct complaint *complaint) MUST_CHECK;
/* Whether both cannot be bound at once: the same one, or one of them means every address. */
bool address_overlaps(const struct address_setting *a, const struct address_setting *b);

/* A name server: an address, with a port in the same form where it is not 53. */
bool name_server_check(struct span text, struct complaint *complaint) MUST_CHECK;

/* As it may be written: "10.0.0.0/8", "unix". */
struct network_text {
    char text[64];
};
struct network_text network_format(const struct network *network);
bool network_parse(struct span text, struct network *network,
                   struct complaint *complaint) MUST_CHECK;

/* A site's host: a name, an address, "*.name" or "*". In any case of letters. */
bool host_check(struct span host, struct complaint *complaint) MUST_CHECK;
/* A DNS name (RFC 1123 section 2.1, and '_'), not all digits at its end. */
bool name_check(struct span name, struct complaint *complaint) MUST_CHECK;

/* `path` as seen from the folder of the configuration file. In the arena. */
const char *path_join(const char *folder, struct span path, struct arena *arena) MUST_CHECK;

#endif
