/* gate/: what we rely on in libfcgi, seen from the other end of the socket; and the listening sockets. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "gate/fcgi.h"
#include "gate/listen.h"

static struct {
	struct conf *conf;
	struct spool *spool;
	struct fcgi *fcgi;
} g;

static void report(void *ctx, enum log_level level, const char *message)
{
	(void)ctx;
	(void)level;
	(void)message;
}

static int start(void **state)
{
	int rc = unit_enter(state);

	unit_file("gate.conf", "spool = \"spool\"\nbody-timeout = \"200ms\"\nendpoint \"/w\" { scheme = \"none\" }\n", 0600);
	g.conf = conf_load("gate.conf", report, NULL);
	g.spool = spool_new("spool", JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	g.fcgi = fcgi_new();
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT, LOG_TARGET_STDERR);
	return rc == 0 && g.conf && g.fcgi && fcgi_init() ? 0 : -1;
}

static int end(void **state)
{
	fcgi_free(g.fcgi);
	spool_close(g.spool);
	conf_free(g.conf);
	return unit_leave(state);
}

/* FastCGI records, appended to b. */
static void record(struct buf *b, int type, const void *content, size_t n)
{
	const char header[8] = {1, (char)type, 0, 1, (char)(n >> 8), (char)n, 0, 0};

	buf_add(b, header, sizeof header);
	buf_add(b, content, n);
}

static void begin(struct buf *b, bool keep)
{
	const char body[8] = {0, 1, (char)keep};

	record(b, 1, body, sizeof body);
}

static void param(struct buf *b, const char *name, const char *value)
{
	struct buf pair = {0};

	buf_printf(&pair, "%c%c%s%s", (char)strlen(name), (char)strlen(value), name, value);
	record(b, 4, pair.data, pair.len);
	buf_free(&pair);
}

static void params(struct buf *b, const char *method, const char *path)
{
	param(b, "REQUEST_METHOD", method);
	param(b, "CONTENT_TYPE", "application/json");
	param(b, "SCRIPT_NAME", path);
	record(b, 4, NULL, 0);
}

static void request(struct buf *b, bool keep, const char *path, const char *body)
{
	b->len = 0;
	begin(b, keep);
	params(b, "POST", path);
	if (*body)
		record(b, 5, body, strlen(body));
	record(b, 5, NULL, 0);
}

struct pair {
	int ours, theirs;
};

static struct pair connect_pair(void)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	return (struct pair){fd[0], fd[1]};
}

static enum fcgi_next serve_as(int fd, bool complete, bool refuse)
{
	struct fcgi_service how = {g.conf, g.spool, complete, refuse};

	enum fcgi_next next = fcgi_take(g.fcgi, fd, &how);

	if (next != FCGI_NEXT_STORE)
		return next;
	fcgi_store(&g.fcgi, 1);
	return fcgi_answer(g.fcgi);
}

/* Whether the peer has got an answer with that status code. */
static bool answered(const struct pair *p, const char *code)
{
	char out[2048];
	ssize_t n = recv(p->theirs, out, sizeof out - 1, MSG_DONTWAIT);

	if (n <= 0)
		return false;
	for (ssize_t i = 0; i + 12 < n; i++)
		if (memcmp(out + i, "Status: ", 8) == 0)
			return memcmp(out + i + 8, code, 3) == 0;
	return false;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

static void kept_connection_serves_again(void **state)
{
	struct pair p = connect_pair();
	struct buf b = {0};

	(void)state;
	for (int i = 0; i < 3; i++) {
		request(&b, true, "/w", "{\"event\":\"e\"}");
		assert_int_equal(write(p.theirs, b.data, b.len), b.len);
		assert_int_equal(fcgi_peek(p.ours), FCGI_READY_COMPLETE);
		assert_int_equal(serve_as(p.ours, true, false), FCGI_NEXT_KEEP);
		assert_true(is_open(p.ours));
		assert_true(answered(&p, "200"));
		assert_int_equal(fcgi_peek(p.ours), FCGI_READY_EMPTY);
	}
	close(p.theirs);
	assert_int_equal(fcgi_peek(p.ours), FCGI_READY_CLOSED);
	close(p.ours);
	buf_free(&b);
}

static void plain_connection_is_closed(void **state)
{
	struct pair p = connect_pair();
	struct buf b = {0};

	(void)state;
	request(&b, false, "/w", "{\"event\":\"e\"}");
	assert_int_equal(write(p.theirs, b.data, b.len), b.len);
	assert_int_equal(serve_as(p.ours, true, false), FCGI_NEXT_CLOSED);
	assert_false(is_open(p.ours));
	assert_true(answered(&p, "200"));
	close(p.theirs);
	buf_free(&b);
}

/* The body of a refused request is a whole request: it must be read away, or the connection given up. */
static void unread_body_is_no_request(void **state)
{
	struct pair p = connect_pair();
	struct buf forged = {0}, b = {0};

	(void)state;
	request(&forged, true, "/w", "{\"event\":\"forged\"}");
	begin(&b, true);
	params(&b, "POST", "/nowhere");
	record(&b, 5, forged.data, forged.len);
	record(&b, 5, NULL, 0);
	assert_int_equal(write(p.theirs, b.data, b.len), b.len);
	assert_int_equal(serve_as(p.ours, true, false), FCGI_NEXT_KEEP);
	assert_true(answered(&p, "404"));
	assert_int_equal(fcgi_peek(p.ours), FCGI_READY_EMPTY);

	assert_int_equal(write(p.theirs, b.data, b.len), b.len);
	assert_int_equal(serve_as(p.ours, false, false), FCGI_NEXT_LINGER);
	assert_true(answered(&p, "404"));
	close(p.ours);
	close(p.theirs);
	buf_free(&forged);
	buf_free(&b);
}

static void how_much_has_come(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		enum fcgi_ready ready;
	} bad[] = {
		{"\2\1\0\1\0\0\0\0", 8, FCGI_READY_CLOSED},                    /* not version 1 */
		{"\1\4\0\1\0\0\0\0", 8, FCGI_READY_CLOSED},                    /* does not begin */
		{"\1\x09\0\0\0\0\0\0", 8, FCGI_READY_CLOSED},                  /* management: FCGI_GET_VALUES */
		{"\1\1\0\0\0\0\0\0", 8, FCGI_READY_CLOSED},                    /* management id */
		{"\1\1\0\1\0\0\0\0\1\x09\0\0\0\0\0\0", 16, FCGI_READY_CLOSED}, /* inside a request */
		{"\1\1\0", 3, FCGI_READY_PARTIAL},
		{"\1\1\0\1\0\0\0\0\1\2\0\1\0\0\0\0", 16, FCGI_READY_CLOSED},   /* ABORT */
		{"\1\1\0\1\0\0\0\0\1\5\0\1\0\0\0\0", 16, FCGI_READY_CLOSED},   /* no parameters */
		{"\1\1\0\1\0\0\0\0\1\4\0\1\0\0\0\0\1\5\0\2\0\0\0\0", 24, FCGI_READY_CLOSED}, /* another's end */
		{"\1\1\0\1\0\0\0\0\1\4\0\1\0\0\0\0\1\2\0\2\0\0\0\0", 24, FCGI_READY_CLOSED}, /* another's ABORT */
	};
	struct buf b = {0};
	struct pair p;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		p = connect_pair();
		assert_int_equal(write(p.theirs, bad[i].bytes, bad[i].n), bad[i].n);
		assert_int_equal(fcgi_peek(p.ours), bad[i].ready);
		close(p.ours);
		close(p.theirs);
	}
	p = connect_pair();
	request(&b, true, "/w", "{\"event\":\"e\"}");
	for (size_t i = 0; i < b.len; i++) { /* byte by byte: never complete too early */
		assert_int_equal(write(p.theirs, b.data + i, 1), 1);
		if (i + 1 < b.len)
			assert_true(fcgi_peek(p.ours) <= FCGI_READY_PARAMS);
	}
	assert_int_equal(fcgi_peek(p.ours), FCGI_READY_COMPLETE);
	close(p.ours);
	close(p.theirs);
	buf_free(&b);
}

static void slow_and_short_bodies(void **state)
{
	struct pair p = connect_pair();
	struct buf b = {0};

	(void)state;
	begin(&b, true);
	params(&b, "POST", "/w");
	record(&b, 5, "{\"event\"", 8);
	assert_int_equal(write(p.theirs, b.data, b.len), b.len);
	assert_int_equal(fcgi_peek(p.ours), FCGI_READY_PARAMS);
	assert_int_equal(serve_as(p.ours, false, false), FCGI_NEXT_LINGER);
	assert_true(answered(&p, "408"));
	close(p.ours);
	close(p.theirs);

	p = connect_pair();
	assert_int_equal(write(p.theirs, b.data, b.len), b.len);
	assert_int_equal(shutdown(p.theirs, SHUT_WR), 0);
	assert_int_equal(serve_as(p.ours, false, false), FCGI_NEXT_LINGER);
	assert_true(answered(&p, "400"));
	close(p.ours);
	close(p.theirs);

	p = connect_pair();
	assert_int_equal(write(p.theirs, b.data, b.len), b.len);
	assert_int_equal(serve_as(p.ours, false, true), FCGI_NEXT_LINGER);
	assert_true(answered(&p, "503"));
	close(p.ours);
	close(p.theirs);
	buf_free(&b);
}

/* libfcgi would answer it, and smash its stack. */
static void management_record_in_a_body(void **state)
{
	struct pair p = connect_pair();
	struct buf b = {0};

	(void)state;
	begin(&b, true);
	params(&b, "POST", "/w");
	record(&b, 5, "{\"event\"", 8);
	buf_add(&b, "\1\x09\0\0\0\0\0\0", 8);
	assert_int_equal(write(p.theirs, b.data, b.len), b.len);
	assert_int_equal(serve_as(p.ours, false, false), FCGI_NEXT_LINGER);
	assert_true(answered(&p, "400"));
	close(p.ours);
	close(p.theirs);
	buf_free(&b);
}

/* A request of many records, with padding, that comes in pieces; and nothing of it is left to be a request. */
static void body_in_pieces(void **state)
{
	struct pair p = connect_pair();
	struct buf b = {0};

	(void)state;
	for (size_t piece = 1; piece < 40; piece++) {
		b.len = 0;
		begin(&b, true);
		params(&b, "POST", "/w");
		assert_int_equal(write(p.theirs, b.data, b.len), b.len);
		b.len = 0;
		buf_add(&b, "\1\5\0\1\0\6\3\0{\"even___", 17);
		record(&b, 5, "t\":\"e\"}", 7);
		record(&b, 5, NULL, 0);
		for (size_t at = 0; at < b.len; at += piece)
			assert_true(write(p.theirs, b.data + at, b.len - at < piece ? b.len - at : piece) > 0);
		assert_int_equal(serve_as(p.ours, false, false), FCGI_NEXT_KEEP);
		assert_true(answered(&p, "200"));
		assert_int_equal(fcgi_peek(p.ours), FCGI_READY_EMPTY);
	}
	close(p.ours);
	close(p.theirs);
	buf_free(&b);
}

/* Any failure before the request is there: libfcgi closes the descriptor and says so. */
static void broken_request_closes(void **state)
{
	struct pair p = connect_pair();

	(void)state;
	assert_int_equal(write(p.theirs, "\1\1\0\1\0\x08\0\0", 8), 8);
	assert_int_equal(shutdown(p.theirs, SHUT_WR), 0);
	assert_int_equal(serve_as(p.ours, false, false), FCGI_NEXT_CLOSED);
	assert_false(is_open(p.ours));
	close(p.theirs);
}

static void listening(void **state)
{
	static const char *const bad[] = {"", "unix:", "tcp:", "tcp:127.0.0.1", "tcp:127.0.0.1:0", "tcp:127.0.0.1:65536",
		"tcp:127.0.0.1:80x", "tcp:0.0.0.0:9000", "tcp:192.0.2.1:9000", "tcp:[::]:9000", "tcp:localhost:9000", "/x",
		"unix:/a/very/long/path/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/x"};
	char why[256];
	struct stat st;
	int fd, peer;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (listen_open(bad[i], 0600, NULL, why, sizeof why) >= 0)
			fail_msg("%s", bad[i]);
	fd = listen_open("unix:sock", 0660, NULL, why, sizeof why);
	assert_true(fd >= 0);
	assert_int_equal(stat("sock", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(listen_open("unix:sock", 0660, NULL, why, sizeof why), -1);
	assert_non_null(strstr(why, "another process listens"));
	peer = listen_connect("unix:sock", why, sizeof why);
	assert_true(peer >= 0);
	close(peer);
	close(fd);
	fd = listen_open("unix:sock", 0600, NULL, why, sizeof why); /* a dead socket is replaced */
	assert_true(fd >= 0);
	close(fd);
	listen_remove("unix:sock");
	assert_int_not_equal(access("sock", F_OK), 0);
	unit_file("plain", "precious", 0600);
	assert_int_equal(listen_open("unix:plain", 0600, NULL, why, sizeof why), -1);
	assert_int_equal(access("plain", F_OK), 0);
	assert_int_equal(listen_open("unix:sock", 0660, "no-such-group", why, sizeof why), -1);
	assert_non_null(strstr(why, "no such group"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept_connection_serves_again),
		cmocka_unit_test(plain_connection_is_closed),
		cmocka_unit_test(unread_body_is_no_request),
		cmocka_unit_test(how_much_has_come),
		cmocka_unit_test(slow_and_short_bodies),
		cmocka_unit_test(management_record_in_a_body),
		cmocka_unit_test(body_in_pieces),
		cmocka_unit_test(broken_request_closes),
		cmocka_unit_test(listening),
	};

	return cmocka_run_group_tests_name("gate", tests, start, end);
}
