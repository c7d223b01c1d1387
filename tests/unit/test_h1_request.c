#include "h1_test.h"

#define T(text) SPAN(text)
#define GET "GET / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"
#define END "\r\n"
/* A good request with one more field line. */
#define WITH(line) T(GET HOST line "\r\n" END)
#define POST_WITH(lines) T("POST / HTTP/1.1\r\n" HOST lines END)
#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN

static const struct h1_case lines[] = {
    /* RFC 9112 section 3: request-line = method SP request-target SP HTTP-version */
    {"the least request", T(GET HOST END), "GET origin / a:0 1.1 none keep", 0},
    {"an empty line before it", T("\r\n" GET HOST END), "GET origin / a:0 1.1 none keep", 0},
    {"two empty lines before it", T("\r\n\r\n" GET HOST END), "!request_line", 0},
    {"an empty line alone", T("\r\n\r\n"), "!request_line", 0},
    {"a bare LF before it", T("\n" GET HOST END), "!line_end", 0},
    {"bytes behind the head are not its", T(GET HOST END "GET /2"),
     "GET origin / a:0 1.1 none keep", 0},
    {"a method we do not know", T("BREW /pot HTTP/1.1\r\n" HOST END),
     "BREW origin /pot a:0 1.1 none keep", 0},
    {"a method of odd tchars", T("M-SEARCH!#$%&'*+.^_`|~1 / HTTP/1.1\r\n" HOST END),
     "M-SEARCH!#$%&'*+.^_`|~1 origin / a:0 1.1 none keep", 0},
    {"methods know their case", T("get / HTTP/1.1\r\n" HOST END), "get origin / a:0 1.1 none keep",
     0},
    {"a method of 64 bytes", T(FIFTY TEN "abcd / HTTP/1.1\r\n" HOST END),
     FIFTY TEN "abcd origin / a:0 1.1 none keep", 0},
    {"a method of 65 bytes", T(FIFTY TEN "abcde / HTTP/1.1\r\n" HOST END), "!method", 0},
    {"no method", T(" / HTTP/1.1\r\n" HOST END), "!request_line", 0},
    {"a space first", T(" GET / HTTP/1.1\r\n" HOST END), "!request_line", 0},
    {"a method with a colon", T("GE:T / HTTP/1.1\r\n" HOST END), "!method", 0},
    {"a method with a slash", T("G/T / HTTP/1.1\r\n" HOST END), "!method", 0},
    {"a method with obs-text", T("G\xc3\x89T / HTTP/1.1\r\n" HOST END), "!method", 0},
    {"a method with a control byte", T("G\x01T / HTTP/1.1\r\n" HOST END), "!method", 0},
    {"a NUL in the method", T("G\0T / HTTP/1.1\r\n" HOST END), "!request_line", 0},
    {"a tab behind the method", T("GET\t/ HTTP/1.1\r\n" HOST END), "!method", 0},
    {"two spaces behind the method", T("GET  / HTTP/1.1\r\n" HOST END), "!request_line", 0},
    {"two spaces behind the target", T("GET /  HTTP/1.1\r\n" HOST END), "!request_line", 0},
    {"a tab behind the target", T("GET /\tHTTP/1.1\r\n" HOST END), "!target", 0},
    {"a method alone", T("GET\r\n" HOST END), "!request_line", 0},
    {"a method and a space alone", T("GET \r\n" HOST END), "!request_line", 0},
    {"a bare CR in the line", T("GET /\r HTTP/1.1\r\n" HOST END), "!line_end", 0},
    {"a bare CR in the method", T("GE\rT / HTTP/1.1\r\n" HOST END), "!line_end", 0},
    {"a bare CR behind the version", T("GET / HTTP/1.1\rX: y\r\n" HOST END), "!line_end", 0},
    {"a bare LF behind the line", T("GET / HTTP/1.1\n" HOST END), "!line_end", 0},
    {"CR CR LF behind the line", T("GET / HTTP/1.1\r\r\n" HOST END), "!line_end", 0},

    /* RFC 9112 section 2.3: HTTP-version = HTTP-name "/" DIGIT "." DIGIT, case-sensitive */
    {"HTTP/0.9", T("GET /\r\n\r\n"), "!request_line", 0},
    {"HTTP/0.9 by name", T("GET / HTTP/0.9\r\n" HOST END), "!unsupported_version", 0},
    {"HTTP/1.0", T("GET / HTTP/1.0\r\n" HOST END), "GET origin / a:0 1.0 none close", 0},
    /* RFC 9110 section 2.5: as the highest minor version that is known. */
    {"HTTP/1.2", T("GET / HTTP/1.2\r\n" HOST END), "GET origin / a:0 1.1 none keep", 0},
    {"HTTP/1.9", T("GET / HTTP/1.9\r\n" HOST END), "GET origin / a:0 1.1 none keep", 0},
    {"HTTP/1.2 needs Host too", T("GET / HTTP/1.2\r\n" END), "!no_host", 0},
    {"HTTP/3.7", T("GET / HTTP/3.7\r\n" HOST END), "!unsupported_version", 0},
    {"HTTP/2.0", T("GET / HTTP/2.0\r\n" HOST END), "!unsupported_version", 0},
    {"the preface of HTTP/2", T("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "!unsupported_version", 0},
    {"HTTP/2", T("GET / HTTP/2\r\n" HOST END), "!version", 0},
    {"HTTP/11.1", T("GET / HTTP/11.1\r\n" HOST END), "!version", 0},
    {"HTTP/1.10", T("GET / HTTP/1.10\r\n" HOST END), "!version", 0},
    {"HTTP/1,1", T("GET / HTTP/1,1\r\n" HOST END), "!version", 0},
    {"HTTP/+1.1", T("GET / HTTP/+1.1\r\n" HOST END), "!version", 0},
    {"HTTP/1.1 and a space", T("GET / HTTP/1.1 \r\n" HOST END), "!version", 0},
    {"http/1.1", T("GET / http/1.1\r\n" HOST END), "!request_line", 0},
    {"HTTPS/1.1", T("GET / HTTPS/1.1\r\n" HOST END), "!request_line", 0},
    {"a fourth part", T("GET / HTTP/1.1 x\r\n" HOST END), "!version", 0},
    {"a space in the target", T("GET /a b HTTP/1.1\r\n" HOST END), "!request_line", 0},
};

static const struct h1_case targets[] = {
    /* RFC 9112 section 3.2.1: origin-form */
    {"a path and a query", T("GET /a/b?c=d HTTP/1.1\r\n" HOST END),
     "GET origin /a/b?c=d a:0 1.1 none keep", 0},
    {"an empty query is a query", T("GET /a? HTTP/1.1\r\n" HOST END),
     "GET origin /a? a:0 1.1 none keep", 0},
    {"a second question mark is the query's", T("GET /a?b?c HTTP/1.1\r\n" HOST END),
     "GET origin /a?b?c a:0 1.1 none keep", 0},
    {"two slashes first", T("GET //b/c HTTP/1.1\r\n" HOST END),
     "GET origin //b/c a:0 1.1 none keep", 0},
    {"dots stay", T("GET /a/../b HTTP/1.1\r\n" HOST END), "GET origin /a/../b a:0 1.1 none keep",
     0},
    {"every byte of pchar", T("GET /aZ09-._~!$&'()*+,;=:@%41 HTTP/1.1\r\n" HOST END),
     "GET origin /aZ09-._~!$&'()*+,;=:@%41 a:0 1.1 none keep", 0},
    {"brackets, as browsers send them", T("GET /[id]?a[]=1 HTTP/1.1\r\n" HOST END),
     "GET origin /[id]?a[]=1 a:0 1.1 none keep", 0},
    {"in a query what browsers send", T("GET /?q=\"^`{|} HTTP/1.1\r\n" HOST END),
     "GET origin /?q=\"^`{|} a:0 1.1 none keep", 0},
    {"a quote in the path", T("GET /\"a HTTP/1.1\r\n" HOST END),
     "GET origin /\"a a:0 1.1 none keep", 0},
    {"a caret in the path", T("GET /a^b HTTP/1.1\r\n" HOST END),
     "GET origin /a^b a:0 1.1 none keep", 0},
    {"a backtick in the path", T("GET /`id` HTTP/1.1\r\n" HOST END),
     "GET origin /`id` a:0 1.1 none keep", 0},
    {"a brace in the path", T("GET /{a} HTTP/1.1\r\n" HOST END),
     "GET origin /{a} a:0 1.1 none keep", 0},
    {"a bar in the path", T("GET /a|b HTTP/1.1\r\n" HOST END), "GET origin /a|b a:0 1.1 none keep",
     0},
    {"a backslash in the path", T("GET /a\\b HTTP/1.1\r\n" HOST END),
     "GET origin /a\\b a:0 1.1 none keep", 0},
    {"a backslash in the query", T("GET /?a\\b HTTP/1.1\r\n" HOST END),
     "GET origin /?a\\b a:0 1.1 none keep", 0},
    {"an angle bracket in the path", T("GET /<a HTTP/1.1\r\n" HOST END),
     "GET origin /<a a:0 1.1 none keep", 0},
    {"an angle bracket in the query", T("GET /?a>b HTTP/1.1\r\n" HOST END),
     "GET origin /?a>b a:0 1.1 none keep", 0},
    {"a fragment", T("GET /a#b HTTP/1.1\r\n" HOST END), "!target", 0},
    {"a fragment behind the query", T("GET /?a#b HTTP/1.1\r\n" HOST END), "!target", 0},
    {"UTF-8 in the path", T("GET /\xc3\xa9 HTTP/1.1\r\n" HOST END),
     "GET origin /\xc3\xa9 a:0 1.1 none keep", 0},
    {"UTF-8 in the query", T("GET /?\xc3\xa9 HTTP/1.1\r\n" HOST END),
     "GET origin /?\xc3\xa9 a:0 1.1 none keep", 0},
    {"a control byte in the path", T("GET /\x7f HTTP/1.1\r\n" HOST END), "!target", 0},
    {"a NUL in the path", T("GET /\0 HTTP/1.1\r\n" HOST END), "!request_line", 0},
    {"a percent sign alone", T("GET /100% HTTP/1.1\r\n" HOST END),
     "GET origin /100% a:0 1.1 none keep", 0},
    {"one hex digit", T("GET /%4 HTTP/1.1\r\n" HOST END), "GET origin /%4 a:0 1.1 none keep", 0},
    {"no hex digits", T("GET /%zz HTTP/1.1\r\n" HOST END), "GET origin /%zz a:0 1.1 none keep", 0},
    {"no hex digits in the query", T("GET /?a=%u0041 HTTP/1.1\r\n" HOST END),
     "GET origin /?a=%u0041 a:0 1.1 none keep", 0},
    {"a triplet cut by the question mark", T("GET /%4?1 HTTP/1.1\r\n" HOST END),
     "GET origin /%4?1 a:0 1.1 none keep", 0},
    {"%00 in the path", T("GET /a%00.png HTTP/1.1\r\n" HOST END),
     "GET origin /a%00.png a:0 1.1 none keep", 0},
    {"%00 in the query", T("GET /?a=%00 HTTP/1.1\r\n" HOST END),
     "GET origin /?a=%00 a:0 1.1 none keep", 0},
    {"%0a, as what else a path holds, is the route's affair", T("GET /a%0A HTTP/1.1\r\n" HOST END),
     "GET origin /a%0A a:0 1.1 none keep", 0},
    {"a target without a slash", T("GET index.html HTTP/1.1\r\n" HOST END), "!target", 0},
    {"a query alone", T("GET ?a HTTP/1.1\r\n" HOST END), "!target", 0},
    {"a target of the limit", T("GET /" FIFTY TEN "abc HTTP/1.1\r\n" HOST END),
     "GET origin /" FIFTY TEN "abc a:0 1.1 none keep", 0},
    {"a target over the limit", T("GET /" FIFTY TEN "abcd HTTP/1.1\r\n" HOST END),
     "!target_too_long", 0},
    {"a line that can only be over the limit", T("GET /" FIFTY FIFTY FIFTY FIFTY),
     "!target_too_long", 0},

    /* RFC 9112 section 3.2.2: absolute-form */
    {"absolute form", T("GET http://a/b?c HTTP/1.1\r\n" HOST END),
     "GET absolute /b?c a:0 1.1 none keep", 0},
    {"absolute form of https", T("GET HTTPS://a:444/b HTTP/1.1\r\nHost: A:444\r\n" END),
     "GET absolute /b a:444 1.1 none keep", 0},
    {"absolute form without a path", T("GET http://a HTTP/1.1\r\n" HOST END),
     "GET absolute / a:0 1.1 none keep", 0},
    {"absolute form with a query and no path", T("GET http://a?b HTTP/1.1\r\n" HOST END),
     "GET absolute /?b a:0 1.1 none keep", 0},
    {"OPTIONS of a whole server", T("OPTIONS http://a HTTP/1.1\r\n" HOST END),
     "OPTIONS absolute * a:0 1.1 none keep", 0},
    {"OPTIONS of a server's root", T("OPTIONS http://a/ HTTP/1.1\r\n" HOST END),
     "OPTIONS absolute / a:0 1.1 none keep", 0},
    {"absolute form lowers its host",
     T("GET http://ShOp.Example/ HTTP/1.1\r\nHost: sHoP.eXample\r\n" END),
     "GET absolute / shop.example:0 1.1 none keep", 0},
    {"Host may name the default port", T("GET http://a/ HTTP/1.1\r\nHost: a:80\r\n" END),
     "GET absolute / a:0 1.1 none keep", 0},
    {"the target may name the default port", T("GET https://a:443/ HTTP/1.1\r\n" HOST END),
     "GET absolute / a:443 1.1 none keep", 0},
    {"the other scheme's port is not its own", T("GET https://a/ HTTP/1.1\r\nHost: a:80\r\n" END),
     "!host_conflict", 0},
    {"Host of another name", T("GET http://b/ HTTP/1.1\r\n" HOST END), "!host_conflict", 0},
    {"Host of another port", T("GET http://a:81/ HTTP/1.1\r\n" HOST END), "!host_conflict", 0},
    {"absolute form still needs Host", T("GET http://a/ HTTP/1.1\r\n" END), "!no_host", 0},
    {"absolute form in HTTP/1.0", T("GET http://a/ HTTP/1.0\r\n" END),
     "GET absolute / a:0 1.0 none close", 0},
    {"HTTP/1.0 with another Host", T("GET http://a/ HTTP/1.0\r\nHost: b\r\n" END), "!host_conflict",
     0},
    {"userinfo", T("GET http://u:p@a/ HTTP/1.1\r\n" HOST END), "!host", 0},
    {"no authority", T("GET http:/// HTTP/1.1\r\n" HOST END), "!host", 0},
    {"an empty port in the target", T("GET http://a:/ HTTP/1.1\r\n" HOST END),
     "GET absolute / a:0 1.1 none keep", 0},
    {"an empty port in both", T("GET http://a:/ HTTP/1.1\r\nHost: a:\r\n" END),
     "GET absolute / a:0 1.1 none keep", 0},
    {"an empty port is the scheme's", T("GET http://a:80/ HTTP/1.1\r\nHost: a:\r\n" END),
     "GET absolute / a:80 1.1 none keep", 0},
    {"ftp", T("GET ftp://a/ HTTP/1.1\r\n" HOST END), "!target", 0},
    {"a scheme and one slash", T("GET http:/a HTTP/1.1\r\n" HOST END), "!target", 0},
    {"a scheme alone", T("GET http: HTTP/1.1\r\n" HOST END), "!target", 0},
    {"an odd byte in an absolute path", T("GET http://a/{ HTTP/1.1\r\n" HOST END),
     "GET absolute /{ a:0 1.1 none keep", 0},

    /* RFC 9112 section 3.2.3 and 3.2.4: authority-form, asterisk-form */
    {"CONNECT", T("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n" END),
     "CONNECT authority  a:443 1.1 none keep", 0},
    {"CONNECT without a port", T("CONNECT a HTTP/1.1\r\n" HOST END), "!target", 0},
    {"CONNECT with a path", T("CONNECT /a HTTP/1.1\r\n" HOST END), "!target", 0},
    {"CONNECT with a URI", T("CONNECT http://a:80/ HTTP/1.1\r\n" HOST END), "!target", 0},
    {"CONNECT with an asterisk", T("CONNECT * HTTP/1.1\r\n" HOST END), "!target", 0},
    {"CONNECT and another Host", T("CONNECT a:443 HTTP/1.1\r\nHost: b:443\r\n" END),
     "!host_conflict", 0},
    {"CONNECT and a Host without the port", T("CONNECT a:443 HTTP/1.1\r\n" HOST END),
     "!host_conflict", 0},
    {"CONNECT with userinfo", T("CONNECT u@a:443 HTTP/1.1\r\n" HOST END), "!host", 0},
    {"authority form of GET", T("GET a:443 HTTP/1.1\r\n" HOST END), "!target", 0},
    {"an asterisk of OPTIONS", T("OPTIONS * HTTP/1.1\r\n" HOST END),
     "OPTIONS asterisk * a:0 1.1 none keep", 0},
    {"an asterisk of GET", T("GET * HTTP/1.1\r\n" HOST END), "!target", 0},
    {"an asterisk and more", T("OPTIONS *a HTTP/1.1\r\n" HOST END), "!target", 0},
};

static const struct h1_case hosts[] = {
    /* RFC 9112 section 3.2 */
    {"no Host", T(GET END), "!no_host", 0},
    {"no Host in HTTP/1.0", T("GET / HTTP/1.0\r\n" END), "GET origin / -:0 1.0 none close", 0},
    {"two Hosts", T(GET HOST "Host: b\r\n" END), "!many_hosts", 0},
    {"the same Host twice", T(GET HOST HOST END), "!many_hosts", 0},
    {"two Hosts in HTTP/1.0", T("GET / HTTP/1.0\r\n" HOST "hOST: b\r\n" END), "!many_hosts", 0},
    {"an empty Host", T(GET "Host:\r\n" END), "!host", 0},
    {"an empty Host in HTTP/1.0", T("GET / HTTP/1.0\r\nHost: \r\n" END), "!host", 0},
    {"a port", T(GET "Host: a:8080\r\n" END), "GET origin / a:8080 1.1 none keep", 0},
    {"capitals", T(GET "HOST: Shop.EXAMPLE.com\r\n" END),
     "GET origin / shop.example.com:0 1.1 none keep", 0},
    {"an IPv4 address", T(GET "Host: 127.0.0.1:80\r\n" END),
     "GET origin / 127.0.0.1:80 1.1 none keep", 0},
    {"an IPv6 address", T(GET "Host: [2001:DB8::1]:443\r\n" END),
     "GET origin / [2001:db8::1]:443 1.1 none keep", 0},
    {"an IPv6 address without brackets", T(GET "Host: ::1\r\n" END), "!host", 0},
    {"an open bracket", T(GET "Host: [::1\r\n" END), "!host", 0},
    {"text behind the bracket", T(GET "Host: [::1]a\r\n" END), "!host", 0},
    {"no address in the brackets", T(GET "Host: [a]\r\n" END), "!host", 0},
    {"nothing in the brackets", T(GET "Host: []\r\n" END), "!host", 0},
    {"an IPv6 zone", T(GET "Host: [fe80::1%25eth0]\r\n" END), "!host", 0},
    {"IPvFuture", T(GET "Host: [v1.a]\r\n" END), "!host", 0},
    {"an empty port", T(GET "Host: a:\r\n" END), "GET origin / a:0 1.1 none keep", 0},
    {"port 0", T(GET "Host: a:0\r\n" END), "!host", 0},
    {"port 65535", T(GET "Host: a:65535\r\n" END), "GET origin / a:65535 1.1 none keep", 0},
    {"port 65536", T(GET "Host: a:65536\r\n" END), "!host", 0},
    {"a port of six digits", T(GET "Host: a:000080\r\n" END), "!host", 0},
    {"a port with a sign", T(GET "Host: a:+80\r\n" END), "!host", 0},
    {"a port of letters", T(GET "Host: a:http\r\n" END), "!host", 0},
    {"two ports", T(GET "Host: a:80:80\r\n" END), "!host", 0},
    {"a port alone", T(GET "Host: :80\r\n" END), "!host", 0},
    {"userinfo in Host", T(GET "Host: u@a\r\n" END), "!host", 0},
    {"a path in Host", T(GET "Host: a/b\r\n" END), "!host", 0},
    {"a query in Host", T(GET "Host: a?b\r\n" END), "!host", 0},
    {"a URI in Host", T(GET "Host: http://a\r\n" END), "!host", 0},
    {"a backslash in Host", T(GET "Host: a\\b\r\n" END), "!host", 0},
    {"a space in Host", T(GET "Host: a b\r\n" END), "!host", 0},
    {"a tab in Host", T(GET "Host: a\tb\r\n" END), "!host", 0},
    {"a list in Host", T(GET "Host: a,b\r\n" END), "!host", 0},
    {"a quote in Host", T(GET "Host: \"a\"\r\n" END), "!host", 0},
    {"a percent triplet in Host", T(GET "Host: %61\r\n" END), "!host", 0},
    {"UTF-8 in Host", T(GET "Host: \xc3\xa9\r\n" END), "!host", 0},
    {"an underscore in Host", T(GET "Host: a_b\r\n" END), "GET origin / a_b:0 1.1 none keep", 0},
    {"space around Host", T(GET "Host: \t a \t \r\n" END), "GET origin / a:0 1.1 none keep", 0},
};

static const struct h1_case field_lines[] = {
    /* RFC 9112 section 5: field-line = field-name ":" OWS field-value OWS */
    {"fields in order, their case kept", WITH("x-B: 1\r\nX-a: 2"),
     "GET origin / a:0 1.1 none keep | Host=a x-B=1 X-a=2", 0},
    {"no space behind the colon", WITH("X:1"), "GET origin / a:0 1.1 none keep | Host=a X=1", 0},
    {"white space around the value", WITH("X: \t 1 2\t3 \t"),
     "GET origin / a:0 1.1 none keep | Host=a X=1 2\t3", 0},
    {"an empty value", WITH("X:"), "GET origin / a:0 1.1 none keep | Host=a X=", 0},
    {"a value of white space", WITH("X: \t "), "GET origin / a:0 1.1 none keep | Host=a X=", 0},
    {"a colon in the value", WITH("X: a:b"), "GET origin / a:0 1.1 none keep | Host=a X=a:b", 0},
    {"obs-text in the value", WITH("X: \xff\x80\xc3\xa9"),
     "GET origin / a:0 1.1 none keep | Host=a X=\xff\x80\xc3\xa9", 0},
    {"the same name twice", WITH("X: 1\r\nX: 2"), "GET origin / a:0 1.1 none keep | Host=a X=1 X=2",
     0},
    {"a long value with a tab far in", WITH("X: 0123456789abcdef\t0123456789"),
     "GET origin / a:0 1.1 none keep | Host=a X=0123456789abcdef\t0123456789", 0},
    {"a space before the colon", WITH("X : 1"), "!field_name", 0},
    {"a tab before the colon", WITH("X\t: 1"), "!field_name", 0},
    {"a space before Content-Length's colon", WITH("Content-Length : 5"), "!field_name", 0},
    {"no colon", WITH("X"), "!field_name", 0},
    {"no name", WITH(": 1"), "!field_name", 0},
    {"a space in the name", WITH("X Y: 1"), "!field_name", 0},
    {"a bracket in the name", WITH("X[1]: 1"), "!field_name", 0},
    {"obs-text in the name", WITH("X\xc3\xa9: 1"), "!field_name", 0},
    {"a control byte in the name", WITH("X\x01: 1"), "!field_name", 0},
    {"DEL in the name", WITH("X\x7f: 1"), "!field_name", 0},
    {"a NUL in the name", WITH("X\0: 1"), "!field_value", 0},
    {"a NUL in the value", WITH("X: a\0b"), "!field_value", 0},
    {"a control byte in the value", WITH("X: a\x01"), "!field_value", 0},
    {"a control byte far in",
     WITH("X: 0123456789abcdef\x1f"
          "0123456789"),
     "!field_value", 0},
    {"DEL in the value", WITH("X: a\x7f"), "!field_value", 0},
    {"DEL far in",
     WITH("X: 0123456789abcdef012\x7f"
          "3456789"),
     "!field_value", 0},
    {"an escape in the value", WITH("X: \x1b[2J"), "!field_value", 0},
    {"a bare CR in the value", WITH("X: a\rb"), "!line_end", 0},
    {"a bare CR first in the value", WITH("X:\rb"), "!line_end", 0},
    {"a bare CR behind the name", WITH("X\r: a"), "!line_end", 0},
    {"a bare CR for a name", WITH("\rX: a"), "!line_end", 0},
    {"CR CR LF", WITH("X: a\r"), "!line_end", 0},
    {"a bare LF in the value", WITH("X: a\nb"), "!line_end", 0},
    {"a bare LF behind a line", T(GET HOST "X: a\n" END), "!line_end", 0},
    {"a bare LF for the end", T(GET HOST "\n"), "!line_end", 0},
    {"two bare LFs for the end", T(GET "Host: a\n\n"), "!line_end", 0},
    {"LF CR for the end", T(GET "Host: a\r\n\n\r\n"), "!line_end", 0},
    /* RFC 9112 section 5.2: obs-fold; section 2.2: white space before the first field line */
    {"a folded line", WITH("X: a\r\n b"), "!folding", 0},
    {"a line folded by a tab", WITH("X: a\r\n\tb"), "!folding", 0},
    {"a folded line of nothing", WITH("X: a\r\n "), "!folding", 0},
    {"white space before the first field", T(GET " Host: a\r\n" END), "!folding", 0},
    {"a folded Host", T(GET "Host:\r\n a\r\n" END), "!folding", 0},
    {"as many fields as there may be",
     T(GET HOST "1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n9:\r\n10:\r\n11:\r\n" END),
     "GET origin / a:0 1.1 none keep", 0},
    {"one field more",
     T(GET HOST "1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n9:\r\n10:\r\n11:\r\n12:\r\n" END),
     "!too_many_fields", 0},
};

static const struct h1_case framings[] = {
    /* RFC 9112 section 6.3 */
    {"a length", POST_WITH("Content-Length: 5\r\n"), "POST origin / a:0 1.1 length keep cl=5", 0},
    {"a length of 0", POST_WITH("Content-Length: 0\r\n"), "POST origin / a:0 1.1 none keep cl=0",
     0},
    {"a length with zeros", POST_WITH("Content-Length: 0005\r\n"),
     "POST origin / a:0 1.1 length keep cl=5", 0},
    {"a length of a GET", WITH("content-length: 7"), "GET origin / a:0 1.1 length keep cl=7", 0},
    {"a length in HTTP/1.0", T("POST / HTTP/1.0\r\nContent-Length: 5\r\n" END),
     "POST origin / -:0 1.0 length close cl=5", 0},
    {"the largest length", POST_WITH("Content-Length: 9223372036854775807\r\n"),
     "POST origin / a:0 1.1 length keep cl=9223372036854775807", 0},
    {"a length of 64 bits", POST_WITH("Content-Length: 9223372036854775808\r\n"), "!content_length",
     0},
    {"a length over 64 bits", POST_WITH("Content-Length: 18446744073709551621\r\n"),
     "!content_length", 0},
    {"a length of 20 digits", POST_WITH("Content-Length: 00000000000000000005\r\n"),
     "!content_length", 0},
    {"an empty length", POST_WITH("Content-Length:\r\n"), "!content_length", 0},
    {"a negative length", POST_WITH("Content-Length: -1\r\n"), "!content_length", 0},
    {"a length with a plus", POST_WITH("Content-Length: +5\r\n"), "!content_length", 0},
    {"a hexadecimal length", POST_WITH("Content-Length: 0x5\r\n"), "!content_length", 0},
    {"a length with a fraction", POST_WITH("Content-Length: 5.0\r\n"), "!content_length", 0},
    {"a length with an exponent", POST_WITH("Content-Length: 1e1\r\n"), "!content_length", 0},
    {"a length with a space", POST_WITH("Content-Length: 5 5\r\n"), "!content_length", 0},
    {"a length with an underscore", POST_WITH("Content-Length: 1_0\r\n"), "!content_length", 0},
    {"a quoted length", POST_WITH("Content-Length: \"5\"\r\n"), "!content_length", 0},
    {"a length with obs-text", POST_WITH("Content-Length: 5\xa0\r\n"), "!content_length", 0},
    {"two lengths", POST_WITH("Content-Length: 5\r\nContent-Length: 6\r\n"), "!conflicting_length",
     0},
    {"two equal lengths", POST_WITH("Content-Length: 5\r\ncontent-length: 5\r\n"),
     "!conflicting_length", 0},
    {"a list of lengths", POST_WITH("Content-Length: 5, 6\r\n"), "!conflicting_length", 0},
    {"a list of equal lengths", POST_WITH("Content-Length: 5,5\r\n"), "!conflicting_length", 0},
    {"a length and a comma", POST_WITH("Content-Length: 5,\r\n"), "!conflicting_length", 0},
    {"chunked", POST_WITH("Transfer-Encoding: chunked\r\n"),
     "POST origin / a:0 1.1 chunked keep | Host=a -Transfer-Encoding=chunked", 0},
    {"chunked in capitals", POST_WITH("transfer-encoding: Chunked\r\n"),
     "POST origin / a:0 1.1 chunked keep", 0},
    /* RFC 9112 section 6.1 */
    {"a length and a coding", POST_WITH("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
     "!length_and_coding", 0},
    {"a coding and a length", POST_WITH("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
     "!length_and_coding", 0},
    {"a length of 0 and a coding", POST_WITH("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"),
     "!length_and_coding", 0},
    {"a length and an unknown coding", POST_WITH("Content-Length: 5\r\nTransfer-Encoding: x\r\n"),
     "!length_and_coding", 0},
    {"a coding in HTTP/1.0", T("POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n" END),
     "!transfer_encoding", 0},
    {"identity", POST_WITH("Transfer-Encoding: identity\r\n"), "!transfer_encoding", 0},
    /* Not known here, but its end could be told: 501. */
    {"gzip and chunked", POST_WITH("Transfer-Encoding: gzip, chunked\r\n"), "!unknown_coding", 0},
    {"gzip with a parameter and chunked",
     POST_WITH("Transfer-Encoding: gzip;level=9 , CHUNKED\r\n"), "!unknown_coding", 0},
    {"identity and chunked", POST_WITH("Transfer-Encoding: identity, chunked\r\n"),
     "!unknown_coding", 0},
    {"three codings and chunked", POST_WITH("Transfer-Encoding: a, b, c, chunked\r\n"),
     "!unknown_coding", 0},
    /* Its end could not: 400 (RFC 9112 section 6.3). */
    {"gzip alone", POST_WITH("Transfer-Encoding: gzip\r\n"), "!transfer_encoding", 0},
    {"chunked and gzip", POST_WITH("Transfer-Encoding: chunked, gzip\r\n"), "!transfer_encoding",
     0},
    {"chunked, gzip and chunked", POST_WITH("Transfer-Encoding: chunked, gzip, chunked\r\n"),
     "!transfer_encoding", 0},
    {"a coding that is no token and chunked", POST_WITH("Transfer-Encoding: a b, chunked\r\n"),
     "!transfer_encoding", 0},
    {"gzip, nothing and chunked", POST_WITH("Transfer-Encoding: gzip,,chunked\r\n"),
     "!transfer_encoding", 0},
    {"chunked and identity", POST_WITH("Transfer-Encoding: chunked, identity\r\n"),
     "!transfer_encoding", 0},
    {"chunked twice", POST_WITH("Transfer-Encoding: chunked, chunked\r\n"), "!transfer_encoding",
     0},
    {"chunked twice in two lines",
     POST_WITH("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
     "!transfer_encoding", 0},
    {"gzip and chunked in two lines",
     POST_WITH("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"), "!unknown_coding", 0},
    {"chunked and gzip in two lines",
     POST_WITH("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n"), "!transfer_encoding",
     0},
    {"xchunked", POST_WITH("Transfer-Encoding: xchunked\r\n"), "!transfer_encoding", 0},
    {"chunkedx", POST_WITH("Transfer-Encoding: chunkedx\r\n"), "!transfer_encoding", 0},
    {"an empty coding", POST_WITH("Transfer-Encoding:\r\n"), "!transfer_encoding", 0},
    {"a comma and chunked", POST_WITH("Transfer-Encoding: ,chunked\r\n"), "!transfer_encoding", 0},
    {"chunked and a comma", POST_WITH("Transfer-Encoding: chunked,\r\n"), "!transfer_encoding", 0},
    {"quoted chunked", POST_WITH("Transfer-Encoding: \"chunked\"\r\n"), "!transfer_encoding", 0},
    {"chunked with a parameter", POST_WITH("Transfer-Encoding: chunked;q=1\r\n"),
     "!transfer_encoding", 0},
    {"chunked behind a vertical tab",
     POST_WITH("Transfer-Encoding: \x0b"
               "chunked\r\n"),
     "!field_value", 0},
    {"chunked behind a no-break space",
     POST_WITH("Transfer-Encoding: \xa0"
               "chunked\r\n"),
     "!transfer_encoding", 0},
    {"a name with an underscore is another", POST_WITH("Transfer_Encoding: gzip\r\n"),
     "POST origin / a:0 1.1 none keep | Host=a Transfer_Encoding=gzip", 0},
};

static const struct h1_case connections[] = {
    /* RFC 9112 section 9.3 */
    {"close", WITH("Connection: close"),
     "GET origin / a:0 1.1 none close | Host=a -Connection=close", 0},
    {"Close", WITH("Connection: Close"), "GET origin / a:0 1.1 none close", 0},
    {"close wins", WITH("Connection: keep-alive, close"), "GET origin / a:0 1.1 none close", 0},
    {"close in a second line", WITH("Connection: keep-alive\r\nConnection: close"),
     "GET origin / a:0 1.1 none close", 0},
    {"keep-alive in HTTP/1.0", T("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n" END),
     "GET origin / -:0 1.0 none keep", 0},
    {"close in HTTP/1.0", T("GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n" END),
     "GET origin / -:0 1.0 none close", 0},
    {"Proxy-Connection means nothing", T("GET / HTTP/1.0\r\nProxy-Connection: keep-alive\r\n" END),
     "GET origin / -:0 1.0 none close | -Proxy-Connection=keep-alive", 0},
    /* RFC 9110 section 7.6.1 */
    {"a field that Connection names", WITH("X: 1\r\nConnection: x, y\r\nY: 2\r\nZ: 3"),
     "GET origin / a:0 1.1 none keep | Host=a -X=1 -Connection=x, y -Y=2 Z=3", 0},
    {"each line of it", WITH("X: 1\r\nX: 2\r\nConnection: x"),
     "GET origin / a:0 1.1 none keep | Host=a -X=1 -X=2 -Connection=x", 0},
    {"a field of ours that Connection names", WITH("Connection: referer\r\nReferer: b"),
     "GET origin / a:0 1.1 none keep | Host=a -Connection=referer -Referer=b", 0},
    {"what belongs to one hop",
     WITH("Keep-Alive: timeout=5\r\nTE: trailers\r\nProxy-Authorization: x\r\n"
          "Proxy-Authenticate: y\r\nUpgrade: z\r\nHTTP2-Settings: AA\r\nTrailer: t"),
     "GET origin / a:0 1.1 none keep | Host=a -Keep-Alive=timeout=5 -TE=trailers "
     "-Proxy-Authorization=x -Proxy-Authenticate=y -Upgrade=z -HTTP2-Settings=AA Trailer=t",
     0},
    {"empty elements", WITH("Connection: , ,close,,"), "GET origin / a:0 1.1 none close", 0},
    {"an empty Connection", WITH("Connection:"), "GET origin / a:0 1.1 none keep", 0},
    {"an option that is no token", WITH("Connection: a b"), "!connection", 0},
    {"a quoted option", WITH("Connection: \"close\""), "!connection", 0},
    {"32 options",
     WITH("Connection: a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a"),
     "GET origin / a:0 1.1 none keep", 0},
    {"33 options",
     WITH("Connection: a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a"),
     "!connection", 0},
    {"Connection names Host", WITH("Connection: host"), "!connection", 0},
    {"Connection names Content-Length", WITH("Connection: close, Content-Length"), "!connection",
     0},
    {"Connection names Transfer-Encoding", WITH("Connection: transfer-encoding"), "!connection", 0},
    {"Connection names Forwarded", WITH("Connection: Forwarded"), "!connection", 0},
    {"Connection names X-Forwarded-For", WITH("Connection: X-Forwarded-For"), "!connection", 0},
    {"Connection names X-Forwarded-Proto", WITH("Connection: X-Forwarded-Proto"), "!connection", 0},
    {"Connection names X-Forwarded-Host", WITH("Connection: X-Forwarded-Host"), "!connection", 0},
    {"Connection names X-Forwarded-Port", WITH("Connection: X-Forwarded-Port"), "!connection", 0},
    {"Connection names X-Real-IP", WITH("Connection: X-Real-IP"), "!connection", 0},
    {"Connection names Via", WITH("Connection: Via"), "!connection", 0},
    {"Connection names Client-Cert", WITH("Connection: Client-Cert"), "!connection", 0},
    {"Connection names Client-Cert-Chain", WITH("Connection: Client-Cert-Chain"), "!connection", 0},
    {"Connection names Authorization", WITH("Connection: Authorization"), "!connection", 0},
    {"Connection names Cookie", WITH("Connection: Cookie"), "!connection", 0},
    {"Connection names Content-Type", WITH("Connection: Content-Type"), "!connection", 0},
    /* RFC 9110 section 7.8 */
    {"an upgrade", WITH("Connection: Upgrade\r\nUpgrade: websocket"),
     "GET origin / a:0 1.1 none keep upgrade=websocket | Host=a -Connection=Upgrade "
     "-Upgrade=websocket",
     0},
    {"an upgrade among options", WITH("Upgrade: h2c, foo/1.1\r\nConnection: keep-alive, upgrade"),
     "GET origin / a:0 1.1 none keep upgrade=h2c, foo/1.1", 0},
    {"an upgrade that Connection does not name", WITH("Upgrade: websocket"),
     "GET origin / a:0 1.1 none keep | Host=a -Upgrade=websocket", 0},
    {"the option without the field", WITH("Connection: upgrade"), "GET origin / a:0 1.1 none keep",
     0},
    {"an upgrade in HTTP/1.0",
     T("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n" END),
     "GET origin / -:0 1.0 none close | -Connection=upgrade -Upgrade=websocket", 0},
    {"an empty upgrade", WITH("Connection: upgrade\r\nUpgrade:"), "!upgrade", 0},
    {"an upgrade that is no token", WITH("Connection: upgrade\r\nUpgrade: a b"), "!upgrade", 0},
    {"an upgrade with an empty version", WITH("Connection: upgrade\r\nUpgrade: a/"), "!upgrade", 0},
    {"an upgrade with two versions", WITH("Connection: upgrade\r\nUpgrade: a/1/2"), "!upgrade", 0},
    {"upgrades in lines", WITH("Connection: upgrade\r\nUpgrade: a\r\nUpgrade:\r\nUpgrade: b/1"),
     "GET origin / a:0 1.1 none keep upgrade=a, b/1", 0},
    {"upgrades with nothing between", WITH("Connection: upgrade\r\nUpgrade: ,,a, ,b,"),
     "GET origin / a:0 1.1 none keep upgrade=,,a, ,b,", 0},
    {"nothing but commas", WITH("Connection: upgrade\r\nUpgrade: , ,\r\nUpgrade:"), "!upgrade", 0},
    {"a bad one in the second line", WITH("Connection: upgrade\r\nUpgrade: a\r\nUpgrade: b c"),
     "!upgrade", 0},
    /* RFC 9110 section 10.1.1 */
    {"100-continue", POST_WITH("Content-Length: 5\r\nExpect: 100-continue\r\n"),
     "POST origin / a:0 1.1 length keep cl=5 continue", 0},
    {"100-Continue", POST_WITH("Transfer-Encoding: chunked\r\nExpect: 100-Continue\r\n"),
     "POST origin / a:0 1.1 chunked keep continue", 0},
    {"100-continue without a body", WITH("Expect: 100-continue"), "GET origin / a:0 1.1 none keep",
     0},
    {"another expectation", WITH("Expect: 200-ok"), "!expect", 0},
    {"an empty expectation", WITH("Expect:"), "!expect", 0},
    {"100-continue and more", WITH("Expect: 100-continue, x"), "!expect", 0},
    {"100-continue twice", WITH("Expect: 100-continue\r\nExpect: 100-continue"), "!expect", 0},
    {"an expectation in HTTP/1.0", T("GET / HTTP/1.0\r\nExpect: x\r\n" END),
     "GET origin / -:0 1.0 none close | -Expect=x", 0},
};

static void describe(struct strbuf *b, const struct http_request *r, bool with_fields)
{
    static const char *const forms[] = {"origin", "absolute", "asterisk", "authority"};

    strbuf_printf(b, "%.*s %s %.*s%s%.*s %.*s:%u %s %s %s", SPAN_ARG(r->method_name),
                  forms[r->target_form], SPAN_ARG(r->path), r->query.ptr != NULL ? "?" : "",
                  SPAN_ARG(r->query), r->host.ptr != NULL ? (int)r->host.len : 1,
                  r->host.ptr != NULL ? r->host.ptr : "-", r->port,
                  r->version == HTTP_1_0 ? "1.0" : "1.1", framing_name(r->framing),
                  r->keep_alive ? "keep" : "close");
    if (r->has_content_length) {
        strbuf_printf(b, " cl=%llu", (unsigned long long)r->content_length);
    }
    if (r->expects_continue) {
        strbuf_add_cstr(b, " continue");
    }
    if (r->upgrade.ptr != NULL) {
        strbuf_printf(b, " upgrade=%.*s", SPAN_ARG(r->upgrade));
    }
    if (with_fields) {
        describe_fields(b, &r->fields);
    }
}

static void parse_exact(struct span head, const struct h1_case *c, struct strbuf *b)
{
    char *copy = exact_copy(head);
    struct arena arena;
    struct http_request request;
    enum h1_error error;

    arena_init(&arena, 4096);
    error = h1_parse_request(span_make(copy, head.len), &test_limits, &arena, &request);
    if (error != H1_OK) {
        strbuf_printf(b, "!%s", h1_error_word(error));
    } else {
        describe(b, &request, strstr(c->expect, " | ") != NULL);
    }
    arena_destroy(&arena);
    free(copy);
}

static void check_case(void **state)
{
    const struct h1_case *c = *state;
    struct head_found found = find_head_both_ways(c->text, true);
    struct strbuf b;

    strbuf_init(&b);
    assert_int_not_equal(found.result, H1_HEAD_MORE);
    if (found.result == H1_HEAD_BAD) {
        strbuf_printf(&b, "!%s", h1_error_word(found.error));
    } else {
        parse_exact(span_make(c->text.ptr + found.start, found.len), c, &b);
    }
    if (found.early != H1_OK) {
        assert_string_equal(h1_error_word(found.early), b.ptr + 1);
    }
    expect_text(&b, c);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(lines) + ARRAY_LEN(targets) + ARRAY_LEN(hosts) +
                            ARRAY_LEN(field_lines) + ARRAY_LEN(framings) + ARRAY_LEN(connections)];
    struct CMUnitTest *at = tests;

    h1_add_cases(at, lines, ARRAY_LEN(lines), check_case);
    at += ARRAY_LEN(lines);
    h1_add_cases(at, targets, ARRAY_LEN(targets), check_case);
    at += ARRAY_LEN(targets);
    h1_add_cases(at, hosts, ARRAY_LEN(hosts), check_case);
    at += ARRAY_LEN(hosts);
    h1_add_cases(at, field_lines, ARRAY_LEN(field_lines), check_case);
    at += ARRAY_LEN(field_lines);
    h1_add_cases(at, framings, ARRAY_LEN(framings), check_case);
    at += ARRAY_LEN(framings);
    h1_add_cases(at, connections, ARRAY_LEN(connections), check_case);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
