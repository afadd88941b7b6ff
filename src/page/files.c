/* SPDX-License-Identifier: ISC */
/* The page's own files, share/page: HTML, CSS and JavaScript, read once into memory. */
#include "page/files.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "core/encode.h"
#include "core/io.h"

enum { ETAG_BYTES = 12, NAME_MAX_SIZE = 64 };

struct file {
	char name[NAME_MAX_SIZE];
	struct buf plain, packed; /* packed: empty where it was not made */
	char etag[2 * ETAG_BYTES + 3];
};

struct files {
	struct file file[FILES_MAX + 1]; /* the last is index.html for /event/ID */
	size_t n;
};

static const char index_below[] = "/index"; /* no file's name */

static const char *type_of_file(const char *name)
{
	static const char *const types[][2] = {{".html", "text/html; charset=utf-8"}, {".css", "text/css; charset=utf-8"},
		{".js", "text/javascript; charset=utf-8"}, {".mjs", "text/javascript; charset=utf-8"}, {".svg", "image/svg+xml"},
		{".png", "image/png"}, {".ico", "image/x-icon"}, {".json", "application/json"}, {".webmanifest", "application/manifest+json"}};
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
		if (strcmp(types[i][0], dot) == 0)
			return types[i][1];
	return "text/plain; charset=utf-8";
}

static bool is_file_name(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

	return *name && *name != '.' && strlen(name) < NAME_MAX_SIZE && strspn(name, allowed) == strlen(name);
}

static bool pack_file(struct file *f)
{
	z_stream z = {0};
	bool ok = deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK; /* 16: with gzip's head */
	size_t most = ok ? deflateBound(&z, f->plain.len) : 0;

	if (!ok)
		return false;
	ok = buf_reserve(&f->packed, most);
	z.next_in = (unsigned char *)f->plain.data;
	z.avail_in = (unsigned)f->plain.len;
	z.next_out = (unsigned char *)f->packed.data;
	z.avail_out = (unsigned)most;
	ok = ok && deflate(&z, Z_FINISH) == Z_STREAM_END;
	f->packed.len = ok ? z.total_out : 0;
	deflateEnd(&z);
	return ok;
}

static bool name_version(struct file *f)
{
	unsigned char hash[EVP_MAX_MD_SIZE];

	if (!EVP_Digest(f->plain.data ? f->plain.data : "", f->plain.len, hash, NULL, EVP_sha256(), NULL))
		return false;
	f->etag[0] = '"';
	encode(ENCODING_HEX, hash, ETAG_BYTES, f->etag + 1);
	strcat(f->etag, "\"");
	return true;
}

/* Replaces @ROOT@ in the text. */
static bool set_root(const struct buf *text, const char *root, struct buf *out)
{
	static const char mark[] = "@ROOT@";
	size_t n = sizeof mark - 1, at = 0;

	while (at < text->len) {
		if (text->len - at >= n && memcmp(text->data + at, mark, n) == 0) {
			if (!buf_add_text(out, root))
				return false;
			at += n;
		} else if (!buf_add(out, text->data + at++, 1)) {
			return false;
		}
	}
	return true;
}

/* index.html is two files: below event/ its URLs begin with another root. */
static bool add_index(struct files *f, struct file *first)
{
	struct buf text = first->plain;
	struct file *below = &f->file[f->n++];
	bool ok;

	snprintf(below->name, sizeof below->name, "%s", index_below);
	first->plain = (struct buf){0};
	ok = set_root(&text, "./", &first->plain) && set_root(&text, "../", &below->plain);
	buf_free(&text);
	return ok;
}

static bool read_file(struct files *f, const char *dir, const char *name, char *why, size_t why_size)
{
	struct file *new = &f->file[f->n];
	char path[PATH_MAX];
	struct stat st;

	if (!is_file_name(name))
		return true;
	snprintf(path, sizeof path, "%s/%s", dir, name);
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return true;
	if (f->n >= FILES_MAX - 1) {
		snprintf(why, why_size, "%s: more than %d files", dir, FILES_MAX - 1);
		return false;
	}
	if (!io_read_regular(path, FILES_SIZE_MAX, &new->plain, &st, why, why_size))
		return false;
	snprintf(new->name, sizeof new->name, "%s", name);
	f->n++;
	return strcmp(name, "index.html") != 0 || add_index(f, new);
}

static const struct file *find_file(const struct files *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->file[i].name, name) == 0)
			return &f->file[i];
	return NULL;
}

struct files *files_new(const char *dir, bool pack, char *why, size_t why_size)
{
	struct files *f = calloc(1, sizeof *f);
	DIR *d = opendir(dir);
	struct dirent *entry;
	bool ok = f && d;

	if (!ok)
		snprintf(why, why_size, "%s: %s", dir, strerror(f ? errno : ENOMEM));
	while (ok && (entry = readdir(d)))
		ok = read_file(f, dir, entry->d_name, why, why_size);
	if (d)
		closedir(d);
	if (ok && !find_file(f, "index.html")) {
		snprintf(why, why_size, "%s: there is no index.html", dir);
		ok = false;
	}
	for (size_t i = 0; ok && i < f->n; i++)
		ok = name_version(&f->file[i]) && (!pack || pack_file(&f->file[i]));
	if (ok)
		return f;
	files_free(f);
	return NULL;
}

void files_free(struct files *f)
{
	for (size_t i = 0; f && i < f->n; i++) {
		buf_free(&f->file[i].plain);
		buf_free(&f->file[i].packed);
	}
	free(f);
}

/* The file may be kept, but is asked for again each time: an upgrade is seen at once. */
static void answer_file(struct page_call *c, const char *name, bool may_keep)
{
	const struct file *f = find_file(c->page->files, name);
	const char *known, *coding;
	bool packed;

	if (!f) {
		page_error(c, 404, "the page has no such file");
		return;
	}
	packed = f->packed.len && request_header(c->http, "Accept-Encoding", &coding) == HEADER_ONE && strstr(coding, "gzip");
	c->type = type_of_file(f == find_file(c->page->files, index_below) ? "index.html" : name);
	if (may_keep) {
		c->cache = "private, no-cache";
		buf_printf(&c->headers, "ETag: %s\r\nVary: Accept-Encoding\r\n", f->etag);
		if (request_header(c->http, "If-None-Match", &known) == HEADER_ONE && strstr(known, f->etag)) {
			c->status = 304;
			return;
		}
	}
	if (packed)
		buf_add_text(&c->headers, "Content-Encoding: gzip\r\n");
	if (!buf_add(&c->body, packed ? f->packed.data : f->plain.data, packed ? f->packed.len : f->plain.len))
		page_error(c, 503, "memory is short");
}

void files_index(struct page_call *c)
{
	answer_file(c, strcmp(c->root, "./") == 0 ? "index.html" : index_below, false);
}

void files_static(struct page_call *c)
{
	answer_file(c, c->tail, true);
}
