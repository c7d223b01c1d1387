/* Which script of a FastCGI backend a path is for, and what of the path is left for it (RFC 3875
 * sections 4.1.5 and 4.1.13). No I/O: whether there is such a file is somebody else's to say, and
 * only one that is there is run.
 *
 * The rule: the first segment whose end is the mark (".php") ends the script's name, and what is
 * behind it is its PATH_INFO. So of /upload.jpg/x.php the script is /upload.jpg/x.php, which is no
 * file, and never /upload.jpg. A path that ends in a slash, and names no script, is the folder's
 * index. */
#ifndef TIDEGATE_EDGE_SCRIPT_H
#define TIDEGATE_EDGE_SCRIPT_H

#include "base/arena.h"
#include "base/span.h"

struct script_rule {
    struct span mark;  /* ".php"; compared without regard to case */
    struct span index; /* "index.php"; empty: folders have none */
};

struct script {
    struct span file; /* match path of the script, for path_to_file */
    struct span name; /* the same, decoded */
    struct span info; /* decoded; empty: none */
};

/* `match` as in edge/path.h. False: no script has it, or it cannot be told to one (a control
 * character in it). Memory from the arena. */
bool script_find(const struct script_rule *rule, struct span match, struct arena *arena,
                 struct script *script) MUST_CHECK;
/* Whether a file of that name is a script, and never to be served as a file. */
bool script_is_one(const struct script_rule *rule, struct span name) MUST_CHECK;

#endif
