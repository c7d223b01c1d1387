/* The keyholder's keys, by what they are asked for by. From any thread: whoever signs holds the key
 * that it signs with, so that it can be replaced meanwhile. */
#ifndef TIDEGATE_KEYS_HELD_KEYS_H
#define TIDEGATE_KEYS_HELD_KEYS_H

#include "keys/key_id.h"
#include "tls/held_key.h"

struct held_keys;
struct held_entry;

struct held_keys *held_keys_create(void);
/* Nobody holds one any more. */
void held_keys_destroy(struct held_keys *keys);

/* Takes the key over; one that is there already is enough, unless one of both is in a token, and
 * the other is not: then the new one counts. False: there are `max` of them, and the key is the
 * caller's still. */
bool held_keys_add(struct held_keys *keys, const struct key_id *id, struct held_key *key,
                   size_t max) MUST_CHECK;
/* It is wiped when the last one who signs with it has let it go. */
void held_keys_remove(struct held_keys *keys, const struct key_id *id);

/* NULL: there is none. */
struct held_entry *held_keys_hold(struct held_keys *keys, const struct key_id *id);
struct held_key *held_entry_key(const struct held_entry *entry);
void held_keys_let_go(struct held_entry *entry);

#endif
