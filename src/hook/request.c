/* SPDX-License-Identifier: ISC */
/* One delivery as it arrived: CGI variables and a body that is still to be read. */
#include "hook/request.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "core/unpack.h"

enum { READ_SIZE = 16384 };

const char *request_variable(const struct request *r, const char *name)
{
	size_t n = strlen(name);

	for (char *const *v = r->envp; *v; v++)
		if (**v == *name && strncmp(*v, name, n) == 0 && (*v)[n] == '=')
			return *v + n + 1;
	return NULL;
}

static const char header_prefix[] = "HTTP_";

static bool is_header_variable(const char *variable)
{
	return *variable == *header_prefix && strncmp(variable, header_prefix, sizeof header_prefix - 1) == 0;
}

const char *request_header_value(const char *variable, const char *name)
{
	const char *p = variable + sizeof header_prefix - 1;

	if (!is_header_variable(variable))
		return NULL;
	for (; *name; name++, p++)
		if (*p != (*name == '-' ? '_' : toupper((unsigned char)*name)))
			return NULL;
	return *p == '=' ? p + 1 : NULL;
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static void set_path(struct request *r)
{
	const char *script = or_empty(request_variable(r, "SCRIPT_NAME")), *info = or_empty(request_variable(r, "PATH_INFO"));
	size_t n = strlen(script), more = strlen(info);

	if (n + more == 0) {
		script = or_empty(request_variable(r, "REQUEST_URI"));
		n = strcspn(script, "?");
	}
	if (n + more >= sizeof r->path)
		n = more = 0;
	memcpy(r->path, script, n);
	memcpy(r->path + n, info, more);
	r->path[n + more] = '\0';
}

static void set_remote_addr(struct request *r)
{
	const char *address = or_empty(request_variable(r, "REMOTE_ADDR"));
	size_t n = strnlen(address, sizeof r->remote_addr - 1);

	memcpy(r->remote_addr, address, n);
	r->remote_addr[n] = '\0';
}

/* The coding that has to be undone; NULL: none. */
static const char *find_coding(const struct request *r)
{
	const char *value;

	switch (request_header(r, "Content-Encoding", &value)) {
	case HEADER_ABSENT:
		return NULL;
	case HEADER_MANY:
		return "several codings";
	case HEADER_ONE:
		break;
	}
	return unpack_is_coding(value) ? value : NULL;
}

/* Of a chunked body the length is unknown: nginx passes it empty, Apache not at all, Caddy as -1. */
static void set_length(struct request *r)
{
	const char *s = or_empty(request_variable(r, "CONTENT_LENGTH"));

	if (strcmp(s, "-1") == 0)
		s = "";
	r->length_known = *s != '\0';
	r->length = 0;
	r->length_wrong = false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || r->length > SIZE_MAX / 16)
			r->length_wrong = true;
		else
			r->length = r->length * 10 + (size_t)(*s - '0');
	}
}

void request_init(struct request *r, char *const *envp, body_reader *read, void *ctx)
{
	r->envp = r->headers = envp;
	while (*r->headers && !is_header_variable(*r->headers))
		r->headers++;
	r->read = read;
	r->read_ctx = ctx;
	r->method = or_empty(request_variable(r, "REQUEST_METHOD"));
	r->content_type = or_empty(request_variable(r, "CONTENT_TYPE"));
	if (strpbrk(r->content_type, "\r\n"))
		r->content_type = ""; /* it is sent on to sinks */
	r->query = or_empty(request_variable(r, "QUERY_STRING"));
	set_remote_addr(r);
	r->authorization = request_variable(r, "HTTP_AUTHORIZATION");
	if (!r->authorization)
		r->authorization = request_variable(r, "REDIRECT_HTTP_AUTHORIZATION"); /* Apache, after an internal redirect */
	r->coding = find_coding(r);
	set_path(r);
	set_length(r);
	r->body.len = 0;
	r->at_end = false;
}

enum header_result request_header(const struct request *r, const char *name, const char **value)
{
	size_t times = 0;
	const char *found;

	for (char *const *v = r->headers; *v; v++) {
		if ((found = request_header_value(*v, name))) {
			*value = found;
			times++;
		}
	}
	if (times == 0 && r->authorization && strcasecmp(name, "Authorization") == 0) {
		*value = r->authorization; /* which Apache may have renamed */
		times++;
	}
	return times == 0 ? HEADER_ABSENT : times == 1 ? HEADER_ONE : HEADER_MANY;
}

bool request_is(const struct request *r, const char *media_type)
{
	size_t n = strcspn(r->content_type, " \t;");

	return n == strlen(media_type) && strncasecmp(r->content_type, media_type, n) == 0;
}

bool request_is_json(const struct request *r)
{
	static const char suffix[] = "+json";
	size_t n = strcspn(r->content_type, " \t;"), k = sizeof suffix - 1;

	return request_is(r, REQUEST_JSON) || request_is(r, "text/json") ||
		(n > k && strncasecmp(r->content_type + n - k, suffix, k) == 0);
}

enum body_result request_read_body(struct request *r, size_t max)
{
	size_t got;

	if (r->length_known && r->length <= max && !buf_reserve(&r->body, r->length + 1))
		return BODY_NO_MEMORY;
	for (;;) {
		size_t want = r->body.cap - r->body.len;

		if (want == 0) {
			if (!buf_reserve(&r->body, READ_SIZE))
				return BODY_NO_MEMORY;
			continue;
		}
		if (want > max + 1 - r->body.len)
			want = max + 1 - r->body.len;
		switch (r->read(r->read_ctx, r->body.data + r->body.len, want, &got)) {
		case READ_DATA:
			r->body.len += got;
			if (r->body.len > max)
				return BODY_TOO_LARGE;
			break;
		case READ_END:
			r->at_end = true;
			return r->length_known && r->body.len != r->length ? BODY_SHORT : BODY_OK;
		case READ_TIMEOUT:
			return BODY_TIMEOUT;
		case READ_BROKEN:
			return BODY_SHORT;
		}
	}
}
