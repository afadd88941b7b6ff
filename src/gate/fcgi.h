/* SPDX-License-Identifier: ISC */
/*
 * One FastCGI request on a connection that the receiver accepted itself.
 *
 * The receiver reads the records itself, and checks every length (input.h). libfcgi writes the answer: libfcgi.h says why.
 */
#ifndef FCGI_H
#define FCGI_H

#include <stdbool.h>

#include "conf/conf.h"
#include "spool/spool.h"

enum { FCGI_BATCH = 64 };

struct delivery;

/* Room for a request, and for the next when it is answered; freed by the caller. NULL: no memory. */
struct fcgi *fcgi_new(void);
void fcgi_free(struct fcgi *f);

/* How a request is to be served. */
struct fcgi_service {
	const struct conf *conf;
	struct spool *spool;
	size_t complete; /* as in input.h, */
	size_t taken;    /* these */
	struct slice early; /* three */
	int64_t since;   /* clock_mono_us() when the request began to come; 0: now */
	bool refuse;     /* answer busy, without reading the body, and without waiting for variables */
};

enum fcgi_next {
	FCGI_NEXT_STORE,  /* the caller calls fcgi_store(), fcgi_answer() and fcgi_record(), in that order */
	FCGI_NEXT_KEEP,   /* the peer may send another request */
	FCGI_NEXT_LINGER, /* answered with some of the body unread: nothing on fd is a request any more */
	FCGI_NEXT_CLOSED, /* the caller closes fd */
};

/* Reads a request from fd; answers and records it unless it has an event to store. */
enum fcgi_next fcgi_take(struct fcgi *f, int fd, const struct fcgi_service *how);

/* Stores the events of n requests (1 to FCGI_BATCH), all in one commit. */
void fcgi_store(struct fcgi *const *f, size_t n);

/* The delivery of a request whose event went through fcgi_store(). */
struct delivery *fcgi_delivery(struct fcgi *f);

/* The bytes that a request holds until it is recorded. */
size_t fcgi_held(const struct fcgi *f);

/* Answers a request whose event went through fcgi_store(). */
enum fcgi_next fcgi_answer(struct fcgi *f);

/* Logs and counts what fcgi_answer() answered, and gives the memory of a large request back. */
void fcgi_record(struct fcgi *f);

/* Answers a management record of `size` bytes with its header, of which input_take() took `taken`. */
enum fcgi_next fcgi_manage(int fd, size_t size, size_t taken);

#endif
