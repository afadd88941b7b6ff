/* SPDX-License-Identifier: ISC */
/* An attempt, whichever way it is made. */
#include "relay/sending.h"

#include "sink/exec.h"
#include "sink/http_headers.h"
#include "sink/http.h"
#include "relay/attempt.h"
#include "sink/http_target.h"

static bool start_http(struct http *h, struct target *t, struct attempt *j)
{
	char why[256];
	struct attempt_message m;
	struct buf headers = {0};
	enum headers_result made = headers_make(j, t->sink, &headers, why, sizeof why);
	bool ok = made != HEADERS_NO_MEMORY && attempt_message(j, t->sink, &m);

	if (ok && made == HEADERS_REFUSED)
		http_refuse(h, j, why);
	else if (ok)
		ok = http_start(h, t, &(struct http_message){m.type, j->id, headers.data, m.body, j->at_most_once}, j);
	buf_free(&headers);
	return ok;
}

static bool start_exec(struct exec *x, const struct sink *s, struct attempt *j)
{
	struct buf environment = {0};
	struct attempt_message m;
	size_t n = attempt_message(j, s, &m) ? attempt_environment(j, s, &m, &environment) : 0;
	bool ok = n && exec_start(x, s, &environment, n, m.body, j);

	buf_free(&environment);
	return ok;
}

bool sending_start(struct http *h, struct exec *x, struct target *t, struct attempt *j)
{
	return t->sink->command.n ? start_exec(x, t->sink, j) : start_http(h, t, j);
}
