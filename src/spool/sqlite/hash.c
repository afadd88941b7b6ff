/* SPDX-License-Identifier: ISC */
/* The SQL function key_hash(salt, key). */
#include "spool/sqlite/hash.h"

#include <openssl/evp.h>
#include <stdbool.h>

static bool digest(sqlite3_value *salt, sqlite3_value *key, unsigned char out[EVP_MAX_MD_SIZE], unsigned *size)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const void *s = sqlite3_value_blob(salt), *k = sqlite3_value_blob(key);
	bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
		EVP_DigestUpdate(ctx, s, (size_t)sqlite3_value_bytes(salt)) == 1 &&
		EVP_DigestUpdate(ctx, k, (size_t)sqlite3_value_bytes(key)) == 1 && EVP_DigestFinal_ex(ctx, out, size) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

static void key_hash(sqlite3_context *ctx, int n, sqlite3_value **arg)
{
	unsigned char out[EVP_MAX_MD_SIZE];
	unsigned size;

	(void)n;
	if (sqlite3_value_type(arg[1]) == SQLITE_NULL)
		return;
	if (digest(arg[0], arg[1], out, &size))
		sqlite3_result_blob(ctx, out, (int)size, SQLITE_TRANSIENT);
	else
		sqlite3_result_error_nomem(ctx);
}

int spool_hash_register(sqlite3 *sql)
{
	return sqlite3_create_function_v2(sql, "key_hash", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, NULL, key_hash, NULL,
		NULL, NULL);
}
