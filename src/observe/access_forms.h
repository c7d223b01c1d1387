/* The other forms of a line of the access log: logfmt, a template's, and the datagrams of syslog
 * (RFC 5424) and of systemd's journal. As in access_record.h: no I/O, and no value can end a line,
 * a member or a datagram. */
#ifndef TIDEGATE_OBSERVE_ACCESS_FORMS_H
#define TIDEGATE_OBSERVE_ACCESS_FORMS_H

#include "observe/access_record.h"

/* Each member that the line has, by the name that JSON has for it; those of "ms" are ms_tls,
 * ms_head, ms_connect, ms_first_byte and ms_total, and "tries" is their count. Those that the
 * configuration names come too. A value is good during the call. */
typedef void access_visit(void *arg, struct span name, struct span value);
void access_record_each(const struct access_record *record, struct access_clock *access_clock,
                        access_visit *visit, void *arg);
/* Whether access_record_each may tell of a member of that name (and the configuration has not named
 * it). */
bool access_record_tells(struct span name);

/* name=value with blanks between; quoted as in JSON where a value is empty or has more than
 * printable characters other than blank, '"', '=' and '\'. */
void access_record_logfmt(const struct access_record *record, struct access_clock *access_clock,
                          struct strbuf *out);

/* For templates: a member by its name (access_record_tells), as access_put_escaped has it. */
void access_put_member(const struct access_record *record, struct access_clock *access_clock,
                       struct span name, struct strbuf *out);

/* Severities of syslog (RFC 5424 section 6.2.1), which the journal has too. */
enum access_severity { ACCESS_ERROR = 3, ACCESS_WARNING = 4, ACCESS_INFO = 6 };
/* Of a request: a status of 500 and above, or none: an error; a reason: a warning. */
enum access_severity access_record_severity(const struct access_record *record);

struct access_sender {
    const char *host; /* of this machine */
    long process;
};

/* One datagram: facility daemon, the application tidegate. `line`: with or without its "\n"; more
 * than ACCESS_DATAGRAM_MAX bytes of it are cut off. */
#define ACCESS_DATAGRAM_MAX 60000
void access_syslog(const struct access_sender *sender, enum access_severity severity,
                   int64_t time_us, struct access_clock *access_clock, struct span line,
                   struct strbuf *out);
/* One datagram of the journal: MESSAGE is the line; record's members (NULL: none) are fields named
 * TIDEGATE_ with the member's name in capitals, as long as there is room. */
void access_journal(const struct access_record *record, enum access_severity severity,
                    struct access_clock *access_clock, struct span line, struct strbuf *out);

#endif
