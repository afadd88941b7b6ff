/* SPDX-License-Identifier: ISC */
/* Programs to run: their path, and reasons why the kernel would not run them. */
#define _GNU_SOURCE /* ST_NOEXEC */
#include "config.h"

#include "core/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#ifdef HAVE_LINK_H
#include <link.h>
#endif
#ifdef HAVE_GETAUXVAL
#include <sys/auxv.h>
#endif

enum {
	LINE_MAX_BYTES = 255, /* of a #! line, without its end: BINPRM_BUF_SIZE of Linux */
	PARTS_MAX = 256,      /* of an ELF file */
};

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

bool program_self(char *out, size_t n)
{
	ssize_t length = readlink("/proc/self/exe", out, n - 1);

	if (length > 0) {
		out[length] = '\0';
		return true;
	}
#ifdef HAVE_GETAUXVAL
	const char *started = (const char *)getauxval(AT_EXECFN);

	return started && snprintf(out, n, "%s", started) < (int)n;
#else
	return false;
#endif
}

bool program_find(const char *name, char *out, size_t n)
{
	const char *path = getenv("PATH"), *stop;

	if (strchr(name, '/') || !path) {
		snprintf(out, n, "%s", name);
		return is_program(out);
	}
	for (*out = '\0'; *path; path = *stop ? stop + 1 : stop) {
		stop = path + strcspn(path, ":");
		snprintf(out, n, "%.*s/%s", (int)(stop - path), path, name);
		if (stop > path && is_program(out))
			return true;
	}
	return false;
}

static bool is_noexec(const char *path)
{
#ifdef ST_NOEXEC
	struct statvfs fs;

	return statvfs(path, &fs) == 0 && (fs.f_flag & ST_NOEXEC);
#else
	(void)path;
	return false;
#endif
}

void program_missing(const char *name, char *why, size_t n)
{
	struct stat st;

	if (!strchr(name, '/'))
		snprintf(why, n, "%s: PATH has no program of that name that this user may run", name);
	else if (stat(name, &st) != 0)
		snprintf(why, n, "%s: %s", name, strerror(errno));
	else if (S_ISDIR(st.st_mode))
		snprintf(why, n, "%s: it is a directory, and no program", name);
	else if (!S_ISREG(st.st_mode))
		snprintf(why, n, "%s: it is no file", name);
	else if (is_noexec(name))
		snprintf(why, n, "%s: its file system is mounted with noexec; move it to another one", name);
	else
		snprintf(why, n, "%s: this user may not run it; chmod 755 it", name);
}

static bool refuse_program(char *why, size_t n, const char *path, const char *what)
{
	snprintf(why, n, "%s: %s", path, what);
	return false;
}

/* Takes the next word off the line; NULL at its end. */
static char *next_word(char **line)
{
	char *word = *line + strspn(*line, " \t");

	*line = word + strcspn(word, " \t");
	if (**line)
		*(*line)++ = '\0';
	return *word ? word : NULL;
}

/* The program that "#!/usr/bin/env [-S] [NAME=VALUE]... PROGRAM" runs; NULL: this is another interpreter, or there are options. */
static const char *of_env(const char *interpreter, char *rest)
{
	size_t n = strlen(interpreter);
	char *word;

	if (n < 4 || strcmp(interpreter + n - 4, "/env") != 0)
		return NULL;
	do
		word = next_word(&rest);
	while (word && (strcmp(word, "-S") == 0 || strchr(word, '=')));
	return word && *word != '-' ? word : NULL;
}

static bool check_interpreter(const char *path, char *line, char *why, size_t n)
{
	char found[PATH_MAX], *interpreter = next_word(&line);
	const char *program;
	struct stat st;

	if (!interpreter)
		return refuse_program(why, n, path, "its first line names no interpreter behind #!; write one, such as #!/bin/sh");
	if (stat(interpreter, &st) != 0)
		snprintf(why, n, "%s: the interpreter of its first line, %s: %s", path, interpreter, strerror(errno));
	else if (!is_program(interpreter))
		snprintf(why, n, "%s: the interpreter of its first line, %s, can't be run by this user", path, interpreter);
	else if ((program = of_env(interpreter, line)) && !program_find(program, found, sizeof found))
		snprintf(why, n, "%s: its first line looks for %s, and PATH has no such program", path, program);
	else
		return true;
	return false;
}

static bool check_script(const char *path, char *line, size_t len, char *why, size_t n)
{
	char *end = memchr(line, '\n', len);

	if (!end && len > LINE_MAX_BYTES)
		return refuse_program(why, n, path, "its first line is longer than 255 bytes, and the kernel reads no more; shorten it");
	line[end ? (size_t)(end - line) : len] = '\0';
	if (strchr(line, '\r'))
		return refuse_program(why, n, path, "its first line ends with CR, as on Windows, and the interpreter's name with it; sed -i 's/\\r$//' the file");
	return check_interpreter(path, line + 2, why, n);
}

#ifdef HAVE_LINK_H
/* The loader that a program of this machine's kind names (elf(5), PT_INTERP); a program of another kind is left to the kernel. */
static bool check_loader(const char *path, int fd, char *why, size_t n)
{
	char loader[PATH_MAX] = "";
	ElfW(Ehdr) head;
	ElfW(Phdr) part;

	if (pread(fd, &head, sizeof head, 0) != (ssize_t)sizeof head || head.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32))
		return true;
	for (unsigned i = 0; i < head.e_phnum && i < PARTS_MAX; i++) {
		if (pread(fd, &part, sizeof part, (off_t)(head.e_phoff + i * sizeof part)) != (ssize_t)sizeof part || part.p_type != PT_INTERP)
			continue;
		if (part.p_filesz < sizeof loader && pread(fd, loader, part.p_filesz, (off_t)part.p_offset) == (ssize_t)part.p_filesz &&
		    *loader && access(loader, F_OK) != 0) {
			snprintf(why, n, "%s: the loader that it asks for, %s: %s; it was built for another system", path, loader, strerror(errno));
			return false;
		}
	}
	return true;
}
#endif

/* ELF is the other kind of program; other kinds are the administrator's own (binfmt_misc), and known by more than their text. */
static bool check_other(const char *path, int fd, const char *p, size_t len, char *why, size_t n)
{
#ifdef HAVE_LINK_H
	if (len >= SELFMAG && memcmp(p, ELFMAG, SELFMAG) == 0)
		return check_loader(path, fd, why, n);
#else
	(void)fd;
#endif
	if (len == 0)
		return refuse_program(why, n, path, "it is empty");
	if (len >= 5 && memcmp(p, "\xEF\xBB\xBF#!", 5) == 0)
		return refuse_program(why, n, path, "a byte order mark stands before its #!; save it as UTF-8 without one");
	if (len >= 2 && (memcmp(p, "\xFF\xFE", 2) == 0 || memcmp(p, "\xFE\xFF", 2) == 0))
		return refuse_program(why, n, path, "it is UTF-16; save it as UTF-8");
	if (memchr(p, '\0', len))
		return true;
	return refuse_program(why, n, path, "its first line names no interpreter; write one, such as #!/bin/sh, with nothing before the #!");
}

/* The file's beginning, as much as the kernel reads of it; -1: it can't be read. */
static ssize_t read_beginning(const char *path, char line[LINE_MAX_BYTES + 2])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t len;

	if (fd < 0)
		return -1;
	len = read(fd, line, LINE_MAX_BYTES + 1);
	close(fd);
	return len;
}

bool program_interpreter(const char *path, char *out, size_t n)
{
	char line[LINE_MAX_BYTES + 2], *rest = line + 2;
	ssize_t len = read_beginning(path, line);
	const char *interpreter, *program;

	if (len < 2 || memcmp(line, "#!", 2) != 0)
		return false;
	line[len] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	interpreter = next_word(&rest);
	if (!interpreter)
		return false;
	program = of_env(interpreter, rest);
	if (program && program_find(program, out, n))
		return true;
	snprintf(out, n, "%s", interpreter);
	return true;
}

bool program_check(const char *path, char *why, size_t n)
{
	char line[LINE_MAX_BYTES + 2];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t len = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
	bool ok = true;

	if (len >= 2 && memcmp(line, "#!", 2) == 0)
		ok = check_script(path, line, (size_t)len, why, n);
	else if (len >= 0)
		ok = check_other(path, fd, line, (size_t)len, why, n);
	if (fd >= 0)
		close(fd);
	return ok;
}
