#include "cli/route_request.h"

#include "edge/network.h"

static const struct client_names *ask_client(void *asker)
{
    const struct route_request *request = asker;
    const struct route_question *question = request->question;

    return question->is_https && !question->is_without_certificate ? &route_any_client : NULL;
}

static const uint8_t *ask_address(void *asker)
{
    const struct route_request *request = asker;
    const struct client_view *view = &request->view;

    if (request->is_peer_trusted && view->hop_count != 0) {
        return view->hops[view->hop_count - 1].ip;
    }
    return request->question->from;
}

static struct span ask_authority(void *asker)
{
    const struct route_request *request = asker;

    return request->is_peer_trusted ? request->view.host : request->authority;
}

static bool is_trusted(const void *settings, const uint8_t ip[16])
{
    return network_list_has(&((const struct settings *)settings)->trusted_proxies, ip);
}

/* As browsers write it: lower case, and no port that is the scheme's own. Of the other scheme's it
 * is left out, too: who asks http on 443 means the listener. */
static struct span authority_of(const struct route_question *question, struct arena *arena)
{
    char *host = arena_cstr(arena, question->host);

    for (size_t i = 0; i < question->host.len; i++) {
        host[i] = ascii_lower(host[i]);
    }
    return span_from_cstr(question->port == 80 || question->port == 443
                              ? host
                              : arena_printf(arena, "%s:%u", host, (unsigned)question->port));
}

/* What a trusted peer says of the client. */
static void read_view(struct route_request *request)
{
    const struct client_view_from from = {.peer = request->question->from_text,
                                          .is_tls = request->question->is_https,
                                          .authority = request->authority,
                                          .fields = &request->message.fields,
                                          .is_trusted = is_trusted,
                                          .context = request->settings};

    client_view_read(&from, request->arena, &request->view);
}

void route_request_init(struct route_request *request, const struct route_question *question,
                        const struct settings *settings, const struct host_table *hosts,
                        const struct edge_site *connected, struct arena *arena)
{
    *request = (struct route_request){
        .question = question,
        .settings = settings,
        .arena = arena,
        .authority = authority_of(question, arena),
        .message = {.method = http_method_from(question->method),
                    .method_name = question->method,
                    .path = question->path,
                    .query = question->query,
                    .authority = question->host},
        .is_peer_trusted = network_list_has(&settings->trusted_proxies, question->from),
    };
    for (size_t i = 0; i < question->field_count; i++) {
        http_fields_add(&request->message.fields, arena, http_field_id(question->fields[i].name),
                        question->fields[i].name, question->fields[i].value);
    }
    if (request->is_peer_trusted) {
        read_view(request);
    }
    request->edge = (struct edge_request){.hosts = hosts,
                                          .connected = connected,
                                          .is_https = question->is_https,
                                          .host = question->host,
                                          .path = question->path,
                                          .method = question->method,
                                          .message = &request->message,
                                          .is_peer_trusted = request->is_peer_trusted,
                                          .client = ask_client,
                                          .address = ask_address,
                                          .authority = ask_authority,
                                          .asker = request};
}

/* ---- what each route said ---- */

static const char *words_of(const struct route_request *request, enum route_fit fit,
                            const struct condition *failed)
{
    switch (fit) {
    case ROUTE_FAILS_PATH:
        return "the path does not fit";
    case ROUTE_FAILS_REGEX:
        return "its 'regex' is not found in the path";
    case ROUTE_FAILS_METHOD:
        return arena_printf(request->arena, "it does not take %.*s",
                            SPAN_ARG(request->question->method));
    case ROUTE_FAILS_CONDITION:
        return arena_printf(request->arena, "this does not hold: %s",
                            condition_words(failed, request->arena));
    case ROUTE_FAILS_CLIENT:
        return "the client's certificate does not fit";
    case ROUTE_FAILS_SEARCH:
        return "a regular expression takes more steps than it may";
    case ROUTE_FITS:
        break;
    }
    return "it fits";
}

static const char *kind_of(enum route_fit fit)
{
    static const char *const kinds[] = {
        [ROUTE_FITS] = "",
        [ROUTE_FAILS_PATH] = "path",
        [ROUTE_FAILS_REGEX] = "regex",
        [ROUTE_FAILS_METHOD] = "methods",
        [ROUTE_FAILS_CONDITION] = "condition",
        [ROUTE_FAILS_CLIENT] = "client",
        [ROUTE_FAILS_SEARCH] = "search",
    };

    return kinds[fit];
}

const struct route_try *route_request_tries(struct route_request *request,
                                            const struct edge_decision *decision,
                                            const struct site_settings *site, size_t *count)
{
    const struct route_table *table = &decision->site->table;
    const struct client_names *client = route_table_asks_client(table) ? ask_client(request) : NULL;
    struct match_facts facts = edge_facts(&request->edge, decision->path.match, request->arena);
    struct route_try *tries = arena_calloc(request->arena, (table->count + 1) * sizeof(*tries));
    int ended = ROUTE_NONE;

    facts.method = decision->method;
    *count = 0;
    for (size_t i = 0; i < table->count; i++) {
        const struct condition *failed = NULL;
        enum route_fit fit = route_match_check(&table->routes[i], &facts, client, &failed);

        if (fit == ROUTE_FITS) {
            break;
        }
        if (site->routes[i].signs_in == NULL) { /* else nobody has written it */
            tries[(*count)++] =
                (struct route_try){&site->routes[i], kind_of(fit), words_of(request, fit, failed)};
        }
        if (route_match_ends(&table->routes[i], fit, &ended)) {
            break;
        }
    }
    return tries;
}
