#include "config/text_rules.h"

#include <arpa/inet.h>

#include "base/key_uri.h"
#include "base/url.h"
#include "config/address.h"
#include "settings/token_files.h"

static bool is_alnum(char c)
{
    return ascii_is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

/* The first byte that is neither a letter, a digit nor in `set`; s.len when all are. */
static size_t find_stranger(struct span s, const char *set)
{
    size_t at = 0;

    while (at < s.len && (is_alnum(s.ptr[at]) || is_one_of(s.ptr[at], set))) {
        at++;
    }
    return at;
}

static size_t find_control(struct span s)
{
    size_t at = 0;

    while (at < s.len && (unsigned char)s.ptr[at] >= 0x20 && s.ptr[at] != 0x7F) {
        at++;
    }
    return at;
}

bool rule_name(struct span text, struct complaint *complaint)
{
    if (text.len == 0 || find_stranger(text, "._-*") < text.len) {
        complain(complaint, "%s cannot be a name", quote(text).text);
        return complain_hint(complaint, "use letters, digits, '.', '_' and '-'");
    }
    return true;
}

static bool is_hex(char c)
{
    return ascii_is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f');
}

/* Requests with a broken percent triplet are refused before they are routed. */
static bool has_bad_percent(struct span path)
{
    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] == '%' &&
            (path.len - i < 3 || !is_hex(path.ptr[i + 1]) || !is_hex(path.ptr[i + 2]))) {
            return true;
        }
    }
    return false;
}

/* What paths that are compared never have: edge/path.h takes it out. */
static bool has_odd_segment(struct span path)
{
    struct span rest = span_skip(path, 1);
    struct span segment;

    while (span_split(&rest, '/', &segment)) {
        bool is_last = rest.ptr == NULL;
        if ((segment.len == 0 && !is_last) || span_eq(segment, SPAN_OF(".")) ||
            span_eq(segment, SPAN_OF(".."))) {
            return true;
        }
    }
    return false;
}

/* Where a pattern begins that is more than a path: of a regular expression, or a parameter in
 * braces. Brackets, dots and '$' may be in paths, so they count in company alone; `is_marked`: the
 * whole is known to be an expression. */
static size_t find_expression(struct span text, bool is_marked)
{
    for (size_t i = 0; i < text.len; i++) {
        bool is_last = i + 1 == text.len;
        char c = text.ptr[i];
        char next = is_last ? '\0' : text.ptr[i + 1];

        if (is_one_of(c, "^\\|{") || (c == '(' && is_one_of(next, "?.[(\\^:")) ||
            (c == ')' && is_one_of(next, "?*+$")) || (c == '[' && next == '^') ||
            (is_marked && (is_one_of(c, "([+?*") || (c == '$' && is_last) ||
                           (c == '.' && is_one_of(next, "*+"))))) {
            return i;
        }
    }
    return text.len;
}

/* "^/api/(.*)$", "~* ^/api", "/users/{id}": what other gateways match by. */
static bool refuse_expression(struct span text, struct complaint *complaint)
{
    struct span rest = text;

    while (rest.len != 0 && is_one_of(rest.ptr[0], "~*^= ")) {
        rest = span_skip(rest, 1);
    }
    bool is_expression = rest.len != text.len && rest.len != 0 && rest.ptr[0] == '/';
    size_t end = find_expression(rest, is_expression);
    bool is_exact = text.ptr != NULL && span_find(text, '=') == 0;

    if (!is_expression && (end == rest.len || rest.ptr[0] != '/')) {
        return true;
    }
    is_exact = is_exact || (end < rest.len && rest.ptr[end] == '$' && end + 1 == rest.len);
    complain(complaint, "path %s is an expression, and routes match plain paths", quote(text).text);
    return complain_hint(complaint,
                         !is_exact
                             ? "write path: \"%.*s*\" for all that begins so, or give the "
                               "expression as 'regex'"
                             : "write path: \"%.*s\"; with a '*' at the end it would be all that "
                               "begins so",
                         SPAN_ARG(span_head(rest, end)));
}

bool rule_path_pattern(struct span text, struct complaint *complaint)
{
    bool is_suffix = text.len > 1 && text.ptr[0] == '*';
    size_t bad = 0;

    if (!is_suffix && !refuse_expression(text, complaint)) {
        return false;
    }

    if (is_suffix) {
        text = span_skip(text, 1);
    }
    if (!is_suffix && (text.len == 0 || text.ptr[0] != '/')) {
        complain(complaint, "path %s does not begin with '/'", quote(text).text);
        return complain_hint(complaint,
                             text.len != 0 && text.ptr[0] != '*' ? "write \"/%.*s\""
                                                                 : "write \"/*\" for every path",
                             SPAN_ARG(text));
    }
    if (span_find(text, '*') + (is_suffix ? 0 : 1) < text.len) {
        complain(complaint, "path %s has '*' before its end", quote(text).text);
        return complain_hint(complaint, "'*' stands for the rest of the path, so it can only be "
                                        "last, /v1/*, or first, \"*.php\"; for more there is "
                                        "'regex'");
    }
    while (bad < text.len && text.ptr[bad] > 0x20 && text.ptr[bad] < 0x7F &&
           !is_one_of(text.ptr[bad], "?#\\\"<>{}|^`")) {
        bad++;
    }
    if (bad < text.len) {
        complain(complaint, "path %s has a character that no path has", quote(text).text);
        return complain_hint(complaint, is_one_of(text.ptr[bad], "?#")
                                            ? "routes match the path alone, without '?' and '#'"
                                            : "write it percent-encoded, as it is in a URL");
    }
    if (has_bad_percent(text)) {
        complain(complaint, "path %s has a '%%' without two hexadecimal digits behind it",
                 quote(text).text);
        return complain_hint(complaint, "write %%25 for the '%%' itself");
    }
    if (text.ptr[0] == '/' && has_odd_segment(text)) {
        complain(complaint, "path %s would match nothing", quote(text).text);
        return complain_hint(complaint, "'//', '/./' and '/../' are resolved before a path is "
                                        "compared: write the path that they lead to");
    }
    return true;
}

/* RFC 9110 section 5.6.2. */
static bool is_token(struct span text)
{
    return text.len != 0 && find_stranger(text, "!#$%&'*+-.^_`|~") == text.len;
}

static bool has_lower(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] >= 'a' && text.ptr[i] <= 'z') {
            return true;
        }
    }
    return false;
}

static bool is_known_method(struct span text)
{
    static const char *const known[] = {"get",     "head",  "post",  "put",    "delete",
                                        "options", "patch", "trace", "connect"};

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (span_ieq(text, span_from_cstr(known[i]))) {
            return true;
        }
    }
    return false;
}

bool rule_method(struct span text, struct complaint *complaint)
{
    if (!is_token(text)) {
        complain(complaint, "%s is not a method", quote(text).text);
        return complain_hint(complaint, "for example methods: [GET, POST]");
    }
    if (is_known_method(text) && has_lower(text)) {
        complain(complaint, "method %s is not in capitals", quote(text).text);
        return complain_hint(complaint, "methods are compared with regard to case; write it in "
                                        "capitals");
    }
    if (span_eq_cstr(text, "CONNECT")) {
        complain(complaint, "method CONNECT cannot be routed");
        return complain_hint(complaint, "it asks for a tunnel to anywhere, which is a forward "
                                        "proxy's job; for TLS use passthrough");
    }
    return true;
}

bool rule_field_name(struct span text, struct complaint *complaint)
{
    if (!is_token(text)) {
        complain(complaint, "%s is no name of a field", quote(text).text);
        return complain_hint(complaint, "for example header: X-User");
    }
    return true;
}

bool rule_cookie_name(struct span text, struct complaint *complaint)
{
    if (!is_token(text)) {
        complain(complaint, "%s is no name of a cookie", quote(text).text);
        return complain_hint(complaint, "for example cookie: session");
    }
    return true;
}

bool rule_realm(struct span text, struct complaint *complaint)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x20 || c > 0x7e || c == '"' || c == '\\') {
            complain(complaint, "%s has a letter that no realm may have", quote(text).text);
            return complain_hint(complaint, "letters, digits, blanks and signs of ASCII, but no "
                                            "quotation mark and no backslash");
        }
    }
    return true;
}

bool rule_query_name(struct span text, struct complaint *complaint)
{
    for (size_t i = 0; i < text.len; i++) {
        if (is_one_of(text.ptr[i], "&=# ") || (unsigned char)text.ptr[i] < 0x20) {
            complain(complaint, "%s is no name of a parameter", quote(text).text);
            return complain_hint(complaint, "for example query: user, for /?user=7");
        }
    }
    return true;
}

bool rule_protocol(struct span text, struct complaint *complaint)
{
    struct span rest = text;
    struct span name = {NULL, 0};
    struct span version = SPAN("1");

    (void)span_split(&rest, '/', &name);
    if (rest.ptr != NULL) {
        version = rest;
    }
    if (!is_token(name) || !is_token(version)) {
        complain(complaint, "%s is not a protocol name", quote(text).text);
        return complain_hint(complaint, "for example upgrade: [websocket]");
    }
    if (span_ieq(name, SPAN_OF("h2c")) || span_ieq(name, SPAN_OF("tls")) ||
        span_ieq(name, SPAN_OF("http"))) {
        complain(complaint, "upgrade to %s cannot be passed on", quote(text).text);
        return complain_hint(complaint, "requests inside such a tunnel would bypass the routes");
    }
    return true;
}

/* RFC 7301 section 3.1. */
#define ALPN_BYTES_MAX 255

/* Names are compared byte by byte, so another spelling is never offered. */
bool rule_split_path(struct span text, struct complaint *complaint)
{
    if (span_find(text, '/') != text.len || text.len < 2) {
        complain(complaint, "%s is not the end of a file's name", quote(text).text);
        return complain_hint(complaint, "for example split_path: .php");
    }
    return true;
}

bool rule_alpn(struct span text, struct complaint *complaint)
{
    static const struct {
        const char *wrong;
        const char *right;
    } spellings[] = {{"h2", "h2"},
                     {"http/2", "h2"},
                     {"http/2.0", "h2"},
                     {"http2", "h2"},
                     {"http/1.1", "http/1.1"},
                     {"http1.1", "http/1.1"},
                     {"http1", "http/1.1"},
                     {"http/1", "http/1.1"},
                     {"postgres", "postgresql"},
                     {"acme-tls", "acme-tls/1"}};

    bool is_name = text.len != 0 && text.len <= ALPN_BYTES_MAX;

    for (size_t i = 0; i < text.len; i++) {
        is_name = is_name && text.ptr[i] > ' ' && text.ptr[i] <= '~';
    }
    if (!is_name) {
        complain(complaint, "%s is not a protocol's name", quote(text).text);
        return complain_hint(complaint, "for example alpn: [h2]");
    }
    for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
        if (span_ieq(text, span_from_cstr(spellings[i].wrong)) &&
            !span_eq_cstr(text, spellings[i].right)) {
            complain(complaint, "no client offers the protocol %s", quote(text).text);
            return complain_hint(complaint, "write it as the list of IANA has it: %s",
                                 spellings[i].right);
        }
    }
    return true;
}

bool rule_url(struct span text, struct complaint *complaint)
{
    struct url url;

    if (url_parse(text, &url)) {
        return true;
    }
    complain(complaint, "%s is not a URL that can be fetched", quote(text).text);
    return complain_hint(complaint, "for example http://127.0.0.1:8500/servers, without a user and "
                                    "a fragment");
}

bool rule_file_name(struct span text, struct complaint *complaint)
{
    if (text.len == 0 || span_find(text, '/') < text.len || find_control(text) < text.len ||
        text.ptr[0] == '.') {
        complain(complaint, "%s is not a plain file name", quote(text).text);
        return complain_hint(complaint, "for example index.html, without a folder");
    }
    return true;
}

bool rule_account(struct span text, struct complaint *complaint)
{
    if (text.len == 0 || find_stranger(text, "._-$@\\") < text.len || text.ptr[0] == '-') {
        complain(complaint, "%s cannot be a user or group", quote(text).text);
        return complain_hint(complaint, "write a name or a number, for example nobody");
    }
    return true;
}

bool rule_path(struct span text, struct complaint *complaint)
{
    if (text.len == 0 || find_control(text) < text.len) {
        complain(complaint, text.len == 0 ? "the path is empty" : "the path has a control byte");
        return complain_hint(complaint, "relative paths are seen from the configuration file's "
                                        "folder");
    }
    return true;
}

bool rule_key(struct span text, struct complaint *complaint)
{
    struct key_uri uri;
    struct error error;

    if (!key_uri_is(text)) {
        return rule_path(text, complaint);
    }
    if (!key_uri_parse(text, &uri, &error)) {
        complain(complaint, "%s", error.text);
        return complain_hint(complaint, "for example key: "
                                        "pkcs11:token=gate;object=shop;type=private"
                                        "?pin-source=file:/etc/tidegate/pin");
    }
    return true;
}

bool rule_module_file(struct span text, struct complaint *complaint)
{
    if (text.len < 2 || text.ptr[0] != '/' || text.len > TOKEN_FILE_BYTES_MAX ||
        find_control(text) < text.len) {
        complain(complaint, "%s is not the whole path of a file or a folder", quote(text).text);
        return complain_hint(complaint, "at most %d bytes, for example /var/lib/softhsm",
                             TOKEN_FILE_BYTES_MAX);
    }
    return true;
}

bool rule_include(struct span text, struct complaint *complaint)
{
    size_t folder = text.len;

    if (!rule_path(text, complaint)) {
        return false;
    }
    while (folder > 0 && text.ptr[folder - 1] != '/') {
        folder--;
    }
    for (size_t i = 0; i < folder; i++) {
        if (strchr("*?[", text.ptr[i]) != NULL) {
            complain(complaint, "%s has a wildcard in a folder's name", quote(text).text);
            return complain_hint(complaint, "only the file's name can have one: sites.d/*.yaml");
        }
    }
    if (folder == text.len) {
        complain(complaint, "%s is a folder", quote(text).text);
        return complain_hint(complaint, "name its files: %.*s*.yaml", SPAN_ARG(text));
    }
    return true;
}

bool rule_field(struct span name, struct span value, struct complaint *complaint)
{
    static const char *const own[] = {"connection",        "keep-alive", "proxy-connection",
                                      "transfer-encoding", "te",         "trailer",
                                      "content-length"};

    if (!is_token(name)) {
        complain(complaint, "%s is not a field name", quote(name).text);
        return complain_hint(complaint, "for example fields: { Content-Type: text/plain }");
    }
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        if (span_ieq(name, span_from_cstr(own[i]))) {
            complain(complaint, "field %s cannot be set", quote(name).text);
            return complain_hint(complaint, "the gateway writes it itself, for each connection");
        }
    }
    for (size_t i = 0; i < value.len; i++) {
        if (((unsigned char)value.ptr[i] < 0x20 && value.ptr[i] != '\t') || value.ptr[i] == 0x7F) {
            complain(complaint, "the value of field %s has a line break or control byte",
                     quote(name).text);
            return complain_hint(complaint, "a field's value is one line of text");
        }
    }
    if (span_trim(value).len != value.len) {
        complain(complaint, "the value of field %s begins or ends with a space", quote(name).text);
        return complain_hint(complaint, "remove it; receivers drop it anyhow");
    }
    return true;
}

bool rule_server_name(struct span text, struct complaint *complaint)
{
    char ip[INET6_ADDRSTRLEN];
    struct in6_addr address;

    if (text.len < sizeof(ip)) {
        memcpy(ip, text.ptr, text.len);
        ip[text.len] = '\0';
        if (inet_pton(AF_INET, ip, &address) == 1 || inet_pton(AF_INET6, ip, &address) == 1) {
            return true;
        }
    }
    if (span_find(text, ':') < text.len) {
        complain(complaint, "'%.*s' is neither a name nor an IP address", SPAN_ARG(text));
        return complain_hint(complaint, "write it without a port and without brackets, as in "
                                        "api.internal, 192.0.2.10 or 2001:db8::10");
    }
    return name_check(text, complaint);
}

bool rule_statuses(struct span text, struct complaint *complaint)
{
    bool is_class = text.len == 3 && text.ptr[1] == 'x' && text.ptr[2] == 'x';
    bool is_one = text.len == 3 && text.ptr[1] >= '0' && text.ptr[1] <= '9' && text.ptr[2] >= '0' &&
                  text.ptr[2] <= '9';

    if ((is_class || is_one) && text.ptr[0] >= '1' && text.ptr[0] <= '5') {
        return true;
    }
    complain(complaint, "%s is not a status", quote(text).text);
    return complain_hint(complaint, "for example 200, or 2xx for all from 200 to 299");
}

bool rule_target(struct span text, struct complaint *complaint)
{
    bool is_fine = text.len != 0 && text.ptr[0] == '/';

    for (size_t i = 0; i < text.len; i++) {
        is_fine &= text.ptr[i] > ' ' && text.ptr[i] < 0x7f && text.ptr[i] != '#';
    }
    if (is_fine) {
        return true;
    }
    complain(complaint, "%s is not a path", quote(text).text);
    return complain_hint(complaint, "it begins with '/', and has no blanks, for example /healthz");
}

bool rule_authority(struct span text, struct complaint *complaint)
{
    static const char allowed[] = "-._:[]";
    bool is_fine = text.len != 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        is_fine &= (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   strchr(allowed, c) != NULL;
    }
    if (is_fine) {
        return true;
    }
    complain(complaint, "%s is not a host", quote(text).text);
    return complain_hint(complaint, "for example shop.example.com, or shop.example.com:8080");
}

bool rule_retry_on(struct span text, struct complaint *complaint)
{
    static const char *const words[] = {"connect", "reset", "refused_stream", "502",
                                        "503",     "504",   "timeout"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (span_eq_cstr(text, words[i])) {
            return true;
        }
    }
    complain(complaint, "a request is not sent again for %s", quote(text).text);
    return complain_hint(complaint,
                         "any of connect, reset, refused_stream, 502, 503, 504, timeout");
}
