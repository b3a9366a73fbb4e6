#ifndef PHOTOD_VAULT_ADMIN_H
#define PHOTOD_VAULT_ADMIN_H

#include "photod/vault/vault.h"

/* What photoctl asks over the local socket, for an administrator. */
void admin_accept(struct vault *v);
void answer_status(struct vault *v, struct peer *p, struct message *m);
void answer_district_add(struct vault *v, struct peer *p, struct message *m);
void answer_agency_add(struct vault *v, struct peer *p, struct message *m);
void answer_credential_add(struct vault *v, struct peer *p, struct message *m);
void answer_key_add(struct vault *v, struct peer *p, struct message *m);
void answer_audit_key(struct vault *v, struct peer *p, struct message *m);

#endif
