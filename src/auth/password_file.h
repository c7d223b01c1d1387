/* Users and the hashes of their passwords, as htpasswd(1) writes them: a line for each, NAME:HASH,
 * with bcrypt ($2a$, $2b$, $2y$), SHA-crypt ($5$, $6$), yescrypt ($y$) or gost-yescrypt ($gy$).
 * Empty lines and lines that begin with '#' are nothing. What takes no effort to guess (DES, MD5,
 * SHA-1, plain text) is refused, and so is what would take minutes to check.
 *
 * Immutable; parsing does no I/O. */
#ifndef TIDEGATE_AUTH_PASSWORD_FILE_H
#define TIDEGATE_AUTH_PASSWORD_FILE_H

#include "base/followed.h"

#define PASSWORD_USERS_MAX 100000
#define PASSWORD_USER_BYTES_MAX 255
/* Longer ones are cut by some hashes, so they are refused. */
#define PASSWORD_BYTES_MAX 72

struct password_file;

extern const struct followed_type password_file_type;

/* Kinds of hashes with their costs, of which a file may have several: those that are looked at. */
#define PASSWORD_KINDS_MAX 4
#define PASSWORD_HASH_MAX 255

/* What is computed for a login: the user's hash, and behind it one that no password has of each
 * other kind that the file has. If the first is not right, the others are computed as well, so that
 * it takes as long for every user, and for those that there are not. */
struct password_hashes {
    char items[PASSWORD_KINDS_MAX][PASSWORD_HASH_MAX + 1];
    size_t count;      /* at least 1 */
    bool is_of_nobody; /* the first, too, is one that no password has: there is no such user */
};

/* With regard to case. */
void password_file_hashes(const struct password_file *file, struct span user,
                          struct password_hashes *hashes);

#endif
