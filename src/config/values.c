#include "config/values.h"

#include <stdio.h>

#include "config/suggest.h"
#include "settings/settings.h"

struct unit {
    const char *name;
    uint64_t factor;
};

/* Smallest first; sizes are written in either case, and may end in "iB". */
static const struct unit size_units[] = {
    {"", 1}, {"k", 1ULL << 10}, {"M", 1ULL << 20}, {"G", 1ULL << 30}, {"T", 1ULL << 40}};
static const struct unit duration_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};

bool value_bool(const struct directive *directive, struct span text, bool *value,
                struct complaint *complaint)
{
    static const char *const other_yes[] = {"yes", "1", "y", "true", "on"};
    bool is_yes = false;

    /* "on" and "off" are the same to readers of YAML 1.1, and what other keys say. */
    *value = span_eq_cstr(text, "true") || span_eq_cstr(text, "on");
    if (*value || span_eq_cstr(text, "false") || span_eq_cstr(text, "off")) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(other_yes); i++) {
        is_yes = is_yes || span_ieq(text, span_from_cstr(other_yes[i]));
    }
    complain(complaint, "'%s' is true or false, not %s", directive->name, quote(text).text);
    return complain_hint(complaint, "write %s: %s", directive->name, is_yes ? "true" : "false");
}

/* Digits in front; the rest is the unit. */
static bool split_number(struct span text, struct span *digits, struct span *unit)
{
    size_t len = 0;

    while (len < text.len && ascii_is_digit(text.ptr[len])) {
        len++;
    }
    *digits = span_head(text, len);
    *unit = span_skip(text, len);
    return len != 0;
}

static const struct unit *find_unit(const struct unit *units, size_t count, struct span name,
                                    bool any_case)
{
    for (size_t i = 0; i < count; i++) {
        struct span candidate = span_from_cstr(units[i].name);

        if (any_case ? span_ieq(name, candidate) : span_eq(name, candidate)) {
            return &units[i];
        }
    }
    return NULL;
}

static bool size_complaint(const struct directive *directive, struct span text,
                           struct complaint *complaint)
{
    complain(complaint, "'%s' needs a size, not %s", directive->name, quote(text).text);
    return complain_hint(complaint, "a number of bytes, or one with k, M, G or T%s: %s",
                         (directive->flags & DIRECTIVE_UNLIMITED) != 0 ? ", or unlimited" : "",
                         directive->example);
}

static bool duration_complaint(const struct directive *directive, struct span text,
                               struct complaint *complaint)
{
    struct span digits;
    struct span unit;

    if (split_number(text, &digits, &unit) && unit.len == 0) {
        complain(complaint, "'%s' has no unit of time", directive->name);
        return complain_hint(complaint, "write %s: %.*ss for seconds; others are ms, m, h and d",
                             directive->name, (int)(digits.len < 32 ? digits.len : 32), digits.ptr);
    }
    complain(complaint, "'%s' needs a time, not %s", directive->name, quote(text).text);
    return complain_hint(complaint, "a whole number with ms, s, m, h or d%s: %s",
                         (directive->flags & DIRECTIVE_OFF) != 0 ? ", or off" : "",
                         directive->example);
}

static bool integer_complaint(const struct directive *directive, struct span text,
                              struct complaint *complaint)
{
    complain(complaint, "'%s' needs a whole number, not %s", directive->name, quote(text).text);
    return complain_hint(complaint, "for example %s", directive->example);
}

static bool number_complaint(const struct directive *directive, struct span text,
                             struct complaint *complaint)
{
    switch (directive->type) {
    case DIRECTIVE_SIZE:
        return size_complaint(directive, text, complaint);
    case DIRECTIVE_DURATION:
        return duration_complaint(directive, text, complaint);
    default:
        return integer_complaint(directive, text, complaint);
    }
}

static bool parse_number(const struct directive *directive, struct span text, uint64_t *value)
{
    static const struct unit none = {"", 1};
    const struct unit *unit = &none;
    struct span digits;
    struct span name;

    if (!split_number(text, &digits, &name)) {
        return false;
    }
    if (directive->type == DIRECTIVE_SIZE) {
        if (name.len == 3 && span_ieq(span_skip(name, 1), SPAN_OF("iB"))) {
            name = span_head(name, 1);
        }
        unit = find_unit(size_units, ARRAY_LEN(size_units), name, true);
    } else if (directive->type == DIRECTIVE_DURATION) {
        unit = find_unit(duration_units, ARRAY_LEN(duration_units), name, false);
    } else if (name.len != 0) {
        return false;
    }
    if (unit == NULL) {
        return false;
    }
    /* Beyond any bound, however many digits. */
    if (!span_to_u64(digits, UINT64_MAX / unit->factor, value)) {
        *value = UINT64_MAX;
    } else {
        *value *= unit->factor;
    }
    return true;
}

bool value_number(const struct directive *directive, struct span text, uint64_t *value,
                  struct complaint *complaint)
{
    bool too_small;

    if ((directive->flags & DIRECTIVE_OFF) != 0 && span_eq_cstr(text, "off")) {
        *value = 0;
        return true;
    }
    if ((directive->flags & DIRECTIVE_UNLIMITED) != 0 && span_eq_cstr(text, "unlimited")) {
        *value = SETTINGS_UNLIMITED;
        return true;
    }
    if (!parse_number(directive, text, value)) {
        return number_complaint(directive, text, complaint);
    }
    too_small = *value < directive->min;
    if (!too_small && *value <= directive->max) {
        return true;
    }
    complain(complaint, "'%s' is %s, which is too %s", directive->name, quote(text).text,
             too_small ? (directive->type == DIRECTIVE_DURATION ? "short" : "small")
                       : (directive->type == DIRECTIVE_DURATION ? "long" : "large"));
    return complain_hint(complaint, "it can be from %s to %s%s",
                         value_format(directive, directive->min).text,
                         value_format(directive, directive->max).text,
                         (directive->flags & DIRECTIVE_OFF) != 0         ? ", or off"
                         : (directive->flags & DIRECTIVE_UNLIMITED) != 0 ? ", or unlimited"
                                                                         : "");
}

/* "a, b or c" */
static void list_words(const char *const *words, char *buf, size_t size)
{
    size_t len = 0;

    buf[0] = '\0';
    for (size_t i = 0; words[i] != NULL && len < size; i++) {
        const char *between = i == 0 ? "" : words[i + 1] != NULL ? ", " : " or ";

        len += (size_t)snprintf(buf + len, size - len, "%s%s", between, words[i]);
    }
}

/* "TLSv1.2" is what OpenSSL and others write, "TLSv1" their name of 1.0. */
static struct span tls_version(struct span text)
{
    const struct span prefix = SPAN("TLSv");

    if (span_istarts_with(text, prefix)) {
        text = span_skip(text, prefix.len);
        return span_eq_cstr(text, "1") ? SPAN_OF("1.0") : text;
    }
    return text;
}

bool value_word(const struct directive *directive, struct span text, size_t *index,
                struct complaint *complaint)
{
    struct suggestion suggestion;
    char words[256];

    if ((directive->flags & DIRECTIVE_TLS_VERSION) != 0) {
        text = tls_version(text);
    }
    suggestion_init(&suggestion, text);
    for (size_t i = 0; directive->words[i] != NULL; i++) {
        if (span_eq_cstr(text, directive->words[i])) {
            *index = i;
            return true;
        }
        suggestion_offer(&suggestion, directive->words[i]);
    }
    list_words(directive->words, words, sizeof(words));
    for (size_t i = 0; directive->later_words != NULL && directive->later_words[i] != NULL; i++) {
        if (span_eq_cstr(text, directive->later_words[i])) {
            complain(complaint, "'%s: %s' is not in this version of Tidegate yet", directive->name,
                     directive->later_words[i]);
            return complain_hint(complaint, "possible here: %s", words);
        }
    }
    if (suggestion.best != NULL) {
        complain(complaint, "'%s' cannot be %s; did you mean '%s'?", directive->name,
                 quote(text).text, suggestion.best);
    } else {
        complain(complaint, "'%s' cannot be %s", directive->name, quote(text).text);
    }
    return complain_hint(complaint, "possible here: %s", words);
}

static struct value_text format_units(const struct unit *units, size_t count, uint64_t value)
{
    struct value_text out;
    size_t best = 0;

    for (size_t i = 0; i < count; i++) {
        if (value != 0 && value % units[i].factor == 0) {
            best = i;
        }
    }
    snprintf(out.text, sizeof(out.text), "%llu%s", (unsigned long long)(value / units[best].factor),
             units[best].name);
    return out;
}

struct value_text value_format(const struct directive *directive, uint64_t value)
{
    struct value_text out;

    if (directive->type == DIRECTIVE_SIZE) {
        return format_units(size_units, ARRAY_LEN(size_units), value);
    }
    if (directive->type == DIRECTIVE_DURATION) {
        return format_units(duration_units, ARRAY_LEN(duration_units), value);
    }
    snprintf(out.text, sizeof(out.text), "%llu", (unsigned long long)value);
    return out;
}
