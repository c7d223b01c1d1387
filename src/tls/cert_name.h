/* How clients compare the names of a certificate with the one they asked for (RFC 9525 section
 * 6.3), and which names of certificates they do not take. Pure, and the one matcher for serving and
 * for checking. */
#ifndef TIDEGATE_TLS_CERT_NAME_H
#define TIDEGATE_TLS_CERT_NAME_H

#include <stdbool.h>

#include "base/span.h"
#include "tls/cert_rank.h"

/* Any case. A wildcard is a whole first label and stands for one label. host empty: nothing has
 * it. */
enum cert_cover cert_name_cover(struct span pattern, struct span host);

/* Why clients refuse a name, whatever they asked for, as the end of a sentence that begins with the
 * name; NULL: they take it. */
const char *cert_name_fault(struct span name);

#endif
