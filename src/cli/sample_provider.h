/* SPDX-License-Identifier: ISC */
/* Sample deliveries of providers, for hookspool send. */
#ifndef SAMPLE_PROVIDER_H
#define SAMPLE_PROVIDER_H

#include "conf/scheme.h"

struct sample_provider {
	const char *scheme;
	const char *event; /* its name, where a header has that */
	const char *type;  /* Content-Type */
	const char *body;  /* $ stands for random letters and digits, # for random digits, @ for the endpoint's secret */
};

/* Returns the sample for a scheme, or for the built-in one it is like. For others, one without a body: ConnectSafely's shape. */
const struct sample_provider *sample_provider_find(const struct scheme *s);

#endif
