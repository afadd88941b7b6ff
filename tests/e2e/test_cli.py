# SPDX-License-Identifier: ISC
"""The subcommands beside a running receiver: the format of export, and each subcommand on received events."""
import base64
import hashlib
import json
import re
import sqlite3
import time
from datetime import datetime, timezone

import pytest

import fcgi_client
from outcomes import expect
from place import BIN, USER, new_dir, run, until
from proc import Child
from receiver import Home, endpoint
from sender import AUTHORIZATION, SECRET, SECRET2, message, new_urn, sign

FIELDS = ["id", "endpoint", "event", "key", "account", "received_at", "remote_addr", "name", "source", "note", "headers"]


def store(one, body, **how):
    return expect(fcgi_client.deliver(one.socket, body, **how), "stored").json["id"]


def test_export(receiver):
    """One JSON object a line, the fields scripts rely on, in the order stored."""
    one = receiver()
    before = datetime.now(timezone.utc).replace(microsecond=0)
    bodies = [message("urn:1"), message("urn:2", event="other", account_id="acc-2"), b'{"event":"bare"}',
              b' {"event" : "spaced", "data":{"id":7, "x":"\\u0000 \\ud83d"}}\r\n']
    ids = [store(one, body) for body in bodies]
    lines = one.home.spool.export()
    assert [line["id"] for line in lines] == ids == sorted(ids)
    assert [line["body"].encode() for line in lines] == bodies
    assert [(line["event"], line["key"], line["account"]) for line in lines] == [
        ("message.received", "urn:1", "acc-1"), ("other", "urn:2", "acc-2"),
        ("bare", hashlib.sha256(bodies[2]).hexdigest(), None), ("spaced", "7", None)]
    for line in lines:
        assert sorted(line) == sorted([*FIELDS, "body"])
        assert (line["endpoint"], line["remote_addr"]) == ("/webhook/linkedin", "127.0.0.1")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["received_at"])
        at = datetime.fromisoformat(line["received_at"].replace("Z", "+00:00"))
        assert before <= at <= datetime.now(timezone.utc)


def test_export_of_a_body_that_is_not_text(receiver):
    """The receiver refuses a body that is not UTF-8. An older version or a restore may have left one: its bytes are exported."""
    one = receiver()
    store(one, message())
    one.stop()
    body = b'\xff\xfe{"event":"e"}\0'
    put(one.home, body)
    line = one.home.spool.export()[-1]
    assert base64.b64decode(line["body_base64"]) == body
    assert sorted(line) == sorted([*FIELDS, "body_base64"])


def put(home, body):
    db = sqlite3.connect(home.spool.dir / "hookspool.db")
    db.execute("INSERT INTO event(received_at, endpoint, secret, event, headers, body) VALUES(0, '/x', 0, 'e', '', ?)", [body])
    db.commit()
    db.close()


def test_export_while_events_arrive(receiver):
    """Each line is complete, and no earlier event is missing."""
    one = receiver()
    ids = [store(one, message(text="x" * 5000)) for _ in range(300)]
    lines = one.home.spool.export()
    assert [line["id"] for line in lines] == ids


FILTERS = {
    "all": ([], [1, 2, 3]),
    "endpoint": (["--endpoint", "/webhook/second"], [3]),
    "event": (["--event", "message.received"], [1, 3]),
    "account": (["--account", "acc-2"], [2]),
    "sender": (["--sender", "Jane"], [1]),
    "sender's id": (["--sender", "urn:li:fsd_profile:ACoAA1"], [1, 2, 3]),
    "text": (["--text", "needle"], [2]),
    "since": (["--since", "1h"], [1, 2, 3]),
    "until": (["--until", "1h"], []),
    "both": (["--event", "message.received", "--endpoint", "/webhook/linkedin"], [1]),
    "nothing": (["--event", "no such"], []),
}


@pytest.fixture(scope="module")
def three():
    """A spool with three events, its receiver running."""
    home = Home(endpoint(authorization_file=["auth"]), endpoint("/webhook/second", secret_file=["secret", "secret2"]),
                endpoint("/webhook/third", scheme="none"))
    one = home.start()
    headers = {"Authorization": AUTHORIZATION}
    store(one, message("urn:1", sender="Jane Doe"), headers=headers)
    store(one, message("urn:2", event="other", account_id="acc-2", text="a needle in it"), headers=headers)
    body = message("urn:3")
    store(one, body, path="/webhook/second", headers={"X-Webhook-Signature": sign(body, SECRET2)})
    expect(fcgi_client.deliver(one.socket, b"{}", path="/webhook/third"), "malformed")
    until(lambda: home.spool.rejects(), "the reject")
    yield one
    one.stop()


@pytest.mark.parametrize("command", ["export", "list"])
@pytest.mark.parametrize("args, ids", FILTERS.values(), ids=FILTERS)
def test_filters(three, command, args, ids):
    done = three.home.cli(command, *args, *(["--json"] if command == "list" else []))
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ids


def test_list_and_tail(three):
    for command in ("list", "tail"):
        done = three.home.cli(command)
        assert done.returncode == 0 and b"Jane Doe" in done.stdout and b"needle" in done.stdout
        assert [line.split()[0] for line in done.stdout.splitlines()] == [b"ID", b"1", b"2", b"3"]
        head, first = done.stdout.decode().splitlines()[:2]
        assert head.index("SENDER") == first.index("Jane Doe") and first.index("message.received") == head.index("EVENT")


def test_show(three):
    shown = three.home.cli("show", "3")
    assert shown.returncode == 0
    assert b"signature ok, secret 2" in shown.stdout and sign(message("urn:3"), SECRET2).encode() in shown.stdout
    raw = three.home.cli("show", "1", "--raw")
    assert raw.stdout == message("urn:1", sender="Jane Doe")
    assert three.home.cli("show", "99").returncode == 1


def test_rejects_and_stats(three):
    rejects = [json.loads(line) for line in three.home.cli("rejects", "--json").stdout.splitlines()]
    assert [(r["outcome"], r["endpoint"], r["bytes"]) for r in rejects] == [("malformed", "/webhook/third", 2)]
    assert b"malformed" in three.home.cli("stats").stdout
    stats = json.loads(three.home.cli("stats", "--json").stdout)
    assert stats["events"] == 3
    assert {(c["endpoint"], c["outcome"], c["secret"]): c["deliveries"] for c in stats["counters"]} == {
        ("/webhook/linkedin", "stored", 1): 2, ("/webhook/third", "malformed", 0): 1, ("/webhook/second", "stored", 2): 1}


def test_check_with_a_running_receiver(three):
    done = three.home.cli("check", "--socket", f"unix:{three.socket}")
    assert done.returncode in (0, 1), done.stdout  # a warn where /tmp is no disk
    assert {line.split()[0] for line in done.stdout.splitlines()} <= {b"ok", b"warn"}
    assert three.home.cli("check", "--socket", f"unix:{three.home.dir}/nobody").returncode == 2


def test_no_command_shows_a_secret(three):
    for command in (["check"], ["list", "--json"], ["show", "1"], ["show", "3", "--json"], ["stats"], ["rejects"], ["export"]):
        done = three.home.cli(*command)
        for secret in (SECRET, SECRET2, AUTHORIZATION):
            assert secret.encode() not in done.stdout + done.stderr


@pytest.mark.parametrize("command", [["check"], ["keygen"], ["list"], ["export"], ["show", "1"], ["stats"], ["rejects"]], ids=" ".join)
def test_a_failed_write_to_standard_output_is_reported(three, command):
    done = run(["sh", "-c", 'exec "$@" > /dev/full', "sh", BIN / "hookspool", "-c", three.home.conf, *command], user=USER)
    assert done.returncode == 75 and b"standard output: No space left" in done.stderr


def test_tail_follows(three, children):
    follow = Child([BIN / "hookspool", "-c", three.home.conf, "tail", "-f", "-n", "1", "--json"], new_dir("tail") / "tail.log")
    follow.until(lambda: follow.text().count("\n") == 1, "the last event")
    urn = new_urn()
    store(three, message(urn), headers={"Authorization": AUTHORIZATION})
    follow.until(lambda: urn in follow.text(), "the new event")


def test_purge_beside_a_running_receiver(receiver):
    one = receiver()
    ids = [store(one, message(text="x" * 1000)) for _ in range(700)]
    dry = one.home.cli("purge", "--older-than", "1h", "--dry-run")
    assert dry.returncode == 0 and len(one.home.spool.events()) == 700
    time.sleep(1.1)
    assert one.home.cli("purge", "--older-than", "1s").returncode == 0
    assert not one.home.spool.events()
    assert store(one, message()) > max(ids), "an id is never used again"
    assert one.home.spool.sound()


def test_purge_of_no_unit(three):
    """An age without a unit is refused: 90 would mean seconds, where a user means days."""
    before = three.home.spool.events()
    done = three.home.cli("purge", "--older-than", "0")
    assert done.returncode == 64 and b'"0" is no age with a unit; write 90d' in done.stderr
    assert before and three.home.spool.events() == before


def test_a_purged_event_is_known_for_the_dedupe_window(receiver):
    """A recorded delivery that is sent again after a purge is a duplicate. After the window it is a new event."""
    one = receiver()
    body = message()
    store(one, body)
    time.sleep(1.1)
    one.home.cli("purge", "--older-than", "1s")
    assert not one.home.spool.events()
    expect(fcgi_client.deliver(one.socket, body), "duplicate")
    one.home.configure(dedupe_window="1s")
    one.home.cli("purge", "--older-than", "1s")
    store(one, body)


HOSTILE = "a\x1b[2Jb\x9bc\u202ed\u2066e\nf\tg"


def test_text_of_a_delivery_does_not_steer_the_terminal(receiver):
    one = receiver()
    store(one, message(sender=HOSTILE, text=HOSTILE, event=HOSTILE))
    for command in (["list"], ["tail"], ["show", "1"]):
        out = one.home.cli(*command).stdout.decode()
        assert not [c for c in out if c in "\x1b\x9b\u202e\u2066\x07"], (command, out)


@pytest.mark.parametrize("args, statuses", [([], ["stored"]), (["--duplicate"], ["stored", "duplicate"]),
                                            (["--bad-signature"], ["unauthorized"]), (["--no-auth"], ["unauthorized"])],
                         ids=lambda v: v[0] if v else "plain")
def test_send(served, args, statuses):
    """ConnectSafely's sender in small, through nginx."""
    site = served("nginx", Home(endpoint(authorization_file=["auth"])))
    done = site.home.cli("send", f"http://127.0.0.1:{site.port}/webhook/linkedin", *args)
    assert done.returncode == (0 if "stored" in statuses else 1), done.stdout + done.stderr
    until(lambda: [e["outcome"] for e in site.entries() if "outcome" in e] == statuses, f"{statuses} in the log")
    assert all(SECRET.encode() not in out for out in (done.stdout, done.stderr))


def test_send_many(served):
    site = served("nginx-kept", Home())
    url = f"http://127.0.0.1:{site.port}/webhook/linkedin"
    done = site.home.cli("send", url, "--count", "100", "--concurrency", "10", "--quiet")
    assert done.returncode == 0, done.stderr
    assert len(site.home.spool.events()) == 100


NOTHING_THERE = {"list": 66, "export": 66, "stats": 66, "rejects": 66, "tail": 66}


@pytest.mark.parametrize("command", NOTHING_THERE)
def test_no_spool_yet(command):
    home = Home()
    done = home.cli(command)
    assert done.returncode == 66 and done.stderr
    assert not home.spool.dir.exists()


def subcommands():
    return re.findall(r"^  ([a-z]+) {2,}\S", run([BIN / "hookspool", "--help"]).stdout.decode(), re.M)


def test_help():
    """Of each subcommand, in lines that a terminal of 88 columns shows whole."""
    home = Home()
    for command in subcommands():
        done = home.cli(command, "--help")
        assert done.returncode == 0 and not done.stderr and done.stdout.startswith(f"Usage: hookspool {command}".encode()), command
        assert all(len(line) <= 88 for line in done.stdout.decode().splitlines()), command


@pytest.mark.sqlite  # of restore
def test_examples_of_help_are_taken():
    """Every example parses. Without a spool they change nothing. Those that send to the internet, ask, or need a server are left out."""
    home = Home(keep="90d")
    home.write("body.json", "{}")
    helps = [home.cli(command, "--help").stdout.decode() for command in subcommands()]
    examples = [line for text in helps for line in re.findall(r"^  (hookspool .*)", text.partition("\nExamples:\n")[2], re.M)]
    assert len(examples) > 30
    for line in examples:
        if "https://" in line or line.startswith("hookspool send") or line == "hookspool init" or " --as " in line:
            continue
        command = line.partition(">")[0].replace("hookspool", f"{BIN}/hookspool -c {home.conf}", 1)
        done = run(["sh", "-c", f"cd {home.dir} && timeout 10 {command}"], user=USER)
        assert done.returncode not in (64, 124, 127), (line, done.stderr)


WRONG = {
    "a number": (["list", "-n", "x"], '-n: "x" is no number from 0 to 1000000'),
    "a number out of range": (["send", "--count", "0", "http://x/"], '--count: "0" is no number from 1 to 10000000'),
    "a word": (["deliveries", "--state", "gone"], '--state: "gone" is none; write pending, delivered or dead'),
    "a word of few": (["restore", "--pending", "keep", "x"], '--pending: "keep" is none; write hold, send or drop'),
    "a role": (["reload", "sender"], '"sender" is none; write receiver or relay'),
    "a time": (["export", "--since", "soon"], '--since: "soon" is no time'),
    "a header": (["tail", "--forward", "http://x/", "-H", "x"], "-H: \"x\" is no header; write 'NAME: VALUE'"),
    "an id": (["show", "0"], '"0" is no ID; list prints them'),
    "one of several ids": (["retry", "1", "x"], '"x" is no ID; hookspool deliveries prints them'),
    "no value": (["list", "--event"], "--event needs a value"),
    "no argument": (["show"], "the ID is missing"),
    "two arguments": (["backup", "a", "b"], "one FILE at a time"),
    "an argument too many": (["stats", "x"], "it takes no x"),
    "an option": (["stats", "--frobnicate"], "unknown option --frobnicate"),
    "a value for a flag": (["stats", "--json=1"], "unknown option --json=1"),
}


@pytest.mark.parametrize("args, message", WRONG.values(), ids=WRONG)
def test_wrong_use_says_what_is_wrong(args, message):
    done = Home().cli(*args)
    assert done.returncode == 64 and done.stderr.decode().splitlines() == [f"hookspool {args[0]}: {message}", f"Try: hookspool {args[0]} --help"]


TAKEN = {
    "an equals sign": ["list", "--event=x"],
    "the beginning of a name": ["list", "--eve", "x"],
    "a letter with its value": ["list", "-n5"],
    "several letters": ["tail", "-fn5"],
    "an option behind an argument": ["show", "1", "--json"],
    "two dashes": ["show", "--json", "--", "1"],
}


@pytest.mark.parametrize("args", TAKEN.values(), ids=TAKEN)
def test_ways_to_write_an_option(args):
    assert Home().cli(*args).returncode == 66, "it is taken, and there is no spool"


@pytest.mark.parametrize("args", [[], ["frobnicate"], ["list", "--frobnicate"], ["show"], ["show", "x"], ["list", "-n", "-1"],
                                  ["list", "--since", "yesterday?"], ["purge"], ["purge", "--older-than", "soon"]], ids=" ".join)
def test_wrong_use(args):
    done = Home().cli(*args)
    assert done.returncode == 64 and done.stderr


def test_keygen(children):
    home = Home()
    one, two = (home.cli("keygen").stdout.split()[0] for _ in range(2))
    assert re.fullmatch(rb"[0-9a-f]{64}", one) and one != two
    path = home.dir / "new.secret"
    assert home.cli("keygen", path).returncode == 0
    assert path.stat().st_mode & 0o777 == 0o600
    key = path.read_text()
    assert re.fullmatch(r"[0-9a-f]{64}\n?", key)
    assert home.cli("keygen", path).returncode != 0 and path.read_text() == key
