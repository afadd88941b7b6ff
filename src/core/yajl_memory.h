/* SPDX-License-Identifier: ISC */
/* Memory for yajl, which does not check its allocations. */
#ifndef YAJL_MEMORY_H
#define YAJL_MEMORY_H

#include <yajl/yajl_common.h>

/* Ends the process where memory is short. */
extern const yajl_alloc_funcs yajl_memory;

#endif
