/* SPDX-License-Identifier: ISC */
/*
 * Handshakes as data: how a provider asks whether an endpoint is real, and what it wants to hear. hook/handshake.h answers them.
 *
 * Several built-in rows may have one name: a scheme that names it has all of them.
 */
#ifndef CONF_HANDSHAKE_H
#define CONF_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

enum handshake_method { HANDSHAKE_POST, HANDSHAKE_GET, HANDSHAKE_HEAD, HANDSHAKE_OPTIONS };

/* The place of the question, which is called challenge too. */
enum handshake_place {
	HANDSHAKE_NOWHERE,      /* there is none: the answer is always the same */
	HANDSHAKE_IN_QUERY,
	HANDSHAKE_IN_HEADER,
	HANDSHAKE_IN_FORM,
	HANDSHAKE_IN_CHALLENGE, /* the scheme's FIELD_CHALLENGE: in a JSON body */
};

enum { HANDSHAKE_HEADERS = 4 };

/* Its strings live as long as the program or the configuration. */
struct handshake {
	const char *name; /* NULL: there is no handshake */
	enum handshake_method method;
	bool is_signed;       /* a POST: it must be signed right */
	const char *event;    /* only for a delivery whose event has this name; NULL: for all */
	const char *question; /* "json:PATH", "form:NAME", "header:NAME" or "query:NAME"; NULL: none, or the scheme's challenge */
	enum handshake_place place;
	const char *value;    /* the question must be this text; NULL: any */
	const char *beside;   /* the one other parameter that a form may have, of an unsigned POST; NULL: any */
	const char *token;    /* the query's parameter that must be the endpoint's verify token; NULL: none */
	bool keep;            /* the question is a secret; `hookspool rejects` shows it to the administrator */
	unsigned status;      /* of the answer */
	const char *type;     /* its Content-Type; NULL: its body is empty */
	const char *body;     /* with placeholders; see handshake_next() */
	const char *headers[HANDSHAKE_HEADERS]; /* "Name: value", with placeholders; NULL behind the last */
};

/* The i-th built-in row, or NULL behind the last. */
const struct handshake *handshake_built_in(size_t i);

/* What an answer has in it. */
enum handshake_part { HANDSHAKE_LITERAL, HANDSHAKE_CHALLENGE, HANDSHAKE_HMAC_HEX, HANDSHAKE_HMAC_BASE64 };

/*
 * Splits off the next part of an answer's text: *text moves on behind it, and *literal is its bytes. "{challenge}", "{hmac-hex}" and
 * "{hmac-base64}" are placeholders; other braces are themselves. False at the end.
 */
bool handshake_next(const char **text, enum handshake_part *part, struct slice *literal);

/* True when the answer's body or headers have a part other than literals, or one of the two HMACs. */
bool handshake_echoes(const struct handshake *h);
bool handshake_has_hmac(const struct handshake *h);

/* True when the handshake needs no signature: each sender gets an answer. */
bool handshake_is_open(const struct handshake *h);

#endif
