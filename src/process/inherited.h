/* What a process is started with and did not ask for. */
#ifndef TIDEGATE_PROCESS_INHERITED_H
#define TIDEGATE_PROCESS_INHERITED_H

/* Closes every descriptor above standard error: whoever started us may have left files and sockets
 * open, and the process that talks to the network must not hold them. Before anything is opened. */
void inherited_close(void);
/* From this number on. */
void inherited_close_from(int first);

/* Raises the limit of open files as far as it may be: every connection takes one or two, and the
 * soft limit of 1024 is from another age. */
void inherited_raise_limits(void);

#endif
