/* The fields the gateway looks at: FIELD(id, registered name, its first byte in lower case, its
 * last byte but one in lower case, traits). The two bytes are what fields.c hashes; a wrong one
 * makes the name unfindable, which tests/unit/test_http_message.c would see. No include guard: each
 * user defines FIELD, includes this and undefines it.
 *
 * HOP: belongs to one connection (RFC 9110 section 7.6.1, section 11.7 for the two of
 * authentication), so it is never forwarded.
 * FIXED: Connection may not name it. Naming a field has it removed, and removing one of these would
 * take away what framing, routing, identity or authorisation rest on ("hop-by-hop abuse"), or the
 * warning that a request may be a copy (RFC 8470 section 5.1). */
FIELD(FIELD_HOST, "Host", 'h', 's', FIXED)
FIELD(FIELD_CONNECTION, "Connection", 'c', 'o', HOP)
FIELD(FIELD_CONTENT_LENGTH, "Content-Length", 'c', 't', FIXED)
FIELD(FIELD_TRANSFER_ENCODING, "Transfer-Encoding", 't', 'n', HOP | FIXED)
FIELD(FIELD_TE, "TE", 't', 't', HOP)
FIELD(FIELD_TRAILER, "Trailer", 't', 'e', 0)
FIELD(FIELD_UPGRADE, "Upgrade", 'u', 'd', HOP)
FIELD(FIELD_KEEP_ALIVE, "Keep-Alive", 'k', 'v', HOP)
FIELD(FIELD_PROXY_CONNECTION, "Proxy-Connection", 'p', 'o', HOP)
FIELD(FIELD_PROXY_AUTHENTICATE, "Proxy-Authenticate", 'p', 't', HOP)
FIELD(FIELD_PROXY_AUTHORIZATION, "Proxy-Authorization", 'p', 'o', HOP)
FIELD(FIELD_EXPECT, "Expect", 'e', 'c', 0)
FIELD(FIELD_FORWARDED, "Forwarded", 'f', 'e', FIXED)
FIELD(FIELD_X_FORWARDED_FOR, "X-Forwarded-For", 'x', 'o', FIXED)
FIELD(FIELD_X_FORWARDED_PROTO, "X-Forwarded-Proto", 'x', 't', FIXED)
FIELD(FIELD_X_FORWARDED_HOST, "X-Forwarded-Host", 'x', 's', FIXED)
FIELD(FIELD_X_FORWARDED_PORT, "X-Forwarded-Port", 'x', 'r', FIXED)
FIELD(FIELD_X_REAL_IP, "X-Real-IP", 'x', 'i', FIXED)
FIELD(FIELD_X_REQUEST_ID, "X-Request-ID", 'x', 'i', 0)
FIELD(FIELD_VIA, "Via", 'v', 'i', FIXED)
FIELD(FIELD_CLIENT_CERT, "Client-Cert", 'c', 'r', FIXED)
FIELD(FIELD_CLIENT_CERT_CHAIN, "Client-Cert-Chain", 'c', 'i', FIXED)
FIELD(FIELD_X_FORWARDED_CLIENT_CERT, "X-Forwarded-Client-Cert", 'x', 'r', FIXED)
FIELD(FIELD_DATE, "Date", 'd', 't', 0)
FIELD(FIELD_SERVER, "Server", 's', 'e', 0)
FIELD(FIELD_USER_AGENT, "User-Agent", 'u', 'n', 0)
FIELD(FIELD_REFERER, "Referer", 'r', 'e', 0)
FIELD(FIELD_CONTENT_TYPE, "Content-Type", 'c', 'p', FIXED)
FIELD(FIELD_RANGE, "Range", 'r', 'g', 0)
FIELD(FIELD_IF_RANGE, "If-Range", 'i', 'g', 0)
FIELD(FIELD_IF_MATCH, "If-Match", 'i', 'c', 0)
FIELD(FIELD_IF_NONE_MATCH, "If-None-Match", 'i', 'c', 0)
FIELD(FIELD_IF_MODIFIED_SINCE, "If-Modified-Since", 'i', 'c', 0)
FIELD(FIELD_IF_UNMODIFIED_SINCE, "If-Unmodified-Since", 'i', 'c', 0)
FIELD(FIELD_ACCEPT_ENCODING, "Accept-Encoding", 'a', 'n', 0)
FIELD(FIELD_COOKIE, "Cookie", 'c', 'i', FIXED)
FIELD(FIELD_SET_COOKIE, "Set-Cookie", 's', 'i', FIXED)
FIELD(FIELD_AUTHORIZATION, "Authorization", 'a', 'o', FIXED)
FIELD(FIELD_LOCATION, "Location", 'l', 'o', 0)
FIELD(FIELD_HTTP2_SETTINGS, "HTTP2-Settings", 'h', 'g', HOP)
FIELD(FIELD_EARLY_DATA, "Early-Data", 'e', 't', FIXED)
FIELD(FIELD_WWW_AUTHENTICATE, "WWW-Authenticate", 'w', 't', FIXED)
FIELD(FIELD_PERSISTENT_AUTH, "Persistent-Auth", 'p', 't', FIXED)
