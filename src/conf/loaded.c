/* SPDX-License-Identifier: ISC */
/* Fingerprints of the secrets of a loaded configuration. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "conf/loaded.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "conf/kind.h"
#include "conf/sink_type.h"
#include "core/io.h"

static bool add_ids(struct fingerprint *f, const struct secrets *s)
{
	bool all = true;

	for (size_t i = 0; i < s->n; i++) {
		all = all && s->item[i].id;
		fingerprint_add(f, &s->item[i].id, sizeof s->item[i].id);
	}
	fingerprint_add(f, "", 0);
	return all;
}

void loaded_endpoints(const struct conf *c, char out[FINGERPRINT_SIZE])
{
	struct fingerprint *f = fingerprint_new();
	bool all = true;

	for (const struct endpoint *e = c->endpoints; e < c->endpoints + c->n_endpoints; e++)
		all = add_ids(f, &e->secrets) && add_ids(f, &e->authorizations) && add_ids(f, &e->verify_tokens) && all;
	fingerprint_end(f, out);
	if (!all)
		*out = '\0';
}

void loaded_ids(const struct conf *c, char *out, size_t n)
{
	struct buf ids = {0};
	bool ok = true;

	for (const struct endpoint *e = c->endpoints; e < c->endpoints + c->n_endpoints; e++)
		for (size_t i = 0; ok && i < e->secrets.n; i++)
			ok = buf_printf(&ids, "%s%" PRIx64 " ", ids.len ? "" : " ", e->secrets.item[i].id);
	snprintf(out, n, "%s", ok && ids.len < n ? buf_str(&ids) : "");
	buf_free(&ids);
}

static bool add_file(struct fingerprint *f, const char *path)
{
	char why[PATH_MAX + 256];
	struct buf text = {0};
	bool ok = io_read_secret(path, &text, why, sizeof why);
	int64_t id = ok ? fingerprint_secret(text.data, text.len) : 0;

	fingerprint_add(f, &id, sizeof id);
	if (text.data)
		explicit_bzero(text.data, text.cap);
	buf_free(&text);
	return ok;
}

/* The files of a sink's options that name one with a secret. */
static bool add_files(struct fingerprint *f, const struct sink *s)
{
	const char *file;
	bool all = true;

	for (const struct option_row *row = s->type->rows; row->name; row++) {
		for (size_t i = 0; (file = kind_secret_file(row, s->options, i)); i++)
			all = add_file(f, file) && all;
		fingerprint_add(f, "", 0);
	}
	return all;
}

void loaded_sinks(const struct conf *c, char out[FINGERPRINT_SIZE])
{
	struct fingerprint *f = fingerprint_new();
	bool all = true;

	for (const struct sink *s = c->sinks; s < c->sinks + c->n_sinks; s++) {
		fingerprint_add(f, s->name, strlen(s->name));
		all = add_files(f, s) && all;
	}
	fingerprint_end(f, out);
	if (!all)
		*out = '\0';
}
