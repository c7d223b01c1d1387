/* The version: the Makefile gives it to every file; this is for other ways to compile. */
#ifndef TIDEGATE_CLI_VERSION_H
#define TIDEGATE_CLI_VERSION_H

#ifndef TIDEGATE_VERSION
#define TIDEGATE_VERSION "0.1.0"
#endif

#endif
