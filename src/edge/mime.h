/* Media types by file name extension, for what is served from files. */
#ifndef TIDEGATE_EDGE_MIME_H
#define TIDEGATE_EDGE_MIME_H

#include "base/span.h"

/* By the part behind the last dot of the last segment, in any case; "application/octet-stream" when
 * there is none or it is unknown. Text carries charset=utf-8. Static memory. */
struct span mime_from_name(struct span file_name);
/* Whether the extension is one of the table. */
bool mime_is_known(struct span file_name);

#endif
