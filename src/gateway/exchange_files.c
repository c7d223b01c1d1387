/* Which file answers: the request's own, or the first of `try` that is there. */
#include "files/static_files.h"
#include "gateway/exchange_internal.h"

/* For files alone: a server that is asked where there is none gets the path with it. */
static struct span strip_prefix(struct exchange *x, struct span match)
{
    const struct rewrite_settings strip = {.strip_prefix = x->route->settings->files->strip_prefix};
    struct path path = {.match = match, .forward = match};

    if (strip.strip_prefix == NULL) {
        return match;
    }
    rewrite_prefixes(&strip, &path, &x->arena);
    return path.match;
}

void exchange_open_file(struct exchange *x, struct span match, struct file_answer *file)
{
    struct file_question question = {
        .settings = x->route->settings->files,
        .request = &x->request,
        .path = strip_prefix(x, match),
        .asked = x->route->try_count == 0 ? x->path.match : match,
    };

    /* Last, as it may leave its errno. */
    question.root_fd = files_root_fd(x->route->files, loop_now_us(x->worker->core.loop));
    static_files_open(&question, &x->arena, file);
}

/* A candidate is a path like any other: in one spelling, and without dot segments. */
bool exchange_file_candidate(struct exchange *x, const struct template *template,
                             struct span *match)
{
    const struct template_values values = exchange_values(x);
    struct span text = template_expand(template, &values, TEMPLATE_URL, &x->arena);
    struct path path;

    if (path_normalise(text, &x->arena, &path) != PATH_OK) {
        return false;
    }
    if (x->route->rewrite != NULL && !rewrite_path(x->route->rewrite, &values, &path, &x->arena)) {
        return false;
    }
    *match = path.match;
    return true;
}

/* A folder is no file: by its name without a slash it would be sent to the one with it. */
static bool is_found(const struct file_answer *file)
{
    return file->status != 404 && file->status != 308;
}

struct file_answer *exchange_find_file(struct exchange *x)
{
    struct file_answer *file = arena_calloc(&x->arena, sizeof(*file));
    struct span match = x->target.match;

    if (x->route->try_count == 0) {
        exchange_open_file(x, match, file);
        return file;
    }
    file->status = 404;
    for (size_t i = 0; i < x->route->try_count && !is_found(file); i++) {
        if (exchange_file_candidate(x, &x->route->tries[i], &match)) {
            exchange_open_file(x, match, file);
        }
    }
    if (!is_found(file)) {
        *file = (struct file_answer){.status = 404, .fd = -1, .detail = "no such file"};
    }
    return file;
}

/* Where the route has a server, too: what asks for no file is for that one at once. */
bool exchange_is_for_file(struct exchange *x)
{
    const struct http_request *request = &x->request;

    if (x->route->backend == NULL) {
        return true;
    }
    if (x->route->backend->protocol == BACKEND_FASTCGI) {
        return !exchange_is_for_script(x);
    }
    if (x->route->files == NULL || request->upgrade.ptr != NULL ||
        (request->method != HTTP_GET && request->method != HTTP_HEAD)) {
        return false;
    }
    x->found = exchange_find_file(x);
    return x->found->status != 404;
}
