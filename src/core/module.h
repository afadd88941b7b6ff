/* SPDX-License-Identifier: ISC */
/* Modules: shared objects that a program takes in where its configuration needs them, so that others do without their libraries. */
#ifndef CORE_MODULE_H
#define CORE_MODULE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum { MODULE_PATH = 2 * PATH_MAX };

/*
 * Finds the file of a module: NAME.so in pkglibdir; for a program that was not installed, in the directory "modules" beside it. No
 * variable of the environment changes that. False when it is not there; path is the place where it has to be.
 */
bool module_find(const char *name, char path[MODULE_PATH]);

/*
 * Loads the module, keeps it until the process ends, and returns the address of that object in it. NULL with the reason in why: it is
 * missing, others may change it, or it has no such object. The caller checks the object's version.
 */
const void *module_load(const char *name, const char *symbol, char *why, size_t why_size);

#endif
