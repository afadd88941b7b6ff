/* SPDX-License-Identifier: ISC */
/* Shared secrets of endpoints. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "conf/secret.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/fingerprint.h"
#include "conf/option.h"
#include "conf/reader.h"
#include "core/io.h"

/* A secret that is being read; forgotten by clear_secret(). */
struct secret_text {
	struct buf text;
	struct buf place; /* the file's path, or the variable's name */
	char why[PATH_MAX + 128];
};

static bool read_secret(bool is_file, cfg_t *sec, const char *name, struct secret_text *out)
{
	char path[PATH_MAX];

	*out = (struct secret_text){0};
	buf_printf(&out->place, "%s", is_file ? reader_path(sec->filename, name, path, sizeof path) : name);
	return is_file ? io_read_secret(buf_str(&out->place), &out->text, out->why, sizeof out->why)
		: io_read_secret_env(name, &out->text, out->why, sizeof out->why);
}

static void clear_secret(struct secret_text *one)
{
	if (one->text.data)
		explicit_bzero(one->text.data, one->text.cap);
	buf_free(&one->text);
	buf_free(&one->place);
}

static bool check_secret(bool is_file, cfg_t *sec, const char *name, struct buf *why)
{
	struct secret_text one;
	bool ok;

	if (!reader_checks_secrets())
		return true;
	if (is_file && !*name) {
		buf_printf(why, ": an empty name; is an environment variable in it empty?");
		return false;
	}
	ok = read_secret(is_file, sec, name, &one);
	if (!ok)
		buf_printf(why, ": %s", one.why);
	if (!ok && is_file && access(buf_str(&one.place), F_OK) != 0 && errno == ENOENT)
		buf_printf(why, "; write the provider's secret into it, or let `hookspool keygen %s` make one", buf_str(&one.place));
	clear_secret(&one);
	return ok;
}

/* Appends a secret; with "" for a text that could not be read. */
static bool append_secret(struct secrets *s, const char *kind, const char *place, const char *text)
{
	struct secret *items = realloc(s->item, (s->n + 1) * sizeof *items), *new;
	struct buf source = {0};

	if (!items)
		return false;
	s->item = items;
	new = &items[s->n++];
	buf_printf(&source, "%s %s", kind, place);
	*new = (struct secret){.source = strdup(buf_str(&source)), .text = strdup(text), .len = strlen(text)};
	buf_free(&source);
	new->id = new->len ? fingerprint_secret(text, new->len) : 0;
	return new->source && new->text && (new->id || !new->len);
}

static bool read_secrets(bool is_file, const struct option_row *row, cfg_t *sec, struct secrets *out)
{
	struct secret_text one;
	bool ok = true, was_read;

	if (reader_secrets() == CONF_SECRETS_NONE)
		return true;
	for (unsigned i = 0; ok && i < cfg_size(sec, row->name); i++) {
		was_read = read_secret(is_file, sec, cfg_getnstr(sec, row->name, i), &one);
		ok = (was_read || reader_secrets() == CONF_SECRETS_THERE) &&
			append_secret(out, is_file ? "file" : "env", buf_str(&one.place), was_read ? buf_str(&one.text) : "");
		clear_secret(&one);
	}
	return ok;
}

static bool check_secret_file(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	(void)row;
	return check_secret(true, sec, text, why);
}

static bool check_secret_env(const struct option_row *row, cfg_t *sec, const char *text, struct buf *why)
{
	(void)row;
	return check_secret(false, sec, text, why);
}

static bool read_secret_files(const struct option_row *row, cfg_t *sec, void *field)
{
	return read_secrets(true, row, sec, field);
}

static bool read_secret_envs(const struct option_row *row, cfg_t *sec, void *field)
{
	return read_secrets(false, row, sec, field);
}

static void free_secrets(void *field)
{
	struct secrets *s = field;

	for (size_t i = 0; i < s->n; i++) {
		if (s->item[i].text)
			explicit_bzero(s->item[i].text, s->item[i].len);
		free(s->item[i].text);
		free(s->item[i].source);
		key_free(s->item[i].key);
		key_free(s->item[i].other_key);
	}
	free(s->item);
	*s = (struct secrets){0};
}

const struct option_kind secret_file_kind = {"list of files with a secret", CFGT_STR, .list = true, .hidden = true,
	.check = check_secret_file, .read = read_secret_files, .free = free_secrets};
const struct option_kind secret_env_kind = {"list of variables with a secret", CFGT_STR, .list = true, .hidden = true,
	.check = check_secret_env, .read = read_secret_envs, .free = free_secrets};
