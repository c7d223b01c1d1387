/* What a DNS message says in answer to a question (RFC 1035, RFC 2782): addresses of a name, or the
 * servers of a service. Pure, strict, and bounded whatever the message is: it may come from anybody
 * who can guess a port and an id.
 *
 * Only records of the name that was asked for count, or of the one that its aliases (CNAME) lead
 * to. An address that can be no server's (0.0.0.0, a group's) is passed over. */
#ifndef TIDEGATE_DNS_DNS_ANSWER_H
#define TIDEGATE_DNS_DNS_ANSWER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/* Records used of an answer; more are ignored. */
#define DNS_RECORDS_MAX 64
/* CNAMEs followed from the name that was asked for. */
#define DNS_ALIASES_MAX 16
/* A name as text, without the dot at its end, and its NUL. */
#define DNS_NAME_SIZE 256

enum dns_type { DNS_A = 1, DNS_AAAA = 28, DNS_SRV = 33 };

enum dns_how {
    DNS_OK,      /* there are records */
    DNS_NO_NAME, /* the name does not exist (NXDOMAIN) */
    DNS_NO_DATA, /* it has no records of that type */
    DNS_FAILED   /* no answer, or one that says nothing: see the problem */
};

struct dns_record {
    uint8_t ip[16]; /* DNS_A: the first four */
    /* DNS_SRV: */
    uint16_t priority;
    uint16_t weight;
    uint16_t port;
    char target[DNS_NAME_SIZE]; /* in lower case */
};

struct dns_answer {
    enum dns_how how;
    uint32_t ttl_s;      /* of all that it rests on, the shortest; 0 where nothing is said */
    bool is_cut;         /* there were more records than are used */
    const char *problem; /* for a person, static or the asker's; NULL: DNS_OK */
    size_t count;
    struct dns_record records[DNS_RECORDS_MAX];
};

/* Of a whole message that answers a question of that type. */
void dns_answer_parse(struct dns_answer *answer, struct span message, enum dns_type type);

#endif
