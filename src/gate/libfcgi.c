/* SPDX-License-Identifier: ISC */
/* libfcgi: writes the answer's records. */
#define _GNU_SOURCE /* memfd_create */
#include "config.h"

#include "gate/libfcgi.h"

#include <fastcgi.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * A file in memory from which libfcgi reads the begin of a request; -1: none yet. libfcgi has no other way to a writer. The
 * receiver has read the request itself, so the file is always the same: a responder's request without variables.
 */
static int file = -1;
static pthread_mutex_t file_mutex = PTHREAD_MUTEX_INITIALIZER;

#ifdef HAVE_MEMFD_CREATE
static int open_file(void)
{
	return memfd_create("request", MFD_CLOEXEC);
}
#else
/* Without a name, on the disk: it has some bytes, written once. */
static int open_file(void)
{
	FILE *f = tmpfile();
	int fd = f ? fcntl(fileno(f), F_DUPFD_CLOEXEC, 0) : -1;

	if (f)
		fclose(f);
	return fd;
}
#endif

static bool make_file(void)
{
	static const unsigned char request[] = {
		FCGI_VERSION_1, FCGI_BEGIN_REQUEST, 0, 1, 0, sizeof(FCGI_BeginRequestBody), 0, 0,
		0, FCGI_RESPONDER, FCGI_KEEP_CONN, 0, 0, 0, 0, 0,
		FCGI_VERSION_1, FCGI_PARAMS, 0, 1, 0, 0, 0, 0,
	};

	if (file < 0)
		file = open_file();
	return file >= 0 && pwrite(file, request, sizeof request, 0) == sizeof request;
}

/* The file is made at the start: no descriptor may be left when the first request comes. */
bool libfcgi_init(void)
{
	return make_file() && FCGX_Init() == 0;
}

static bool begin_request(FCGX_Request *x)
{
	bool ok = FCGX_InitRequest(x, -1, FCGI_FAIL_ACCEPT_ON_INTR) == 0;

	pthread_mutex_lock(&file_mutex);
	ok = ok && (file >= 0 || make_file()) && lseek(file, 0, SEEK_SET) == 0;
	x->ipcFd = file;
	x->keepConnection = 1;
	if (ok && FCGX_Accept_r(x) != 0) {
		file = -1; /* libfcgi has closed it */
		ok = false;
	}
	pthread_mutex_unlock(&file_mutex);
	return ok;
}

/* The stream that is closed last ends the request (FastCGI 1.0, section 5.5). An error stays until then. */
bool libfcgi_answer(int fd, unsigned id, const struct buf *answer)
{
	FCGX_Request x;
	bool ok;

	if (!begin_request(&x))
		return false;
	x.requestId = (int)id;
	x.ipcFd = fd;
	FCGX_PutStr(answer->data, (int)answer->len, x.out);
	ok = FCGX_FClose(x.err) == 0 && FCGX_FClose(x.out) == 0;
	FCGX_Free(&x, 0);
	return ok;
}
