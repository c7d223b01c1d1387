#include "edge/mirror.h"

/* What another server cannot do as well without harm: another protocol, which has two ends; what
 * anybody on the way may have sent again (RFC 8470); what authenticates a connection, which is not
 * this client's alone there; and what names a resource as its own server knows it (Destination). */
static bool may_be_copied(const struct mirror_facts *facts)
{
    const struct http_request *request = facts->request;

    return request->method != HTTP_CONNECT && request->upgrade.ptr == NULL &&
           !request->is_extended_connect && !facts->is_early && !facts->is_auth_bound &&
           http_fields_find(&request->fields, FIELD_DESTINATION) == NULL;
}

enum mirror_choice mirror_choose(const struct mirror_facts *facts)
{
    const struct http_request *request = facts->request;

    if (facts->random % 100 >= facts->share || !may_be_copied(facts)) {
        return MIRROR_PASS;
    }
    if (request->framing == HTTP_FRAMING_LENGTH && request->content_length > facts->body_limit) {
        return MIRROR_TOO_LARGE;
    }
    return facts->under_way >= facts->max ? MIRROR_FULL : MIRROR_COPY;
}
