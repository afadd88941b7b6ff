/* SPDX-License-Identifier: ISC */
/* From the spool into the queues: what is due is read some way ahead, and what a sink doesn't want is left out. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/utf8.h"
#include "relay/running.h"
#include "spool/conversation.h"

enum {
	/* of a text that is looked at: for a regular expression the time grows with its square; LinkedIn takes 8,000 characters */
	TEXT_MAX = 8 * 1024,
	AGAIN_US = 1000 * 1000, /* until the next try, when the spool can't be read */
	READ_US = 5 * 1000, /* of one reading, for which other sinks wait */
	SLOW_US = 50 * 1000, /* of judging texts in one reading: the sink's next one comes later then, and others go before it */
	READ_SHARE = 10, /* reading takes a tenth of the time: deliveries that are due but may not go yet are read again and again */
};

/* What is UNKNOWN, as memory is short, is read again, and what is NEVER_KNOWN becomes a dead letter: it must not be forgotten. */
enum judgement { WANTED, UNWANTED, UNKNOWN, NEVER_KNOWN };

struct reading {
	struct relay *relay;
	struct queue *queue;
	int64_t until;   /* clock_mono_us() */
	int64_t judging; /* us, of texts */
	int64_t noted; /* the last event whose conversation is taken note of, where the sink asks for first messages */
	bool ok;
	bool too_new; /* there were events behind that one */
	bool unknown; /* there were those that could not be judged */
};

/* By the id, or a part of the name. */
static bool is_from(const struct strlist *senders, const struct template_values *v)
{
	for (size_t i = 0; i < senders->n; i++) {
		struct slice sender = slice_text(senders->item[i]), id = v->known[TEMPLATE_SENDER_ID];

		if ((id.n == sender.n && memcmp(id.p, sender.p, id.n) == 0) || utf8_contains(v->known[TEMPLATE_SENDER_NAME], sender))
			return true;
	}
	return senders->n == 0;
}

static enum judgement judge_text(const struct sink *s, struct slice text)
{
	static const enum judgement judgements[] = {[PATTERN_FOUND] = WANTED, [PATTERN_NOT_FOUND] = UNWANTED, [PATTERN_NO_MEMORY] = UNKNOWN};
	char copy[TEXT_MAX + 1];
	size_t n = utf8_fit(text.p, text.n, TEXT_MAX);
	bool found = s->texts.n == 0;

	for (size_t i = 0; i < n; i++)
		copy[i] = text.p[i] ? text.p[i] : ' '; /* a NUL would be a regular expression's end */
	copy[n] = '\0';
	for (size_t i = 0; !found && i < s->texts.n; i++)
		found = utf8_contains((struct slice){copy, n}, slice_text(s->texts.item[i]));
	if (!found || !s->text_regex)
		return found ? WANTED : UNWANTED;
	return judgements[pattern_find(s->text_regex, copy)];
}

/* Where a text stands is known by the endpoint's scheme. */
static enum judgement read_and_judge_text(struct reading *reading, struct attempt *j)
{
	struct relay *r = reading->relay;
	struct slice *text = &j->values.known[TEMPLATE_TEXT];
	int64_t begin = clock_mono_us();
	enum judgement judgement;

	if (!attempt_read_text(j, r->conf, &r->event))
		return UNKNOWN;
	judgement = text->p || conf_endpoint(r->conf, buf_str(&j->endpoint)) ? judge_text(reading->queue->sink, *text) : NEVER_KNOWN;
	*text = (struct slice){0}; /* it was borrowed */
	reading->judging += clock_mono_us() - begin;
	return judgement;
}

/* Where the spool can't be read, reading->ok is false after it. */
static enum judgement judge(struct reading *reading, struct attempt *j)
{
	const struct sink *s = reading->queue->sink;
	const struct slice *known = j->values.known;
	struct relay *r = reading->relay;
	enum judgement text = WANTED;
	bool first = true;

	if (!is_from(&s->senders, &j->values))
		return UNWANTED;
	if (s->texts.n || s->text_regex)
		text = read_and_judge_text(reading, j);
	if (text != WANTED || !s->first_message)
		return text;
	reading->ok = spool_conversation_first(r->db, known[TEMPLATE_ENDPOINT], known[TEMPLATE_CONVERSATION], j->event, &first);
	return !reading->ok ? UNKNOWN : first ? WANTED : UNWANTED;
}

/* False when no more are to be read now. */
static bool take_due(struct reading *reading, const struct spool_relay_row *row)
{
	struct queue *l = reading->queue;
	struct relay *r = reading->relay;
	struct attempt *j;

	if (queue_has(l, row->id, row->event.id))
		return true;
	if (row->judge && l->sink->first_message && row->event.id > reading->noted) {
		reading->too_new = true;
		return true;
	}
	j = attempt_new(row, r->name);
	switch (!j ? UNKNOWN : j->judge ? judge(reading, j) : WANTED) {
	case WANTED:
		queue_add(l, j);
		break;
	case UNWANTED:
		queue_add_ended(l, j);
		result_unwanted(r, j);
		break;
	case NEVER_KNOWN:
		queue_add_ended(l, j);
		result_unjudged(r, j);
		break;
	case UNKNOWN:
		reading->unknown = true;
		attempt_free(j);
		break;
	}
	return reading->ok && !queue_is_full(l) && r->n_results < RECORD_MOST && clock_mono_us() < reading->until;
}

/* Takes note of conversations, where the sink asks for first messages. *all: it is known of enough events which they are. */
static bool know_first(struct reading *reading, bool *all)
{
	struct relay *r = reading->relay;
	bool more = false;

	if (reading->queue->sink->first_message && !spool_conversation_note(r->db, &reading->noted, &more))
		return false;
	*all = !more;
	return true;
}

/* Of deliveries that are due later than any schedule or Retry-After says, the clock was wrong: they don't wait for that time. */
static bool unwait(struct relay *r, struct queue *l, int64_t now)
{
	int64_t n, longest = l->sink->retry.most > HTTP_RETRY_AFTER_MAX_MS ? l->sink->retry.most : HTTP_RETRY_AFTER_MAX_MS;

	if (!spool_relay_unwait(r->db, l->sink->name, now, now + longest, &n))
		return false;
	if (n) {
		log_message(LOG_LEVEL_WARNING, "sink %s: %" PRId64 " deliver%s due later than any pause lasts, as a clock was wrong: due now",
			l->sink->name, n, n == 1 ? "y was" : "ies were");
		l->more = true;
	}
	return true;
}

/* What was read before and isn't recorded yet is found again, and passed over. */
static bool read_due(struct reading *reading, int64_t now)
{
	struct relay *r = reading->relay;
	struct queue *l = reading->queue;
	struct spool_relay_iter *it = spool_relay_due(r->db, l->sink->name, now, &l->cursor);
	struct spool_relay_row row;
	int n = 0;

	while (spool_relay_next(it, &row) && take_due(reading, &row) && ++n < QUEUE_READ)
		;
	if (!spool_relay_end(it, &l->cursor, &l->more) || !reading->ok)
		return false;
	if (l->more)
		return true;
	/* from the first again, the next time: for those that were put off, and those of ordered conversations */
	l->cursor = (struct spool_relay_cursor){0, 0};
	return unwait(r, l, now) && spool_relay_next_due(r->db, l->sink->name, now, &l->next_due);
}

static void pause_reading(struct queue *l, int64_t us)
{
	int64_t until = clock_mono_us() + us;

	l->read_at = l->read_at < until ? until : l->read_at;
}

static bool read_queue(struct relay *r, struct queue *l, int64_t now, int64_t *wait)
{
	struct reading reading = {.relay = r, .queue = l, .ok = true};
	unsigned before = l->n_ready + r->n_results;
	int64_t begin, took;
	bool all;

	if (!know_first(&reading, &all))
		return false;
	if (!all) {
		*wait = 0;
		return true;
	}
	begin = clock_mono_us();
	reading.until = begin + READ_US;
	while (l->more && !queue_is_full(l) && r->n_results < RECORD_MOST && clock_mono_us() < reading.until)
		if (!read_due(&reading, now))
			return false;
	if (reading.too_new) {
		l->more = true;
		*wait = 0;
	}
	took = clock_mono_us() - begin;
	if (l->n_ready + r->n_results == before)
		pause_reading(l, READ_SHARE * took);
	else if (reading.judging > SLOW_US && r->n_queues > 1 && !r->drain)
		pause_reading(l, READ_SHARE * reading.judging);
	if (l->more && !queue_is_full(l))
		clock_lower(wait, READ_SHARE * took / 1000 + 1);
	if (reading.unknown) {
		log_message(LOG_LEVEL_ERROR, "sink %s: not all that is due could be read and judged: memory is short", l->sink->name);
		r->failed = r->failed || r->drain;
	}
	return true;
}

void fetch_later(struct relay *r, struct queue *l, int64_t *wait)
{
	log_message(LOG_LEVEL_ERROR, "sink %s: the spool can't be used: %s", l->sink->name, spool_db_error(r->db));
	l->more = !r->drain;
	r->failed = r->failed || r->drain;
	l->cursor = (struct spool_relay_cursor){0, 0};
	pause_reading(l, AGAIN_US);
	clock_lower(wait, AGAIN_US / 1000);
}

void fetch_queue(struct relay *r, struct queue *l, int64_t now, int64_t *wait)
{
	int64_t begin = clock_mono_us();

	l->more = l->more || (l->next_due && l->next_due <= now);
	if (!l->more || queue_is_full(l))
		return;
	if (begin < l->read_at)
		clock_lower(wait, (l->read_at - begin) / 1000 + 1);
	else if (!read_queue(r, l, now, wait))
		fetch_later(r, l, wait);
}
