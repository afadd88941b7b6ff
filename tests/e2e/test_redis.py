# SPDX-License-Identifier: ISC
"""Sinks of the type redis, on a real server: what arrives, once, whatever fails."""
import re
import signal

import pytest

from place import until
from proc import Child
from receiver import Home, endpoint
from redis_server import DURABLE, Redis
from relaying import PATH, Relay, deliver, home_with, settled, sink, states
from servers import free_port


def redis_sink(server, name="out", **given):
    given.setdefault("url", server.url)
    given.setdefault("stream", "events")
    return sink(name, type="redis", allow_private=None, **given)


@pytest.fixture
def redis(children):
    return Redis()


def results(home):
    return home.spool.query("SELECT error FROM attempt ORDER BY id")


def relayed(server, n=1, files=None, **given):
    """Stores n events for the sink, and starts a relay."""
    home = home_with(redis_sink(server, **given), files=files)
    bodies = deliver(home.start(), n)
    home.relay = Relay(home).ready()
    return home, bodies


def error_of(home):
    return until(lambda: [str(row["error"]) for row in results(home)], "an attempt")[-1]


# ---- what arrives

def test_an_event_is_an_entry(redis):
    home, bodies = relayed(redis, 3)
    settled(home, 3)
    entries = redis.entries()
    assert [entry[b"body"] for entry in entries] == bodies
    first = entries[0]
    assert first[b"id"].startswith(b"evt_") and first[b"endpoint"] == PATH.encode() and first[b"content_type"] == b"application/json"
    assert {b"event", b"account", b"conversation", b"sender_id", b"sender_name", b"text", b"received_at", b"headers"} <= set(first)
    assert len({entry[b"id"] for entry in entries}) == 3


def test_deliveries_says_where_an_event_is(redis):
    home, _ = relayed(redis)
    settled(home, 1)
    place = redis.do("XRANGE", "events", "-", "+")[0][0]
    assert b"events " + place in home.cli("deliveries", "--json").stdout


def test_streams_are_templates(redis):
    home, _ = relayed(redis, stream="in-{{hookspool.event}}", max_length=10)
    settled(home, 1)
    assert redis.do("KEYS", "in-*") == [b"in-message.received"]


def test_a_stream_without_a_name_is_refused(redis):
    home, _ = relayed(redis, stream="{{data.nothing}}")
    settled(home, 1, state=2)
    assert "no name" in error_of(home)


def test_a_body_of_the_sink_is_sent(redis):
    home, _ = relayed(redis, body='{"e":"{{hookspool.event}}"}')
    settled(home, 1)
    assert redis.entries()[0][b"body"] == b'{"e":"message.received"}'


def test_a_stream_is_bounded(redis):
    home, _ = relayed(redis, 400, max_length=10)
    settled(home, 400)
    assert redis.do("XLEN", "events") < 200  # whole nodes of 100 entries go


def test_events_that_wait_go_together(redis):
    """A server that is durable flushes its file once for each command."""
    home, bodies = relayed(redis, 200)
    settled(home, 200)
    calls = re.findall(r"cmdstat_eval(?:sha)?:calls=(\d+)", redis.do("INFO", "commandstats").decode())
    assert sum(map(int, calls)) <= 40
    assert [entry[b"body"] for entry in redis.entries()] == bodies


def test_events_of_several_streams_go_to_their_own(redis):
    """Those that follow each other and have one stream go together."""
    home = home_with(redis_sink(redis, stream="in-{{data.sender.name}}"))
    names = ["a", "a", "b", "a", "c", "c", "b"]
    receiver = home.start()
    bodies = [deliver(receiver, sender=name)[0] for name in names]
    Relay(home).ready()
    settled(home, len(names))
    for name in "abc":
        assert [entry[b"body"] for entry in redis.entries(f"in-{name}")] == [body for body, of in zip(bodies, names) if of == name]


def test_an_event_is_added_once(redis):
    """A server that hangs takes the commands of an attempt that is over, and those of the next one."""
    home, _ = relayed(redis, timeout="500ms", retry=["100ms", "200ms", "1h"])
    settled(home, 1)
    redis.child.signal(signal.SIGSTOP)
    deliver(home.start(), 3)
    until(lambda: sum("in time" in str(row["error"]) for row in results(home)) >= 3, "all have had an attempt")
    redis.child.signal(signal.SIGCONT)
    settled(home, 4)
    assert redis.do("XLEN", "events") == 4


def test_a_forgotten_script_is_sent_again(redis):
    home, _ = relayed(redis)
    settled(home, 1)
    redis.do("SCRIPT", "FLUSH")
    deliver(home.start(), 5)
    settled(home, 6)
    assert redis.do("XLEN", "events") == 6 and not [row for row in results(home) if row["error"]]


# ---- ways to it

def test_by_tcp_with_a_password_and_a_database(children):
    port = free_port()
    server = Redis(*DURABLE, "--requirepass", "s3cret word", port=port)
    home, _ = relayed(server, url=f"redis://localhost:{port}/3", password_file="password", files={"password": "s3cret word"})
    settled(home, 1)
    with pytest.raises(Exception, match="NOAUTH"):
        server.do("PING")
    home.relay.stop()
    assert b"s3cret" not in home.relay.text().encode()


@pytest.mark.parametrize("given, why", [
    ({"password_file": "password"}, "AUTH: WRONGPASS"),
    ({}, "NOAUTH"),
])
def test_a_wrong_password(children, given, why):
    server = Redis(*DURABLE, "--requirepass", "s3cret")
    home, _ = relayed(server, files={"password": "wrong"}, **given)
    assert why in error_of(home) and states(home) == [0]


def test_a_host_that_is_not_known(redis):
    home, _ = relayed(redis, url="redis://nowhere.invalid")
    assert "nowhere.invalid" in error_of(home) and states(home) == [0]


# ---- servers that fail

def test_a_server_that_is_down_gets_the_event_later(redis):
    redis.kill()
    home, _ = relayed(redis, retry=["100ms", "200ms", "1h"])
    assert states(home) == [0] and error_of(home)
    redis.start()
    settled(home, 1)
    assert redis.do("XLEN", "events") == 1


@pytest.mark.parametrize("broken, mended, why", [
    (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0"), "OOM"),
    (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE"), "READONLY"),
    (("CONFIG", "SET", "min-replicas-to-write", "1"), ("CONFIG", "SET", "min-replicas-to-write", "0"), "NOREPLICAS"),
])
def test_a_server_that_refuses_is_tried_again(redis, broken, mended, why):
    redis.do(*broken)
    home, _ = relayed(redis, retry=["100ms", "200ms", "1h"])
    assert why in error_of(home) and states(home) == [0]
    until(lambda: home.spool.query("SELECT sink FROM pause"), "a pause: it is the server that fails, and not the event")
    redis.do(*mended)
    settled(home, 1)
    assert redis.do("XLEN", "events") == 1


def test_an_answer_waits_for_the_server(redis):
    """store: the 200 comes when the stream has the event."""
    home = Home(redis_sink(redis), endpoint(PATH, store=["out"], store_wait="5s"))
    receiver = home.start()
    Relay(home).ready()
    for n in range(1, 6):
        deliver(receiver)
        assert redis.do("XLEN", "events") == n
    assert {entry["store"] for entry in receiver.entries(outcome="stored")} == {"done"}


def test_a_poison_event_is_refused_alone(redis):
    redis.do("SET", "to-b", "no stream")
    home = home_with(redis_sink(redis, stream="to-{{hookspool.text}}"))
    receiver = home.start()
    for text in ("a", "b", "c", "a"):
        deliver(receiver, text=text)
    Relay(home).ready()
    until(lambda: 0 not in states(home), "all have ended")
    assert states(home) == [1, 2, 1, 1] and "WRONGTYPE" in str([row["error"] for row in results(home)])


def test_a_server_that_hangs_does_not_hold_up_others(redis):
    other = Redis()
    redis.child.signal(signal.SIGSTOP)
    home = home_with(redis_sink(redis, timeout="500ms", retry=["100ms", "200ms", "1h"]), redis_sink(other, "other"), relay=("out", "other"))
    deliver(home.start(), 3)
    Relay(home).ready()
    until(lambda: other.do("XLEN", "events") == 3, "the other has all")
    until(lambda: any("in time" in str(row["error"]) for row in results(home)), "a timeout")
    redis.child.signal(signal.SIGCONT)
    settled(home, 6)
    assert redis.do("XLEN", "events") == 3


# ---- check

def checked(*sinks, **given):
    home = home_with(*sinks, **given)
    receiver = home.start()
    done = home.cli("check", "--socket", f"unix:{receiver.socket}")
    return [line for line in done.stdout.decode().splitlines() if "sink out" in line]


def test_check_of_a_durable_server(redis):
    said = checked(redis_sink(redis))
    assert any(line.startswith("ok") and "on the disk" in line for line in said)
    assert any(line.startswith("ok") and ": add to redis://" in line or ": add to unix:/" in line for line in said), said


@pytest.mark.parametrize("options, finding", [
    (("--appendonly", "no"), "appendonly yes"),
    (("--appendonly", "yes", "--appendfsync", "everysec"), "appendfsync always"),
    ((*DURABLE, "--maxmemory-policy", "allkeys-lru"), "maxmemory-policy noeviction"),
    ((*DURABLE, "--rename-command", "CONFIG", ""), "does not tell its settings"),
])
def test_check_warns_of_what_is_not_durable(children, options, finding):
    assert [line for line in checked(redis_sink(Redis(*options))) if line.startswith("warn") and finding in line]


def test_check_of_a_server_that_is_down(redis):
    redis.kill()
    assert [line for line in checked(redis_sink(redis)) if line.startswith("warn") and "can't be reached" in line]


@pytest.mark.parametrize("given, why", [
    ({"url": "http://127.0.0.1"}, "write it as"),
    ({"url": "redis://user:secret@127.0.0.1"}, "password-file"),
    ({"url": "rediss://127.0.0.1"}, "no TLS"),
    ({"url": "redis://127.0.0.1:99999"}, "write it as"),
    ({"url": "redis://127.0.0.1/x"}, "write it as"),
    ({"url": "unix:relative"}, "write it as"),
    ({"stream": ""}, "it is empty"),
    ({"stream": "{{"}, "stream"),
])
def test_a_wrong_option(redis, given, why):
    home = home_with(redis_sink(redis, **given))
    done = home.cli("check", "--socket", "none")
    assert done.returncode == 78 or done.returncode == 2
    text = (done.stdout + done.stderr).decode()
    assert why in text and re.search(r"hookspool.conf:\d+: ", text) and "secret@" not in text
