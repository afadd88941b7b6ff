"""make bench, as far as it goes in seconds: the load is right, nothing fails, and every table is made."""
import json
import os
import subprocess

import pytest

from place import SANITIZER, SOURCE, find_build, need, new_dir

pytestmark = pytest.mark.skipif(bool(SANITIZER), reason="it measures what is built for speed")


def test_load_and_growth():
    need("wrk")
    doc, build = new_dir("doc"), find_build()
    env = {**os.environ, "HOOKSPOOL_BUILD": str(build), "BENCH_DOC": str(doc), "BENCH_SECONDS": "1", "BENCH_REPEATS": "1",
           "BENCH_ONLY": "empty-kept,hookspool-kept,hookspool-cgi", "BENCH_CONNECTIONS": "1,64", "BENCH_EVENTS": "0,1000"}
    done = subprocess.run([SOURCE / "tests/bench/bench"], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((build / "bench.json").read_text())
    assert {name: set(of) for name, of in found["load"].items()} == {
        "empty-kept": {"700/1", "700/64", "65536/1", "65536/64"},
        "hookspool-kept": {"700/1", "700/64", "65536/1", "65536/64"},
        "hookspool-cgi": {"700/1", "65536/1"},
    }
    for of in found["load"].values():
        for numbers in of.values():
            assert numbers["errors"] == 0 and numbers["rate"] > 0 and numbers["p50"] <= numbers["p99"] <= numbers["max"]
    kept, cgi = found["load"]["hookspool-kept"]["700/64"], found["load"]["hookspool-cgi"]["700/1"]
    assert 0 < kept["commits"] < kept["rate"] / 2 and kept["syncs"] >= kept["commits"]
    assert cgi["commits"] >= 0.99 * cgi["rate"] and cgi["syncs"] >= cgi["commits"]
    assert found["load"]["empty-kept"]["700/64"]["syncs"] == 0
    assert set(found["growth"]) == {"0", "1000"}
    text = (doc / "PERFORMANCE.md").read_text()
    assert "with 1,000 events stored ÷ with none" in text
    assert text.count("| hookspool-kept |") == 5 and "<svg" in (doc / "bench.svg").read_text()
