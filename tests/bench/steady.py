# SPDX-License-Identifier: ISC
"""Large events for as long as the disk has room: whether the last minute receives as much as the first."""
import os
import shutil

import measure
import systems
from reach import line

SIZE, CONNECTIONS = 65536, 64
MINUTES = 10
FREE = int(os.environ.get("BENCH_FREE_GIB", 26)) << 30  # bytes that the disk keeps


def run(seconds):
    """Ten minutes, or parts of a shorter time, on one receiver without a pause."""
    minute, found, where = max(1, seconds // MINUTES), [], systems.home()
    with systems.behind_nginx(where, [where / "hookspool.fcgi"], True) as running:
        measure.check("hookspool", running.port, True)
        measure.wrk(running.port, SIZE, CONNECTIONS, measure.WARM_UP)
        needs = 0
        while len(found) < MINUTES and shutil.disk_usage(where).free > FREE + needs:
            free = shutil.disk_usage(where).free
            found.append(measure.wrk(running.port, SIZE, CONNECTIONS, minute))
            needs = 2 * (free - shutil.disk_usage(where).free)
            print(f"64 KB, part {len(found)} of {minute} s: {found[-1]['requests'] / found[-1]['microseconds'] * 1e6:9.0f}/s", flush=True)
    shutil.rmtree(where)
    rates = [of["requests"] / of["microseconds"] for of in found]
    room = "" if len(found) == MINUTES else ", until the disk was full"
    of = line(f"64 KB for {minute * len(found):,} s{room}: the last {minute} s ÷ the first", rates[-1] / rates[0] if len(rates) > 1 else None, ">=", 0.9)
    return [{**of, "errors": sum(of["errors"] for of in found), "rates": rates}]
