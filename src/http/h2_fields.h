/* HTTP/2 field sections to the message model: RFC 9113 sections 8.1 to 8.3, RFC 8441. No I/O and no
 * HPACK: names and values come decoded, one by one, in their order.
 *
 * As strict as h1_parse.h, with the same rules for targets and authorities, so that what is written
 * to an HTTP/1.1 server cannot be read in two ways. The first error sticks; what follows it is only
 * counted. Names and values are copied to the arena. */
#ifndef TIDEGATE_HTTP_H2_FIELDS_H
#define TIDEGATE_HTTP_H2_FIELDS_H

#include "http/message.h"

enum h2_error {
#define H2_ERROR(id, status, word, text) id,
#include "http/h2_error_table.h"
#undef H2_ERROR
    H2_ERROR_COUNT
};

/* 0: a stream error without an answer. */
unsigned h2_error_status(enum h2_error error);
const char *h2_error_word(enum h2_error error);
const char *h2_error_text(enum h2_error error);

struct h2_limits {
    size_t head_bytes; /* of all names and values, with 4 for each field as HTTP/1.1 has them */
    size_t target_bytes;
    size_t fields; /* cookie crumbs are not counted here */
};

/* What an error is about; name.ptr NULL: no field in particular. Copies, cut short. */
struct h2_refused {
    struct span name;
    struct span value;
    size_t at;       /* where in the name or the value the offending bytes begin */
    size_t len;      /* of those; 0: none in particular */
    bool is_in_name; /* else in the value */
};

/* A field section that is being received. */
struct h2_section {
    struct arena *arena;
    struct h2_limits limits;
    struct http_fields *fields; /* the ordinary fields */
    size_t bytes;
    size_t count;
    size_t cookie;      /* which field the crumbs are joined in, if there is one */
    char *cookie_bytes; /* NULL: a single one so far */
    size_t cookie_room;
    uint64_t repeated;
    enum h2_error error;
    struct h2_refused refused;
    bool is_trailers;
    bool has_ordinary; /* no pseudo-field may follow */
    struct span method;
    struct span scheme;
    struct span path;
    struct span authority;
    struct span protocol;
};

/* The head of a request goes to *fields of the request, trailers to fields of their own. */
void h2_section_init(struct h2_section *section, struct arena *arena,
                     const struct h2_limits *limits, struct http_fields *fields, bool is_trailers);
/* Also after an error: pseudo-fields are still taken then, unchecked and cut short, for the log. */
void h2_section_add(struct h2_section *section, struct span name, struct span value);
/* All fields have come. Fills the request but for its fields, which are in it already; is_end: the
 * stream ended with its head.
 *
 * An extended CONNECT (RFC 8441) becomes a GET with `upgrade` and is_extended_connect set, of no
 * body. A Host field is there afterwards in every case. */
enum h2_error h2_request_finish(struct h2_section *section, bool is_end,
                                struct http_request *request) MUST_CHECK;
/* What may not be a trailer is taken out again (RFC 9110 section 6.5.1: "MUST ignore"). */
enum h2_error h2_trailers_finish(struct h2_section *section) MUST_CHECK;
/* The section's error from now on, if it has none yet; it is about this field. */
void h2_section_refuse(struct h2_section *section, enum h2_error error, struct span name,
                       struct span value);
/* h2_error_text of the section's error, with the field and the bytes. In the arena, or static. */
const char *h2_section_detail(const struct h2_section *section);
/* What a refused request seems to say, as h1_glimpse: from the pseudo-fields and fields so far. */
void h2_section_glimpse(const struct h2_section *section, struct http_request *request);

/* RFC 9218 section 4: urgency 0 to 7 and incremental, from a `priority` field. What is absent or
 * malformed leaves the defaults (3, false). */
#define H2_URGENCY_DEFAULT 3

struct h2_priority {
    unsigned urgency;
    bool is_incremental;
};
struct h2_priority h2_priority_parse(struct span value);

#endif
