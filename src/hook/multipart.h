/* SPDX-License-Identifier: ISC */
/*
 * Forms as multipart/form-data (RFC 7578; RFC 2046 section 5.1), read strictly: what two readers could understand in two ways is
 * malformed. The body's own first line is the boundary. Nothing signs the Content-Type, so its boundary does not count.
 */
#ifndef MULTIPART_H
#define MULTIPART_H

#include "hook/form.h"

enum {
	MULTIPART_PARTS = 100,         /* in one body */
	MULTIPART_HEADER = 4 * 1024,   /* bytes of one part's header */
	MULTIPART_BOUNDARY_MAX = 70,   /* RFC 2046 section 5.1.1 */
};

/* True when the body begins as such a form: "--", a boundary, and the end of the line. */
bool multipart_begins(struct slice body);

/*
 * The form's parameters become its fields, in their order, without the files: those are parts with a filename. *f owns copies.
 * MALFORMED also beyond the bounds above, and where a field has a NUL.
 */
enum form_result multipart_parse(struct form *f, struct slice body);

#endif
