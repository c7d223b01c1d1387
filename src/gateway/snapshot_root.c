#include "gateway/snapshot_root.h"

#include "config/complaint.h"
#include "sandbox/sandbox.h"

bool snapshot_open_root(struct files_root *root, const char *path, struct place place,
                        struct config_report *report)
{
    struct error error;

    if (files_root_open(root, path, &error)) {
        return true;
    }
    if (sandbox_reaches(path)) {
        config_report_add(report, CONFIG_ERROR, place, "%s", error.text);
    } else {
        config_report_add(report, CONFIG_ERROR, place,
                          "the folder %s is out of reach of the gateway that runs",
                          quote_cstr(path).text);
        config_report_hint(report, "it is confined to the folders that it was started with (see "
                                   "'sandbox'): restart it in order to serve this one");
    }
    return false;
}
