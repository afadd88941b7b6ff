/* SPDX-License-Identifier: ISC */
/* Acknowledgements: the receiver asks the relay to be told when a sink has acknowledged, and the relay answers. */
#include "spool/ack.h"

#include <errno.h>
#include <unistd.h>

#include "core/descriptor.h"
#include "spool/socket.h"

enum { BACKLOG = 128 }; /* receivers that connect before the relay's next turn; as many CGI programs may start at once */

int spool_ack_connect(const char *dir)
{
	struct sockaddr_un address;
	int fd, error;

	if (!spool_socket_address(&address, dir, SPOOL_ACK_SOCKET))
		return -1;
	fd = spool_socket_new(SOCK_SEQPACKET);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* True when the whole packet went out; false with errno set. */
static bool send_packet(int fd, const void *p, size_t size)
{
	ssize_t n;

	do
		n = send(fd, p, size, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)size;
}

/* Reads a packet of whole entries. Returns their number; 0: none has come; SPOOL_ACK_GONE, also for a packet that is too long. */
static int read_packet(int fd, void *out, size_t entry)
{
	const size_t size = entry * SPOOL_ACK_MOST;
	ssize_t n;

	do
		n = recv(fd, out, size, MSG_DONTWAIT | MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : SPOOL_ACK_GONE;
	return n > 0 && (size_t)n <= size && (size_t)n % entry == 0 ? (int)((size_t)n / entry) : SPOOL_ACK_GONE;
}

enum spool_ack_asked spool_ack_ask(int fd, const struct spool_ack_key *key, size_t n)
{
	if (send_packet(fd, key, n * sizeof *key))
		return SPOOL_ACK_ASKED;
	return errno == EAGAIN || errno == ENOBUFS ? SPOOL_ACK_LATER : SPOOL_ACK_LOST;
}

int spool_ack_read(int fd, struct spool_ack out[SPOOL_ACK_MOST])
{
	int n = read_packet(fd, out, sizeof *out);

	for (int i = 0; i < n; i++)
		if (out[i].state < 0 || out[i].state >= SPOOL_ACK_STATES)
			return SPOOL_ACK_GONE;
	return n;
}

int spool_ack_listen(const char *dir)
{
	int fd = spool_socket_bind(dir, SPOOL_ACK_SOCKET, SOCK_SEQPACKET), error;

	if (fd < 0 || listen(fd, BACKLOG) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

int spool_ack_accept(int listen_fd)
{
	return descriptor_accept(listen_fd);
}

int spool_ack_asked(int fd, struct spool_ack_key out[SPOOL_ACK_MOST])
{
	return read_packet(fd, out, sizeof *out);
}

bool spool_ack_answer(int fd, const struct spool_ack *ack, size_t n)
{
	return send_packet(fd, ack, n * sizeof *ack);
}
