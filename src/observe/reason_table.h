/* Every reason that the access log can give and that no table of a protocol has (those are in
 * http/h1_error_table.h, http/h2_error_table.h, http/h2_budget.c, tls/hello.c, edge/path.c and
 * tls/handshake_*.c): REASON(part, who ends it, word, sentence, mend). No include guard, as in
 * field_table.h. Words are stable. A line of the log that was given no sentence or no mend of its
 * own, which may be more exact, takes those from here; docs/failures.md has all of them. */

/* ---- of requests ---- */
REASON(REQUEST, "gateway", "misdirected_request",
       "the request's host belongs to another site than the one this TLS connection was made for",
       "let the client open a connection for each of the two names; sites with the same "
       "TLS settings share connections")
REASON(REQUEST, "gateway", "site_has_changed",
       "the configuration has changed since the TLS handshake: its site is gone, or asks something "
       "else of clients",
       "nothing: the client opens another connection (RFC 9110 section 15.5.20)")
REASON(REQUEST, "gateway", "memory_soft",
       "the rest of the request's body has waited too long for memory (memory.soft)",
       "see what takes it in tidegate status; raise memory.soft, if there is more")
REASON(REQUEST, "gateway", "memory_hard", "the gateway has no memory left (memory.hard)",
       "see what takes it in tidegate status; raise memory.hard, if there is more")
REASON(REQUEST, "gateway", "unknown_host", "no site has the host that the request names",
       "add the name to the hosts of a site, or a site with hosts: [\"*\"] as the default")
REASON(REQUEST, "gateway", "plain_http_refused",
       "the site takes no plain HTTP, and the request came without TLS",
       "use https://, or say plain_http: redirect or plain_http: serve in the site")
REASON(REQUEST, "gateway", "method_not_allowed",
       "the routes that match the path do not take the request's method",
       "name the method in methods of a route, if it should be served")
REASON(REQUEST, "gateway", "request_not_allowed",
       "a route of the path is for other requests, and denies all others (else: deny)",
       "see match of the route; tidegate route says which of its conditions does not hold")
REASON(REQUEST, "gateway", "closed_unanswered",
       "respond.close of the route ends the connection, or the HTTP/2 stream, without an answer",
       "nothing, if that is what such requests should get; else see the route")
REASON(REQUEST, "gateway", "rewrite_refused",
       "what rewrite.replace makes of the path is no path that could be sent on",
       "see its 'with': it must begin with '/' and make no '.' or '..' segments")
REASON(REQUEST, "gateway", "match_undecided",
       "a regular expression of the routes takes more steps than it may in this request",
       "write it so that it need not go back: with ^, [^/]* in place of .*, and no repetition of a "
       "repetition")
REASON(REQUEST, "gateway", "client_not_allowed",
       "the client's certificate is none of those that match.client of the route lets in",
       "add the certificate to match.client of the route, if it should come in")
REASON(REQUEST, "gateway", "client_unknown",
       "the route is for clients with a certificate, and this one showed none",
       "let the client show its certificate, and the site ask for one (tls.clients)")
REASON(REQUEST, "gateway", "client_unverified",
       "the route is for clients with a verified certificate, and this one's was not",
       "client_verdict of the line says what is wrong with the certificate")
REASON(REQUEST, "gateway", "credentials_missing",
       "the route's `auth` asks who sends the request, and it does not say",
       "let the client send what WWW-Authenticate asks for; auth: off in a route that is for all")
REASON(REQUEST, "gateway", "credentials_malformed",
       "what should say who sends the request cannot be read, or is there more than once",
       "let the client send it once, in the form of its RFC")
REASON(
    REQUEST, "gateway", "credentials_wrong",
    "user and password, or key, are none of those in the route's file, or a token is not what the "
    "route's issuers sign",
    "make a line for the file: tidegate passwd, tidegate key new; of a token, the line says what "
    "is "
    "wrong. Many of these: somebody guesses")
REASON(REQUEST, "gateway", "credentials_expired", "the key, or the token, has expired",
       "give its holder another one: tidegate key new; a token's issuer gives tokens")
REASON(REQUEST, "gateway", "credentials_early",
       "the token is not good yet: its issuer's clock is ahead of this machine's",
       "set the clocks (NTP); leeway of the issuer says how far they may be apart")
REASON(
    REQUEST, "gateway", "issuer_keys_missing",
    "the keys that tokens are verified with could not be fetched yet",
    "see whether keys_url of the issuer can be reached from this machine; the log says what went "
    "wrong")
REASON(
    REQUEST, "gateway", "sign_in_needed",
    "the request comes without a session: a browser that asks for a page is sent to the provider "
    "(auth.oidc), anything else gets 401",
    "nothing, where people sign in; auth: off in a route that is for all")
REASON(REQUEST, "gateway", "session_over",
       "the session of somebody who had signed in has ended: by its time, because its tokens were "
       "not refreshed, or because somebody has signed out",
       "idle and total of session say how long; a refresh token lets it go on: see scopes")
REASON(REQUEST, "gateway", "signed_in", "somebody has signed in, and is sent on",
       "nothing: it is as it should be")
REASON(REQUEST, "gateway", "signed_out", "somebody has signed out, and is sent on",
       "nothing: it is as it should be")
REASON(REQUEST, "gateway", "signed_out_elsewhere",
       "the provider says who has signed out, and that session has ended here, too",
       "nothing: it is as it should be")
REASON(
    REQUEST, "gateway", "sign_in_unknown",
    "a callback that the browser has not asked for, or too long ago, or that it repeats",
    "let people begin at a page of the site, not at a saved address; sign_in says how long it may "
    "take. Many of these: somebody sends browsers here, or cookies are blocked")
REASON(
    REQUEST, "gateway", "sign_in_repeated",
    "a callback that nobody waits for, of a browser that has signed in: it is sent to the site's "
    "first page",
    "nothing: people go back in their browser's history")
REASON(REQUEST, "gateway", "sign_in_malformed",
       "one of the paths that sign-in answers was asked for in a way that it is not for",
       "see whether the provider has the right URLs of the site")
REASON(REQUEST, "backend", "sign_in_denied", "the provider has not let somebody sign in",
       "the line says what it said; see the provider's log")
REASON(REQUEST, "backend", "sign_in_refused",
       "the provider does not take the code, or the refresh token",
       "see the provider's log: a code is good once, and for its client and redirect URI alone")
REASON(REQUEST, "backend", "sign_in_wrong",
       "what the provider says of who has signed in is not right: signature, issuer, audience, "
       "time, or nonce",
       "the line says what; where it is time, set the clocks (NTP)")
REASON(REQUEST, "gateway", "session_too_large",
       "what is to be kept of a session is larger than its cookies may be",
       "let the provider put less into ID tokens, or size of session be larger")
REASON(REQUEST, "backend", "provider_unknown",
       "what the provider says of itself (/.well-known/openid-configuration) could not be had yet",
       "see whether the issuer can be reached from this machine; the log says what went wrong")
REASON(REQUEST, "backend", "logout_wrong", "a logout token of the provider is not right",
       "the line says what; somebody else may have sent it")
REASON(REQUEST, "gateway", "auth_refused",
       "whoever decides about the route's requests (auth.forward) has not let it pass",
       "see that server's log: the client got its answer")
REASON(REQUEST, "backend", "auth_answer_wrong",
       "the answer of whoever is asked about requests (auth.forward, auth.introspection) says "
       "nothing",
       "see the path in the configuration, and that server's log")
REASON(REQUEST, "backend", "auth_unreachable",
       "whoever is asked about requests (auth.forward, auth.introspection) could not be asked",
       "see whether that server runs, and can be reached from here")
REASON(
    REQUEST, "backend", "auth_timeout",
    "whoever is asked about requests (auth.forward, auth.introspection) has not answered in time",
    "see why that server is slow; timeout of the method is how long requests wait")
REASON(REQUEST, "gateway", "auth_busy",
       "too many requests wait for whoever is asked about them (auth.forward, auth.introspection)",
       "see why that server is slow; at_once of the method is how many may wait")
REASON(REQUEST, "gateway", "passwords_busy",
       "too many passwords wait to be checked, of this address (429) or of all (503)",
       "somebody guesses, or auth.basic.remember is too short for so many users")
REASON(REQUEST, "gateway", "signatures_busy",
       "too many tokens wait for their signatures to be verified, of this address (429) or of all "
       "(503)",
       "somebody makes tokens up, or waiting of auth.jwt is too few: keys of P-256 or Ed25519 cost "
       "less")
REASON(
    REQUEST, "gateway", "access_denied",
    "a rule of `access` refuses the request, or none lets it pass; `rule` of the line says which",
    "tidegate route URL --from ADDRESS --as user=NAME says what the rules make of a request")
REASON(REQUEST, "gateway", "access_unknown",
       "the rules of `access` let some pass of whom it is known who they are, and this request "
       "does not say",
       "let the client send what WWW-Authenticate asks for")
REASON(
    REQUEST, "gateway", "rate_limited",
    "more requests of one key have come than `rates` let through; `limit` of the line says which",
    "let the client wait as Retry-After says, or raise `requests` or `burst` of the rate")
REASON(REQUEST, "gateway", "too_many_at_once",
       "more requests of one key are in hand than `at_once` of a rate lets be; `limit` says which",
       "let the client wait until some have ended, or raise `at_once` or `queue` of the rate")
REASON(REQUEST, "gateway", "banned",
       "the client is kept off for what it did before (`bans` of the file)",
       "tidegate bans shows by which rule and until when; tidegate bans --lift ADDRESS lets it in")
REASON(REQUEST, "gateway", "no_route", "no route of the site matches the path",
       "add a route that does, or a last one without match")
REASON(REQUEST, "gateway", "maintenance", "the site, or the route, says 'maintenance'",
       "remove it when the work is done; its 'except' lets some clients in before")
REASON(REQUEST, "gateway", "body_too_large", "the request's body is over the limit",
       "raise limits.body, or body_limit of the route, if clients may send so much")
REASON(REQUEST, "backend", "response_too_large", "the server's response is over the limit",
       "see why the server sends so much, or raise response_limit of the route")
REASON(REQUEST, "gateway", "compression_failed",
       "the response could not be compressed to its end, and was broken off",
       "see whether the machine is out of memory; compress: off in the route lets it pass as it is")
REASON(REQUEST, "gateway", "too_early",
       "a request that changes something came as early data, and might be a recording",
       "nothing: the client repeats it once the handshake is over (RFC 8470)")
REASON(REQUEST, "gateway", "connect_refused", "CONNECT asks for a forward proxy, which this is not",
       "take this gateway out of the client's proxy settings")
REASON(REQUEST, "gateway", "loop", "the request came through the same route of this gateway before",
       "a server of the backend leads back to this gateway: see its address, and what answers "
       "there")
REASON(REQUEST, "gateway", "bad_max_forwards",
       "Max-Forwards of OPTIONS or TRACE is not one number of digits alone",
       "let the client send one, or leave it out (RFC 9110 section 7.6.2)")
REASON(REQUEST, "gateway", "upgrade_not_here",
       "the route has no server that could speak another protocol",
       "let the route forward to a backend, if clients may switch protocols here")
REASON(REQUEST, "gateway", "upgrade_not_allowed",
       "the route does not let clients switch to this protocol",
       "name the protocol in upgrade of the route")
REASON(REQUEST, "gateway", "destination_refused",
       "Destination of COPY or MOVE is a path that no route lets this client reach",
       "let a route match that path too, on the same backend, if it should be reachable")
REASON(REQUEST, "gateway", "upgrade_dropped",
       "the client offered to switch to a protocol that the route does not allow; the request was "
       "served without",
       "name the protocol in upgrade of the route, if it should pass")
REASON(REQUEST, "gateway", "head_too_large_for_server",
       "the request's head is longer than the server says it takes "
       "(SETTINGS_MAX_HEADER_LIST_SIZE)",
       "send fewer or shorter fields (cookies), or raise the server's limit")
REASON(REQUEST, "gateway", "upgrade_needs_h1",
       "the server does not announce extended CONNECT (RFC 8441), and Upgrade is of HTTP/1.1",
       "say 'protocol: auto' or 'protocol: h1' in the backend")
REASON(REQUEST, "gateway", "bad_websocket_key",
       "the request for WebSocket has no Sec-WebSocket-Key of 16 bytes in Base64 (RFC 6455 section "
       "4.1)",
       "see what the client sends")
REASON(REQUEST, "gateway", "bad_grpc_web",
       "the body of a gRPC-Web request in its text form is no Base64",
       "see what the client sends as application/grpc-web-text")
REASON(REQUEST, "gateway", "no_host",
       "there is no Host field, to redirect to https with, or to ask a server for in TLS",
       "let the client send Host, as HTTP/1.1 requires")
REASON(
    REQUEST, "gateway", "no_file", "the route's folder has no such file",
    "see that the file is there: a route's files are looked for under its folder by the request's "
    "whole path, the part that the route matches included")
REASON(REQUEST, "gateway", "unknown_method",
       "the method is in no registry, and files know GET and HEAD alone",
       "let the client use GET or HEAD, or the route forward to a server that knows the method")
REASON(REQUEST, "gateway", "only_if_cached",
       "the client wants what is stored alone (Cache-Control: only-if-cached), and nothing is",
       "nothing: the client asked for it")
REASON(REQUEST, "backend", "stale_for_error",
       "the server answered with an error; what was stored was given in its place",
       "see the server's log; stale_if_error of the route's cache, or of the response, allows it")
REASON(REQUEST, "gateway", "precondition_failed",
       "the file is not the one that If-Match or If-Unmodified-Since asks for",
       "nothing: the client has an older version, and now knows")
REASON(REQUEST, "gateway", "range_not_satisfiable",
       "the request asks for a part of the file that is not there",
       "nothing: Content-Range of the answer tells the client how long the file is")
REASON(REQUEST, "gateway", "file_unreadable", "the file is there and may not be read",
       "let the gateway's user read it (user: in the configuration; nobody by default)")
REASON(REQUEST, "gateway", "file_cut_short", "the file became shorter while it was sent",
       "replace files by renaming new ones over them, not by writing into them")
REASON(REQUEST, "gateway", "too_much_waits",
       "too many of the connection's requests wait for servers",
       "see why the backend is slow, or raise limits.streams")
REASON(REQUEST, "gateway", "head_timeout", "the request's head did not come whole in time",
       "the client or the network between is slow, or stopped; timeouts.head sets the limit")
REASON(REQUEST, "gateway", "body_timeout", "the request's body stopped coming",
       "the client or the network between is slow, or stopped; timeouts.body sets the limit")
REASON(REQUEST, "gateway", "body_too_slow", "the request's body came too slowly",
       "the client or the network between is slow; limits.body_rate sets the limit")
REASON(REQUEST, "gateway", "body_total_timeout", "the request's body took too long as a whole",
       "the client or the network between is slow; timeouts.body_total sets the limit")
REASON(REQUEST, "gateway", "body_unread",
       "the answer needs nothing of the request's body, whose rest was not read",
       "nothing: the answer was sent, and a long body behind it is not worth its way")

/* ---- clients that leave ---- */
REASON(CLIENT, "gateway", "client_too_slow", "the client took its response too slowly",
       "the client or the network between is slow; limits.send_rate sets the limit")
REASON(CLIENT, "client", "client_closed", "the client closed the connection before its answer",
       "a user who goes on to another page does this; if it is often, look for slow answers")
REASON(CLIENT, "client", "client_closed_in_head",
       "the client closed the connection in the middle of a request's head",
       "see the client's own log")
REASON(CLIENT, "client", "client_closed_in_body",
       "the client closed the connection in the middle of a request's body",
       "see the client's own log; a broken network does this, too")
REASON(CLIENT, "client", "client_reset", "the client broke the connection, or reset its request",
       "a user who goes on to another page does this; if it is often, look for slow answers")
REASON(CLIENT, "gateway", "client_stalled",
       "the client read nothing of what was sent to it for too long",
       "the client or the network between is slow, or stopped; timeouts.send sets the limit")
REASON(CLIENT, "gateway", "response_head_above_client",
       "the response's head or trailers are larger than the client says it takes "
       "(SETTINGS_MAX_HEADER_LIST_SIZE)",
       "raise the client's limit, or see why the server sends so much")
REASON(CLIENT, "gateway", "client_window_shut",
       "the client keeps windows of streams shut while what waits for them fills a limit",
       "the client asks for more than it reads; limits.held and limits.held_worker set the limits")
REASON(CLIENT, "gateway", "out_of_memory", "there is no memory for what the two sides send",
       "give the gateway more memory, or lower limits.held_worker, limits.streams and "
       "limits.connections")
REASON(CLIENT, "gateway", "connection_ended",
       "the HTTP/2 connection that carried the request has ended",
       "see the line of the connection itself, which says why")
REASON(CLIENT, "gateway", "cut_off", "the gateway ended, and the request was not over by then",
       "raise timeouts.drain if requests may take longer than that")
REASON(CLIENT, "gateway", "idle_without_request", "the client connected and sent nothing",
       "browsers do this, and port scans; timeouts.first_byte sets the limit")
REASON(CLIENT, "gateway", "postgres_without_tls",
       "the client began a PostgreSQL session without TLS",
       "let it ask for TLS: sslmode=require, or better verify-full")
REASON(CLIENT, "gateway", "postgres_cancel_without_tls",
       "a request to cancel a query came without TLS, and does not say for which server it is",
       "cancel with pg_cancel_backend(), or with a client that encrypts such requests, as those of "
       "PostgreSQL 17 can")
REASON(CLIENT, "gateway", "postgres_malformed",
       "the client's first message is none of PostgreSQL's, or came twice",
       "see what connects there, and its version")
REASON(CLIENT, "gateway", "postgres_bytes_too_early",
       "the client sent bytes behind its request for encryption before it was answered",
       "the client is broken, or something between puts bytes of its own in front of its TLS")
REASON(
    CLIENT, "gateway", "proxy_header_missing",
    "a connection to a listener with `tcp` did not begin with a PROXY header, which its peer is to "
    "send",
    "let the proxy in front send the header, or take its address out of proxy_protocol_from of "
    "the listener")
REASON(CLIENT, "gateway", "bad_proxy_header", "the PROXY protocol header is malformed",
       "see the settings of the load balancer in front: version 1 or 2 of the protocol")
REASON(CLIENT, "gateway", "untrusted_proxy_header",
       "a PROXY protocol header came from an address that may not send one",
       "add the address to trusted_proxies, if it is your load balancer's")
REASON(CLIENT, "gateway", "too_many_handshakes",
       "the client's address has more TLS handshakes in a second than it may "
       "(limits.handshakes_per_second)",
       "raise the limit, or name the address in limits.reserved_for, if it is known")
REASON(CLIENT, "gateway", "client_refused",
       "the client was in hand when the gateway died, twice within a minute: it is refused for ten",
       "tidegate status shows what it asked for: see who it is, and report the error that it found")
REASON(CLIENT, "gateway", "h2_protocol_error", "the client broke a rule of HTTP/2",
       "the client, or something between, is broken: detail says which rule")
REASON(CLIENT, "gateway", "h2_flood",
       "the client sent more than the HTTP/2 library takes: entries of one SETTINGS frame, or "
       "questions whose answers it does not read",
       "an attack, or a broken client")

/* ---- of servers ---- */
REASON(SERVER, "backend", "server_closed_in_body",
       "the server answered, and closed before it had read all of the request's body",
       "see the server's log, and its limit for bodies")
REASON(SERVER, "backend", "body_unneeded",
       "the server answered, and said that it needs no more of the request's body (RST_STREAM with "
       "NO_ERROR, RFC 9113 section 8.1)",
       "nothing: the answer was sent")
REASON(SERVER, "backend", "stream_idle_timeout", "the server stopped in the middle of its response",
       "see why the server stopped; timeouts.stream_idle sets the limit")
REASON(SERVER, "backend", "server_stopped_reading",
       "the server answered, and then took no more of the request's body",
       "see the server's log; response_timeout of the backend sets the limit")
REASON(SERVER, "gateway", "queue_full",
       "all servers of the backend are full, and so is the line in front of them",
       "add servers, or raise max_requests of the servers or size of queue of the backend")
REASON(SERVER, "gateway", "queue_timeout",
       "all servers of the backend were full for as long as a request may wait",
       "add servers, or raise max_requests of the servers or timeout of queue of the backend")
REASON(SERVER, "gateway", "shed",
       "the backend has as many requests as it can take, and there is no room, or no time, to wait",
       "add servers; see concurrency and queue of the backend, and priority of the route, by which "
       "others went first")
REASON(SERVER, "gateway", "no_server",
       "no server of the backend has a known address and is enabled",
       "see that the names in servers can be resolved on this machine, and tidegate status for "
       "servers that were drained or disabled")
REASON(SERVER, "backend", "server_closed", "the server closed the connection before it answered",
       "see the server's log; its limit for idle connections may be below idle_timeout of the "
       "backend")
REASON(SERVER, "backend", "sent_again",
       "the answer's status is one for which another server is asked, which could not be done",
       "see the server's log; retries of the route says for which")
REASON(SERVER, "backend", "fcgi_version", "the server does not speak FastCGI",
       "see what listens at the server's address: php-fpm, or another FastCGI server")
REASON(SERVER, "backend", "fcgi_type", "the server sent a FastCGI record that belongs to no answer",
       "see what listens at the server's address")
REASON(SERVER, "backend", "fcgi_request_id",
       "the server sent a FastCGI record of a request that nobody made",
       "see what listens at the server's address")
REASON(SERVER, "backend", "fcgi_end", "the server's FastCGI record of the request's end is broken",
       "see what listens at the server's address")
REASON(SERVER, "backend", "fcgi_after_end", "the server sent more behind the end of its answer",
       "see what listens at the server's address")
REASON(SERVER, "backend", "fcgi_empty", "the server sent one empty FastCGI record after another",
       "see what listens at the server's address")
REASON(SERVER, "backend", "fcgi_role", "the server takes no requests (FCGI_UNKNOWN_ROLE)",
       "see whether it is a FastCGI responder")
REASON(SERVER, "backend", "fcgi_unasked", "the FastCGI server spoke before it was asked",
       "see what listens at the server's address")
REASON(SERVER, "backend", "server_overloaded", "the server said that it is overloaded",
       "give it more processes, or less to do")
REASON(SERVER, "backend", "cgi_no_answer", "the script ended without an answer",
       "see the server's log, and what the script prints")
REASON(SERVER, "backend", "cgi_empty_head",
       "the script's answer has no fields (RFC 3875 section 6.2)",
       "see what the script prints first")
REASON(SERVER, "backend", "cgi_head_too_large",
       "the fields of the script's answer are longer than limits.response_head",
       "raise limits.response_head")
REASON(SERVER, "backend", "cgi_status",
       "the script says no Status from 200 to 599, or says Status or Location twice",
       "see the script")
REASON(SERVER, "backend", "cgi_transfer_encoding",
       "the script says Transfer-Encoding, which is the gateway's to choose", "see the script")
REASON(SERVER, "backend", "cgi_status_line",
       "the script's answer begins with a status line of HTTP in place of Status",
       "with PHP, set cgi.rfc2616_headers to 0")
REASON(
    CLIENT, "gateway", "length_required",
    "the request does not say how long its body is, and that is longer than what is kept to find "
    "out for a script",
    "let the client send Content-Length, or raise body_buffer of the backend")
REASON(SERVER, "gateway", "outrun",
       "of two servers that were asked at once (hedge of retries) the other one answered sooner",
       "nothing: see why the server is slow, if it is the same one again and again")
REASON(SERVER, "backend", "server_reset", "the server broke the connection", "see the server's log")
REASON(SERVER, "backend", "response_cut_short", "the server ended in the middle of its response",
       "see the server's log")
REASON(SERVER, "gateway", "request_timeout",
       "the request was not answered whole in the time that it has",
       "see why the server is slow; timeouts.request sets the limit, or the client of a gRPC call "
       "(grpc-timeout)")
REASON(SERVER, "gateway", "response_timeout", "the server did not answer in time",
       "see why the server is slow, or raise response_timeout of the backend")
REASON(SERVER, "gateway", "unasked_upgrade",
       "the server switches to a protocol that it was not asked for",
       "see the server's settings: it answers 101 to what was no such request")
REASON(SERVER, "gateway", "too_many_interim", "the server sends interim responses without end",
       "see the server's log, and its version")
REASON(SERVER, "gateway", "upgrade_declined", "the server does not switch to WebSocket",
       "see that this path of the server is a WebSocket one")
REASON(SERVER, "gateway", "bad_websocket_accept",
       "the server's Sec-WebSocket-Accept does not belong to the request's key",
       "what answers there is no WebSocket server, or a cache stands between")
REASON(SERVER, "gateway", "no_h2", "the server does not speak HTTP/2",
       "say 'protocol: auto' or 'protocol: h1' in the backend, or turn HTTP/2 on in the server")
REASON(SERVER, "gateway", "no_h2_settings",
       "the server did not begin HTTP/2 with its SETTINGS in time",
       "see that the server speaks HTTP/2 there; 'protocol: h1' in the backend does without")
REASON(SERVER, "gateway", "no_h2_streams", "the server lets no HTTP/2 stream be opened",
       "see the server's limit of concurrent streams")
REASON(SERVER, "gateway", "server_lost",
       "the server's host acknowledges nothing any more on a connection that stood",
       "see whether the server, or the network to it, has stopped; ack_timeout of the backend says "
       "how long that is waited for")
REASON(SERVER, "gateway", "server_silent",
       "the server answers nothing any more on its HTTP/2 connection, PINGs included",
       "see whether the server, or the network to it, has stopped")
REASON(SERVER, "gateway", "h2_connection_error", "the server broke a rule of HTTP/2",
       "the server is broken: see its log, and its version")
REASON(SERVER, "backend", "postgres_no_tls",
       "the server answered the request for TLS (SSLRequest) with no",
       "turn TLS on in the server: ssl = on in postgresql.conf, with a certificate and its key")
REASON(SERVER, "backend", "postgres_error",
       "the server answered the request for TLS (SSLRequest) with an error", "see the server's log")
REASON(SERVER, "gateway", "postgres_bad_answer",
       "what the server answered to the request for TLS (SSLRequest) is not PostgreSQL's",
       "see that the backend's address and port are those of a PostgreSQL server")
REASON(SERVER, "backend", "stream_refused", "the server refused the HTTP/2 stream",
       "see the server's limits of requests, streams and connections")
REASON(SERVER, "backend", "server_enhance_your_calm",
       "the server finds that too much is asked of it (ENHANCE_YOUR_CALM)",
       "see the server's limits of requests, streams and resets")
REASON(SERVER, "backend", "stream_reset", "the server reset the HTTP/2 stream",
       "see the server's log")
REASON(SERVER, "gateway", "stream_not_opened",
       "no HTTP/2 stream could be opened on the server's connection",
       "see the server's limit of concurrent streams")

/* ---- of tunnels: passthrough, WebSocket and other upgrades ---- */
REASON(TUNNEL, "gateway", "tunnel_idle_timeout", "nothing went either way for too long",
       "let the two sides send something now and then (pings), or raise timeouts.tunnel_idle")
REASON(TUNNEL, "gateway", "server_down",
       "the server went down by its checks, and health_check.close_on_down ends what is relayed to "
       "it",
       "tidegate status shows what its checks have found; the client can connect anew")
REASON(TUNNEL, "gateway", "tunnel_total_timeout", "the tunnel was open for as long as one may be",
       "raise timeouts.tunnel_total, or leave it out")
