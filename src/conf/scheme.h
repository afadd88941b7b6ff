/* SPDX-License-Identifier: ISC */
/*
 * Signature schemes as data, a row for each provider: the place of the signature, the text that is signed and how, the sources of an
 * event's fields, and the handshake. A scheme is never guessed from the headers of a delivery: providers use each other's names with
 * other meanings.
 */
#ifndef SCHEME_H
#define SCHEME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/handshake.h"
#include "core/buf.h"
#include "core/encode.h"
#include "core/key.h"

enum algorithm {
	ALGORITHM_NONE,
	ALGORITHM_HMAC_SHA256,
	ALGORITHM_HMAC_SHA1,
	ALGORITHM_ED25519,
	ALGORITHM_SECRET,       /* the header's value is the secret, or a parameter's of the query */
	ALGORITHM_CLIENT_STATE, /* the secret is in the body, FIELD_CLIENT_STATE */
	ALGORITHM_HMAC_SHA384,
	ALGORITHM_HMAC_SHA512,
	ALGORITHM_SHA256,       /* the hash of the secret with the signed string behind it: a stranger can lengthen such a string */
	ALGORITHM_RSA_SHA256,
	ALGORITHM_ECDSA_P256_SHA256,
	ALGORITHM_JWT_HS256,    /* a token (RFC 7519) that is signed with HMAC-SHA256... */
	ALGORITHM_JWT_RS256,    /* ...with RSA... */
	ALGORITHM_JWT_ES256,    /* ...and with ECDSA */
};

/* How a secret's text becomes the bytes of a key. */
enum key_text {
	KEY_TEXT_PLAIN,  /* as it is */
	KEY_TEXT_HEX,
	KEY_TEXT_BASE64, /* behind a prefix of the Standard Webhooks, "whsec_", "whpk_" or "whsk_", or without */
};

/* The fields of an event. */
enum field {
	FIELD_EVENT,
	FIELD_KEY,
	FIELD_ACCOUNT,
	FIELD_SENDER_ID,
	FIELD_SENDER_NAME,
	FIELD_CONVERSATION,
	FIELD_SENT_AT,
	FIELD_TEXT,
	FIELD_CHALLENGE,
	FIELD_CLIENT_STATE,
	FIELD_COUNT
};

/* The kinds of bodies that an endpoint takes, or-ed. */
enum content { CONTENT_JSON = 1, CONTENT_FORM = 2, CONTENT_ANY = 4, CONTENT_MULTIPART = 8, CONTENT_TEXT = 16 /* JSON under text/plain */ };

enum {
	SCHEME_SOURCES = 12,
	SCHEME_HANDSHAKES = 4,
	SCHEME_PLACES = 8,  /* of a signature */
	SCHEME_CLAIMS = 8,  /* that a token must have */
	SCHEME_CLAIM_NAME = 100, /* bytes */
	SCHEME_VALUES = 40, /* that a scheme reads from a delivery to verify it: places, time, and those in the signed string */
};

enum timestamp_unit { TIMESTAMP_S, TIMESTAMP_MS, TIMESTAMP_DATE };

/* The place that a field's value is taken from. */
enum source_kind {
	SOURCE_NONE,
	SOURCE_JSON,      /* a text in the JSON body, or an id that is a number; paths.h has the syntax */
	SOURCE_NUMBER,    /* the same where a number may be an event's name */
	SOURCE_MEMBER,    /* the name of the member that a path's last part leads to */
	SOURCE_FORM,      /* a parameter of a form body */
	SOURCE_QUERY,     /* a parameter of the URL's query */
	SOURCE_CLAIM,     /* of a token; only of a time */
	SOURCE_HEADER,
	SOURCE_TEXT,      /* the text itself */
	SOURCE_SIGNATURE, /* in hexadecimal */
	SOURCE_BODY,      /* the SHA-256 of the body, in hexadecimal; of an empty body none */
	SOURCE_NOTHING,   /* the last source of FIELD_KEY: without a value before it a delivery has no key, not even its bytes */
};

struct source {
	enum source_kind kind;
	const char *name;   /* the path, the name or the text */
	struct slice event; /* the source is for events of this name alone; a * in front or at the end is any text. p == NULL: all */
	bool thing;         /* of FIELD_KEY: the id of a message or another thing, which can have several events */
	bool more;          /* the value is joined with that of the next source; when one is missing, there is no value */
};

/* The answer to an accepted delivery, where the provider shows the answer or needs one of its own. */
struct scheme_answer {
	unsigned status;  /* 0: as any other */
	bool to_forms;    /* to forms alone */
	const char *type; /* NULL: an empty body */
	const char *body;
};

/* The headers that prove a delivery. */
struct proof_headers {
	const char *signature, *timestamp, *id; /* NULL: there is none */
};

/* One row of the table. A field's value is that of its first source that has one. */
struct scheme {
	const char *name;
	const char *like;             /* the built-in scheme that a scheme of the configuration began as; NULL: none */
	enum algorithm algorithm;
	const char *header;           /* of the signature; NULL: there is none, or it is elsewhere */
	struct source place[SCHEME_PLACES]; /* of the signature, instead of the header; SOURCE_NONE behind the last */
	char separator;               /* of the elements of its value; '\0': the value is one */
	const char *prefix;           /* of an element that is a signature */
	bool prefix_optional;
	enum encoding encoding;
	enum key_text key_text;
	const char *signs;            /* the signed string; "{...}" is a placeholder, see below */
	const char *timestamp_header; /* the header of the time that is signed... */
	const char *timestamp_prefix; /* ...or the prefix of the element with the time */
	struct source time;           /* ...or its place; SOURCE_NONE: one of these two, or there is no time */
	enum timestamp_unit timestamp_unit;
	int64_t tolerance;            /* ms that the time may differ from the receiver's clock; 0: any, but for a token's exp and nbf */
	const char *id_header;
	const char *claim[SCHEME_CLAIMS]; /* "NAME", or "NAME=TEXT", that a token must have; NULL behind the last */
	bool reads_values;            /* a part of the proof is a value in the body or the query, or in a header that signs has */
	struct proof_headers other_headers; /* other names of these headers; all NULL: none */
	enum algorithm other_algorithm; /* for signatures of its length, with the same key bytes; ALGORITHM_NONE: none */
	bool any_port;                /* the provider signs the URL with its port or without */
	bool takes_get;               /* a delivery may be a GET without a body, whose parameters are in the signed URL */
	struct handshake handshakes[SCHEME_HANDSHAKES]; /* one without a name behind the last */
	struct scheme_answer answer;
	unsigned bodies;              /* enum content, or-ed */
	const char *json_field;       /* of a form or multipart/form-data: the field that is JSON; "": none; NULL: "payload" */
	struct source source[FIELD_COUNT][SCHEME_SOURCES]; /* SOURCE_NONE behind the last */
};

/* The placeholders of a signed string, in braces. */
enum placeholder {
	PLACEHOLDER_BODY,
	PLACEHOLDER_TIMESTAMP,
	PLACEHOLDER_ID,
	PLACEHOLDER_METHOD,
	PLACEHOLDER_URL,         /* the endpoint's url, with the delivery's query */
	PLACEHOLDER_DECODED_URL, /* the same as HubSpot decodes it */
	PLACEHOLDER_FORM,        /* a form's parameters, sorted: name, value, name, value */
	PLACEHOLDER_BODY_SHA256, /* in hexadecimal */
	PLACEHOLDER_BODY_CRC32,  /* in decimal */
	PLACEHOLDER_END,         /* of an "if" */
	PLACEHOLDER_VALUE,       /* "{json:PATH}" and the like */
	PLACEHOLDER_IF,          /* "{if json:PATH}": what stands up to "{end}" is signed where there is such a value */
	PLACEHOLDER_COUNT
};

/*
 * Splits off the next part of a signed string: *text moves on behind it. True with *p a placeholder, or with *p ==
 * PLACEHOLDER_COUNT and the bytes in *literal. Of a value, and of an "if", *literal is the source, "json:PATH".
 * False at the end, and at a brace that begins no placeholder: **text is then that brace.
 */
bool scheme_next(const char **text, enum placeholder *p, struct slice *literal);

/* The kind of a source in a signed string or of a question, and its name. SOURCE_NONE: it is none. */
enum source_kind scheme_value_kind(struct slice source, struct slice *name);

/* True when the signed string has that placeholder. */
bool scheme_signs(const struct scheme *s, enum placeholder p);

/*
 * True when a handshake of the scheme signs any text that a stranger sends. Such a text is never a JSON object;
 * hook/handshake.h has its bounds.
 */
bool scheme_signs_for_strangers(const struct scheme *s);

/* True when a delivery may be a GET, whose parameters stand in the signed URL. */
bool scheme_takes_get(const struct scheme *s);

/* True when a handshake of the scheme wants the endpoint's verify token. */
bool scheme_has_token(const struct scheme *s);

/* True when the signed string has the URL, in either form. */
bool scheme_signs_url(const struct scheme *s);

/* True when the endpoint must say its URL: that is signed, or a claim of the token is it. */
bool scheme_needs_url(const struct scheme *s);

/* True when the query is a part of the proof of a delivery: of the URL, or by a parameter. */
bool scheme_needs_query(const struct scheme *s);

/* True when the signature covers all bytes of the body. */
bool scheme_signs_body(const struct scheme *s);

/* True for a scheme whose proof is a token. */
bool scheme_is_jwt(const struct scheme *s);

/* True when the proof of one delivery is good for any other: a secret, or a token that does not cover the body. It is not kept. */
bool scheme_bears_secret(const struct scheme *s);

/* True when an event keeps its proof, so that it can be verified again: not where that is a secret, or in the query. */
bool scheme_keeps_proof(const struct scheme *s);

/* True when the receiver has a public key only, which signs nothing. */
bool scheme_has_public_key(const struct scheme *s);

/*
 * True when the signature covers the value of such a source, or the sender cannot choose it. A scheme without a signature has a
 * secret in a header or in the body, or none: there the body counts as signed, and headers do not.
 */
bool scheme_signs_source(const struct scheme *s, const struct source *source);

/* True for a parameter of the URL's query that is, or may be, the secret, the token or the signature: it is neither kept nor logged. */
bool scheme_hides_parameter(const struct scheme *s, struct slice name);

/*
 * The built-in scheme of that name, or NULL; also NULL when memory is short. Const, and lives for the whole program. "connectsafely" is
 * found at any time; for others not thread-safe, as conf_load() is not.
 */
const struct scheme *scheme_find(const char *name);

/* The i-th built-in scheme, from 0, or NULL behind the last. */
const struct scheme *scheme_at(size_t i);

/* Its name alone, which is cheaper. */
const char *scheme_name_at(size_t i);

/*
 * The key of a secret's text of n bytes, freed by the caller. With `sign`, the key that signs, which differs for Ed25519 alone: 32
 * bytes of seed, with or without the public key behind them. NULL with *why, static text, where the text is no key. Not for
 * algorithms without a key.
 */
struct key *scheme_key(const struct scheme *s, const char *text, size_t n, bool sign, const char **why);

/* The same for the scheme's other algorithm, which its signatures may have. NULL without an error where it has none. */
struct key *scheme_other_key(const struct scheme *s, const char *text, size_t n, const char **why);

/*
 * The bytes that a shared secret's text has for a token's key, where RFC 7518 section 3.2 wants more of them; 0: it has enough, or the
 * scheme has no such key.
 */
size_t scheme_short_key(const struct scheme *s, const char *text, size_t n);

/* True when the scheme's secrets are keys, and not texts that are compared. */
bool scheme_has_key(const struct scheme *s);

/* The length of a signature in bytes; 0 where the algorithm has none of fixed length. */
size_t scheme_signature_size(enum algorithm a);

/* True for a length in bytes that a signature may have. */
bool scheme_signature_fits(enum algorithm a, size_t n);

#endif
