/* SPDX-License-Identifier: ISC */
/* The page's own files, share/page: HTML, CSS and JavaScript, read once into memory. */
#ifndef FILES_H
#define FILES_H

#include "page/page.h"

enum {
	FILES_MAX = 64,
	FILES_SIZE_MAX = 1024 * 1024, /* of one */
};

/*
 * Reads all files of the directory whose names are letters, digits, dots, dashes and underscores. pack: makes gzipped ones, too, which
 * is worth it for more than one request. NULL with a reason in why.
 */
struct files *files_new(const char *dir, bool pack, char *why, size_t why_size);
void files_free(struct files *f);

/* Answers with index.html, in which @ROOT@ becomes the relative URL to the page: "./", or "../" for /event/ID. */
void files_index(struct page_call *c);

/* Answers with the file that the URL names. */
void files_static(struct page_call *c);

#endif
