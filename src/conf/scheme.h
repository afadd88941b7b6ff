/* Signature schemes as data: where a provider puts its signature and how it is written. */
#ifndef SCHEME_H
#define SCHEME_H

#include <stdbool.h>

enum handshake {
	HANDSHAKE_NONE,
	HANDSHAKE_ECHO, /* GET ?challenge=TEXT is answered with TEXT */
};

/* One row of the table; everything is const and lives for the whole program. */
struct scheme {
	const char *name;   /* in the configuration */
	const char *header; /* as on the wire; NULL when the scheme signs nothing */
	const char *param;  /* the same as a CGI variable (RFC 3875 section 4.1.18) */
	const char *prefix; /* what stands before the hex digits of HMAC-SHA256(secret, raw body) */
	enum handshake handshake;
};

/* The scheme of that name, or NULL. */
const struct scheme *scheme_find(const char *name);

/* All names, comma-separated, for messages. */
const char *scheme_names(void);

#endif
