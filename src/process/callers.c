#include "process/callers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void report_copy(int report_fd, int to)
{
    struct stat st;
    off_t at = 0;

    if (fstat(report_fd, &st) != 0) {
        return;
    }
    while (at < st.st_size) {
        ssize_t n = sendfile(to, report_fd, &at, (size_t)(st.st_size - at));
        if (n <= 0 && errno != EINTR) {
            break;
        }
    }
}

/* Appending keeps sendfile from it, and standard error may be a file that is appended to. */
void report_to_log(int report_fd)
{
    char bytes[4096];
    off_t at = 0;
    ssize_t n;

    while ((n = pread(report_fd, bytes, sizeof(bytes), at)) > 0) {
        (void)fwrite(bytes, 1, (size_t)n, stderr);
        at += n;
    }
}

static const char *reason_of(unsigned status)
{
    return status == 200 ? "OK" : status == 422 ? "Unprocessable Content" : "Service Unavailable";
}

/* Who does not read it goes without. */
static bool send_head(int connection, unsigned status, long long len)
{
    char head[256];
    int head_len =
        snprintf(head, sizeof(head),
                 "HTTP/1.1 %u %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                 "Cache-Control: no-store\r\nContent-Length: %lld\r\nConnection: close\r\n\r\n",
                 status, reason_of(status), len);

    return send(connection, head, (size_t)head_len, MSG_NOSIGNAL | MSG_DONTWAIT) == head_len;
}

void callers_answer_one(int connection, unsigned status, const char *text)
{
    if (send_head(connection, status, (long long)strlen(text))) {
        (void)send(connection, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    (void)close(connection);
}

void callers_add(struct callers *callers, int connection)
{
    callers->is_any = true;
    if (connection < 0) {
        return;
    }
    if (callers->count == CALLERS_MAX) {
        callers_answer_one(connection, 503, "tidegate: error: too many wait for the same\n");
        return;
    }
    callers->fds[callers->count++] = connection;
}

void callers_answer(struct callers *callers, unsigned status, int report_fd)
{
    struct stat st = {0};

    if (report_fd >= 0) {
        (void)fstat(report_fd, &st);
    }
    for (size_t i = 0; i < callers->count; i++) {
        if (send_head(callers->fds[i], status, (long long)st.st_size) && report_fd >= 0) {
            report_copy(report_fd, callers->fds[i]);
        }
        (void)close(callers->fds[i]);
    }
    *callers = (struct callers){0};
}

void callers_let_go(const struct callers *callers)
{
    for (size_t i = 0; i < callers->count; i++) {
        (void)close(callers->fds[i]);
    }
}
