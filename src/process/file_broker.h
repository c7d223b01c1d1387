/* The supervisor opens for the gateway the few files that the configuration names and that only
 * root may read: keys, authorities, revocation lists and OCSP responses that are renewed while the
 * gateway runs. The gateway asks by path, over a socket of its own; the supervisor answers for the
 * paths that the configurations which it has loaded name, and for no other, so that a gateway which
 * was taken over learns nothing that it did not have. It sends descriptors, and never reads what is
 * in the files. Where private keys are in a process of their own, it gives none away: of a file
 * that may have one the gateway gets the rest.
 *
 * It serves only files that the gateway's user cannot exchange for others (base/file_opener.h). */
#ifndef TIDEGATE_PROCESS_FILE_BROKER_H
#define TIDEGATE_PROCESS_FILE_BROKER_H

#include <stdbool.h>

#include "base/bundle.h"
#include "base/check.h"
#include "process/privileges.h"

struct key_service;

struct file_broker {
    const struct bundle_head *head; /* of the configuration that is in use */
    /* Of the one that the gateway is to take up, whose files it looks at as it does; *next NULL:
     * there is none. */
    struct bundle_head *const *next;
    const struct privileges *privileges;
    struct key_service *keys;
    int fd; /* the supervisor's end; -1: none */
};

/* Makes a pair of sockets, of which the gateway's end goes through the fork: -1 when there is
 * nobody to read for, or no socket to be had. Even without root there is one where the gateway is
 * confined (process/confine.h) and a reload may name files in other folders; as it is the same user
 * then, and cannot write, it could not exchange them. */
int file_broker_open(struct file_broker *broker, const struct bundle_head *head,
                     struct bundle_head *const *next, const struct privileges *privileges,
                     struct key_service *keys, bool is_confined) MUST_CHECK;
/* Whether the configuration names the file, or it is a certificate's in a folder that it names; for
 * key_service_prepare_gateway. */
bool file_broker_may_read(void *broker, const char *path);
/* The supervisor's: answers one request, if there is one. */
void file_broker_serve(struct file_broker *broker);
void file_broker_close(struct file_broker *broker);

/* The gateway's: asks there from now on. Before any thread is started. */
void file_broker_use(int fd);

struct snapshot;
/* Tells in the log, when the gateway starts, which files it will not be able to read itself: those
 * that the supervisor reads for it, and as a warning those that nobody will. */
void file_broker_tell(const struct snapshot *snapshot, const struct privileges *privileges);

#endif
