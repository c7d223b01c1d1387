/* tidegate reload: has a running gateway take up its configuration anew. */
#include "cli/commands.h"
#include "cli/control_order.h"

int cmd_reload(int argc, char **argv)
{
    static const struct control_order order = {
        .name = "reload",
        .target = "/reload",
        .timeout_s =
            130, /* loading and taking up have a minute each (process/loader.h, process/change.h) */
        .done = "reloaded",
        .refused = "not reloaded: the configuration has errors; the one in use stays as it was",
        .impossible =
            "not reloaded: the gateway could not; the configuration in use stays as it was",
    };

    return control_order_give(&order, argc, argv);
}
