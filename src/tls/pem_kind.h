/* What a file is that should have been PEM with certificates, or with a private key: most files of
 * cryptography look alike from outside, and whoever mixed two up is told which it is and the
 * command that makes it right. Pure: reads bytes, opens nothing. For tls/ alone. */
#ifndef TIDEGATE_TLS_PEM_KIND_H
#define TIDEGATE_TLS_PEM_KIND_H

#include <stdbool.h>

#include "base/error.h"
#include "base/span.h"

/* The largest file that is read. */
#define PEM_FILE_MAX (4 * 1024 * 1024)

enum pem_wanted { PEM_WANTS_CERTIFICATE, PEM_WANTS_KEY, PEM_WANTS_CRL };

/* Fills *error for a file of which nothing that is wanted could be read. Always false. */
bool pem_kind_explain(const char *path, struct span bytes, enum pem_wanted wanted,
                      struct error *error);
/* Whether something in a file that does have certificates keeps some of its blocks from being read
 * (two on one line, indented, TRUSTED, PKCS#7 under another name); false with an error. */
bool pem_kind_check_blocks(const char *path, struct span bytes, struct error *error);
/* Whether each block of that label ("X509 CRL") has its lines to itself, so that none is left out;
 * false with an error. */
bool pem_kind_check_lines(const char *path, struct span bytes, const char *label,
                          struct error *error);
/* The bytes behind a byte order mark of UTF-8, which would hide the first block. */
struct span pem_kind_skip_mark(struct span bytes);

#endif
