/* Whether a response is compressed, and what that makes of its head: one decision for servers'
 * responses, files and answers made here. Pure. */
#ifndef TIDEGATE_POLICY_COMPRESS_RULE_H
#define TIDEGATE_POLICY_COMPRESS_RULE_H

#include "http/message.h"
#include "policy/coder.h"

/* A route's `compress`. Lives as long as the snapshot. */
struct compress_rule {
    enum coding order[CODING_COUNT]; /* the one that is liked best first */
    size_t order_count;
    const struct span *types; /* patterns (http/media_type.h) */
    size_t type_count;
    uint64_t from; /* bytes that a body must have, where that is known */
    enum coder_level level;
    bool guards_secrets; /* against BREACH, see may_leak */
};

/* A response that has its fields as they will be sent. */
struct compress_facts {
    const struct http_request
        *request; /* as its client sent it: marks of its fields do not count */
    const struct http_response *response;
    bool is_https;  /* to the client */
    bool is_public; /* nothing in it can be of one client alone: a file, an answer's fixed text */
};

struct compress_decision {
    bool is_candidate;  /* to another request it could have been compressed: Vary says so */
    enum coding coding; /* IDENTITY: it goes as it is */
};

struct compress_decision compress_decide(const struct compress_rule *rule,
                                         const struct compress_facts *facts) MUST_CHECK;

/* Accept-Encoding among what Vary has, once. */
void compress_add_vary(struct http_response *response, struct arena *arena);
/* The head of the same response in that coding: Content-Encoding, no length, no ranges, no digests
 * of what it was, and an ETag that is weak, as two codings share it (RFC 9110 section 8.8.1). */
void compress_mend_head(struct http_response *response, enum coding coding, struct arena *arena);
/* Trailers that are digests of what it was. */
void compress_mend_trailers(struct http_fields *trailers);
/* A 304 has the ETag that the 200 would have had (RFC 9110 section 15.4.5): the weak one, where
 * that is what the client's If-None-Match names. And no length, as that of the 200 is not known
 * (section 8.6: "MUST NOT" unless it is the same). */
void compress_mend_not_modified(const struct http_request *request, struct http_response *response,
                                struct arena *arena);

#endif
