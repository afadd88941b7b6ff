/* SPDX-License-Identifier: ISC */
/* What arrives on a FastCGI connection: the records of one request, its variables and its body. */
#ifndef INPUT_H
#define INPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/buf.h"
#include "hook/request.h"

enum { INPUT_MOST = 128 * 1024 }; /* so much of a request is seen, and taken, at most at once */

enum input_ready {
	INPUT_EMPTY,      /* nothing has come */
	INPUT_PARTIAL,    /* not all variables are there */
	INPUT_PARAMS,     /* the variables are there, or as much as a socket's buffer may hold; not all of the body */
	INPUT_FULL,       /* as one of the last two, and the rest may not come before some is read */
	INPUT_COMPLETE,   /* the whole request: serving it cannot block on reading */
	INPUT_MANAGEMENT, /* a whole management record, for fcgi_manage() */
	INPUT_CLOSED,     /* the peer has closed, or what it sends is not a request */
};

/*
 * Looks at what of a request has arrived on fd, behind the bytes of it that were taken before. Takes nothing, and does not wait. *size becomes
 * the bytes of what is there whole.
 */
enum input_ready input_look(int fd, struct slice early, size_t *size);

/* The same where nothing was taken before. */
enum input_ready input_peek(int fd, size_t *size);

/*
 * As input_peek(), but takes what has arrived, at most INPUT_MOST bytes: *taken. They stay until this thread's next call of one of these
 * three. A request that is whole is begun before that; of others the caller keeps input_taken().
 */
enum input_ready input_take(int fd, size_t *size, size_t *taken);

/* The bytes that input_take() took, from the byte `from` on. */
struct slice input_taken(size_t from, size_t taken);

/* The system call that returned n may be tried again: nothing has come, or a signal interrupted it. */
bool input_try_again(ssize_t n);

/* How a request is to be read. */
struct input_mode {
	size_t complete;  /* the bytes of the whole request, as input_look() or input_take() saw it; 0: some are still to come */
	size_t taken;     /* of these, the bytes that are taken already */
	struct slice early; /* of a request of which some are still to come: these bytes, and the caller's */
	bool may_wait;    /* for what is still to come */
	int64_t deadline; /* of the variables, clock_mono_us() */
};

/* A request that is being read. Zero-initialised before the first one, then used again and again. */
struct input {
	int fd;
	unsigned id, role; /* of the request */
	bool keep;         /* the peer keeps the connection for another request */
	int64_t deadline;  /* of the variables; the caller sets that of the body; clock_mono_us() */

	/* all below is input.c's */
	size_t complete;
	bool may_wait;
	bool ended; /* `at` is behind the request's last record */
	unsigned char *raw, *own; /* the records, from `at` to `n`: in `own` for a request that is still arriving */
	size_t at, n;
	size_t content, padding; /* left of the record that `at` is in */
	int type;                /* of that record */
	struct buf pairs; /* names and values; then the variables' text */
	struct buf envp;  /* of char * */
};

/* Begins with the next request on fd. False: the connection is broken, or memory is short. */
bool input_begin(struct input *in, int fd, const struct input_mode *mode);

enum input_variables {
	INPUT_VARIABLES_OK,
	INPUT_VARIABLES_TOO_LARGE,  /* longer than RECORD_PARAMS_MAX; the first ones are there */
	INPUT_VARIABLES_ABORTED,    /* by the peer, with ABORT_REQUEST */
	INPUT_VARIABLES_OTHER_ROLE, /* not a responder's request */
	INPUT_VARIABLES_BROKEN,     /* malformed, too slow, or memory is short */
};

/* Reads the request's begin and its variables. */
enum input_variables input_variables(struct input *in);

/* The variables as "NAME=value", NULL last. Valid until the next request. */
char **input_envp(const struct input *in);

/* A body_reader; its context is a struct input. */
enum read_result input_body(void *in, char *p, size_t n, size_t *got);

/* Nothing of the request is left unread. */
bool input_is_taken(const struct input *in);

/* The bytes of its buffers. */
size_t input_memory(const struct input *in);

/* Frees the variables; input_free() frees all. */
void input_release(struct input *in);
void input_free(struct input *in);

#endif
