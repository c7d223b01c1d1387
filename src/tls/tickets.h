/* The keys of session tickets (RFC 5077, RFC 8446 section 4.6.1): three of them, the next, the
 * current and the previous one, that move on with time. Made at random, kept in memory alone, wiped
 * when they leave; shared by every worker and by all contexts of a site, so that a ticket outlives
 * a renewed certificate, but not two rotations.
 *
 * The keys, and the guard's secret, are made when they are first used: by the process that serves
 * clients, never by the one that built the contexts and is forked into it. So they end with that
 * process, unless another one takes its place while it runs and is given them.
 *
 * Counted. Thread-safe; a handshake costs a short lock. */
#ifndef TIDEGATE_TLS_TICKETS_H
#define TIDEGATE_TLS_TICKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/strbuf.h"

struct replay_guard;
struct ssl_ctx_st;
struct tls_tickets;

/* From its first use on a key is current for this long; at least 1 ms. NULL when the library has no
 * cipher for them. */
struct tls_tickets *tls_tickets_create(uint64_t rotation_ms) MUST_CHECK;
/* One more use, and from the next key on another rotation. */
struct tls_tickets *tls_tickets_hold(struct tls_tickets *tickets, uint64_t rotation_ms);
/* NULL is allowed. */
void tls_tickets_release(struct tls_tickets *tickets);

/* For tls/ alone: lets a server's context use these keys; it holds them. */
bool tls_tickets_install(struct tls_tickets *tickets, struct ssl_ctx_st *ssl_ctx) MUST_CHECK;

/* What refuses recorded early data sealed with these keys: theirs, and as long-lived. Made when it
 * is first asked for. */
struct replay_guard *tls_tickets_replay_guard(struct tls_tickets *tickets);

/* This process takes the place of one that has ended, of whose ClientHellos it knows nothing: no
 * early data is taken until none of them could be fresh any more (RFC 8446 section 8.2). */
void tls_tickets_follow(struct tls_tickets *tickets);

/* Another process takes this one's place: what it needs to open, and go on with, the tickets of
 * this one, as a text of base64 (no NUL). `text` has nothing else in it. From now on this process
 * takes no early data any more: the other one cannot know what it took (RFC 8446 section 8.2).
 * False: nobody has a ticket of it. */
bool tls_tickets_write(struct tls_tickets *tickets, struct strbuf *text) MUST_CHECK;
/* The other side: goes on with those, and takes no early data for a while, as tls_tickets_follow
 * says. What this process has sealed by itself so far it opens still. False: it is no such text,
 * and nothing has changed. */
bool tls_tickets_inherit(struct tls_tickets *tickets, struct span text) MUST_CHECK;

/* For tests: goes on to the given monotonic time. */
void tls_tickets_advance(struct tls_tickets *tickets, uint64_t now_ms);
/* The name of a key as tickets carry it; which: 0 previous, 1 current, 2 next. */
void tls_tickets_name(struct tls_tickets *tickets, unsigned which, unsigned char name[16]);

#endif
