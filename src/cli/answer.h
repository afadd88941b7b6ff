/* SPDX-License-Identifier: ISC */
/* The status and the event's id in a receiver's answer. */
#ifndef ANSWER_H
#define ANSWER_H

#include <stdint.h>

#include "core/buf.h"

struct answer {
	char status[32]; /* "stored", "duplicate"…; "" when the answer isn't hookspool's */
	int64_t id;      /* of the event; 0: none named */
};

/* Takes {"status":"…","id":N} out of an answer's body; anything else gives an empty one. */
void answer_parse(struct slice body, struct answer *out);

#endif
