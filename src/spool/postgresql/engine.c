/* SPDX-License-Identifier: ISC */
/* PostgreSQL as an engine of the spool: the module's object. */
#include "config.h"

#include "spool/engine.h"

#include "spool/postgresql/receiver.h"

static const struct spool_engine postgresql_engine = {
	.receiver = &spool_postgresql_receiver,
};

extern const struct spool_module hookspool_spool;
__attribute__((visibility("default"))) const struct spool_module hookspool_spool = {SPOOL_ABI, PACKAGE_VERSION, &postgresql_engine};
