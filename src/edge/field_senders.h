/* Which fields a stranger may not send: those by which servers are told, by convention, what a
 * gateway or an authenticating proxy in front of them found out: the client's address, scheme, host
 * and certificate, who the user is, under which path the application lives.
 *
 * Names are compared as a server's variables are: CGI and its heirs (RFC 3875 section 4.1.18) make
 * one variable of `X-Forwarded-For`, `X_Forwarded_For` and `x.forwarded+for`, so each byte of a
 * name that is no letter and no digit counts as '-'. */
#ifndef TIDEGATE_EDGE_FIELD_SENDERS_H
#define TIDEGATE_EDGE_FIELD_SENDERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "http/message.h"

enum field_sender {
    FIELD_FROM_ANYONE,
    FIELD_FROM_TRUSTED, /* peers of trusted_proxies, in the listed spelling */
    FIELD_FROM_NOBODY   /* the gateway alone may say it; and any other spelling of a listed name */
};

/* Who may send a field of that name in a request's head. In trailers nobody may send what not
 * anyone may (RFC 9110 section 6.5.1). */
enum field_sender field_sender(struct span name);
/* The same for a field that was parsed, whose id spares the look at its name. */
enum field_sender field_sender_of(const struct http_field *field);

/* Whether a server may take `name` for `listed`, or, where that ends in '*', for a name that begins
 * so. */
bool field_name_is_alike(struct span name, struct span listed);

/* One line of the list, for the manual's test: a name, or the beginning of names with '*' behind
 * it. False behind the last. */
bool field_sender_listed(size_t index, struct span *name, enum field_sender *sender);

#endif
