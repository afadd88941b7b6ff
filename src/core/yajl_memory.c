/* SPDX-License-Identifier: ISC */
/* Memory for yajl, which does not check its allocations. */
#include "core/yajl_memory.h"

#include <stdlib.h>

#include "core/log.h"

/* yajl uses the NULL of a failed allocation. */
static void *need(void *p)
{
	if (!p) {
		log_message(LOG_LEVEL_ERROR, "memory is short; ending");
		abort();
	}
	return p;
}

static void *need_malloc(void *ctx, size_t n)
{
	(void)ctx;
	return need(malloc(n));
}

static void *need_realloc(void *ctx, void *p, size_t n)
{
	(void)ctx;
	return need(realloc(p, n));
}

static void release_memory(void *ctx, void *p)
{
	(void)ctx;
	free(p);
}

const yajl_alloc_funcs yajl_memory = {.malloc = need_malloc, .realloc = need_realloc, .free = release_memory};
