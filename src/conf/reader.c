/* SPDX-License-Identifier: ISC */
/* Reads the files of a configuration into libconfuse's tree. */
#define _DEFAULT_SOURCE /* scandir */
#include "conf/reader.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/source.h"
#include "conf/uncomment.h"
#include "core/buf.h"
#include "core/writable.h"

enum { INCLUDES_MAX = 100 };

/* Where a value of a section's option is. */
struct place {
	const cfg_opt_t *opt;
	const cfg_value_t *value;
	int line;
};

/* The load that is under way. */
static struct {
	struct reader_load want;
	cfg_t *tree;
	struct buf text;   /* of the file that is parsed */
	struct buf places; /* struct place, one after the other */
	char *includes[INCLUDES_MAX]; /* files still to parse, and those parsed */
	size_t n_includes;
	struct fingerprint *texts;
	char fingerprint[FINGERPRINT_SIZE]; /* of all texts, when they are read */
	int errors;
} reading;

/* The fix for a message of libconfuse's own; "" for hookspool's messages, which have theirs. */
static const char *hint_of(const char *fmt)
{
	static const struct {
		const char *begins, *fix;
	} fixes[] = {
		{"no such option", "; hookspool.conf(5) has those of each section"},
		{"no sub-section", "; write the option in its section"},
		{"invalid boolean value", "; write true or false"},
		{"invalid integer value", "; write a number"},
		{"integer value", "; write a smaller number"},
		{"found duplicate title", "; merge the two sections, or rename one"},
		{"premature end of file", "; write what is missing there, or remove its beginning"},
		{"unexpected token", "; write NAME = \"text\", or NAME = {\"text\", \"text\"} where it is a list"},
		{"unexpected closing brace", "; remove it"},
		{"missing equal sign", "; write NAME = VALUE"},
		{"missing title", "; write it in double quotes before the {"},
		{"missing opening brace", "; write { behind the title"},
		{"missing parenthesis", "; write include(\"FILE\")"},
		{"syntax error in call", "; write include(\"FILE\")"},
		{"attempt to append", "; write = in place of +="},
		{"invalid octal number", "; write \\\\ for a backslash"},
		{"bad escape sequence", "; write \\\\ for a backslash"},
	};

	for (size_t i = 0; i < sizeof fixes / sizeof *fixes; i++)
		if (strncmp(fmt, fixes[i].begins, strlen(fixes[i].begins)) == 0)
			return fixes[i].fix;
	return "";
}

__attribute__((format(printf, 4, 0))) static void report_at(enum log_level level, const char *file, int line, const char *fmt, va_list ap)
{
	struct buf b = {0};

	if (file && line > 0)
		buf_printf(&b, "%s:%d: ", file, line);
	else if (file)
		buf_printf(&b, "%s: ", file);
	buf_vprintf(&b, fmt, ap);
	buf_printf(&b, "%s", hint_of(fmt));
	reading.want.report(reading.want.ctx, level, buf_str(&b));
	buf_free(&b);
}

__attribute__((format(printf, 2, 0))) static void on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	reading.errors++;
	report_at(LOG_LEVEL_ERROR, cfg ? cfg->filename : NULL, cfg ? cfg->line : 0, fmt, ap);
}

void reader_warn(cfg_t *cfg, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report_at(LOG_LEVEL_WARNING, cfg->filename, cfg->line, fmt, ap);
	va_end(ap);
}

void reader_fault(cfg_t *cfg, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report_at(LOG_LEVEL_ERROR, cfg->filename, cfg->line, fmt, ap);
	va_end(ap);
}

cfg_t *reader_tree(void)
{
	return reading.tree;
}

bool reader_checks_secrets(void)
{
	return reading.want.secrets == CONF_SECRETS_ALL || reading.want.secrets == CONF_SECRETS_CHECK;
}

enum conf_secrets reader_secrets(void)
{
	return reading.want.secrets;
}

/* Notes the line of the option's last value. A list's last value comes again at its closing brace, which is not new. */
static bool note_place(const cfg_t *cfg, const cfg_opt_t *opt, bool *is_new)
{
	struct place new = {opt, opt->values[opt->nvalues - 1], cfg->line};
	const struct place *place = (const void *)reading.places.data;
	size_t n = reading.places.len / sizeof new;

	*is_new = !(n && (opt->flags & CFGF_LIST) && place[n - 1].opt == opt && place[n - 1].value == new.value);
	return !*is_new || buf_add(&reading.places, &new, sizeof new);
}

int reader_on_value(cfg_t *cfg, cfg_opt_t *opt)
{
	bool is_new;

	if (!note_place(cfg, opt, &is_new))
		return -1;
	return !is_new || reading.want.check(cfg, opt) ? 0 : -1;
}

cfg_t *reader_at(cfg_t *sec, const char *option, const char *value)
{
	const cfg_opt_t *opt = cfg_getopt(sec, option);
	const struct place *place = (const void *)reading.places.data;
	unsigned i = 0;

	while (value && i < opt->nvalues && opt->values[i]->string != value)
		i++;
	if (i == opt->nvalues)
		i = 0;
	/* the last place counts: a value that is written again may have the memory of the one before */
	for (size_t k = 0; opt->nvalues && k < reading.places.len / sizeof *place; k++)
		if (place[k].opt == opt && place[k].value == opt->values[i])
			sec->line = place[k].line;
	if (reading.text.data && value && strchr(value, '\n'))
		sec->line = uncomment_first_line(reading.text.data, reading.text.len, sec->line);
	return sec;
}

bool reader_check_title(cfg_t *sec, bool right, const char *fix)
{
	const char *p = cfg_title(sec);

	while (*p && !iscntrl((unsigned char)*p))
		p++;
	if (right && !*p)
		return true;
	sec->line = uncomment_section_line(reading.text.data, reading.text.len, sec->line);
	if (*p) /* it would break the message, too */
		cfg_error(sec, "%s: its name has a line feed or another control character in it; write it without", sec->name);
	else
		cfg_error(sec, "%s \"%s\": %s", sec->name, cfg_title(sec), fix);
	return false;
}

const char *reader_path(const char *file, const char *path, char *out, size_t n)
{
	const char *slash = strrchr(file, '/');

	if (*path == '/' || !slash)
		snprintf(out, n, "%s", path);
	else
		snprintf(out, n, "%.*s/%s", (int)(slash - file), file, path);
	return out;
}

static int note_include(cfg_t *cfg, const char *path)
{
	if (reading.n_includes == INCLUDES_MAX) {
		cfg_error(cfg, "include: more than %d files; does one include itself?", INCLUDES_MAX - 1);
		return -1;
	}
	reading.includes[reading.n_includes] = strdup(path);
	return reading.includes[reading.n_includes++] ? 0 : -1;
}

static int conf_files(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return d->d_name[0] != '.' && n > 5 && strcmp(d->d_name + n - 5, ".conf") == 0;
}

/* The file, or the directory's *.conf, is parsed after the current file. */
int reader_include(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv)
{
	char path[PATH_MAX], file[PATH_MAX + 256], why[PATH_MAX + 128];
	struct dirent **entry;
	struct stat st;
	int n, rc = 0;

	(void)opt;
	if (argc != 1) {
		cfg_error(cfg, "include takes one file or directory");
		return -1;
	}
	reader_path(cfg->filename, argv[0], path, sizeof path);
	if (stat(path, &st) != 0) {
		cfg_error(cfg, "include: %s: %s", path, strerror(errno));
		return -1;
	}
	if (!S_ISDIR(st.st_mode))
		return note_include(cfg, path);
	if (writable_mode(path, &st, why, sizeof why) == WRITABLE_BY_ALL) { /* the sticky bit keeps no new file out */
		if (reading.want.secrets != CONF_SECRETS_CHECK) {
			cfg_error(cfg, "include: %s", why);
			return -1;
		}
		reading.want.report(reading.want.ctx, LOG_LEVEL_ERROR, why);
	}
	n = scandir(path, &entry, conf_files, alphasort);
	if (n < 0) {
		cfg_error(cfg, "include: %s: %s", path, strerror(errno));
		return -1;
	}
	for (int i = 0; i < n; i++) {
		snprintf(file, sizeof file, "%s/%s", path, entry[i]->d_name);
		if (rc == 0)
			rc = note_include(cfg, file);
		free(entry[i]);
	}
	free(entry);
	return rc;
}

static bool refuse_load(const char *message)
{
	reading.errors++;
	reading.want.report(reading.want.ctx, LOG_LEVEL_ERROR, message);
	return false;
}

/* Refuses invisible characters. libconfuse takes one as a part of a name, and a message that quotes the name does not show it. */
static int check_seen(cfg_t *cfg)
{
	const char *name;

	cfg->line = unseen_line(reading.text.data, reading.text.len, reading.want.is_free_text, &name);
	if (cfg->line)
		cfg_error(cfg, "%s, which can't be seen, is in this line; write the line anew, with plain blanks", name);
	return cfg->line ? CFG_PARSE_ERROR : CFG_SUCCESS;
}

/* A missing variable is no error: the relay is given other secrets than the receiver. */
static void warn_of_variables(cfg_t *cfg)
{
	char name[256];

	cfg->line = uncomment_unset_line(reading.text.data, reading.text.len, name, sizeof name);
	if (cfg->line)
		reader_warn(cfg, "the environment has no %s; set it where the program is started, or write ${%s:-} where it may be missing", name, name);
	cfg->line = uncomment_blank_line(reading.text.data, reading.text.len, name, sizeof name);
	if (cfg->line)
		reader_warn(cfg, "the text of %s in the environment has white space or characters around it that can't be seen; set it without", name);
}

/* Reports a missing end of quotes, comments and sections: for libconfuse, the file's end ends them. */
static int parse_text(cfg_t *cfg)
{
	const char *missing;
	int line = uncomment(reading.text.data, reading.text.len, &missing), rc = CFG_SUCCESS;
	FILE *from;

	/* where a brace is missing, libconfuse may know the place */
	if (!line || *missing == '}') {
		if (check_seen(cfg) != CFG_SUCCESS)
			return CFG_PARSE_ERROR;
		warn_of_variables(cfg);
		from = fmemopen(reading.text.data, reading.text.len, "r");
		rc = from ? cfg_parse_fp(cfg, from) : CFG_FILE_ERROR;
		if (from)
			fclose(from);
	}
	if (!line || rc != CFG_SUCCESS)
		return rc;
	cfg->line = line;
	cfg_error(cfg, "a %s is missing for what begins here", missing);
	return CFG_PARSE_ERROR;
}

static bool name_tree(cfg_t *cfg, const char *file)
{
	free(cfg->filename);
	cfg->filename = strdup(file);
	return cfg->filename != NULL;
}

/* True for the file that the caller names, where there is none: includes are found by their own section. */
static bool is_main_missing(const char *file)
{
	return file == reading.includes[0] && access(file, F_OK) != 0 && errno == ENOENT;
}

static bool parse_one(cfg_t *cfg, const char *file)
{
	char why[PATH_MAX + 128];
	int rc;

	if (!source_read(file, reading.want.secrets == CONF_SECRETS_CHECK, &reading.text, why, sizeof why)) {
		buf_free(&reading.text);
		if (is_main_missing(file))
			snprintf(why + strlen(why), sizeof why - strlen(why), "; name the configuration's file with -c");
		return refuse_load(why);
	}
	fingerprint_add(reading.texts, reading.text.data, reading.text.len);
	rc = name_tree(cfg, file) ? parse_text(cfg) : CFG_FILE_ERROR;
	buf_free(&reading.text);
	if (rc != CFG_SUCCESS && reading.errors == 0) {
		snprintf(why, sizeof why, "%s: can't be parsed", file);
		return refuse_load(why);
	}
	return rc == CFG_SUCCESS;
}

void reader_end(void)
{
	buf_free(&reading.places);
	while (reading.n_includes)
		free(reading.includes[--reading.n_includes]);
}

void reader_take_files(struct strlist *files, char fingerprint[FINGERPRINT_SIZE])
{
	memcpy(fingerprint, reading.fingerprint, FINGERPRINT_SIZE);
	files->item = calloc(reading.n_includes + 1, sizeof *files->item);
	for (; files->item && files->n < reading.n_includes; files->n++)
		files->item[files->n] = reading.includes[files->n];
	if (files->item)
		reading.n_includes = 0;
}

cfg_t *reader_parse(const char *file, const struct reader_load *want)
{
	cfg_t *cfg = cfg_init(want->options, CFGF_NONE);
	bool ok = cfg != NULL;

	reading.tree = cfg;
	reading.want = *want;
	reading.errors = 0;
	reading.texts = fingerprint_new();
	if (ok) {
		cfg_set_error_function(cfg, on_error);
		ok = note_include(cfg, file) == 0;
	}
	for (size_t i = 0; ok && i < reading.n_includes; i++)
		ok = parse_one(cfg, reading.includes[i]);
	ok = ok && name_tree(cfg, file);
	fingerprint_end(reading.texts, reading.fingerprint);
	if (ok)
		return cfg;
	reader_end();
	if (reading.errors == 0)
		want->report(want->ctx, LOG_LEVEL_ERROR, "memory is short");
	cfg_free(cfg);
	return NULL;
}
