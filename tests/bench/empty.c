/* SPDX-License-Identifier: ISC */
/*
 * The floor: a libfcgi handler that reads the body and answers as long a text as hookspool's, and
 * does nothing else. As in libfcgi's own threaded.c, each thread serves one connection; kept ones
 * want as many threads as the web server keeps. Without a socket on fd 0 it is a CGI.
 */
#include <fcgiapp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static const char answer[] =
	"Status: 200 OK\r\nContent-Type: application/json\r\nContent-Length: 32\r\nCache-Control: no-store\r\n\r\n"
	"{\"status\":\"stored\",\"id\":1234567}";

static void *serve(void *arg)
{
	FCGX_Request r;
	char trash[8192];

	(void)arg;
	FCGX_InitRequest(&r, 0, 0);
	while (FCGX_Accept_r(&r) == 0) {
		while (FCGX_GetStr(trash, sizeof trash, r.in) > 0)
			continue;
		FCGX_PutStr(answer, sizeof answer - 1, r.out);
		FCGX_Finish_r(&r);
	}
	return NULL;
}

static int serve_cgi(void)
{
	char trash[8192];
	long left = getenv("CONTENT_LENGTH") ? atol(getenv("CONTENT_LENGTH")) : 0;

	while (left > 0)
		left -= (long)fread(trash, 1, left < (long)sizeof trash ? (size_t)left : sizeof trash, stdin);
	fputs(answer, stdout);
	return 0;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 1;
	pthread_t t;

	if (FCGX_IsCGI())
		return serve_cgi();
	FCGX_Init();
	while (threads-- > 1)
		if (pthread_create(&t, NULL, serve, NULL) != 0)
			return 1;
	serve(NULL);
	return 0;
}
