/* SPDX-License-Identifier: ISC */
/* hookspool init: web servers as data. The files of conf-examples explain each line. */
#include <string.h>

#include "cli/init.h"
#include "core/program.h"

/* The part for a site that is there; `in` is what its lines begin with. */
#define NGINX(in) \
	in "location = @PATH@ {\n" \
	in "\tclient_max_body_size 1m;\n" \
	in "\tclient_body_buffer_size 128k;\n" \
	"\n" \
	in "\tinclude /etc/nginx/fastcgi_params;\n" \
	in "\tfastcgi_pass unix:@SOCKET@;\n" \
	in "}\n"

/* As in conf-examples/page: REMOTE_USER comes behind the include, so that no client names the user. Health is for all. */
#define NGINX_PAGE \
	"\n" \
	"location /hookspool/ {\n" \
	"\tauth_basic \"hookspool\";\n" \
	"\tauth_basic_user_file @USERS@;\n" \
	"\n" \
	"\tinclude /etc/nginx/fastcgi_params;\n" \
	"\tfastcgi_param REMOTE_USER $remote_user;\n" \
	"\tfastcgi_pass unix:@PAGE_SOCKET@;\n" \
	"}\n" \
	"\n" \
	"location ~ ^/hookspool/(health|ready)$ {\n" \
	"\tfastcgi_param REMOTE_USER \"\";\n" \
	"\tinclude /etc/nginx/fastcgi_params;\n" \
	"\tfastcgi_pass unix:@PAGE_SOCKET@;\n" \
	"}\n"

#define APACHE_PAGE \
	"<Location \"/hookspool/\">\n" \
	"\tProxyPass \"unix:@PAGE_SOCKET@|fcgi://hookspool-page/\"\n" \
	"\tAuthType Basic\n" \
	"\tAuthName \"hookspool\"\n" \
	"\tAuthUserFile \"@USERS@\"\n" \
	"\tRequire valid-user\n" \
	"</Location>\n" \
	"<LocationMatch \"^/hookspool/(health|ready)$\">\n" \
	"\tRequire all granted\n" \
	"</LocationMatch>\n"

#define APACHE(in) \
	in "<Location \"@PATH@\">\n" \
	in "\tProxyPass \"unix:@SOCKET@|fcgi://hookspool@PATH@\"\n" \
	in "\tCGIPassAuth On\n" \
	in "\tRequire all granted\n" \
	in "</Location>\n"

#define CADDY(in) \
	in "handle @PATH@ {\n" \
	in "\trequest_body {\n" \
	in "\t\tmax_size 1MiB\n" \
	in "\t}\n" \
	in "\treverse_proxy unix/@SOCKET@ {\n" \
	in "\t\ttransport fastcgi\n" \
	in "\t}\n" \
	in "}\n"

#define LIGHTTPD(in) \
	in "server.max-request-size = 1024\n" \
	in "fastcgi.server = (\n" \
	in "\t\"@PATH@\" => ((\n" \
	in "\t\t\"socket\" => \"@SOCKET@\",\n" \
	in "\t\t\"check-local\" => \"disable\"\n" \
	in "\t))\n" \
	in ")\n"

static const char *const test_nginx[] = {"nginx", "-t", "-q", NULL};
static const char *const test_apache[] = {"apache2ctl", "configtest", NULL};
static const char *const test_caddy[] = {"caddy", "validate", "--adapter", "caddyfile", "--config", "@FILE@", NULL};
static const char *const test_lighttpd[] = {"lighttpd", "-tt", "-f", "/etc/lighttpd/lighttpd.conf", NULL};
static const char *const test_haproxy[] = {"haproxy", "-c", "-q", "-f", "@FILE@", NULL};

static const struct init_web webs[] = {
	{
		.name = "nginx", .program = "nginx", .file = "/etc/nginx/conf.d/hookspool.conf", .below = "/etc/nginx/", .test = test_nginx,
		.site = "server {\n\tlisten @PORT@;\n\tserver_name @HOST@;\n\n" NGINX("\t") "\t@PAGE@\n\tlocation / {\n\t\treturn 404;\n\t}\n}\n",
		.snippet = NGINX("") "@PAGE@",
		.page = NGINX_PAGE,
		.next = "nginx -t && nginx -s reload",
		.next_elsewhere = "Inside http { } of nginx.conf write \"include @FILE@;\", then: nginx -t && nginx -s reload",
		.next_snippet = "Inside the server block of @HOST@ write \"include @FILE@;\", then: nginx -t && nginx -s reload",
		.certificate = "certbot --nginx -d @HOST@",
	},
	{
		.name = "apache", .program = "apache2", .file = "/etc/apache2/sites-available/hookspool.conf", .below = "/etc/apache2/",
		.test = test_apache,
		.site = "@LISTEN@<VirtualHost *:@PORT@>\n\tServerName @HOST@\n" APACHE("\t") "\t@PAGE@</VirtualHost>\n",
		.snippet = APACHE("") "@PAGE@",
		.page = APACHE_PAGE,
		.next = "a2enmod proxy_fcgi && a2ensite hookspool && apache2ctl graceful",
		.next_elsewhere = "In apache2.conf write \"Include @FILE@\", then: a2enmod proxy_fcgi && apache2ctl graceful",
		.next_snippet = "Inside the VirtualHost of @HOST@ write \"Include @FILE@\", then: a2enmod proxy_fcgi && apache2ctl graceful",
		.certificate = "certbot --apache -d @HOST@",
	},
	{
		.name = "caddy", .program = "caddy", .file = "/etc/caddy/hookspool.caddy", .below = "/", .test = test_caddy,
		.site = "@ADDRESS@ {\n" CADDY("\t") "}\n",
		.snippet = CADDY(""),
		.next = "In the Caddyfile write \"import @FILE@\", let Caddy use the socket, \"usermod -aG www-data caddy\", then: systemctl restart caddy",
		.next_snippet = "Inside the block of @HOST@ in the Caddyfile write \"import @FILE@\", let Caddy use the socket, "
			"\"usermod -aG www-data caddy\", then: systemctl restart caddy",
	},
	{
		.name = "lighttpd", .program = "lighttpd", .file = "/etc/lighttpd/conf-available/50-hookspool.conf", .below = "/etc/lighttpd/",
		.test = test_lighttpd,
		.site = "server.modules += ( \"mod_fastcgi\" )\n$HTTP[\"host\"] =~ \"^@HOST@(:[0-9]+)?$\" {\n" LIGHTTPD("\t") "}\n",
		.snippet = LIGHTTPD(""),
		.next = "lighty-enable-mod hookspool && systemctl reload lighttpd",
		.next_elsewhere = "In lighttpd.conf write \"include \"@FILE@\"\", then: systemctl reload lighttpd",
		.next_snippet = "Inside the condition of @HOST@ write \"include \"@FILE@\"\", with mod_fastcgi in server.modules, then: systemctl reload lighttpd",
		.certificate = "certbot certonly --webroot -d @HOST@",
	},
	{
		.name = "haproxy", .program = "haproxy", .file = "/etc/haproxy/hookspool.cfg", .below = "/", .test = test_haproxy,
		.site = "fcgi-app hookspool\n\tdocroot /\n\tpass-header authorization\n\n"
			"backend hookspool\n\tmode http\n\ttimeout connect 5s\n\ttimeout server 15s\n\tuse-fcgi-app hookspool\n"
			"\tserver hookspool @SOCKET@ proto fcgi\n\n"
			"frontend hookspool\n\tmode http\n\tbind :@PORT@\n\ttimeout client 15s\n\toption http-buffer-request\n"
			"\thttp-request deny deny_status 404 unless { path @PATH@ }\n\tdefault_backend hookspool\n",
		.next = "Add \"-f @FILE@\" to EXTRAOPTS in /etc/default/haproxy, take chroot out of haproxy.cfg or put the socket below it, let HAProxy use "
			"the socket, \"usermod -aG www-data haproxy\", then: systemctl restart haproxy",
	},
};

const struct init_web *init_web_at(size_t i)
{
	return i < sizeof webs / sizeof *webs ? &webs[i] : NULL;
}

const struct init_web *init_web_find(const char *name)
{
	for (size_t i = 0; i < sizeof webs / sizeof *webs; i++)
		if (strcmp(webs[i].name, name) == 0)
			return &webs[i];
	return NULL;
}

const struct init_web *init_web_here(void)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof webs / sizeof *webs; i++)
		if (program_find(webs[i].program, path, sizeof path))
			return &webs[i];
	return NULL;
}

/* Appends the page's part; its lines are as far in as the word. */
static bool add_page(const struct init *i, struct buf *out)
{
	bool inside = out->len && out->data[out->len - 1] == '\t', ok = true;
	struct buf lines = {0};

	out->len -= inside;
	for (const char *line = i->o->page ? i->web->page : "", *end; ok && *line; line = end) {
		end = strchr(line, '\n') + 1;
		ok = (!inside || *line == '\n' || buf_add(&lines, "\t", 1)) && buf_add(&lines, line, (size_t)(end - line));
	}
	ok = ok && init_web_text(i, buf_str(&lines), out);
	buf_free(&lines);
	return ok;
}

/* Appends the value of the word that *text begins with, and moves behind it. False: it begins with none. */
static bool add_web_word(const struct init *i, const char **text, struct buf *out)
{
	static const char *const words[] = {"@HOST@", "@PORT@", "@PATH@", "@SOCKET@", "@FILE@", "@LISTEN@", "@USERS@", "@PAGE_SOCKET@", "@PAGE@", "@ADDRESS@"};
	unsigned port = i->url.tls ? 80 : i->url.port; /* where certbot adds TLS */
	size_t w = 0;

	while (w < sizeof words / sizeof *words && strncmp(*text, words[w], strlen(words[w])) != 0)
		w++;
	if (w == sizeof words / sizeof *words)
		return false;
	*text += strlen(words[w]);
	switch (w) {
	case 0: return buf_add_text(out, i->url.host);
	case 1: return buf_printf(out, "%u", port);
	case 2: return buf_add_text(out, i->url.path);
	case 3: return buf_add_text(out, i->socket);
	case 4: return buf_add_text(out, i->web_file);
	case 5: return port == 80 || buf_printf(out, "Listen %u\n", port);
	case 6: return buf_add_text(out, i->page_users);
	case 7: return buf_add_text(out, i->page_socket);
	case 8: return add_page(i, out);
	default: /* Caddy gets a certificate for a name without http:// */
		return i->url.tls ? buf_printf(out, "%s:%u", i->url.host, i->url.port) : buf_printf(out, "http://%s:%u", i->url.host, i->url.port);
	}
}

bool init_web_text(const struct init *i, const char *text, struct buf *out)
{
	bool ok = true;

	while (ok && *text) {
		if (*text == '@' && add_web_word(i, &text, out))
			continue;
		ok = buf_add(out, text++, 1);
	}
	return ok;
}
