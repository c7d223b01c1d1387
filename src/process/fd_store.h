/* systemd's store of descriptors (FileDescriptorStoreMax=): the listening sockets are kept there,
 * so that connections wait, and are not refused, while the service is restarted or was killed. They
 * come back like those of socket activation (given_sockets.h). */
#ifndef TIDEGATE_PROCESS_FD_STORE_H
#define TIDEGATE_PROCESS_FD_STORE_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of a label, its end included. */
#define FD_STORE_LABEL_MAX 160

/* What a socket is called there: "tidegate-127.0.0.1_8080". `text` is its address. */
void fd_store_label(const char *text, char label[FD_STORE_LABEL_MAX]);
/* How many it takes; 0: there is none, or systemd is too old to say. */
size_t fd_store_room(void);
/* Keeps it. False: it was not sent. What is there already stays once. */
bool fd_store_keep(const char *text, int fd);
/* Forgets those with a label that is ours; of others and NULL nothing happens. */
void fd_store_forget(const char *label);

#endif
