/* The version, in one place: `tidegate version`, the man page's date line and packages use it. */
#ifndef TIDEGATE_CLI_VERSION_H
#define TIDEGATE_CLI_VERSION_H

#define TIDEGATE_VERSION "0.1.0"

#endif
