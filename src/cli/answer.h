/* What a receiver answered: hookspool's own words in it, and a form that is safe on a terminal. */
#ifndef ANSWER_H
#define ANSWER_H

#include <stdint.h>
#include <stdio.h>

#include "core/buf.h"

struct answer {
	char status[32]; /* "stored", "duplicate"…; "" when the answer isn't hookspool's */
	int64_t id;      /* of the event; 0: none named */
};

/* Takes {"status":"…","id":N} out of an answer's body; anything else gives an empty one. */
void answer_parse(struct slice body, struct answer *out);

/*
 * Prints at most the first `max` bytes on one line: white space as one blank, control characters,
 * bidirectional controls and what isn't UTF-8 as "?"; "…" when there was more.
 */
void answer_print(FILE *to, struct slice body, size_t max);

#endif
