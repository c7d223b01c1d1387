/* What `tidegate reload` and `tidegate upgrade` share: something of the running gateway is asked
 * for over its control socket, its report is shown, and what came of it is said and is the exit
 * status. */
#ifndef TIDEGATE_CLI_CONTROL_ORDER_H
#define TIDEGATE_CLI_CONTROL_ORDER_H

struct control_order {
    const char *name;       /* of the command, as errors begin */
    const char *target;     /* of the request on the control socket */
    unsigned timeout_s;     /* until it answers */
    const char *done;       /* each a line: on 200, */
    const char *refused;    /* on 422: what was asked for is wrong, */
    const char *impossible; /* and on anything else */
};

/* With the command's words. 0 when done, 1 when refused, 2 when it could not be asked or done. */
int control_order_give(const struct control_order *order, int argc, char **argv);

#endif
