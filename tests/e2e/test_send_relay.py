# SPDX-License-Identifier: ISC
"""hookspool send --relay: one attempt of a sink."""
import json
import os
import re
import signal

import pytest

from place import BIN, ROOT, USER
from proc import Child
from receiver import endpoint, options
from relaying import PATH, alive, answering, home_with, noted, program, script, sink
from sender import message


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
def test_send_relay_of_an_invalid_event(target, text, how, scheme, why):
    """What the receiver would store without a name is not sent."""
    home = home_with(sink("out", url=target.url))
    home.configure(sink("out", url=target.url), endpoint(PATH, relay=["out"]), endpoint("/stripe", scheme="stripe", relay=["out"]))
    done = home.cli("send", "--relay", "out", "--file", "-", *how, stdin=text)
    assert (done.returncode, done.stdout) == (1, b"") and not target.got
    assert done.stderr.decode() == f'hookspool: the file is no event of scheme "{scheme}": {why}; the receiver would store it without a name\n'


def test_send_relay_with_an_own_scheme(target):
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
    assert sending.wait(20) == 1 and not alive(pid)


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
def test_send_relay_by_root_runs_as_the_relays_user(receiver, target):
    """The program doesn't run as root, and a file that the relay can't read is none that it could use."""
    home = home_with(program("out", "./program"), sink("web", url=target.url, authorization_file="token"), files={"token": "Bearer abc"}, relay=("out", "web"))
    script(home, "#!/bin/sh\nid -un\nid -G\n")
    assert home.cli("send", "--relay", "out", user=None).returncode == 75, "no spool tells the relay's user"
    receiver(home=home)
    done = home.cli("send", "--relay", "out", user=None)
    assert done.returncode == 0 and f"it printed: {USER} ".encode() in done.stdout and b" 0" not in done.stdout.split(b"it printed")[1]
    (home.dir / "secret").unlink()
    assert home.cli("send", "--relay", "web", user=None).returncode == 0, "it needs no secret of an endpoint"
    os.chown(home.dir / "token", 0, 0)
    done = home.cli("send", "--relay", "web", user=None)
    assert done.returncode == 78 and b"token: Permission denied" in done.stderr and len(target.got) == 1
