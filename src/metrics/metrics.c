/* SPDX-License-Identifier: ISC */
/* The metrics of a spool: all parts, with what the disk has. */
#include "config.h"

#include "metrics/metrics.h"

#include <sys/statvfs.h>

#include "core/clock.h"
#include "metrics/parts.h"
#include "spool/totals.h"

void parts_histogram(struct metrics *m, const struct exposition_label *labels, const struct measure_histogram *h, const int64_t *bounds,
	enum exposition_unit unit)
{
	exposition_add_histogram(&m->e, labels, &(struct exposition_histogram){h->bucket, bounds, MEASURE_BUCKETS, h->sum, unit});
}

static void write_build(struct metrics *m)
{
	exposition_begin(&m->e, EXPOSITION_INFO, "hookspool_build", "The version of hookspool that wrote this.");
	exposition_add(&m->e, EXPOSITION_LABELS({"version", PACKAGE_VERSION}), 1, EXPOSITION_ONE);
}

static void write_room(struct metrics *m)
{
	struct statvfs fs;

	exposition_begin(&m->e, EXPOSITION_GAUGE, "hookspool_spool_bytes", "The size of the spool's database on the disk.");
	exposition_add(&m->e, exposition_unlabelled, spool_totals_bytes(m->db), EXPOSITION_ONE);
	exposition_begin(&m->e, EXPOSITION_GAUGE, "hookspool_spool_free_bytes", "The free room of the spool's disk.");
	if (statvfs(m->conf->dir, &fs) == 0)
		exposition_add(&m->e, exposition_unlabelled, (int64_t)((uint64_t)fs.f_bavail * fs.f_frsize), EXPOSITION_ONE);
}

bool metrics_write(const struct conf *conf, struct spool_db *db, enum exposition_format format, struct slice names, struct buf *out)
{
	struct metrics m = {.conf = conf, .db = db, .measured = measure_read(conf->dir), .names = names, .now = clock_now(),
		.e = {.format = format, .out = out}};
	bool ok;

	write_build(&m);
	write_room(&m);
	spool_db_snapshot(db, true);
	ok = parts_programs(&m) && parts_receiving(&m) && parts_relaying(&m) && parts_catchups(&m);
	spool_db_snapshot(db, false);
	if (ok && m.measured)
		parts_durations(&m);
	measure_free(m.measured);
	return exposition_end(&m.e) && ok;
}
