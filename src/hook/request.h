/* SPDX-License-Identifier: ISC */
/*
 * One delivery as it arrived: CGI variables (RFC 3875 section 4.1) and a body that is still to be
 * read. FastCGI, CGI and the tests make one; hook/handle.c sees nothing else of the outside.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

enum read_result { READ_DATA, READ_END, READ_TIMEOUT, READ_BROKEN };

/* Reads up to n bytes of the body. Sets *got with READ_DATA. It is not called again after another result. */
typedef enum read_result body_reader(void *ctx, char *p, size_t n, size_t *got);

/* The strings borrow from envp, which must outlive the request; the request owns body. */
struct request {
	char *const *envp;
	char *const *headers; /* in envp: no header stands before it */
	body_reader *read;
	void *read_ctx;

	const char *method;
	const char *content_type; /* "" when absent, like the next ones */
	const char *query;
	const char *authorization; /* NULL when absent */
	const char *coding;        /* that the body is packed with (RFC 9110 section 8.4), by the header, which nothing signs; NULL: none */
	char remote_addr[64];      /* "" when absent; own storage, because it is logged after the answer */
	char path[1024];           /* SCRIPT_NAME PATH_INFO, or REQUEST_URI's path; "" when longer */
	bool length_known;
	size_t length;    /* CONTENT_LENGTH when known */
	bool length_wrong; /* CONTENT_LENGTH is there and isn't a number */

	struct buf body;
	bool at_end; /* the body was read to its end */
};

/* Fills a request from its variables. Keeps the body buffer's memory for reuse. */
void request_init(struct request *r, char *const *envp, body_reader *read, void *ctx);

/* The media types that are read. */
#define REQUEST_JSON "application/json"
#define REQUEST_FORM "application/x-www-form-urlencoded"
#define REQUEST_MULTIPART "multipart/form-data"

/* The value of a CGI variable, or NULL. The first one counts where a name is there twice. */
const char *request_variable(const struct request *r, const char *name);

/* The value of a CGI variable, "NAME=value", that is this header (RFC 3875 section 4.1.18), or NULL. */
const char *request_header_value(const char *variable, const char *name);

enum header_result { HEADER_ABSENT, HEADER_ONE, HEADER_MANY };

/*
 * The value of a header, by its name in either case. MANY when nginx passed it twice, as two variables; Apache
 * joins the two values with a comma.
 */
enum header_result request_header(const struct request *r, const char *name, const char **value);

/* True when the body has that media type, without parameters: case-insensitive (RFC 9110 section 8.3.1). */
bool request_is(const struct request *r, const char *media_type);

/* True for application/json, text/json, and each type that ends in +json (RFC 6839 section 3.1). */
bool request_is_json(const struct request *r);

enum body_result { BODY_OK, BODY_SHORT, BODY_TOO_LARGE, BODY_TIMEOUT, BODY_NO_MEMORY };

/* Reads the body to its end into r->body. OK only when it ended cleanly and is as long as CONTENT_LENGTH says. */
enum body_result request_read_body(struct request *r, size_t max);

#endif
