/* SPDX-License-Identifier: ISC */
/* The options there are, their defaults, and the checks that can name file and line. */
#define _DEFAULT_SOURCE /* scandir */
#include "conf/schema.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/fingerprint.h"
#include "conf/schema_endpoint.h"
#include "conf/schema_links.h"
#include "conf/schema_scheme.h"
#include "conf/schema_sink.h"
#include "conf/schema_values.h"
#include "conf/uncomment.h"
#include "conf/unseen.h"
#include "core/invisible.h"
#include "core/io.h"
#include "core/units.h"
#include "core/writable.h"

enum { INCLUDES_MAX = 100, FILE_MAX = 4 << 20 };

/* Where a value of a section's option is. */
struct place {
	const cfg_opt_t *opt;
	const cfg_value_t *value;
	int line;
};

/* libconfuse's callbacks have no context, so a load keeps its own here; one load at a time. */
static struct {
	conf_report *report;
	void *ctx;
	enum conf_secrets secrets;
	cfg_t *tree;
	struct buf text;   /* of the file that is parsed */
	struct buf places; /* struct place, one after the other */
	char *includes[INCLUDES_MAX]; /* files still to parse, and those parsed */
	size_t n_includes;
	struct fingerprint *texts;
	char fingerprint[CONF_FINGERPRINT]; /* of all texts, when they are read */
	int errors;
} load;

/* What to do about what libconfuse reports by itself; "" for messages of ours, which say so. */
static const char *fix_of(const char *fmt)
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
	buf_printf(&b, "%s", fix_of(fmt));
	load.report(load.ctx, level, buf_str(&b));
	buf_free(&b);
}

__attribute__((format(printf, 2, 0))) static void on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	load.errors++;
	report_at(LOG_LEVEL_ERROR, cfg ? cfg->filename : NULL, cfg ? cfg->line : 0, fmt, ap);
}

void schema_warn(cfg_t *cfg, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report_at(LOG_LEVEL_WARNING, cfg->filename, cfg->line, fmt, ap);
	va_end(ap);
}

void schema_fault(cfg_t *cfg, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report_at(LOG_LEVEL_ERROR, cfg->filename, cfg->line, fmt, ap);
	va_end(ap);
}

cfg_t *schema_tree(void)
{
	return load.tree;
}

bool schema_checks_secrets(void)
{
	return load.secrets == CONF_SECRETS_ALL || load.secrets == CONF_SECRETS_CHECK;
}

/* libconfuse calls this after each of an option's values, and for a list again at its closing brace. */
static int note_place(cfg_t *cfg, cfg_opt_t *opt)
{
	struct place new = {opt, opt->values[opt->nvalues - 1], cfg->line};
	const struct place *place = (const void *)load.places.data;
	size_t n = load.places.len / sizeof new;

	if (n && (opt->flags & CFGF_LIST) && place[n - 1].opt == opt && place[n - 1].value == new.value)
		return 0;
	return buf_add(&load.places, &new, sizeof new) ? 0 : -1;
}

cfg_t *schema_at(cfg_t *sec, const char *option, const char *value)
{
	const cfg_opt_t *opt = cfg_getopt(sec, option);
	const struct place *place = (const void *)load.places.data;
	unsigned i = 0;

	while (value && i < opt->nvalues && opt->values[i]->string != value)
		i++;
	if (i == opt->nvalues)
		i = 0;
	/* the last one counts, as a value that is written again may have the memory of the former */
	for (size_t k = 0; opt->nvalues && k < load.places.len / sizeof *place; k++)
		if (place[k].opt == opt && place[k].value == opt->values[i])
			sec->line = place[k].line;
	if (load.text.data && value && strchr(value, '\n'))
		sec->line = uncomment_first_line(load.text.data, load.text.len, sec->line);
	return sec;
}

bool schema_check_title(cfg_t *sec, bool right, const char *fix)
{
	const char *p = cfg_title(sec);

	while (*p && !iscntrl((unsigned char)*p))
		p++;
	if (right && !*p)
		return true;
	sec->line = uncomment_section_line(load.text.data, load.text.len, sec->line);
	if (*p) /* it would break the message, too */
		cfg_error(sec, "%s: its name has a line feed or another control character in it; write it without", sec->name);
	else
		cfg_error(sec, "%s \"%s\": %s", sec->name, cfg_title(sec), fix);
	return false;
}

int schema_choice(const char *const *words, const char *word)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return -1;
}

const char *schema_path(const char *file, const char *path, char *out, size_t n)
{
	const char *slash = strrchr(file, '/');

	if (*path == '/' || !slash)
		snprintf(out, n, "%s", path);
	else
		snprintf(out, n, "%.*s/%s", (int)(slash - file), file, path);
	return out;
}

bool schema_strlist(cfg_t *sec, const char *name, struct strlist *w)
{
	w->item = calloc(cfg_size(sec, name) + 1, sizeof *w->item);
	for (unsigned i = 0; w->item && i < cfg_size(sec, name); i++) {
		w->item[i] = strdup(cfg_getnstr(sec, name, i));
		if (!w->item[i])
			return false;
		w->n++;
	}
	return w->item != NULL;
}

static int note_include(cfg_t *cfg, const char *path)
{
	if (load.n_includes == INCLUDES_MAX) {
		cfg_error(cfg, "include: more than %d files; does one include itself?", INCLUDES_MAX - 1);
		return -1;
	}
	load.includes[load.n_includes] = strdup(path);
	return load.includes[load.n_includes++] ? 0 : -1;
}

static int conf_files(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return d->d_name[0] != '.' && n > 5 && strcmp(d->d_name + n - 5, ".conf") == 0;
}

/* Notes the file, or the directory's *.conf, to be parsed after the current file. */
static int on_include(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv)
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
	schema_path(cfg->filename, argv[0], path, sizeof path);
	if (stat(path, &st) != 0) {
		cfg_error(cfg, "include: %s: %s", path, strerror(errno));
		return -1;
	}
	if (!S_ISDIR(st.st_mode))
		return note_include(cfg, path);
	if (writable_mode(path, &st, why, sizeof why) == WRITABLE_BY_ALL) { /* the sticky bit keeps no new file out */
		if (load.secrets != CONF_SECRETS_CHECK) {
			cfg_error(cfg, "include: %s", why);
			return -1;
		}
		load.report(load.ctx, LOG_LEVEL_ERROR, why);
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

static cfg_t *new_tree(void)
{
	static const struct {
		const char *name;
		cfg_validate_callback_t check;
	} checks[] = {
		{"journal", schema_check_choice}, {"min-free", schema_check_size}, {"socket-mode", schema_check_mode},
		{"max-in-flight", schema_check_range}, {"params-timeout", schema_check_duration}, {"body-timeout", schema_check_duration},
		{"idle-timeout", schema_check_duration},
		{"log-level", schema_check_choice}, {"log-format", schema_check_choice}, {"log-to", schema_check_choice},
		{"max-body", schema_check_size}, {"reject-keep", schema_check_range}, {"reject-size", schema_check_size},
		{"reject-age", schema_check_age}, {"dedupe-window", schema_check_age}, {"keep", schema_check_keep}, {"scheme", schema_scheme_check},
		{"sink", schema_sink_check}, {"scheme|bodies", schema_check_bodies},
		{"endpoint", schema_check_endpoint}, {"endpoint|max-body", schema_check_size}, {"endpoint|keep", schema_check_keep},
		{"endpoint|name", schema_check_name}, {"endpoint|replay-window", schema_check_age},
		{"endpoint|scheme", schema_check_scheme}, {"endpoint|allow", schema_check_allow},
		{"endpoint|url", schema_check_url}, {"endpoint|bodies", schema_check_bodies}, {"endpoint|rate", schema_check_rate},
		{"endpoint|secret-file", schema_check_secret_file}, {"endpoint|secret-env", schema_check_secret_env},
		{"endpoint|authorization-file", schema_check_secret_file},
		{"endpoint|authorization-env", schema_check_secret_env},
		{"endpoint|verify-token-file", schema_check_secret_file}, {"endpoint|verify-token-env", schema_check_secret_env},
	};
	cfg_opt_t endpoint[] = {
		CFG_STR("scheme", "connectsafely", CFGF_NONE),
		CFG_STR_LIST("secret-file", NULL, CFGF_NONE),
		CFG_STR_LIST("secret-env", NULL, CFGF_NONE),
		CFG_STR_LIST("authorization-file", NULL, CFGF_NONE),
		CFG_STR_LIST("authorization-env", NULL, CFGF_NONE),
		CFG_STR_LIST("verify-token-file", NULL, CFGF_NONE),
		CFG_STR_LIST("verify-token-env", NULL, CFGF_NONE),
		CFG_STR("name", NULL, CFGF_NONE),
		CFG_STR("url", NULL, CFGF_NONE),
		CFG_STR("replay-window", NULL, CFGF_NONE),
		CFG_STR_LIST("bodies", NULL, CFGF_NONE),
		CFG_STR_LIST("events", NULL, CFGF_NONE),
		CFG_STR_LIST("accounts", NULL, CFGF_NONE),
		CFG_STR_LIST("allow", NULL, CFGF_NONE),
		CFG_STR_LIST("client-certificate", NULL, CFGF_NONE),
		CFG_STR("rate", NULL, CFGF_NONE),
		CFG_INT("rate-burst", 0, CFGF_NONE),
		CFG_INT("answer-status", 200, CFGF_NONE),
		CFG_STR("answer-type", NULL, CFGF_NONE),
		CFG_STR("answer-body", NULL, CFGF_NONE),
		CFG_STR("max-body", NULL, CFGF_NONE),
		CFG_STR("keep", NULL, CFGF_NONE),
		CFG_STR_LIST("relay", NULL, CFGF_NONE),
		CFG_STR_LIST("store", NULL, CFGF_NONE),
		CFG_STR("store-wait", "4s", CFGF_NONE),
		CFG_BOOL("store-required", cfg_false, CFGF_NONE),
		CFG_END(),
	};
	cfg_opt_t top[] = {
		CFG_STR("spool", "/var/lib/hookspool", CFGF_NONE),
		CFG_STR("journal", "wal", CFGF_NONE),
		CFG_STR("min-free", "64m", CFGF_NONE),
		CFG_STR("listen", NULL, CFGF_NONE),
		CFG_STR("socket-mode", "0660", CFGF_NONE),
		CFG_STR("socket-group", NULL, CFGF_NONE),
		CFG_INT("max-in-flight", 16, CFGF_NONE),
		CFG_STR("params-timeout", "10s", CFGF_NONE),
		CFG_STR("body-timeout", "10s", CFGF_NONE),
		CFG_STR("idle-timeout", "5m", CFGF_NONE),
		CFG_STR("log-level", "info", CFGF_NONE),
		CFG_STR("log-format", "logfmt", CFGF_NONE),
		CFG_STR("log-to", "stderr", CFGF_NONE),
		CFG_BOOL("log-bodies", cfg_false, CFGF_NONE),
		CFG_STR("max-body", "1m", CFGF_NONE),
		CFG_INT("reject-keep", 1000, CFGF_NONE),
		CFG_STR("reject-size", "16m", CFGF_NONE),
		CFG_STR("reject-age", "30d", CFGF_NONE),
		CFG_BOOL("reject-bodies", cfg_false, CFGF_NONE),
		CFG_STR("dedupe-window", "30d", CFGF_NONE),
		CFG_STR("keep", NULL, CFGF_NONE),
		CFG_SEC("scheme", (cfg_opt_t *)(uintptr_t)schema_scheme_options, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
		CFG_SEC("sink", (cfg_opt_t *)(uintptr_t)schema_sink_options, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
		CFG_SEC("endpoint", endpoint, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
		CFG_FUNC("include", on_include),
		CFG_END(),
	};
	cfg_t *cfg = cfg_init(top, CFGF_NONE);

	if (!cfg)
		return NULL;
	cfg_set_error_function(cfg, on_error);
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
		cfg_set_validate_func(cfg, checks[i].name, checks[i].check);
	for (cfg_opt_t *sec = cfg->opts; sec->name; sec++)
		for (cfg_opt_t *opt = sec->subopts; opt && opt->name; opt++)
			if (!opt->validcb)
				opt->validcb = note_place;
	return cfg;
}

static bool refuse(const char *message)
{
	load.errors++;
	load.report(load.ctx, LOG_LEVEL_ERROR, message);
	return false;
}

static bool refuse_file(const char *file, const char *what)
{
	char message[PATH_MAX + 128];

	snprintf(message, sizeof message, "%s: %s", file, what);
	return refuse(message);
}

/*
 * Appends the file's text and a blank: fmemopen() takes no empty text, and after a line feed libconfuse would count one line more
 * than the file has. A file that any user may change is refused. False after a message, or with errno set.
 */
static bool read_file(const char *file, struct buf *text)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), error;
	bool ok = fd >= 0;
	char why[PATH_MAX + 128];
	struct stat st;

	/* a named pipe would be waited for without end; a shell's <(command) is one below /dev */
	if (ok && strncmp(file, "/dev/", 5) != 0 && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode)) {
		close(fd);
		return refuse_file(file, "it is a pipe, and no file");
	}
	ok = ok && fcntl(fd, F_SETFL, 0) == 0;

	if (ok && load.secrets != CONF_SECRETS_CHECK && fstat(fd, &st) == 0 && writable_mode(file, &st, why, sizeof why) == WRITABLE_BY_ALL) {
		close(fd);
		return refuse(why);
	}
	ok = ok && io_read_all(fd, text, FILE_MAX);
	error = errno;
	if (fd >= 0)
		close(fd);
	errno = ok ? ENOMEM : error;
	if (ok && text->len && text->data[text->len - 1] == '\n')
		text->len--;
	return ok && buf_add(text, " ", 1);
}

/* Takes a byte order mark of UTF-8 away. False after a message where the text can't be read. */
static bool check_encoding(const char *file, struct buf *text)
{
	const char *encoding = invisible_encoding(text->data, text->len);
	char what[96];

	if (encoding) {
		snprintf(what, sizeof what, "its text is %s, as its first bytes show; save it as UTF-8", encoding);
		return refuse_file(file, what);
	}
	if (memchr(text->data, '\0', text->len))
		return refuse_file(file, "it has a NUL byte; save it as UTF-8 text");
	if (text->len >= 3 && memcmp(text->data, "\xEF\xBB\xBF", 3) == 0)
		memcpy(text->data, "   ", 3);
	return true;
}

/* libconfuse would take it for a part of a name, and quote that in a message where nothing is to be seen. */
static int check_seen(cfg_t *cfg)
{
	const char *name;

	cfg->line = unseen_line(load.text.data, load.text.len, &name);
	if (cfg->line)
		cfg_error(cfg, "%s, which can't be seen, is in this line; write the line anew, with plain blanks", name);
	return cfg->line ? CFG_PARSE_ERROR : CFG_SUCCESS;
}

/* It may be another program's: the relay is given other secrets than the receiver. */
static void warn_of_variables(cfg_t *cfg)
{
	char name[256];

	cfg->line = uncomment_unset_line(load.text.data, load.text.len, name, sizeof name);
	if (cfg->line)
		schema_warn(cfg, "the environment has no %s; set it where the program is started, or write ${%s:-} where it may be missing", name, name);
	cfg->line = uncomment_blank_line(load.text.data, load.text.len, name, sizeof name);
	if (cfg->line)
		schema_warn(cfg, "the text of %s in the environment has white space or characters around it that can't be seen; set it without", name);
}

/* Reports what is missing at the file's end: libconfuse takes that for the end of sections, quotes and comments. */
static int parse_text(cfg_t *cfg)
{
	const char *missing;
	int line = uncomment(load.text.data, load.text.len, &missing), rc = CFG_SUCCESS;
	FILE *from;

	/* where a brace is missing, it may know the place */
	if (!line || *missing == '}') {
		if (check_seen(cfg) != CFG_SUCCESS)
			return CFG_PARSE_ERROR;
		warn_of_variables(cfg);
		from = fmemopen(load.text.data, load.text.len, "r");
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

static bool parse_one(cfg_t *cfg, const char *file)
{
	int rc;

	if (!read_file(file, &load.text)) {
		buf_free(&load.text);
		return load.errors == 0 ? refuse_file(file, strerror(errno)) : false;
	}
	if (!check_encoding(file, &load.text)) {
		buf_free(&load.text);
		return false;
	}
	fingerprint_add(load.texts, load.text.data, load.text.len);
	free(cfg->filename);
	cfg->filename = strdup(file);
	rc = cfg->filename ? parse_text(cfg) : CFG_FILE_ERROR;
	buf_free(&load.text);
	if (rc != CFG_SUCCESS && load.errors == 0)
		return refuse_file(file, "can't be parsed");
	return rc == CFG_SUCCESS;
}

static void free_includes(void)
{
	while (load.n_includes)
		free(load.includes[--load.n_includes]);
}

void schema_take_files(struct strlist *files, char fingerprint[CONF_FINGERPRINT])
{
	memcpy(fingerprint, load.fingerprint, CONF_FINGERPRINT);
	files->item = calloc(load.n_includes + 1, sizeof *files->item);
	for (; files->item && files->n < load.n_includes; files->n++)
		files->item[files->n] = load.includes[files->n];
	if (files->item)
		load.n_includes = 0;
	free_includes();
}

cfg_t *schema_parse(const char *file, enum conf_secrets secrets, conf_report *report, void *ctx)
{
	cfg_t *cfg = new_tree();
	bool ok = cfg != NULL;

	load.tree = cfg;
	load.report = report;
	load.ctx = ctx;
	load.secrets = secrets;
	load.errors = 0;
	load.texts = fingerprint_new();
	if (ok)
		ok = note_include(cfg, file) == 0;
	for (size_t i = 0; ok && i < load.n_includes; i++)
		ok = parse_one(cfg, load.includes[i]);
	ok = ok && schema_check_links(cfg);
	fingerprint_end(load.texts, load.fingerprint);
	buf_free(&load.places);
	if (ok)
		return cfg;
	free_includes();
	if (load.errors == 0)
		report(ctx, LOG_LEVEL_ERROR, "memory is short");
	cfg_free(cfg);
	return NULL;
}
