/* Every command of the program, in the order of `tidegate help`: its name, the function that runs
 * it (cmd_NAME.c) and what it does, for people. The prototypes, main()'s table and the overview are
 * made from it; tools/docs asks the README, the manual page and `tidegate help NAME` for each. */
#ifndef TIDEGATE_CLI_COMMAND_LIST_H
#define TIDEGATE_CLI_COMMAND_LIST_H

/* clang-format off */
#define COMMAND_LIST(COMMAND) \
    COMMAND("run", cmd_run, "run the gateway in the foreground") \
    COMMAND("check", cmd_check, "say whether a configuration would start") \
    COMMAND("diff", cmd_diff, "say what is different between what runs and a file, or two files") \
    COMMAND("route", cmd_route, "say what would serve a URL, without sending anything") \
    COMMAND("test", cmd_test, "say whether the configuration lets pass whom it should: cases from a file") \
    COMMAND("explain", cmd_explain, "be the client of a URL, and show the handshake step by step") \
    COMMAND("status", cmd_status, "ask a running gateway how it is, and which handshakes failed") \
    COMMAND("reload", cmd_reload, "have a running gateway take up its configuration anew") \
    COMMAND("prove-reload", cmd_prove_reload, "ask for URLs while the gateway reloads, and count what fails") \
    COMMAND("upgrade", cmd_upgrade, "have the program's file, as it is now, take the place of the gateway that runs") \
    COMMAND("drain", cmd_drain, "have a server get nothing new; what runs on it goes on") \
    COMMAND("disable", cmd_disable, "the same, and the server is not checked either") \
    COMMAND("enable", cmd_enable, "have a server get requests again") \
    COMMAND("weight", cmd_weight, "say how many requests a server gets beside the others") \
    COMMAND("bans", cmd_bans, "say who is kept off, and let him in again") \
    COMMAND("purge", cmd_purge, "have the gateway forget responses that it keeps") \
    COMMAND("passwd", cmd_passwd, "make a user's line in a file of passwords") \
    COMMAND("key", cmd_key, "make a program's key") \
    COMMAND("demo", cmd_demo, "see it work: a throw-away CA, three origins and a gateway") \
    COMMAND("schema", cmd_schema, "print the configuration's JSON Schema, for editors, or its manual") \
    COMMAND("version", cmd_version, "print the versions") \
    COMMAND("help", cmd_help, "print this, or a command's help: tidegate help run")
/* clang-format on */

#endif
