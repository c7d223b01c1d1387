/* A call: one request to a server of a backend and its response, whoever asks. Finds a connection
 * (acquire.h), keeps what may have to be sent again (replay.h), and sends the request again where
 * that is right (edge/retry.h).
 *
 * Its states are in client/call_base.h.
 *
 * Embedded in its owner, who hears of it through call_ops and ends it with call_release, or is told
 * `failed`: the call is over then, and holds nothing. After `end` it
 * may go on for as long as the request does (call_is_listening).
 *
 * A piece of a body is taken at once, so what a slow side costs is bounded by one receive buffer:
 * the owner asks call_takes_body before it brings some, and is asked poll_response. */
#ifndef TIDEGATE_CLIENT_CALL_H
#define TIDEGATE_CLIENT_CALL_H

#include "client/call_base.h"

/* All of it was zero before. */
void call_init(struct call *call, const struct call_ops *ops, struct client *client,
               struct caller *caller, struct arena *arena);
/* May fail the call at once. */
void call_start(struct call *call);
/* Ends it, however far it is, and says so to the balancing. LEASE_OK: the response came to its end;
 * the connection may be used again if the request did, too. May be called twice. */
void call_release(struct call *call, enum lease_how how);

/* After that, before its memory goes or is used again: it forgets where it was. May be called
 * twice. */
static inline void call_reset(struct call *call)
{
    lease_reset(&call->lease);
}

/* ---- the request ---- */
/* Whether a server has it, or gets it now. */
static inline bool call_is_open(const struct call *call)
{
    return call->back != NULL;
}
/* Whether body bytes would go out now; when that becomes true again: `writable`. */
bool call_takes_body(const struct call *call);
/* By reference, valid during the call's event only. */
void call_send_body(struct call *call, struct span bytes);
void call_send_end(struct call *call, const struct http_fields *trailers);
/* The connection to which the body may go by splice, NULL: none; what is moved there is told. */
struct conn *call_raw(const struct call *call);
void call_moved(struct call *call, uint64_t bytes);
/* Whether the request, to its end, is on its way to the server, so that the call may end. */
bool call_is_sent(const struct call *call);
/* The response being whole: whether the server may still take what is left of the request. */
bool call_is_listening(const struct call *call);

/* ---- the response ---- */
/* The response is not one to pass on: `failed` follows with 502, at once or when that may be. Also
 * inside events. */
void call_reject(struct call *call, const struct trouble *trouble);
/* Whatever becomes of it from here on is none of the server's doing. */
void call_spare(struct call *call);
/* The owner takes more of it. */
void call_resume(struct call *call);
/* Whether more of it is here already, and only waits for its turn. */
bool call_has_more(const struct call *call);
/* After 101: the connection, for a tunnel; *rest: bytes behind the head, valid until the next
 * read. */
struct conn *call_take_over(struct call *call, struct span *rest);
/* After an upgrade, where a side has no connection to give away: from here on bodies carry the
 * other protocol's bytes. `writable` follows. */
void call_go_raw(struct call *call);

#endif
