/* Private keys in a process of their own (src/keys), as the supervisor sees to it: it starts the
 * keyholder when the first key is to be read, and again when it has died; opens the files of keys,
 * and tells it which processes may ask for signatures. Nobody else reads a private key then.
 *
 *   supervisor --open files, rings--> keyholder
 *      |  `--fork--> loader, gateway --ring: questions--> keyholder
 *      `---a socket: "read the key at this path", "I need this one no more"--- loader, gateway
 *
 * What the loader has had read stays, with the bundle that it left: the gateway is given the same
 * keys when it builds from that, whatever is in the files then. Later it asks for what is in a file
 * now: at the paths that the configuration names, and what its user could exchange for another file
 * is opened with that user's rights alone.
 *
 * The keys' states go with those of a change (process/change.h):
 *
 *     loader --done--> next --adopted--> in use
 *        `--it failed----`--refused: dropped
 *
 * The supervisor's alone; one thread. */
#ifndef TIDEGATE_PROCESS_KEY_SERVICE_H
#define TIDEGATE_PROCESS_KEY_SERVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/check.h"
#include "base/error.h"

struct key_service;

/* Starts nothing yet. keep_dumpable: for developers. */
struct key_service *key_service_create(bool keep_dumpable);
/* Waits for the keyholder's end, which comes when no gateway is left. */
void key_service_destroy(struct key_service *service);

/* ---- the loader ---- */

/* Around its fork. False with an error. */
bool key_service_prepare_loader(struct key_service *service, struct error *error) MUST_CHECK;
void key_service_in_loader(struct key_service *service);
void key_service_loader_forked(struct key_service *service);
/* It has ended: what it has had read is `next`, or is dropped. */
void key_service_loader_ended(struct key_service *service, bool is_done);
/* The gateway builds from the next bundle now. */
void key_service_offer_next(struct key_service *service);
void key_service_adopt_next(struct key_service *service);
/* And a loader that still runs. */
void key_service_drop_next(struct key_service *service);

/* ---- the gateway ---- */

/* Around its fork: rings for `workers`, each with so many signatures a second; 0 workers: it has
 * its keys itself. may_read: whether it may have the key at a path read. False with an error. */
typedef bool key_may_read_fn(void *arg, const char *path);
bool key_service_prepare_gateway(struct key_service *service, unsigned workers, uint32_t rate,
                                 key_may_read_fn *may_read, void *arg,
                                 struct error *error) MUST_CHECK;
void key_service_in_gateway(struct key_service *service);
void key_service_gateway_forked(struct key_service *service);
/* There is none, or none any more. May be called twice. */
void key_service_gateway_ended(struct key_service *service);

/* For the file broker, of a file that it has opened for the gateway: a descriptor of what is in it
 * besides private keys, in the place of `fd`, which is taken over; -1: it cannot be read. The same
 * descriptor where nothing is to be left out. */
int key_service_without_keys(struct key_service *service, const char *path, int fd) MUST_CHECK;

/* ---- for the supervisor's loop ---- */

/* For poll: questions of the loader and of the gateway; -1: none. */
int key_service_loader_fd(const struct key_service *service);
int key_service_gateway_fd(const struct key_service *service);
/* Answers one question of each, if there is one. */
void key_service_serve(struct key_service *service);
/* Whether the child that has ended was the keyholder: it is started again, soon. */
bool key_service_reap(struct key_service *service, pid_t pid, int status);
/* When key_service_on_time is to be called; UINT64_MAX: never. By clock_ms. */
uint64_t key_service_due_ms(const struct key_service *service);
void key_service_on_time(struct key_service *service);

#endif
