/* The parameters that a FastCGI request begins with: CGI's meta-variables (RFC 3875 section 4.1)
 * and the request's fields as HTTP_*. No I/O.
 *
 * A field is told once, its lines joined. Fields whose names have anything but letters, digits and
 * '-' are not told: X_A would be one with X-A. Nor is Proxy, which scripts' own HTTP clients take
 * for HTTP_PROXY, the address of a proxy. */
#ifndef TIDEGATE_CLIENT_FCGI_PARAMS_H
#define TIDEGATE_CLIENT_FCGI_PARAMS_H

#include "base/strbuf.h"
#include "client/call_base.h"

struct fcgi_param {
    struct span name;
    struct span value;
};

/* What a script is told besides the request (RFC 3875 section 4.1); in the call's arena. Texts that
 * are empty are not known. */
struct fcgi_facts {
    struct span script_filename;
    struct span script_name;
    struct span path_info;
    struct span document_root;
    struct span request_uri; /* as the client sent it */
    struct span remote_addr;
    uint16_t remote_port; /* 0: not known */
    struct span server_addr;
    struct span server_name;
    uint16_t server_port;
    bool is_https;
    const struct fcgi_param *params; /* further ones of the configuration */
    size_t param_count;
};

/* Appends names and values; content_length: of the body. Scratch from the call's arena. */
void fcgi_params_write(const struct call *call, uint64_t content_length, bool has_body,
                       struct strbuf *out);

#endif
