/* SPDX-License-Identifier: ISC */
/*
 * Does the time of a comparison tell what the secret is? valgrind's memcheck follows bytes that are declared
 * undefined, and reports each branch and each address that depends on them: here, all that is made of the secret.
 * Run by tests/e2e/test_timing.py; "timing memcmp" is a comparison that does tell, and must be reported.
 */
#include <string.h>
#include <valgrind/memcheck.h>

#include "hook/verify.h"

static const char right[] = "whsec-the-secret-of-this-test-32", almost[] = "whsec-the-secret-of-this-test-3x";

enum { LENGTH = sizeof right - 1 };

/* Whether it matched is public: the answer says it. */
static int public(int result)
{
	VALGRIND_MAKE_MEM_DEFINED(&result, sizeof result);
	return result;
}

static int by_signature(enum key_kind kind, const char *secret)
{
	static const char zeros[KEY_FIXED_MAX];
	struct key *key = key_new(kind, secret, LENGTH);
	size_t n = key ? key_signature_size(key) : 0;
	struct slice signatures[] = {{zeros, n}, {zeros, n}};
	int matches = key ? public(key_verify(key, "{}", 2, signatures, 2)) : -1;

	key_free(key);
	return matches;
}

static int by_secret(char *secret, const char *value)
{
	struct secret item[] = {{.text = secret, .len = LENGTH}, {.text = secret, .len = LENGTH}, {.text = secret, .len = 3}};

	return public(verify_secret(&(struct secrets){item, 3}, (struct slice){value, LENGTH}));
}

int main(int argc, char **argv)
{
	char secret[sizeof right];

	memcpy(secret, right, sizeof right);
	VALGRIND_MAKE_MEM_UNDEFINED(secret, LENGTH);
	if (argc > 1 && strcmp(argv[1], "memcmp") == 0)
		return public(memcmp(secret, almost, LENGTH)) == 0;
	return by_signature(KEY_HMAC_SHA256, secret) != 0 || by_signature(KEY_HMAC_SHA512, secret) != 0 || by_signature(KEY_SHA256, secret) != 0 ||
		by_secret(secret, almost) != 0 || by_secret(secret, right) != 2;
}
