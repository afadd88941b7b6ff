/* SPDX-License-Identifier: ISC */
/* What tests of drivers share: a loop, a sink that is open, the messages that it got, and what was reported of each. */
#ifndef DRIVING_H
#define DRIVING_H

#include "relaying.h"

enum { DRIVING_MOST = 16 };

struct reported {
	int calls;
	enum sink_verdict verdict;
	bool in_doubt, target_failed, unsent;
	char error[256], answer[256], reply[64], place[64];
};

struct fixture {
	struct loop *loop;
	struct sink sink;
	struct sink_target *target;
	struct attempt *attempt[DRIVING_MOST];
	struct reported reported[DRIVING_MOST];
	int order[DRIVING_MOST];
	int n, done;
};

static struct fixture *now;

static void keep_text(char *to, size_t n, struct slice from)
{
	snprintf(to, n, "%.*s", (int)from.n, from.p ? from.p : "");
}

static void on_done(struct sink_message *m, const struct sink_result *got)
{
	struct reported *r;
	int i = 0;

	while (&now->attempt[i]->message != m)
		i++;
	r = &now->reported[i];
	r->calls++;
	r->verdict = got->verdict;
	r->in_doubt = got->in_doubt;
	r->target_failed = got->target_failed;
	r->unsent = got->unsent;
	keep_text(r->error, sizeof r->error, text(got->error));
	keep_text(r->place, sizeof r->place, text(got->place));
	keep_text(r->answer, sizeof r->answer, got->answer);
	keep_text(r->reply, sizeof r->reply, got->reply);
	now->order[now->done++] = i;
	attempt_free(now->attempt[i]); /* the message is gone when it was reported */
	now->attempt[i] = (struct attempt *)(void *)now; /* no message's */
}

static void on_time(void *ctx)
{
	(void)ctx;
}

static void begin_driving(void **state)
{
	static char name[] = "out";
	struct fixture *f = calloc(1, sizeof *f);

	now = *state = f;
	f->loop = loop_new();
	f->sink = (struct sink){.name = name, .timeout = 5000, .max_in_flight = 8};
}

static void close_driver(struct fixture *f)
{
	sink_stop(f->target);
	sink_close(f->target);
	f->target = NULL;
}

static void end_driving(struct fixture *f)
{
	close_driver(f);
	loop_free(f->loop);
	for (int i = 0; i < f->n; i++)
		if (!f->reported[i].calls)
			attempt_free(f->attempt[i]);
	free(f);
}

static void open_type(struct fixture *f, const struct sink_type *type, void *options)
{
	char why[256];

	f->sink.type = type;
	f->sink.options = options;
	f->target = sink_open(&f->sink, f->loop, on_done, why, sizeof why);
	if (!f->target)
		fail_msg("%s", why);
}

/* Sends a batch of n messages, which may take so long. */
static void send_batch_of(struct fixture *f, int n, int64_t timeout)
{
	struct sink_message *first = NULL, **last = &first;

	for (int i = f->n; i < f->n + n; i++) {
		struct attempt *a = f->attempt[i] = make_attempt(i + 1, 1000, 0, NULL);

		a->message.type = "application/json";
		a->message.body = a->event.body;
		a->message.endpoint_name = text("Lead");
		a->message.deadline = clock_mono_us() + timeout * 1000;
		*last = &a->message;
		last = &a->message.next;
	}
	f->n += n;
	sink_send(f->target, first);
}

/* Until so many are reported, or so many ms have passed. */
static void wait_until(struct fixture *f, int done, int64_t ms)
{
	struct loop_timer timer;
	int64_t until = clock_mono_us() + ms * 1000;

	loop_timer_init(&timer, f->loop, on_time, NULL);
	while (f->done < done && clock_mono_us() < until) {
		loop_timer_set(&timer, until);
		loop_wait(f->loop);
	}
	loop_timer_stop(&timer);
	assert_int_equal(f->done, done);
	for (int i = 0; i < f->n; i++)
		assert_true(f->reported[i].calls <= 1);
}

#endif
