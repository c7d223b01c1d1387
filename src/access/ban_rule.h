/* For what clients are kept off: `bans` of the file. What a client did is counted in a table of
 * fixed size (rate_table); who did it as often as a rule says is put on the list (ban_list), with a
 * line in the log that other programs read. Immutable, shared by all workers. */
#ifndef TIDEGATE_ACCESS_BAN_RULE_H
#define TIDEGATE_ACCESS_BAN_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "access/rate_table.h"
#include "base/arena.h"
#include "settings/rate_settings.h"

/* What somebody did. Zero-initialised: nothing. */
struct offence {
    unsigned status;     /* of a request's answer; 0: there was none */
    bool is_bad_request; /* what came is no request of HTTP */
    bool is_handshake;   /* a handshake of TLS failed by the client's doing */
};

struct ban_rule {
    const struct ban_settings *settings;
    struct rate_terms terms;
    struct rate_table *table;
    bool statuses[600];
    bool has_bad_request;
    bool has_handshake;
};

/* Zero-initialised: none. */
struct ban_rules {
    struct ban_rule *items; /* in the arena */
    size_t count;
};

void ban_rules_build(struct ban_rules *rules, const struct ban_settings *settings, size_t count,
                     struct arena *arena);
void ban_rules_close(struct ban_rules *rules);
/* `ip`: whose doing it was; 16 bytes, IPv4 mapped into IPv6. */
void ban_rules_note(const struct ban_rules *rules, const uint8_t ip[16],
                    const struct offence *offence, uint64_t now_us);
/* Whether a client is kept off: a ban outlives the configuration that it was made by, but not where
 * its rule (by name) says now that this client is excepted, or that nobody is kept off. */
bool ban_rules_keep_off(const struct ban_rules *rules, const uint8_t ip[16],
                        uint64_t now_us) MUST_CHECK;

#endif
