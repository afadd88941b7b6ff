/* libfcgi: reads a request's variables out of a stream that the receiver wrote, and writes the answer's records. */
#define _GNU_SOURCE /* memfd_create */
#include "gate/libfcgi.h"

#include <fcgiapp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct libfcgi {
	FCGX_Request request;
	int file; /* in memory: what libfcgi reads the stream from; -1: none yet */
	bool open;
};

bool libfcgi_init(void)
{
	return FCGX_Init() == 0;
}

struct libfcgi *libfcgi_new(void)
{
	struct libfcgi *l = calloc(1, sizeof *l);

	if (l)
		l->file = -1;
	return l;
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
	if (l->file >= 0)
		close(l->file);
	free(l);
}

/* Puts the stream where libfcgi reads. What an earlier, longer one left behind it is not read: libfcgi stops at the empty PARAMS. */
static bool put(struct libfcgi *l, const struct buf *stream)
{
	if (l->file < 0)
		l->file = memfd_create("variables", MFD_CLOEXEC);
	return l->file >= 0 && pwrite(l->file, stream->data, stream->len, 0) == (ssize_t)stream->len &&
		lseek(l->file, 0, SEEK_SET) == 0;
}

bool libfcgi_open(struct libfcgi *l, const struct buf *stream)
{
	FCGX_Request *x = &l->request;

	if (!put(l, stream) || FCGX_InitRequest(x, -1, FCGI_FAIL_ACCEPT_ON_INTR) != 0)
		return false;
	x->ipcFd = l->file;
	x->keepConnection = 1;
	l->open = FCGX_Accept_r(x) == 0;
	if (!l->open)
		l->file = -1; /* libfcgi has closed it */
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
