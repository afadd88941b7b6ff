/* SPDX-License-Identifier: ISC */
/* CRC-32C: finds damage of stored bytes. It is no protection against a forger. */
#ifndef CORE_CRC32C_H
#define CORE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of n bytes, as RFC 3720, appendix B.4 has it. */
uint32_t crc32c(const void *p, size_t n);

#endif
