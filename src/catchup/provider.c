/* SPDX-License-Identifier: ISC */
/* The table of providers. */
#include "catchup/provider.h"

#include <string.h>

static const struct catchup_provider *const providers[] = {&catchup_connectsafely, &catchup_github};

const struct catchup_provider *catchup_provider_of(const struct catchup_api *api)
{
	size_t i = 0;

	while (strcmp(providers[i]->scheme, api->scheme) != 0)
		i++;
	return providers[i];
}
