# SPDX-License-Identifier: ISC
"""Sinks of the types file and dir, on real disks: the lines, rotation by others, what check says, and a full disk."""
import json
import os
import stat

import pytest

import fcgi_client
from outcomes import expect
from place import ROOT, own, run, until
from receiver import endpoint
from relaying import PATH, Relay, deliver, home_with, settled, sink, states
from sender import message


def to_file(name="out", **given):
    given.setdefault("path", "out.jsonl")
    return sink(name, type="file", allow_private=None, **given)


def to_dir(name="out", **given):
    given.setdefault("path", "out")
    return sink(name, type="dir", allow_private=None, **given)


def lines(home, name="out.jsonl"):
    path = home.dir / name
    return path.read_bytes().splitlines(keepends=True) if path.exists() else []


def numbers(home, name="out.jsonl"):
    return [json.loads(line)["id"] for line in lines(home, name)]


def test_a_line_is_what_export_prints(receiver, relay):
    home = home_with(to_file())
    home.configure(to_file(max_in_flight=1), endpoint(PATH, relay=["out"], name="Lead → CRM"))
    one = receiver(home=home)
    for body in (message(), bytes(range(256)), b"", '{"event":"x","data":{"body":"\u202e\u009b31m"}}'.encode()):
        expect(fcgi_client.deliver(one.socket, body, path=PATH, more=[("HTTP_X_OTHER", "\xe4")]), "stored")
    relay(home).ready()
    settled(home, 4)
    assert b"".join(lines(home)) == home.cli("export").stdout
    assert json.loads(lines(home)[0])["name"] == "Lead → CRM"
    assert stat.S_IMODE((home.dir / "out.jsonl").stat().st_mode) == 0o640


def test_deliveries_says_the_offset(receiver, relay):
    home = home_with(to_file())
    deliver(receiver(home=home), 2)
    relay(home).ready()
    settled(home, 2)
    for row in home.spool.query("SELECT answer FROM attempt ORDER BY id"):
        at = int(row["answer"].decode().removeprefix("offset "))
        assert (home.dir / "out.jsonl").read_bytes()[at:].startswith(b'{"id":')


@pytest.mark.parametrize("hup", [True, False], ids=["with SIGHUP", "without a signal"])
def test_renamed_file_gets_no_more_events(receiver, relay, hup):
    """As logrotate does it: the old file stays as it is, and a new one is made."""
    home = home_with(to_file())
    one, running = receiver(home=home), relay(home).ready()
    deliver(one, 3)
    settled(home, 3)
    (home.dir / "out.jsonl").rename(home.dir / "out.jsonl.1")
    if hup:
        running.hup()
        running.until(lambda: running.text().count("relaying to") == 2, "the relay has reloaded")
    deliver(one, 2)
    settled(home, 5)
    assert sorted(numbers(home, "out.jsonl.1")) == [1, 2, 3] and sorted(numbers(home)) == [4, 5]


def test_torn_line_of_a_killed_relay_is_cut(receiver, relay):
    home = home_with(to_file())
    one, running = receiver(home=home), relay(home).ready()
    deliver(one, 2)
    settled(home, 2)
    running.kill()
    with open(home.dir / "out.jsonl", "ab") as out:
        out.write(b'{"id":3,"endpoint":"/we')
    deliver(one, 1)
    running = relay(home).ready()
    settled(home, 3)
    assert sorted(numbers(home)) == [1, 2, 3] and "cut a torn last line of 23 bytes" in running.text()


def test_large_file_is_rotated(receiver, relay):
    home = home_with(to_file(rotate_size="1k", rotate_keep=3, max_in_flight=1))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one, 12)
    settled(home, 12)
    old = sorted(path for path in home.dir.iterdir() if path.name.startswith("out.jsonl.2"))
    assert len(old) == 3
    kept = [number for path in old for number in numbers(home, path.name)] + numbers(home)
    assert sorted(kept) == list(range(13 - len(kept), 13)) and 4 <= len(kept) < 12


def test_two_sinks_write_to_one_file(receiver, relay):
    """Each has a thread and a lock of its own: no line is torn by the other."""
    home = home_with(to_file("a"), to_file("b"), relay=("a", "b"))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one, 50)
    settled(home, 100)
    assert sorted(numbers(home)) == sorted([*range(1, 51)] * 2)


@pytest.mark.skipif(not ROOT, reason="mounts a file system")
@pytest.mark.parametrize("kind", [to_file, to_dir], ids=["file", "dir"])
def test_full_disk(receiver, relay, kind):
    """Nothing is half there, and all is there when the disk has room again."""
    home = home_with(kind(path="disk/out", retry=["100ms", "200ms", "1h"]))
    disk = home.dir / "disk"
    disk.mkdir()
    assert run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=0777", "tmpfs", disk]).returncode == 0
    try:
        one = receiver(home=home)
        relay(home).ready()
        deliver(one, 10, text="x" * 60000)
        until(lambda: home.spool.query("SELECT 1 FROM attempt WHERE error LIKE '%No space left on device%'"), "an error", 20)
        assert 0 in states(home)
        if kind is to_file:
            out = (disk / "out").read_bytes() if (disk / "out").exists() else b""
            assert not out or out.endswith(b"\n")
        assert run(["mount", "-o", "remount,size=16m", disk]).returncode == 0
        home.cli("retry", "--sink", "out")
        settled(home, 10)
        if kind is to_file:
            assert {json.loads(line)["id"] for line in (disk / "out").read_bytes().splitlines()} == set(range(1, 11))
        else:
            assert len([path for path in (disk / "out").iterdir() if path.is_file()]) == 10
    finally:
        for child in [one]:
            child.stop()
        run(["umount", "-l", disk])


def said(home):
    return [line for line in home.cli("check").stdout.decode().splitlines() if " sink " in line]


def test_check_of_files_and_directories(receiver):
    home = home_with(to_file("missing", path="none/out.jsonl"), to_file("pipe", path="pipe"), to_dir("under", path="none/out"), to_dir("over", path="secret"),
                     to_file("fine"), to_dir("good"), relay=("missing", "pipe", "under", "over", "fine", "good"))
    os.mkfifo(home.dir / "pipe")
    own(home.dir / "pipe")
    receiver(home=home)
    lines_said = said(home)
    wrong = {line.split("sink ")[1].partition(":")[0] for line in lines_said if line.startswith("FAIL")}
    assert wrong == {"missing", "pipe", "under", "over"}, lines_said
    assert any("fine: append to" in line for line in lines_said) and any("good: write to" in line for line in lines_said)
    assert not (home.dir / "out.jsonl").exists() and not (home.dir / "out").exists()


@pytest.mark.skipif(not ROOT, reason="mounts a file system")
def test_check_warns_of_a_file_system_in_memory(receiver):
    home = home_with(to_file(path="disk/out"))
    disk = home.dir / "disk"
    disk.mkdir()
    assert run(["mount", "-t", "tmpfs", "-o", "mode=0777", "tmpfs", disk]).returncode == 0
    try:
        assert any(line.startswith("warn") and "tmpfs" in line for line in said(home))
    finally:
        run(["umount", "-l", disk])


@pytest.mark.parametrize("kind, place", [(to_file, b"at offset 0"), (to_dir, b"at evt_test_")], ids=["file", "dir"])
def test_send_tries_it(kind, place):
    home = home_with(kind())
    tried = home.cli("send", "--relay", "out")
    assert tried.returncode == 0 and place in tried.stdout, tried.stdout + tried.stderr


def test_body_is_refused():
    home = home_with(to_file(body="{{{raw}}}"))
    done = home.cli("check")
    assert done.returncode == 2 and b"body" in done.stdout + done.stderr


def test_directory_without_its_files(receiver, relay):
    """A program may take a file away, and the directory too."""
    home = home_with(to_dir())
    one, running = receiver(home=home), relay(home).ready()
    deliver(one, 1)
    settled(home, 1)
    (home.dir / "out").rename(home.dir / "taken")
    deliver(one, 1)
    settled(home, 2)
    name = home.spool.query("SELECT name FROM spool")[0]["name"]
    assert (home.dir / f"taken/evt_{name}_1").exists() and (home.dir / f"out/evt_{name}_2").exists()
