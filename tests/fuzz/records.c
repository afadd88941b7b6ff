/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the reading of FastCGI: what record_walk() takes for a whole request has exactly its variables.
 *
 * The same bytes also go through a socket to fcgi_take(), whole and as a request that is still arriving: memory errors
 * show there.
 */
#include "fuzz.h"

#include <fastcgi.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf/conf.h"
#include "gate/fcgi.h"
#include "gate/input.h"
#include "gate/libfcgi.h"
#include "gate/record.h"

enum { INPUT_MAX = 100 * 1000 };

/* The variables as the pairs have them, decoded here once more; less the pairs that can be no variable. False where a length is wrong. */
static bool decode_pairs(const struct buf *params, struct buf *strings)
{
	const unsigned char *p = (const unsigned char *)(params->data ? params->data : ""), *end = p + params->len;
	size_t length[2];

	while (p < end) {
		for (int i = 0; i < 2; i++) {
			if (p == end || (*p >= 0x80 && end - p < 4))
				return false;
			length[i] = *p < 0x80 ? *p : (size_t)(p[0] & 0x7F) << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
			p += *p < 0x80 ? 1 : 4;
		}
		if (length[0] > (size_t)(end - p) || length[1] > (size_t)(end - p) - length[0])
			return false;
		if (length[0] && !memchr(p, '=', length[0]) && !memchr(p, '\0', length[0] + length[1]))
			assert(buf_add(strings, p, length[0]) && buf_add(strings, "=", 1) &&
				buf_add(strings, p + length[0], length[1]) && buf_add(strings, "", 1));
		p += length[0] + length[1];
	}
	return true;
}

/* The variables are these, and no others. */
static void check_variables(struct buf *params)
{
	struct buf strings = {0};
	bool whole = decode_pairs(params, &strings);
	size_t at = 0, most = params->len / RECORD_PAIR_MIN + 1;
	char **envp = malloc(most * sizeof *envp), **variable = envp; /* exactly so large, and the text too: a sanitizer sees more */
	char *text = malloc(params->len + 1);

	assert(envp && text);
	if (params->len)
		memcpy(text, params->data, params->len);
	assert(record_variables(text, params->len, envp) == whole);
	for (; at < strings.len; at += strlen(strings.data + at) + 1)
		assert(*variable && strcmp(*variable++, strings.data + at) == 0);
	assert(!*variable);
	free(envp);
	free(text);
	buf_free(&strings);
}

/* A request that record_walk() took for whole. */
static void check_request(const uint8_t *data, size_t n)
{
	struct buf params = {0};
	struct record r;

	for (size_t at = 0; at < n; at += RECORD_HEADER + r.content + r.padding) {
		assert(record_read(data + at, &r));
		if (r.type == FCGI_PARAMS)
			assert(buf_add(&params, data + at + RECORD_HEADER, r.content));
	}
	check_variables(&params);
	buf_free(&params);
}

static void ignore(void *ctx, enum log_level level, const char *message)
{
	(void)ctx;
	(void)level;
	(void)message;
}

static struct conf *make_conf(void)
{
	char file[] = "/tmp/hookspool-fuzz-XXXXXX";
	static const char text[] = "spool = \"/nowhere\"\nparams-timeout = \"1ms\"\nbody-timeout = \"1ms\"\n"
		"endpoint \"/w\" { scheme = \"none\" events = \"none\" }\n";
	int fd = mkstemp(file);
	struct conf *c;

	assert(fd >= 0 && write(fd, text, sizeof text - 1) == sizeof text - 1);
	close(fd);
	c = conf_load(file, ignore, NULL);
	unlink(file);
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT, LOG_TARGET_STDERR);
	return c;
}

/* Through a socket, taken at once or looked at before; the sender closes its end, so that nothing waits. */
static void check_take(const uint8_t *data, size_t n, bool whole)
{
	static struct conf *conf;
	static struct fcgi *f;
	static struct spool *spool;
	struct fcgi_service how = {0};
	enum input_ready ready;
	int fd[2], room = 1 << 20;

	if (!conf) {
		assert((conf = make_conf()) && (f = fcgi_new()) && libfcgi_init());
		assert((spool = spool_new("/nowhere", JOURNAL_WAL, SPOOL_RECEIVE, conf->reject)));
	}
	how.conf = conf;
	how.spool = spool;
	assert(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
	setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	assert(send(fd[1], data, n, MSG_DONTWAIT) == (ssize_t)n && shutdown(fd[1], SHUT_WR) == 0);
	ready = whole ? input_take(fd[0], &how.complete, &how.taken) : input_peek(fd[0], &how.complete);
	if (ready == INPUT_MANAGEMENT) {
		fcgi_manage(fd[0], how.complete, how.taken);
	} else if (ready != INPUT_CLOSED && ready != INPUT_EMPTY) {
		if (!whole || ready != INPUT_COMPLETE) {
			how.complete = 0;
			how.early = input_taken(0, how.taken);
		}
		if (fcgi_take(f, fd[0], &how) == FCGI_NEXT_STORE)
			fcgi_answer(f);
	}
	close(fd[0]);
	close(fd[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum record_seen seen;
	size_t whole = 0;

	if (size == 0 || size > INPUT_MAX)
		return 0;
	seen = record_walk(data, size, &whole);
	assert(whole <= size || seen == RECORD_SEEN_PARTIAL);
	for (size_t n = 0; seen == RECORD_SEEN_COMPLETE && n < whole && n < 512; n++) /* never complete too early */
		assert(record_walk(data, n, &(size_t){0}) != RECORD_SEEN_COMPLETE);
	if (seen == RECORD_SEEN_COMPLETE)
		check_request(data, whole);
	check_take(data, size, true);
	check_take(data, size, false);
	return 0;
}
