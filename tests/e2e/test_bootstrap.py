# SPDX-License-Identifier: ISC
"""./bootstrap run, as a new user has it: from a checkout in a directory with a blank in its name."""
import json
import re
import shutil
import signal
import subprocess

import pytest

import sender
from outcomes import expect
from place import SANITIZER, SOURCE, new_dir, run
from proc import Child

pytestmark = pytest.mark.skipif(bool(SANITIZER), reason="it makes a build of its own, without sanitizers")


@pytest.fixture
def checkout():
    where = new_dir("new user ")
    shutil.copytree(SOURCE, where, dirs_exist_ok=True, symlinks=True,
                    ignore=shutil.ignore_patterns("build*", ".git", "var", "autom4te.cache"))
    if (SOURCE / "build-aux").exists():
        shutil.copytree(SOURCE / "build-aux", where / "build-aux", symlinks=True)
    for path in (where, *where.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)
    return where


def events(checkout):
    done = run([checkout / "build/hookspool", "-c", checkout / "var/hookspool.conf", "export"])
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def play(checkout, stored):
    """Starts it, delivers once more with the secret it names, stops it as Ctrl-C does; leaves no process."""
    log = checkout.parent / f"bootstrap{stored}.log"
    child = Child([checkout / "bootstrap", "run"], log, user=None, env={"CFLAGS": "-O0"})
    child.until(lambda: "Ctrl-C stops it." in child.text(), "it is ready", 300)
    text = child.text()
    assert "outcome=stored" in text and '200 after' in text
    port = int(re.search(r"receives at +http://127\.0\.0\.1:(\d+)/webhook/linkedin", text)[1])
    secret = re.search(r"signing secret is +(.*)", text)[1]
    body = sender.message()
    with open(secret) as file:
        expect(sender.deliver(port, "/webhook/linkedin", body, secret=file.read().strip()), "stored")
    found = events(checkout)
    assert len(found) == stored and found[-1]["body"].encode() == body
    child.signal(signal.SIGINT)
    assert child.wait(10) == 0
    left = subprocess.run(["pgrep", "-g", str(child.pid)], capture_output=True)
    assert not left.stdout, left.stdout
    return port


def test_run_twice(checkout, children):
    assert play(checkout, 2) == play(checkout, 4)
