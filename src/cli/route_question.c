#include "cli/route_question.h"

#include <arpa/inet.h>
#include <string.h>

#include "config/address.h"
#include "http/message.h"

bool route_is_name(struct span host)
{
    char text[INET_ADDRSTRLEN];
    struct in_addr address;

    if (host.len == 0 || host.ptr[0] == '[') {
        return false;
    }
    if (host.len >= sizeof(text)) {
        return true;
    }
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    return inet_pton(AF_INET, text, &address) != 1;
}

bool route_question_parse(struct route_question *question, const char *url, struct error *error)
{
    struct span rest = span_from_cstr(url);
    struct span authority;
    size_t end = 0;

    *question = (struct route_question){.method = SPAN_OF("GET")};
    if (span_istarts_with(rest, SPAN_OF("https://"))) {
        question->is_https = true;
        rest = span_skip(rest, 8);
    } else if (span_istarts_with(rest, SPAN_OF("http://"))) {
        rest = span_skip(rest, 7);
    } else if (span_istarts_with(rest, SPAN_OF("tcp://")) ||
               span_istarts_with(rest, SPAN_OF("tls://"))) {
        question->is_bytes = true;
        question->is_https = ascii_lower(rest.ptr[1]) == 'l';
        rest = span_skip(rest, 6);
    } else if (span_istarts_with(rest, SPAN_OF("postgres://")) ||
               span_istarts_with(rest, SPAN_OF("postgresql://"))) {
        rest = span_skip(rest, span_find(rest, ':') + 3);
        question->is_https = true;
        question->starttls = STARTTLS_POSTGRES;
    } else {
        return error_set(
            error,
            "'%s' does not begin with http://, https://, tcp://, tls:// or postgres://; write it "
            "whole, such as https://shop.example.com/cart",
            url);
    }
    while (end < rest.len && strchr("/?#", rest.ptr[end]) == NULL) {
        end++;
    }
    authority = span_head(rest, end);
    if (question->starttls == STARTTLS_POSTGRES) {
        size_t user = span_find(authority, '@'); /* "user@host", or with a password */

        authority = user < authority.len ? span_skip(authority, user + 1) : authority;
    }
    if (question->is_bytes && !question->is_https && authority.len > 1 && authority.ptr[0] == ':') {
        uint64_t port = 0; /* tcp://:5432: whoever listens there */

        if (!span_to_u64(span_skip(authority, 1), UINT16_MAX, &port) || port == 0) {
            return error_set(error, "'%.*s' is no port in '%s'", SPAN_ARG(authority), url);
        }
        question->port = (uint16_t)port;
    } else if (!http_parse_authority(authority, &question->host, &question->port)) {
        return error_set(error, "'%.*s' is no host[:port] in '%s'", SPAN_ARG(authority), url);
    }
    if (question->port == 0 && question->is_bytes && !question->is_https) {
        return error_set(error, "'%s' has no port, and tcp:// has no usual one", url);
    }
    if (question->port == 0) {
        question->port = question->starttls == STARTTLS_POSTGRES ? 5432
                         : question->is_https                    ? 443
                                                                 : 80;
    }
    rest = span_skip(rest, end);
    rest = span_head(rest, span_find(rest, '#')); /* a fragment is never sent */
    question->path = span_head(rest, span_find(rest, '?'));
    if (question->path.len < rest.len) {
        question->query = span_skip(rest, question->path.len + 1);
    }
    if (question->is_https && route_is_name(question->host)) {
        question->sni = question->host;
    }
    return true;
}

bool route_question_from(struct route_question *question, const char *text, struct network *network)
{
    struct complaint complaint;

    if (!network_parse(span_from_cstr(text), network, &complaint) ||
        (!network->is_unix && network->prefix_bits != 128)) {
        return false;
    }
    question->from = network->is_unix ? NULL : network->address;
    question->from_text = network->is_unix ? SPAN_OF("") : span_from_cstr(text);
    return true;
}

bool route_field_parse(struct span line, struct route_field *field)
{
    size_t colon = span_find(line, ':');

    field->name = span_head(line, colon);
    field->value = colon < line.len ? span_trim(span_skip(line, colon + 1)) : (struct span){0};
    return colon < line.len && http_is_token(field->name);
}
