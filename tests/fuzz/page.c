/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: a request to the page, "METHOD PATH?QUERY", and behind a line feed the body of an action. The page is open, and the
 * token is right, so that each URL answers.
 *
 * What is said to be JSON is JSON, and no byte of the request ends the header early.
 */
#define _GNU_SOURCE /* memmem */
#include "fuzz.h"
#include "home.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/paths.h"
#include "page/files.h"
#include "page/page.h"
#include "page/token.h"
#include "page/vault.h"

static struct page page = {.mutex = PTHREAD_MUTEX_INITIALIZER, .freed = PTHREAD_COND_INITIALIZER, .cgi = true};
static char token[64 + TOKEN_TEXT];

static void set_up(void)
{
	char files[64], index[64], why[512];

	if (page.conf)
		return;
	assert(page_conf_set(&page, home_make("page-access = \"open\"\npage-actions = true\n", CONF_SECRETS_NONE)));
	snprintf(files, sizeof files, "%s/page", home_dir);
	assert(mkdir(files, 0700) == 0);
	fclose(home_file("page/index.html", index));
	page.vault = vault_new(page.conf->conf, true); /* it begins with the first question, which no input should ask */
	memcpy(token, "HTTP_X_HOOKSPOOL_TOKEN=", 23);
	page.files = files_new(files, false, why, sizeof why);
	assert(page.vault && page.files && token_make(page.conf->conf, "", token + 23));
}

struct body {
	const char *p;
	size_t n;
};

static enum read_result read_body(void *ctx, char *p, size_t n, size_t *got)
{
	struct body *b = ctx;

	*got = n < b->n ? n : b->n;
	memcpy(p, b->p, *got);
	b->p += *got;
	b->n -= *got;
	return *got ? READ_DATA : READ_END;
}

/* What the process with the secrets answers is not tried here. */
static bool asks_vault(const char *path, struct body body)
{
	return strstr(path, "secrets.json") || memmem(body.p, body.n, "accept", 6);
}

/* A request that waits for news would wait for the whole of its time. */
static bool waits(const char *query)
{
	struct form f = {0};
	bool found = form_parse(&f, query, strlen(query)) == FORM_OK && form_value(&f, "wait").n;

	form_free(&f);
	return found;
}

static void check_answer(const struct page_call *c)
{
	struct buf out = {0}, arena = {0};
	const char *end, *reason;

	assert(page_print(c, &out));
	end = memmem(out.data, out.len, "\r\n\r\n", 4);
	assert(end && c->status >= 200 && c->status < 600);
	assert(strcmp(c->http->method, "HEAD") == 0 || (size_t)(out.data + out.len - (end + 4)) == c->body.len);
	for (const char *p = out.data; p < end; p++)
		assert((unsigned char)*p >= ' ' || *p == '\r' || *p == '\n');
	if (c->type && strcmp(c->type, "application/json") == 0)
		assert(paths_find(c->body.data, c->body.len, NULL, 0, &arena, &reason) == PATHS_OK);
	buf_free(&arena);
	buf_free(&out);
}

static void serve(char *method, char *path, char *query, struct body body)
{
	char variables[3][32 * 1024], length[48];
	static char script[] = "SCRIPT_NAME=/hook", host[] = "HTTP_HOST=page.example", origin[] = "HTTP_ORIGIN=https://page.example",
		type[] = "CONTENT_TYPE=application/json", remote[] = "REMOTE_ADDR=192.0.2.1";
	char *const envp[] = {variables[0], variables[1], variables[2], token, length, script, host, origin, type, remote, NULL};
	struct request r = {0};
	struct page_call c;

	snprintf(variables[0], sizeof variables[0], "REQUEST_METHOD=%s", method);
	snprintf(variables[1], sizeof variables[1], "PATH_INFO=%s", path);
	snprintf(variables[2], sizeof variables[2], "QUERY_STRING=%s", query);
	snprintf(length, sizeof length, "CONTENT_LENGTH=%zu", body.n);
	request_init(&r, envp, read_body, &body);
	page_serve(&page, page.conf, &r, &c);
	check_answer(&c);
	page_call_free(&c);
	buf_free(&r.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text, *path, *query, *end;
	struct body body;

	if (!size || size > 30 * 1024)
		return 0;
	set_up();
	text = calloc(size + 1, 1);
	assert(text);
	memcpy(text, data, size);
	end = memchr(text, '\n', size);
	if (end)
		*end = '\0';
	path = strchr(text, ' ');
	if (path) {
		*path++ = '\0';
		query = path + strcspn(path, "?");
		if (*query)
			*query++ = '\0';
		body = end ? (struct body){end + 1, size - (size_t)(end + 1 - text)} : (struct body){"", 0};
		if (!waits(query) && !asks_vault(path, body))
			serve(text, path, query, body);
	}
	free(text);
	return 0;
}
