/* SPDX-License-Identifier: ISC */
/* The parts of the module postgresql. */
#ifndef POSTGRESQL_H
#define POSTGRESQL_H

#include "core/buf.h"
#include "sink/driver.h"
#include "sink/postgresql_link.h"

/* The error of a transaction; zero: it has none. */
struct postgresql_error {
	bool set;
	char state[6];  /* SQLSTATE; "": libpq's own */
	char text[256];
};

struct postgresql {
	struct sink_target base;
	const struct sink *sink;
	sink_done *done;
	struct buf password; /* empty: none */
	struct postgresql_link link;
	struct loop_timer timer; /* the deadline of the first message */
	struct postgresql_sent *first, **last; /* the messages without a result, in the order that they came; the first n_sent are under way */
	size_t n_sent;

	/* of the transaction that the server answers */
	unsigned statement;         /* the settings, the INSERT's text, the messages */
	struct postgresql_sent *at; /* the message */
	struct postgresql_error error;
	struct buf value[POSTGRESQL_COLUMNS_MAX];
};

/*
 * The values of the message's columns, which live in `value` until the next call. lengths are for those that are binary. False when
 * memory is short.
 */
bool postgresql_values(struct postgresql *p, const struct sink_message *m, const char *values[POSTGRESQL_COLUMNS_MAX], int lengths[POSTGRESQL_COLUMNS_MAX]);

/* Keeps the first error of a transaction. */
void postgresql_note_error(struct postgresql_error *e, const PGresult *r);

/* True when the error may be due to one event of a transaction: they are sent again, each in a transaction of its own. */
bool postgresql_is_of_event(const struct postgresql_error *e);

/* The result of a message that was alone in its transaction, or of all messages where the error is of none of them. */
struct sink_result postgresql_result(const struct postgresql_error *e);

/* For hookspool check: asks the server, and waits for it. */
void postgresql_check(struct postgresql *p, sink_say *say, void *ctx);

#endif
