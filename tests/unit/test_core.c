/* SPDX-License-Identifier: ISC */
/* core/: buffers, times, sizes, UTF-8, processors, secret files, log escaping. */
#define _GNU_SOURCE /* sched_setaffinity */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/cpu_pressure.h"
#include "core/io.h"
#include "core/log.h"
#include "core/mention.h"
#include "core/pattern.h"
#include "core/rate.h"
#include "core/sanitized.h"
#include "core/units.h"
#include "core/utf8.h"

static void buffer_grows(void **state)
{
	struct buf b = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_true(buf_printf(&b, "%03d,", i));
	assert_int_equal(b.len, 4000);
	assert_memory_equal(b.data + 3996, "999,", 4);
	assert_int_equal(strlen(buf_str(&b)), 4000);
	assert_false(buf_reserve(&b, SIZE_MAX - 1));
	assert_int_equal(b.len, 4000);
	buf_free(&b);
	assert_null(b.data);
}

static void sizes_and_times_are_parsed(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t ms;
	} times[] = {
		{"10", true, 10000}, {"250ms", true, 250}, {"10s", true, 10000}, {"2m", true, 120000},
		{"1h", true, 3600000}, {"7d", true, 604800000}, {"0s", true, 0}, {"", false, 0}, {"s", false, 0},
		{"-1s", false, 0}, {" 1s", false, 0}, {"1 s", false, 0}, {"1w", false, 0}, {"1sx", false, 0},
		{"99999999999999999999s", false, 0}, {"9223372036854775807d", false, 0},
	};
	static const struct {
		const char *text;
		bool ok;
		uint64_t bytes;
	} sizes[] = {
		{"0", true, 0}, {"4096", true, 4096}, {"64k", true, 65536}, {"1m", true, 1048576}, {"2G", true, 2147483648},
		{"", false, 0}, {"k", false, 0}, {"1kb", false, 0}, {"-1", false, 0}, {"1t", false, 0},
		{"18446744073709551615k", false, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(times); i++) {
		int64_t ms = 0;

		assert_int_equal(units_duration(times[i].text, &ms), times[i].ok);
		assert_int_equal(ms, times[i].ms);
	}
	for (size_t i = 0; i < COUNT(sizes); i++) {
		uint64_t bytes = 0;

		assert_int_equal(units_size(sizes[i].text, &bytes), sizes[i].ok);
		assert_int_equal(bytes, sizes[i].bytes);
	}
}

static void clock_parses_its_own_format(void **state)
{
	static const struct {
		const char *text;
		const char *again; /* NULL: refused */
	} cases[] = {
		{"2026-05-12T14:33:21.000Z", "2026-05-12T14:33:21.000Z"},
		{"2026-05-12T14:33:21.1239Z", "2026-05-12T14:33:21.123Z"},
		{"2026-05-12T14:33:21Z", "2026-05-12T14:33:21.000Z"},
		{"2026-05-12 14:33:21+02:00", "2026-05-12T12:33:21.000Z"},
		{"2026-05-12T14:33:21-05:30", "2026-05-12T20:03:21.000Z"},
		{"2024-02-29", "2024-02-29T00:00:00.000Z"}, {"0522-06-12", "0522-06-12T00:00:00.000Z"}, {"0001-01-01", "0001-01-01T00:00:00.000Z"},
		{"1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"},
		{"15m", "2026-01-01T00:00:00.000Z"}, {"15m ago", "2026-01-01T00:00:00.000Z"}, {"15m  ago", NULL}, {"15 ago", NULL}, {"15m agog", NULL},
		{"2025-02-29", NULL}, {"2026-13-01", NULL}, {"2026-05-12T25:00:00Z", NULL}, {"2026-05-12T14:33:21", NULL},
		{"2026-05-12T14:33Z", NULL}, {"2026-05-12x", NULL}, {"2026-05-12T14:33:21.Z", NULL}, {"15", NULL},
		{"yesterday", NULL}, {"", NULL}, {"2026-05-12T14:33:21Zx", NULL},
	};
	int64_t now, ms;
	char out[CLOCK_TEXT];

	(void)state;
	assert_true(clock_parse("2026-01-01T00:15:00Z", 0, &now));
	assert_string_equal(clock_format(INT64_MIN, out), "0000-00-00T00:00:00.000Z");
	assert_string_equal(clock_format(INT64_MAX, out), "0000-00-00T00:00:00.000Z");
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(clock_parse(cases[i].text, now, &ms), cases[i].again != NULL);
		if (cases[i].again)
			assert_string_equal(clock_format(ms, out), cases[i].again);
	}
}

/* Bytes of ASCII are passed over many at a time: nothing between them is. */
static void utf8_is_checked_at_each_place(void **state)
{
	static const char *const right[] = {"\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x91\x8B"};
	char text[100];

	(void)state;
	for (size_t n = 4; n <= sizeof text; n++) {
		for (size_t at = 0; at + 4 <= n; at++) {
			memset(text, 'a', sizeof text);
			assert_true(utf8_valid(text, n));
			for (int byte = 0x80; byte <= 0xFF; byte++) {
				text[at] = (char)byte;
				assert_false(utf8_valid(text, n));
			}
			for (size_t i = 0; i < 3; i++) {
				memcpy(text + at, right[i], strlen(right[i]));
				assert_true(utf8_valid(text, n));
				assert_false(utf8_valid(text, at + 1));
			}
		}
	}
}

static void invalid_utf8_is_rejected(void **state)
{
	static const struct {
		const char *bytes;
		bool ok;
	} cases[] = {
		{"", true}, {"plain ASCII, longer than eight", true}, {"Grüße", true}, {"\xE4\xBD\xA0\xE5\xA5\xBD", true},
		{"\xF0\x9F\x98\x80", true}, {"\xF4\x8F\xBF\xBF", true}, {"\xED\x9F\xBF", true}, {"\xEE\x80\x80", true},
		{"\xC0\x80", false}, {"\xC1\xBF", false}, {"\xE0\x9F\xBF", false}, {"\xF0\x8F\xBF\xBF", false}, /* overlong */
		{"\xED\xA0\x80", false}, {"\xED\xBF\xBF", false},                                               /* surrogates */
		{"\xF4\x90\x80\x80", false}, {"\xF5\x80\x80\x80", false}, {"\xFF", false},                     /* too high */
		{"\x80", false}, {"12345678\xE4\xBD", false}, {"\xC3", false}, {"\xF0\x9F\x98", false},        /* cut */
		{"\xE4\x41\xA0", false}, {"\xF0\x9F\x41\x80", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(utf8_valid(cases[i].bytes, strlen(cases[i].bytes)), cases[i].ok);
	assert_true(utf8_valid("a\0b", 3));
}

static struct slice slice(const char *text)
{
	return (struct slice){text, strlen(text)};
}

static void text_search_ignores_case(void **state)
{
	static const struct {
		const char *text, *part;
		bool found;
	} cases[] = {
		{"Žofie Nováková", "nováková", true}, {"ŽOFIE NOVÁKOVÁ", "žofie", true}, {"abc", "", true}, {"", "", false},
		{"abc", "abcd", false}, {"aab", "ab", true}, {"a\xFF""b", "\xFF", true}, {"a\xC3\xA9", "\xA9", false}, {"İ", "i̇", false},
	};

	(void)state;
	setlocale(LC_CTYPE, "C.UTF-8");
	for (size_t i = 0; i < COUNT(cases); i++)
		if (utf8_contains(slice(cases[i].text), slice(cases[i].part)) != cases[i].found)
			fail_msg("%s in %s", cases[i].part, cases[i].text);
	setlocale(LC_CTYPE, "C");
	assert_true(utf8_contains(slice("a\xC3\xA9"), slice("A\xC3\xA9")));
	assert_int_equal(utf8_fit("abc", 3, 5), 3);
	assert_int_equal(utf8_fit("ab\xC3\xA9", 4, 3), 2);
	assert_int_equal(utf8_fit("\xF0\x9F\x98\x80", 4, 3), 3); /* no character fits: so many bytes, so that it ends */
	assert_int_equal(utf8_fit("\x80\x80\x80\x80", 4, 2), 2);
}

/* As a comparison at each place finds it. */
static bool is_in(const char *text, size_t n, const char *part, size_t k)
{
	for (size_t i = 0; i + k <= n; i++)
		if (memcmp(text + i, part, k) == 0)
			return true;
	return false;
}

/* A search takes no longer for a part that almost matches at each place. */
static void search_is_linear(void **state)
{
	enum { TEXT = 1 << 20, PART = 4000 };
	char *text = malloc(TEXT), part[PART], capital[PART];
	int64_t begin;

	(void)state;
	assert_non_null(text);
	for (unsigned i = 0; i < 3000; i++) {
		size_t n = 40 + i % 60, k = 17 + i % 7;

		for (size_t at = 0; at < n; at++)
			text[at] = (char)('a' + (rand() % 4 == 0));
		for (size_t at = 0; at < k; at++)
			part[at] = i % 2 ? text[at + 10] : (char)('a' + (rand() % 4 == 0));
		if (i % 4 == 1)
			part[k - 1] = 'b';
		for (size_t at = 0; at < k; at++)
			capital[at] = (char)(part[at] - 'a' + 'A');
		assert_int_equal(utf8_contains((struct slice){text, n}, (struct slice){capital, k}), is_in(text, n, part, k));
	}
	memset(text, 'a', TEXT);
	memset(part, 'a', PART);
	part[PART - 1] = 'b';
	begin = clock_mono_us();
	assert_false(utf8_contains((struct slice){text, TEXT}, (struct slice){part, PART}));
	assert_true(clock_mono_us() - begin < 4 * 1000 * 1000);
	free(text);
}

/* Two that never rest on one processor wait for each other. */
static void cpu_pressure_is_measured(void **state)
{
	struct cpu_pressure c, unknown = {.fd = -1};
	cpu_set_t all, one;
	int64_t end;
	pid_t other;
	int cpu = 0;
	bool pressed;

	(void)state;
	assert_false(cpu_pressure_look(&unknown));
	assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
	other = fork();
	while (other == 0)
		;
	cpu_pressure_open(&c);
	for (end = clock_mono_us() + 300 * 1000; clock_mono_us() < end;)
		;
	pressed = cpu_pressure_look(&c);
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	sched_setaffinity(0, sizeof all, &all);
	assert_true(c.fd >= 0 && pressed);
	cpu_pressure_close(&c);
}

/* A quarter of the running time is the limit; a file of another form is no pressure. */
static void cpu_pressure_is_a_share_of_the_time_since_the_last_look(void **state)
{
	static const struct {
		const char *text;
		bool pressed;
	} looks[] = {
		{"1000 900 1", true}, {"2000 1150 2", false}, {"3000 1401 3", true}, {"3000 1401 3", false}, {"4000 1500 4", false},
		{"5000", false}, {"6000 2500 5", true},
	};
	struct cpu_pressure c = {.fd = open("schedstat", O_RDWR | O_CREAT | O_TRUNC, 0600)};

	(void)state;
	assert_true(c.fd >= 0);
	for (size_t i = 0; i < COUNT(looks); i++) {
		assert_int_equal(ftruncate(c.fd, 0), 0);
		assert_int_equal(pwrite(c.fd, looks[i].text, strlen(looks[i].text), 0), strlen(looks[i].text));
		assert_int_equal(cpu_pressure_look(&c), looks[i].pressed);
	}
	cpu_pressure_close(&c);
}

static void secret_file_is_trimmed_and_checked(void **state)
{
	static const struct {
		const char *text;
		unsigned mode;
		const char *secret; /* NULL: refused */
	} cases[] = {
		{"mysecret\n", 0600, "mysecret"}, {"  my secret\r\n\r\n", 0600, "my secret"},
		{"\xEF\xBB\xBFmysecret", 0640, "mysecret"}, {"mysecret", 0644, NULL}, {"mysecret", 0602, NULL},
		{"", 0600, NULL}, {" \n", 0600, NULL}, {"one\ntwo\n", 0600, NULL},
	};
	struct buf b = {0};
	char why[256], large[4096 + 2] = "";

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		unit_file("secret", cases[i].text, cases[i].mode);
		assert_int_equal(io_read_secret("secret", &b, why, sizeof why), cases[i].secret != NULL);
		if (cases[i].secret)
			assert_string_equal(buf_str(&b), cases[i].secret);
	}
	assert_false(io_read_secret("missing", &b, why, sizeof why));
	assert_non_null(strstr(why, "missing: No such file"));
	assert_false(io_read_secret(".", &b, why, sizeof why));
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_false(io_read_secret("fifo", &b, why, sizeof why));
	assert_string_equal(why, "fifo: not a regular file");
	memset(large, 'x', sizeof large - 1);
	unit_file("secret", large, 0600);
	assert_false(io_read_secret("secret", &b, why, sizeof why));
	assert_string_equal(why, "secret: larger than such a file can be");
	buf_free(&b);
}

/* What the log writes to standard error while f runs. */
static void logged(void (*f)(void), char *out, size_t n)
{
	int keep = dup(2), fd = open("log", O_RDWR | O_CREAT | O_TRUNC, 0600);
	ssize_t len;

	assert_true(dup2(fd, 2) == 2);
	f();
	dup2(keep, 2);
	close(keep);
	len = pread(fd, out, n - 1, 0);
	assert_true(len >= 0);
	out[len] = '\0';
	close(fd);
}

static void hostile_entry(void)
{
	struct log_entry e;

	log_begin(&e, LOG_LEVEL_INFO);
	log_text(&e, "plain", "urn:li:1");
	log_text(&e, "sender", "a\" outcome=stored\n\x1b[31m\xC2\x9B \xFF");
	log_text(&e, "none", NULL);
	log_text(&e, "name", "J\xC3\xA9");
	log_text(&e, "c1", "\xC2\x9B");
	log_number(&e, "id", 42);
	log_millis(&e, "ms", 1234);
	log_end(&e);
}

static void marked_entry(void)
{
	struct log_entry e;

	log_begin(&e, LOG_LEVEL_INFO);
	log_text(&e, "marks", "a\u202Eb\u2066c\u200Fd\u061Ce\u2028f\xC2\x90" "g\x7F" "h\u206Ei");
	log_text(&e, "kept", "\u017Dofie \u00A0\u200D\U0001F600");
	log_end(&e);
}

static void log_escapes_terminal_controls(void **state)
{
	char out[1024];

	(void)state;
	for (int format = LOG_FORMAT_LOGFMT; format <= LOG_FORMAT_JSON; format++) {
		log_setup(LOG_LEVEL_INFO, (enum log_format)format, LOG_TARGET_STDERR);
		logged(marked_entry, out, sizeof out);
		assert_non_null(strstr(out, "\"a\\u202eb\\u2066c\\u200fd\\u061ce\\u2028f\\u0090g\\u007fh\\u206ei\""));
		assert_non_null(strstr(out, "\"\u017Dofie \u00A0\u200D\U0001F600\""));
	}
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, LOG_TARGET_STDERR);
}

static void terminal_control_characters_are_found(void **state)
{
	static const struct {
		const char *s;
		size_t n;
		size_t length; /* 0: not UTF-8 */
		bool steers;
	} all[] = {
		{"\x1B", 1, 1, true}, {"\x7F", 1, 1, true}, {"\n", 1, 1, true}, {"a", 1, 1, false}, {"\xC2\x80", 2, 2, true}, {"\xC2\x9F", 2, 2, true},
		{"\u00A0", 2, 2, false}, {"\u061C", 2, 2, true}, {"\u061B", 2, 2, false}, {"\u200D", 3, 3, false}, {"\u200E", 3, 3, true},
		{"\u2027", 3, 3, false}, {"\u202A", 3, 3, true}, {"\u2065", 3, 3, false}, {"\u2069", 3, 3, true}, {"\U0001F600", 4, 4, false},
		{"\xC2", 1, 0, false}, {"\xFF", 1, 0, false}, {"\xE2\x80", 2, 0, false}, {"\xC0\x9B", 2, 0, false}, {"\xED\xA0\x80", 3, 0, false},
	};
	uint32_t c;

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		assert_int_equal(utf8_next(all[i].s, all[i].n, &c), all[i].length);
		if (all[i].length)
			assert_int_equal(utf8_steers(c), all[i].steers);
	}
}

/* Each length at its first and last character; what is written is read back. */
static void utf8_is_written_and_read(void **state)
{
	static const struct {
		uint32_t c;
		const char *utf8;
	} all[] = {
		{0, ""}, {0x7F, "\x7F"}, {0x80, "\xC2\x80"}, {0x7FF, "\xDF\xBF"}, {0x800, "\xE0\xA0\x80"}, {0xFFFF, "\xEF\xBF\xBF"},
		{0x10000, "\xF0\x90\x80\x80"}, {0x10FFFF, "\xF4\x8F\xBF\xBF"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		size_t n = all[i].c ? strlen(all[i].utf8) : 1;
		uint32_t c = 1;
		char out[4];

		assert_int_equal(utf8_encode(all[i].c, out), n);
		assert_memory_equal(out, all[i].utf8, n);
		assert_int_equal(utf8_next(out, n, &c), n);
		assert_int_equal(c, all[i].c);
	}
}

static void log_lines_cannot_be_forged(void **state)
{
	static const char *const want[] = {
		" level=info plain=urn:li:1 sender=\"a\\\" outcome=stored\\u000a\\u001b[31m\\u00c2\\u009b \\u00ff\""
		" name=\"J\xC3\xA9\" c1=\"\\u009b\" id=42 ms=1.234\n",
		"\"level\":\"info\",\"plain\":\"urn:li:1\",\"sender\":\"a\\\" outcome=stored\\u000a\\u001b[31m\\u00c2\\u009b \\u00ff\","
		"\"name\":\"J\xC3\xA9\",\"c1\":\"\\u009b\",\"id\":42,\"ms\":1.234}\n",
	};
	char out[512];

	(void)state;
	for (int format = LOG_FORMAT_LOGFMT; format <= LOG_FORMAT_JSON; format++) {
		log_setup(LOG_LEVEL_INFO, (enum log_format)format, LOG_TARGET_STDERR);
		logged(hostile_entry, out, sizeof out);
		assert_non_null(strstr(out, want[format]));
		assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
	}
	assert_false(log_on(LOG_LEVEL_DEBUG));
	assert_true(log_on(LOG_LEVEL_WARNING));
}

/* Standard error is a socket that keeps the writes apart: each brings whole lines, in order. */
static void buffered_log_lines_stay_whole_and_in_order(void **state)
{
	enum { LINES = 200, LONG = 100 };
	int keep = dup(2), pair[2], line = 0, writes = 0;
	char big[PIPE_BUF + 1], piece[2 * PIPE_BUF], *p, *number;
	ssize_t n;

	(void)state;
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	dup2(pair[0], 2);
	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, LOG_TARGET_STDERR);
	log_hold();
	log_message(LOG_LEVEL_INFO, "0");
	n = recv(pair[1], piece, sizeof piece, MSG_DONTWAIT);
	for (int i = 1; i < LINES; i++)
		log_message(LOG_LEVEL_INFO, "%d%s", i, i == LONG ? big : "");
	log_release();
	log_message(LOG_LEVEL_INFO, "%d", LINES);
	dup2(keep, 2);
	close(keep);
	assert_int_equal(n, -1);
	while ((n = recv(pair[1], piece, sizeof piece - 1, MSG_DONTWAIT)) > 0) {
		piece[n] = '\0';
		assert_int_equal(piece[n - 1], '\n');
		assert_true(n <= PIPE_BUF || strstr(piece, big));
		for (p = strtok(piece, "\n"); p; p = strtok(NULL, "\n"), line++) {
			number = strstr(p, "msg=");
			assert_non_null(number);
			assert_int_equal(atoi(number + strlen("msg=")), line);
		}
		writes++;
	}
	assert_int_equal(line, LINES + 1);
	assert_in_range(writes, 3, LINES / 20);
	close(pair[0]);
	close(pair[1]);
}

/* How many pass in so many seconds, when it is tried each ms as often as there are some. */
static int passed(const struct rate *r, int seconds)
{
	int64_t due = 0, start = INT64_C(1000000000000);
	int n = 0;

	for (int64_t now = start; now < start + seconds * INT64_C(1000000); now += 1000)
		while (rate_pass(r, &due, now) == 0)
			n++;
	return n;
}

/* As many as is said, and not what whole milliseconds would make of it. */
static void rate_limit_is_exact(void **state)
{
	static const char *const texts[] = {"1/s", "7/s", "300/s", "501/s", "700/s", "999/s", "1000/s", "3000/s", "5000/s", "100000/s", "60/m", "1000000/h"};
	int64_t due = 0, now = INT64_C(1000000000000), wait;
	struct rate r;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		int64_t wanted;

		assert_true(rate_parse(texts[i], &r));
		r.burst = 100;
		wanted = INT64_C(20000) * r.n / r.per;
		assert_in_range(passed(&r, 20), wanted + 99 - r.n / r.per, wanted + 101 + wanted / 1000);
	}
	assert_true(rate_parse("700/s", &r));
	r.burst = 1;
	assert_int_equal(rate_pass(&r, &due, now), 0);
	wait = rate_pass(&r, &due, now);
	assert_int_equal(wait, 2);
	assert_int_equal(rate_pass(&r, &due, now + wait * 1000), 0);
	rate_give_back(&r, &due);
	assert_int_equal(rate_pass(&r, &due, now + wait * 1000), 0);
	assert_int_not_equal(rate_pass(&r, &due, now + wait * 1000), 0);
	assert_int_equal(rate_pass(&r, &due, 0), 0); /* after a reboot */
	assert_int_equal(rate_pass(&(struct rate){0}, &due, now), 0);
}

/* A flood, of which each network is another one, lifts no limit; and where the table is full, addresses share one. */
static void rate_limit_by_network_and_endpoint(void **state)
{
	char address[64], endpoint[32];
	struct rate r;
	unsigned n = 0;

	(void)state;
	assert_true(rate_parse("5/h", &r));
	for (unsigned i = 0; i < 50; i++) /* one address in three spellings */
		n += rate_take(&r, ".", "/a", i % 3 == 0 ? "203.0.113.9" : i % 3 == 1 ? "::ffff:203.0.113.9" : "::FFFF:cb00:7109") == 0;
	assert_int_equal(n, 5);
	for (unsigned i = n = 0; i < 4000; i++) {
		snprintf(address, sizeof address, "2001:db8:2:%x::%x", i, i);
		n += rate_take(&r, ".", "/a", address) == 0;
	}
	assert_int_equal(n, 5 * RATE_NETWORK);
	for (unsigned i = n = 0; i < 60000; i++) {
		snprintf(address, sizeof address, "2001:db8:%x:1::1", i);
		n += rate_take(&r, ".", "/b", address) == 0;
	}
	assert_in_range(n, 200, 5 * RATE_ENDPOINT);
	assert_true(rate_take(&r, ".", "/a", "203.0.113.9") > 0);
	for (unsigned i = n = 0; i < 100 * 1000; i++) {
		snprintf(endpoint, sizeof endpoint, "/e%u", i / 1000);
		snprintf(address, sizeof address, "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		n += rate_take(&r, ".", endpoint, address) == 0;
	}
	assert_in_range(n, 4000, 5 * 4096);
	assert_true(rate_take(&r, ".", "/a", "203.0.113.9") > 0);
	assert_true(rate_take(&r, ".", "/a", "2001:db8:2:1::1") > 0);
}

static long resident_kib(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long size, resident;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld %ld", &size, &resident), 2);
	fclose(f);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* And a text that leads glibc to many states doesn't leave them behind. */
static void patterns_match(void **state)
{
	static const struct {
		const char *pattern, *text;
		enum pattern_result want;
	} cases[] = {
		{"^(hi|hello).* (price|d.mo)", "Hello, what is the price?", PATTERN_FOUND}, {"^hi", "oh hi", PATTERN_NOT_FOUND},
		{"(x|a)*x(x|a){20}y", "xaxaxaxaxaxaxaxaxaxaxaxaxy", PATTERN_FOUND}, {"", "", PATTERN_FOUND},
	};
	static const char *const wrong[] = {"a(", "(a)\\1", "[", "a{2,1}", "((a{1,100}){1,100}){1,100}", "a{32767}", "(((a{9}){9}){9}){9}",
		"a{50}{50}", "(ab){600}", "[[:alpha:]]{1001}", "a{1000,}b{1}", "x|(y{501}){2}", "a+++++++++++", "((((((((((a+)+)+)+)+)+)+)+)+)+)+", "(a)){40}b{999999999999999999999}", "a){900}{900}",
		"[[:alpha:]]{900}{900}", "[[.].]]{900}{900}", "a|){0,100}{1,900}"};
	static const char *const large[] = {"a{1000}", "((a{9}){9}){9}", "[]a{9}]{999}", "\\(a{1}){9}\\{2000}", "a{2,999}"};
	struct pattern *p;
	char why[128], text[2001];
	long before = 0;
	unsigned seed = 1;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		p = pattern_new(cases[i].pattern, why, sizeof why);
		assert_non_null(p);
		for (int k = 0; k < 2; k++)
			assert_int_equal(pattern_find(p, cases[i].text), cases[i].want);
		pattern_free(p);
	}
	for (size_t i = 0; i < COUNT(wrong); i++) {
		snprintf(why, sizeof why, "?");
		assert_null(pattern_new(wrong[i], why, sizeof why));
		assert_non_null(strstr(why, "write "));
	}
	for (size_t i = 0; i < COUNT(large); i++) {
		p = pattern_new(large[i], why, sizeof why);
		if (!p)
			fail_msg("%s: %s", large[i], why);
		pattern_free(p);
	}
	memset(text, 'a', sizeof text);
	text[PATTERN_MAX + 1] = '\0';
	assert_null(pattern_new(text, why, sizeof why));
	p = pattern_new("(x|a)*x(x|a){20}y", why, sizeof why);
	for (int i = 0; i < 8; i++) {
		for (size_t k = 0; k < sizeof text - 1; k++)
			text[k] = (seed = seed * 1103515245 + 12345) >> 16 & 1 ? 'x' : 'a';
		text[sizeof text - 1] = '\0';
		assert_int_equal(pattern_find(p, text), PATTERN_NOT_FOUND);
		before = i == 1 ? resident_kib() : before;
	}
#ifndef SANITIZED /* it keeps what is freed for a while */
	if (resident_kib() > 2 * before)
		fail_msg("%ld KiB, and %ld after two texts", resident_kib(), before);
#endif
	pattern_free(p);
}

static void ids_are_found_as_whole_words(void **state)
{
	static const struct {
		const char *text, *id;
		bool found;
	} cases[] = {
		{"a urn:li:p:1, b", "urn:li:p:1", true}, {"urn:li:p:1", "urn:li:p:1", true}, {"urn:li:p:12", "urn:li:p:1", false},
		{"xurn:li:p:1", "urn:li:p:1", false}, {"urn:li:p:1-", "urn:li:p:1", false}, {"urn:li:p:12 urn:li:p:1", "urn:li:p:1", true},
		{"id=urn%3Ali%3ap%3A1&x", "urn:li:p:1", true}, {"urn%3Ali%3Ap%3A1%32", "urn:li:p:1", false}, {"100% 7", "7", true},
		{"{\"id\":\"a\\/b\"}", "a/b", true}, {"\"\\u017dofie\"", "\xc5\xbdofie", true}, {"\\ud83d\\ude80", "\xf0\x9f\x9a\x80", true},
		{"\\u0061", "a", true}, {"\\u006", "006", false}, {"\\", "a", false}, {"%", "a", false}, {"%4", "4", true}, {"\\ud83d", "a", false},
		{"payload=%7B%22id%22%3A%22a%5Cu0062c%22%7D", "abc", true}, {"abc", "", false}, {"", "abc", false},
	};
	bool failed = false;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (mention_find(slice_text(cases[i].text), slice_text(cases[i].id), &failed) != cases[i].found)
			fail_msg("\"%s\" in \"%s\"", cases[i].id, cases[i].text);
	assert_false(failed);
}

/* Last: it can't be taken back. */
static void deferred_patterns_are_not_compiled(void **state)
{
	struct pattern *p;
	char why[128];

	(void)state;
	pattern_defer();
	p = pattern_new("a(", why, sizeof why);
	assert_non_null(p);
	assert_int_equal(pattern_find(p, "a"), PATTERN_NO_MEMORY);
	pattern_free(p);
	assert_null(pattern_new("((a{1,100}){1,100}){1,100}", why, sizeof why));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buffer_grows),
		cmocka_unit_test(sizes_and_times_are_parsed),
		cmocka_unit_test(clock_parses_its_own_format),
		cmocka_unit_test(invalid_utf8_is_rejected),
		cmocka_unit_test(utf8_is_checked_at_each_place),
		cmocka_unit_test(utf8_is_written_and_read),
		cmocka_unit_test(text_search_ignores_case),
		cmocka_unit_test(search_is_linear),
		cmocka_unit_test(cpu_pressure_is_measured), cmocka_unit_test(cpu_pressure_is_a_share_of_the_time_since_the_last_look),
		cmocka_unit_test(rate_limit_is_exact),
		cmocka_unit_test(rate_limit_by_network_and_endpoint),
		cmocka_unit_test(patterns_match),
		cmocka_unit_test(secret_file_is_trimmed_and_checked),
		cmocka_unit_test(log_lines_cannot_be_forged),
		cmocka_unit_test(log_escapes_terminal_controls),
		cmocka_unit_test(terminal_control_characters_are_found),
		cmocka_unit_test(ids_are_found_as_whole_words),
		cmocka_unit_test(buffered_log_lines_stay_whole_and_in_order),
		cmocka_unit_test(deferred_patterns_are_not_compiled),
	};

	return cmocka_run_group_tests_name("core", tests, unit_enter, unit_leave);
}
