/* SPDX-License-Identifier: ISC */
/* Topics of MQTT: which of them an event may go to. Values of events are in them, and a stranger chose those. */
#include <string.h>

#include "core/utf8.h"
#include "sink/mqtt_options.h"

enum { TOPIC_MAX = 1024 /* bytes; the protocol has 65,535, brokers less */ };

/* OASIS MQTT 5.0, sections 4.7.1 and 4.7.3: no wildcards, no NUL. Control characters are what section 1.5.4 warns of. */
static bool has_valid_characters(struct slice t)
{
	for (size_t i = 0; i < t.n; i++)
		if ((unsigned char)t.p[i] < ' ' || strchr("+#\x7f", t.p[i]))
			return false;
	return t.n > 0 && utf8_valid(t.p, t.n);
}

const char *mqtt_topic_error(struct slice t)
{
	if (!has_valid_characters(t))
		return "a topic is text without \"+\", \"#\" and control characters, and not empty";
	if (t.n > TOPIC_MAX)
		return "a topic has at most 1024 bytes";
	return *t.p == '$' ? "topics that begin with \"$\" are the server's own" : NULL;
}
