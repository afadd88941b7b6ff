/* What a delivery says: the fields that route, dedupe and list an event. */
#ifndef EVENT_H
#define EVENT_H

#include <stddef.h>

#include "conf/scheme.h"
#include "core/buf.h"
#include "core/key.h"
#include "hook/form.h"
#include "hook/request.h"

enum event_result { EVENT_OK, EVENT_MALFORMED, EVENT_UNAVAILABLE };

/*
 * A zero-initialised one is valid, and may be read into again and again. The slices borrow from it and from the scheme,
 * not from the request, which may be gone when the event is logged; a field without a value has p == NULL.
 */
struct event {
	struct slice field[FIELD_COUNT];
	const char *reason; /* static text, unless OK */
	struct buf arena, headers; /* of values in JSON, and of those in headers */
	struct form form;
	char key[2 * KEY_SIGNATURE_MAX + 1]; /* storage of FIELD_KEY where it is a hash or a signature */
};

/*
 * Takes the fields from where the scheme has them. A JSON body is read as paths.h says, a form as form.h; a form's
 * "payload" is JSON too, as GitHub and Slack send it. `signature` is that of the delivery, in bytes, for a
 * key that is taken from it. MALFORMED also without a name for the event; UNAVAILABLE: memory is short, or OpenSSL failed.
 */
enum event_result event_read(const struct request *r, const struct scheme *s, struct slice signature, struct event *ev);

void event_free(struct event *ev);

#endif
