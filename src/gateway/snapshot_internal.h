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
bool snapshot_build_respond(struct snapshot *snapshot, const struct respond_settings *respond,
                            struct page **page, struct config_report *report) MUST_CHECK;
bool snapshot_refresh_pages(struct snapshot *snapshot);
void snapshot_close_pages(struct snapshot *snapshot);

#endif
