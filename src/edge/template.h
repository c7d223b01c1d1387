/* Texts of the configuration with variables in braces: "https://{host}{path}{?query}". Parsed once,
 * when the configuration is loaded, then expanded for each request. What the variables are:
 * variable_table.h. "{{" and "}}" stand for a brace.
 *
 * No value can end the field, or the part of a URL, that it is put into: see template_expand. No
 * I/O, no globals. */
#ifndef TIDEGATE_EDGE_TEMPLATE_H
#define TIDEGATE_EDGE_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/span.h"

enum variable {
    VARIABLE_NONE, /* the part is text */
#define VARIABLE(id, name, behind, in, where, doc) VARIABLE_##id,
#include "edge/variable_table.h"
#undef VARIABLE
    VARIABLE_COUNT
};

struct template_part {
    enum variable variable;
    struct span text; /* the text itself, or what stands behind the variable's name */
    unsigned number;  /* of a segment, from 1 */
};

struct template
{
    struct template_part *parts; /* in the arena */
    size_t count;
};

/* The longest text, and the most parts of one. */
#define TEMPLATE_BYTES_MAX 8192
#define TEMPLATE_PARTS_MAX 256

/* has_response: variables of the response may be used. The text is kept by reference. False with an
 * error in words: a brace without its other one, or no variable of that name. */
bool template_parse(struct span text, bool has_response, struct arena *arena,
                    struct template *template, struct error *error) MUST_CHECK;
/* The same for a line of the log, which may also use what the line itself tells. */
bool template_parse_line(struct span text, struct arena *arena, struct template *template,
                         struct error *error) MUST_CHECK;
/* Of a page, in which braces mean other things, too: what is no variable stays as it is. Variables
 * of the response may be used; those behind the first TEMPLATE_PARTS_MAX pieces stay. */
void template_parse_page(struct span text, struct arena *arena, struct template *template);
/* Whether it begins with the request's path, or a part of it, so that a path of "//host" would make
 * another URL. */
bool template_begins_with_path(const struct template *template);

/* Where a text is put, which decides what its values may hold. */
enum template_use {
    TEMPLATE_FIELD, /* control bytes are percent-encoded */
    TEMPLATE_URL,   /* and so is, in values that are not URLs' parts, all but unreserved characters
                       (RFC 3986 section 2.3) */
    TEMPLATE_HTML   /* values are text of HTML: no markup, and no end of an attribute in quotes */
};

/* Who knows the values: ptr NULL or empty where there is none. They live as long as the arena. */
struct template_values {
    struct span (*value)(void *owner, const struct template_part *part);
    void *owner;
};

struct span template_expand(const struct template *template, const struct template_values *values,
                            enum template_use use, struct arena *arena) MUST_CHECK;

/* One line of the table, for the manual; false behind the last. */
struct variable_line {
    const char *name;   /* "request." */
    const char *behind; /* "NAME", "N", or "" */
    bool of_response;
    const char *doc;
};
bool template_variable(size_t index, struct variable_line *line);
/* "request."; not of VARIABLE_NONE. */
const char *template_variable_name(enum variable variable);

/* ---- for whoever knows the values ---- */
/* The variables of path and query, for a path as it is forwarded, and a query as it came (ptr NULL:
 * none). False: it is none of these. */
bool template_target_value(const struct template_part *part, struct span path, struct span query,
                           struct arena *arena, struct span *value) MUST_CHECK;
/* The first cookie of that name in the value of a Cookie field (RFC 6265 section 4.2.1). */
struct span template_cookie(struct span cookies, struct span name);

#endif
