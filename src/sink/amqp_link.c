/* SPDX-License-Identifier: ISC */
/* A connection to RabbitMQ. */
#include "sink/amqp_link.h"

#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#if __has_include(<rabbitmq-c/ssl_socket.h>)
#include <rabbitmq-c/ssl_socket.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#endif

enum { FRAME_MAX = 128 * 1024 };

amqp_bytes_t amqp_link_bytes(const char *p, size_t n)
{
	return (amqp_bytes_t){.len = n, .bytes = (void *)(uintptr_t)p};
}

/* ---- errors */

static void print_close(char why[AMQP_WHY_SIZE], const char *what, amqp_method_t m)
{
	amqp_bytes_t text = {0};

	if (m.id == AMQP_CHANNEL_CLOSE_METHOD)
		text = ((amqp_channel_close_t *)m.decoded)->reply_text;
	else if (m.id == AMQP_CONNECTION_CLOSE_METHOD)
		text = ((amqp_connection_close_t *)m.decoded)->reply_text;
	snprintf(why, AMQP_WHY_SIZE, "%s: %.*s", what, (int)text.len, (const char *)text.bytes);
}

bool amqp_link_ok(amqp_rpc_reply_t r, const char *what, char why[AMQP_WHY_SIZE])
{
	if (r.reply_type == AMQP_RESPONSE_NORMAL)
		return true;
	if (r.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION)
		print_close(why, what, r.reply);
	else
		snprintf(why, AMQP_WHY_SIZE, "%s: %s", what, amqp_error_string2(r.library_error));
	return false;
}

/* ---- the connection */

/* The library verifies neither by default, in some of its versions. */
static bool prepare_tls(amqp_socket_t *s, const struct amqp_place *p)
{
	amqp_ssl_socket_set_verify_peer(s, 1);
	amqp_ssl_socket_set_verify_hostname(s, 1);
	if (amqp_ssl_socket_set_ssl_versions(s, AMQP_TLSv1_2, AMQP_TLSvLATEST) != AMQP_STATUS_OK)
		return false;
	if (p->ca_file)
		return amqp_ssl_socket_set_cacert(s, p->ca_file) == AMQP_STATUS_OK;
	return SSL_CTX_set_default_verify_paths(amqp_ssl_socket_get_context(s)) == 1;
}

static bool connect_socket(amqp_connection_state_t c, const struct amqp_place *p, const struct timeval *limit, char why[AMQP_WHY_SIZE])
{
	amqp_socket_t *s = p->tls ? amqp_ssl_socket_new(c) : amqp_tcp_socket_new(c);
	int code;

	if (!s || (p->tls && !prepare_tls(s, p))) {
		snprintf(why, AMQP_WHY_SIZE, "TLS can't be prepared; is ca-file a certificate?");
		return false;
	}
	code = amqp_socket_open_noblock(s, p->host, p->port, limit);
	if (code != AMQP_STATUS_OK)
		snprintf(why, AMQP_WHY_SIZE, "no connection to %s port %d: %s", p->host, p->port, amqp_error_string2(code));
	return code == AMQP_STATUS_OK;
}

/* The server's log and lists have the product. connection.blocked says why a server takes no messages (rabbitmq.com, "Blocked Connections"). */
static bool log_in_amqp(amqp_connection_state_t c, const struct amqp_place *p, char why[AMQP_WHY_SIZE])
{
	const char *user = p->user ? p->user : "guest", *password = p->user ? p->password.data : "guest";
	amqp_table_entry_t blocked = {.key = amqp_cstring_bytes("connection.blocked"), .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1}};
	amqp_table_entry_t entry[] = {
		{.key = amqp_cstring_bytes("product"), .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes("hookspool")}},
		{.key = amqp_cstring_bytes("capabilities"), .value = {.kind = AMQP_FIELD_KIND_TABLE, .value.table = {1, &blocked}}},
	};
	const amqp_table_t properties = {2, entry};

	return amqp_link_ok(amqp_login_with_properties(c, p->vhost, 0, FRAME_MAX, AMQP_HEARTBEAT_S, &properties, AMQP_SASL_METHOD_PLAIN, user, password),
		"login", why) &&
		(amqp_channel_open(c, AMQP_CHANNEL), amqp_link_ok(amqp_get_rpc_reply(c), "channel", why));
}

amqp_connection_state_t amqp_link_open(const struct amqp_place *p, int64_t ms, void (*on_socket)(void *ctx, int socket), void *ctx, char why[AMQP_WHY_SIZE])
{
	struct timeval limit = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
	amqp_connection_state_t c = amqp_new_connection();

	snprintf(why, AMQP_WHY_SIZE, "memory is short");
	if (!c)
		return NULL;
	amqp_set_handshake_timeout(c, &limit);
	amqp_set_rpc_timeout(c, &limit);
	if (connect_socket(c, p, &limit, why)) {
		on_socket(ctx, amqp_get_sockfd(c));
		if (log_in_amqp(c, p, why))
			return c;
		on_socket(ctx, -1);
	}
	amqp_destroy_connection(c);
	return NULL;
}

/* ---- the channel */

static bool declare_queue(amqp_connection_state_t c, const struct amqp_place *p, char why[AMQP_WHY_SIZE])
{
	amqp_table_entry_t type = {.key = amqp_cstring_bytes("x-queue-type"),
		.value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes("quorum")}};
	amqp_table_t arguments = {.num_entries = p->declare == AMQP_QUEUE_QUORUM, .entries = &type};
	amqp_bytes_t name = amqp_cstring_bytes(p->queue);

	amqp_queue_declare(c, AMQP_CHANNEL, name, 0, 1, 0, 0, arguments);
	if (!amqp_link_ok(amqp_get_rpc_reply(c), "the queue is another one than the sink's option queue says", why))
		return false;
	if (!*p->exchange)
		return true;
	amqp_queue_bind(c, AMQP_CHANNEL, name, amqp_cstring_bytes(p->exchange), name, amqp_empty_table);
	return amqp_link_ok(amqp_get_rpc_reply(c), "the queue can't be bound to the exchange", why);
}

/* A passive declaration asks whether it is there. */
bool amqp_link_prepare(amqp_connection_state_t c, const struct amqp_place *p, char why[AMQP_WHY_SIZE])
{
	amqp_confirm_select(c, AMQP_CHANNEL);
	if (!amqp_link_ok(amqp_get_rpc_reply(c), "confirms", why))
		return false;
	if (*p->exchange) {
		amqp_exchange_declare(c, AMQP_CHANNEL, amqp_cstring_bytes(p->exchange), amqp_cstring_bytes("direct"), 1, 0, 0, 0, amqp_empty_table);
		if (!amqp_link_ok(amqp_get_rpc_reply(c), "the exchange", why))
			return false;
	}
	return p->declare == AMQP_QUEUE_NONE || declare_queue(c, p, why);
}
