/*
 * One FastCGI request on a connection that we accepted ourselves.
 *
 * The only file that touches libfcgi and the fields of FCGX_Request marked "don't use": accepting
 * by itself, libfcgi would pin a thread to every idle kept connection.
 */
#ifndef FCGI_H
#define FCGI_H

#include <stdbool.h>

#include "conf/conf.h"
#include "sink/spool.h"

enum { FCGI_BATCH = 64 };

/* Prepares libfcgi, once a process. Install signal handlers after it: it replaces them. False on failure. */
bool fcgi_init(void);

/* Room for a request, and for the next when it is answered; freed by the caller. NULL: no memory. */
struct fcgi *fcgi_new(void);
void fcgi_free(struct fcgi *f);

enum fcgi_ready {
	FCGI_READY_EMPTY,    /* nothing has come */
	FCGI_READY_PARTIAL,  /* not all variables are there */
	FCGI_READY_PARAMS,   /* the variables are there, not all of the body */
	FCGI_READY_FULL,     /* as the last, and the rest may not come before some is read */
	FCGI_READY_COMPLETE, /* the whole request: serving it can't block on reading */
	FCGI_READY_CLOSED,   /* the peer has closed, or what it sends is not a request */
};

/* Looks, without taking or waiting, at how much of a request has arrived on fd. */
enum fcgi_ready fcgi_peek(int fd);

/* How a request is to be served. */
struct fcgi_service {
	const struct conf *conf;
	struct spool *spool;
	bool complete; /* fcgi_peek() saw all of it */
	bool refuse;   /* answer busy, without reading the body */
};

enum fcgi_next {
	FCGI_NEXT_STORE,  /* fcgi_store(), fcgi_answer() and fcgi_record() want to be called, in that order */
	FCGI_NEXT_KEEP,   /* the peer may send another request */
	FCGI_NEXT_LINGER, /* answered with some of the body unread: nothing on fd is a request any more */
	FCGI_NEXT_CLOSED, /* fd is closed */
};

/* Reads a request from fd; answers and records it unless it has an event to store. */
enum fcgi_next fcgi_take(struct fcgi *f, int fd, const struct fcgi_service *how);

/* Stores the events of n requests (1 to FCGI_BATCH), all in one commit. */
void fcgi_store(struct fcgi *const *f, size_t n);

/* Answers a request whose event went through fcgi_store(). */
enum fcgi_next fcgi_answer(struct fcgi *f);

/* Logs and counts what fcgi_answer() answered. */
void fcgi_record(const struct fcgi *f);

#endif
