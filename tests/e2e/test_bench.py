# SPDX-License-Identifier: ISC
"""make bench, as far as it goes in seconds: the load is right, nothing fails, and every table is made."""
import base64
import json
import os
import subprocess
import time
from collections import namedtuple

import pytest

from place import SANITIZER, SOURCE, find_build, need, new_dir, run
from receiver import Home
from sender import AUTHORIZATION, SECRET

pytestmark = pytest.mark.skipif(bool(SANITIZER), reason="it measures what is built for speed")

Ran = namedtuple("Ran", "found text chart scale")  # the numbers, the documents' texts, the chart


@pytest.fixture(scope="module")
def bench():
    """All of its parts, as short as they can be."""
    need("wrk")
    doc, build = new_dir("doc"), find_build()
    env = {**os.environ, "HOOKSPOOL_BUILD": str(build), "BENCH_DOC": str(doc), "BENCH_SECONDS": "1", "BENCH_REPEATS": "1",
           "BENCH_ONLY": "empty-kept,hookspool-kept,hookspool-cgi,hookspool-sqlite,hookspool-postgresql", "BENCH_CONNECTIONS": "1,64", "BENCH_EVENTS": "0,1000",
           "BENCH_PENDING": "100,1000", "BENCH_DOWN": "2000", "BENCH_BACKLOG": "500", "BENCH_ROW_SECONDS": "1", "BENCH_ROW_REPEATS": "1",
           "BENCH_STEADY": "2", "BENCH_FREE_GIB": "1", "BENCH_CGI": "3", "BENCH_PURGED": "2000", "BENCH_SEARCHED": "20000", "BENCH_IDLE": "100", "BENCH_ENDPOINTS": "50",
           "BENCH_STATIC": str(build)}
    done = subprocess.run([SOURCE / "tests/bench/bench"], env=env, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    return Ran(json.loads((build / "bench.json").read_text()), (doc / "PERFORMANCE.md").read_text(), (doc / "bench.svg").read_text(), (doc / "SCALE.md").read_text())


@pytest.mark.sqlite
def test_keys_of_a_load_have_the_time_of_the_clock(served):
    """Or the next load would write the index of keys in its middle, and no sender's events do that."""
    home, began = Home(), int(time.time() * 1000)
    url = f"http://127.0.0.1:{served('nginx', home).port}/webhook/linkedin"
    done = run([need("wrk"), "-t1", "-c64", "-d1s", "--timeout", "15s", "-s", SOURCE / "tests/bench/load.lua", url, "--", "700", SECRET, AUTHORIZATION])
    assert b'"errors": 0' in done.stdout, done.stdout
    times = [int(base64.b64decode(row["key"].split(":2-")[1])[:13]) for row in home.spool.query("SELECT key FROM event")]
    assert len(times) > 100 and began <= min(times) and max(times) <= time.time() * 1000


def test_load(bench):
    load = bench.found["load"]
    assert {name: set(of) for name, of in load.items()} == {
        "empty-kept": {"700/1", "700/64", "65536/1", "65536/64"},
        "hookspool-kept": {"700/1", "700/64", "65536/1", "65536/64"},
        "hookspool-cgi": {"700/1", "65536/1"},
    }
    for of in load.values():
        for numbers in of.values():
            assert numbers["errors"] == 0 and numbers["rate"] > 0 and numbers["p50"] <= numbers["p99"] <= numbers["max"]
    kept, cgi = load["hookspool-kept"]["700/64"], load["hookspool-cgi"]["700/1"]
    assert 0 < kept["commits"] < kept["rate"] / 2 and cgi["commits"] >= 0.99 * cgi["rate"]
    for of in kept, cgi:
        assert of["syncs"] > of["commits"] - 2  # one is counted before it is synced
    assert load["empty-kept"]["700/64"]["syncs"] == 0
    assert bench.text.count("| hookspool-kept |") == 5 and "<svg" in bench.chart


def test_growth(bench):
    assert set(bench.found["growth"]) == {"0", "1000"}
    assert "with 1,000 events stored ÷ with none" in bench.text
    assert bench.found["reading"]["events"] == 1000 and all(of["p50"] > 0 for of in bench.found["reading"]["took"].values())


ROWS = {"cpu-64k": 1, "written": 1, "empty-kept": 1, "cpu-700": 1, "p99": 1, "memory": 1, "p50": 1, "steady": 1, "cgi": 2, "purge": 2, "search": 11, "idle": 2,
        "endpoints": 2, "pages": 1, "growth": 2}


def test_rows(bench):
    """Each row of the table of what is to be reached, but for those of systems that are left out here."""
    rows = bench.found["rows"]
    assert {name: len(of) for name, of in rows.items()} == ROWS
    for of in (row for rows_of in rows.values() for row in rows_of):
        assert of["value"] is None or of["value"] > 0, of
        assert bench.text.count(f"\n| {of['text']} |") == 1
    took, = (row["took"] for row in rows["pages"])
    assert all(took[of] for of in ("polls", "summaries", "scrapes", "page")), "the open pages and the scraper were answered"
    assert rows["written"][0]["value"] >= 1, "a body is written at least once"
    assert len(rows["steady"][0]["rates"]) == 10


def test_relay(bench):
    relay = bench.found["relay"]
    assert set(relay["rates"]) == {"100", "1000", "1000/2000"}
    for numbers in relay["rates"].values():
        assert numbers["rate"] > 0 and numbers["cpu"] > 0 and numbers["resident"] > 0
    received = relay["receiving"]
    assert {name: of["attempts"] > 0 for name, of in received.items()} == {"idle": False, "busy": True, "relayed": True}
    assert all(of["errors"] == 0 and of["rate"] > 0 for of in received.values())
    assert relay["latency"]["p50"] <= relay["latency"]["p99"] <= relay["latency"]["max"]
    assert bench.text.count("\n| attempts a second ") == 3 and bench.text.count("÷ while it has nothing to send") == 1
    for row in ("1,000 for it and 2,000 for a sink that is down", "works off a backlog", "from the 200 to the sink"):
        assert bench.text.count(f"\n| {row} |") == 1


def test_sinks(bench):
    """Each type that the build has, and answers that wait for Redis."""
    backlogs, storing = bench.found["sinks"]["backlogs"], bench.found["sinks"]["storing"]
    assert set(backlogs) - {"journald"} == {"file", "dir", *(path.stem for path in (find_build() / "modules").glob("*.so"))} - {"journald", "spool-postgresql"}
    assert all(of["rate"] > 0 and of["cpu"] > 0 and of["resident"] > 0 for of in backlogs.values())
    assert set(storing) == {f"{name}/{n}" for name in ("plain", "store", "everysec") for n in (1, 64)}
    for of in storing.values():
        assert of["errors"] == of["missing"] == 0 and of["answered"] > 0, "Redis has each event that was answered 200"
    for row in ("redis", "file", "at once, 1 connection", "when Redis has the event, `appendfsync always`, 64 connections",
                "when Redis has the event, `appendfsync everysec`, 1 connection"):
        assert bench.text.count(f"\n| {row} |") == 1


def test_postgresql(bench):
    """A spool in PostgreSQL: each event that was answered 200 is there, and many share a commit."""
    found = bench.found["postgresql"]
    assert set(found) == {"hookspool-sqlite", "hookspool-postgresql"} and all(set(of) == {"1", "64"} for of in found.values())
    assert all(n["errors"] == 0 and n["rate"] > 0 for of in found.values() for n in of.values())
    ours = found["hookspool-postgresql"]
    assert ours["64"]["together"] > 2 * ours["1"]["together"]
    assert all(n["server_cpu"] > 0 and n["wal"] > 700 and n["disk"] > 700 for n in ours.values())
    assert "÷ its SQLite engine's, 64 connections" in bench.text and "| events of one commit, 64 connections |" in bench.text
    assert bench.text.count("| hookspool-postgresql | 64 |") == bench.scale.count("| hookspool-postgresql | 64 |") == 1
