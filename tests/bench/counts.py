# SPDX-License-Identifier: ISC
"""The syncs and SQLite commits of the processes that are measured, counted by counts.so."""
import os
import struct
from pathlib import Path

LIBRARY = Path(os.environ["HOOKSPOOL_BUILD"]) / "tests/bench/counts.so"
ENV = {}  # what a process wants in its environment to be counted


def begin(where):
    """Lets processes that start from now on count, in a file below a directory."""
    (where / "counts").write_bytes(bytes(16))
    (where / "counts").chmod(0o666)
    ENV.update(LD_PRELOAD=str(LIBRARY), BENCH_COUNTS=str(where / "counts"))


def read():
    """All syncs and commits so far."""
    return struct.unpack("LL", Path(ENV["BENCH_COUNTS"]).read_bytes())
