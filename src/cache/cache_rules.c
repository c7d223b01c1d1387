#include "cache/cache_rules.h"

#include <string.h>

#include "http/date.h"

#define CACHE_CONTROL SPAN_OF("Cache-Control")
#define SECOND_MS INT64_C(1000)
/* A guess is no promise (section 4.2.2): a tenth of its age, and no more than a day. */
#define GUESS_DIVISOR 10
#define GUESS_MAX_S (INT64_C(24) * 3600)

/* ---- requests ---- */

/* Fields by which servers may be told to do something else than what the method and the URL say.
 * Nothing of that is in the key, so whoever sends one could have another's answer stored. */
static const struct span overrides[] = {
    SPAN("X-HTTP-Method-Override"), SPAN("X-HTTP-Method"),    SPAN("X-Method-Override"),
    SPAN("X-Original-URL"),         SPAN("X-Rewrite-URL"),    SPAN("X-Original-URI"),
    SPAN("X-Original-Host"),        SPAN("X-Host"),           SPAN("X-HTTP-Host-Override"),
    SPAN("X-Forwarded-Prefix"),     SPAN("X-Forwarded-Path"),
};

static bool has_override(const struct http_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        for (size_t k = 0; k < ARRAY_LEN(overrides); k++) {
            if (fields->items[i].id == FIELD_OTHER && !fields->items[i].is_not_sent &&
                span_ieq(fields->items[i].name, overrides[k])) {
                return true;
            }
        }
    }
    return false;
}

static bool is_sent(const struct http_fields *fields, enum http_field_id id)
{
    const struct http_field *field;

    if (!http_fields_has(fields, id)) {
        return false;
    }
    for (size_t i = 0; i < fields->count; i++) {
        field = &fields->items[i];
        if (field->id == id && !field->is_not_sent) {
            return true;
        }
    }
    return false;
}

enum cache_asks cache_asks(const struct http_request *request, const char **why)
{
    struct cache_control control;

    *why = NULL;
    if (request->method != HTTP_GET && request->method != HTTP_HEAD) {
        *why = "method";
    } else if (request->framing != HTTP_FRAMING_NONE || request->has_content_length) {
        *why = "request-body";
    } else if (request->upgrade.ptr != NULL || request->is_extended_connect) {
        *why = "upgrade";
    } else if (has_override(&request->fields)) {
        *why = "override";
    } else if (is_sent(&request->fields, FIELD_IF_MATCH) ||
               is_sent(&request->fields, FIELD_IF_UNMODIFIED_SINCE)) {
        *why = "precondition"; /* the server alone knows what is current */
    }
    if (*why != NULL) {
        return CACHE_ASKS_NOTHING;
    }
    cache_control_read(&request->fields, CACHE_CONTROL, &control);
    /* A range of what is not stored is the server's to give: the whole may be very large. */
    return request->method != HTTP_GET || control.no_store || is_sent(&request->fields, FIELD_RANGE)
               ? CACHE_ASKS_STORED
               : CACHE_ASKS_ALL;
}

/* ---- responses: whether they may be kept ---- */

/* By themselves (RFC 9110 section 15.1), without those that an odd head of a request can provoke
 * (414), and 206, which is a part. */
static bool is_kept_by_default(unsigned status)
{
    switch (status) {
    case 200:
    case 203:
    case 204:
    case 300:
    case 301:
    case 308:
    case 404:
    case 405:
    case 410:
    case 501:
        return true;
    default:
        return false;
    }
}

/* Where the server says how long. Not among them: what depends on more of the request than its URL
 * (400, 406, 412 to 417, 421, 431, ...), or asks for something else. */
static bool is_understood(unsigned status)
{
    switch (status) {
    case 302:
    case 303:
    case 307:
    case 403:
    case 451:
    case 500:
    case 503:
        return true;
    default:
        return is_kept_by_default(status);
    }
}

static const struct http_field *find_sent(const struct http_fields *fields, struct span name)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (!fields->items[i].is_not_sent && span_ieq(fields->items[i].name, name)) {
            return &fields->items[i];
        }
    }
    return NULL;
}

static bool varies_by_all(const struct http_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        const struct http_field *field = &fields->items[i];
        if (field->id == FIELD_OTHER && span_ieq(field->name, SPAN_OF("Vary")) &&
            memchr(field->value.ptr != NULL ? field->value.ptr : "", '*', field->value.len) !=
                NULL) {
            return true;
        }
    }
    return false;
}

/* Who the client is may be what the response depends on. */
static bool has_credentials(const struct cache_facts *facts)
{
    const struct http_fields *fields = &facts->request->fields;

    return facts->has_credentials || is_sent(fields, FIELD_AUTHORIZATION) ||
           is_sent(fields, FIELD_CLIENT_CERT) || is_sent(fields, FIELD_X_FORWARDED_CLIENT_CERT);
}

/* NULL: nothing is against it but, perhaps, that nobody says how long. */
static const char *forbids(const struct cache_facts *facts, const struct cache_control *control)
{
    const struct http_response *response = facts->response;
    struct cache_control asked;

    cache_control_read(&facts->request->fields, CACHE_CONTROL, &asked);
    if (facts->request->method != HTTP_GET) {
        return "method";
    }
    if (!is_understood(response->status)) {
        return "status";
    }
    if (asked.no_store || (control->no_store && !control->must_understand)) {
        return "no-store"; /* what must be understood is (section 5.2.2.3) */
    }
    if (control->is_private) {
        return "private";
    }
    if (varies_by_all(&response->fields)) {
        return "vary";
    }
    if (has_credentials(facts) && !control->is_public && !control->must_revalidate &&
        control->s_maxage_s == CACHE_ABSENT) {
        return "authorization"; /* section 3.5 */
    }
    if (http_fields_has(&response->fields, FIELD_SET_COOKIE) && !control->is_public) {
        return "set-cookie";
    }
    if (response->framing == HTTP_FRAMING_CLOSE) {
        return "length"; /* whether it is whole cannot be seen */
    }
    return NULL;
}

/* ---- how long ---- */

static time_t date_of(const struct http_fields *fields, struct span name, time_t now)
{
    const struct http_field *field = find_sent(fields, name);
    time_t when;

    return field != NULL && http_date_parse_at(field->value, now, &when) ? when : 0;
}

static int64_t expires_s(const struct cache_facts *facts, const struct http_field *expires)
{
    time_t date = date_of(&facts->response->fields, SPAN_OF("Date"), facts->now);
    time_t end;

    if (!http_date_parse_at(expires->value, facts->now, &end)) {
        return 0; /* such as "0": stale already (section 5.3) */
    }
    date = date != 0 ? date : facts->now;
    return end > date ? (int64_t)(end - date) : 0;
}

static int64_t guess_s(const struct cache_facts *facts)
{
    time_t modified = date_of(&facts->response->fields, SPAN_OF("Last-Modified"), facts->now);
    time_t date = date_of(&facts->response->fields, SPAN_OF("Date"), facts->now);
    int64_t seconds;

    date = date != 0 ? date : facts->now;
    if (modified == 0 || modified >= date || facts->request->query.ptr != NULL) {
        return CACHE_ABSENT;
    }
    seconds = (int64_t)(date - modified) / GUESS_DIVISOR;
    return seconds < GUESS_MAX_S ? seconds : GUESS_MAX_S;
}

/* In milliseconds; CACHE_ABSENT: nobody says so. *is_told: by the server. */
static int64_t fresh_ms(const struct cache_facts *facts, const struct cache_control *control,
                        bool *is_told)
{
    const struct http_field *expires = find_sent(&facts->response->fields, SPAN_OF("Expires"));
    int64_t guess;

    *is_told = true;
    if (control->s_maxage_s != CACHE_ABSENT) {
        return control->s_maxage_s * SECOND_MS;
    }
    if (control->max_age_s != CACHE_ABSENT) {
        return control->max_age_s * SECOND_MS;
    }
    if (expires != NULL) {
        return expires_s(facts, expires) * SECOND_MS;
    }
    *is_told = false;
    /* A response to somebody's cookie is somebody's, as long as the server does not say otherwise.
     */
    if (is_sent(&facts->request->fields, FIELD_COOKIE) ||
        !is_kept_by_default(facts->response->status)) {
        return CACHE_ABSENT;
    }
    if (facts->settings->default_ttl_ms != 0) {
        return (int64_t)facts->settings->default_ttl_ms;
    }
    guess = guess_s(facts);
    return guess != CACHE_ABSENT ? guess * SECOND_MS : CACHE_ABSENT;
}

/* Section 4.2.3. */
static int64_t initial_age_ms(const struct cache_facts *facts)
{
    const struct http_field *field = find_sent(&facts->response->fields, SPAN_OF("Age"));
    time_t date = date_of(&facts->response->fields, SPAN_OF("Date"), facts->now);
    int64_t told = 0;
    int64_t apparent = date != 0 && facts->now > date ? (int64_t)(facts->now - date) : 0;

    if (field != NULL) {
        told = cache_seconds(span_trim(span_head(field->value, span_find(field->value, ','))));
        told = told == CACHE_ABSENT ? 0 : told;
    }
    told = told * SECOND_MS + facts->delay_ms;
    apparent *= SECOND_MS;
    return told > apparent ? told : apparent;
}

static int64_t stale_ms(int64_t told_s, uint64_t usual_ms, const struct cache_control *control)
{
    /* s-maxage means proxy-revalidate, too (section 5.2.2.10). */
    if (control->must_revalidate || control->no_cache || control->s_maxage_s != CACHE_ABSENT) {
        if (told_s == CACHE_ABSENT || control->must_revalidate || control->no_cache) {
            return 0;
        }
    }
    return told_s != CACHE_ABSENT ? told_s * SECOND_MS : (int64_t)usual_ms;
}

const char *cache_refuses(const struct cache_facts *facts, struct cache_life *life)
{
    struct cache_control control;
    struct validators validators;
    const char *why;
    bool is_told;

    cache_control_read(&facts->response->fields, CACHE_CONTROL, &control);
    why = forbids(facts, &control);
    if (why != NULL) {
        return why;
    }
    *life = (struct cache_life){
        .age_ms = initial_age_ms(facts),
        .fresh_ms = fresh_ms(facts, &control, &is_told),
        .stale_revalidate_ms =
            stale_ms(control.stale_revalidate_s, facts->settings->stale_revalidate_ms, &control),
        .stale_error_ms =
            stale_ms(control.stale_error_s, facts->settings->stale_error_ms, &control),
        .must_ask = control.no_cache,
    };
    if (life->fresh_ms == CACHE_ABSENT && !control.no_cache && !control.is_public) {
        return "no-freshness";
    }
    if (life->fresh_ms == CACHE_ABSENT) {
        life->fresh_ms = 0;
    }
    cache_validators(&facts->response->fields, &validators);
    if ((life->must_ask || life->fresh_ms <= life->age_ms) && validators.etag.ptr == NULL &&
        validators.last_modified == 0 && life->stale_revalidate_ms + life->stale_error_ms == 0) {
        return "stale"; /* of no use: it could neither be given nor asked about */
    }
    return NULL;
}

/* ---- giving it ---- */

static int64_t over_ms(const struct cache_life *life, int64_t resident_ms)
{
    return life->age_ms + resident_ms - life->fresh_ms;
}

enum cache_use cache_judge(const struct cache_life *life, int64_t resident_ms)
{
    int64_t over = over_ms(life, resident_ms);

    if (life->must_ask) {
        return CACHE_USE_ASK;
    }
    if (over < 0) {
        return CACHE_USE_FRESH;
    }
    return over < life->stale_revalidate_ms ? CACHE_USE_STALE : CACHE_USE_ASK;
}

bool cache_excuses_error(const struct cache_life *life, int64_t resident_ms)
{
    return !life->must_ask && over_ms(life, resident_ms) < life->stale_error_ms;
}

int64_t cache_age_s(const struct cache_life *life, int64_t resident_ms)
{
    return (life->age_ms + resident_ms) / SECOND_MS;
}

int64_t cache_left_s(const struct cache_life *life, int64_t resident_ms)
{
    return -over_ms(life, resident_ms) / SECOND_MS;
}

bool cache_is_error(unsigned status)
{
    return status == 500 || status == 502 || status == 503 || status == 504;
}

/* ---- fields ---- */

void cache_validators(const struct http_fields *fields, struct validators *validators)
{
    const struct http_field *etag = find_sent(fields, SPAN_OF("ETag"));
    const struct http_field *modified = find_sent(fields, SPAN_OF("Last-Modified"));
    const struct http_field *date = find_sent(fields, SPAN_OF("Date"));
    time_t when;
    time_t sent;

    *validators = (struct validators){.etag = {NULL, 0}};
    if (etag != NULL && etag->value.len >= 2) {
        validators->etag = etag->value;
    }
    if (modified != NULL && http_date_parse(modified->value, &when)) {
        validators->last_modified = when;
        /* RFC 9110 section 8.8.2.2: a second or more before it was sent. */
        validators->is_date_strong =
            date != NULL && http_date_parse(date->value, &sent) && sent > when;
    }
}

bool cache_keeps_field(const struct http_field *field)
{
    return !field->is_not_sent && !span_ieq(field->name, SPAN_OF("Age")) &&
           !span_ieq(field->name, SPAN_OF("Proxy-Authentication-Info")) &&
           field->id != FIELD_TRAILER;
}

bool cache_updates_field(const struct http_field *field)
{
    /* What these say is of the stored body, as it is (section 3.2). */
    return cache_keeps_field(field) && field->id != FIELD_CONTENT_LENGTH &&
           !span_ieq(field->name, SPAN_OF("Content-Encoding")) &&
           !span_ieq(field->name, SPAN_OF("Content-Range")) &&
           !span_ieq(field->name, SPAN_OF("Content-MD5")) &&
           !span_ieq(field->name, SPAN_OF("Content-Digest")) &&
           !span_ieq(field->name, SPAN_OF("Vary"));
}

bool cache_tells_not_modified(const struct http_field *field)
{
    static const struct span kept[] = {SPAN("Cache-Control"), SPAN("Content-Location"),
                                       SPAN("Date"),          SPAN("ETag"),
                                       SPAN("Expires"),       SPAN("Vary"),
                                       SPAN("Age"),           SPAN("Cache-Status")};

    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        if (span_ieq(field->name, kept[i])) {
            return true;
        }
    }
    return false;
}
