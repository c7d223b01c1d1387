#include "config/message_rules.h"

#include <string.h>

#include "base/arena.h"
#include "config/suggest.h"
#include "config/text_rules.h"
#include "edge/field_rules.h"
#include "edge/path.h"
#include "edge/template.h"
#include "http/accept_encoding.h"
#include "http/media_type.h"
#include "observe/access_forms.h"
#include "observe/access_record.h"
#include "observe/log_place.h"

/* ---- variables ---- */

static void hint_variables(struct span text, struct complaint *complaint)
{
    size_t brace = span_find(text, '{');
    struct span rest = span_skip(text, brace < text.len ? brace + 1 : brace);
    struct suggestion near;
    struct variable_line line;

    suggestion_init(&near, span_head(rest, span_find(rest, '}')));
    for (size_t i = 0; template_variable(i, &line); i++) {
        suggestion_offer(&near, line.name);
    }
    if (near.best != NULL) {
        complain_hint(complaint, "did you mean {%s}? The manual lists all variables", near.best);
    } else {
        complain_hint(complaint, "for example {client.address}, {host} or {request.User-Agent}; "
                                 "the manual lists all variables");
    }
}

static bool is_template(struct span text, bool has_response, struct complaint *complaint)
{
    struct template template = {NULL, 0};
    struct error error = {""};
    struct arena arena;
    bool is_one;

    arena_init(&arena, 1024);
    is_one = template_parse(text, has_response, &arena, &template, &error);
    arena_destroy(&arena);
    if (!is_one) {
        complain(complaint, "%s cannot be: %s", quote(text).text, error.text);
        hint_variables(text, complaint);
    }
    return is_one;
}

/* ---- fields ---- */

static bool may_name(struct span name, bool of_request, struct complaint *complaint)
{
    const char *instead;

    if (field_rules_may_name(name, of_request, &instead)) {
        return true;
    }
    complain(complaint, "field %s cannot be changed", quote(name).text);
    return complain_hint(complaint, "%s",
                         instead != NULL ? instead
                                         : "the gateway writes it itself, for each connection");
}

static bool is_field(struct span name, struct span value, bool of_request,
                     struct complaint *complaint)
{
    return rule_field(name, value, complaint) && may_name(name, of_request, complaint) &&
           is_template(value, !of_request, complaint);
}

bool rule_request_field(struct span name, struct span value, struct complaint *complaint)
{
    return is_field(name, value, true, complaint);
}

bool rule_response_field(struct span name, struct span value, struct complaint *complaint)
{
    return is_field(name, value, false, complaint);
}

static bool is_field_pattern(struct span text, bool of_request, struct complaint *complaint)
{
    bool is_pattern = text.len != 0 && text.ptr[text.len - 1] == '*';
    struct span name = span_head(text, text.len - (is_pattern ? 1 : 0));

    if (!http_is_token(name) || span_find(name, '*') != name.len) {
        complain(complaint, "%s is no name of a field", quote(text).text);
        return complain_hint(complaint, "write for example X-Powered-By, or \"X-Debug-*\" for all "
                                        "that begin so");
    }
    return may_name(text, of_request, complaint);
}

bool rule_request_field_pattern(struct span text, struct complaint *complaint)
{
    return is_field_pattern(text, true, complaint);
}

bool rule_response_field_pattern(struct span text, struct complaint *complaint)
{
    return is_field_pattern(text, false, complaint);
}

bool rule_address_field(struct span text, struct complaint *complaint)
{
    enum http_field_id id = http_field_id(text);

    if (!http_is_token(text)) {
        complain(complaint, "%s is no name of a field", quote(text).text);
        return complain_hint(complaint, "write for example CF-Connecting-IP");
    }
    if (id == FIELD_X_FORWARDED_FOR || id == FIELD_FORWARDED) {
        complain(complaint, "%s is read anyway", quote(text).text);
        return complain_hint(complaint, "leave 'client_address_from' out; 'trusted_proxies' says "
                                        "whose are believed");
    }
    return may_name(text, true, complaint);
}

/* ---- the log ---- */

static bool is_member_name(struct span name)
{
    if (name.len == 0 || name.len > 64 || ascii_is_digit(name.ptr[0])) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        char byte = name.ptr[i];
        if (!(byte >= 'a' && byte <= 'z') && !ascii_is_digit(byte) && byte != '_') {
            return false;
        }
    }
    return true;
}

bool rule_log_field(struct span name, struct span value, struct complaint *complaint)
{
    if (!is_member_name(name)) {
        complain(complaint, "%s is no name of a member of the log", quote(name).text);
        return complain_hint(complaint, "write it with small letters, digits and '_', for example "
                                        "fields: { tenant: \"{request.X-Tenant}\" }");
    }
    if (access_record_has(name)) {
        complain(complaint, "the lines of the log have a member %s already", quote(name).text);
        return complain_hint(complaint, "choose another name");
    }
    return is_template(value, true, complaint);
}

static bool is_param_name(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = ascii_lower(name.ptr[i]);
        if (!((c >= 'a' && c <= 'z') || c == '_' || (i != 0 && c >= '0' && c <= '9'))) {
            return false;
        }
    }
    return name.len != 0;
}

bool rule_fastcgi_param(struct span name, struct span value, struct complaint *complaint)
{
    /* What client/fcgi_params.c writes: a second one would be another script's first one. */
    static const char *const own[] = {"GATEWAY_INTERFACE", "SERVER_SOFTWARE", "REDIRECT_STATUS",
                                      "REQUEST_METHOD",    "QUERY_STRING",    "SERVER_PROTOCOL",
                                      "CONTENT_LENGTH",    "CONTENT_TYPE",    "SCRIPT_FILENAME",
                                      "SCRIPT_NAME",       "DOCUMENT_URI",    "DOCUMENT_ROOT",
                                      "REQUEST_URI",       "PATH_INFO",       "PATH_TRANSLATED",
                                      "REQUEST_SCHEME",    "HTTPS",           "REMOTE_ADDR",
                                      "REMOTE_PORT",       "SERVER_ADDR",     "SERVER_NAME",
                                      "SERVER_PORT"};

    if (!is_param_name(name)) {
        complain(complaint, "%s is no name of a parameter", quote(name).text);
        return complain_hint(complaint,
                             "letters, digits and '_', for example params: { REMOTE_USER: "
                             "\"{user}\" }");
    }
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        if (span_ieq(name, span_from_cstr(own[i]))) {
            complain(complaint, "the gateway says %s itself", quote(name).text);
            return complain_hint(complaint, "remove it");
        }
    }
    if (span_istarts_with(name, SPAN_OF("HTTP_"))) {
        complain(complaint, "%s would be a field of the request", quote(name).text);
        return complain_hint(complaint, "set the field with 'request_fields' of the route");
    }
    return is_template(value, false, complaint);
}

bool rule_log_template(struct span text, struct complaint *complaint)
{
    struct template template = {NULL, 0};
    struct error error = {""};
    struct arena arena;
    bool is_one;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if ((byte < ' ' && byte != '\t') || byte == 0x7f) {
            complain(complaint, "a line of the log cannot have a line break in it");
            return complain_hint(complaint, "each request has one line: remove it");
        }
    }
    arena_init(&arena, 1024);
    is_one = template_parse_line(text, &arena, &template, &error);
    for (size_t i = 0; is_one && i < template.count; i++) {
        const struct template_part *part = &template.parts[i];
        if (part->variable == VARIABLE_LOG_MEMBER && !access_record_tells(part->text)) {
            (void)error_set(&error, "there is no member %.*s", SPAN_ARG(span_cut(part->text, 64)));
            is_one = false;
        }
    }
    arena_destroy(&arena);
    if (!is_one) {
        complain(complaint, "%s cannot be: %s", quote(text).text, error.text);
        hint_variables(text, complaint);
    }
    return is_one;
}

bool rule_log_path(struct span text, struct complaint *complaint)
{
    struct span middle = text;

    if (middle.len > 1 && middle.ptr[0] == '*') {
        middle = span_skip(middle, 1);
    } else if (middle.len > 1 && middle.ptr[middle.len - 1] == '*') {
        middle = span_head(middle, middle.len - 1);
    }
    if (span_find(middle, '*') == middle.len && (text.ptr[0] == '/' || text.ptr[0] == '*')) {
        return true;
    }
    complain(complaint, "%s is no path", quote(text).text);
    return complain_hint(complaint, "write it whole, or with one '*' at its beginning or end: "
                                    "/healthz, /static/* or *.ico");
}

bool sample_parse(struct span text, unsigned *taken, unsigned *of)
{
    size_t middle = span_find(text, ' ');
    struct span rest = span_skip(text, middle);
    uint64_t few;
    uint64_t many;

    if (!span_starts_with(rest, SPAN_OF(" of ")) ||
        !span_to_u64(span_head(text, middle), SAMPLE_MAX, &few) ||
        !span_to_u64(span_skip(rest, 4), SAMPLE_MAX, &many) || few == 0 || few > many) {
        return false;
    }
    *taken = (unsigned)few;
    *of = (unsigned)many;
    return true;
}

bool rule_sample(struct span text, struct complaint *complaint)
{
    unsigned taken;
    unsigned of;

    if (sample_parse(text, &taken, &of)) {
        return true;
    }
    complain(complaint, "%s is no sample", quote(text).text);
    return complain_hint(complaint, "write for example '1 of 100' (numbers up to %d)", SAMPLE_MAX);
}

bool rule_log_place(struct span text, struct complaint *complaint)
{
    struct log_place place;
    struct error error = {""};

    if (log_place_parse(text, &place, &error)) {
        return true;
    }
    complain(complaint, "%s is no place for a log: %s", quote(text).text, error.text);
    if (text.len != 0 && text.ptr[0] == '/') {
        return complain_hint(complaint, "a file is 'file:' and its path: file:%.*s",
                             (int)(text.len < 300 ? text.len : 300), text.ptr);
    }
    return complain_hint(complaint,
                         "write file, file:/a/file, stdout, syslog, syslog:ADDRESS:PORT, "
                         "syslog:/a/socket, syslog+tcp:ADDRESS:PORT, "
                         "syslog+tls:ADDRESS:PORT, journal or journal:/a/socket");
}

bool rule_cache_key(struct span text, struct complaint *complaint)
{
    return is_template(text, false, complaint);
}

bool rule_cache_parameter(struct span text, struct complaint *complaint)
{
    bool is_pattern = text.len != 0 && text.ptr[text.len - 1] == '*';
    struct span name = span_head(text, text.len - (is_pattern ? 1 : 0));

    if (span_find(name, '*') != name.len) {
        complain(complaint, "%s is no name of a parameter", quote(text).text);
        return complain_hint(complaint, "a '*' stands at the end alone: \"utm_*\"");
    }
    return rule_parameter(name, complaint);
}

bool rule_parameter(struct span text, struct complaint *complaint)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (byte <= ' ' || byte == 0x7f || strchr("&=#?", byte) != NULL) {
            complain(complaint, "%s is no name of a parameter", quote(text).text);
            return complain_hint(complaint, "write it as it is when it is decoded, without '='");
        }
    }
    return true;
}

/* ---- compression ---- */

bool rule_encoding(struct span text, struct complaint *complaint)
{
    enum coding coding = coding_of(text);

    if (coding != CODING_IDENTITY && coding != CODING_COUNT && span_eq(text, coding_name(coding))) {
        return true;
    }
    complain(complaint, "no such content coding: %s", quote(text).text);
    return complain_hint(complaint, "there are zstd, br (Brotli) and gzip");
}

bool rule_media_type_pattern(struct span text, struct complaint *complaint)
{
    if (media_type_is_pattern(text)) {
        return true;
    }
    complain(complaint, "%s is no media type", quote(text).text);
    return complain_hint(complaint, "for example text/html, \"text/*\" or \"application/*+json\", "
                                    "with one '*' at most and without parameters");
}

/* ---- redirects and rewrites ---- */

static bool begins_like_url(struct span text)
{
    return span_istarts_with(text, SPAN_OF("https://")) ||
           span_istarts_with(text, SPAN_OF("http://")) ||
           (text.len > 1 && text.ptr[0] == '{' && text.ptr[1] != '{') ||
           (text.len != 0 && text.ptr[0] == '/' && !span_starts_with(text, SPAN_OF("//")));
}

static bool is_of_urls(unsigned char byte)
{
    return byte > ' ' && byte < 0x7f && strchr("\"<>\\^`|", byte) == NULL;
}

bool rule_redirect_target(struct span text, struct complaint *complaint)
{
    if (!begins_like_url(text)) {
        complain(complaint, "%s leads nowhere", quote(text).text);
        return complain_hint(complaint, "write a URL or a path, for example "
                                        "https://www.example.com{path}{?query}");
    }
    for (size_t i = 0; i < text.len; i++) {
        if (!is_of_urls((unsigned char)text.ptr[i])) {
            complain(complaint, "%s has a character that no URL may have", quote(text).text);
            return complain_hint(complaint, "percent-encode it: %%%02X",
                                 (unsigned)(unsigned char)text.ptr[i]);
        }
    }
    return is_template(text, false, complaint);
}

bool rule_replacement(struct span text, struct complaint *complaint)
{
    struct span rest = text;

    while (rest.len != 0) {
        size_t brace = span_find(rest, '{');
        struct span plain = span_head(rest, brace);

        for (size_t i = 0; i < plain.len; i++) {
            unsigned char byte = (unsigned char)plain.ptr[i];
            if (byte <= ' ' || byte >= 0x7f || strchr("?#\\\"<>", byte) != NULL) {
                complain(complaint, "%s has a character that no path has", quote(text).text);
                return complain_hint(complaint, byte == '?' ? "another query is 'query' of rewrite"
                                                            : "write it percent-encoded");
            }
        }
        rest = span_skip(rest, brace);
        rest = span_skip(rest, rest.len != 0 && span_find(rest, '}') < rest.len
                                   ? span_find(rest, '}') + 1
                                   : rest.len);
    }
    return is_template(text, false, complaint);
}

bool rule_rewrite_query(struct span text, struct complaint *complaint)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (!is_of_urls(byte) || byte == '#') {
            complain(complaint, "%s has a character that no query has", quote(text).text);
            return complain_hint(complaint, "percent-encode it: %%%02X", (unsigned)byte);
        }
    }
    return is_template(text, false, complaint);
}

bool rule_try(struct span text, struct complaint *complaint)
{
    if (text.len == 0 || (text.ptr[0] != '/' && !span_starts_with(text, SPAN_OF("{path}")))) {
        complain(complaint, "%s is no path", quote(text).text);
        return complain_hint(complaint, "write for example \"{path}.html\" or /index.html");
    }
    return is_template(text, false, complaint);
}

bool rule_path_prefix(struct span text, struct complaint *complaint)
{
    struct arena arena;
    struct path path;
    bool is_normal;

    if (text.len == 0 || text.ptr[0] != '/' || span_find(text, '*') != text.len) {
        complain(complaint, "%s is no beginning of a path", quote(text).text);
        return complain_hint(complaint, "write for example /api");
    }
    arena_init(&arena, 1024);
    is_normal = path_normalise(text, &arena, &path) == PATH_OK &&
                path_check_strict(&path) == PATH_OK && span_eq(path.match, text);
    arena_destroy(&arena);
    if (!is_normal) {
        complain(complaint, "%s is not spelled as paths are compared", quote(text).text);
        return complain_hint(complaint, "without '.' and '..', double slashes, ';', and with no "
                                        "more percent-encoding than the path needs");
    }
    return true;
}
