/* What the files of a snapshot share: snapshot.c, and the pages that it reads (snapshot_pages.c).
 * Not for others. */
#ifndef TIDEGATE_GATEWAY_SNAPSHOT_INTERNAL_H
#define TIDEGATE_GATEWAY_SNAPSHOT_INTERNAL_H

#include "gateway/snapshot.h"

/* `outer`: the site's, of which a route has what it does not say itself; NULL: none. False: with an
 * error in the report; pages that were opened are the snapshot's. */
bool snapshot_build_pages(struct snapshot *snapshot, const struct answers_settings *settings,
                          const struct answer_pages *outer, struct answer_pages *pages,
                          struct config_report *report) MUST_CHECK;
/* *out stays as it is where the route has no split. */
bool snapshot_build_split(struct snapshot *snapshot, const struct route_settings *route,
                          const struct route_split **out, struct config_report *report) MUST_CHECK;
/* NULL: the backend has no limit. */
const struct concurrency_plan *
snapshot_concurrency(struct snapshot *snapshot,
                     const struct concurrency_settings *settings) MUST_CHECK;
/* NULL: the route has no mirror. */
const struct route_mirror *snapshot_mirror(struct snapshot *snapshot,
                                           const struct route_settings *route) MUST_CHECK;
bool snapshot_build_respond(struct snapshot *snapshot, const struct respond_settings *respond,
                            struct page **page, struct config_report *report) MUST_CHECK;
bool snapshot_refresh_pages(struct snapshot *snapshot);
void snapshot_close_pages(struct snapshot *snapshot);

/* snapshot_phases.c: what routes do with requests before they answer them. False: with an error in
 * the report. */
/* The rules of a site's `access`, and its rates. */
bool snapshot_build_access(struct snapshot *snapshot, struct site *site,
                           struct config_report *report) MUST_CHECK;
/* The rules of a listener that relays all. */
bool snapshot_build_listener_access(struct snapshot *snapshot, struct listener *listener,
                                    struct config_report *report) MUST_CHECK;
/* Of a route, whose site has its rules already. */
bool snapshot_build_phases(struct snapshot *snapshot, const struct site *site, struct route *route,
                           struct config_report *report) MUST_CHECK;

void snapshot_build_bans(struct snapshot *snapshot);
/* Rates and bans. */
void snapshot_close_rates(struct snapshot *snapshot);

#endif
