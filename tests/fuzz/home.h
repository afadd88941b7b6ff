/* SPDX-License-Identifier: ISC */
/* A home for fuzz targets: a configuration, and a spool with some events and a refused delivery. */
#ifndef HOME_H
#define HOME_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "conf/conf.h"
#include "core/log.h"
#include "spool/spool.h"

static char home_dir[] = "/tmp/hookspool-fuzz-XXXXXX";

static void home_report(void *ctx, enum log_level level, const char *message)
{
	(void)ctx;
	(void)level;
	fprintf(stderr, "%s\n", message);
}

static void home_remove(void)
{
	char command[64];

	snprintf(command, sizeof command, "rm -r %s", home_dir);
	assert(system(command) == 0);
}

static inline FILE *home_file(const char *name, char path[64])
{
	FILE *f;

	snprintf(path, 64, "%s/%s", home_dir, name);
	f = fopen(path, "w");
	assert(f);
	return f;
}

static void home_fill(const struct conf *conf)
{
	static const char *const bodies[] = {"{\"event\":\"message\",\"text\":\"\xE2\x80\xAE<script>\"}", "{\"event\":", "", "\x1f\x8b\x08"};
	struct spool *s = spool_new(conf->spool, JOURNAL_WAL, SPOOL_RECEIVE, (struct reject_limits){.keep = 10, .size = 1 << 20, .age = 86400000});
	char why[256];

	assert(s);
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		struct spool_event ev = {.endpoint = "/a", .event = slice_text("message"), .headers = slice_text("Content-Type: application/json\n"),
			.body = slice_text(bodies[i]), .remote_addr = "192.0.2.1", .received_at = 1000 + (int64_t)i, .sender_name = slice_text("Jo"),
			.relay = conf->endpoints[0].relay, .n_relay = conf->endpoints[0].n_relay};

		assert(spool_put(s, &ev, why, sizeof why));
	}
	spool_reject(s, &(struct spool_reject){.endpoint = "/a", .code = "unauthorized", .reason = "wrong signature", .remote_addr = "192.0.2.1",
		.received_at = 2000, .bytes = 2});
	spool_flush(s);
	spool_close(s);
}

/* A configuration with these options, and its spool. */
static struct conf *home_make(const char *options, enum conf_secrets secrets)
{
	struct conf *conf;
	char file[64];
	FILE *f;

	assert(mkdtemp(home_dir) && atexit(home_remove) == 0);
	f = home_file("hookspool.conf", file);
	fprintf(f, "spool = \"%s/spool\"\nlog-level = \"error\"\n%ssink \"out\" { type = \"null\" }\n"
		"endpoint \"/a\" {\n secret-env = {\"NONE\"}\n relay = {\"out\"}\n}\n", home_dir, options);
	fclose(f);
	conf = conf_load_with(file, secrets, home_report, NULL);
	assert(conf);
	log_setup(LOG_LEVEL_ERROR, conf->log_format, conf->log_target);
	home_fill(conf);
	return conf;
}

#endif
