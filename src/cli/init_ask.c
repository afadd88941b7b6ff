/* SPDX-License-Identifier: ISC */
/* hookspool init: the questions on a terminal, for what the options leave out. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/init.h"
#include "cli/keygen.h"
#include "cli/terminal.h"
#include "core/program.h"

enum { QUESTIONS = 5, LINE = 4096, CTRL_C = 3 };

/* Reads a line, without its blanks at both ends; without echo where the answer is a secret. False at the end of the input. */
static bool read_answer_line(char line[LINE], bool hidden)
{
	struct termios before, silent;
	bool changed = false, ok;
	char *begin = line;
	size_t n;

	if (hidden && tcgetattr(STDIN_FILENO, &before) == 0) {
		silent = before;
		silent.c_lflag &= ~(tcflag_t)(ECHO | ISIG); /* Ctrl-C would leave the terminal without an echo: here it ends the line */
		silent.c_cc[VEOL] = CTRL_C;
		changed = tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
	}
	fflush(stdout); /* the question comes when the answer is hidden */
	ok = fgets(line, LINE, stdin) != NULL;
	if (changed) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		putchar('\n');
	}
	if (!ok || strchr(line, CTRL_C))
		return false;
	begin += strspn(line, " \t");
	n = strcspn(begin, "\r\n");
	while (n > 0 && strchr(" \t", begin[n - 1]))
		n--;
	memmove(line, begin, n);
	line[n] = '\0';
	return true;
}

/* A question. take() gets the answer, or the default for an empty one, and returns what is wrong with it, or NULL. */
struct init_question {
	const char *text, *fallback; /* NULL: an empty answer is handed on */
	const char *(*take)(struct init *i, const char *text);
	bool hidden;
};

static bool put(struct init *i, int number, const struct init_question *q)
{
	char line[LINE];
	const char *wrong;
	bool ok;

	do {
		printf("%d/%d  %s", number, QUESTIONS, q->text);
		if (q->fallback && *q->fallback)
			printf(" [%s]", q->fallback);
		fputs(": ", stdout);
		ok = read_answer_line(line, q->hidden);
		wrong = ok ? q->take(i, *line || !q->fallback ? line : q->fallback) : NULL;
		if (wrong)
			printf("     %s\n", wrong);
	} while (wrong);
	explicit_bzero(line, sizeof line);
	return ok;
}

static const char *take_typed_secret(struct init *i, const char *text)
{
	char key[KEYGEN_TEXT];

	if (scheme_has_public_key(&i->scheme) && !*text)
		return "the provider's public key is needed";
	i->made_secret = !*text;
	if (i->made_secret && !keygen_text(key))
		return "this machine gives no random bytes";
	buf_printf(&i->secret_text, "%s%s", i->made_secret ? key : text, i->made_secret ? "" : "\n");
	return NULL;
}

/* "nginx", or "nginx /the/file". */
static const char *take_typed_web(struct init *i, const char *text)
{
	static char name[32];
	const char *file = text + strcspn(text, " \t");

	if (file - text >= (ptrdiff_t)sizeof name)
		return "write nginx, apache, caddy, lighttpd, haproxy or none";
	memcpy(name, text, (size_t)(file - text));
	name[file - text] = '\0';
	file += strspn(file, " \t");
	return strcmp(name, "none") == 0 ? NULL : init_take_web(i, name, *file ? file : NULL);
}

static const char *take_typed_sink(struct init *i, const char *text)
{
	return *text ? init_take_sink(i, text) : NULL;
}

int init_ask(struct init *i)
{
	const struct init_options *o = i->o;
	const struct init_web *here = init_web_here();
	struct buf url = {0};
	bool ok = true;

	if (!o->provider)
		ok = put(i, 1, &(struct init_question){"Which service sends the webhooks", "connectsafely", init_take_provider, false});
	if (ok && !o->url) {
		init_default_url(i, &url);
		ok = put(i, 2, &(struct init_question){"At which address will it call", buf_str(&url), init_take_url, false});
	}
	if (ok && !o->secret_file && !o->new_secret && i->scheme.algorithm != ALGORITHM_NONE)
		ok = put(i, 3, &(struct init_question){init_secret_is_chosen(&i->scheme) ? "The secret that you gave it (not shown; Enter makes a new one)" :
			"The signing secret that it shows (not shown here; Enter makes one, to try this out)", NULL, take_typed_secret, true});
	if (ok && !i->web && !o->no_web_server)
		ok = put(i, 4, &(struct init_question){"The web server: nginx, apache, caddy, lighttpd, haproxy or none", here ? here->name : "none",
			take_typed_web, false});
	if (ok && !o->sink_url_file)
		ok = put(i, 5, &(struct init_question){"Send each event on to a URL, such as Slack's (Enter: no)", NULL, take_typed_sink, false});
	buf_free(&url);
	if (!ok)
		cli_error("the input has ended; nothing was written");
	return ok ? CLI_OK : CLI_USAGE;
}
