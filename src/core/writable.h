/* SPDX-License-Identifier: ISC */
/* Files that other users may change: such a user would choose what this program reads or runs. */
#ifndef WRITABLE_H
#define WRITABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* Who may change a file, beside its owner and root. */
enum writable {
	WRITABLE_NO,
	WRITABLE_BY_GROUP, /* of a group other than root's: the administrator decides, and gets a warning */
	WRITABLE_BY_ALL,
};

/*
 * Who may change the file at path, or put another in its place: its own mode, and that of each directory above it, the sticky bit
 * respected. A file that can't be looked at counts as safe. Unless it is WRITABLE_NO, why says how, and the chmod to type.
 */
enum writable writable_look(const char *path, char *why, size_t why_size);

/* The same by the mode of a file or directory that is open; the directories above it aren't looked at. */
enum writable writable_mode(const char *path, const struct stat *st, char *why, size_t why_size);

/*
 * Looks at the files that a command of n words runs: the program, the interpreter of its first line, and arguments that are
 * whole paths, such as a shell's script. Calls visit for each that is writable; why is borrowed.
 */
void writable_command(char *const *words, size_t n, void (*visit)(void *ctx, enum writable by, const char *why), void *ctx);

#endif
