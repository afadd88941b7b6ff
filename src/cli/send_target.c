/* SPDX-License-Identifier: ISC */
/* The URL that hookspool send delivers to, and the endpoint that it delivers as. */
#include "cli/send_target.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "cli/cli.h"

/* All endpoints' paths, for a message. */
static int usage_choices(const struct conf *conf, const char *what, const char *name, const char *fix)
{
	struct buf list = {0};
	int status;

	for (size_t i = 0; i < conf->n_endpoints; i++)
		buf_printf(&list, "%s%s", i ? ", " : "", conf->endpoints[i].path);
	if (conf->n_endpoints == 0)
		status = cli_usage("send", "%s has no endpoint; add one", conf->file);
	else
		status = cli_usage("send", "%s%s%s; there are %s", what, name, fix, buf_str(&list));
	buf_free(&list);
	return status;
}

static int choose_endpoint(struct send_target *t, const struct conf *conf, const char *named, const char *path)
{
	t->endpoint = conf_endpoint(conf, named ? named : path);
	if (!t->endpoint && named)
		return usage_choices(conf, "no endpoint is called ", named, "");
	if (!t->endpoint && conf->n_endpoints == 1)
		t->endpoint = conf->endpoints;
	if (!t->endpoint)
		return usage_choices(conf, "no endpoint has the URL's path ", path, "; choose one with --endpoint");
	return CLI_OK;
}

static bool is_local_host(const char *host)
{
	size_t n = strlen(host);

	return strcasecmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "[::1]") == 0 ||
		(n > 10 && strcasecmp(host + n - 10, ".localhost") == 0);
}

/* Reads the parts of the URL. curl_free() frees the strings. */
static int parse_target(CURLU *u, const char *url, char **host, char **path)
{
	char *scheme = NULL;
	bool http;

	if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK)
		return cli_usage("send", "\"%s\" is not a whole URL; write it as https://host/path", url);
	http = curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		(strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0);
	curl_free(scheme);
	if (!http)
		return cli_usage("send", "\"%s\": only http:// and https:// can be sent to", url);
	if (curl_url_get(u, CURLUPART_HOST, host, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_PATH, path, CURLU_URLDECODE) != CURLUE_OK)
		return cli_usage("send", "\"%s\": its host or path can't be read", url);
	return CLI_OK;
}

/* The whole URL, then its two parts. */
static bool take_url(struct send_target *t, CURLU *u)
{
	CURLUcode query;

	if (curl_url_get(u, CURLUPART_URL, &t->url, 0) != CURLUE_OK)
		return false;
	query = curl_url_get(u, CURLUPART_QUERY, &t->query, 0);
	return (query == CURLUE_OK || query == CURLUE_NO_QUERY) && curl_url_set(u, CURLUPART_QUERY, NULL, 0) == CURLUE_OK &&
		curl_url_get(u, CURLUPART_URL, &t->base, 0) == CURLUE_OK;
}

static int find_endpoint(struct send_target *t, CURLU *u, const struct conf *conf, const char *url, const char *named)
{
	char *host = NULL, *path = NULL;
	int status = parse_target(u, url, &host, &path);

	if (status == CLI_OK) {
		t->local = is_local_host(host);
		status = choose_endpoint(t, conf, named, path);
	}
	if (status == CLI_OK && strcmp(path, "/") == 0 &&
	    curl_url_set(u, CURLUPART_PATH, t->endpoint->path, CURLU_URLENCODE) != CURLUE_OK)
		status = cli_usage("send", "the endpoint's path %s doesn't fit into a URL", t->endpoint->path);
	if (status == CLI_OK && !take_url(t, u))
		status = cli_usage("send", "\"%s\" is no valid URL", url);
	curl_free(host);
	curl_free(path);
	return status;
}

int send_target_find(struct send_target *t, const struct conf *conf, const char *url, const char *named)
{
	CURLU *u = curl_url();
	int status = CLI_TEMPFAIL;

	*t = (struct send_target){0};
	if (u)
		status = find_endpoint(t, u, conf, url, named);
	else
		cli_error("memory is short");
	curl_url_cleanup(u);
	return status;
}

void send_target_free(struct send_target *t)
{
	curl_free(t->url);
	curl_free(t->base);
	curl_free(t->query);
	*t = (struct send_target){0};
}
