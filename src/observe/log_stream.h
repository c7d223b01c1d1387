/* A collector of syslog lines at the other end of a stream: TCP (RFC 6587 section 3.4.1, octet
 * counting), or TLS over it (RFC 5425). For the thread of a log's writer, which may wait: a loop of
 * its own carries the connection (io/conn, tls/tls_conn), turned by whoever waits for it.
 *
 *   AWAY --time has come--> (LOOKING_UP) --> CONNECTING --> (HANDSHAKE) --> OPEN --ends, breaks--> AWAY
 *
 * A name is looked up for each connection, and of its addresses the next one is tried each time.
 *
 * After a failure the next try waits: 100 ms, twice as long each time, 30 s at most. What the other
 * end has not taken when a connection breaks is sent again on the next; what it has taken and not
 * written is not known here (syslog has no answers), so a line may be there twice, or be lost. */
#ifndef TIDEGATE_OBSERVE_LOG_STREAM_H
#define TIDEGATE_OBSERVE_LOG_STREAM_H

#include "base/span.h"
#include "base/strbuf.h"
#include "observe/log_place.h"

#define LOG_STREAM_RETRY_FIRST_MS 100
#define LOG_STREAM_RETRY_MAX_MS 30000

struct log_stream;
struct tls_context;

/* Nothing is opened yet. */
struct log_stream *log_stream_create(const struct log_place *place) MUST_CHECK;
/* For connections to come, of LOG_TLS alone, and once before the first. tls: held. server_name:
 * that its certificate must have; copied. From any thread. */
void log_stream_set_tls(struct log_stream *stream, struct tls_context *tls,
                        const char *server_name);

/* Name servers for lookups to come, as dns_options has them; NULL: resolv.conf's. Copied. From any
 * thread. */
void log_stream_set_name_servers(struct log_stream *stream, const char *servers);

/* All below: the writer's thread alone. */

/* A message with its length before it. */
void log_stream_frame(struct span message, struct strbuf *out);
/* Whether the caller wants to wait no longer; asked several times a second. */
typedef bool log_stream_gives_up(void *arg);
/* Hands all of it to the other end, connecting as often as it takes. False: gave up first. */
bool log_stream_send(struct log_stream *stream, struct span frames, log_stream_gives_up *gives_up,
                     void *arg) MUST_CHECK;
/* Why it is away; NULL: it is not, or no try has failed yet. Until the next call. */
const char *log_stream_trouble(const struct log_stream *stream);
/* How often it was connected. */
uint64_t log_stream_connections(const struct log_stream *stream);
/* Ends the connection in order: the thread's last act with it. */
void log_stream_close(struct log_stream *stream);

/* Closed, or never sent to. */
void log_stream_destroy(struct log_stream *stream);

#endif
