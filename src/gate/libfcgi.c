/* SPDX-License-Identifier: ISC */
/* libfcgi: reads a request's variables out of a stream that the receiver wrote, and writes the answer's records. */
#define _GNU_SOURCE /* memfd_create */
#include "gate/libfcgi.h"

#include <fcgiapp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct libfcgi {
	FCGX_Request request;
	bool open;
};

/*
 * A file in memory, from which libfcgi reads the stream; -1: none yet. libfcgi_open() reads all of it, so one file serves
 * all requests: a descriptor for each would use up those that are left for the spool.
 */
static int file = -1;
static pthread_mutex_t file_mutex = PTHREAD_MUTEX_INITIALIZER;

static bool make_file(void)
{
	if (file < 0)
		file = memfd_create("variables", MFD_CLOEXEC);
	return file >= 0;
}

/* The file is made at the start: no descriptor may be left when the first request comes. */
bool libfcgi_init(void)
{
	return make_file() && FCGX_Init() == 0;
}

struct libfcgi *libfcgi_new(void)
{
	return calloc(1, sizeof(struct libfcgi));
}

void libfcgi_close(struct libfcgi *l)
{
	if (l->open)
		FCGX_Free(&l->request, 0);
	l->open = false;
}

void libfcgi_free(struct libfcgi *l)
{
	if (!l)
		return;
	libfcgi_close(l);
	free(l);
}

/* Puts the stream where libfcgi reads. What an earlier, longer one left behind it is not read: libfcgi stops at the empty PARAMS. */
static bool put(const struct buf *stream)
{
	return make_file() && pwrite(file, stream->data, stream->len, 0) == (ssize_t)stream->len && lseek(file, 0, SEEK_SET) == 0;
}

static bool read_variables(FCGX_Request *x)
{
	x->ipcFd = file;
	x->keepConnection = 1;
	if (FCGX_Accept_r(x) == 0)
		return true;
	file = -1; /* libfcgi has closed it */
	return false;
}

bool libfcgi_open(struct libfcgi *l, const struct buf *stream)
{
	if (FCGX_InitRequest(&l->request, -1, FCGI_FAIL_ACCEPT_ON_INTR) != 0)
		return false;
	pthread_mutex_lock(&file_mutex);
	l->open = put(stream) && read_variables(&l->request);
	pthread_mutex_unlock(&file_mutex);
	return l->open;
}

char *const *libfcgi_variables(const struct libfcgi *l)
{
	return l->request.envp;
}

/* The stream that is closed last ends the request (FastCGI 1.0, section 5.5). An error stays until then. */
bool libfcgi_answer(struct libfcgi *l, int fd, const struct buf *answer)
{
	FCGX_Request *x = &l->request;

	x->ipcFd = fd;
	FCGX_PutStr(answer->data, (int)answer->len, x->out);
	return FCGX_FClose(x->err) == 0 && FCGX_FClose(x->out) == 0;
}
