/* SPDX-License-Identifier: ISC */
/* The configuration in use: requests that began before a reload keep the one they began with. */
#include "gate/server.h"

#include <stdlib.h>

struct shared_conf *shared_conf_new(struct conf *conf)
{
	struct shared_conf *c = malloc(sizeof *c);

	if (c)
		*c = (struct shared_conf){conf, 1};
	return c;
}

struct shared_conf *shared_conf_get(struct server *s)
{
	struct shared_conf *c;

	pthread_mutex_lock(&s->mutex);
	c = s->conf;
	c->users++;
	pthread_mutex_unlock(&s->mutex);
	return c;
}

void shared_conf_put(struct server *s, struct shared_conf *c)
{
	unsigned users;

	pthread_mutex_lock(&s->mutex);
	users = --c->users;
	pthread_mutex_unlock(&s->mutex);
	if (users == 0) {
		conf_free(c->conf);
		free(c);
	}
}

void shared_conf_replace(struct server *s, struct shared_conf *c)
{
	struct shared_conf *old;

	pthread_mutex_lock(&s->mutex);
	old = s->conf;
	s->conf = c;
	pthread_mutex_unlock(&s->mutex);
	shared_conf_put(s, old);
}
