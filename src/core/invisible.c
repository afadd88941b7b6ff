/* SPDX-License-Identifier: ISC */
/* Characters that cannot be seen: they come with copied text, and make names and secrets wrong without a trace. */
#include "core/invisible.h"

#include <stdint.h>
#include <string.h>

#include "core/utf8.h"

static const struct {
	uint32_t first, last;
	const char *name;
} ranges[] = {
	{0x0080, 0x009F, "a control character (U+0080 to U+009F)"},
	{0x00A0, 0x00A0, "a non-breaking space (U+00A0)"},
	{0x00AD, 0x00AD, "a soft hyphen (U+00AD)"},
	{0x034F, 0x034F, "a combining grapheme joiner (U+034F)"},
	{0x061C, 0x061C, "an Arabic letter mark (U+061C)"},
	{0x115F, 0x1160, "a Hangul filler (U+115F or U+1160)"},
	{0x1680, 0x1680, "an Ogham space (U+1680)"},
	{0x180E, 0x180E, "a Mongolian vowel separator (U+180E)"},
	{0x2000, 0x200A, "a blank of another width (U+2000 to U+200A)"},
	{0x200B, 0x200B, "a zero-width space (U+200B)"},
	{0x200C, 0x200D, "a zero-width joiner or non-joiner (U+200C or U+200D)"},
	{0x200E, 0x200F, "a direction mark (U+200E or U+200F)"},
	{0x2028, 0x2029, "a line or paragraph separator (U+2028 or U+2029)"},
	{0x202A, 0x202E, "a direction control (U+202A to U+202E)"},
	{0x202F, 0x202F, "a narrow non-breaking space (U+202F)"},
	{0x205F, 0x205F, "a mathematical space (U+205F)"},
	{0x2060, 0x2060, "a word joiner (U+2060)"},
	{0x2061, 0x206F, "an invisible control (U+2061 to U+206F)"},
	{0x2800, 0x2800, "a blank Braille pattern (U+2800)"},
	{0x3000, 0x3000, "an ideographic space (U+3000)"},
	{0x3164, 0x3164, "a Hangul filler (U+3164)"},
	{0xFEFF, 0xFEFF, "a byte order mark (U+FEFF)"},
	{0xFFA0, 0xFFA0, "a Hangul filler (U+FFA0)"},
};

size_t invisible_at(const char *p, size_t n, const char **name)
{
	uint32_t c = 0;
	size_t length = n ? utf8_next(p, n, &c) : 0;

	for (size_t i = 0; length && i < sizeof ranges / sizeof *ranges; i++) {
		if (c >= ranges[i].first && c <= ranges[i].last) {
			*name = ranges[i].name;
			return length;
		}
	}
	return 0;
}

static const char white[] = " \t\r\n\v\f";

size_t invisible_end(const char *p, size_t n)
{
	const char *name;

	if (n && memchr(white, p[n - 1], sizeof white - 1))
		return 1;
	for (size_t length = 2; length <= 3 && length <= n; length++)
		if (invisible_at(p + n - length, length, &name) == length)
			return length;
	return 0;
}

size_t invisible_begin(const char *p, size_t n)
{
	const char *name;

	return n && memchr(white, *p, sizeof white - 1) ? 1 : invisible_at(p, n, &name);
}

const char *invisible_encoding(const char *p, size_t n)
{
	if (n >= 4 && (memcmp(p, "\xFF\xFE\0\0", 4) == 0 || memcmp(p, "\0\0\xFE\xFF", 4) == 0))
		return "UTF-32";
	if (n >= 4 && (memcmp(p + 1, "\0\0", 3) == 0 || memcmp(p, "\0\0", 3) == 0))
		return "UTF-32"; /* its ASCII has three */
	if (n >= 2 && (memcmp(p, "\xFF\xFE", 2) == 0 || memcmp(p, "\xFE\xFF", 2) == 0))
		return "UTF-16";
	if (n >= 2 && (p[0] == '\0') != (p[1] == '\0'))
		return "UTF-16"; /* its ASCII has a NUL in each character */
	return NULL;
}
