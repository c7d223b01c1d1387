/* Rules of `access` where a site passes connections on: of these the address and the time are
 * known. And clients that are kept off, once a PROXY header has said who they are. */
#include <stdio.h>

#include "access/access_rules.h"
#include "access/ban_list.h"
#include "access/ban_rule.h"
#include "base/clock.h"
#include "gateway/session_internal.h"
#include "gateway/snapshot.h"

static const uint8_t *ask_address(void *asker)
{
    const struct peer *peer = asker;

    return peer->is_unix ? NULL : peer->ip;
}

static bool is_denied(struct session *session, const struct access_list *rules)
{
    const struct access_plan plan = {{*rules}, 1};
    struct access_facts more = {.wall_s = clock_wall_s()};
    struct access_verdict verdict;
    struct match_facts facts;
    struct arena arena;
    char detail[400];

    arena_init(&arena, 256);
    facts = (struct match_facts){.is_https = true,
                                 .address = ask_address,
                                 .asker = &session->link.peer,
                                 .arena = &arena,
                                 .steps = MATCH_STEPS_MAX,
                                 .more = &more};
    access_ask_connection(&plan, &facts, &verdict);
    arena_destroy(&arena);
    rule_count_add(verdict.count);
    if (verdict.outcome == ACCESS_ALLOWED) {
        return false;
    }
    (void)snprintf(detail, sizeof(detail), "the rule '%s' of 'access' denies it", verdict.rule);
    session_fail(session, "access_denied", detail,
                 "tidegate route URL --from ADDRESS says what 'access' makes of a connection");
    return true;
}

bool session_is_denied(struct session *session, const struct edge_entrance *entrance)
{
    const struct site *site = session->link.site;

    return site != NULL && access_asks_connection(site->settings, entrance) &&
           is_denied(session, &site->access);
}

bool session_is_denied_here(struct session *session)
{
    const struct listener *listener = session->link.listener;

    return listener->settings->access.is_given && is_denied(session, &listener->access);
}

bool session_is_banned(struct session *session)
{
    const struct link *link = &session->link;

    if (LIKELY(!bans_are_any()) || link->is_peer_trusted || link->peer.is_unix ||
        !ban_rules_keep_off(&link->snapshot->bans, link->peer.ip, clock_us())) {
        return false;
    }
    bans_count_refused();
    session_fail(session, "banned", "the client is kept off for what it did before (bans)",
                 "tidegate bans shows until when, and lifts it");
    return true;
}
