# SPDX-License-Identifier: ISC
"""Sinks that are programs: what they are given, and what their end means."""
import json
import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest

from place import BIN, SLOW, until
from proc import Child
from relaying import DEAD, DONE, PATH, PENDING, alive, attempts, deliver, home_with, noted, program, script, settled, sink, states, tried


def test_program_gets_body_and_fields(receiver, relay):
    """Bytes on standard input, fields in the environment, words as they are: there is no shell."""
    home = home_with(program("out", "./program", "$HOME; `id`", "a b"))
    script(home, f"""#!{sys.executable}
import json, os, signal, sys
given = {{"argv": sys.argv[1:], "env": dict(os.environ), "stdin": sys.stdin.buffer.read().decode(), "group": os.getpgid(0) == os.getpid(),
         "blocked": [int(s) for s in signal.pthread_sigmask(signal.SIG_BLOCK, [])], "open": sorted(os.readlink(f"/proc/self/fd/{{n}}") for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{{n}}"))}}
with open("{home.dir}/given", "w") as f:
    json.dump(given, f)
""")
    one = receiver(home=home)
    relay(home).ready()
    body, = deliver(one, sender='Zoë "Z"\n$(id)', text="line 1\nline 2 \0 👋" + "x" * 200_000)
    settled(home, 1)
    given = json.loads((home.dir / "given").read_text())
    env = given["env"]
    assert given["argv"] == ["$HOME; `id`", "a b"] and given["stdin"].encode() == body
    assert given["group"] and not given["blocked"] and len(given["open"]) == 3, given["open"]
    name, event = home.spool.query("SELECT name FROM spool")[0]["name"], home.spool.event()
    assert env["HOOKSPOOL_ID"] == f"evt_{name}_{event['id']}" and env["HOOKSPOOL_ATTEMPT"] == "1" and env["HOOKSPOOL_SINK"] == "out"
    assert env["HOOKSPOOL_EVENT"] == "message.received" and env["HOOKSPOOL_ENDPOINT"] == PATH
    assert env["HOOKSPOOL_SENDER_NAME"] == 'Zoë "Z"\n$(id)' and env["HOOKSPOOL_CONVERSATION"] == "urn:li:messagingThread:2-x"
    assert env["HOOKSPOOL_ACCOUNT"] == "acc-1" and env["HOOKSPOOL_CONTENT_TYPE"] == "application/json"
    assert env["HOOKSPOOL_TEXT"].startswith("line 1\nline 2  👋xxx") and len(env["HOOKSPOOL_TEXT"].encode()) == 32 * 1024 - 1
    assert "HOOKSPOOL_REPLY" not in env and env["PATH"] == os.environ["PATH"]


def test_deliveries_list_the_time_of_an_attempt(receiver):
    home = home_with(program("out", "true"))
    one = receiver(home=home)
    deliver(one)
    assert home.cli("relay", "--once").returncode == 0
    line = home.cli("deliveries").stdout.decode()
    assert re.search(r"  delivered      1  20\S+  -  +in \d+ ms\n$", line), line


def test_template_is_standard_input(receiver, relay):
    home = home_with(program("out", "./program", body="From: {{hookspool.sender_name | header}}\\n\\n{{hookspool.text}}\\n", content_type="text/plain"))
    script(home, "#!/bin/sh\ncat\necho $HOOKSPOOL_CONTENT_TYPE\n")
    one = receiver(home=home)
    relay(home).ready()
    deliver(one, sender="Zoë", text='"hello"')
    assert tried(home)[0]["answer"] == b'From: =?UTF-8?B?Wm/Dqw==?=\n\n"hello"\ntext/plain\n'


@pytest.mark.parametrize("status, state", [(0, DONE), (1, PENDING), (2, PENDING), (64, PENDING), (65, DEAD), (70, DEAD), (74, DEAD), (75, PENDING),
                                           (76, DEAD), (78, DEAD), (79, PENDING), (126, PENDING), (255, PENDING)])
def test_exit_statuses(receiver, relay, status, state):
    home = home_with(program("out", "./program", retry=["1h", "1h", "1h"]))
    script(home, f"#!/bin/sh\necho out; echo err >&2\nexit {status}\n")
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    attempt, = tried(home)
    assert attempt["error"] == (f"exit status {status}" if status else None) and sorted(attempt["answer"].split()) == [b"err", b"out"]
    assert states(home) == [state]


@pytest.mark.parametrize("text, error", [
    ("#!/bin/sh\nkill -SEGV $$\n", "ended by signal 11, Segmentation fault"),
    ("#!/no/such/interpreter\n", "the interpreter of its first line, /no/such/interpreter: No such file"),
    ("#! /no/such/interpreter  -x\n", "the interpreter of its first line, /no/such/interpreter: No such file"),
    ("#!/bin/sh\r\ntrue\r\n", "its first line ends with CR"),
    ("#!\n", "names no interpreter"),
    ("#!/etc\n", "/etc, can't be run"),
    ("#!/" + "x" * 300 + "\n", "longer than 255 bytes"),
    ("\ufeff#!/bin/sh\n", "a byte order mark"),
    (None, "program: No such file"),
    ("just text", "its first line names no interpreter"),
    ("", "it is empty"),
    ("#!/usr/bin/env no-such-program\n", "exit status 12"),
    ("#!/usr/bin/env -S A=b no-such-program -x\n", "its first line looks for no-such-program, and PATH has no such program"),
    ("\x7fELF", "Exec format error"),
], ids=["a signal", "no interpreter", "no interpreter, blanks", "CR", "nothing named", "a directory", "too long", "BOM", "no program", "no program at all", "empty", "env", "env with more",
        "half a program"])
def test_program_that_does_not_run_is_retried(receiver, relay, text, error):
    home = home_with(program("out", "./program"))
    if text is not None:
        script(home, text)
    one = receiver(home=home)
    if error not in ("exit status 12", "Exec format error", "ended by signal 11, Segmentation fault"):
        line, = [line for line in home.cli("check").stdout.decode().splitlines() if "sink out:" in line]
        assert line.startswith("FAIL") and (error in line or text is None)
    relay(home).ready()
    deliver(one)
    assert all(error in attempt["error"] for attempt in tried(home, 2)) and states(home) == [PENDING]
    script(home, "#!/bin/sh\n")
    settled(home, 1)


def test_program_is_found_by_path_and_beside_the_configuration(receiver, relay):
    home = home_with(program("out", "true"), program("beside", "./program"), relay=("out", "beside"))
    script(home, "#!/bin/sh\n")
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    settled(home, 2)


@pytest.mark.parametrize("trap, seconds", [("", 1), ("trap '' TERM", 6)], ids=["TERM", "KILL"])
def test_program_ends_at_its_timeout(receiver, relay, trap, seconds):
    """Then it is ended, with all that it started."""
    home = home_with(program("out", "./program", timeout="1s", retry=["1h", "1h", "1h"]))
    script(home, f"#!/bin/sh\n{trap}\nsleep 1000 & echo $! > {home.dir}/child\nwait\nsleep 1000\n")
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    child = noted(home.dir / "child")
    attempt, = tried(home)
    assert attempt["error"] == "not done after 1000 ms, and ended" and seconds * 1000 <= attempt["ms"] < (seconds + 3 * SLOW) * 1000
    until(lambda: not alive(child), "the end of what it started")


def test_beginning_and_end_of_the_output_are_kept(receiver, relay):
    home = home_with(program("out", "./program"))
    script(home, f"#!{sys.executable}\nimport sys\nsys.stdout.write('a' * 1500 + 'b' * 3000000 + 'c' * 2000)\n")
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    settled(home, 1)
    answer = attempts(home)[0]["answer"]
    left_out = 3003500 - 2 * 2048
    assert answer == b"a" * 1500 + b"b" * 548 + f"\n[{left_out} bytes left out]\n".encode() + b"b" * 48 + b"c" * 2000


def test_program_that_reads_nothing_or_leaves_background_processes(receiver, relay):
    home = home_with(program("deaf", "true"), program("out", "./program", timeout="30s"), relay=("deaf", "out"))
    script(home, f"#!/bin/sh\nsleep 20 & echo $! > {home.dir}/child\necho done\n")
    one = receiver(home=home)
    relay(home).ready()
    deliver(one, text="x" * 500_000)
    settled(home, 2)
    assert max(attempt["ms"] for attempt in attempts(home)) < 15_000
    os.kill(noted(home.dir / "child"), signal.SIGKILL)


def test_max_in_flight(receiver, relay, target):
    """So many programs at a time; an HTTP sink doesn't wait for them."""
    home = home_with(program("slow", "./program", max_in_flight=3), sink("out", url=target.url), relay=("slow", "out"))
    script(home, f"#!/bin/sh\nmkdir {home.dir}/running.$$\necho {home.dir}/running.* | wc -w\nsleep 0.3\nrmdir {home.dir}/running.$$\n")
    one = receiver(home=home)
    deliver(one, 12)
    relay(home).ready()
    target.until(12)
    settled(home, 24)
    counts = [int(attempt["answer"]) for attempt in attempts(home) if attempt["answer"] != b"ok"]
    assert len(counts) == 12 and max(counts) == 3


def test_programs_end_with_the_relay(receiver, relay):
    """A program has a few seconds to end; what doesn't is killed with its group, and its event is given to it again."""
    home = home_with(program("out", "./program", timeout="60s", max_in_flight=1))
    script(home, f"#!/bin/sh\nsleep 1000 & echo $! > {home.dir}/child\nwait\n")
    one = receiver(home=home)
    running = relay(home).ready()
    deliver(one)
    child = noted(home.dir / "child")
    running.signal(signal.SIGTERM)
    assert running.wait(20) == 0
    until(lambda: not alive(child), "the end of what it started")
    assert states(home) == [PENDING] and not attempts(home)
    script(home, f"#!/bin/sh\necho $$ > {home.dir}/second\nsleep 1\n")
    running = relay(home).ready()
    noted(home.dir / "second")
    running.signal(signal.SIGTERM)
    assert running.wait(20) == 0 and states(home) == [DONE], "it had its time"


def test_reload_waits_for_programs(receiver, relay):
    """An assistant thinks for a while; the next reload must not make it begin anew."""
    home = home_with(program("out", "./program", timeout="60s"))
    script(home, "#!/bin/sh\nsleep 7\n")
    one = receiver(home=home)
    running = relay(home).ready()
    deliver(one)
    time.sleep(0.5)
    running.hup()
    running.until(lambda: running.text().count("relaying to") == 2, "the reload")
    assert [attempt["error"] for attempt in attempts(home)] == [None] and states(home) == [DONE]


def test_program_may_clean_up(receiver, relay):
    """At the relay's end it gets TERM before it is killed."""
    home = home_with(program("out", "./program", timeout="60s"))
    script(home, f"#!/bin/sh\ntrap 'echo $$ > {home.dir}/told; exit 1' TERM\necho $$ > {home.dir}/begun\nwhile :; do sleep 0.1; done\n")
    one = receiver(home=home)
    running = relay(home).ready()
    deliver(one)
    pid = noted(home.dir / "begun")
    running.signal(signal.SIGTERM)
    assert running.wait(20) == 0
    assert noted(home.dir / "told") == pid and not alive(pid) and not attempts(home)


def test_program_has_the_original_limit_of_descriptors(receiver, relay):
    """The relay raises its own; a program that uses select(2) must not get more than it can count."""
    home = home_with(program("out", "./program"))
    script(home, "#!/bin/sh\nulimit -Sn\n")
    one = receiver(home=home)
    relay(home, before=["sh", "-c", 'ulimit -Sn 200; exec "$@"', "sh"]).ready()
    deliver(one)
    assert tried(home)[0]["answer"] == b"200\n"


def test_orphans_of_programs_are_waited_for(receiver, children):
    """SIGCHLD may be ignored where it is started; that is inherited."""
    home = home_with(program("out", "true", max_in_flight=1))
    one = receiver(home=home)
    deliver(one, 3)
    ignoring = [sys.executable, "-c", "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"]
    Child([*ignoring, BIN / "hookspool", "-c", home.conf, "relay"], home.dir / "relay.log")
    settled(home, 3)


def test_environment_of_the_relay(receiver, children):
    """The event's values, whatever the relay's own environment says, to programs that take the first or the last of two."""
    home = home_with(program("out", "./program"))
    script(home, "#!/bin/sh\necho $HOOKSPOOL_ACCOUNT $HOOKSPOOL_CONF $TZ $LC_TIME\n")
    one = receiver(home=home)
    deliver(one)
    Child([BIN / "hookspool", "-c", home.conf, "relay"], home.dir / "relay.log",
          env={"HOOKSPOOL_ACCOUNT": "wrong", "HOOKSPOOL_CONF": "wrong", "TZ": "UTC", "LC_TIME": "C", "NOTIFY_SOCKET": "@none"})
    assert tried(home)[0]["answer"] == b"acc-1 UTC C\n"


@pytest.mark.parametrize("make, error", [
    (lambda path: path.mkdir(), "it is a directory, and no program"),
    (lambda path: os.mkfifo(path, 0o755), "it is no file"),
    (lambda path: path.write_text("#!/bin/sh\n"), "this user may not run it; chmod 755 it"),
    (lambda path: path.symlink_to("nowhere"), "No such file or directory"),
], ids=["directory", "pipe", "mode", "link"])
def test_error_names_what_is_no_program(receiver, relay, make, error):
    home = home_with(program("out", "./program"))
    make(home.dir / "program")
    one = receiver(home=home)
    line, = [line for line in home.cli("check").stdout.decode().splitlines() if "sink out:" in line]
    assert line.startswith("FAIL") and line.endswith(f"{home.dir}/./program: {error}"), line
    relay(home).ready()
    deliver(one)
    assert tried(home, 1)[0]["error"] == f"{home.dir}/./program: {error}"


def test_name_that_is_not_in_path(receiver, relay):
    home = home_with(program("out", "no-such-program"))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    assert tried(home, 1)[0]["error"] == "no-such-program: PATH has no program of that name that this user may run"


def test_program_whose_loader_is_missing(receiver, relay):
    """The kernel says "No such file" of it, too."""
    home = home_with(program("out", "./program"))
    binary, loader = Path("/bin/true").read_bytes(), re.search(rb"/lib[\w/.-]*ld-[\w.-]+", Path("/bin/true").read_bytes())[0]
    (home.dir / "program").write_bytes(binary.replace(loader, loader[:-1] + b"X"))
    (home.dir / "program").chmod(0o755)
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    wrong = f"the loader that it asks for, {loader[:-1].decode()}X: No such file or directory"
    assert wrong in tried(home)[0]["error"] and wrong in home.cli("check").stdout.decode()


def test_no_secret_of_the_relay_reaches_a_program(receiver, children):
    """It gets the usual variables and those that the sink names, and no others: a list of them is the rule."""
    home = home_with(program("out", "./program", environment=["WANTED"]))
    script(home, "#!/bin/sh\nenv\n")
    one = receiver(home=home)
    deliver(one)
    secrets = ("LI_SECRET", "CREDENTIALS_DIRECTORY", "AWS_SECRET_ACCESS_KEY", "LISTEN_FDS", "WANTED_TOO", "LCX", "LD_LIBRARY_PATH")
    Child([BIN / "hookspool", "-c", home.conf, "relay"], home.dir / "relay.log",
          env={**{name: "leaked" for name in secrets}, "WANTED": "yes", "LANG": "C.UTF-8"})
    answer = tried(home)[0]["answer"].decode()
    assert "WANTED=yes\n" in answer and "LANG=C.UTF-8\n" in answer and "HOOKSPOOL_ID=evt_" in answer
    assert "leaked" not in answer


def test_program_that_leaves_its_process_group(receiver, relay):
    home = home_with(program("out", "./program", timeout="1s", retry=["1h", "1h", "1h"]))
    script(home, f"#!{sys.executable}\nimport os, time\nos.setsid() if os.getpid() != os.getpgid(0) else os.setpgid(0, os.getpgid(os.getppid()))\n"
                 f"print(os.getpgid(0) == os.getpid(), flush=True)\ntime.sleep(100)\n")
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    attempt, = tried(home)
    assert attempt["answer"] == b"False\n" and attempt["error"] == "not done after 1000 ms, and ended"
