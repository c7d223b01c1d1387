/* Who is kept off, on the control socket: shown, lifted and added. */
#ifndef TIDEGATE_ADMIN_BANS_H
#define TIDEGATE_ADMIN_BANS_H

#include "base/span.h"
#include "base/strbuf.h"

#define ADMIN_BANS_PATH "/bans"

struct admin_world;

/* {"bans": [{"address", "by", "left_s"}], "count", "refused": ...} */
void bans_print(const struct admin_world *world, struct strbuf *out);
/* POST, with a decoded query: "lift=ADDRESS", "lift=all", "add=ADDRESS=SECONDS". The status; the
 * body is added for 200 alone. */
unsigned bans_change(struct span query, struct strbuf *body);

#endif
