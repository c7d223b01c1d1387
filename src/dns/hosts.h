/* /etc/hosts: names and their addresses that this machine knows without asking anybody. Read again
 * when it has changed. "localhost" and what ends in it are this machine, whatever the file says not
 * (RFC 6761 section 6.3). One thread only. */
#ifndef TIDEGATE_DNS_HOSTS_H
#define TIDEGATE_DNS_HOSTS_H

#include "base/file_stamp.h"
#include "dns/dns_answer.h"

#define HOSTS_FILE "/etc/hosts"
/* A longer file is used as far as this. */
#define HOSTS_BYTES_MAX (1024 * 1024)

struct hosts {
    const char *path;
    struct file_stamp stamp;
    uint64_t looked_ms;
    char *text; /* NULL: none */
    size_t len;
};

/* The path must stay. Nothing is read yet. */
void hosts_init(struct hosts *hosts, const char *path);
void hosts_free(struct hosts *hosts);
/* Whether the name is known here; *answer says then what there is of that type (DNS_A, DNS_AAAA),
 * with a TTL of 0. The file is looked at again when that was a second ago. */
bool hosts_find(struct hosts *hosts, const char *name, enum dns_type type,
                struct dns_answer *answer);
/* The same of the text of such a file. */
bool hosts_find_in(struct span text, const char *name, enum dns_type type,
                   struct dns_answer *answer);

#endif
