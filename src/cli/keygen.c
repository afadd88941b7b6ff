/* SPDX-License-Identifier: ISC */
/* hookspool keygen: a new random secret, to standard output or into a file of its own. */
#define _XOPEN_SOURCE 700 /* realpath */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "cli/cli.h"
#include "core/io.h"

enum { KEY_BYTES = 32, KEY_TEXT = 2 * KEY_BYTES + 2 }; /* hex, line feed, NUL */

static const char help[] =
	"Usage: hookspool keygen [FILE]\n"
	"\n"
	"Makes a random secret of 64 hexadecimal digits. Without FILE it is printed; with\n"
	"FILE it goes there, readable by you only. A file that exists is never overwritten.\n"
	"\n"
	"ConnectSafely makes its signing secret itself and shows it once: copy that one into\n"
	"the endpoint's secret-file. A secret of your own is for the Authorization header\n"
	"(authorization-file), and for providers that ask you for one, such as GitHub.\n";

static bool make_key(char out[KEY_TEXT])
{
	unsigned char key[KEY_BYTES];

	if (getrandom(key, sizeof key, 0) != (ssize_t)sizeof key)
		return false;
	for (size_t i = 0; i < sizeof key; i++)
		snprintf(out + 2 * i, 3, "%02x", key[i]);
	memcpy(out + 2 * KEY_BYTES, "\n", 2);
	return true;
}

/* False with errno set; a file that could not be written whole is gone again. */
static bool write_key(const char *file, const char *key)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int error;
	bool ok;

	if (fd < 0)
		return false;
	ok = io_write_all(fd, key, strlen(key)) && fsync(fd) == 0;
	error = errno;
	if (close(fd) != 0 && ok) {
		ok = false;
		error = errno;
	}
	if (!ok)
		unlink(file);
	errno = error;
	return ok;
}

static int to_stdout(const char *key)
{
	fputs(key, stdout);
	if (isatty(STDOUT_FILENO))
		fputs("Put it in a file of mode 0600, and that file's name in the endpoint's secret-file or\n"
		      "authorization-file; give the sender the same text. \"hookspool keygen FILE\" makes the file.\n",
			stderr);
	return CLI_OK;
}

static int to_file(const char *file, const char *key)
{
	char path[PATH_MAX];

	if (!write_key(file, key)) {
		if (errno == EEXIST)
			cli_error("%s: exists, and a secret is never overwritten; choose another name", file);
		else
			cli_error("%s: %s", file, strerror(errno));
		return CLI_NO;
	}
	if (realpath(file, path))
		file = path; /* in the configuration a relative one would start elsewhere */
	printf("%s: written, readable by its owner only.\n"
	       "1. Let the receiver read it:  chown USER %s  (the user that runs hookspool.fcgi)\n"
	       "2. In the endpoint:           secret-file = {\"%s\"}\n"
	       "   or, for the Authorization header the sender is to send:  authorization-file = {\"%s\"}\n"
	       "3. Give the sender the text in it, then test:  hookspool send URL\n",
		file, file, file, file);
	return CLI_OK;
}

int cli_keygen(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	char key[KEY_TEXT];
	int c;

	(void)cli;
	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c != 'h')
			return cli_usage("keygen", "unknown option %s", argv[optind - 1]);
		fputs(help, stdout);
		return CLI_OK;
	}
	if (argc - optind > 1)
		return cli_usage("keygen", "one FILE at most");
	if (!make_key(key)) {
		cli_error("no random bytes: %s", strerror(errno));
		return CLI_TEMPFAIL;
	}
	return optind < argc ? to_file(argv[optind], key) : to_stdout(key);
}
