# SPDX-License-Identifier: ISC
"""Sinks that are programs: what they are given, what becomes of how they end, what they answer; and what sinks choose."""
import json
import os
import random
import re
import signal
import sqlite3
import sys
import time
from pathlib import Path

import pytest

import fcgi_client
from outcomes import expect
from place import BIN, ROOT, SANITIZER, SLOW, USER, until
from proc import Child
from receiver import endpoint, options
from relaying import PATH, deliver, home_with, settled, sink, states
from sender import message

API = {"body": '{"accountId":"{{hookspool.account}}","conversationUrn":"{{hookspool.conversation}}","message":"{{hookspool.reply}}"}'}


def program(name, *words, **given):
    """The section of a sink that runs a program."""
    given.setdefault("retry", ["100ms", "1s", "1h"])
    return sink(name, type="exec", command=list(words), allow_private=None, **given)


def script(home, text, name="program"):
    """A script in the home, written when the configuration names it already."""
    home.write(name, text, 0o755)


def attempts(home):
    return home.spool.query("SELECT * FROM attempt ORDER BY id")


def tried(home, n=1):
    return until(lambda: len(attempts(home)) >= n and attempts(home), f"{n} attempts", 20)


def test_what_a_program_is_given(receiver, relay):
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


def test_its_time_is_listed(receiver):
    home = home_with(program("out", "true"))
    one = receiver(home=home)
    deliver(one)
    assert home.cli("relay", "--once").returncode == 0
    line = home.cli("deliveries").stdout.decode()
    assert re.search(r"  delivered      1  20\S+  -  +in \d+ ms\n$", line), line


def test_a_template_is_its_standard_input(receiver, relay):
    home = home_with(program("out", "./program", body="From: {{hookspool.sender_name | header}}\\n\\n{{hookspool.text}}\\n", content_type="text/plain"))
    script(home, "#!/bin/sh\ncat\necho $HOOKSPOOL_CONTENT_TYPE\n")
    one = receiver(home=home)
    relay(home).ready()
    deliver(one, sender="Zoë", text='"hello"')
    assert tried(home)[0]["answer"] == b'From: =?UTF-8?B?Wm/Dqw==?=\n\n"hello"\ntext/plain\n'


DONE, PENDING, DEAD = 1, 0, 2


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
def test_what_does_not_run_is_tried_again(receiver, relay, text, error):
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


def test_found_by_path_and_beside_the_configuration(receiver, relay):
    home = home_with(program("out", "true"), program("beside", "./program"), relay=("out", "beside"))
    script(home, "#!/bin/sh\n")
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    settled(home, 2)


def alive(pid):
    """Whether it runs, and isn't just waiting to be waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def noted(path):
    return until(lambda: path.exists() and path.read_text().endswith("\n"), f"{path}") and int(path.read_text())


@pytest.mark.parametrize("trap, seconds", [("", 1), ("trap '' TERM", 6)], ids=["TERM", "KILL"])
def test_a_program_has_its_time(receiver, relay, trap, seconds):
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


def test_what_is_kept_of_the_output(receiver, relay):
    home = home_with(program("out", "./program"))
    script(home, f"#!{sys.executable}\nimport sys\nsys.stdout.write('a' * 1500 + 'b' * 3000000 + 'c' * 2000)\n")
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    settled(home, 1)
    answer = attempts(home)[0]["answer"]
    left_out = 3003500 - 2 * 2048
    assert answer == b"a" * 1500 + b"b" * 548 + f"\n[{left_out} bytes left out]\n".encode() + b"b" * 48 + b"c" * 2000


def test_what_reads_nothing_or_stays_in_the_background(receiver, relay):
    home = home_with(program("deaf", "true"), program("out", "./program", timeout="30s"), relay=("deaf", "out"))
    script(home, f"#!/bin/sh\nsleep 20 & echo $! > {home.dir}/child\necho done\n")
    one = receiver(home=home)
    relay(home).ready()
    deliver(one, text="x" * 500_000)
    settled(home, 2)
    assert max(attempt["ms"] for attempt in attempts(home)) < 5000 * SLOW
    os.kill(noted(home.dir / "child"), signal.SIGKILL)


def test_max_in_flight_and_others(receiver, relay, target):
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


def test_the_end_of_the_relay(receiver, relay):
    """A program has a few seconds to end; what doesn't is killed with its group, and its event is given to it again."""
    home = home_with(program("out", "./program", timeout="60s", max_in_flight=1))
    script(home, f"#!/bin/sh\nsleep 1000 & echo $! > {home.dir}/child\nwait\n")
    one = receiver(home=home)
    running = relay(home).ready()
    deliver(one)
    child = noted(home.dir / "child")
    running.signal(signal.SIGTERM)
    assert running.wait(8) == 0
    until(lambda: not alive(child), "the end of what it started")
    assert states(home) == [PENDING] and not attempts(home)
    script(home, f"#!/bin/sh\necho $$ > {home.dir}/second\nsleep 1\n")
    running = relay(home).ready()
    noted(home.dir / "second")
    running.signal(signal.SIGTERM)
    assert running.wait(8) == 0 and states(home) == [DONE], "it had its time"


def test_a_reload_waits_for_programs(receiver, relay):
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


def test_a_program_may_put_its_things_in_order(receiver, relay):
    """At the relay's end it gets TERM before it is killed."""
    home = home_with(program("out", "./program", timeout="60s"))
    script(home, f"#!/bin/sh\ntrap 'echo $$ > {home.dir}/told; exit 1' TERM\necho $$ > {home.dir}/begun\nwhile :; do sleep 0.1; done\n")
    one = receiver(home=home)
    running = relay(home).ready()
    deliver(one)
    pid = noted(home.dir / "begun")
    running.signal(signal.SIGTERM)
    assert running.wait(8) == 0
    assert noted(home.dir / "told") == pid and not alive(pid) and not attempts(home)


def test_the_limit_of_descriptors_is_what_it_was(receiver, relay):
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


def test_the_environment_of_the_relay(receiver, children):
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
def test_what_is_no_program_is_named(receiver, relay, make, error):
    home = home_with(program("out", "./program"))
    make(home.dir / "program")
    one = receiver(home=home)
    line, = [line for line in home.cli("check").stdout.decode().splitlines() if "sink out:" in line]
    assert line.startswith("FAIL") and line.endswith(f"{home.dir}/./program: {error}"), line
    relay(home).ready()
    deliver(one)
    assert tried(home, 1)[0]["error"] == f"{home.dir}/./program: {error}"


def test_a_name_that_path_does_not_have(receiver, relay):
    home = home_with(program("out", "no-such-program"))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    assert tried(home, 1)[0]["error"] == "no-such-program: PATH has no program of that name that this user may run"


def test_a_program_whose_loader_is_missing(receiver, relay):
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


def test_a_program_that_leaves_its_group(receiver, relay):
    home = home_with(program("out", "./program", timeout="1s", retry=["1h", "1h", "1h"]))
    script(home, f"#!{sys.executable}\nimport os, time\nos.setsid() if os.getpid() != os.getpgid(0) else os.setpgid(0, os.getpgid(os.getppid()))\n"
                 f"print(os.getpgid(0) == os.getpid(), flush=True)\ntime.sleep(100)\n")
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    attempt, = tried(home)
    assert attempt["answer"] == b"False\n" and attempt["error"] == "not done after 1000 ms, and ended"


# ---- answers

def answering(target, text, relay_to="assistant", **given):
    home = home_with(sink("connectsafely", url=target.url, authorization_file="key", retry=["100ms", "1s", "1h"], timeout="2s", **API),
                     program("assistant", "./program", reply="connectsafely", **given), relay=(relay_to,), files={"key": "Bearer abc"})
    script(home, text)
    return home


def replies(home):
    return home.spool.query("SELECT * FROM relay WHERE sink = 'connectsafely' ORDER BY id")


def test_an_answer(receiver, relay, target):
    """What the program prints is sent to the conversation, as the API wants it; what it says of itself is not."""
    home = answering(target, "#!/bin/sh\necho thinking >&2\nprintf '\\n Hello \"%s\"\\nand\\tbye 👋 \\n\\n' \"$HOOKSPOOL_SENDER_NAME\"\n")
    one = receiver(home=home)
    relay(home).ready()
    deliver(one, sender="Zoë")
    _, method, _, headers, body = target.until(1)[0]
    assert method == "POST" and headers["Authorization"] == "Bearer abc" and headers["Content-Type"] == "application/json"
    assert json.loads(body) == {"accountId": "acc-1", "conversationUrn": "urn:li:messagingThread:2-x", "message": 'Hello "Zoë"\nand\tbye 👋'}
    settled(home, 2)
    assert b"thinking" in attempts(home)[0]["answer"]


@pytest.mark.parametrize("text", ["#!/bin/sh\n", "#!/bin/sh\nprintf ' \\n\\t'\necho no >&2\n"], ids=["nothing", "blanks"])
def test_no_answer(receiver, relay, target, text):
    home = answering(target, text)
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    settled(home, 1)
    assert not replies(home) and not target.got


def test_an_answer_of_a_program_that_failed_or_never_ends_is_none(receiver, relay, target):
    home = answering(target, f"#!/bin/sh\nif [ $HOOKSPOOL_ATTEMPT = 1 ]; then echo half an answer; exit 1; fi\nhead -c 70000 /dev/zero | tr '\\0' x\n")
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    settled(home, 1, state=DEAD)
    assert [attempt["error"] for attempt in attempts(home)] == ["exit status 1", "it printed more than an answer can have, 64 KiB"]
    assert not replies(home) and not target.got


def test_an_event_is_answered_once(receiver, relay, target):
    """Though its program runs again, and though the API refuses for a while."""
    home = answering(target, "#!/bin/sh\necho answer $$\n")
    target.answers = [{"status": 429, "headers": {"Retry-After": "1"}}, {"status": 503}]
    one = receiver(home=home)
    running = relay(home).ready()
    deliver(one)
    settled(home, 2)
    assert len(target.got) == 3 and len(set(target.bodies())) == 1
    assert target.got[1][0] - target.got[0][0] >= 0.9
    assert home.cli("replay", "--sink", "assistant").stdout == b"1 of 1 events are due for assistant\n"
    until(lambda: len([a for a in attempts(home) if a["relay"] == 1]) == 2, "the program's second run")
    settled(home, 2)
    time.sleep(0.5)
    assert len(target.got) == 3 and len(replies(home)) == 1
    refused = home.cli("replay", "--sink", "connectsafely")
    assert refused.returncode == 1 and b"answers" in refused.stderr
    running.stop()


@pytest.mark.parametrize("answer", [{"do": lambda handler: time.sleep(4 * SLOW), "status": 0}, {"status": 0}, {"status": 502}],
                         ids=["no answer", "broken off", "a gateway's error"])
def test_an_answer_that_may_have_arrived_is_not_sent_again(receiver, relay, target, answer):
    home = answering(target, "#!/bin/sh\necho answer\n")
    target.answers = [answer]
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    settled(home, 1, state=DEAD)
    assert attempts(home)[-1]["error"].endswith("it may have arrived")
    time.sleep(1)
    assert len(target.got) == 1
    assert home.cli("retry", "--sink", "connectsafely").returncode == 0
    settled(home, 2)
    assert len(target.got) == 2


def test_an_answer_that_did_not_leave_is_sent_again(receiver, relay, target):
    home = answering(target, "#!/bin/sh\necho answer\n")
    target.close()
    one = receiver(home=home)
    relay(home).ready()
    deliver(one)
    tried(home, 3)
    assert replies(home)[0]["state"] == PENDING
    back = type(target)(target.port)
    try:
        back.until(1)
        settled(home, 2)
    finally:
        back.close()


def test_killed_while_answers_are_sent(receiver, relay, target):
    """No event is answered twice, whenever the relay is killed; those that may have been sent are dead letters."""
    home = answering(target, "#!/bin/sh\necho answer $HOOKSPOOL_ID\n", max_in_flight=4)
    target.answers = [{"do": lambda handler: time.sleep(0.02)}] * 400
    one = receiver(home=home)
    deliver(one, 40)
    for i in range(12):
        running = relay(home)
        time.sleep(0.04 + 0.013 * i)
        running.kill()
    relay(home).ready()
    until(lambda: states(home).count(PENDING) == 0 and len(replies(home)) == 40, "all are decided on", 30)
    said = [json.loads(body)["message"] for body in target.bodies()]
    assert len(said) == len(set(said)) <= 40
    dead = [row for row in replies(home) if row["state"] == DEAD]
    assert 40 - len(dead) <= len(said) and all(row["sending"] == 0 for row in replies(home))
    for row in dead:
        attempt, = home.spool.query("SELECT * FROM attempt WHERE relay = ?", row["id"])
        assert attempt["error"] == "the relay ended meanwhile; it may have arrived"


# ---- what sinks choose

def chosen(receiver, relay, home, wanted, unwanted):
    """Of these events, sent in turn, a sink gets the wanted ones only, and the others leave nothing behind."""
    one = receiver(home=home)
    running = relay(home).ready()
    for data in [item for pair in zip(unwanted, wanted) for item in pair]:
        expect(fcgi_client.deliver(one.socket, message(**data), path=PATH), "stored")
    settled(home, len(wanted))
    until(lambda: states(home) == [DONE] * len(wanted), f"the others are forgotten: {states(home)}")
    running.stop()


def test_senders(receiver, relay, target):
    home = home_with(sink("out", url=target.url, senders=["urn:li:fsd_profile:ACoAA1", "nováková"]))
    senders = [{"id": "urn:li:fsd_profile:ACoAA10", "name": "Eva"}, {"id": "urn:li:fsd_profile:ACoAA1", "name": "Jan"}, None,
               {"id": "x", "name": "EVA NOVÁKOVÁ"}]
    bodies = [json.dumps({"event": "message.received", "data": {"message_urn": f"urn:{i}", "sender": sender}}).encode()
              for i, sender in enumerate(senders)]
    one = receiver(home=home)
    relay(home).ready()
    for body in bodies:
        expect(fcgi_client.deliver(one.socket, body, path=PATH), "stored")
    target.until(2)
    until(lambda: states(home) == [DONE] * 2, "the others are forgotten")
    assert sorted(target.bodies()) == sorted([bodies[1], bodies[3]])


def test_what_was_tried_is_not_judged_again(receiver, relay, target):
    """It may have arrived; a sink that wants others now doesn't make it unseen."""
    home = home_with(sink("out", url=target.url, texts=["Hey"], retry=["1s", "1s", "1h"]))
    target.answers = [{"status": 503}]
    one = receiver(home=home)
    running = relay(home).ready()
    deliver(one)
    tried(home)
    home.configure(sink("out", url=target.url, texts=["never"], retry=["1s", "1s", "1h"]), endpoint(PATH, relay=["out"]))
    running.hup()
    settled(home, 1)
    assert len(target.got) == 2


def test_texts(receiver, relay, target):
    home = home_with(sink("out", url=target.url, texts=["pricing", "ÜBER"]))
    chosen(receiver, relay, home, [{"text": "Your PRICING?"}, {"text": "Hallo, über uns"}], [{"text": "price"}, {"text": ""}])
    assert len(target.got) == 2 and b"PRICING" in b"".join(target.bodies())


def test_text_regex(receiver, relay, target):
    home = home_with(sink("out", url=target.url, text_regex="^(hi|hello).* (price|d.mo)"))
    chosen(receiver, relay, home, [{"text": "Hello, what is the price?"}, {"text": "hi! a démo please"}], [{"text": "the price, hello"}, {"text": "hi"}])
    assert len(target.got) == 2


def test_text_regex_on_hostile_text(receiver, relay, target):
    """It is tried on a bounded part of it."""
    home = home_with(sink("out", url=target.url, text_regex="(a*)*b|(x+x+)+y$"))
    one = receiver(home=home)
    relay(home).ready()
    deliver(one, text="a" * 300_000)
    deliver(one, text="x" * 300_000)
    wanted = deliver(one, text="ab")
    target.until(1)
    until(lambda: states(home) == [DONE], "the others are forgotten", 30)
    assert target.bodies() == wanted


def test_hostile_texts_hold_up_no_other_sink(receiver, relay, target):
    """Each takes a while; others get their turn between them, and so does a signal."""
    home = home_with(sink("picky", url=target.url, text_regex="(a|b)+[^c]*d"), sink("out", url=target.url), relay=("picky", "out"))
    one = receiver(home=home)
    deliver(one, 64, text="ab" * 10 + "aé" * 4000)
    running = relay(home).ready()
    target.until(64)
    assert states(home).count(PENDING) > 32, "the hostile ones are being looked at"
    start = time.monotonic()
    running.stop()
    assert time.monotonic() - start < 2 * SLOW


def test_first_messages(receiver, relay, target):
    """Of conversations also from before there was such a sink; what is asked for by hand is sent whatever it is."""
    home = home_with(relay=())
    one = receiver(home=home)
    deliver(one, conversation_id="urn:old")
    deliver(one, 1200, conversation_id="urn:many")
    home.configure(sink("out", url=target.url, first_message=True), endpoint(PATH, relay=["out"]))
    one.hup()
    one.until_entry(msg=f"configuration reloaded from {home.conf}")
    running = relay(home).ready()
    deliver(one, conversation_id="urn:old")
    wanted = deliver(one, conversation_id="urn:new")
    deliver(one, 2, conversation_id="urn:new")
    deliver(one, conversation_id=None)
    wanted += deliver(one, conversation_id="urn:newer")
    target.until(2)
    until(lambda: states(home) == [DONE] * 2, "the others are forgotten")
    assert sorted(target.bodies()) == sorted(wanted)
    running.stop()
    assert home.spool.query("SELECT count(*) AS n FROM conversation") == [{"n": 4}]
    assert home.cli("purge", "--older-than", "1ms").returncode == 0
    assert not home.spool.query("SELECT * FROM conversation")


def test_first_messages_while_they_come(receiver, relay, target):
    """An event that is stored while the relay finds out which were the first is not taken for a later one."""
    home = home_with(sink("out", url=target.url, first_message=True))
    one = receiver(home=home)
    relay(home).ready()
    wanted = [deliver(one, conversation_id=f"urn:{i}")[0] for i in range(400)]
    settled(home, 400)
    assert sorted(target.bodies()) == sorted(wanted)


@pytest.fixture
def unreadable(receiver):
    """Three stored events for a sink that asks for first messages, and which those are can't be read."""
    home = home_with(sink("out", url="http://127.0.0.1:1/", first_message=True))
    one = receiver(home=home)
    for i in range(3):
        deliver(one, conversation_id=f"urn:{i}")
    one.stop()
    file = home.spool.dir / "hookspool.db"
    with sqlite3.connect(file) as db:
        db.execute("UPDATE spool SET conversations = (SELECT max(id) FROM event)")
        root, = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'conversation'").fetchone()
        size, = db.execute("PRAGMA page_size").fetchone()
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(file, "r+b") as pages:
        pages.seek((root - 1) * size)
        pages.write(bytes(size))
    return home


def test_what_cannot_be_judged_is_not_forgotten(unreadable, relay):
    """The relay says so, and goes on trying; --once ends."""
    running = relay(unreadable).ready()
    running.until(lambda: running.text().count("sink out: the spool can't be used") == 2, "its word")
    running.stop()
    done = unreadable.cli("relay", "--once")
    assert done.returncode == 75 and b"malformed" in done.stderr
    assert states(unreadable) == [PENDING] * 3 and not attempts(unreadable)


@pytest.mark.skipif(bool(SANITIZER), reason="a sanitizer takes the address space")
def test_short_memory_forgets_nothing(receiver, relay, target):
    """A regular expression that needs more for a text than there is has not said that the text is unwanted."""
    home = home_with(sink("picky", url=target.url, text_regex="(x|a)*x(x|a){20}y"), sink("out", url=target.url), relay=("picky", "out"))
    one = receiver(home=home)
    running = relay(home).ready()
    deliver(one)
    target.until(1)
    peak = int(re.search(r"VmPeak:\s+(\d+) kB", Path(f"/proc/{running.pid}/status").read_text())[1])
    running.stop()
    rng = random.Random(1)
    deliver(one, text="".join(rng.choice("xa") for _ in range(8000)) + "x" * 22 + "y")
    limited = Child(["sh", "-c", f'ulimit -v {peak + 16 * 1024}; exec "$@"', "sh", BIN / "hookspool", "-c", home.conf, "relay", "--once"], home.dir / "once.log")
    assert limited.wait(30) == 75 and "sink picky: not all that is due could be read and judged: memory is short" in limited.text()
    assert sorted(states(home)) == [PENDING, DONE, DONE]
    assert home.cli("relay", "--once").returncode == 0 and states(home) == [DONE] * 3


def test_event_of_a_removed_endpoint_is_a_dead_letter(receiver, relay, target):
    """Its endpoint, which knew where the text stands, is gone from the configuration, and release 0.1 stored no text with it."""
    section = sink("out", url=target.url, texts=["Hey"])
    home = home_with(section)
    one = receiver(home=home)
    deliver(one)
    expect(fcgi_client.deliver(one.socket, b'{"event":"e","data":{"message_urn":"urn:1"}}', path=PATH), "stored")
    one.stop()
    db = sqlite3.connect(home.spool.dir / "hookspool.db")
    db.execute("UPDATE event SET text = NULL")
    db.commit()
    db.close()
    home.configure(section, endpoint("/other", relay=["out"]))
    running = relay(home).ready()
    settled(home, 1)
    settled(home, 1, state=DEAD)
    assert len(target.got) == 1 and sum("no longer configured" in (attempt["error"] or "") for attempt in attempts(home)) == 1
    assert home.cli("retry", "--sink", "out").returncode == 0
    until(lambda: len(attempts(home)) == 3, "it is judged again")
    settled(home, 1, state=DEAD)
    home.configure(section, endpoint(PATH, relay=["out"]))
    running.hup()
    running.until(lambda: running.text().count("relaying to") == 2, "the reload")
    assert home.cli("retry", "--sink", "out").returncode == 0
    until(lambda: states(home) == [DONE], "it is forgotten")
    assert len(attempts(home)) == 1, "nor is there anything left that could be taken for another's"


def test_text_of_an_event_of_a_removed_endpoint_is_filtered(receiver, relay, target):
    """The text, or that there is none, is stored with the event."""
    section = sink("out", url=target.url, texts=["Hey"])
    home = home_with(section)
    one = receiver(home=home)
    deliver(one)
    expect(fcgi_client.deliver(one.socket, b'{"event":"e","data":{"message_urn":"urn:1"}}', path=PATH), "stored")
    one.stop()
    home.configure(section, endpoint("/other", relay=["out"]))
    relay(home).ready()
    until(lambda: states(home) == [DONE], "one is sent, and the other one forgotten")
    assert len(target.got) == 1


def test_what_is_asked_for_is_not_judged(receiver, relay, target):
    home = home_with(sink("out", url=target.url, texts=["never"]))
    one = receiver(home=home)
    relay(home).ready()
    body = deliver(one)
    until(lambda: one.entries(outcome="stored") and not states(home), "it is forgotten")
    assert home.cli("replay", "--sink", "out").stdout == b"1 of 1 events are due for out\n"
    target.until(1)
    assert target.bodies() == body


def test_many_unwanted(receiver, relay, target):
    """They don't wait in memory, nor for the sink's rate."""
    home = home_with(sink("out", url=target.url, texts=["wanted"], rate="1/m"))
    one = receiver(home=home)
    deliver(one, 500)
    wanted = deliver(one, text="wanted")
    relay(home).ready()
    target.until(1)
    until(lambda: states(home) == [DONE], "the others are forgotten")
    assert target.bodies() == wanted


def test_many_unwanted_hold_up_no_other(receiver, relay, target):
    home = home_with(sink("picky", url="http://127.0.0.1:1/", texts=["wanted"]), sink("out", url=target.url), relay=("picky", "out"))
    one = receiver(home=home)
    deliver(one)
    with sqlite3.connect(home.spool.dir / "hookspool.db") as db:
        db.executemany("INSERT INTO relay(event, sink, state, since, due, attempts, judge) SELECT event, sink, 0, since, due, 0, 1"
                       " FROM relay WHERE id = ?", [(1,)] * 20000)
    left = []
    target.answers = [{"do": lambda _: left.append(states(home).count(PENDING))}]
    relay(home).ready()
    until(lambda: left, "the other sink's turn", 20)
    assert left[0] > 1000


# ---- send --relay

def test_send_relay(target):
    """One attempt, past the spool, as the dashboard's Test button makes one."""
    home = home_with(sink("out", url=target.url, body='{"from":"{{hookspool.sender_name}}","text":"{{hookspool.text}}"}', accounts=["acc-7"]))
    done = home.cli("send", "--relay", "out")
    assert done.returncode == 0, done.stderr
    first, second, third, fourth = done.stdout.decode().splitlines()
    assert (first, second) == (f"POST {target.url}", f"as sink out, with an event of {PATH}")
    assert re.fullmatch(r"200 after \d+ ms", third) and fourth == "it answered: ok"
    _, _, _, headers, body = target.got[0]
    assert all(json.loads(body).values()) and re.fullmatch(r"evt_test_\d+", headers["webhook-id"])
    (home.dir / "event").write_bytes(message(sender="Ada", text="from a file"))
    assert home.cli("send", "--relay", "out", "--file", home.dir / "event").returncode == 0
    assert json.loads(target.bodies()[1]) == {"from": "Ada", "text": "from a file"}
    target.answers = [{"status": 404, "body": b"no such hook"}]
    done = home.cli("send", "--relay", "out")
    assert done.returncode == 1 and b"404 after" in done.stdout and b"it answered: no such hook" in done.stdout
    target.close()
    done = home.cli("send", "--relay", "out")
    assert done.returncode == 1 and re.search(rb"failed after \d+ ms  .*onnect", done.stdout)
    assert not home.spool.dir.exists()
    assert home.cli("send", "--relay", "none").returncode == 64 and home.cli("send", "--relay", "out", target.url).returncode == 64
    assert home.cli("send", "--relay", "out", "--count", "5").returncode == 64


@pytest.mark.parametrize("text, how, scheme, why", [
    (b"not json", [], "connectsafely", "not JSON"), (b"", [], "connectsafely", "not JSON"), (b"1", [], "connectsafely", "not a JSON object or array"),
    (b'{"text":"hi"}', [], "connectsafely", "no name of the event"), (b'{"text":"hi"}', ["--endpoint", "/stripe"], "stripe", "no name of the event"),
    (b"not json", ["--type", "text/plain"], "connectsafely", "not JSON")])
def test_send_relay_of_what_is_no_event(target, text, how, scheme, why):
    """What the receiver would store without a name is not sent."""
    home = home_with(sink("out", url=target.url))
    home.configure(sink("out", url=target.url), endpoint(PATH, relay=["out"]), endpoint("/stripe", scheme="stripe", relay=["out"]))
    done = home.cli("send", "--relay", "out", "--file", "-", *how, stdin=text)
    assert (done.returncode, done.stdout) == (1, b"") and not target.got
    assert done.stderr.decode() == f'hookspool: the file is no event of scheme "{scheme}": {why}; the receiver would store it without a name\n'


def test_send_relay_of_a_scheme_of_ones_own(target):
    """There is no sample of its events, so another one is sent; what is in a file has to be one."""
    home = home_with(sink("out", url=target.url))
    own = 'scheme "mine" { algorithm = "secret" header = "X-Secret" event = {"json:kind"} }\n'
    home.write("hookspool.conf", options({"spool": str(home.spool.dir)}) + own + sink("out", url=target.url) +
               endpoint(PATH, scheme="mine", relay=["out"]))
    assert home.cli("send", "--relay", "out").returncode == 0 and len(target.got) == 1
    assert home.cli("send", "--relay", "out", "--file", "-", stdin=message()).returncode == 1 and len(target.got) == 1
    assert home.cli("send", "--relay", "out", "--file", "-", stdin=b'{"kind":"new"}').returncode == 0 and target.bodies()[1] == b'{"kind":"new"}'


def test_send_relay_is_interrupted(children):
    """With it ends the program, which no terminal's ^C reaches."""
    home = home_with(program("out", "./program", timeout="600s"))
    script(home, f"#!/bin/sh\necho $$ > {home.dir}/pid\nexec sleep 77\n")
    sending = Child([BIN / "hookspool", "-c", home.conf, "send", "--relay", "out"], home.dir / "send.log")
    pid = noted(home.dir / "pid")
    sending.signal(signal.SIGINT)
    assert sending.wait(5) == 1 and not alive(pid)


def test_send_relay_of_programs(target):
    home = answering(target, "#!/bin/sh\necho thinking >&2\necho Hello $HOOKSPOOL_ATTEMPT\n")
    done = home.cli("send", "--relay", "assistant")
    assert done.returncode == 0 and not target.got
    assert done.stdout.decode().splitlines()[0] == f"run {home.dir}/./program"
    assert "for sink connectsafely: Hello 1" in done.stdout.decode() and b"thinking" in done.stdout
    script(home, "#!/bin/sh\nexit 3\n")
    done = home.cli("send", "--relay", "assistant")
    assert done.returncode == 1 and re.search(rb"failed after \d+ ms  exit status 3\n", done.stdout)
    assert home.cli("send", "--relay", "connectsafely").returncode == 0
    assert json.loads(target.bodies()[0])["message"] == "This is a test of hookspool."


def test_send_relay_of_other_providers(target):
    """The event is one of the endpoint's provider, named by its header."""
    home = home_with(sink("out", url=target.url, body="{{hookspool.event}} {{hookspool.endpoint}}"), relay=())
    home.configure(sink("out", url=target.url, body="{{hookspool.event}} {{hookspool.endpoint}}"), endpoint("/a"),
                   endpoint("/github", scheme="github", relay=["out"]))
    assert home.cli("send", "--relay", "out").returncode == 0 and target.bodies() == [b"issues /github"]
    assert home.cli("send", "--relay", "out", "--endpoint", "/a").returncode == 0 and target.bodies()[1] == b"message.received /a"
    assert home.cli("send", "--relay", "out", "--endpoint", "/b").returncode == 64


@pytest.mark.skipif(not ROOT, reason="only root has another user's rights")
def test_a_test_by_root_has_the_relays_identity(receiver, target):
    """The program doesn't run as root, and a file that the relay can't read is none that it could use."""
    home = home_with(program("out", "./program"), sink("web", url=target.url, authorization_file="token"), files={"token": "Bearer abc"}, relay=("out", "web"))
    script(home, "#!/bin/sh\nid -un\nid -G\n")
    assert home.cli("send", "--relay", "out", user=None).returncode == 75, "no spool says who the relay is"
    receiver(home=home)
    done = home.cli("send", "--relay", "out", user=None)
    assert done.returncode == 0 and f"it printed: {USER} ".encode() in done.stdout and b" 0" not in done.stdout.split(b"it printed")[1]
    (home.dir / "secret").unlink()
    assert home.cli("send", "--relay", "web", user=None).returncode == 0, "it needs no secret of an endpoint"
    os.chown(home.dir / "token", 0, 0)
    done = home.cli("send", "--relay", "web", user=None)
    assert done.returncode == 78 and b"token: Permission denied" in done.stderr and len(target.got) == 1
