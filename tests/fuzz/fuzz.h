/* SPDX-License-Identifier: ISC */
/* What every fuzz target has: the entry that libFuzzer, AFL++ and main.c call. */
#ifndef FUZZ_H
#define FUZZ_H

/* what is asserted has side effects */
#undef NDEBUG
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
