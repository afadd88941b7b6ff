/* SPDX-License-Identifier: ISC */
/* The configuration: read whole, validated, then const; reload makes a new one and swaps the pointer. */
#ifndef CONF_H
#define CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "conf/cidr.h"
#include "conf/scheme.h"
#include "conf/sink.h"
#include "core/key.h"
#include "core/log.h"
#include "core/rate.h"

enum {
	CONF_MAX_IN_FLIGHT = 1024, /* the most that max-in-flight may be */
	CONF_STORES = 8,           /* the most sinks that an endpoint's store may name */
	CONF_FINGERPRINT = 65,     /* bytes of a fingerprint as text, with its NUL */
};

/* A shared secret and where it came from. The bytes are never logged. */
struct secret {
	char *source; /* "file /etc/hookspool/linkedin.secret", "env LINKEDIN_SECRET" */
	char *text;   /* NUL-terminated, len without the NUL */
	size_t len;
	int64_t id;      /* tells it from others wherever it stands in the configuration; of its text, and never 0 */
	struct key *key; /* of a signing secret; NULL for others */
	struct key *other_key; /* the same for the scheme's other algorithm; NULL where it has none */
};

struct secrets {
	struct secret *item;
	size_t n;
};

struct endpoint {
	char *path; /* its title: the URL path, compared byte for byte */
	char *name; /* for people; NULL: none */
	struct scheme scheme; /* with this endpoint's bodies */
	struct secrets secrets;        /* signing secrets; several while rotating */
	struct secrets authorizations; /* whole Authorization values; empty: not asked for */
	struct secrets verify_tokens;  /* of a handshake that has them */
	char *url;                     /* as the provider was given it, without a query; NULL: not said */
	struct strlist events;           /* stored; empty: all */
	struct strlist accounts;         /* stored; empty: all */
	struct cidrs allow;            /* REMOTE_ADDR must be in one; empty: all */
	struct strlist certificates;     /* SSL_CLIENT_S_DN must be one, "*" is any that was verified; empty: not asked for */
	struct rate rate;
	bool answer_given;             /* the answer to an accepted delivery is configured */
	unsigned answer_status;
	char *answer_type, *answer_body; /* NULL: ours */
	size_t max_body;               /* bytes */
	int64_t keep;                  /* ms after which its events go; 0: they stay; -1: as the others' */
	int64_t dedupe_window;         /* that of the configuration */
	int64_t replay_window;         /* ms that equal bytes under another unsigned id are a duplicate; 0: never */
	const struct sink **relay;     /* the sinks its events go to */
	size_t n_relay;
	const struct sink **store;     /* the sinks whose acknowledgement the answer waits for */
	size_t n_store;
	int64_t store_wait;            /* ms that the answer waits for them at most */
	bool store_required;           /* the answer is 503 where they have not acknowledged by then */
};

/* What is kept of rejected deliveries: the newest, as long as all of this holds. */
struct reject_limits {
	unsigned keep;
	size_t size; /* bytes of their bodies and headers together */
	int64_t age; /* ms */
};

enum journal {
	JOURNAL_WAL,    /* local disks: one fsync a commit */
	JOURNAL_DELETE, /* network file systems, asked for: slower, no shared memory */
};

struct conf {
	void *tree;  /* the parser's; schemes of the configuration's own borrow from it */
	char *file;  /* the path it was read from */
	struct strlist files; /* that path, and those of all included files */
	char fingerprint[CONF_FINGERPRINT]; /* of their texts; empty when memory was short */
	char *spool; /* directory */
	enum journal journal;
	size_t min_free; /* bytes that check wants free on the spool's disk */

	char *listen; /* "unix:PATH" or "tcp:127.0.0.1:PORT"; NULL: none */
	mode_t socket_mode;
	char *socket_group;     /* NULL: the process's own */
	unsigned max_in_flight; /* bodies still arriving that may hold a worker */
	int64_t params_timeout; /* ms */
	int64_t body_timeout;   /* ms */
	int64_t idle_timeout;   /* ms that a kept connection may wait for its next request */

	enum log_level log_level;
	enum log_format log_format;
	enum log_target log_target;
	bool log_bodies;

	struct reject_limits reject;
	bool reject_bodies; /* and with them all headers that are no secret */
	int64_t dedupe_window; /* ms that a key is known for, also when its event was purged */
	int64_t keep;          /* ms after which events go; 0: they stay */

	struct endpoint *endpoints;
	size_t n_endpoints;
	struct sink *sinks;
	size_t n_sinks;
};

/* Where errors and warnings go: one call each, "FILE:LINE: what is wrong; the fix", no newline. */
typedef void conf_report(void *ctx, enum log_level level, const char *message);

/* What conf_load_with() does about the secrets of endpoints. A sink's are never read here. */
enum conf_secrets {
	CONF_SECRETS_ALL,   /* each is read; one that cannot be is an error: for the receiver, verify and send */
	CONF_SECRETS_CHECK, /* the same for check, which reads on where others may change a file, and looks at all of conf->files */
	CONF_SECRETS_THERE, /* one that cannot be read, or is no key, has len 0, id 0 and key NULL: for list, stats and the like */
	CONF_SECRETS_NONE,  /* none is read, and all secrets are empty: for the relay */
};

/*
 * Reads and validates the file and all it includes, with the secrets it names. An endpoint's
 * relative paths start at the file it stands in, the others at the main file. NULL after at least one error was reported. The
 * caller owns the result and frees it with conf_free(). Not thread-safe (libconfuse's lexer is not).
 */
struct conf *conf_load(const char *file, conf_report *report, void *ctx);

/* The same; conf_load() is the one with CONF_SECRETS_ALL. */
struct conf *conf_load_with(const char *file, enum conf_secrets secrets, conf_report *report, void *ctx);
void conf_free(struct conf *c);

/* The endpoint of that path, or NULL. */
const struct endpoint *conf_endpoint(const struct conf *c, const char *path);

/* The i-th sink of the endpoint, those of relay before those of store; NULL behind the last. */
const struct sink *conf_endpoint_sink(const struct endpoint *e, size_t i);

/* The sink of that name, or NULL. */
const struct sink *conf_sink(const struct conf *c, const char *name);

/* Which of the secrets has that id, from 1; 0: none has. */
int conf_secret(const struct secrets *s, int64_t id);

/* The scheme of that name, built in or the configuration's own, into out; it borrows from the configuration. */
bool conf_scheme(const struct conf *c, const char *name, struct scheme *out);

/*
 * Where the configuration is: `given` (from -c), else $HOOKSPOOL_CONF, else hookspool.conf beside
 * the running program, else the compiled-in default. Writes it to out, of size n; returns out.
 */
const char *conf_find(const char *given, char *out, size_t n);

#endif
