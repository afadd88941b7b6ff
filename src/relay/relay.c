/*
 * The relay: sends what is due to its sinks, and writes down what became of it.
 *
 * One thread. Whatever waits, waits in http_wait(): for answers, for a signal, for the receiver's datagram. The spool's
 * lock is held only to write a batch of results.
 */
#include "relay/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/notify.h"
#include "hook/event.h"
#include "hook/stored.h"
#include "relay/http.h"
#include "relay/lane.h"
#include "relay/schedule.h"
#include "sink/spool_poke.h"

enum {
	LOOK_MS = 1000,          /* for relays nobody told us of */
	RECORD_MS = 10,          /* a result waits for others, to be written with them... */
	RECORD_MOST = 64,        /* ...unless there are so many */
	END_MS = 5000,           /* for what is on the way, after a signal */
	WHY_SIZE = 512,
};

struct relay {
	const struct conf *conf;
	struct spool_db db;
	struct http *http;
	struct lane *lanes;
	size_t n_lanes;
	int lock, poke, signals;
	char name[16]; /* of the spool */
	struct spool_attempt *results, **last_result;
	unsigned n_results;
	int64_t oldest_result; /* clock_mono_us() */
	int64_t ending_at;     /* the same; 0: not yet */
	bool reload, once;
	struct event event; /* for fields that the spool has no column for; reused */
	char why[WHY_SIZE];
};

/* ---- from the spool's row to the job */

static struct slice copy(struct buf *to, struct slice from)
{
	return buf_add(to, from.p, from.n) ? (struct slice){to->data, to->len} : (struct slice){0};
}

static struct slice text_of(const char *s)
{
	return (struct slice){s, strlen(s)};
}

/* The values that a template has beside the body's; they borrow from the job. */
static bool set_values(struct job *j, const struct spool_row *e)
{
	const struct slice known[TEMPLATE_KNOWN_COUNT] = {
		[TEMPLATE_ENDPOINT] = e->endpoint,
		[TEMPLATE_EVENT] = e->event,
		[TEMPLATE_ACCOUNT] = e->account,
		[TEMPLATE_SENDER_ID] = e->sender_id,
		[TEMPLATE_SENDER_NAME] = e->sender_name,
		[TEMPLATE_CONVERSATION] = e->conversation,
		[TEMPLATE_SENT_AT] = e->sent_at,
	};
	size_t sum = 1;

	for (int i = 0; i < TEMPLATE_KNOWN_COUNT; i++)
		sum += known[i].n;
	if (!buf_reserve(&j->known, sum)) /* so that none moves when the next is added */
		return false;
	for (int i = 0; i < TEMPLATE_KNOWN_COUNT; i++) {
		if (!known[i].p)
			continue;
		j->values.known[i] = (struct slice){j->known.data + j->known.len, known[i].n};
		buf_add(&j->known, known[i].p, known[i].n);
	}
	j->values.known[TEMPLATE_ID] = text_of(j->id);
	j->values.known[TEMPLATE_RECEIVED_AT] = text_of(clock_format(e->received_at, j->received));
	return true;
}

struct reading {
	struct relay *relay;
	struct lane *lane;
	bool no_memory;
};

static void on_due(void *ctx, const struct spool_relay_row *r)
{
	struct reading *reading = ctx;
	const struct spool_row *e = &r->event;
	struct job *j;

	if (lane_has(reading->lane, r->id))
		return;
	j = calloc(1, sizeof *j);
	if (!j) {
		reading->no_memory = true;
		return;
	}
	j->relay = r->id;
	j->event = e->id;
	j->since = r->since;
	j->attempt = r->attempts + 1;
	snprintf(j->id, sizeof j->id, "evt_%s_%" PRId64, reading->relay->name, e->id);
	copy(&j->endpoint, e->endpoint);
	copy(&j->headers, e->headers);
	j->values.body = copy(&j->body, e->body);
	if ((e->body.n && !j->values.body.p) || !set_values(j, e))
		reading->no_memory = true;
	lane_add(reading->lane, j);
}

/* Reads what is due, until there is enough ahead; what was read before and isn't recorded yet is found again, and passed over. */
static bool fill(struct relay *r, struct lane *l, int64_t now)
{
	struct reading reading = {.relay = r, .lane = l};
	int found;

	l->more = l->more || (l->next_due && l->next_due <= now);
	while (l->more && l->n_ready < LANE_READ / 2) {
		if (!spool_relay_due(&r->db, l->sink->name, now, &l->cursor, LANE_READ, on_due, &reading, &found, r->why, sizeof r->why))
			return false;
		if (reading.no_memory) {
			snprintf(r->why, sizeof r->why, "memory is short");
			return false;
		}
		if (found == LANE_READ)
			continue;
		/* from the first again, the next time: for those that were put off, and those of ordered conversations */
		l->cursor = (struct spool_relay_cursor){0, 0};
		l->more = false;
		if (!spool_relay_next(&r->db, l->sink->name, now, &l->next_due, r->why, sizeof r->why))
			return false;
	}
	return true;
}

/* ---- attempts */

static void log_attempt(const struct job *j, const struct http_result *h)
{
	static const char *const outcomes[] = {[RELAY_PENDING] = "retried", [RELAY_DONE] = "delivered", [RELAY_DEAD] = "dead"};
	enum log_level level = j->result.state == RELAY_DONE ? LOG_LEVEL_INFO : j->result.state == RELAY_DEAD ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING;
	char due[CLOCK_TEXT];
	struct log_entry e;

	if (!log_on(level))
		return;
	log_begin(&e, level);
	log_text(&e, "sink", j->lane->sink->name);
	log_text(&e, "outcome", outcomes[j->result.state]);
	log_number(&e, "id", j->event);
	log_number(&e, "attempt", j->attempt);
	if (h->status)
		log_number(&e, "status", h->status);
	log_number(&e, "ms", h->ms);
	log_text(&e, "reason", h->error);
	if (j->result.state == RELAY_PENDING)
		log_text(&e, "next", clock_format(j->result.due, due));
	log_end(&e);
}

/* What becomes of a relay after this attempt: a 2xx is success; no answer, and what retry-on has, are tried again. */
static void decide(struct job *j, const struct http_result *h, int64_t now)
{
	const struct sink *s = j->lane->sink;
	bool again = h->status == 0 || (h->status < SINK_STATUS_MAX && s->retry_on[h->status]);

	j->result.state = h->status >= 200 && h->status < 300 ? RELAY_DONE : RELAY_DEAD;
	lane_note(j->lane, j->result.state == RELAY_DEAD && again, h->retry_after, now);
	if (j->result.state == RELAY_DONE || !again)
		return;
	j->result.due = schedule_next(&s->retry, j->attempt, j->since, now, (uint64_t)j->relay << 16 ^ (uint64_t)j->attempt);
	if (!j->result.due)
		return;
	if (j->result.due < now + h->retry_after)
		j->result.due = now + h->retry_after;
	j->result.state = RELAY_PENDING;
}

static struct relay *running; /* libcurl's callbacks know the job, and this is the rest */

static void on_done(void *job, const struct http_result *h)
{
	struct relay *r = running;
	struct job *j = job;
	int64_t now = clock_now();

	decide(j, h, now);
	log_attempt(j, h);
	j->result.relay = j->relay;
	j->result.at = j->started;
	j->result.ms = h->ms;
	j->result.status = h->status;
	if (h->error) {
		snprintf(j->error, sizeof j->error, "%s", h->error);
		j->result.error = j->error;
	}
	memcpy(j->answer, h->answer.p, h->answer.n);
	j->result.answer = (struct slice){j->answer, h->answer.n};
	if (!r->results)
		r->oldest_result = clock_mono_us();
	*r->last_result = &j->result;
	r->last_result = &j->result.next;
	r->n_results++;
}

/* The event's own Content-Type, as it was kept with it. */
static void content_type(const struct job *j, char *out, size_t n)
{
	struct stored stored = {0};

	*out = '\0';
	if (stored_request((struct slice){j->headers.data, j->headers.len}, (struct slice){0}, &stored))
		snprintf(out, n, "%s", stored.request.content_type);
	if (!*out)
		snprintf(out, n, "application/octet-stream");
	stored_free(&stored);
}

/* The text of the message, which the scheme knows where to find. */
static void set_text(struct relay *r, struct job *j)
{
	const struct endpoint *e = conf_endpoint(r->conf, buf_str(&j->endpoint));
	struct stored stored = {0};

	if (e && stored_request((struct slice){j->headers.data, j->headers.len}, j->values.body, &stored) &&
	    event_read(&stored.request, &e->scheme, (struct slice){0}, &r->event) == EVENT_OK)
		j->values.known[TEMPLATE_TEXT] = r->event.field[FIELD_TEXT];
	stored_free(&stored);
}

static bool start(struct relay *r, struct job *j)
{
	const struct sink *s = j->lane->sink;
	struct slice body = j->values.body;
	char type[256];

	if (s->body) {
		set_text(r, j);
		if (!template_print(s->body, &j->values, &j->message))
			return false;
		j->values.known[TEMPLATE_TEXT] = (struct slice){0}; /* it was borrowed */
		body = (struct slice){j->message.data, j->message.len};
		snprintf(type, sizeof type, "%s", s->type);
	} else {
		content_type(j, type, sizeof type);
	}
	j->started = clock_now();
	return http_start(r->http, &j->lane->target, type, j->id, body, j);
}

/* Starts all that may go. *wait is lowered to when more may. False when memory is short. */
static bool start_all(struct relay *r, int64_t now, int64_t *wait)
{
	struct job *j;

	for (size_t i = 0; i < r->n_lanes; i++) {
		if (!fill(r, &r->lanes[i], now))
			return false;
		while ((j = lane_take(&r->lanes[i], now, wait)))
			if (!start(r, j)) {
				snprintf(r->why, sizeof r->why, "memory is short, or a key failed");
				return false;
			}
		if (r->lanes[i].next_due && r->lanes[i].next_due - now < *wait && r->lanes[i].next_due > now)
			*wait = r->lanes[i].next_due - now;
	}
	return true;
}

static struct job *job_of(struct spool_attempt *a)
{
	return (struct job *)(void *)((char *)a - offsetof(struct job, result));
}

/* Writes the results; where that fails, they wait for the next time. */
static void record(struct relay *r)
{
	struct spool_attempt *a, *next;

	if (!r->results)
		return;
	if (!spool_relay_record(&r->db, r->results, r->why, sizeof r->why)) {
		log_message(LOG_LEVEL_ERROR, "results can't be written: %s", r->why);
		r->oldest_result = clock_mono_us() + LOOK_MS * INT64_C(1000);
		return;
	}
	for (a = r->results; a; a = next) {
		struct job *j = job_of(a);

		next = a->next;
		if (a->state == RELAY_PENDING || j->lane->sink->ordered)
			j->lane->more = true; /* only so is it known when the next is due */
		lane_drop(j->lane, j);
	}
	r->results = NULL;
	r->last_result = &r->results;
	r->n_results = 0;
}

static bool anything_flying(const struct relay *r)
{
	for (size_t i = 0; i < r->n_lanes; i++)
		if (r->lanes[i].flying)
			return true;
	return false;
}

/* ---- the loop */

static void on_signal(struct relay *r)
{
	struct signalfd_siginfo si;

	while (read(r->signals, &si, sizeof si) == sizeof si) {
		if (!r->ending_at)
			r->ending_at = clock_mono_us();
		r->reload = si.ssi_signo == SIGHUP;
		log_message(LOG_LEVEL_INFO, r->reload ? "reloading" : "stopping");
	}
}

static void on_poke(struct relay *r)
{
	char trash[64];

	while (recv(r->poke, trash, sizeof trash, MSG_DONTWAIT) >= 0)
		;
	for (size_t i = 0; i < r->n_lanes; i++)
		r->lanes[i].more = true;
}

static bool open_spool(struct relay *r, char *why, size_t n)
{
	if (!spool_db_open(&r->db, r->conf->spool, r->conf->journal, SPOOL_MANAGE, why, n) || !spool_relay_name(&r->db, r->name, why, n))
		return false;
	/* what a power cut takes back is sent once more, with the same id */
	sqlite3_exec(r->db.sql, "PRAGMA synchronous=NORMAL", NULL, NULL, NULL);
	return true;
}

/* Each second: are there relays that nobody told us of, is the spool still the one at its place, and its disk well? */
static bool look(struct relay *r)
{
	for (size_t i = 0; i < r->n_lanes; i++)
		r->lanes[i].more = true;
	if (!r->db.suspect && !spool_db_moved(&r->db))
		return true;
	spool_db_close(&r->db);
	return open_spool(r, r->why, sizeof r->why);
}

static bool loop(struct relay *r)
{
	struct pollfd fds[] = {{.fd = r->signals}, {.fd = r->poke}};
	unsigned n_fds = r->poke < 0 ? 1 : 2;
	int64_t now, wait, looked = 0;

	for (;;) {
		now = clock_now();
		wait = LOOK_MS;
		if (clock_mono_us() - looked > LOOK_MS * INT64_C(1000)) {
			looked = clock_mono_us();
			if (!look(r))
				return false;
		}
		if (r->n_results >= RECORD_MOST || (r->results && clock_mono_us() - r->oldest_result > RECORD_MS * 1000))
			record(r);
		if (!r->ending_at && !start_all(r, now, &wait))
			return false;
		if (r->results && wait > RECORD_MS)
			wait = RECORD_MS;
		if (!anything_flying(r) && (r->ending_at || (r->once && wait >= LOOK_MS)))
			return true;
		if (r->ending_at && clock_mono_us() - r->ending_at > END_MS * INT64_C(1000))
			return true; /* what is on the way is sent once more, with the same id */
		http_wait(r->http, fds, n_fds, wait);
		if (fds[0].revents)
			on_signal(r);
		if (n_fds == 2 && fds[1].revents)
			on_poke(r);
	}
}

/* ---- beginning and end */

/* One relay a spool: two would send everything twice. */
static enum relay_end take_lock(struct relay *r, char *why, size_t n)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/relay.lock", r->conf->spool);
	r->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (r->lock < 0) {
		snprintf(why, n, "%s: %s", path, strerror(errno));
		return RELAY_FAILED;
	}
	if (flock(r->lock, LOCK_EX | LOCK_NB) == 0)
		return RELAY_ENDED;
	snprintf(why, n, "another relay runs on %s", r->conf->spool);
	return RELAY_REFUSED;
}

static bool open_lanes(struct relay *r, char *why, size_t n)
{
	r->lanes = calloc(r->conf->n_sinks + 1, sizeof *r->lanes);
	if (!r->lanes) {
		snprintf(why, n, "memory is short");
		return false;
	}
	for (; r->n_lanes < r->conf->n_sinks; r->n_lanes++)
		lane_init(&r->lanes[r->n_lanes], &r->conf->sinks[r->n_lanes]);
	for (size_t i = 0; i < r->n_lanes; i++) {
		char reason[WHY_SIZE / 2];

		if (target_init(&r->lanes[i].target, r->lanes[i].sink, reason, sizeof reason))
			continue;
		snprintf(why, n, "sink \"%s\": %s", r->lanes[i].sink->name, reason);
		return false;
	}
	return true;
}

static bool open_all(struct relay *r, char *why, size_t n)
{
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGHUP);
	sigprocmask(SIG_BLOCK, &ours, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (!open_spool(r, why, n) || !open_lanes(r, why, n))
		return false;
	r->http = http_new(on_done);
	r->signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	r->poke = spool_poke_listen(r->conf->spool);
	if (r->poke < 0)
		log_message(LOG_LEVEL_WARNING, "not woken by the receiver, but looking each second: %s", strerror(errno));
	if (!r->http || r->signals < 0)
		snprintf(why, n, "can't start: %s", strerror(errno));
	return r->http && r->signals >= 0;
}

static void close_all(struct relay *r)
{
	http_free(r->http);
	for (size_t i = 0; i < r->n_lanes; i++)
		lane_free(&r->lanes[i]);
	free(r->lanes);
	event_free(&r->event);
	spool_db_close(&r->db);
	if (r->signals >= 0)
		close(r->signals);
	if (r->poke >= 0)
		close(r->poke);
	if (r->lock >= 0)
		close(r->lock);
}

enum relay_end relay_run(const struct conf *c, bool once, char *why, size_t n)
{
	struct relay r = {.conf = c, .once = once, .lock = -1, .poke = -1, .signals = -1, .db = {.lock_fd = -1}};
	enum relay_end end = take_lock(&r, why, n);

	if (end == RELAY_ENDED && !open_all(&r, why, n))
		end = RELAY_FAILED;
	if (end == RELAY_ENDED) {
		running = &r;
		r.last_result = &r.results;
		log_message(LOG_LEVEL_INFO, "relaying to %zu sink%s, spool %s", c->n_sinks, c->n_sinks == 1 ? "" : "s", c->spool);
		notify_send("READY=1");
		if (!loop(&r)) {
			snprintf(why, n, "%s", r.why);
			end = RELAY_FAILED;
		}
		record(&r);
		end = end == RELAY_ENDED && r.reload ? RELAY_RELOAD : end;
	}
	close_all(&r);
	return end;
}
