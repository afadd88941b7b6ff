/* SPDX-License-Identifier: ISC */
/* hookspool keygen: a new random secret, to standard output or into a file of its own. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "cli/keygen.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "core/io.h"
#include "core/random.h"

bool keygen_text(char out[KEYGEN_TEXT])
{
	unsigned char key[KEYGEN_BYTES];

	if (!random_bytes(key, sizeof key))
		return false;
	for (size_t i = 0; i < sizeof key; i++)
		snprintf(out + 2 * i, 3, "%02x", key[i]);
	memcpy(out + 2 * KEYGEN_BYTES, "\n", 2);
	return true;
}

/* False with errno set; a file that could not be written whole is removed. */
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
		file = path; /* a relative path in the configuration starts at another directory */
	printf("%s: written, readable by its owner only.\n"
	       "1. Let the receiver read it:  chown USER %s  (the user that runs hookspool.fcgi)\n"
	       "2. In the endpoint:           secret-file = {\"%s\"}\n"
	       "   or, for the Authorization header the sender is to send:  authorization-file = {\"%s\"}\n"
	       "3. Give the sender the text in it, then test:  hookspool send URL\n",
		file, file, file, file);
	return CLI_OK;
}

struct keygen {
	const char *file; /* NULL: standard output */
};

static int keygen_run(const struct cli *cli, void *values)
{
	const struct keygen *k = values;
	char key[KEYGEN_TEXT];

	(void)cli;
	if (!keygen_text(key)) {
		cli_error("no random bytes: %s", strerror(errno));
		return CLI_TEMPFAIL;
	}
	return k->file ? to_file(k->file, key) : to_stdout(key);
}

const struct command cli_keygen = {
	.name = "keygen",
	.purpose = "make a random secret",
	.usage = "[FILE]",
	.about = "Makes a random secret of 64 hexadecimal digits. Without FILE it is printed; with FILE it is written there, with mode "
		"0600. A file that exists is never overwritten.\n"
		"\n"
		"ConnectSafely makes its signing secret itself and shows it once: copy that one into the endpoint's secret-file. A secret "
		"of your own is for the Authorization header (authorization-file), and for providers that ask you for one, such as GitHub.",
	.examples = "keygen /etc/hookspool/github.secret",
	.argument = {.kind = COMMAND_FILE, .offset = offsetof(struct keygen, file), .argument = "FILE"},
	.argument_optional = true,
	.size = sizeof(struct keygen),
	.run = keygen_run,
};
