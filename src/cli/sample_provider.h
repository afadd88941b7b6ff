/* SPDX-License-Identifier: ISC */
/* Sample deliveries of the providers whose events have another shape than ConnectSafely's. */
#ifndef SAMPLE_PROVIDER_H
#define SAMPLE_PROVIDER_H

#include "conf/scheme.h"

struct sample_provider {
	const char *scheme;
	const char *event; /* its name, where that stands in a header */
	const char *type;  /* Content-Type */
	const char *body;  /* $ stands for random letters and digits, # for random digits, @ for the endpoint's secret */
};

/* The sample for a scheme, or for the built-in one it is like; for others, one that has ConnectSafely's shape and no body. */
const struct sample_provider *sample_provider_find(const struct scheme *s);

#endif
