/*
 * Fuzzes the reading of FastCGI: what record_walk() takes for a whole request, libfcgi takes for the same variables and body.
 *
 * libfcgi gets the records without their padding, which it reads as records. The same bytes also go through a
 * socket to fcgi_take(), whole and as a request that is still arriving: memory errors show there.
 */
#define _GNU_SOURCE /* memfd_create */
#include "fuzz.h"

#include <fcgiapp.h>
#include <fastcgi.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf/conf.h"
#include "gate/fcgi.h"
#include "gate/record.h"

enum { INPUT_MAX = 100 * 1000 };

/* A request taken apart by hand. */
struct parts {
	struct buf params, body, canonical;
	unsigned role;
	bool aborted;
};

static void take_apart(const uint8_t *p, size_t n, struct parts *out)
{
	struct record r;

	for (size_t at = 0; at < n; at += RECORD_HEADER + r.content + r.padding) {
		const uint8_t *content = p + at + RECORD_HEADER;
		uint8_t header[RECORD_HEADER];

		assert(record_read(p + at, &r));
		memcpy(header, p + at, sizeof header);
		header[6] = 0;
		assert(buf_add(&out->canonical, header, sizeof header) && buf_add(&out->canonical, content, r.content));
		if (r.type == FCGI_BEGIN_REQUEST)
			out->role = (unsigned)content[0] << 8 | content[1];
		out->aborted = out->aborted || r.type == FCGI_ABORT_REQUEST;
		if (r.type == FCGI_PARAMS || r.type == FCGI_STDIN)
			assert(buf_add(r.type == FCGI_PARAMS ? &out->params : &out->body, content, r.content));
	}
}

static void compare(const struct parts *parts, char *const *envp)
{
	int fd = memfd_create("records", MFD_CLOEXEC);
	char body[4096];
	FCGX_Request x;
	size_t at = 0;
	int n;

	assert(FCGX_Init() == 0); /* does nothing the second time */
	assert(fd >= 0 && write(fd, parts->canonical.data, parts->canonical.len) == (ssize_t)parts->canonical.len);
	assert(lseek(fd, 0, SEEK_SET) == 0 && FCGX_InitRequest(&x, -1, FCGI_FAIL_ACCEPT_ON_INTR) == 0);
	x.ipcFd = fd;
	x.keepConnection = 1;
	assert(FCGX_Accept_r(&x) == 0);
	assert(x.envp[0] && strcmp(x.envp[0], "FCGI_ROLE=RESPONDER") == 0); /* which it adds */
	for (size_t i = 0; envp[i] || x.envp[i + 1]; i++)
		assert(envp[i] && x.envp[i + 1] && strcmp(envp[i], x.envp[i + 1]) == 0);
	while ((n = FCGX_GetStr(body, sizeof body, x.in)) > 0) {
		assert((size_t)n <= parts->body.len - at && memcmp(body, parts->body.data + at, (size_t)n) == 0);
		at += (size_t)n;
	}
	assert(at == parts->body.len);
	FCGX_Free(&x, 1);
}

/* Whether the pairs have no name or value that record_variables() leaves out, or that a C string cuts. */
static bool plain(const struct buf *params)
{
	const unsigned char *p = (const unsigned char *)(params->data ? params->data : ""), *end = p + params->len;
	size_t length[2];

	while (p < end) {
		for (int i = 0; i < 2; i++) {
			length[i] = *p < 0x80 ? *p : (size_t)(p[0] & 0x7F) << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
			p += *p < 0x80 ? 1 : 4;
		}
		if (length[0] == 0 || memchr(p, '=', length[0]) || memchr(p, '\0', length[0] + length[1]))
			return false;
		p += length[0] + length[1];
	}
	return true;
}

static void check_walk(const uint8_t *data, size_t n)
{
	struct parts parts = {0};
	struct buf strings = {0}, envp = {0};

	take_apart(data, n, &parts);
	assert(buf_add(&strings, parts.params.data, parts.params.len));
	if (record_variables(&strings, &envp) && !parts.aborted && parts.role == FCGI_RESPONDER &&
	    plain(&parts.params))
		compare(&parts, (char **)(void *)envp.data);
	buf_free(&parts.params);
	buf_free(&parts.body);
	buf_free(&parts.canonical);
	buf_free(&strings);
	buf_free(&envp);
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

/* Through a socket; the sender closes its end, so that nothing waits. */
static void check_take(const uint8_t *data, size_t n, bool whole)
{
	static struct conf *conf;
	static struct fcgi *f;
	static struct spool *spool;
	struct fcgi_service how = {0};
	enum fcgi_ready ready;
	int fd[2], room = 1 << 20;

	if (!conf) {
		assert((conf = make_conf()) && (f = fcgi_new()));
		assert((spool = spool_new("/nowhere", JOURNAL_WAL, SPOOL_RECEIVE, conf->reject)));
	}
	how.conf = conf;
	how.spool = spool;
	assert(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
	setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	assert(send(fd[1], data, n, MSG_DONTWAIT) == (ssize_t)n && shutdown(fd[1], SHUT_WR) == 0);
	ready = fcgi_peek(fd[0], &how.complete);
	if (ready == FCGI_READY_MANAGEMENT) {
		fcgi_manage(fd[0], how.complete);
	} else if (ready != FCGI_READY_CLOSED && ready != FCGI_READY_EMPTY) {
		if (!whole || ready != FCGI_READY_COMPLETE)
			how.complete = 0;
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
		check_walk(data, whole);
	check_take(data, size, true);
	check_take(data, size, false);
	return 0;
}
