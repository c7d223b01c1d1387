/* How the gateway says who it is to those that it asks (RFC 6749 section 2.3.1): a secret of a file
 * in one line, which is followed. */
#ifndef TIDEGATE_AUTH_CLIENT_SECRET_H
#define TIDEGATE_AUTH_CLIENT_SECRET_H

#include "base/arena.h"
#include "base/followed.h"
#include "base/strbuf.h"

extern const struct followed_type client_secret_type;

/* Adds it as application/x-www-form-urlencoded has it. */
void form_add(struct strbuf *to, struct span text);
/* NAME=VALUE behind whatever is there; the name is taken as it is. */
void form_add_parameter(struct strbuf *to, const char *name, struct span value);
/* The value of Authorization, in the arena. `secret`: a file of client_secret_type. */
struct span client_secret_basic(const char *client_id, struct followed *secret,
                                struct arena *arena) MUST_CHECK;
/* Adds the secret alone to a form. */
void client_secret_add(struct strbuf *form, struct followed *secret);

#endif
