/* Another configuration: which connections go on with it, and what becomes of those that cannot. */
#include "config/serving.h"
#include "edge/host_table.h"
#include "gateway/generation.h"
#include "gateway/session_internal.h"

#include "certs/networks.h"

/* Who sent no name came by the address, or to the default site: the site of the same name. */
static const struct site *find_by_name(const struct snapshot *snapshot,
                                       const struct listener *listener, const char *name)
{
    for (size_t i = 0; i < snapshot->settings->site_count; i++) {
        const struct site_settings *settings = &snapshot->settings->sites[i];
        if (serving_same_name(settings->name, name) &&
            serving_listener_has(listener->settings, settings)) {
            return &snapshot->sites[i];
        }
    }
    return NULL;
}

/* The site that the handshake would be for now, if it would ask the same of the client; else NULL.
 */
static const struct site *find_again(const struct session *session, const struct snapshot *snapshot,
                                     const struct listener *listener)
{
    const struct link *link = &session->link;
    const struct site *site =
        link->sni != NULL
            ? snapshot_site(snapshot, host_table_find(listener->hosts, span_from_cstr(link->sni)))
            : find_by_name(snapshot, listener, link->site->settings->name);

    return site != NULL && site->edge->tls == EDGE_TLS_ENDS && !site->edge->is_tcp &&
                   serving_same_clients(site->settings->tls, link->site->settings->tls)
               ? site
               : NULL;
}

static void on_leaving(struct deferred *deferred)
{
    session_drain(CONTAINER_OF(deferred, struct session, leaving));
}

void session_follow_init(struct session *session)
{
    deferred_init(&session->leaving, on_leaving);
}

void session_stay_behind(struct session *session, bool has_lost_site)
{
    session->link.has_lost_site = has_lost_site;
    session->link.is_leaving = true;
    /* Not at once: a front may be about to begin a request. */
    loop_defer(session->worker->core.loop, &session->leaving);
}

static void go_on(struct session *session, const struct site *site)
{
    struct generation *old = session->generation;
    struct link *link = &session->link;

    session->generation = generation_hold_session(session->worker->generation);
    link->snapshot = session->generation->snapshot;
    link->settings = link->snapshot->settings;
    link->listener = session->socket->listener;
    link->site = site;
    link->is_peer_trusted = networks_trust(link->settings, &link->peer);
    generation_release_session(old);
}

void session_follow(struct session *session)
{
    const struct listener *listener = session->socket->listener;
    const struct site *site = NULL;

    if (session->generation == session->worker->generation || session->link.is_leaving ||
        (session->state != SESSION_PEEK && session->state != SESSION_HTTP)) {
        return;
    }
    if (listener == NULL) {
        session_stay_behind(session, false);
        return;
    }
    if (session->link.is_tls) {
        site = find_again(session, session->worker->generation->snapshot, listener);
        if (site == NULL) {
            session_stay_behind(session, true);
            return;
        }
    }
    go_on(session, site);
}
