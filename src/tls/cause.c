#include "tls/cause.h"

#include <errno.h>

#include "base/check.h"

static const struct handshake_cause causes[CAUSE_COUNT] = {
    [CAUSE_NAME_NOT_RESOLVED] =
        {"name_not_resolved", "the host's name has no address",
         "check the spelling and the DNS; --connect ADDRESS:PORT tries without it"},
    [CAUSE_CONNECTION_REFUSED] = {"connection_refused", "nothing listens on that port",
                                  "see that the server runs and listens on that address and port"},
    [CAUSE_NO_ROUTE] = {"no_route", "there is no way to that address in the network",
                        "check the address, the routes and the firewalls on the way"},
    [CAUSE_CONNECT_TIMEOUT] = {"connect_timeout",
                               "the server did not answer the connection attempt in time",
                               "see whether the server is overloaded or a firewall drops "
                               "packets; --timeout waits longer"},
    [CAUSE_CONNECT_FAILED] = {"connect_failed", "the connection could not be made",
                              "see the system's reason beside this message"},
    [CAUSE_SERVER_SILENT] = {"handshake_timeout", "the TLS handshake was not finished in time",
                             "see that this port speaks TLS (a plain server waits for more), and "
                             "that the server is not "
                             "overloaded; --timeout waits longer"},
    [CAUSE_SERVER_CLOSED] =
        {"closed", "the peer closed the connection in the middle of the handshake",
         "see the server's log; a port that does not speak TLS, and a firewall that looks into "
         "handshakes, do this"},
    [CAUSE_SERVER_RESET] = {"reset", "the connection broke in the middle of the handshake",
                            "look at the network between the two, and at the server's own log"},
    [CAUSE_SERVER_PLAIN_HTTP] = {"plain_http",
                                 "the server answered the TLS handshake in plain HTTP",
                                 "use http://, or the port that speaks TLS"},
    [CAUSE_CLIENT_CERTIFICATE_REFUSED] =
        {"client_certificate_refused",
         "the server closed the connection after it was shown the client certificate",
         "see the server's log: the certificate may come from a CA that it does not trust"},
    [CAUSE_CLIENT_CERTIFICATE_MISSING] =
        {"client_certificate_missing", "the server wants a client certificate, and none was sent",
         "give one with --cert and --key"},
    [CAUSE_SERVER_NAME_MISSING] = {"server_name_missing",
                                   "the server wants to be asked for a name (SNI), and none was "
                                   "sent: clients send none for an "
                                   "address",
                                   "use a host name in the URL, or give one with --sni; on the "
                                   "server, add a default site, or "
                                   "the address to the hosts of a site"},
    [CAUSE_MISSING_INTERMEDIATE] =
        {"server_certificate_missing_intermediate",
         "the server did not send an intermediate certificate that leads to its root",
         "append that intermediate certificate to the server's certificate file"},
    [CAUSE_NO_ANSWER_CLOSED] = {"no_answer_closed",
                                "the server closed the connection without an answer",
                                "see the server's log"},
    [CAUSE_NO_ANSWER_TIMEOUT] = {"no_answer_timeout", "no whole answer came in time",
                                 "see whether the server, or one behind it, is overloaded; "
                                 "--timeout waits longer"},
    [CAUSE_BAD_ANSWER] = {"bad_answer", "what the server answered is no valid HTTP",
                          "see the rule beside this message, and that this port speaks HTTP"},
    [CAUSE_CUT_ANSWER] = {"cut_answer", "the connection ended in the middle of the answer",
                          "see the server's log, and what is between the two"},
    [CAUSE_TOO_LARGE_ANSWER] = {"too_large_answer",
                                "the head of the answer is larger than any should be",
                                "see which fields the server adds"},
    [CAUSE_SERVER_ERROR] =
        {"server_error", "the server, or one behind it, could not serve the request",
         "look for the request's id in the server's log: Tidegate's access log has the reason, and "
         "which of the servers behind it is to blame, in the line with that request_id"},
    [CAUSE_UNKNOWN_NAME] =
        {"unknown_server_name", "no site has the name that the client asked for",
         "add the name to the hosts of a site, or a site with hosts: [\"*\"] as the default"},
    [CAUSE_NO_NAME] = {"no_server_name",
                       "the client named no server (SNI) and there is no default site",
                       "use a client that sends SNI, or add a site with hosts: [\"*\"] as the "
                       "default"},
    [CAUSE_UNUSABLE_NAME] =
        {"unusable_server_name",
         "what the client asked for (SNI) is no host name but an address, a name with a port or "
         "the "
         "like, and there is no default site",
         "let the client ask for a host name, or add a site with hosts: [\"*\"] as the default"},
    [CAUSE_NAME_NOT_TAKEN] = {"server_name_not_taken",
                              "the server name that the client asked for (SNI) is longer than "
                              "255 bytes, or has a NUL in "
                              "it, which the TLS library does not take",
                              "let the client ask for a host name, or for none"},
    [CAUSE_NO_H1_H2] =
        {"no_common_protocol",
         "the client offers neither HTTP/2 nor HTTP/1.1 (ALPN), which this site speaks",
         "let it offer h2 or http/1.1; a client of another protocol has the wrong port"},
    [CAUSE_NO_H1] = {"no_common_protocol",
                     "the client does not offer HTTP/1.1 (ALPN), which this site speaks alone",
                     "let it offer http/1.1, or set tls.protocols of the site to h2+h1"},
    [CAUSE_NO_H2] = {"no_common_protocol",
                     "the client does not offer HTTP/2 (ALPN), which this site speaks alone",
                     "let it offer h2, or set tls.protocols of the site to h2+h1"},
    [CAUSE_NO_ALPN] = {"no_protocol_offered",
                       "the client offers no protocol (ALPN), and this site speaks HTTP/2 alone",
                       "let it offer h2 (curl: --http2), or set tls.protocols of the site to "
                       "h2+h1"},
    [CAUSE_NO_OTHER] = {"no_common_protocol",
                        "the client offers none of the protocols (ALPN) that are spoken inside "
                        "the site's TLS",
                        "let it offer one of them, or add its own to 'alpn' of the site"},
    [CAUSE_NO_ALPN_OF_SITE] = {"no_protocol_offered",
                               "the client offers no protocol (ALPN), and this site requires one",
                               "let it offer one of the site's, or say alpn_required: false"},
    [CAUSE_SITE_WITHOUT_TLS] = {"site_without_tls",
                                "the site that the client asked for speaks plain HTTP only",
                                "give the site a certificate (tls:), or use http://"},
    [CAUSE_NO_STARTTLS] =
        {"starttls_not_here",
         "the client asked for TLS as PostgreSQL's do (SSLRequest), for a site that is none",
         "see the host that the client connects to; a site of a PostgreSQL server has starttls: "
         "postgres"},
    [CAUSE_NEEDS_STARTTLS] =
        {"starttls_missing",
         "the site is a PostgreSQL server's, and the client neither asked for TLS in its way "
         "(SSLRequest) nor offers the protocol postgresql (ALPN)",
         "use a PostgreSQL client; with sslnegotiation=direct it offers the protocol"},
    [CAUSE_NO_HELLO] =
        {"no_client_hello",
         "the client asked for TLS (SSLRequest), was told to go on, and sent no ClientHello",
         "see the client's own log"},
    [CAUSE_SSL2] = {"ssl2_client",
                    "the client begins as SSL 2.0 did, which nobody answers any more (RFC 6176)",
                    "update the client, or turn SSL 2.0, and hellos in its format, off there"},
    [CAUSE_SSL3] = {"ssl3_client",
                    "the client speaks SSL 3.0 at most, which nobody answers any more (RFC 7568)",
                    "update the client, or turn TLS 1.2 on there"},
    [CAUSE_NO_CERTIFICATE] =
        {"no_certificate_for_name",
         "the site's folder of certificates has none for the name that the client asked for",
         "put a certificate with that name into the folder, or give the site a certificate for all "
         "other names"},
    [CAUSE_HANDSHAKE_TIMEOUT] = {"handshake_timeout", "the TLS handshake was not finished in time",
                                 "the client or the network between is slow, or stopped; "
                                 "timeouts.handshake sets the limit"},
    [CAUSE_FIRST_BYTES_TIMEOUT] =
        {"first_bytes_timeout",
         "the client began to send, but no whole ClientHello, PROXY header or request came in time",
         "timeouts.first_byte sets the limit"},
    [CAUSE_CLOSED_BEFORE_REQUEST] =
        {"closed_before_request", "the client closed in the middle of its first message",
         "a port scan or health check does this; if it is a real client, look for its own error "
         "message"},
    [CAUSE_SERVER_UNREACHABLE] =
        {"server_unreachable", "the server cannot be reached",
         "see that the server runs and listens on that address, and that no firewall is between"},
    [CAUSE_SERVER_TIMEOUT] =
        {"connect_timeout", "the server did not answer the connection attempt in time",
         "see whether the server is overloaded or a firewall drops packets; connect_timeout of the "
         "backend sets the limit"},
    [CAUSE_CLIENT_MISSING_INTERMEDIATE] =
        {"client_certificate_missing_intermediate",
         "the client did not send an intermediate certificate that leads to a CA of tls.clients.ca",
         "let the client send its whole chain, or add the intermediate to that file"},
    [CAUSE_BACKEND_MISSING_INTERMEDIATE] =
        {"backend_certificate_missing_intermediate",
         "the backend did not send an intermediate certificate that leads to its root",
         "append that intermediate certificate to the backend's certificate file"},
    [CAUSE_BACKEND_PLAIN_HTTP] = {"plain_http",
                                  "the backend answered the TLS handshake in plain HTTP",
                                  "remove tls from this backend, or name the port that speaks TLS"},
};

const struct handshake_cause *cause_words(enum cause cause)
{
    CHECK(cause < CAUSE_COUNT);
    return &causes[cause];
}

const char *cause_side(enum cause cause)
{
    switch (cause) {
    case CAUSE_SERVER_UNREACHABLE:
    case CAUSE_SERVER_TIMEOUT:
    case CAUSE_BACKEND_MISSING_INTERMEDIATE:
    case CAUSE_BACKEND_PLAIN_HTTP:
        return "backend";
    default:
        return cause < CAUSE_UNKNOWN_NAME ? "server" : "client";
    }
}

const struct handshake_cause *cause_of_connect(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return &causes[CAUSE_CONNECTION_REFUSED];
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EADDRNOTAVAIL:
        return &causes[CAUSE_NO_ROUTE];
    case ETIMEDOUT:
        return &causes[CAUSE_CONNECT_TIMEOUT];
    default:
        return &causes[CAUSE_CONNECT_FAILED];
    }
}

const char *cause_who_connect(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return "the server's machine";
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EADDRNOTAVAIL:
        return "the network";
    case ETIMEDOUT:
        return "nobody: no answer came";
    default:
        return "this machine";
    }
}
