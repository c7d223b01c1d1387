/* The directives: what a configuration file may say. One table per section; the loader, its
 * messages, the JSON Schema and the reference manual are all made from these tables, so a directive
 * is added in one place.
 *
 * Tables are constant. Nothing here reads files or YAML. */
#ifndef TIDEGATE_CONFIG_DIRECTIVES_H
#define TIDEGATE_CONFIG_DIRECTIVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "config/complaint.h"

/* What a value looks like, and what it becomes in the settings tree. */
enum directive_type {
    DIRECTIVE_BOOL,     /* bool */
    DIRECTIVE_INTEGER,  /* unsigned or uint64_t */
    DIRECTIVE_SIZE,     /* uint64_t, bytes: 64k */
    DIRECTIVE_DURATION, /* uint64_t, milliseconds: 30s */
    DIRECTIVE_TEXT,     /* const char * */
    DIRECTIVE_PATH,     /* const char *, joined to the file's folder */
    DIRECTIVE_ENUM,     /* an enum whose values count from 0 in the order of `words` */
    DIRECTIVE_WORD,     /* const char *, one of `words` */
    DIRECTIVE_TEXTS,    /* struct string_list */
    DIRECTIVE_LISTEN,   /* struct address_list, of listeners */
    DIRECTIVE_ADDRESS,  /* struct address_setting, of a server */
    DIRECTIVE_NETWORKS, /* struct network_list */
    DIRECTIVE_FIELDS,   /* struct header_setting * and a count: a mapping of names to text */
    DIRECTIVE_SECTION,  /* the struct itself (EMBEDDED) or a pointer to it, NULL when absent */
    DIRECTIVE_SECTIONS, /* pointer to an array, and a count */
    DIRECTIVE_BACKEND,  /* struct backend_settings *: a name, address(es) or a section */
    DIRECTIVE_LATER     /* in the design, but not in this version */
};

enum directive_flags {
    DIRECTIVE_REQUIRED = 1 << 0,
    DIRECTIVE_EMBEDDED = 1 << 1, /* DIRECTIVE_SECTION */
    /* DIRECTIVE_DURATION: `off` is 0; DIRECTIVE_SECTION, DIRECTIVE_SECTIONS: given, and none. */
    DIRECTIVE_OFF = 1 << 2,
    DIRECTIVE_UNLIMITED = 1 << 3, /* DIRECTIVE_SIZE: `unlimited` is SETTINGS_UNLIMITED */
    DIRECTIVE_LOWER = 1 << 4,     /* DIRECTIVE_TEXTS: kept in lower case */
    /* DIRECTIVE_ENUM, DIRECTIVE_WORD: "1.2" may be written as the number and as TLSv1.2. */
    DIRECTIVE_TLS_VERSION = 1 << 5,
    DIRECTIVE_RESTART = 1 << 6,   /* cannot change while the gateway runs */
    DIRECTIVE_SHORTHAND = 1 << 7, /* what it says is elsewhere, too (config/finish.h, parts.h) */
    DIRECTIVE_JSON = 1 << 9,      /* DIRECTIVE_TEXT: any YAML, kept as JSON (config/load_json.h) */
    DIRECTIVE_URI = 1 << 10,      /* DIRECTIVE_PATH: or a key in a token (base/key_uri.h) */
    DIRECTIVE_NUMERIC = 1 << 8    /* DIRECTIVE_TEXTS: may be written as numbers */
};

struct section;

struct directive {
    const char *name;
    enum directive_type type;
    unsigned flags;
    size_t offset;
    size_t width;        /* bytes of the member */
    size_t count_offset; /* DIRECTIVE_SECTIONS, DIRECTIVE_FIELDS: a size_t */
    /* What the value is when the file does not say: written as the file would. NULL: nothing. */
    const char *fallback;
    /* Bounds of the number (milliseconds and bytes for durations and sizes), of the length of a
     * text, or of the count of a list. */
    uint64_t min;
    uint64_t max;
    const char *const *words;       /* NULL-terminated */
    const char *const *later_words; /* of the design, but not in this version; NULL: none */
    const struct section *section;  /* DIRECTIVE_SECTION(S), DIRECTIVE_BACKEND */
    /* For each text: whether it is one that can be. `pattern` says nearly the same to an editor, as
     * an ECMA 262 regular expression. */
    bool (*check)(struct span text, struct complaint *complaint);
    /* DIRECTIVE_FIELDS: the same for each of them; NULL: rule_field (config/text_rules.h). */
    bool (*check_field)(struct span name, struct span value, struct complaint *complaint);
    const char *pattern;
    const char *doc;     /* one line */
    const char *more;    /* paragraphs for the manual; NULL: none */
    const char *example; /* "name: value", for messages and the manual */
};

struct section {
    const char *name;  /* as messages call it: "a site" */
    const char *title; /* of its part of the manual, and its name in the schema: "site" */
    const char *doc;
    const struct directive *directives;
    size_t count;
    size_t size;             /* of the struct */
    size_t place_offset;     /* of its struct place; NO_PLACE: has none */
    const char *scalar_name; /* a text in place of the section is this directive's; NULL: none */
};

#define NO_PLACE SIZE_MAX

/* The whole file. */
extern const struct section section_root;
/* What a reference to a backend may hold in place. */
extern const struct section section_backend;
/* Every section that the manual describes, in its order; NULL at the end. */
extern const struct section *const all_sections[];

const struct directive *section_find(const struct section *section, struct span name);
/* Whether it can be written in this version. */
bool directive_is_usable(const struct directive *directive);
/* Whether its value is a list, which several files of a configuration may each add to. */
bool directive_is_list(const struct directive *directive);
/* Whether `off` is one of its values. */
bool directive_can_be_off(const struct directive *directive);
/* Whether the word `on` is one of its values. */
bool directive_can_be_on(const struct directive *directive);

#endif
