/* SPDX-License-Identifier: ISC */
/* The kinds of options that several sections have. */
#include "conf/kind.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "conf/cidr.h"
#include "conf/reader.h"
#include "core/pattern.h"
#include "core/rate.h"
#include "core/strlist.h"
#include "core/units.h"

/* ---- texts */

bool kind_read_text(const struct option_row *row, cfg_t *sec, void *field)
{
	char **text = field;

	free(*text);
	*text = strdup(cfg_getstr(sec, row->name));
	return *text != NULL;
}

bool kind_read_path(const struct option_row *row, cfg_t *sec, void *field)
{
	char path[PATH_MAX], **text = field;

	free(*text);
	*text = strdup(reader_path(sec->filename, cfg_getstr(sec, row->name), path, sizeof path));
	return *text != NULL;
}

void kind_free_text(void *field)
{
	char **text = field;

	free(*text);
	*text = NULL;
}

bool kind_read_list(const struct option_row *row, cfg_t *sec, void *field)
{
	struct strlist *list = field;
	unsigned n = cfg_size(sec, row->name);

	strlist_free(list);
	*list = (struct strlist){calloc(n + 1, sizeof *list->item), 0};
	for (unsigned i = 0; list->item && i < n; i++) {
		list->item[i] = strdup(cfg_getnstr(sec, row->name, i));
		if (!list->item[i])
			return false;
		list->n++;
	}
	return list->item != NULL;
}

void kind_free_list(void *field)
{
	struct strlist *list = field;

	strlist_free(list);
	*list = (struct strlist){0};
}

static bool read_paths(const struct option_row *row, cfg_t *sec, void *field)
{
	struct strlist *list = field;
	char path[PATH_MAX];

	if (!kind_read_list(row, sec, field))
		return false;
	for (size_t i = 0; i < list->n; i++) {
		char *full = strdup(reader_path(sec->filename, list->item[i], path, sizeof path));

		if (!full)
			return false;
		free(list->item[i]);
		list->item[i] = full;
	}
	return true;
}

const char *kind_secret_file(const struct option_row *row, const void *base, size_t i)
{
	const void *field = (const char *)base + row->offset;
	const struct strlist *list = field;

	if (row->kind == &kind_secret_path)
		return i == 0 ? *(char *const *)field : NULL;
	return row->kind == &kind_secret_paths && i < list->n ? list->item[i] : NULL;
}

static bool read_bool(const struct option_row *row, cfg_t *sec, void *field)
{
	*(bool *)field = cfg_getbool(sec, row->name);
	return true;
}

/* ---- numbers */

static bool check_count(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	long v = strtol(text, NULL, 10);

	(void)sec;
	if (v >= row->min && v <= row->max)
		return true;
	buf_printf(why, " is out of range; write %lld to %lld", (long long)row->min, (long long)row->max);
	return false;
}

bool kind_read_count(const struct option_row *row, cfg_t *sec, void *field)
{
	*(unsigned *)field = (unsigned)cfg_getint(sec, row->name);
	return true;
}

static bool check_size(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	uint64_t v;

	(void)sec;
	if (units_size(text, &v) && v >= (uint64_t)row->min && v <= (uint64_t)row->max)
		return true;
	buf_printf(why, " is not a size; write \"512k\", \"1m\"; at most %lldm", (long long)(row->max >> 20));
	return false;
}

static bool read_size(const struct option_row *row, cfg_t *sec, void *field)
{
	uint64_t v;

	if (units_size(cfg_getstr(sec, row->name), &v))
		*(size_t *)field = (size_t)v;
	return true;
}

static bool check_mode(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	(void)row;
	(void)sec;
	if (*text && strspn(text, "01234567") == strlen(text) && strtoul(text, NULL, 8) <= 0777)
		return true;
	buf_printf(why, " is not a file mode; write \"0660\"");
	return false;
}

static bool read_mode(const struct option_row *row, cfg_t *sec, void *field)
{
	*(mode_t *)field = (mode_t)strtoul(cfg_getstr(sec, row->name), NULL, 8);
	return true;
}

/* ---- times */

bool kind_read_time(const char *text, int64_t max, int64_t *ms)
{
	return units_duration(text, ms) && *ms > 0 && *ms <= max;
}

void kind_print_time(struct buf *out, int64_t ms)
{
	static const struct {
		int64_t ms;
		const char *unit;
	} units[] = {{KIND_DAY, "d"}, {KIND_HOUR, "h"}, {KIND_MINUTE, "m"}, {KIND_SECOND, "s"}, {1, "ms"}};
	size_t i = 0;

	while (ms % units[i].ms)
		i++;
	buf_printf(out, "%lld%s", (long long)(ms / units[i].ms), units[i].unit);
}

static bool check_within(const struct option_row *row, const char *text, const char *what, const char *fix, struct buf *why)
{
	int64_t v;

	if (kind_read_time(text, row->max, &v))
		return true;
	buf_printf(why, " is not %s; write %s; at most ", what, row->fix ? row->fix : fix);
	kind_print_time(why, row->max);
	return false;
}

static bool check_time_text(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	(void)sec;
	return check_within(row, text, "a time", "\"500ms\", \"10s\"", why);
}

static bool check_age(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	(void)sec;
	return check_within(row, text, "an age", "\"12h\", \"30d\"", why);
}

static bool read_time(const struct option_row *row, cfg_t *sec, void *field)
{
	units_duration(cfg_getstr(sec, row->name), field);
	return true;
}

/* A bare number could be meant as days: an age to keep events for has its unit. */
static bool parse_keep(const char *text, int64_t max, int64_t *ms)
{
	*ms = 0;
	return strcmp(text, "forever") == 0 || (units_age(text, ms) && *ms > 0 && *ms <= max);
}

static bool check_keep(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	int64_t v;

	(void)sec;
	if (parse_keep(text, row->max, &v))
		return true;
	buf_printf(why, " is not an age; write \"90d\", \"12h\", or \"forever\"; at most ");
	kind_print_time(why, row->max);
	return false;
}

static bool read_keep(const struct option_row *row, cfg_t *sec, void *field)
{
	return parse_keep(cfg_getstr(sec, row->name), row->max, field);
}

/* ---- choices */

int kind_position(const char *const *words, const char *word)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return -1;
}

bool kind_check_choice(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	(void)sec;
	if (kind_position(row->choices, text) >= 0)
		return true;
	buf_printf(why, " is unknown; write");
	for (const char *const *word = row->choices; *word; word++)
		buf_printf(why, " \"%s\"%s", *word, !word[1] ? "" : !word[2] ? " or" : ",");
	return false;
}

static bool read_choice(const struct option_row *row, cfg_t *sec, void *field)
{
	*(unsigned *)field = (unsigned)kind_position(row->choices, cfg_getstr(sec, row->name));
	return true;
}

static bool read_choices(const struct option_row *row, cfg_t *sec, void *field)
{
	unsigned all = 0;

	for (unsigned i = 0; i < cfg_size(sec, row->name); i++)
		all |= 1U << kind_position(row->choices, cfg_getnstr(sec, row->name, i));
	*(unsigned *)field = all;
	return true;
}

/* ---- rates */

static bool check_rate_text(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	struct rate rate;

	(void)row;
	(void)sec;
	if (rate_parse(text, &rate))
		return true;
	buf_printf(why, ": write it as \"60/m\": so many a second (s), minute (m) or hour (h)");
	return false;
}

static bool read_rate(const struct option_row *row, cfg_t *sec, void *field)
{
	return rate_parse(cfg_getstr(sec, row->name), field);
}

static bool check_burst(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	long v = strtol(text, NULL, 10);

	if (v >= row->min && v <= row->max && cfg_getstr(sec, "rate"))
		return true;
	buf_printf(why, ": it goes with a rate, and is %lld to %lld", (long long)row->min, (long long)row->max);
	return false;
}

/* ---- patterns and addresses */

static bool check_pattern(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	char reason[256];
	struct pattern *pattern = pattern_new(text, reason, sizeof reason);

	(void)row;
	(void)sec;
	if (!pattern)
		buf_printf(why, ": %s", reason);
	pattern_free(pattern);
	return pattern != NULL;
}

static bool read_pattern(const struct option_row *row, cfg_t *sec, void *field)
{
	char reason[256];
	struct pattern **pattern = field;

	*pattern = pattern_new(cfg_getstr(sec, row->name), reason, sizeof reason);
	return *pattern != NULL;
}

static void free_pattern(void *field)
{
	struct pattern **pattern = field;

	pattern_free(*pattern);
	*pattern = NULL;
}

static bool check_range(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	struct cidr range;

	(void)row;
	(void)sec;
	if (cidr_parse(text, &range))
		return true;
	buf_printf(why, " is no address range; write \"192.0.2.0/24\" or \"2001:db8::/32\", no bits set behind the prefix");
	return false;
}

static bool read_ranges(const struct option_row *row, cfg_t *sec, void *field)
{
	struct cidrs *ranges = field;
	unsigned n = cfg_size(sec, row->name);

	*ranges = (struct cidrs){calloc(n, sizeof *ranges->item), 0};
	while (ranges->item && ranges->n < n && cidr_parse(cfg_getnstr(sec, row->name, (unsigned)ranges->n), &ranges->item[ranges->n]))
		ranges->n++;
	return ranges->item != NULL;
}

static void free_ranges(void *field)
{
	struct cidrs *ranges = field;

	free(ranges->item);
	*ranges = (struct cidrs){0};
}

void kind_print_bounds(struct buf *out, const struct option_row *row)
{
	if (row->min == row->max)
		return;
	if (row->kind->type == CFGT_INT) {
		buf_printf(out, "%lld to %lld", (long long)row->min, (long long)row->max);
	} else if (row->kind == &kind_size) {
		buf_printf(out, "at most %lldm", (long long)(row->max >> 20));
	} else {
		buf_printf(out, "at most ");
		kind_print_time(out, row->max);
	}
}

#define LIST .type = CFGT_STR, .list = true

const struct option_kind kind_text = {"text", CFGT_STR, .read = kind_read_text, .free = kind_free_text};
const struct option_kind kind_path = {"path", CFGT_STR, .read = kind_read_path, .free = kind_free_text};
const struct option_kind kind_secret_path = {"file with a secret", CFGT_STR, .read = kind_read_path, .free = kind_free_text};
const struct option_kind kind_secret_paths = {"list of files with a secret", LIST, .read = read_paths, .free = kind_free_list};
const struct option_kind kind_file = {"file", CFGT_STR, .read = kind_read_path, .free = kind_free_text};
const struct option_kind kind_bool = {"true or false", CFGT_BOOL, .read = read_bool};
const struct option_kind kind_count = {"number", CFGT_INT, .check = check_count, .read = kind_read_count};
const struct option_kind kind_size = {"size", CFGT_STR, .check = check_size, .read = read_size};
const struct option_kind kind_time = {"time", CFGT_STR, .check = check_time_text, .read = read_time};
const struct option_kind kind_age = {"age", CFGT_STR, .check = check_age, .read = read_time};
const struct option_kind kind_keep = {"age or \"forever\"", CFGT_STR, .check = check_keep, .read = read_keep};
const struct option_kind kind_mode = {"file mode", CFGT_STR, .check = check_mode, .read = read_mode};
const struct option_kind kind_choice = {"choice", CFGT_STR, .check = kind_check_choice, .read = read_choice};
const struct option_kind kind_choices = {"choices", LIST, .check = kind_check_choice, .read = read_choices};
const struct option_kind kind_list = {"list of texts", LIST, .read = kind_read_list, .free = kind_free_list};
const struct option_kind kind_rate = {"rate", CFGT_STR, .check = check_rate_text, .read = read_rate};
const struct option_kind kind_burst = {"number", CFGT_INT, .check = check_burst, .read = kind_read_count};
const struct option_kind kind_pattern = {"regular expression", CFGT_STR, .check = check_pattern, .read = read_pattern, .free = free_pattern};
const struct option_kind kind_ranges = {"list of address ranges", LIST, .check = check_range, .read = read_ranges, .free = free_ranges};
const struct option_kind kind_include = {.name = "file or directory", .type = CFGT_FUNC};
