/* tidegate upgrade: has another version of the program take the place of what runs. */
#include "cli/commands.h"
#include "cli/control_order.h"
#include "settings/settings.h"

int cmd_upgrade(int argc, char **argv)
{
    static const struct control_order order = {
        .name = "upgrade",
        .target = "/upgrade",
        .timeout_s = UPGRADE_MS_MAX / 1000 + 30,
        .done = "upgraded",
        .refused = "not upgraded: the new version does not start; what runs stays in charge",
        .impossible = "not upgraded; what runs stays in charge",
    };

    return control_order_give(&order, argc, argv);
}
