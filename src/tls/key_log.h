/* The secrets of every connection in a file, in the format that is called SSLKEYLOGFILE, with which
 * Wireshark and others decrypt what they recorded. For finding errors; whoever can read the file
 * can read all traffic. Only a directive turns it on, never the environment.
 *
 * One for the process, opened before contexts are made and before privileges are dropped. */
#ifndef TIDEGATE_TLS_KEY_LOG_H
#define TIDEGATE_TLS_KEY_LOG_H

#include <stdbool.h>

#include "base/check.h"
#include "base/error.h"

/* Appends to the file, which only its owner may read; made when it is not there. */
bool key_log_open(const char *path, struct error *error) MUST_CHECK;

/* For tls/ alone: makes a context write, if the log is open. */
struct ssl_ctx_st;
void key_log_enable(struct ssl_ctx_st *ssl_ctx);

#endif
