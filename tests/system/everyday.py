"""What everyday clients and servers put into everyday fields: one value each, of those seen most.

Fields that frame a message (Content-Length, Transfer-Encoding, Host) are not among them: their
prefixes are other messages, and have tests of their own."""

REQUEST = [
    ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
    ("Accept-Charset", "utf-8, iso-8859-1;q=0.5"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Accept-Language", "en-GB,en;q=0.9,de;q=0.8"),
    ("Access-Control-Request-Headers", "content-type,x-csrf"),
    ("Access-Control-Request-Method", "DELETE"),
    ("Authorization", "Basic dXNlcjpwYXNzd29yZA=="),
    ("Cache-Control", "no-cache, max-age=0"),
    ("Content-Disposition", 'form-data; name="file"; filename="a b.txt"'),
    ("Content-Encoding", "gzip"),
    ("Content-Language", "de, en"),
    ("Content-Location", "/a/b.html"),
    ("Content-MD5", "Q2hlY2sgSW50ZWdyaXR5IQ=="),
    ("Content-Range", "bytes 0-499/1234"),
    ("Content-Type", "multipart/form-data; boundary=----a1b2"),
    ("Cookie", "session=abc123; theme=dark; a="),
    ("DNT", "1"),
    ("Date", "Thu, 26 Nov 2026 19:34:44 GMT"),
    ("Depth", "infinity"),
    ("Destination", "https://shop.example/b%20c"),
    ("Early-Data", "1"),
    ("Forwarded", 'for="[2001:db8::7]:4711";proto=https;by=_x'),
    ("From", "someone@shop.example"),
    ("If", "(<urn:uuid:181d4fae> [\"etag\"])"),
    ("If-Match", '"xyzzy", W/"r2d2", *'),
    ("If-Modified-Since", "Sat, 29 Oct 1994 19:43:31 GMT"),
    ("If-None-Match", 'W/"67ab43", "54ed21"'),
    ("If-Range", '"67ab43"'),
    ("If-Unmodified-Since", "Saturday, 29-Oct-94 19:43:31 GMT"),
    ("Keep-Alive", "timeout=5, max=1000"),
    ("Lock-Token", "<opaquelocktoken:a515cfa4>"),
    ("Max-Forwards", "10"),
    ("Origin", "https://shop.example:8443"),
    ("Overwrite", "T"),
    ("Pragma", "no-cache"),
    ("Prefer", "return=minimal; foo=\"bar\", wait=10"),
    ("Priority", "u=3, i"),
    ("Proxy-Connection", "keep-alive"),
    ("Range", "bytes=0-499, -500, 9500-"),
    ("Referer", "https://shop.example/a?b=c"),
    ("SOAPAction", '"urn:a#b"'),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Version", "13"),
    ("TE", "trailers, deflate;q=0.5"),
    ("Timeout", "Infinite, Second-4100000000"),
    ("Trailer", "X-Sum, Expires"),
    ("Upgrade-Insecure-Requests", "1"),
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0)"),
    ("Via", "1.1 a.example (squid), 2 b:80"),
    ("Warning", '199 a "b" "Thu, 26 Nov 2026 19:34:44 GMT"'),
    ("X-Correlation-ID", "f058ebd6-02f7-4d3f-942e-904344e8cde5"),
    ("X-Forwarded-For", "203.0.113.7, [2001:db8::7]:80"),
    ("X-Forwarded-Host", "shop.example:8443"),
    ("X-Forwarded-Port", "8443"),
    ("X-Forwarded-Proto", "https"),
    ("X-Real-IP", "203.0.113.7"),
    ("X-Request-Id", "f058ebd602f74d3f942e904344e8cde5"),
    ("X-Requested-With", "XMLHttpRequest"),
    ("grpc-timeout", "100m"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
]
CONTENT_TYPES = [
    "application/grpc", "application/grpc+proto", "application/grpc-web+proto", "application/json",
    "application/octet-stream", "application/pdf", "application/soap+xml; charset=utf-8",
    "application/x-www-form-urlencoded", "application/xml", "application/zip", "audio/mpeg",
    "font/woff2", "image/png", "image/svg+xml", "text/css", "text/event-stream",
    "text/html; charset=utf-8", "text/plain", "text/xml", "video/mp4",
]
# Connection-specific ones: over HTTP/2 they make a message malformed (RFC 9113 section 8.2.2).
HOP_BY_HOP = [
    ("Connection", "keep-alive, X-Hop, upgrade"),
    ("Expect", "100-continue"),
    ("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA"),
    ("Upgrade", "websocket, h2c"),
]
RESPONSE = [
    ("Accept-Ranges", "bytes"),
    ("Access-Control-Allow-Origin", "https://shop.example"),
    ("Age", "12"),
    ("Allow", "GET, HEAD, OPTIONS"),
    ("Alt-Svc", 'h3=":443"; ma=2592000, h2="b:1"'),
    ("Cache-Control", "public, max-age=31536000, immutable"),
    ("Clear-Site-Data", '"cache", "cookies"'),
    ("Content-Disposition", "attachment; filename*=UTF-8''a%20b"),
    ("Content-Encoding", "gzip"),
    ("Content-Language", "en"),
    ("Content-Location", "/a"),
    ("Content-Range", "bytes 0-4/5"),
    ("Content-Security-Policy", "default-src 'self'; img-src *"),
    ("Content-Type", "application/grpc+proto"),
    ("DAV", "1, 2, <http://apache.org/dav/propset/fs/1>"),
    ("Date", "Thu, 26 Nov 2026 19:34:44 GMT"),
    ("ETag", 'W/"33a64df551425fcc55e"'),
    ("Expires", "Thu, 01 Jan 1970 00:00:00 GMT"),
    ("Keep-Alive", "timeout=5, max=100"),
    ("Last-Modified", "Sat, 29 Oct 1994 19:43:31 GMT"),
    ("Link", "</a.css>; rel=preload; as=style"),
    ("Location", "https://shop.example:8443/a?b=c#d"),
    ("P3P", 'CP="NOI"'),
    ("Pragma", "no-cache"),
    ("Proxy-Authenticate", 'Basic realm="a"'),
    ("Refresh", "5; url=/a"),
    ("Retry-After", "120"),
    ("Server", "nginx/1.22.1 (Debian)"),
    ("Server-Timing", 'db;dur=53, app;desc="x"'),
    ("Set-Cookie", "id=a3fWa; Expires=Thu, 26 Nov 2026 19:34:44 GMT; Secure; HttpOnly"),
    ("Strict-Transport-Security", "max-age=63072000; includeSubDomains; preload"),
    ("Trailer", "X-Sum"),
    ("Vary", "Accept-Encoding, Origin"),
    ("Via", "1.1 varnish"),
    ("WWW-Authenticate", 'Digest realm="a", nonce="b", qop="auth"'),
    ("X-Accel-Buffering", "no"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "SAMEORIGIN"),
    ("grpc-status", "14"),
    ("grpc-message", "not%20found"),
]


def prefixes(value):
    """Every beginning of it, the empty one and the whole included."""
    return [value[:n] for n in range(len(value) + 1)]


def cases(fields):
    """(name, value) for every prefix of every value, and every prefix of each Content-Type."""
    for name, value in fields:
        for part in prefixes(value):
            yield name, part
    for name, _ in fields:
        if name == "Content-Type":
            for kind in CONTENT_TYPES:
                for part in prefixes(kind):
                    yield name, part
