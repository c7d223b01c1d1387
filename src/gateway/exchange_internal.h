/* What the files of an exchange share:
 *   exchange.c              its life: the request, the response, time
 *   exchange_decide.c       which route serves it
 *   exchange_front.c        as its front calls it (exchange_ops)
 *   exchange_time.c         how long its sides may be silent
 *   exchange_answer.c       answers made here
 *   exchange_policy.c       phases and body filters
 *   exchange_compress.c     whether its response is compressed
 *   exchange_fields.c       what is added to and taken from the fields
 *   exchange_view.c         how the client sees the request
 *   exchange_hops.c         loops, Max-Forwards
 *   exchange_destination.c  WebDAV's Destination
 *   exchange_locations.c    a server's own URLs on the way back
 *   exchange_pages.c        pages in place of errors
 *   exchange_cors.c         cross-origin requests, early hints
 *   exchange_forward.c      its call
 *   exchange_mirror.c       the copy of its request for a mirror
 *   exchange_files.c        which file answers
 *   exchange_script.c       which script does
 *   exchange_cache.c        what is stored answers, or is stored
 *   exchange_admission.c    clients that are kept off
 *   exchange_values.c       variables, and the rules that use them
 *   exchange_log.c          its line in the access log
 * Not for others. */
#ifndef TIDEGATE_GATEWAY_EXCHANGE_INTERNAL_H
#define TIDEGATE_GATEWAY_EXCHANGE_INTERNAL_H

#include "client/call.h"
#include "edge/client_view.h"
#include "edge/field_senders.h"
#include "edge/idle.h"
#include "edge/path.h"
#include "edge/rewrite.h"
#include "gateway/cache_keeper.h"
#include "gateway/exchange.h"
#include "gateway/route_cache.h"
#include "gateway/worker_base.h"
#include "http/message.h"
#include "http/own_answer.h"
#include "policy/body_filter.h"
#include "policy/phase.h"
#include "server/front_exchange.h"

struct cache_wait;
struct mirror;

/* In the exchange's arena. */
struct exchange_cache {
    const struct route_cache *route;
    struct cache_keeper keeper;
    struct http_request asked; /* as the client asked, with its conditions and range */
    bool may_fetch;
    bool is_only_cached;
    uint64_t wait_until_us;
    struct cache_wait *wait;   /* for somebody else's response; NULL: it does not */
    struct cache_entry *entry; /* what is sent; held */
    struct span rest;          /* of its body */
    bool is_sending;
    bool is_validated;     /* by a 304, whose end is awaited */
    const char *excused;   /* the status of an error in whose place it is given; NULL: none */
    const char *forwarded; /* why a server was asked, in Cache-Status' words; NULL: it was not */
    struct span log_word;  /* "hit", "stale", ... */
};

struct exchange {
    struct front_exchange front; /* what the client's side knows of it */
    struct worker *worker;
    struct link *link;
    struct generation *generation;   /* that it began with; counted */
    const struct settings *settings; /* its */
    const struct listener *listener; /* its, of the link */
    const struct site *connected;    /* its, which the handshake was for; see link->site */
    struct arena arena;
    struct http_request request;
    struct path path;         /* as it was asked for */
    bool has_client_query;    /* the server gets another one, in request.query; the client's is */
    struct span client_query; /* here */
    struct path target;       /* as it is looked for: the same, or what `rewrite` makes of it */
    struct http_response response;
    const struct site *site;
    const struct route *route;
    const struct backend *backend;
    const struct backend_settings *backend_settings; /* its own */
    size_t part;                                     /* of the route's split, where it has one */
    bool is_part_new;                                /* the client gets a cookie with it */
    struct call call;                                /* to a server */
    struct mirror *mirror;                           /* while it is filled; NULL: there is none */
    struct exchange_cache *cache;                    /* NULL: its route has none, or not yet */
    struct phases *phases;      /* of the route, from its first to the last; NULL: it has none */
    struct body_chain *filters; /* of the response; NULL: none */
    struct exchange_compress *compress; /* of a response that is compressed; else NULL */
    struct exchange_grpc_web *grpc_web; /* of a request in that form, where it is translated */
    struct upgrade_tunnel *tunnel;
    struct timer timer;
    struct deferred again;     /* exchange_again */
    struct list pool_node;     /* of the worker's exchanges, or of the free ones */
    bool is_grpc;              /* both sides may be silent for long */
    bool is_early;             /* its head came before the TLS handshake was over (RFC 8470) */
    unsigned refused_status;   /* what exchange_refuse answers with; 0: it was not called */
    bool was_continued;        /* a 100 (Continue) was passed on */
    struct strbuf *collected;  /* the request's body, for its phases; NULL: they want none of it */
    struct file_answer *found; /* looked for before it was answered; NULL: not yet */
    struct file_answer *file;  /* being sent; NULL: none */
    size_t asked_fields;       /* of the request's fields, those that its client sent */
    size_t file_part;
    uint64_t file_at;
    bool has_open_file;      /* counted in link and core */
    struct span answer;      /* the body of an answer made here, when it waits for the request */
    uint64_t request_bytes;  /* of the body so far */
    uint64_t response_bytes; /* of the body so far, as given to the front */
    uint64_t request_ms;     /* that it has as a whole; 0: no limit */
    uint64_t first_byte_us;
    struct trouble note; /* for the log, where there was no trouble */
    struct refusal_facts refusal;
    char id[REQUEST_ID_LEN + 1];
    struct span request_id;    /* id, or a trusted peer's */
    struct span peer;          /* see exchange_peer */
    struct span *destinations; /* the fields' values as they came; NULL: not asked for yet */
    size_t destination_count;
    struct client_view view; /* see exchange_view */
    bool has_view;
    bool is_preflight; /* answered as one */
    struct page
        *own_page;     /* of the answer made here, whatever its status; NULL: as `errors` says */
    struct span page;  /* in place of a server's body, which is dropped; ptr NULL: none */
    bool is_page_sent; /* it has bytes, and the client wants them */
    char trouble_text[256];
};

static inline struct exchange *exchange_of(const struct front_exchange *front)
{
    return CONTAINER_OF((struct front_exchange *)(uintptr_t)front, struct exchange, front);
}

/* Sets its state, and tells of it. */
void exchange_enter(struct exchange *x, enum exchange_state state);
/* Answers with an error and ends; `closes` the client's connection. Texts are static, or live in
 * the arena. */
void exchange_refuse(struct exchange *x, unsigned status, bool closes, const char *reason,
                     const char *detail, const char *mend);

/* ---- from the front: see exchange_ops ---- */
extern const struct exchange_ops exchange_ops; /* exchange_front.c */
void exchange_begin(struct exchange *x);
bool exchange_takes_body(const struct exchange *x);
/* exchange_memory.c. Whether no more of its body is read for now, for want of memory. */
bool exchange_is_stopped(const struct exchange *x) MUST_CHECK;
/* Whether it was refused for that. */
bool exchange_lacks_memory(struct exchange *x) MUST_CHECK;
void exchange_request_body(struct exchange *x, struct span bytes);
/* A piece of the body as the server gets it. */
void exchange_pass_body(struct exchange *x, struct span bytes);
void exchange_request_end(struct exchange *x, struct http_fields *trailers);
void exchange_request_moved(struct exchange *x, uint64_t bytes);
/* Of the request's body; UINT64_MAX: unknown. */
uint64_t exchange_body_left(const struct exchange *x);
bool exchange_is_held_back(const struct exchange *x);
struct idle_limit exchange_idle_of_client(const struct exchange *x);
bool exchange_body_comes(const struct exchange *x, uint64_t moved, bool was_held);
struct idle_limit exchange_body_limit(const struct exchange *x, uint64_t moved);
struct conn *exchange_raw_back(const struct exchange *x);
bool exchange_has_more(const struct exchange *x);
void exchange_front_writable(struct exchange *x);
void exchange_abandon(struct exchange *x, const char *reason);

/* ---- answers, be they a server's or made here ---- */
/* Whether more of the response can be given now; if not, call_resume tells. */
bool exchange_poll_response(struct exchange *x);
/* While that is true: how much of it should be read at a time. */
size_t exchange_response_room(const struct exchange *x);
void exchange_response_body(struct exchange *x, struct span bytes);
void exchange_response_moved(struct exchange *x, uint64_t bytes);
/* The client's connection, where the body may be moved by splice; NULL where not. */
struct conn *exchange_raw_front(const struct exchange *x);
void exchange_response_end(struct exchange *x, struct http_fields *trailers);
/* Something has moved: the server's side may be silent for as long again. */
void exchange_progress(struct exchange *x);
/* Before the call has a connection: what the request has as a whole goes on. */
void exchange_await_deadline(struct exchange *x);

/* ---- for the parts of this module ---- */
/* exchange_answer.c: answers made here. */
void exchange_answer_redirect(struct exchange *x, unsigned status, const char *location);
void exchange_answer_route(struct exchange *x);
void exchange_answer_file_go_on(struct exchange *x);
void exchange_count_file(struct exchange *x, bool is_open);
void exchange_answer_error(struct exchange *x, unsigned status);
/* `fields` are all that it has, but for Date and framing; both live as long as the exchange. */
void exchange_answer_with(struct exchange *x, unsigned status, const struct http_fields *fields,
                          struct span body);
/* Ends a response that has begun and cannot be completed. A gRPC client is told by trailers, all
 * others by the lack of an end. */
void exchange_break(struct exchange *x);
void exchange_answer_now(struct exchange *x);
/* True: the answer comes with the request's end, or in a moment (exchange_answer_now). */
bool exchange_answer_waits(struct exchange *x);
/* exchange_view.c: false where the client has no address. IPv4 is mapped into IPv6. */
bool exchange_client_ip(struct exchange *x, uint8_t ip[16]);
/* exchange_policy.c: phases and body filters. */
/* Runs the route's phases. True: they let it pass; false: it waits, or was answered. */
bool exchange_pass_phases(struct exchange *x);
/* Its body is read before its phases, which are told of it (phases_owner.body); and it has come. */
void exchange_collect(struct exchange *x);
void exchange_collected(struct exchange *x);
/* Whoever waits for leave to send the body gets it. */
void exchange_ask_for_body(struct exchange *x);
/* A server's response: its head has come; a piece of its body; its end. False: it was rejected, or
 * (at the end) the exchange has ended. */
bool exchange_begin_filters(struct exchange *x);
void exchange_filter_body(struct exchange *x, struct span bytes);
bool exchange_end_filters(struct exchange *x);
bool exchange_filters_take(const struct exchange *x);
/* One more, once the head is as it will be sent but for what this one makes of it. */
void exchange_add_filter(struct exchange *x, struct body_filter *filter);
/* What filters hold goes on; the exchange may have ended then. */
void exchange_flush_filters(struct exchange *x);
/* exchange_compress.c: */
/* A response's head is as it will be sent: has its body compressed, if that is to be. */
void exchange_compress(struct exchange *x);
/* A piece of the body has gone through the filters. What they hold goes on when nothing follows for
 * a moment. */
void exchange_await_pause(struct exchange *x);

/* ---- gRPC-Web (exchange_grpc_web.c) ---- */
/* The request as its server gets it. */
const struct http_request *exchange_grpc_web_begin(struct exchange *x);
/* Whether its body is decoded on its way. */
bool exchange_grpc_web_decodes(const struct exchange *x);
void exchange_grpc_web_decode(struct exchange *x, struct span bytes);
/* At its end. False: it was refused. */
bool exchange_grpc_web_is_whole(struct exchange *x);
/* Of its response. What becomes of the trailers: those that are still to be sent, or NULL. */
void exchange_grpc_web_head(struct exchange *x);
struct http_fields *exchange_grpc_web_trailers(struct exchange *x, struct http_fields *trailers);

void exchange_compress_trailers(const struct exchange *x, struct http_fields *trailers);
/* What was put off to the end of the loop's turn: a file's next piece, a body that may be read now.
 */
void exchange_again(struct deferred *deferred);
/* exchange_time.c: how long what may take, of its route where that says so; its response_ms is 0
 * where it has no backend. */
struct idle_settings exchange_timeouts(const struct exchange *x);
/* How long the client of its route may take no byte; 0: as the settings say. */
uint64_t exchange_send_ms(const struct exchange *x);
/* The same with what its client says of its time; and what edge/idle.h asks besides. */
struct idle_settings exchange_idle_settings(const struct exchange *x);
struct idle_facts exchange_idle_facts(const struct exchange *x);
/* exchange.c: the request has passed its phases. */
void exchange_serve(struct exchange *x);
/* exchange_fields.c: what is added to and taken from the fields. */
void exchange_prepare_request(struct exchange *x);
/* Who may send that field of a request: as edge/field_senders.h says, and the one that names the
 * client. */
enum field_sender exchange_field_sender(const struct exchange *x, const struct http_field *field);
/* Leaves out what no trailer may claim, whoever sent it. */
void exchange_prepare_trailers(const struct exchange *x, struct http_fields *trailers);
void exchange_prepare_response(struct exchange *x);
/* exchange_auth.c: what methods of `auth` ask of an exchange (policy/phase.h)... */
const struct client_names *exchange_auth_client_names(struct phases *phases);
struct client *exchange_auth_client(struct phases *phases);
void exchange_auth_outgoing(struct phases *phases, struct auth_outgoing *out);
/* ... and what they leave for its messages. */
/* Whether the cookie of that name is one that the gateway has set to keep a session in. */
bool exchange_cookie_is_own(const struct exchange *x, struct span name);
void exchange_auth_request(struct exchange *x);
void exchange_auth_trailers(const struct exchange *x, struct http_fields *trailers);
void exchange_auth_response(struct exchange *x);
/* exchange_view.c: how the client sees it; the request must have been parsed. */
const struct client_view *exchange_view(struct exchange *x);
bool exchange_is_https(struct exchange *x);
/* The peer's address without port; empty: a Unix socket. */
struct span exchange_peer(struct exchange *x);
/* Who the client is, for people: address and port as far as they are known. `text` is room for it.
 */
struct span exchange_client_text(struct exchange *x, char text[SOCK_TEXT_MAX]);
/* exchange_hops.c: true: the request goes no further, and was answered. */
bool exchange_ends_here(struct exchange *x);
/* exchange_balance.c: which server it asks for, by what requests of its kind have in common. */
void exchange_choose_key(struct exchange *x);
/* By such settings; 0: it has none. */
uint64_t exchange_balance_key(struct exchange *x, const struct balance_settings *balance);
/* A cookie of such settings, with the response. */
void exchange_set_sticky(struct exchange *x, const struct balance_sticky_settings *sticky,
                         struct span token);
/* exchange_mirror.c: the request is about to be forwarded by a route with a mirror: may begin a
 * copy, */
void exchange_mirror_begin(struct exchange *x);
/* to which a piece of the body is added, */
void exchange_mirror_body(struct exchange *x, struct span bytes);
/* which is sent with the request's end, or will not be. All where there is none, too. */
void exchange_mirror_end(struct exchange *x, const struct http_fields *trailers);
void exchange_mirror_leave(struct exchange *x);
/* ---- exchange_split.c ---- */
/* Its backend: the route's, or the part of its split that gets this request. */
void exchange_choose_backend(struct exchange *x);
/* The response's head is here: says which part, where the client is to stay with it. */
void exchange_keep_part(struct exchange *x);
/* Tells the client which server it got, where that is to last and is new to it. */
void exchange_keep_server(struct exchange *x);
/* exchange_destination.c: true: Destination leads where the client may not go; it was answered. */
bool exchange_destination_is_refused(struct exchange *x);
/* Writes it as the server sees its own URLs: the one that the call has now. */
void exchange_translate_destination(struct exchange *x);
/* exchange_locations.c: a server's response says its own URLs as the client is to read them. */
void exchange_translate_locations(struct exchange *x);
/* exchange_pages.c: the page for an error of our own, with its media type; false: it has none. */
bool exchange_error_page(struct exchange *x, unsigned status, struct span *type,
                         struct span *text) MUST_CHECK;
/* A server's error has a page in its place, where `from_servers` says so: head and x->page. */
void exchange_replace_error(struct exchange *x);
/* What the refusal that follows has besides: nobody is served, but for some. */
void exchange_say_maintenance(struct exchange *x);
/* What `respond` has as its body, and its media type. */
struct span exchange_respond_body(struct exchange *x, const struct respond_settings *respond,
                                  struct span *type);
/* exchange_cors.c: of a route with `cors`. */
void exchange_answer_preflight(struct exchange *x);
/* To an answer, whoever made it. */
void exchange_add_cors(struct exchange *x);
/* Sends 103 where the route has links for it, and the client takes it. */
void exchange_send_early_hints(struct exchange *x);
/* exchange_decide.c: what would serve a path on the request's connection, host and method. */
struct edge_decision;
void exchange_decide(struct exchange *x, struct span path, struct edge_decision *decision);
/* What rules of `access` are asked of the request; its route has been found. */
struct access_question;
void exchange_ask_access(struct exchange *x, struct access_question *question);
/* Whether they let it ask that route for another path, too. */
bool exchange_may_reach(struct exchange *x, const struct route *route, const struct path *path);
/* exchange_admission.c: true: its client is kept off; it was answered. */
bool exchange_is_banned(struct exchange *x) MUST_CHECK;
/* It has ended: what of it a ban counts is counted. */
void exchange_note_offence(struct exchange *x);
/* exchange_forward.c: the call. */
extern const struct call_ops exchange_call_ops;
void exchange_forward(struct exchange *x);
void exchange_stop_tunnel(struct exchange *x);
/* How its lease ends: of a request that is refused with this status, or broken off for x->trouble.
 */
enum lease_how exchange_how_refused(unsigned status);
enum lease_how exchange_how_broken(const struct exchange *x);
/* exchange.c */
/* On each way in, for the message of a process that dies. */
void exchange_take_in_hand(const struct exchange *x);
/* Finishes where the request has followed its response to the end, or what the server takes of it.
 */
void exchange_end_rest(struct exchange *x);
void exchange_finish(struct exchange *x, bool is_broken);
/* What writes to the client past its front has seen first that it has gone. */
void exchange_lose_client(struct exchange *x);
/* exchange_log.c */
void exchange_log(struct exchange *x);

/* exchange_values.c: variables, and the rules of site and route that use them. */
struct template_values exchange_values(struct exchange *x);
/* What the route looks for in place of the path (x->target). False: it is no path; it was answered.
 */
bool exchange_rewrite(struct exchange *x);
/* The same for the query, before the request is forwarded. May be called twice. */
void exchange_rewrite_query(struct exchange *x);
/* As the client wrote it. */
static inline struct span exchange_query(const struct exchange *x)
{
    return x->has_client_query ? x->client_query : x->request.query;
}
void exchange_apply_request_rules(struct exchange *x);
void exchange_apply_response_rules(struct exchange *x);
void exchange_apply_trailer_rules(const struct exchange *x, struct http_fields *trailers,
                                  bool of_request);
struct span exchange_redirect_location(struct exchange *x);
/* Of its route, else of its site, else of the file. */
const struct log_rules *exchange_log_rules(const struct exchange *x);
/* The members of its line that these name, all of them. */
const struct access_member *exchange_log_members(struct exchange *x);
/* Values as they may be written. */
struct template_values exchange_logged_values(struct exchange *x);

/* exchange_files.c: the file that answers, or why there is none; in the arena. */
struct file_answer *exchange_find_file(struct exchange *x);
/* One file by its match path; and what an entry of `try` makes of the request's (false: no path).
 */
void exchange_open_file(struct exchange *x, struct span match, struct file_answer *file);
bool exchange_file_candidate(struct exchange *x, const struct template *template,
                             struct span *match);
/* exchange_script.c: false: x->found answers. */
bool exchange_is_for_script(struct exchange *x);
/* Whether it is answered here, and not by the route's server. */
bool exchange_is_for_file(struct exchange *x);

/* exchange_cache.c: what is stored answers, or what comes is stored. */
/* Just before it would be forwarded. True: it was answered, or waits. */
bool exchange_cache_serves(struct exchange *x);
/* A server's head, also where a method that changes something has stored ones forgotten. True: it
 * is not one to be passed on, and has been seen to. */
bool exchange_cache_takes_head(struct exchange *x);
/* A server's response is whole. True: it was a 304, and what is stored is the answer. */
bool exchange_cache_takes_end(struct exchange *x, const struct http_fields *trailers);
/* It would be refused with that status. True: something stale was given in its place. */
bool exchange_cache_excuses(struct exchange *x, unsigned status);
/* More of what is stored can be sent. */
void exchange_cache_go_on(struct exchange *x);
/* True: the timer was its own. */
bool exchange_cache_on_timer(struct exchange *x);
/* Nothing is asked for it any more; and, later, its memory goes. Both may be called twice. */
void exchange_cache_leave(struct exchange *x);
void exchange_cache_free(struct exchange *x);

#endif
