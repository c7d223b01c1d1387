#include "access/address_file.h"

#include <stdlib.h>

#include "config/address.h"
#include "edge/address_set.h"

/* What a line says, without its comment. */
static struct span strip_line(struct span line)
{
    size_t end = span_find(line, '#');
    size_t other = span_find(line, ';');

    return span_trim(span_head(line, end < other ? end : other));
}

static size_t count_lines(struct span bytes)
{
    size_t count = 1;

    for (size_t i = 0; i < bytes.len; i++) {
        count += bytes.ptr[i] == '\n';
    }
    return count;
}

static bool read_networks(struct span bytes, struct network *networks, size_t *count,
                          struct error *error)
{
    struct complaint complaint;
    struct span line;

    for (size_t number = 1; span_split(&bytes, '\n', &line); number++) {
        struct span text = strip_line(line);
        if (text.len != 0 && !network_parse(text, &networks[(*count)++], &complaint)) {
            return error_set(error, "line %zu: %s", number, complaint.text);
        }
    }
    return true;
}

static void *parse(struct span bytes, struct error *error)
{
    size_t lines = count_lines(bytes);
    struct address_set *set = NULL;
    struct network *networks;
    size_t count = 0;

    if (lines > ADDRESS_FILE_LINES_MAX + 1) {
        (void)error_set(error, "more than %d lines", ADDRESS_FILE_LINES_MAX);
        return NULL;
    }
    networks = xcalloc(lines, sizeof(*networks));
    if (read_networks(bytes, networks, &count, error)) {
        set = xcalloc(1, sizeof(*set));
        address_set_make(set, xcalloc(count + 1, sizeof(struct address_range)), networks, count);
    }
    free(networks);
    return set;
}

static void destroy(void *object)
{
    struct address_set *set = object;

    free(set->ranges);
    free(set);
}

const struct followed_type address_file_type = {.what = "a file of addresses",
                                                .max_bytes = (size_t)16 << 20,
                                                .parse = parse,
                                                .destroy = destroy};
