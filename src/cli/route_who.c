#include "cli/route_who.h"

#include <string.h>
#include <time.h>

#include "edge/claim_match.h"

static bool add_to(struct span *items, struct auth_list *list, struct span value)
{
    if (list->count == ROUTE_WHO_MAX) {
        return false;
    }
    items[list->count++] = value;
    return true;
}

bool route_who_add(struct route_who *who, struct span text)
{
    size_t equals = span_find(text, '=');
    struct span name = span_head(text, equals);
    struct span value = equals < text.len ? span_skip(text, equals + 1) : span_make(NULL, 0);

    if (value.len == 0) {
        return false;
    }
    who->is_somebody = true;
    if (span_eq(name, SPAN_OF("user"))) {
        who->identity.user = value;
        return true;
    }
    if (span_eq(name, SPAN_OF("group"))) {
        return add_to(who->groups, &who->identity.groups, value);
    }
    return span_eq(name, SPAN_OF("scope")) && add_to(who->scopes, &who->identity.scopes, value);
}

static enum auth_claim_kind kind_of(struct span value)
{
    double number;

    if (span_eq(value, SPAN_OF("true")) || span_eq(value, SPAN_OF("false"))) {
        return AUTH_CLAIM_BOOL;
    }
    return claim_number(value, &number) ? AUTH_CLAIM_NUMBER : AUTH_CLAIM_TEXT;
}

bool route_who_add_claim(struct route_who *who, struct span text)
{
    size_t equals = span_find(text, '=');
    struct auth_claim claim = {.path = span_head(text, equals)};
    size_t at = who->identity.claims.count;

    if (equals == 0 || equals == text.len || at == ROUTE_WHO_MAX) {
        return false;
    }
    claim.value = span_skip(text, equals + 1);
    claim.kind = kind_of(claim.value);
    while (at != 0 && auth_claim_path_order(who->claims[at - 1].path, claim.path) > 0) {
        who->claims[at] = who->claims[at - 1];
        at--;
    }
    who->claims[at] = claim;
    who->identity.claims.count++;
    who->is_somebody = true;
    return true;
}

const struct auth_identity *route_who_identity(struct route_who *who)
{
    if (!who->is_somebody) {
        return NULL;
    }
    who->identity.method = "(asked)";
    who->identity.groups.items = who->groups;
    who->identity.scopes.items = who->scopes;
    who->identity.claims.items = who->claims;
    who->identity.expires = AUTH_NEVER_EXPIRES;
    if (who->identity.user.len == 0) {
        who->identity.user = SPAN_OF("(somebody)");
    }
    return &who->identity;
}

/* "Z", or "+01:00". */
static bool parse_offset(const char *text, int64_t *offset)
{
    int hours;
    int minutes;

    *offset = 0;
    if (strcmp(text, "Z") == 0) {
        return true;
    }
    if (strlen(text) != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':' ||
        !ascii_is_digit(text[1]) || !ascii_is_digit(text[2]) || !ascii_is_digit(text[4]) ||
        !ascii_is_digit(text[5])) {
        return false;
    }
    hours = 10 * (text[1] - '0') + text[2] - '0';
    minutes = 10 * (text[4] - '0') + text[5] - '0';
    *offset = (int64_t)(text[0] == '-' ? -60 : 60) * (60 * hours + minutes);
    return hours < 24 && minutes < 60;
}

bool route_time_parse(struct span text, int64_t *seconds)
{
    char copy[32];
    struct tm parts = {0};
    const char *rest;
    int64_t offset;

    if (text.len >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    rest = strptime(copy, "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == NULL || !parse_offset(rest, &offset)) {
        return false;
    }
    *seconds = (int64_t)timegm(&parts) - offset;
    return *seconds > 0;
}
