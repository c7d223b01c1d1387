/* Which script answers, where the route's backend speaks FastCGI: one that is there, below the
 * backend's root, or a file beside it. */
#include <errno.h>

#include "client/fcgi_params.h"
#include "edge/script.h"
#include "files/beneath.h"
#include "files/static_files.h"
#include "gateway/exchange_internal.h"

static struct script_rule rule_of(const struct route_settings *route)
{
    return (struct script_rule){span_from_cstr(route->backend->split_path),
                                span_from_cstr(route->backend->index)};
}

/* Nobody runs what is not there: a server of scripts that is asked for /upload.jpg/x.php may look
 * for a file at the beginning of that. */
static bool is_there(struct exchange *x, struct span file, int *error)
{
    const char *relative;

    *error = ENOENT;
    if (!path_to_file(file, &x->arena, &relative)) {
        return false;
    }
    if (x->route->scripts == NULL) {
        return true; /* script_files: trusted */
    }
    int root = files_root_fd(x->route->scripts, loop_now_us(x->worker->core.loop));
    if (root < 0 || !beneath_is_file(root, relative)) {
        *error = errno;
        return false;
    }
    return true;
}

/* Those of the configuration that have a value. */
static void add_params(struct exchange *x, struct fcgi_facts *facts)
{
    const struct backend_settings *backend = x->route->settings->backend;
    struct fcgi_param *params =
        arena_calloc(&x->arena, (backend->param_count + 1) * sizeof(*params));
    const struct template_values values = exchange_values(x);

    for (size_t i = 0; i < backend->param_count; i++) {
        struct span value =
            template_expand(&x->route->params[i], &values, TEMPLATE_FIELD, &x->arena);
        if (value.len != 0) {
            params[facts->param_count++] =
                (struct fcgi_param){span_from_cstr(backend->params[i].name), value};
        }
    }
    facts->params = params;
}

static void tell(struct exchange *x, const struct script *script)
{
    const struct client_view *view = exchange_view(x);
    struct fcgi_facts *facts = arena_calloc(&x->arena, sizeof(*facts));
    struct span root = span_from_cstr(x->route->settings->backend->root);
    struct span query = exchange_query(x);
    const struct peer *local = link_local(x->link);
    char text[SOCK_TEXT_MAX];

    while (root.len > 1 && root.ptr[root.len - 1] == '/') {
        root = span_head(root, root.len - 1);
    }
    facts->document_root = root;
    facts->script_name = script->name;
    facts->script_filename =
        span_from_cstr(arena_printf(&x->arena, "%.*s%.*s", root.len == 1 ? 0 : (int)root.len,
                                    root.ptr, SPAN_ARG(script->name)));
    facts->path_info = script->info;
    facts->request_uri =
        query.ptr == NULL
            ? x->request.path
            : span_from_cstr(
                  arena_printf(&x->arena, "%.*s?%.*s", SPAN_ARG(x->request.path), SPAN_ARG(query)));
    facts->is_https = exchange_is_https(x);
    facts->remote_addr = view->address.ptr != NULL ? view->address : exchange_peer(x);
    facts->remote_port = view->client_port;
    if (!local->is_unix) {
        facts->server_addr = arena_copy(&x->arena, span_make(text, peer_ip_text(local, text)));
    }
    facts->server_name = x->request.host.len != 0 ? x->request.host : facts->server_addr;
    facts->server_port = view->port;
    add_params(x, facts);
    x->call.fcgi = facts;
}

/* A folder's index that is a script is no file, either. */
static bool has_script_index(const struct files_settings *files, const struct script_rule *rule)
{
    for (size_t i = 0; i < files->index.count; i++) {
        if (script_is_one(rule, span_from_cstr(files->index.items[i]))) {
            return true;
        }
    }
    return false;
}

/* A file in its own right, for which a script is no answer. */
static bool is_file(struct exchange *x, const struct script_rule *rule, struct span match)
{
    const struct files_settings *files = x->route->settings->files;
    bool is_read = x->request.method == HTTP_GET || x->request.method == HTTP_HEAD;
    bool is_folder = match.len == 0 || match.ptr[match.len - 1] == '/';

    if (files == NULL || !is_read || x->request.upgrade.ptr != NULL || script_is_one(rule, match) ||
        (is_folder && has_script_index(files, rule))) {
        return false; /* a script's text is nobody's to read */
    }
    x->found = arena_calloc(&x->arena, sizeof(*x->found));
    exchange_open_file(x, match, x->found);
    return x->found->status != 404 && (x->found->status != 308 || x->route->try_count == 0);
}

enum answerer { NOTHING, FILE_ANSWERS, SCRIPT_ANSWERS, NOT_READABLE };

static enum answerer look_for(struct exchange *x, const struct script_rule *rule, struct span match)
{
    struct script script;
    int error;

    if (script_find(rule, match, &x->arena, &script)) {
        if (is_there(x, script.file, &error)) {
            tell(x, &script);
            return SCRIPT_ANSWERS;
        }
        if (error == EACCES || error == EPERM) {
            return NOT_READABLE;
        }
    }
    return is_file(x, rule, match) ? FILE_ANSWERS : NOTHING;
}

/* As answers of files are: 404, or 403 where it is there, for all that is known. */
static void answer_nothing(struct exchange *x, enum answerer answerer)
{
    bool is_there = answerer == NOT_READABLE;

    x->found = arena_calloc(&x->arena, sizeof(*x->found));
    *x->found = (struct file_answer){
        .status = is_there ? 403 : 404,
        .fd = -1,
        .detail = is_there ? "the gateway's user may not look at the script"
                           : "no script or file of that name below the root",
    };
}

bool exchange_is_for_script(struct exchange *x)
{
    struct script_rule rule = rule_of(x->route->settings);
    enum answerer answerer = NOTHING;
    struct span match;

    if (x->route->try_count == 0) {
        answerer = look_for(x, &rule, x->target.match);
    }
    for (size_t i = 0; i < x->route->try_count && answerer == NOTHING; i++) {
        if (exchange_file_candidate(x, &x->route->tries[i], &match)) {
            answerer = look_for(x, &rule, match);
        }
    }
    if (answerer == NOTHING || answerer == NOT_READABLE) {
        answer_nothing(x, answerer);
    }
    return answerer == SCRIPT_ANSWERS;
}
