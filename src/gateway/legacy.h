/* What a gateway that leaves (another process goes on with the sockets) leaves to the one that
 * comes: the keys of its sites' tickets, so that clients resume their sessions, who is kept
 * off, and which sessions of people who had signed in have ended. It goes by way of both
 * supervisors, which do not look into it, as a sealed memory file of texts.
 *
 * Early data is what the one that comes could not judge, as it does not know what the other took:
 * so the one that leaves takes none from then on, and the other none for a while (tls/tickets.h).
 */
#ifndef TIDEGATE_GATEWAY_LEGACY_H
#define TIDEGATE_GATEWAY_LEGACY_H

#include "base/check.h"
#include "base/strbuf.h"

struct trust;

/* More is not left: some 40,000 sites with tickets, and all bans and ended sessions that there can
 * be. */
#define LEGACY_MAX_BYTES (40 * 1024 * 1024)

/* Of each four texts with a NUL behind it: "tickets", the site, its keys, nothing; "ban", the
 * address, until when, by whom; or "ended", its key, when, and until when it is remembered. */
void legacy_write(const struct trust *trust, struct strbuf *out);
/* Of sites and in words that are not known here nothing is taken. */
void legacy_read(const struct trust *trust, struct span bytes);

/* By the control thread: to the supervisor, as GATEWAY_LEGACY. Where that cannot be done, it is
 * said in the log. */
void legacy_send(const struct trust *trust, int control_fd);
/* The file is closed. */
void legacy_take(const struct trust *trust, int fd);

#endif
