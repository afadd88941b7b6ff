/* SPDX-License-Identifier: ISC */
/*
 * One FastCGI request on a connection that the receiver accepted itself.
 *
 * The receiver takes the records itself, and checks every length. libfcgi gets the variables in a stream that the
 * receiver writes, and writes the answer: libfcgi.h says why.
 */
#ifndef FCGI_H
#define FCGI_H

#include <stdbool.h>

#include "conf/conf.h"
#include "spool/spool.h"

enum { FCGI_BATCH = 64 };

/* Room for a request, and for the next when it is answered; freed by the caller. NULL: no memory. */
struct fcgi *fcgi_new(void);
void fcgi_free(struct fcgi *f);

enum fcgi_ready {
	FCGI_READY_EMPTY,      /* nothing has come */
	FCGI_READY_PARTIAL,    /* not all variables are there */
	FCGI_READY_PARAMS,     /* the variables are there, or as much as a socket's buffer may hold; not all of the body */
	FCGI_READY_FULL,       /* as one of the last two, and the rest may not come before some is read */
	FCGI_READY_COMPLETE,   /* the whole request: serving it can't block on reading */
	FCGI_READY_MANAGEMENT, /* a whole management record, for fcgi_manage() */
	FCGI_READY_CLOSED,     /* the peer has closed, or what it sends is not a request */
};

/*
 * Looks, without taking or waiting, at how much of a request has arrived on fd. *size becomes the bytes of what is
 * there whole.
 */
enum fcgi_ready fcgi_peek(int fd, size_t *size);

/* How a request is to be served. */
struct fcgi_service {
	const struct conf *conf;
	struct spool *spool;
	size_t complete; /* the bytes of the whole request, as fcgi_peek() saw it; 0: some are still to come */
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

/* Answers a request whose event went through fcgi_store(). */
enum fcgi_next fcgi_answer(struct fcgi *f);

/* Logs and counts what fcgi_answer() answered, and gives the memory of a large request back. */
void fcgi_record(struct fcgi *f);

/* Takes and answers a management record of `size` bytes with its header. */
enum fcgi_next fcgi_manage(int fd, size_t size);

#endif
