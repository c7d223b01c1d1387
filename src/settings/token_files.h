/* What modules for keys in tokens (base/key_uri.h) read and write where the configuration does not
 * say: SoftHSM's tokens, and the sockets of the daemons for cards and of p11-kit. */
#ifndef TIDEGATE_SETTINGS_TOKEN_FILES_H
#define TIDEGATE_SETTINGS_TOKEN_FILES_H

#define KEY_MODULE_FILES_MAX 8
#define TOKEN_FILE_BYTES_MAX 255

#define TOKEN_FILES_DEFAULT                                                                        \
    {                                                                                              \
        "/var/lib/softhsm", "/run/pcscd", "/run/p11-kit"                                           \
    }

#endif
