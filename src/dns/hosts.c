#include "dns/hosts.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file_opener.h"

#define LOOK_MS 1000

void hosts_init(struct hosts *hosts, const char *path)
{
    *hosts = (struct hosts){.path = path};
}

void hosts_free(struct hosts *hosts)
{
    free(hosts->text);
    hosts->text = NULL;
    hosts->len = 0;
}

static void read_all(struct hosts *hosts, int fd)
{
    hosts->text = xmalloc(HOSTS_BYTES_MAX);
    while (hosts->len < HOSTS_BYTES_MAX) {
        ssize_t n = read(fd, hosts->text + hosts->len, HOSTS_BYTES_MAX - hosts->len);
        if (n <= 0) {
            break;
        }
        hosts->len += (size_t)n;
    }
    if (hosts->len != 0) {
        hosts->text = xrealloc(hosts->text, hosts->len);
    }
}

static void follow(struct hosts *hosts)
{
    uint64_t now_ms = clock_ms();
    struct file_stamp stamp;
    int fd;

    if (hosts->looked_ms != 0 && now_ms - hosts->looked_ms < LOOK_MS) {
        return;
    }
    hosts->looked_ms = now_ms;
    stamp = file_opener_stamp(hosts->path);
    if (file_stamp_equal(&stamp, &hosts->stamp)) {
        return;
    }
    hosts->stamp = stamp;
    hosts_free(hosts);
    fd = file_opener_open(hosts->path);
    if (fd >= 0) {
        read_all(hosts, fd);
        (void)close(fd);
    }
}

/* ---- the text ---- */

/* The next word of the line; empty: there is none. */
static struct span take_word(struct span *line)
{
    size_t start = 0;
    size_t end;

    while (start < line->len &&
           (line->ptr[start] == ' ' || line->ptr[start] == '\t' || line->ptr[start] == '\r')) {
        start++;
    }
    for (end = start; end < line->len && line->ptr[end] != ' ' && line->ptr[end] != '\t' &&
                      line->ptr[end] != '\r' && line->ptr[end] != '#';
         end++) {
    }
    struct span word = span_make(line->ptr + start, end - start);
    bool is_over = end >= line->len || line->ptr[end] == '#';
    *line = is_over ? span_make(line->ptr, 0) : span_make(line->ptr + end, line->len - end);
    return word;
}

static struct span take_line(struct span *text)
{
    const char *end = memchr(text->ptr, '\n', text->len);
    size_t len = end != NULL ? (size_t)(end - text->ptr) : text->len;
    struct span line = span_make(text->ptr, len);
    size_t taken = end != NULL ? len + 1 : len;

    *text = span_make(text->ptr + taken, text->len - taken);
    return line;
}

/* A dot at its end, which says that it is whole, is none of the name's. */
static size_t name_len(const char *name)
{
    size_t len = strlen(name);

    return len - (len > 1 && name[len - 1] == '.');
}

static bool is_named(struct span words, const char *name)
{
    size_t len = name_len(name);

    for (struct span word = take_word(&words); word.len != 0; word = take_word(&words)) {
        if (word.len == len && strncasecmp(word.ptr, name, len) == 0) {
            return true;
        }
    }
    return false;
}

static void add_address(struct span word, enum dns_type type, struct dns_answer *answer)
{
    char text[INET6_ADDRSTRLEN];
    struct dns_record record = {0};

    if (word.len == 0 || word.len >= sizeof(text)) {
        return;
    }
    memcpy(text, word.ptr, word.len);
    text[word.len] = '\0';
    if (inet_pton(type == DNS_A ? AF_INET : AF_INET6, text, record.ip) != 1) {
        return;
    }
    for (size_t i = 0; i < answer->count; i++) {
        if (memcmp(answer->records[i].ip, record.ip, sizeof(record.ip)) == 0) {
            return;
        }
    }
    if (answer->count == DNS_RECORDS_MAX) {
        answer->is_cut = true;
        return;
    }
    answer->records[answer->count++] = record;
}

static bool is_localhost(const char *name)
{
    static const char ending[] = "localhost";
    size_t len = name_len(name);
    size_t ending_len = sizeof(ending) - 1;

    return len >= ending_len && strncasecmp(name + len - ending_len, ending, ending_len) == 0 &&
           (len == ending_len || name[len - ending_len - 1] == '.');
}

bool hosts_find_in(struct span text, const char *name, enum dns_type type,
                   struct dns_answer *answer)
{
    bool is_known = false;

    *answer = (struct dns_answer){.how = DNS_OK};
    while (text.len != 0) {
        struct span line = take_line(&text);
        struct span address = take_word(&line);
        if (address.len != 0 && is_named(line, name)) {
            is_known = true;
            add_address(address, type, answer);
        }
    }
    if (!is_known && is_localhost(name)) {
        is_known = true;
        add_address(type == DNS_A ? SPAN_OF("127.0.0.1") : SPAN_OF("::1"), type, answer);
    }
    if (answer->count == 0) {
        answer->how = DNS_NO_DATA;
        answer->problem = "/etc/hosts has no such address of it";
    }
    return is_known;
}

bool hosts_find(struct hosts *hosts, const char *name, enum dns_type type,
                struct dns_answer *answer)
{
    follow(hosts);
    return hosts_find_in(span_make(hosts->text != NULL ? hosts->text : "", hosts->len), name, type,
                         answer);
}
