/* SPDX-License-Identifier: ISC */
/* Access to the page: closed, unless the web server has authenticated a user or the configuration opens it. */
#include "page/access.h"

#include <stdatomic.h>
#include <string.h>

/*
 * nginx takes $remote_user from the client's Authorization header, also where no auth_basic checks it. A request that comes without
 * a user tells that nothing does.
 */
static void warn_once(const struct page_call *c)
{
	static atomic_bool warned;
	const char *software = request_variable(c->http, "SERVER_SOFTWARE");

	if (software && strncmp(software, "nginx", 5) == 0 && !atomic_exchange(&warned, true))
		log_message(LOG_LEVEL_WARNING, "page: a request came without a user; nginx lets clients choose REMOTE_USER where no auth_basic "
			"or auth_request stands: add one to the page's location");
}

bool access_allowed(struct page_call *c)
{
	const char *user = request_variable(c->http, "REMOTE_USER"), *verified = request_variable(c->http, "SSL_CLIENT_VERIFY");
	const char *subject = request_variable(c->http, "SSL_CLIENT_S_DN");

	c->user = user && *user ? user : "";
	if (*c->user)
		return true;
	if (verified && strcmp(verified, "SUCCESS") == 0) { /* nginx's and mod_ssl's word; "GENEROUS" is a certificate that was not checked */
		c->user = subject && *subject ? subject : "certificate";
		return true;
	}
	if (c->conf->page_access == PAGE_OPEN)
		return true;
	warn_once(c);
	return false;
}

void access_refuse(struct page_call *c)
{
	c->status = 403;
	c->type = "text/html; charset=utf-8";
	buf_add_text(&c->body, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>hookspool: closed</title>\n"
		"<h1>This page is closed</h1>\n"
		"<p>The web server has named no user. The page opens when one of these is true:</p>\n"
		"<ul>\n"
		"<li>the web server authenticates users here, and passes <code>REMOTE_USER</code>:\n"
		"in nginx <code>auth_basic</code>, in Apache <code>AuthType Basic</code> with <code>Require valid-user</code>;</li>\n"
		"<li>it verifies a client certificate, and passes <code>SSL_CLIENT_VERIFY</code>;</li>\n"
		"<li>the configuration says <code>page-access = \"open\"</code>: then every client that reaches this URL reads the events.</li>\n"
		"</ul>\n"
		"<p>See hookspool-page.fcgi(8), and the examples in conf-examples/page.</p>\n</html>\n");
}
