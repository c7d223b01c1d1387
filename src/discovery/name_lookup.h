/* Names that are looked up again and again, each with one type of record, for whoever uses them:
 * /etc/hosts first, then name servers. Backends with the same `resolve` share lookups and name
 * servers. How often is decided by discovery/kept_answer.h.
 *
 * On one loop, whose thread alone may call what is here. */
#ifndef TIDEGATE_DISCOVERY_NAME_LOOKUP_H
#define TIDEGATE_DISCOVERY_NAME_LOOKUP_H

#include "base/list.h"
#include "discovery/kept_answer.h"
#include "dns/dns.h"
#include "dns/hosts.h"

/* Questions that are on their way at a time; others wait in line. */
#define NAME_LOOKUPS_AT_ONCE 64
#define NAME_LOOKUP_BUCKETS 1024

struct name_group;

struct name_lookups {
    struct loop *loop;
    struct hosts hosts;
    struct list groups;
    struct list buckets[NAME_LOOKUP_BUCKETS];
    struct list waiting; /* lookups that are due, in line */
    unsigned under_way;
    bool is_pumping;
    uint64_t random;
    struct deferred pump;
};

struct name_lookup {
    struct list node;  /* in its bucket */
    struct list turn;  /* in name_lookups' waiting */
    struct list users; /* struct name_use */
    struct name_lookups *all;
    struct name_group *group;
    char *name;
    enum dns_type type;
    bool is_under_way;
    struct timer timer;
    struct kept_answer kept;
};

/* Embedded in whoever uses a lookup. */
struct name_use {
    struct list node;           /* in the lookup's users */
    struct name_lookup *lookup; /* NULL: none */
    /* An answer came, or a kept one was let go: from the loop, never from inside name_use_begin. */
    void (*on_answer)(struct name_use *use, bool is_changed);
};

/* "A:P,B:P", as in dns_options, to be freed; NULL: the list is empty. */
char *name_servers_text(const struct string_list *list);
/* hosts_path must stay. */
void name_lookups_init(struct name_lookups *all, struct loop *loop, const char *hosts_path);
/* No use is left. */
void name_lookups_free(struct name_lookups *all);

/* `settings` are copied. */
void name_use_begin(struct name_lookups *all, struct name_use *use,
                    const struct resolve_settings *settings, const char *name, enum dns_type type);
/* May be called twice, and inside on_answer. */
void name_use_end(struct name_use *use);
/* Somebody doubts what is known: it is looked up now, or in a moment. */
void name_lookup_doubt(struct name_lookup *lookup);

#endif
