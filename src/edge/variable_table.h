/* What a text of the configuration may take from a request: VARIABLE(id, name, behind, in, where,
 * text for the manual). No include guard: each user defines VARIABLE, includes this and undefines
 * it.
 *
 * behind: NOTHING; NAME, a field's, cookie's or parameter's name stands behind the name; NUMBER, a
 * segment's. in: URL, the value is a whole part of a URL, as a URL has it; PIECE, it is a piece of
 * one, in which '/', '@' or ':' would mean something else where it is put; SEGMENTS, it is several
 * segments of a path, in which '/' stays; TEXT, it is any text.
 * where: ALWAYS; RESPONSE: only once there is one; LOG: only when all is over, in the line that
 * tells of it. */
VARIABLE(CLIENT_ADDRESS, "client.address", NOTHING, TEXT, ALWAYS,
         "the client's address, as trusted proxies say it, else the connection's")
VARIABLE(CLIENT_PORT, "client.port", NOTHING, TEXT, ALWAYS, "its port, where it is known")
VARIABLE(CLIENT_SUBJECT, "client.subject", NOTHING, TEXT, ALWAYS,
         "the subject of its verified certificate (RFC 4514)")
VARIABLE(CLIENT_ISSUER, "client.issuer", NOTHING, TEXT, ALWAYS,
         "the subject of the CA that issued it (RFC 4514)")
VARIABLE(CLIENT_SERIAL, "client.serial", NOTHING, TEXT, ALWAYS,
         "its serial number, in capital hex digits")
VARIABLE(CLIENT_FINGERPRINT, "client.fingerprint", NOTHING, TEXT, ALWAYS,
         "its SHA-256, in small hex digits")
VARIABLE(CLIENT_CERTIFICATE, "client.certificate", NOTHING, TEXT, ALWAYS,
         "the whole verified certificate: PEM, percent-encoded")
VARIABLE(CLIENT_VERDICT, "client.verdict", NOTHING, TEXT, ALWAYS,
         "SUCCESS, NONE where it showed no certificate, or FAILED: and why "
         "(`verify: optional_unverified`)")
VARIABLE(PEER_ADDRESS, "peer.address", NOTHING, TEXT, ALWAYS,
         "the address of whoever is connected, be it a proxy")
VARIABLE(SCHEME, "scheme", NOTHING, URL, ALWAYS, "http or https, as the client sees it")
VARIABLE(HOST, "host", NOTHING, URL, ALWAYS, "the host that was asked for, without port")
VARIABLE(PORT, "port", NOTHING, URL, ALWAYS, "the port that was asked for, or the scheme's")
VARIABLE(METHOD, "method", NOTHING, TEXT, ALWAYS, "GET, POST, ...")
VARIABLE(PATH_SEGMENT, "path.", NUMBER, PIECE, ALWAYS,
         "a segment of the path: {path.1} is the first")
VARIABLE(PATH, "path", NOTHING, URL, ALWAYS, "the path, without the query")
VARIABLE(MATCH, "match.", NAME, SEGMENTS, ALWAYS,
         "what a capture of the route's match.regex found: {match.1}, or {match.id} of (?<id>...)")
VARIABLE(QUERY_PARAMETER, "query.", NAME, PIECE, ALWAYS,
         "a parameter of the query, as it came: {query.page}")
VARIABLE(QUERY, "query", NOTHING, URL, ALWAYS, "the query, without the question mark")
VARIABLE(QUERY_MARKED, "?query", NOTHING, URL, ALWAYS,
         "the query with its question mark, or nothing where there is none")
VARIABLE(TARGET, "target", NOTHING, URL, ALWAYS, "path and query")
VARIABLE(
    URL, "url", NOTHING, TEXT, ALWAYS,
    "the URL that was asked for; within another URL percent-encoded as a whole, as a parameter "
    "is: /login?next={url}")
VARIABLE(TIME, "time", NOTHING, TEXT, ALWAYS,
         "when the request came: seconds since 1970, with milliseconds: 1767225600.000")
VARIABLE(REQUEST_ID, "request.id", NOTHING, URL, ALWAYS,
         "the request's id, as the access log has it")
VARIABLE(REQUEST_FIELD, "request.", NAME, TEXT, ALWAYS,
         "a field of the request, as it came: {request.User-Agent}")
VARIABLE(COOKIE, "cookie.", NAME, TEXT, ALWAYS, "a cookie of the request: {cookie.lang}")
VARIABLE(USER, "user", NOTHING, TEXT, ALWAYS,
         "who sends the request, as `auth` of the route has found")
VARIABLE(CLAIM, "claim.", NAME, TEXT, ALWAYS,
         "what a token or a certificate says of who sends the request: {claim.sub}, "
         "{claim.realm_access.roles}; several values of an array with ',' between")
VARIABLE(TLS_VERSION, "tls.version", NOTHING, TEXT, ALWAYS,
         "TLSv1.3, ...; nothing where the connection is plain")
VARIABLE(TLS_CIPHER, "tls.cipher", NOTHING, TEXT, ALWAYS, "the cipher suite")
VARIABLE(TLS_SNI, "tls.sni", NOTHING, TEXT, ALWAYS, "the name that the client asked for in TLS")
VARIABLE(SITE, "site", NOTHING, TEXT, ALWAYS, "the site's name")
VARIABLE(ROUTE, "route", NOTHING, TEXT, ALWAYS, "the route's name")
VARIABLE(STATUS, "status", NOTHING, URL, RESPONSE, "the response's status")
VARIABLE(BACKEND, "backend", NOTHING, TEXT, RESPONSE, "the backend that was asked")
VARIABLE(SERVER, "server", NOTHING, TEXT, RESPONSE, "the server that answered, as `servers` has it")
VARIABLE(CACHE, "cache", NOTHING, TEXT, RESPONSE,
         "what the cache did: `cache_status` of the access log")
VARIABLE(RESPONSE_FIELD, "response.", NAME, TEXT, RESPONSE,
         "a field of the response, as it came: {response.Server}")
VARIABLE(LOG_MEMBER, "log.", NAME, TEXT, LOG,
         "in the log's `template`: a member of the line by its name, such as {log.time}, "
         "{log.client}, {log.bytes_out}, {log.ms_total}")
