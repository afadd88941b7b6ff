/* SPDX-License-Identifier: ISC */
/*
 * Modules: drivers with a library of their own, each in a shared object that is loaded when a sink of its type is opened.
 *
 * A module has one object, which SINK_MODULE() defines. What it calls of this program is in the list module.syms; with that list the
 * linker exports those functions and no others.
 */
#ifndef MODULE_H
#define MODULE_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/sink_type.h"
#include "sink/driver.h"

/* Changes with what driver.h and conf/sink.h declare, and with the functions of module.syms. */
enum { SINK_ABI = 1 };

struct sink_module {
	unsigned abi;        /* SINK_ABI */
	const char *version; /* PACKAGE_VERSION, of which the options and the driver are */
	const struct sink_driver *driver;
};

#define SINK_MODULE(of) extern const struct sink_module hookspool_sink; \
	__attribute__((visibility("default"))) const struct sink_module hookspool_sink = {SINK_ABI, PACKAGE_VERSION, &(of)}

/*
 * Loads the module of a type that has one, and keeps it until the process ends. The file is TYPE.so in pkglibdir; for a program that
 * was not installed, in the directory "modules" beside it. No variable of the environment changes that. NULL with the reason in why:
 * it is missing, others may change it, or it is of another version.
 */
const struct sink_driver *sink_module_load(const struct sink_type *type, char *why, size_t why_size);

/* True when the module's file is there. */
bool sink_module_is_there(const struct sink_type *type);

#endif
