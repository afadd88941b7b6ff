/* From the spool into the lanes: what is due is read some way ahead, and what a sink doesn't want is left out. */
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/utf8.h"
#include "relay/running.h"
#include "sink/spool_conversation.h"

enum {
	/* of a text that is looked at: for a regular expression the time grows with its square; LinkedIn takes 8,000 characters */
	TEXT_MAX = 8 * 1024,
	AGAIN_US = 500 * 1000, /* until the next try, when the spool can't be written */
	READ_US = 5 * 1000, /* of one reading: other sinks wait meanwhile */
	READ_SHARE = 10, /* reading takes one of so many moments: what is due but may not go yet is read in vain, again and again */
};

struct reading {
	struct relay *relay;
	struct lane *lane;
	int64_t noted; /* the last event whose conversation is taken note of, where the sink asks for first messages */
	bool ok, too_new; /* too_new: there were events behind that one */
};

/* By the id, or a part of the name. */
static bool is_from(const struct words *senders, const struct template_values *v)
{
	for (size_t i = 0; i < senders->n; i++) {
		struct slice sender = slice_text(senders->item[i]), id = v->known[TEMPLATE_SENDER_ID];

		if ((id.n == sender.n && memcmp(id.p, sender.p, id.n) == 0) || utf8_contains(v->known[TEMPLATE_SENDER_NAME], sender))
			return true;
	}
	return senders->n == 0;
}

static bool says(const struct sink *s, struct slice text)
{
	char copy[TEXT_MAX + 1];
	size_t n = utf8_fit(text.p, text.n, TEXT_MAX);
	bool found = s->texts.n == 0;

	for (size_t i = 0; i < n; i++)
		copy[i] = text.p[i] ? text.p[i] : ' '; /* a NUL would be a regular expression's end */
	copy[n] = '\0';
	for (size_t i = 0; !found && i < s->texts.n; i++)
		found = utf8_contains((struct slice){copy, n}, slice_text(s->texts.item[i]));
	return found && (!s->text_regex || regexec(s->text_regex, copy, 0, NULL, 0) == 0);
}

static bool wants(struct reading *reading, struct job *j)
{
	const struct sink *s = reading->lane->sink;
	struct relay *r = reading->relay;
	struct slice conversation = j->values.known[TEMPLATE_CONVERSATION];
	bool first = true;

	if (!is_from(&s->senders, &j->values))
		return false;
	if (s->texts.n || s->text_regex) {
		job_read_text(j, r->conf, &r->event);
		if (!says(s, j->values.known[TEMPLATE_TEXT]))
			return false;
	}
	if (s->first_message)
		reading->ok = spool_conversation_first(&r->db, j->values.known[TEMPLATE_ENDPOINT], conversation, j->event, &first, r->why,
			sizeof r->why);
	return first;
}

static bool on_due(void *ctx, const struct spool_relay_row *row)
{
	struct reading *reading = ctx;
	struct relay *r = reading->relay;
	struct job *j;

	if (lane_has(reading->lane, row->id, row->event.id))
		return true;
	if (row->judge && reading->lane->sink->first_message && row->event.id > reading->noted) {
		reading->too_new = true;
		return true;
	}
	j = job_new(row, r->name);
	if (!j) {
		snprintf(r->why, sizeof r->why, "memory is short");
		reading->ok = false;
	} else if (j->judge && !wants(reading, j)) {
		lane_add_ended(reading->lane, j);
		result_unwanted(r, j);
	} else {
		lane_add(reading->lane, j);
	}
	return reading->ok && !lane_is_full(reading->lane) && r->n_results < RECORD_MOST;
}

/* True when the sink doesn't ask for first messages, or it is known of enough events which they are. */
static bool know_first(struct reading *reading, int64_t *wait)
{
	struct relay *r = reading->relay;
	bool more = false;

	if (!reading->lane->sink->first_message)
		return true;
	if (!spool_conversation_note(&r->db, &reading->noted, &more, r->why, sizeof r->why)) {
		log_message(LOG_LEVEL_ERROR, "%s", r->why);
		reading->lane->read_at = clock_mono_us() + AGAIN_US;
		clock_lower(wait, AGAIN_US / 1000);
		return false;
	}
	if (more)
		*wait = 0;
	return !more;
}

/* What was read before and isn't recorded yet is found again, and passed over. */
static bool read_due(struct reading *reading, int64_t now)
{
	struct relay *r = reading->relay;
	struct lane *l = reading->lane;

	if (!spool_relay_due(&r->db, l->sink->name, now, &l->cursor, LANE_READ, on_due, reading, &l->more, r->why, sizeof r->why) ||
	    !reading->ok)
		return false;
	if (l->more)
		return true;
	/* from the first again, the next time: for those that were put off, and those of ordered conversations */
	l->cursor = (struct spool_relay_cursor){0, 0};
	return spool_relay_next(&r->db, l->sink->name, now, &l->next_due, r->why, sizeof r->why);
}

bool fill_lane(struct relay *r, struct lane *l, int64_t now, int64_t *wait)
{
	struct reading reading = {.relay = r, .lane = l, .ok = true};
	int64_t begin = clock_mono_us(), took;
	unsigned before = l->n_ready + r->n_results;

	l->more = l->more || (l->next_due && l->next_due <= now);
	if (!l->more || lane_is_full(l))
		return true;
	if (begin < l->read_at) {
		clock_lower(wait, (l->read_at - begin) / 1000 + 1);
		return true;
	}
	if (!know_first(&reading, wait))
		return true;
	begin = clock_mono_us();
	while (l->more && !lane_is_full(l) && r->n_results < RECORD_MOST && clock_mono_us() - begin < READ_US)
		if (!read_due(&reading, now))
			return false;
	if (reading.too_new) {
		l->more = true;
		*wait = 0;
	}
	took = clock_mono_us() - begin;
	if (l->n_ready + r->n_results == before)
		l->read_at = begin + took + READ_SHARE * took;
	if (l->more && !lane_is_full(l))
		clock_lower(wait, READ_SHARE * took / 1000 + 1);
	return true;
}
