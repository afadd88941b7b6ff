/* SPDX-License-Identifier: ISC */
/* gate/: FastCGI seen from the other end of the socket, records in memory, and the listening sockets. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <fastcgi.h>

#include "gate/fcgi.h"
#include "gate/fcgi_client.h"
#include "gate/input.h"
#include "gate/libfcgi.h"
#include "gate/listen.h"
#include "gate/record.h"

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
	return rc == 0 && g.conf && g.fcgi && libfcgi_init() ? 0 : -1;
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

/* Complete: it must be all there. */
static enum fcgi_next serve_as(int fd, bool complete, bool refuse)
{
	struct fcgi_service how = {.conf = g.conf, .spool = g.spool, .refuse = refuse};
	enum fcgi_next next;

	if (complete)
		assert_int_equal(input_peek(fd, &how.complete), INPUT_COMPLETE);
	next = fcgi_take(g.fcgi, fd, &how);

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

static enum input_ready peek(int fd)
{
	size_t size;

	return input_peek(fd, &size);
}

static void kept_connection_serves_a_second_request(void **state)
{
	struct pair p = connect_pair();
	struct buf b = {0};

	(void)state;
	for (int i = 0; i < 3; i++) {
		request(&b, true, "/w", "{\"event\":\"e\"}");
		assert_int_equal(write(p.theirs, b.data, b.len), b.len);
		assert_int_equal(peek(p.ours), INPUT_COMPLETE);
		assert_int_equal(serve_as(p.ours, true, false), FCGI_NEXT_KEEP);
		assert_true(answered(&p, "200"));
		assert_int_equal(peek(p.ours), INPUT_EMPTY);
	}
	close(p.theirs);
	assert_int_equal(peek(p.ours), INPUT_CLOSED);
	close(p.ours);
	buf_free(&b);
}

static void connection_without_keep_is_closed(void **state)
{
	struct pair p = connect_pair();
	struct buf b = {0};

	(void)state;
	request(&b, false, "/w", "{\"event\":\"e\"}");
	assert_int_equal(write(p.theirs, b.data, b.len), b.len);
	assert_int_equal(serve_as(p.ours, true, false), FCGI_NEXT_CLOSED);
	assert_true(answered(&p, "200"));
	close(p.ours);
	close(p.theirs);
	buf_free(&b);
}

/* At each place where a sender may stop: what has come is taken, and the rest is awaited. */
static void request_is_taken_in_two_pieces(void **state)
{
	struct pair p = connect_pair();
	struct fcgi_service how = {.conf = g.conf, .spool = g.spool};
	struct buf b = {0}, early = {0};
	enum input_ready ready;
	size_t size;

	(void)state;
	request(&b, true, "/w", "{\"event\":\"e\"}");
	for (size_t at = 1; at < b.len; at++) {
		assert_int_equal(write(p.theirs, b.data, at), at);
		ready = input_take(p.ours, &size, &how.taken);
		assert_true(ready == INPUT_PARTIAL || ready == INPUT_PARAMS);
		assert_int_equal(how.taken, at);
		assert_int_equal(peek(p.ours), INPUT_EMPTY);
		early.len = 0;
		assert_true(buf_add(&early, input_taken(0, how.taken).p, at));
		assert_int_equal(input_look(p.ours, (struct slice){early.data, early.len}, &size), ready);
		assert_int_equal(write(p.theirs, b.data + at, b.len - at), b.len - at);
		assert_int_equal(input_look(p.ours, (struct slice){early.data, early.len}, &size), INPUT_COMPLETE);
		assert_int_equal(size, b.len);
		how.complete = at % 2 ? size : 0;
		how.early = (struct slice){early.data, early.len};
		assert_int_equal(fcgi_take(g.fcgi, p.ours, &how), FCGI_NEXT_STORE);
		fcgi_store(&g.fcgi, 1);
		assert_int_equal(fcgi_answer(g.fcgi), FCGI_NEXT_KEEP);
		assert_true(answered(&p, "200"));
		assert_int_equal(peek(p.ours), INPUT_EMPTY);
	}
	close(p.ours);
	close(p.theirs);
	buf_free(&b);
	buf_free(&early);
}

static void next_request_is_not_taken_for_this_one(void **state)
{
	struct pair p = connect_pair();
	struct buf b = {0}, two = {0};
	struct slice rest;
	size_t size, taken;

	(void)state;
	request(&b, true, "/w", "{\"event\":\"e\"}");
	assert_true(buf_add(&two, b.data, b.len) && buf_add(&two, b.data, b.len));
	assert_int_equal(write(p.theirs, two.data, two.len), two.len);
	assert_int_equal(input_take(p.ours, &size, &taken), INPUT_COMPLETE);
	assert_int_equal(size, b.len);
	assert_int_equal(taken, two.len);
	rest = input_taken(size, taken);
	assert_int_equal(rest.n, b.len);
	assert_memory_equal(rest.p, b.data, b.len);
	assert_int_equal(input_taken(taken, taken).n, 0);
	close(p.theirs);
	assert_int_equal(input_take(p.ours, &size, &taken), INPUT_CLOSED);
	assert_int_equal(input_look(p.ours, (struct slice){b.data, 20}, &size), INPUT_PARTIAL);
	close(p.ours);
	buf_free(&b);
	buf_free(&two);
}

/* The body of a refused request is a whole request: it must be read away, or the connection given up. */
static void unread_body_is_not_read_as_a_request(void **state)
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
	assert_int_equal(peek(p.ours), INPUT_EMPTY);

	assert_int_equal(write(p.theirs, b.data, b.len), b.len);
	assert_int_equal(serve_as(p.ours, false, false), FCGI_NEXT_LINGER);
	assert_true(answered(&p, "404"));
	close(p.ours);
	close(p.theirs);
	buf_free(&forged);
	buf_free(&b);
}

#define BEGIN "\1\1\0\1\0\x08\0\0\0\1\1\0\0\0\0\0"

static void state_of_a_partial_request(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		enum input_ready ready;
	} bad[] = {
		{"\2\1\0\1\0\0\0\0", 8, INPUT_CLOSED},                    /* not version 1 */
		{"\1\4\0\1\0\0\0\0", 8, INPUT_CLOSED},                    /* does not begin */
		{"\1\x09\0\0\0\0\0\0", 8, INPUT_MANAGEMENT},              /* FCGI_GET_VALUES */
		{"\1\x09\0\0\0\0\4\0", 8, INPUT_PARTIAL},                 /* its padding is to come */
		{"\1\1\0\0\0\0\0\0", 8, INPUT_MANAGEMENT},                /* its id */
		{"\1\1\0\1\0\x07\0\0", 8, INPUT_CLOSED},                  /* BEGIN_REQUEST has 8 bytes */
		{BEGIN "\1\x09\0\0\0\0\0\0", 24, INPUT_CLOSED}, /* inside a request */
		{"\1\1\0", 3, INPUT_PARTIAL},
		{BEGIN "\1\2\0\1\0\0\0\0", 24, INPUT_COMPLETE}, /* ABORT */
		{BEGIN "\1\5\0\1\0\0\0\0", 24, INPUT_CLOSED},   /* no parameters */
		{BEGIN "\1\4\0\1\0\0\0\0\1\5\0\2\0\0\0\0", 32, INPUT_CLOSED}, /* another's end */
		{BEGIN "\1\4\0\1\0\0\0\0\1\2\0\2\0\0\0\0", 32, INPUT_CLOSED}, /* another's ABORT */
	};
	struct buf b = {0};
	struct pair p;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		p = connect_pair();
		assert_int_equal(write(p.theirs, bad[i].bytes, bad[i].n), bad[i].n);
		assert_int_equal(peek(p.ours), bad[i].ready);
		close(p.ours);
		close(p.theirs);
	}
	p = connect_pair();
	request(&b, true, "/w", "{\"event\":\"e\"}");
	for (size_t i = 0; i < b.len; i++) { /* byte by byte: never complete too early */
		assert_int_equal(write(p.theirs, b.data + i, 1), 1);
		if (i + 1 < b.len)
			assert_true(peek(p.ours) <= INPUT_PARAMS && (i + 1 < 64 || peek(p.ours) == INPUT_PARAMS));
	}
	assert_int_equal(peek(p.ours), INPUT_COMPLETE);
	close(p.ours);
	close(p.theirs);
	buf_free(&b);
}

static void slow_and_short_bodies_are_refused(void **state)
{
	struct pair p = connect_pair();
	struct buf b = {0};

	(void)state;
	begin(&b, true);
	params(&b, "POST", "/w");
	record(&b, 5, "{\"event\"", 8);
	assert_int_equal(write(p.theirs, b.data, b.len), b.len);
	assert_int_equal(peek(p.ours), INPUT_PARAMS);
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

/* It is answered between requests only. */
static void management_record_is_answered_between_requests_only(void **state)
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
static void body_in_pieces_is_whole(void **state)
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
		assert_int_equal(peek(p.ours), INPUT_EMPTY);
	}
	close(p.ours);
	close(p.theirs);
	buf_free(&b);
}

/* A peer that closes before its request is there. */
static void broken_request_closes_the_connection(void **state)
{
	struct pair p = connect_pair();

	(void)state;
	assert_int_equal(write(p.theirs, "\1\1\0\1\0\x08\0\0", 8), 8);
	assert_int_equal(shutdown(p.theirs, SHUT_WR), 0);
	assert_int_equal(serve_as(p.ours, false, false), FCGI_NEXT_CLOSED);
	close(p.ours);
	close(p.theirs);
}

/* A record whose padding is those bytes. */
static void padded(struct buf *b, int type, const void *content, size_t n, const struct buf *padding)
{
	const char header[8] = {1, (char)type, 0, 1, (char)(n >> 8), (char)n, (char)padding->len, 0};

	buf_add(b, header, sizeof header);
	buf_add(b, content, n);
	buf_add(b, padding->data, padding->len);
}

/* FCGI_GET_VALUES, and a forged request, where each record has room for them; read whole and as they come. */
static void padding_is_never_a_record(void **state)
{
	static const char get_values[] = "\1\x09\0\0\0\x11\0\0\x0F\0FCGI_MPXS_CONNS";
	struct buf hidden[2] = {{0}}, b = {0}, variables = {0};
	struct pair p = connect_pair();

	(void)state;
	buf_add(&hidden[0], get_values, sizeof get_values - 1);
	begin(&hidden[1], true);
	param(&hidden[1], "SCRIPT_NAME", "/nowhere");
	record(&hidden[1], 4, NULL, 0);
	record(&hidden[1], 5, NULL, 0);
	buf_printf(&variables, "%c%c%s%s", 14, 4, "REQUEST_METHOD", "POST");
	buf_printf(&variables, "%c%c%s%s", 11, 2, "SCRIPT_NAME", "/w");
	buf_printf(&variables, "%c%c%s%s", 12, 16, "CONTENT_TYPE", "application/json");
	for (unsigned i = 0; i < 2 * COUNT(hidden); i++) {
		b.len = 0;
		padded(&b, 1, "\0\1\1\0\0\0\0\0", 8, &hidden[i / 2]);
		padded(&b, 4, variables.data, variables.len, &hidden[i / 2]);
		padded(&b, 4, NULL, 0, &hidden[i / 2]);
		padded(&b, 5, "{\"event\":\"e\"}", 13, &hidden[i / 2]);
		padded(&b, 5, NULL, 0, &hidden[i / 2]);
		assert_int_equal(write(p.theirs, b.data, b.len), b.len);
		assert_int_equal(serve_as(p.ours, i % 2, false), FCGI_NEXT_KEEP);
		assert_true(answered(&p, "200"));
		assert_int_equal(peek(p.ours), INPUT_EMPTY);
	}
	close(p.ours);
	close(p.theirs);
	buf_free(&hidden[0]);
	buf_free(&hidden[1]);
	buf_free(&variables);
	buf_free(&b);
}

/* The last record's padding belongs to the request. */
static void request_ends_after_its_padding(void **state)
{
	struct buf b = {0}, padding = {0};
	struct pair p = connect_pair();

	(void)state;
	buf_add(&padding, "\0\0\0", 3);
	begin(&b, true);
	params(&b, "POST", "/w");
	record(&b, 5, "{\"event\":\"e\"}", 13);
	padded(&b, 5, NULL, 0, &padding);
	assert_int_equal(write(p.theirs, b.data, b.len - 1), b.len - 1);
	assert_int_equal(peek(p.ours), INPUT_PARAMS);
	assert_int_equal(write(p.theirs, "", 1), 1);
	assert_int_equal(serve_as(p.ours, true, false), FCGI_NEXT_KEEP);
	assert_int_equal(peek(p.ours), INPUT_EMPTY);
	close(p.ours);
	close(p.theirs);
	buf_free(&padding);
	buf_free(&b);
}

static void wrong_lengths_close_the_connection(void **state)
{
	static const struct {
		const char *pairs;
		size_t n;
	} bad[] = {
		{"\xFF\xFF\xFF\xFE\x80\0\0\x10", 8}, {"\xC0\0\0\0\xC0\0\0\0", 8}, {"\xBF\xFF\xFF\xFF\xBF\xFF\xFF\xFF", 8},
		{"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 8}, {"\x80\0\0", 3}, {"\1", 1}, {"\1\x80\0\0", 4}, {"\2\1A", 3}, {"\1\2AB", 4},
		{"\1\1AB\1", 5}, {"\x7F\x7F", 2},
	};
	struct buf b = {0};

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(bad); i++) {
		struct pair p = connect_pair();

		b.len = 0;
		begin(&b, true);
		record(&b, 4, bad[i / 2].pairs, bad[i / 2].n);
		record(&b, 4, NULL, 0);
		record(&b, 5, NULL, 0);
		assert_int_equal(write(p.theirs, b.data, b.len), b.len);
		if (serve_as(p.ours, i % 2, false) != FCGI_NEXT_CLOSED)
			fail_msg("pairs %zu", i / 2);
		close(p.ours);
		close(p.theirs);
	}
	buf_free(&b);
}

/* A pair that cannot be a variable is left out. */
static void pairs_become_variables(void **state)
{
	char pairs[] = "\1\1AB" "\0\1x" "\3\0A=B" "\2\1A\0x" "\1\2Ax\0" "\x80\0\0\1\0C" "\1\x80\0\0\2D==" "\1\1A2";
	static const char *const right[] = {"A=B", "C=", "D===", "A=2"};
	char *envp[sizeof pairs / RECORD_PAIR_MIN + 1];

	(void)state;
	assert_true(record_variables(pairs, sizeof pairs - 1, envp));
	for (size_t i = 0; i < COUNT(right); i++)
		assert_string_equal(envp[i], right[i]);
	assert_null(envp[COUNT(right)]);
}

/* What is behind a wrong length is not read; what is before it is. */
static void variables_after_a_wrong_length_are_not_read(void **state)
{
	char pairs[] = "\1\1AB" "\1\x7F";
	char *envp[sizeof pairs / RECORD_PAIR_MIN + 1];

	(void)state;
	assert_false(record_variables(pairs, sizeof pairs - 1, envp));
	assert_string_equal(envp[0], "A=B");
	assert_null(envp[1]);
}

/* Descriptors are few: no answer leaves one behind. The answer has the id of its request. */
static void answers_need_no_descriptor_of_their_own(void **state)
{
	static const char right[] = "\1\6\1\2\0\1\7\0x\0\0\0\0\0\0\0" "\1\6\1\2\0\0\0\0" "\1\3\1\2\0\x08\0\0\0\0\0\0\0\0\0\0";
	struct buf answer = {0};
	char out[sizeof right];
	int fd[2], before = dup(STDIN_FILENO), after;

	(void)state;
	close(before);
	assert_true(buf_add(&answer, "x", 1));
	for (int i = 0; i < FCGI_BATCH; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
		assert_true(libfcgi_answer(fd[0], 0x102, &answer));
		assert_int_equal(recv(fd[1], out, sizeof out, MSG_DONTWAIT), sizeof right - 1);
		assert_memory_equal(out, right, sizeof right - 1);
		close(fd[0]);
		close(fd[1]);
	}
	after = dup(STDIN_FILENO);
	buf_free(&answer);
	assert_int_equal(after, before); /* the lowest that is free: dup(2) */
	close(after);
}

static void management_records_are_answered(void **state)
{
	static const struct {
		const char *asked;
		size_t n;
		const char *answer; /* NULL: closed */
		size_t answer_n;
	} all[] = {
		{"\1\x09\0\0\0\0\0\0", 8, "\1\x0A\0\0\0\0\0\0", 8},
		{"\1\x09\0\0\0\x11\3\0\x0F\0FCGI_MPXS_CONNS\0\0\0", 28, "\1\x0A\0\0\0\x12\6\0\x0F\1FCGI_MPXS_CONNS" "0\0\0\0\0\0\0", 32},
		{"\1\x09\0\0\0\3\0\0\1\0X", 11, "\1\x0A\0\0\0\0\0\0", 8},
		{"\1\x63\0\0\0\0\0\0", 8, "\1\x0B\0\0\0\x08\0\0\x63\0\0\0\0\0\0\0", 16},
		{"\1\x09\0\0\0\2\0\0\x0F\0", 10, NULL, 0},
		{"\1\x09\0\0\0\x22\0\0\x0F\0FCGI_MPXS_CONNS\x0F\0FCGI_MPXS_CONNS", 42, NULL, 0}, /* twice */
	};
	char out[256];
	size_t size;

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		struct pair p = connect_pair();

		assert_int_equal(write(p.theirs, all[i].asked, all[i].n), all[i].n);
		assert_int_equal(input_peek(p.ours, &size), INPUT_MANAGEMENT);
		assert_int_equal(size, all[i].n);
		assert_int_equal(fcgi_manage(p.ours, size, 0), all[i].answer ? FCGI_NEXT_KEEP : FCGI_NEXT_CLOSED);
		assert_int_equal(peek(p.ours), INPUT_EMPTY);
		if (all[i].answer) {
			assert_int_equal(recv(p.theirs, out, sizeof out, MSG_DONTWAIT), all[i].answer_n);
			assert_memory_equal(out, all[i].answer, all[i].answer_n);
		}
		close(p.ours);
		close(p.theirs);
	}
}

/* Sections 5.4 and 5.5: END_REQUEST, and no output. */
static void aborted_requests_and_other_roles_are_ended(void **state)
{
	static const char role[][3] = {{0, FCGI_RESPONDER, 0}, {0, FCGI_AUTHORIZER, FCGI_UNKNOWN_ROLE}, {0, FCGI_FILTER, FCGI_UNKNOWN_ROLE},
		{1, FCGI_RESPONDER, FCGI_UNKNOWN_ROLE}};
	struct buf b = {0};
	char out[64];

	(void)state;
	for (size_t i = 0; i < COUNT(role); i++) {
		const char body[8] = {role[i][0], role[i][1], 1};
		struct pair p = connect_pair();

		b.len = 0;
		record(&b, 1, body, sizeof body);
		if (i == 0) {
			param(&b, "A", "B");
			record(&b, 2, NULL, 0);
		} else {
			params(&b, "POST", "/w");
			record(&b, 5, NULL, 0);
		}
		assert_int_equal(write(p.theirs, b.data, b.len), b.len);
		assert_int_equal(serve_as(p.ours, true, false), i == 0 ? FCGI_NEXT_CLOSED : FCGI_NEXT_KEEP);
		assert_int_equal(recv(p.theirs, out, sizeof out, MSG_DONTWAIT), 16);
		assert_int_equal(out[1], FCGI_END_REQUEST);
		assert_int_equal(out[12], role[i][2]);
		close(p.ours);
		close(p.theirs);
	}
	b.len = 0;
	begin(&b, true); /* in the body: what came is not the whole */
	params(&b, "POST", "/w");
	record(&b, 5, "{\"event\"", 8);
	record(&b, 2, NULL, 0);
	for (int complete = 0; complete < 2; complete++) {
		struct pair p = connect_pair();

		assert_int_equal(write(p.theirs, b.data, b.len), b.len);
		assert_int_equal(serve_as(p.ours, complete, false), FCGI_NEXT_CLOSED);
		assert_true(answered(&p, "400"));
		close(p.ours);
		close(p.theirs);
	}
	buf_free(&b);
}

/* 65,535 bytes a record, as a server with large header buffers passes them. */
static void large_headers_are_refused(void **state)
{
	static const struct {
		size_t records;
		const char *code;
	} all[] = {{1, "200"}, {2, "431"}};
	struct buf b = {0}, pair = {0};

	(void)state;
	buf_add(&pair, "\x05\x80\0\xFF\xF5HTTP_", 10);
	while (pair.len < 65535)
		buf_add(&pair, "x", 1);
	for (size_t i = 0; i < COUNT(all); i++) {
		struct pair p = connect_pair();
		int room = 1 << 20;

		setsockopt(p.theirs, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
		b.len = 0;
		begin(&b, true);
		param(&b, "REQUEST_METHOD", "POST");
		param(&b, "CONTENT_TYPE", "application/json");
		param(&b, "SCRIPT_NAME", "/w");
		for (size_t k = 0; k < all[i].records; k++)
			record(&b, 4, pair.data, pair.len);
		record(&b, 4, NULL, 0);
		record(&b, 5, "{\"event\":\"e\"}", 13);
		record(&b, 5, NULL, 0);
		assert_int_equal(send(p.theirs, b.data, b.len, MSG_DONTWAIT), b.len);
		assert_int_equal(peek(p.ours), i == 0 ? INPUT_COMPLETE : INPUT_FULL);
		assert_int_equal(serve_as(p.ours, false, false), i == 0 ? FCGI_NEXT_KEEP : FCGI_NEXT_LINGER);
		assert_true(answered(&p, all[i].code));
		close(p.ours);
		close(p.theirs);
	}
	buf_free(&pair);
	buf_free(&b);
}

static void listen_addresses(void **state)
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

/* ---- the client of hookspool's own programs */

/* What a peer answers with, already there. */
static enum fcgi_client_end ask_peer(const char *answer, size_t n, bool closes, struct slice body, struct buf *sent, struct buf *out)
{
	static char bytes[70000];
	enum fcgi_client_end end;
	int pair[2];
	ssize_t got;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(write(pair[1], answer, n), (ssize_t)n);
	if (closes)
		assert_int_equal(shutdown(pair[1], SHUT_WR), 0);
	end = fcgi_client_ask(pair[0], slice_text("\1\1ab"), body, 200, out);
	close(pair[0]);
	while (sent && (got = read(pair[1], bytes, sizeof bytes)) > 0)
		buf_add(sent, bytes, (size_t)got);
	close(pair[1]);
	return end;
}

static void client_sends_a_request_and_reads_its_answer(void **state)
{
	static const char want[] = "\1\1\0\1\0\10\0\0\0\1\0\0\0\0\0\0" "\1\4\0\1\0\4\0\0\1\1ab" "\1\4\0\1\0\0\0\0" "\1\5\0\1\0\2\0\0{}" "\1\5\0\1\0\0\0\0";
	static const char answer[] = "\1\6\0\1\0\3\5\0abcxxxxx" "\1\7\0\1\0\3\0\0err" "\1\6\0\1\0\1\0\0d" "\1\3\0\1\0\10\0\0\0\0\0\0\0\0\0\0";
	struct buf sent = {0}, out = {0};

	(void)state;
	assert_int_equal(ask_peer(answer, sizeof answer - 1, false, slice_text("{}"), &sent, &out), FCGI_CLIENT_ANSWERED);
	assert_string_equal(buf_str(&out), "abcd");
	assert_int_equal(sent.len, sizeof want - 1);
	assert_memory_equal(sent.data, want, sizeof want - 1);
	out.len = 0;
	assert_int_equal(ask_peer(answer, 10, true, slice_text(""), NULL, &out), FCGI_CLIENT_CLOSED);
	assert_int_equal(ask_peer(answer, 20, true, slice_text(""), NULL, &out), FCGI_CLIENT_OTHER); /* a part of one */
	out.len = 0;
	assert_int_equal(ask_peer(answer, 20, false, slice_text(""), NULL, &out), FCGI_CLIENT_SILENT);
	buf_free(&sent);
	buf_free(&out);
}

static void client_keeps_its_bounds(void **state)
{
	static char large[0x10000];
	struct buf variables = {0}, out = {0};

	(void)state;
	memset(large, 'x', sizeof large);
	large[200] = '\0';
	assert_true(fcgi_client_variable(&variables, "A", large));
	assert_int_equal(variables.len, 1 + 4 + 1 + 200);
	assert_memory_equal(variables.data, "\1\200\0\0\310Ax", 7);
	assert_int_equal(ask_peer("", 0, true, (struct slice){large, sizeof large}, NULL, &out), FCGI_CLIENT_CLOSED);
	assert_int_equal(ask_peer(large, 0x8000, false, slice_text(""), NULL, &out), FCGI_CLIENT_OTHER); /* no end of it */
	buf_free(&variables);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept_connection_serves_a_second_request),
		cmocka_unit_test(connection_without_keep_is_closed),
		cmocka_unit_test(request_is_taken_in_two_pieces),
		cmocka_unit_test(next_request_is_not_taken_for_this_one),
		cmocka_unit_test(unread_body_is_not_read_as_a_request),
		cmocka_unit_test(state_of_a_partial_request),
		cmocka_unit_test(slow_and_short_bodies_are_refused),
		cmocka_unit_test(management_record_is_answered_between_requests_only),
		cmocka_unit_test(body_in_pieces_is_whole),
		cmocka_unit_test(broken_request_closes_the_connection),
		cmocka_unit_test(padding_is_never_a_record),
		cmocka_unit_test(request_ends_after_its_padding),
		cmocka_unit_test(wrong_lengths_close_the_connection),
		cmocka_unit_test(pairs_become_variables),
		cmocka_unit_test(variables_after_a_wrong_length_are_not_read),
		cmocka_unit_test(answers_need_no_descriptor_of_their_own),
		cmocka_unit_test(management_records_are_answered),
		cmocka_unit_test(aborted_requests_and_other_roles_are_ended),
		cmocka_unit_test(large_headers_are_refused),
		cmocka_unit_test(listen_addresses),
		cmocka_unit_test(client_sends_a_request_and_reads_its_answer),
		cmocka_unit_test(client_keeps_its_bounds),
	};

	return cmocka_run_group_tests_name("gate", tests, start, end);
}
