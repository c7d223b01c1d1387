/* The other side of the keyholder's socket: gives it the files of keys, open, and the rings of
 * those who ask for signatures, and gives all of it again to the next one when it has died. It
 * reads no file of a key itself.
 *
 * Of each key that is in use it keeps the descriptor, so that what the file was then can be read
 * again although another one has its name now. For the supervisor; one thread. */
#ifndef TIDEGATE_KEYS_KEY_SUPPLY_H
#define TIDEGATE_KEYS_KEY_SUPPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/error.h"
#include "keys/key_id.h"
#include "keys/key_ring.h"
#include "tls/key_source.h"

/* A process that uses keys: a gateway, or who tries a configuration. At most KEYHOLDER_USERS_MAX at
 * a time. */
struct key_user;
struct key_supply;

struct key_supply *key_supply_create(void);
void key_supply_destroy(struct key_supply *supply);

/* A keyholder has been started: sock is our end of its socket, taken over; the one before, if there
 * was one, is given up. It gets all keys and rings. False: it has died already, or does not answer;
 * a key of which its file can be read no more is told in the log. */
bool key_supply_connect(struct key_supply *supply, int sock) MUST_CHECK;
/* For poll: nothing is to be read there, but its end says that the keyholder is gone; -1: there is
 * none. */
int key_supply_fd(const struct key_supply *supply);
void key_supply_disconnect(struct key_supply *supply);

/* Someone who has `count` threads that ask (or share one ring): rate: signatures a second, for
 * each; 0: no bound. NULL with an error. */
struct key_user *key_supply_add_user(struct key_supply *supply, size_t count, uint32_t rate,
                                     struct error *error) MUST_CHECK;
/* The process has ended: its rings are no more, and what nobody else needs is wiped. NULL is
 * allowed. */
void key_supply_end_user(struct key_supply *supply, struct key_user *user);
/* To go through the fork: its rings, by thread. */
const struct key_ring_fds *key_user_rings(const struct key_user *user);
/* After the fork, in the parent: what the child keeps open is closed here, so that its end is
 * noticed even where no supervisor is left to tell. */
void key_user_was_forked(struct key_user *user);
/* After the fork, in the child: closes all that is not this user's; nothing else is to be called
 * then but key_user_rings. */
void key_supply_become(struct key_supply *supply, struct key_user *user);

/* Has the key in an open file read; or where `path` is a URI (base/key_uri.h), that in a token,
 * whose PIN is in the file; fd -1: which has none. Takes the descriptor over. Waits for the
 * keyholder. False with an error. */
bool key_supply_take(struct key_supply *supply, struct key_user *user, const char *path, int fd,
                     struct key_public *key, struct error *error) MUST_CHECK;
/* What is in an open file besides private keys, as a memory file at its beginning: the caller's.
 * Takes the descriptor over. Waits for the keyholder. -1 with an error. */
int key_supply_read_rest(struct key_supply *supply, const char *path, int fd,
                         struct error *error) MUST_CHECK;
/* The user needs what it has taken so many times no more: what nobody needs is wiped. */
void key_supply_let_go(struct key_supply *supply, struct key_user *user, const struct key_id *id,
                       unsigned times);
/* The key that `other` was given for this path, and still has, whatever is in the file now. False:
 * it has none. */
bool key_supply_take_as(struct key_supply *supply, struct key_user *user,
                        const struct key_user *other, const char *path,
                        struct key_public *key) MUST_CHECK;
/* Whether any key that is in use is in a token. */
bool key_supply_has_tokens(const struct key_supply *supply);
bool key_user_has_taken(const struct key_user *user, const char *path);
/* The process has ended, but what it has taken is kept until key_supply_end_user. */
void key_supply_end_rings(struct key_supply *supply, struct key_user *user);

#endif
