/* The help texts, and how a wrong command line is answered. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/failures_table.h"
#include "cli/version.h"

static const char overview_head[] =
    "Tidegate " TIDEGATE_VERSION
    ", the door in front of a group of servers: it passes TLS through\n"
    "or terminates it, and balances HTTP.\n"
    "\n"
    "usage: tidegate COMMAND [OPTIONS]\n"
    "\n";

static const struct {
    const char *name;
    const char *summary;
} summaries[] = {
#define COMMAND_SUMMARY(name, function, summary) {name, summary},
    COMMAND_LIST(COMMAND_SUMMARY)
#undef COMMAND_SUMMARY
};

static const char overview_tail[] = "\n"
                                    "The smallest useful tidegate.yaml:\n"
                                    "\n"
                                    "  sites:\n"
                                    "    - hosts: [shop.example.com]\n"
                                    "      tls: { certificate: shop.crt, key: shop.key }\n"
                                    "      backend: 127.0.0.1:8080\n";

#define CONFIG_HELP                                                                                \
    "  -c, --config FILE  the configuration; else ./tidegate.yaml, else\n"                         \
    "                     /etc/tidegate/tidegate.yaml\n"

static const struct {
    const char *command;
    const char *text;
} texts[] = {
    {"run",
     "usage: tidegate run [-c FILE] [--debug]\n"
     "\n"
     "Runs the gateway in the foreground until SIGTERM or SIGINT: then it stops accepting,\n"
     "finishes what runs and exits with status 0; the signal sent again stops it at once.\n"
     "SIGHUP loads the configuration anew (see tidegate help reload), SIGUSR2 starts another\n"
     "version in its place (see tidegate help upgrade), SIGUSR1 reopens the\n"
     "logs. A wrong configuration never starts: its errors are printed and the status is 1.\n"
     "\n" CONFIG_HELP "      --debug        more messages, and core dumps allowed\n"},
    {"check",
     "usage: tidegate check [-c FILE] [--json]\n"
     "\n"
     "Says whether the configuration would start, with all its errors at once, each with its\n"
     "line and how to mend it. Needs neither root nor DNS nor the network. Status 0: fine,\n"
     "1: wrong, 2: the command line was not understood.\n"
     "\n" CONFIG_HELP "      --json         the messages as JSON\n"},
    {"diff",
     "usage: tidegate diff [-c FILE] [--socket PATH] [--json]\n"
     "       tidegate diff OLD NEW [--json]\n"
     "\n"
     "Says what would change if the gateway that runs took the file for its configuration: sites,\n"
     "routes, backends and listeners, with their keys; certificates, with their names and days\n"
     "left; and what becomes of connections. It is asked through its control socket. With two\n"
     "files, what is different between them, NEW being read in the place of OLD. Status 0: said,\n"
     "1: a file has errors, or the gateway did not answer.\n"
     "\n" CONFIG_HELP "      --socket PATH  the gateway's control socket, if not that of the file\n"
     "      --json         the same as JSON\n"},
    {"route",
     "usage: tidegate route URL [--sni NAME] [--alpn LIST] [--method M] [--header 'N: V']...\n"
     "                          [--cookie N=V]... [--from ADDRESS] [--no-certificate]\n"
     "                          [--as user=NAME]... [--claim N=V]...\n"
     "                          [--at TIME] [-c FILE] [--json]\n"
     "\n"
     "Says which listener, site, route and backend would serve a request, hop by hop, and what\n"
     "kept the routes before it from being taken, without sending anything; with\n"
     "postgres://HOST[:PORT], a connection of PostgreSQL that asks for TLS; with\n"
     "tls://HOST[:PORT] and tcp://[HOST]:PORT, one of any other protocol. Status 0: something\n"
     "serves it, 1: it would be refused.\n"
     "\n"
     "      --sni NAME     the name in the TLS handshake when it is not the URL's host;\n"
     "                     empty: none\n"
     "      --alpn LIST    the protocols offered in it; h2,http/1.1 if not given\n"
     "                     (with postgres:// and tls:// none)\n"
     "      --method M     the method; GET if not given\n"
     "  -H, --header 'N: V'  a field of the request; may come several times\n"
     "      --cookie N=V   a cookie; may come several times\n"
     "      --from ADDRESS who connects; a stranger (203.0.113.1) if not given; unix: a Unix "
     "socket\n"
     "      --as user=NAME, --as group=NAME, --as scope=NAME\n"
     "                     who sends it, as 'auth' finds it; may come several times; nobody if "
     "not\n"
     "                     given\n"
     "      --claim N=V    what his token or certificate says; may come several times\n"
     "      --at TIME      when it comes, for 'hours' of rules: 2027-01-31T18:30:00Z, or with an\n"
     "                     offset, +01:00; now if not given\n"
     "      --no-certificate\n"
     "                     as a client without one; if not given, its certificate fits every "
     "rule\n" CONFIG_HELP "      --json         the answer as JSON\n"},
    {"test",
     "usage: tidegate test FILE [-c FILE] [--json]\n"
     "\n"
     "Asks the configuration what it makes of the requests in a file of cases, without sending\n"
     "anything, and says which are not as expected: a gate for CI. FILE is YAML, - standard "
     "input:\n"
     "\n"
     "  cases:\n"
     "    - name: staff may\n"
     "      url: https://shop.example.com/admin/\n"
     "      from: 10.0.0.7\n"
     "      as: { user: ann, group: [staff], claims: { level: 3 } }\n"
     "      expect: allow\n"
     "\n"
     "A case has 'url' and 'expect': allow (something serves it), deny, or a status; and where\n"
     "wanted 'method', 'from' (203.0.113.1 if not given), 'as' (nobody if not given), 'at' (now),\n"
     "'headers', 'cookies', 'certificate: true' (one that fits every rule), and what is to decide\n"
     "and to serve: 'rule', 'route', 'backend'. Status 0: all are as expected, 1: some are not, or "
     "a file has errors.\n"
     "\n" CONFIG_HELP "      --json         the same as JSON\n"},
    {"explain",
     "usage: tidegate explain URL [OPTIONS]\n"
     "\n"
     "Plays the client of a URL (https://, http://, or for what is not HTTP tls:// and tcp://):\n"
     "looks up the name, connects, makes the TLS handshake, sends a request, and draws each step\n"
     "with its time. With tls:// and tcp://, --data is sent and what comes is shown; -c shows the\n"
     "line of the gateway's log, too: which server, how many bytes, why it ended. A failure ends\n"
     "in three lines: who refused, why, what to do. Status 0: it went well, 1: it failed, 2: the "
     "command line was wrong.\n"
     "\n"
     "      --ca FILE        trust the authorities of this PEM file, not the system's\n"
     "      --cert FILE      a client certificate (PEM, with its intermediates)\n"
     "      --key FILE       its key, if that is not in the same file\n"
     "      --sni NAME       the name to ask for and to check; empty: send none\n"
     "      --connect A:P    connect there, whatever the URL's host and port are\n"
     "      --tls1.2         offer nothing newer\n"
     "      --http1.1        do not offer HTTP/2\n"
     "      --method M       GET if not given; POST with --data\n"
     "  -H, --header 'N: V'  add a field to the request; may come several times\n"
     "      --data TEXT      the request's body, or what is sent\n"
     "      --resume         do it twice, and say whether the session was resumed\n"
     "  -c, --config FILE    say, too, what this file makes of the request, as 'route' does: "
     "which\n"
     "                       backend, which server first, and how the servers are\n"
     "      --timeout S      seconds for it all; 10 if not given\n"
     "      --json           the steps as JSON\n"},
    {"status",
     "usage: tidegate status [--handshakes | --certificates | --sandbox | --generations]\n"
     "                       [--json] [-c FILE | --socket PATH]\n"
     "\n"
     "Asks a running gateway through its control socket ('control' in the configuration) for its\n"
     "workers, connections and backends. Status 0: it answered, 1: it did not.\n"
     "\n"
     "      --handshakes   the handshakes and connections that failed, by reason, with what to "
     "do\n"
     "      --certificates those of sites and backends, authorities and revocation lists, with\n"
     "                     their last days\n"
     "      --sandbox      what the processes are confined to, and what the kernel lacks for "
     "it\n"
     "      --generations  the configurations that are in use: since when, by how "
     "many\n" CONFIG_HELP "      --socket PATH  the socket itself\n"
     "      --json         the answer as JSON\n"},
    {"reload",
     "usage: tidegate reload [-c FILE | --socket PATH]\n"
     "\n"
     "Has a running gateway load its configuration anew, and take it up without closing a\n"
     "connection. Prints what tidegate check would say. On any error the configuration in use\n"
     "stays, whole. Asked through the control socket ('control' in the configuration).\n"
     "Status 0: it goes by the new one, 1: that has errors, 2: it could not be asked, or could "
     "not.\n"
     "\n" CONFIG_HELP "      --socket PATH  the socket itself\n"},
    {"upgrade",
     "usage: tidegate upgrade [-c FILE | --socket PATH]\n"
     "\n"
     "Has the program's file, as it is now, started with the arguments of the one that runs, take\n"
     "its place: it gets the sockets that are listened on, and once it serves, the old one takes\n"
     "nothing new and finishes what runs (timeouts.drain). No connection is refused. If the new\n"
     "one does not start, the old one stays in charge. SIGUSR2 to the supervisor does the same.\n"
     "Status 0: it has taken over, 1: it does not start, or the configuration has errors, 2: it\n"
     "could not be asked, could not be run, crashed, or did not serve within `timeouts.upgrade`.\n"
     "\n" CONFIG_HELP "      --socket PATH  the socket itself\n"},
    {"prove-reload",
     "usage: tidegate prove-reload URL... [--times N] [-c FILE | --socket PATH]\n"
     "\n"
     "Asks for the URLs all the time, each request on a connection of its own, four at a time\n"
     "for each URL, while it has the gateway reload N times (10), and prints how many of the\n"
     "requests failed: no answer, or one with a status of 500 or above. Certificates are not\n"
     "verified. Status 0: none failed, 1: some did, or the configuration has errors, 2: the\n"
     "gateway could not be asked.\n"
     "\n" CONFIG_HELP "      --socket PATH  the control socket itself\n"
     "      --times N      reloads\n"},
    {"drain",
     "usage: tidegate drain BACKEND/SERVER [-c FILE | --socket PATH]\n"
     "\n"
     "Lets a server get nothing new; what runs on it goes on. BACKEND and SERVER are as tidegate\n"
     "status shows them. Holds until tidegate enable, or the end of the gateway's process; a\n"
     "changed configuration does not end it. Status 0: done, 1: there is no such server, 2: it\n"
     "could not be asked.\n"
     "\n" CONFIG_HELP "      --socket PATH  the socket itself\n"},
    {"disable", "usage: tidegate disable BACKEND/SERVER [-c FILE | --socket PATH]\n"
                "\n"
                "The same as tidegate drain, and the server is not checked either.\n"
                "\n" CONFIG_HELP "      --socket PATH  the socket itself\n"},
    {"enable", "usage: tidegate enable BACKEND/SERVER [-c FILE | --socket PATH]\n"
               "\n"
               "Lets a server that was drained or disabled get requests again.\n"
               "\n" CONFIG_HELP "      --socket PATH  the socket itself\n"},
    {"purge",
     "usage: tidegate purge (URL | --tag TAG | --all) [-c FILE | --socket PATH]\n"
     "\n"
     "Has the gateway forget stored responses: those of a URL, as clients write it, in all\n"
     "variants; those whose Cache-Tag or Surrogate-Key has the tag; or all. What is on its way\n"
     "in from a server is not stored either. Prints how many there were. Status 0: done, 1: no\n"
     "route has a cache, 2: the gateway could not be asked.\n"
     "\n" CONFIG_HELP "      --socket PATH  the control socket itself\n"},
    {"bans",
     "usage: tidegate bans [--lift (ADDRESS | all) | --add ADDRESS [--seconds N]]\n"
     "                     [-c FILE | --socket PATH] [--json]\n"
     "\n"
     "Shows which clients a running gateway keeps off ('bans' of the configuration), by which "
     "rule\n"
     "and for how long, and how much was turned away. Status 0: done, 1: there was none to lift,\n"
     "2: the gateway could not be asked.\n"
     "\n"
     "      --lift ADDRESS  let him in again; of IPv6: the /64; all: everybody\n"
     "      --add ADDRESS   keep him off, for 600 seconds or as many as --seconds "
     "says\n" CONFIG_HELP "      --socket PATH  the control socket itself\n"
     "      --json         what is shown as JSON\n"},
    {"weight",
     "usage: tidegate weight BACKEND/SERVER N [-c FILE | --socket PATH]\n"
     "\n"
     "Gives a server another weight than the configuration has, from 1 to 1000; with 0 it gets\n"
     "nothing new, and with 'default' the configuration's weight counts again. BACKEND and SERVER\n"
     "are as tidegate status shows them; of a name with several addresses each is a server. Holds\n"
     "until the end of the gateway's process; a changed configuration does not end it.\n"
     "Status 0: done, 1: there is no such server, 2: it could not be asked.\n"
     "\n" CONFIG_HELP "      --socket PATH  the socket itself\n"},
    {"passwd",
     "usage: tidegate passwd USER [-f FILE]\n"
     "\n"
     "Reads a password from standard input (twice, without showing it, where that is a terminal)\n"
     "and makes the user's line for 'users' of 'auth: basic', with a hash by yescrypt. Prints the\n"
     "line, or puts it into FILE, in place of the user's line there.\n"
     "\n"
     "  -f, --file FILE    the file of passwords; made where it is not there\n"},
    {"key",
     "usage: tidegate key new NAME [--scopes A,B] [--expires DATE]\n"
     "\n"
     "Makes a key for 'auth: api_key': the key itself goes to standard error, this once, and its\n"
     "line for the file of keys to standard output: tidegate key new NAME >> partners.keys\n"
     "\n"
     "      --scopes A,B   what the key is for\n"
     "      --expires DATE 2027-01-31, or 2027-01-31T12:00:00Z\n"},
    {"demo",
     "usage: tidegate demo [--once]\n"
     "\n"
     "Makes a throw-away CA, starts three origins and a gateway on free ports of 127.0.0.1,\n"
     "sends a request through each way that Tidegate knows, says what happened hop by hop, and\n"
     "leaves it all running with the commands to try. Needs no root. Everything is removed at\n"
     "the end.\n"
     "\n"
     "      --once         end after the tour; status 0 only if every way did what it says\n"},
    {"schema", "usage: tidegate schema [--manual]\n"
               "\n"
               "Prints the JSON Schema of the configuration, which editors use for completion and\n"
               "checks as you type.\n"
               "\n"
               "      --manual       the reference manual in Markdown instead\n"},
    {"version", "usage: tidegate version\n"
                "\n"
                "Prints the versions of Tidegate and of its TLS library, and the key exchange\n"
                "groups that the library offers.\n"},
    {"help", "usage: tidegate help [COMMAND]\n"
             "       tidegate help failures   every failure by name: why, and what to do\n"},
};

static int print_overview(void)
{
    (void)fputs(overview_head, stdout);
    for (size_t i = 0; i < ARRAY_LEN(summaries); i++) {
        (void)printf("  %-13s %s\n", summaries[i].name, summaries[i].summary);
    }
    (void)fputs(overview_tail, stdout);
    return 0;
}

int print_help(const char *command)
{
    if (command == NULL) {
        return print_overview();
    }
    if (strcmp(command, "failures") == 0) {
        failures_table_print(stdout);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (strcmp(command, texts[i].command) == 0) {
            (void)fputs(texts[i].text, stdout);
            return 0;
        }
    }
    return usage_error("help", "there is no command '%s'", command);
}

int usage_error(const char *command, const char *fmt, ...)
{
    va_list args;

    (void)fprintf(stderr, "tidegate%s%s: ", command != NULL ? " " : "",
                  command != NULL ? command : "");
    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fprintf(stderr, "\nSee: tidegate help%s%s\n", command != NULL ? " " : "",
                  command != NULL ? command : "");
    return 2;
}

int cmd_help(int argc, char **argv)
{
    if (argc > 2) {
        return usage_error("help", "there is one argument too many: '%s'", argv[2]);
    }
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        return print_help("help");
    }
    return print_help(argc == 2 ? argv[1] : NULL);
}
