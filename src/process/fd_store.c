#include "process/fd_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process/notify.h"

#define PREFIX "tidegate-"

void fd_store_label(const char *text, char label[FD_STORE_LABEL_MAX])
{
    size_t at = strlen(PREFIX);

    memcpy(label, PREFIX, at);
    /* Printable ASCII, and the colon stands between labels. */
    for (; *text != '\0' && at < FD_STORE_LABEL_MAX - 1; text++) {
        label[at++] = *text > ' ' && *text < 0x7f && *text != ':' ? *text : '_';
    }
    label[at] = '\0';
}

size_t fd_store_room(void)
{
    const char *text = getenv("FDSTORE");
    long room = text != NULL && notify_is_wanted() ? strtol(text, NULL, 10) : 0;

    return room > 0 ? (size_t)room : 0;
}

bool fd_store_keep(const char *text, int fd)
{
    char label[FD_STORE_LABEL_MAX];
    char state[FD_STORE_LABEL_MAX + 32];

    fd_store_label(text, label);
    (void)snprintf(state, sizeof(state), "FDSTORE=1\nFDNAME=%s", label);
    return notify_send_fd(state, fd);
}

void fd_store_forget(const char *label)
{
    char state[FD_STORE_LABEL_MAX + 32];

    if (label == NULL || strncmp(label, PREFIX, strlen(PREFIX)) != 0 ||
        strlen(label) >= FD_STORE_LABEL_MAX) {
        return;
    }
    (void)snprintf(state, sizeof(state), "FDSTOREREMOVE=1\nFDNAME=%s", label);
    notify_send(state);
}
