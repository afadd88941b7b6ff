/* SPDX-License-Identifier: ISC */
/* How the relay learns at once that there is something to send. */
#include "spool/wakeup.h"

#include <errno.h>
#include <unistd.h>

#include "spool/socket.h"

#define HURRY "!"

bool spool_wakeup_send(struct spool_wakeup *p, const char *dir, bool hurry)
{
	struct sockaddr_un address;

	if (!spool_socket_address(&address, dir, SPOOL_WAKEUP_SOCKET))
		return false;
	if (p->fd < 0)
		p->fd = spool_socket_new(SOCK_DGRAM);
	return sendto(p->fd, hurry ? HURRY : "", 1, 0, (struct sockaddr *)&address, sizeof address) >= 0 || errno == EAGAIN;
}

void spool_wakeup_close(struct spool_wakeup *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

int spool_wakeup_listen(const char *dir)
{
	return spool_socket_bind(dir, SPOOL_WAKEUP_SOCKET, SOCK_DGRAM);
}

bool spool_wakeup_hear(int fd)
{
	bool hurry = false;
	char word;

	while (recv(fd, &word, 1, MSG_DONTWAIT) >= 0)
		hurry = hurry || word == *HURRY;
	return hurry;
}
