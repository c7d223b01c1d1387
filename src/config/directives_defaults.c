/* What sites have in common: directives of sites, into a site that is none. */
#include "config/directives_internal.h"
#include "config/directives_share.h"

static const struct directive defaults_directives[] = {
    {.name = "tls",
     .type = DIRECTIVE_SECTION,
     SLOT(site_settings, tls),
     .section = &section_tls,
     .doc = "TLS that ends here: one certificate for the names of all sites, or `policy` and "
            "`certificates_from`.",
     .example = "tls: { certificate: all.crt, key: all.key }"},
    {REQUEST_FIELDS(site_settings, ".")},
    {RESPONSE_FIELDS(site_settings, ".")},
    {SECURITY_FIELDS(site_settings, "")},
    {HSTS(site_settings, " Of sites with `tls`.")},
    {COMPRESS(site_settings, ".")},
    {AUTH(site_settings, ".")},
    {ACCESS(site_settings, "; where none does, it is refused.")},
    {RATES(site_settings, ", of each site for itself.")},
    {RETRIES(site_settings, "; without it, what the backend says")},
    {CORS(site_settings, "")},
    {ERRORS(site_settings, "")},
    {MAINTENANCE(site_settings, "")},
    {LOCATIONS(site_settings, "")},
    {COOKIES(site_settings, "")},
    {CACHE_OF(site_settings, ".")},
    {.name = "paths",
     .type = DIRECTIVE_ENUM,
     SLOT(site_settings, paths),
     .words = site_paths,
     .doc = "What becomes of paths that servers read in different ways: refused, or sent on as "
            "they came.",
     .example = "paths: as_sent"},
};

const struct section section_defaults = {
    .name = "defaults",
    .title = "defaults",
    .doc = "What all sites have that do not say otherwise: what is written here stands in each "
           "site as if it were written there. A key that a site has itself counts there in its "
           "place, as a whole, but for `request_fields` and `response_fields`, of which both "
           "count and the site's win; `off` leaves it out. Sites with `passthrough` have nothing "
           "of it, those with `tcp` its `tls` alone. Paths are seen from the folder of the file "
           "that they are written in.",
    .directives = defaults_directives,
    .count = ARRAY_LEN(defaults_directives),
    .size = sizeof(struct site_settings),
    .place_offset = offsetof(struct site_settings, place),
};
