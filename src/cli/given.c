/* SPDX-License-Identifier: ISC */
/* A delivery that is given on the command line, as verify and identify take it: its headers, its query, and a secret. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "cli/given.h"

#include <limits.h>
#include <string.h>

#include "cli/cli.h"
#include "core/io.h"

enum { GIVEN_HEADERS_MAX = 64 << 10 };

int given_read(struct given *g, const char *command)
{
	char why[PATH_MAX + 128];

	if (g->header_file && (!cli_read(g->header_file, &g->headers, GIVEN_HEADERS_MAX) || !buf_printf(&g->headers, "\n")))
		return CLI_USAGE;
	if (g->query && !buf_printf(&g->headers, ":query: %s\n", g->query))
		return CLI_TEMPFAIL;
	if (g->secret_file && !io_read_secret(g->secret_file, &g->secret, why, sizeof why))
		return cli_usage(command, "--secret-file: %s", why);
	return CLI_OK;
}

void given_free(struct given *g)
{
	if (g->secret.data)
		explicit_bzero(g->secret.data, g->secret.cap);
	buf_free(&g->secret);
}
