/* SPDX-License-Identifier: ISC */
/*
 * How a body is read. Nothing signs the Content-Type, so it never chooses between two readings of one body: what was signed and
 * the body itself do. A JSON text begins with { or [, which a form encodes as %7B and %5B; and multipart/form-data with the line of its
 * boundary, whose end a form encodes as %0D%0A.
 */
#ifndef CONTENT_H
#define CONTENT_H

#include <stdbool.h>

#include "conf/scheme.h"
#include "core/buf.h"
#include "hook/form.h"
#include "hook/request.h"

enum content_kind {
	CONTENT_IS_JSON,
	CONTENT_IS_FORM,
	CONTENT_IS_MULTIPART,
	CONTENT_IS_QUERY,   /* there is no body: the form is the signed query */
	CONTENT_IS_BROKEN,  /* a form that cannot be read */
	CONTENT_IS_UNKNOWN, /* memory is short */
};

/*
 * What the body is read as. *json becomes its JSON, which is not parsed here: the body itself, or the form's field that is JSON;
 * json->p == NULL: there is none. *form becomes the form's parameters, none for JSON. Both borrow from the request and the form.
 * The body is as it came, or unpacked by the caller; nothing has to be verified yet.
 *
 * Where the scheme signs a form and no body, it is read as a form; with the hash of the body in the signed URL, as the bytes are.
 */
enum content_kind content_json(const struct request *r, const struct scheme *s, struct form *form, struct slice *json);

/* True when the Content-Type is that of one of the scheme's bodies. */
bool content_expected(const struct request *r, const struct scheme *s);

#endif
