/* A file of certificate revocation lists (RFC 5280 section 5), which may change while it is in use:
 * the lists that a handshake is checked against are those that were read last.
 *
 * Both types are counted. Any thread may take the present lists; refreshing is for one thread, and
 * reads a file, so not for a worker. */
#ifndef TIDEGATE_TLS_CRL_H
#define TIDEGATE_TLS_CRL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/error.h"
#include "tls/listed_certificate.h"

struct crl_file;

enum crl_refresh { CRL_SAME, CRL_RENEWED, CRL_UNREADABLE };

/* PEM with any number of lists, or DER with lists one behind the other; at most
 * PEM_FILE_MAX bytes. NULL with an error. */
struct crl_file *crl_file_open(const char *path, struct error *error) MUST_CHECK;
struct crl_file *crl_file_hold(struct crl_file *file);
/* NULL is allowed. */
void crl_file_release(struct crl_file *file);
const char *crl_file_path(const struct crl_file *file);
/* Reads the file again if it changed. CRL_UNREADABLE, with an error: the lists stay as they were.
 * The error is the same for as long as the file is. */
enum crl_refresh crl_file_refresh(struct crl_file *file, struct error *error) MUST_CHECK;

/* Calls `each` for every list that says when the next one comes. From any thread. */
void crl_file_each(struct crl_file *file, tls_list_fn *each, void *arg);

/* The first time at which one of the lists is to be replaced by its next one, seconds since 1970;
 * INT64_MAX: none says. From any thread. */
int64_t crl_file_expires(struct crl_file *file);

#endif
