#ifndef PHOTOD_CTL_CA_DIR_H
#define PHOTOD_CTL_CA_DIR_H

#include "photod/ctl/ca.h"

/* The CA's directory: ca.crt, ca.key (sealed) and ca.crl.  What goes wrong was said. */
#define CA_CERTIFICATE_FILE "ca.crt"
#define CA_KEY_FILE         "ca.key"
#define CA_CRL_FILE         "ca.crl"

/* Opens it with the passphrase of the file, or asks. */
MUST_CHECK enum ctl_exit ca_dir_open(struct ca **out, const char *dir, const char *passphrase_file);

#endif
