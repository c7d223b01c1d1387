#include "edge/www.h"

#include "edge/host_table.h"

static const struct span www_label = SPAN("www.");

static bool has_www(struct span host)
{
    return span_istarts_with(host, www_label) && host.len > www_label.len;
}

bool www_has_forms(struct span host)
{
    return host.len != 0 && span_find(host, '*') == host.len && host_is_pattern(host) == 0 &&
           !host_is_address(host);
}

struct span www_other_form(struct span host, struct arena *arena)
{
    if (has_www(host)) {
        return span_skip(host, www_label.len);
    }
    return span_from_cstr(arena_printf(arena, "www.%.*s", SPAN_ARG(host)));
}

bool www_sends_away(enum site_www www, struct span host)
{
    switch (www) {
    case SITE_WWW_ADD:
        return !has_www(host);
    case SITE_WWW_REMOVE:
        return has_www(host);
    case SITE_WWW_AS_IS:
        break;
    }
    return false;
}
