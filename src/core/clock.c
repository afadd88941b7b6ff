/* SPDX-License-Identifier: ISC */
/* Time: milliseconds since the epoch, the monotonic clock, RFC 3339. */
#define _DEFAULT_SOURCE /* timegm */
#include "core/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/units.h"

static const int64_t YEAR_9999_MS = INT64_C(253402300799999);

int64_t clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_mono_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Writes the number with so many digits, and the mark behind it. Returns what follows. A log line has a time: printf(3) takes longer. */
static char *add_digits(char *p, unsigned value, int digits, char mark)
{
	for (int i = digits - 1; i >= 0; i--, value /= 10)
		p[i] = (char)('0' + value % 10);
	p[digits] = mark;
	return p + digits + 1;
}

const char *clock_format(int64_t ms, char out[CLOCK_TEXT])
{
	int64_t below = ms % 1000 < 0 ? ms % 1000 + 1000 : ms % 1000;
	time_t s = (time_t)(ms / 1000 - (ms % 1000 < 0)); /* rounded down, at both ends of the range too */
	struct tm tm;
	char *p = out;

	if (!gmtime_r(&s, &tm) || tm.tm_year < -1900 || tm.tm_year > 8099)
		return strcpy(out, "0000-00-00T00:00:00.000Z");
	p = add_digits(p, (unsigned)(tm.tm_year + 1900), 4, '-');
	p = add_digits(p, (unsigned)tm.tm_mon + 1, 2, '-');
	p = add_digits(p, (unsigned)tm.tm_mday, 2, 'T');
	p = add_digits(p, (unsigned)tm.tm_hour, 2, ':');
	p = add_digits(p, (unsigned)tm.tm_min, 2, ':');
	p = add_digits(p, (unsigned)tm.tm_sec, 2, '.');
	p = add_digits(p, (unsigned)below, 3, 'Z');
	*p = '\0';
	return out;
}

/* Reads the fraction of a second and the offset; on success *text is at the end. */
static bool parse_tail(const char **text, int64_t *ms)
{
	const char *p = *text;
	int hours, minutes, used = 0, scale = 100, sign;

	if (*p == '.') {
		if (!isdigit((unsigned char)*++p))
			return false;
		for (; isdigit((unsigned char)*p); p++, scale /= 10)
			*ms += (*p - '0') * scale;
	}
	if (*p == 'Z' || *p == 'z') {
		*text = p + 1;
		return true;
	}
	sign = *p == '+' ? 1 : -1;
	if ((*p != '+' && *p != '-') || sscanf(p + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 || used != 5)
		return false;
	*ms -= sign * (hours * 60 + minutes) * 60000LL;
	*text = p + 6;
	return true;
}

/* "2h", and "2h ago" as people say it. */
static bool parse_age(const char *text, int64_t *age)
{
	size_t n = strcspn(text, " ");
	char word[24];

	if (n >= sizeof word || (text[n] && strcmp(text + n, " ago") != 0))
		return false;
	memcpy(word, text, n);
	word[n] = '\0';
	return units_age(word, age);
}

static bool parse_date(const char *text, int64_t *ms)
{
	struct tm tm = {0}, back;
	int64_t t;
	int used = 0;
	char mark;
	time_t s;

	if (sscanf(text, "%4d-%2d-%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &used) != 3 || used != 10)
		return false;
	text += used;
	if (*text) {
		used = 0;
		if (sscanf(text, "%c%2d:%2d:%2d%n", &mark, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &used) != 4 || used != 9 ||
		    !strchr("Tt ", mark))
			return false;
		text += used;
	}
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	s = timegm(&(struct tm){tm.tm_sec, tm.tm_min, tm.tm_hour, tm.tm_mday, tm.tm_mon, tm.tm_year, 0, 0, 0, 0, NULL});
	if (!gmtime_r(&s, &back) || back.tm_mon != tm.tm_mon || back.tm_mday != tm.tm_mday || back.tm_hour != tm.tm_hour)
		return false; /* month 13, the 31st of February, hour 25 */
	t = (int64_t)s * 1000;
	if (used == 9 && !parse_tail(&text, &t))
		return false;
	if (*text)
		return false;
	*ms = t;
	return true;
}

bool clock_parse(const char *text, int64_t now, int64_t *ms)
{
	int64_t age;

	if (!parse_age(text, &age))
		return parse_date(text, ms);
	*ms = now - age;
	return true;
}

/*
 * Up to 15 digits. Seconds have fewer than 12 until the year 5138, and milliseconds have at least 12 since 1973. Seconds may have a
 * fraction, as Slack writes them.
 */
static bool parse_number(const char *text, int64_t *ms)
{
	size_t n = strspn(text, "0123456789"), fraction = text[n] == '.' ? strspn(text + n + 1, "0123456789") : 0;
	int64_t v = 0;

	if (n == 0 || n > 15 || text[n + (fraction ? fraction + 1 : 0)] || (fraction && n >= 12))
		return false;
	for (size_t i = 0; i < n; i++)
		v = v * 10 + (text[i] - '0');
	v = n < 12 ? v * 1000 : v;
	for (size_t i = 0, unit = 100; i < fraction && unit; i++, unit /= 10)
		v += (int64_t)unit * (text[n + 1 + i] - '0');
	if (v > YEAR_9999_MS)
		return false;
	*ms = v;
	return true;
}

/* A date as HTTP and mail write it (RFC 9110 section 5.6.7, RFC 5322 section 3.3): "Fri, 27 Nov 2026 09:00:00 +0100". */
static bool parse_mail_date(const char *text, int64_t *ms)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const char *comma = strchr(text, ','), *at;
	char name[4], clock[9], zone[6], date[48];
	int day, year, end = 0;

	if (comma && comma - text != 3)
		return false;
	text = comma ? comma + 1 : text;
	if (sscanf(text, " %2d %3[A-Za-z] %4d %8[0-9:] %5[A-Z0-9+-]%n", &day, name, &year, clock, zone, &end) != 5 || text[end])
		return false;
	at = strlen(name) == 3 ? strstr(months, name) : NULL;
	if (!at || (at - months) % 3 || day < 1 || year < 0)
		return false;
	if (strcmp(zone, "GMT") == 0 || strcmp(zone, "UTC") == 0)
		snprintf(date, sizeof date, "%04d-%02d-%02dT%sZ", year, (int)(at - months) / 3 + 1, day, clock);
	else if ((*zone == '+' || *zone == '-') && strspn(zone + 1, "0123456789") == 4)
		snprintf(date, sizeof date, "%04d-%02d-%02dT%s%.3s:%s", year, (int)(at - months) / 3 + 1, day, clock, zone, zone + 3);
	else
		return false;
	return parse_date(date, ms);
}

bool clock_read(struct slice text, int64_t *ms)
{
	char copy[48];

	if (text.n == 0 || text.n >= sizeof copy || memchr(text.p, '\0', text.n))
		return false;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	return parse_number(copy, ms) || parse_date(copy, ms) || parse_mail_date(copy, ms);
}
