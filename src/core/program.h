/* SPDX-License-Identifier: ISC */
/* Programs to run: their path, and reasons why the kernel would not run them. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Writes to out, of size n, the path of the program that this process runs; where /proc is missing, the path that it was started by.
 * False where neither is known.
 */
bool program_self(char *out, size_t n);

/*
 * Writes to out, of size n, the path where execvp(3) finds the program of that name: the name itself where it has a slash, else
 * in a directory of PATH. False where there is no such file that this process may run; out is then one of the paths looked at.
 */
bool program_find(const char *name, char *out, size_t n);

/* Writes why program_find() found no program of that name, beginning with the name. */
void program_missing(const char *name, char *why, size_t why_size);

/*
 * Reads the beginning of the file at path as the kernel does (execve(2), "Interpreter scripts"). Looks for the interpreter
 * that its #! line names, and for the program that env(1) would look for. False where the file can't be run, with the reason and
 * the fix in why. A file that can't be read is right: it may be one that can be run all the same.
 */
bool program_check(const char *path, char *why, size_t why_size);

/*
 * Writes to out the path of what runs the script at path: the interpreter of its #! line, or the program that env(1) would find
 * there. False where it is no script.
 */
bool program_interpreter(const char *path, char *out, size_t n);

#endif
