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

/* The hash of this user, with regard to case; NULL: there is none. */
const char *password_file_find(const struct password_file *file, struct span user);
/* A hash that no password has, which takes as long to check as those of the file: for users that
 * there are not, who so cannot be told from the others by time. */
const char *password_file_decoy(const struct password_file *file);

#endif
