/* SPDX-License-Identifier: ISC */
/* The reload on SIGHUP: a new configuration is taken whole, or not at all. */
#include "gate/reload.h"

#include <stdio.h>
#include <string.h>

/* Logs it. The first error is what the spool is told of. */
static void report_and_keep(void *ctx, enum log_level level, const char *message)
{
	struct reload *r = ctx;

	if (level == LOG_LEVEL_ERROR && !*r->error)
		snprintf(r->error, sizeof r->error, "%s", message);
	log_message(level, "%s", message);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* The option that changed and is fixed for the life of the process; NULL: none. */
static const char *needs_restart(const struct conf *old, const struct conf *new)
{
	if (!same_text(old->spool, new->spool))
		return "spool";
	if (!same_text(old->overflow, new->overflow))
		return "overflow";
	if (old->journal != new->journal)
		return "journal";
	return same_text(old->listen, new->listen) ? NULL : "listen";
}

void reload_tell(struct reload *r)
{
	spool_tell(r->s->spool, &r->self);
	waker_wake(&r->s->chore);
}

/* The new configuration, or NULL after a message. */
static struct shared_conf *load_again(struct reload *r)
{
	const struct conf *old = r->s->conf->conf;
	struct conf *conf;
	const char *fixed;
	struct shared_conf *new;

	*r->error = '\0';
	conf = conf_load(old->file, report_and_keep, r);
	fixed = conf ? needs_restart(old, conf) : NULL;
	new = conf && !fixed ? shared_conf_new(conf) : NULL;
	if (new)
		return new;
	if (fixed) {
		snprintf(r->error, sizeof r->error, "%s: %s can't change on a reload; restart", conf->file, fixed);
		log_message(LOG_LEVEL_ERROR, "%s", r->error);
	}
	conf_free(conf);
	log_message(LOG_LEVEL_ERROR, "reload failed; the configuration stays as it was");
	return NULL;
}

void reload_configuration(struct reload *r)
{
	struct server *s = r->s;
	struct shared_conf *new = load_again(r);

	if (!new) {
		spool_program_refused(&r->self, r->error);
		reload_tell(r);
		return;
	}
	shared_conf_replace(s, new);
	spool_limit(s->spool, new->conf->reject);
	log_setup(new->conf->log_level, new->conf->log_format, new->conf->log_target);
	log_message(LOG_LEVEL_INFO, "configuration reloaded from %s", new->conf->file);
	spool_program_loaded(&r->self, new->conf);
	reload_tell(r);
}
