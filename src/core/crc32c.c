/* SPDX-License-Identifier: ISC */
/* CRC-32C, by the processor's instruction where it has one. */
#include "core/crc32c.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#if defined __aarch64__ && defined __linux__
#include <arm_acle.h>
#include <sys/auxv.h>
#endif

enum { WIDTH = 8 }; /* bytes of one step */

#define POLYNOMIAL 0x82F63B78u /* reversed: RFC 3720, section 12.1 */

/* crc_table[i][b]: the checksum of byte b with i bytes of 0 behind it. */
static uint32_t crc_table[WIDTH][256];

static void make_crc_table(void)
{
	for (uint32_t b = 0; b < 256; b++) {
		uint32_t c = b;

		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? c >> 1 ^ POLYNOMIAL : c >> 1;
		crc_table[0][b] = c;
	}
	for (int i = 1; i < WIDTH; i++)
		for (int b = 0; b < 256; b++)
			crc_table[i][b] = crc_table[i - 1][b] >> 8 ^ crc_table[0][crc_table[i - 1][b] & 255];
}

static uint32_t by_table(uint32_t c, const unsigned char *p, size_t n)
{
	static pthread_once_t made = PTHREAD_ONCE_INIT;

	pthread_once(&made, make_crc_table);
	for (; n >= WIDTH; p += WIDTH, n -= WIDTH) {
		c ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
		c = crc_table[7][c & 255] ^ crc_table[6][c >> 8 & 255] ^ crc_table[5][c >> 16 & 255] ^ crc_table[4][c >> 24] ^ crc_table[3][p[4]] ^
			crc_table[2][p[5]] ^ crc_table[1][p[6]] ^ crc_table[0][p[7]];
	}
	while (n--)
		c = c >> 8 ^ crc_table[0][(c ^ *p++) & 255];
	return c;
}

#if defined __x86_64__

static bool has_instruction(void)
{
	return __builtin_cpu_supports("sse4.2");
}

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t c, const unsigned char *p, size_t n)
{
	uint64_t sum = c, word;

	for (; n >= WIDTH; p += WIDTH, n -= WIDTH) {
		memcpy(&word, p, sizeof word);
		sum = __builtin_ia32_crc32di(sum, word);
	}
	for (c = (uint32_t)sum; n; n--)
		c = __builtin_ia32_crc32qi(c, *p++);
	return c;
}

#elif defined __aarch64__ && defined __linux__

static bool has_instruction(void)
{
	return getauxval(AT_HWCAP) & 1UL << 7; /* HWCAP_CRC32 */
}

__attribute__((target("+crc"))) static uint32_t by_instruction(uint32_t c, const unsigned char *p, size_t n)
{
	uint64_t word;

	for (; n >= WIDTH; p += WIDTH, n -= WIDTH) {
		memcpy(&word, p, sizeof word);
		c = __crc32cd(c, word);
	}
	while (n--)
		c = __crc32cb(c, *p++);
	return c;
}

#else

static bool has_instruction(void)
{
	return false;
}

#define by_instruction by_table

#endif

uint32_t crc32c(const void *p, size_t n)
{
	return ~(has_instruction() ? by_instruction(~0u, p, n) : by_table(~0u, p, n));
}
