/* SPDX-License-Identifier: ISC */
/* The manual page hookspool-schemes(5), from the files of the built-in schemes. */
#include "cli/scheme_page.h"

#include <stdio.h>
#include <string.h>

#include "cli/scheme_text.h"
#include "conf/provider.h"

static const char schemes_page_head[] =
	".\\\" Made by \"hookspool schemes --man\", from the files in schemes.\n"
	".Dd November 27, 2026\n"
	".Dt HOOKSPOOL-SCHEMES 5\n"
	".Os\n"
	".Sh NAME\n"
	".Nm hookspool-schemes\n"
	".Nd the signature schemes that are built into hookspool\n"
	".Sh DESCRIPTION\n"
	"An endpoint names the scheme of its provider:\n"
	".Pp\n"
	".Dl scheme = \\(dqstripe\\(dq\n"
	".Pp\n"
	"Each scheme below has, in this order: its name; what proves a delivery; what to enter where at the provider; what the ids\n"
	"identify; what is used but not signed; what checked the samples.\n"
	".Pp\n"
	".Nm hookspool\n"
	".Cm schemes\n"
	".Ar name\n"
	"prints the same of one scheme, an endpoint for it, and the scheme as it is built in.\n"
	".Nm hookspool\n"
	".Cm identify\n"
	"tells which scheme a delivery looks like.\n"
	"A scheme of the configuration with the same name is taken in place of the built-in one.\n"
	".Xr hookspool.conf 5\n"
	"has the language.\n"
	".Sh SCHEMES\n";

static const char schemes_page_end[] =
	".Sh SEE ALSO\n"
	".Xr hookspool 1 ,\n"
	".Xr hookspool.conf 5\n";

/* True where a sentence ends at p, and another one begins. */
static bool is_sentence_end(const char *p)
{
	return (*p == '.' || *p == '?' || *p == '!') && p[1] == ' ';
}

/* Prints text as lines of mdoc: a line for each sentence, and no character that is one of the language. */
static void print_sentences(const char *text)
{
	bool begins = true;

	for (const char *p = text; *p; p++) {
		if (begins && (*p == '.' || *p == '\''))
			fputs("\\&", stdout);
		begins = false;
		if (*p == '\\')
			fputs("\\e", stdout);
		else
			putchar(*p);
		if (is_sentence_end(p)) {
			putchar('\n');
			begins = true;
			p++;
		}
	}
	putchar('\n');
}

static void print_item(const char *head, struct buf *b)
{
	if (b->len) {
		printf(".It %s\n", head);
		print_sentences(buf_str(b));
	}
	b->len = 0;
}

static bool print_note_item(const char *head, const struct provider *p, enum provider_note note, struct buf *b)
{
	bool ok = provider_add_note(p, note, b);

	print_item(head, b);
	return ok;
}

static bool print_page_scheme(const struct provider *p, struct buf *b)
{
	const struct scheme *s = scheme_find(p->name);
	bool ok = s && provider_add_note(p, PROVIDER_TITLE, b);

	if (!ok)
		return false;
	/* a comma alone would be punctuation of the macro */
	printf(".Ss %s\n.Bl -tag -width documentation\n.It Ic scheme No = Qq %s\n", buf_str(b), p->name);
	b->len = 0;
	ok = scheme_text_proof(s, b);
	print_sentences(buf_str(b));
	b->len = 0;
	ok = ok && print_note_item("enter", p, PROVIDER_ENTER, b) && scheme_text_ids(p, s, b);
	print_item("ids", b);
	ok = ok && print_note_item("unsigned", p, PROVIDER_UNSIGNED, b) && print_note_item("checked", p, PROVIDER_CHECKED, b) &&
		print_note_item("note", p, PROVIDER_NOTE, b) && provider_add_note(p, PROVIDER_DOCS, b);
	if (b->len)
		printf(".It documentation\n.Lk %s\n", buf_str(b));
	b->len = 0;
	puts(".El");
	return ok;
}

bool scheme_page_print(void)
{
	struct buf b = {0};
	bool ok = true;

	fputs(schemes_page_head, stdout);
	for (const struct provider *p = provider_all; ok && p->name; p++)
		ok = print_page_scheme(p, &b);
	fputs(schemes_page_end, stdout);
	buf_free(&b);
	return ok;
}
