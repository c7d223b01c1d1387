/* Who asked the supervisor for something through the control socket, and waits for the answer on
 * that connection: HTTP/1.1, with what is to be told to people as text. And the reports that such
 * answers are: memory files, their offset at their end. */
#ifndef TIDEGATE_PROCESS_CALLERS_H
#define TIDEGATE_PROCESS_CALLERS_H

#include <stdbool.h>
#include <stddef.h>

/* That wait for an answer at a time; more are told to try again. */
#define CALLERS_MAX 16

struct callers {
    int fds[CALLERS_MAX];
    size_t count;
    bool is_any; /* somebody asked, with a connection or without */
};

/* The connection is taken over; -1: nobody waits. */
void callers_add(struct callers *callers, int connection);
/* All of them, which are forgotten. report_fd: what is told, stays the caller's; -1: nothing. */
void callers_answer(struct callers *callers, unsigned status, int report_fd);
/* In a child that has nothing to do with them. */
void callers_let_go(const struct callers *callers);
/* One connection, which is closed. */
void callers_answer_one(int connection, unsigned status, const char *text);

/* All of it to the end of `to`, which may be a memory file or a socket. */
void report_copy(int report_fd, int to);
/* To standard error. */
void report_to_log(int report_fd);

#endif
