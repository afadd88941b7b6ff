/* SPDX-License-Identifier: ISC */
/* What a receiver does with a spool of PostgreSQL. */
#ifndef SPOOL_POSTGRESQL_RECEIVER_H
#define SPOOL_POSTGRESQL_RECEIVER_H

#include "spool/receiver.h"

extern const struct spool_receiver_ops spool_postgresql_receiver;

#endif
