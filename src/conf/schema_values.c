/* SPDX-License-Identifier: ISC */
/* The checks of values that stand alone: sizes, times, ages, choices, numbers and modes. */
#include "conf/schema_values.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "conf/schema.h"
#include "core/units.h"

static const int64_t AGE_MAX_MS = 3650 * INT64_C(86400000);

const char *const schema_journals[] = {"wal", "delete", NULL};
const char *const schema_log_levels[] = {"error", "warning", "info", "debug", NULL};
const char *const schema_log_formats[] = {"logfmt", "json", NULL};
const char *const schema_log_targets[] = {"stderr", "syslog", NULL};

bool schema_keep(const char *text, int64_t *ms)
{
	*ms = 0;
	return strcmp(text, "forever") == 0 || (units_age(text, ms) && *ms > 0 && *ms <= AGE_MAX_MS);
}

int schema_check_size(cfg_t *cfg, cfg_opt_t *opt)
{
	uint64_t v;

	if (units_size(cfg_opt_getstr(opt), &v) && v > 0 && v <= INT_MAX)
		return 0;
	cfg_error(cfg, "%s = \"%s\" is not a size; write \"512k\", \"1m\"; at most 2047m", opt->name, cfg_opt_getstr(opt));
	return -1;
}

int schema_check_duration(cfg_t *cfg, cfg_opt_t *opt)
{
	int64_t v;

	if (units_duration(cfg_opt_getstr(opt), &v) && v > 0 && v <= 3600000)
		return 0;
	cfg_error(cfg, "%s = \"%s\" is not a time; write \"500ms\", \"10s\"; at most 1h", opt->name, cfg_opt_getstr(opt));
	return -1;
}

int schema_check_age(cfg_t *cfg, cfg_opt_t *opt)
{
	int64_t v;

	if (units_duration(cfg_opt_getstr(opt), &v) && v > 0 && v <= AGE_MAX_MS)
		return 0;
	cfg_error(cfg, "%s = \"%s\" is not an age; write \"12h\", \"30d\"; at most 3650d", opt->name, cfg_opt_getstr(opt));
	return -1;
}

int schema_check_keep(cfg_t *cfg, cfg_opt_t *opt)
{
	int64_t v;

	if (schema_keep(cfg_opt_getstr(opt), &v))
		return 0;
	cfg_error(cfg, "keep = \"%s\" is not an age; write \"90d\", \"12h\", or \"forever\"; at most 3650d", cfg_opt_getstr(opt));
	return -1;
}

int schema_check_choice(cfg_t *cfg, cfg_opt_t *opt)
{
	static const struct {
		const char *name;
		const char *const *words;
		const char *fix;
	} choices[] = {
		{"journal", schema_journals, "\"wal\" or \"delete\""},
		{"log-level", schema_log_levels, "\"error\", \"warning\", \"info\" or \"debug\""},
		{"log-format", schema_log_formats, "\"logfmt\" or \"json\""},
		{"log-to", schema_log_targets, "\"stderr\" or \"syslog\""},
	};

	for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
		if (strcmp(choices[i].name, opt->name) != 0)
			continue;
		if (schema_choice(choices[i].words, cfg_opt_getstr(opt)) >= 0)
			return 0;
		cfg_error(cfg, "%s = \"%s\" is unknown; write %s", opt->name, cfg_opt_getstr(opt), choices[i].fix);
	}
	return -1;
}

int schema_check_range(cfg_t *cfg, cfg_opt_t *opt)
{
	static const struct {
		const char *name;
		long min, max;
	} ranges[] = {{"max-in-flight", 1, CONF_MAX_IN_FLIGHT}, {"reject-keep", 0, 1000000}};
	long v = cfg_opt_getnint(opt, 0);

	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
		if (strcmp(ranges[i].name, opt->name) != 0)
			continue;
		if (v >= ranges[i].min && v <= ranges[i].max)
			return 0;
		cfg_error(cfg, "%s = %ld is out of range; write %ld to %ld", opt->name, v, ranges[i].min, ranges[i].max);
	}
	return -1;
}

int schema_check_mode(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *text = cfg_opt_getstr(opt);

	if (*text && strspn(text, "01234567") == strlen(text) && strtoul(text, NULL, 8) <= 0777)
		return 0;
	cfg_error(cfg, "%s = \"%s\" is not a file mode; write \"0660\"", opt->name, text);
	return -1;
}
