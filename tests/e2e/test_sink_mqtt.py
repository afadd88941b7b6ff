# SPDX-License-Identifier: ISC
"""Sinks of the type mqtt, on a real mosquitto: what subscribers get, and what is no delivery."""
import random
import re
import signal
import time

import pytest

import fcgi_client
from mqtt_server import Mosquitto, Subscriber
from outcomes import expect
from place import need, new_dir, run, until
from receiver import Home, endpoint
from relaying import PATH, Relay, deliver, errors_of, home_with, settled, sink, states
from sender import message
from test_callers import make_certificates

SOON = ["100ms", "200ms", "1h"]


def mqtt_sink(server, name="out", **given):
    given.setdefault("url", server.url)
    given.setdefault("topic", "hooks/linkedin")
    return sink(name, type="mqtt", allow_private=None, **given)


@pytest.fixture
def mqtt(children):
    return Mosquitto()


def attempts(home):
    return [str(row["error"]) for row in home.spool.query("SELECT error FROM attempt ORDER BY id")]


def error_of(home):
    return until(lambda: attempts(home), "an attempt")[-1]


def relayed(server, n=1, files=None, **given):
    """Stores n events for the sink, and starts a relay."""
    home = home_with(mqtt_sink(server, **given), files=files)
    bodies = deliver(home.start(), n)
    home.relay = Relay(home).ready()
    return home, bodies


# ---- what arrives

def test_an_event_is_a_message(mqtt):
    reader = Subscriber(mqtt)
    home, bodies = relayed(mqtt, 3)
    settled(home, 3)
    reader.until_bodies(3)
    messages = reader.messages()
    assert [m["body"] for m in messages] == bodies
    assert {(m["topic"], m["type"], m["retained"]) for m in messages} == {("hooks/linkedin", "application/json", "0")}
    assert len({re.search(r"id:(evt_\w+)", m["properties"])[1] for m in messages}) == 3
    assert f"endpoint:{PATH}" in messages[0]["properties"] and "event:message.received" in messages[0]["properties"]
    assert b"hooks/linkedin" in home.cli("deliveries", "--json").stdout


def test_topics_and_bodies_are_templates(mqtt):
    reader = Subscriber(mqtt)
    home, _ = relayed(mqtt, topic="hooks/{{hookspool.event}}", body='{"e":"{{hookspool.event}}"}')
    settled(home, 1)
    reader.until_bodies(1)
    assert reader.messages()[0]["topic"] == "hooks/message.received" and reader.bodies() == [b'{"e":"message.received"}']


@pytest.mark.parametrize("text", ["", "a/#", "+", "$SYS/x", "a\nb", "x" * 1100])
def test_a_topic_that_an_event_makes_wrong_is_refused_alone(mqtt, text):
    reader = Subscriber(mqtt)
    home = home_with(mqtt_sink(mqtt, topic="{{hookspool.text}}"))
    receiver = home.start()
    for topic in ("hooks/good", text, "hooks/good"):
        deliver(receiver, text=topic)
    Relay(home).ready()
    until(lambda: states(home) == [1, 2, 1], f"the others have arrived: {states(home)}")
    reader.until_bodies(2)


def test_a_body_of_any_bytes_and_a_large_one(mqtt):
    reader = Subscriber(mqtt)
    home = Home(mqtt_sink(mqtt), 'scheme "any" {\nlike = "connectsafely"\nbodies = {"any"}\nevent = {"json:event", "text:any"}\n}\n',
                endpoint(PATH, scheme="any", relay=["out"]))
    receiver = home.start()
    bodies = [b"a=\0\xff\xc3", b"x" * 300_000]
    for body in bodies:
        expect(fcgi_client.deliver(receiver.socket, body, path=PATH, headers={"Content-Type": "text/plain"}), "stored")
    Relay(home).ready()
    settled(home, 2)
    assert reader.until_bodies(2) == bodies and reader.messages()[0]["type"] == "text/plain"


# ---- what is no delivery

def test_a_topic_without_a_subscriber_is_a_failure_with_the_fix(mqtt):
    home, bodies = relayed(mqtt, retry=SOON)
    assert "no client subscribes" in error_of(home) and states(home) == [0]
    reader = Subscriber(mqtt)
    settled(home, 1)
    assert reader.until_bodies(1) == bodies


def test_a_subscriber_that_is_away_gets_it_later(mqtt):
    """Its session is there, so the server keeps the message."""
    reader = Subscriber(mqtt)
    reader.signal(signal.SIGKILL)
    reader.wait(20)
    home, bodies = relayed(mqtt)
    settled(home, 1)
    assert Subscriber(mqtt).until_bodies(1) == bodies


@pytest.mark.parametrize("limit", ["message_size_limit", "max_packet_size"])  # the server refuses one, and tells the client of the other
def test_a_poison_event_is_refused_alone(children, limit):
    server = Mosquitto(f"allow_anonymous true\n{limit} 2000\n")
    reader = Subscriber(server)
    home = home_with(mqtt_sink(server, retry=SOON))
    receiver = home.start()
    for text in ("a", "b" * 4000, "c"):
        deliver(receiver, text=text)
    Relay(home).ready()
    until(lambda: states(home) == [1, 2, 1], f"all have ended: {states(home)} {attempts(home)}")
    reader.until_bodies(2)


def test_an_acl_that_refuses_is_tried_again(children):
    acl = new_dir("acl") / "acl"
    acl.write_text("topic readwrite other/#\ntopic read hooks/#\n")
    server = Mosquitto(f"allow_anonymous true\nacl_file {acl}\n")
    Subscriber(server)
    home, _ = relayed(server, retry=SOON)
    assert re.search("(?i)not authori[sz]ed", error_of(home)) and states(home) == [0]


# ---- ways to it

def with_password():
    file = new_dir("passwords") / "file"
    assert run([need("mosquitto_passwd"), "-b", "-c", file, "hook", "s3cret word"]).returncode == 0
    file.chmod(0o644)
    return Mosquitto(f"allow_anonymous false\npassword_file {file}\n")


def test_a_user_and_a_password(children):
    server = with_password()
    reader = Subscriber(server, "hooks/#", "-u", "hook", "-P", "s3cret word")
    home, _ = relayed(server, url=server.url.replace("//", "//hook@"), password_file="password", client_id="the relay", files={"password": "s3cret word"})
    settled(home, 1)
    reader.until_bodies(1)
    assert "as the relay" in server.child.text()
    home.relay.stop()
    assert "s3cret" not in home.relay.text()


@pytest.mark.parametrize("given", [{"password_file": "password"}, {}])
def test_wrong_credentials(children, given):
    server = with_password()
    home, _ = relayed(server, url=server.url.replace("//", "//hook@") if given else server.url, files={"password": "wrong"}, **given)
    assert re.search("(?i)refuses the connection: .*authori[sz]ed", error_of(home)) and states(home) == [0]
    assert "refuses the connection" in home.cli("check", "--socket", "none").stdout.decode()


def test_tls_is_verified(children):
    where = new_dir("ca")
    make_certificates(where)
    for path in where.iterdir():
        path.chmod(0o644)
    server = Mosquitto(f"allow_anonymous true\ncertfile {where}/server.pem\nkeyfile {where}/server.key\n")
    url, ca = f"mqtts://localhost:{server.port}", str(where / "ca.pem")
    home = home_with(mqtt_sink(server, url=url, ca_file=ca), mqtt_sink(server, "stranger", url=url),
                     mqtt_sink(server, "name", url=url.replace("localhost", "127.0.0.1"), ca_file=ca), mqtt_sink(server, "plain", timeout="2s"),
                     relay=("out", "stranger", "name", "plain"))
    deliver(home.start())
    Relay(home).ready()
    errors = errors_of(home, 4)
    assert "no client subscribes" in errors["out"]  # so it is connected
    assert all("connection" in errors[name] for name in ("stranger", "name", "plain")), errors
    assert all(re.search("TLS|SSL|certificate", errors[name]) for name in ("stranger", "name")), errors


@pytest.mark.parametrize("url", ["mqtt://nowhere.invalid", "mqtt://127.0.0.1:1"])
def test_a_server_that_is_not_there(children, mqtt, url):
    home, _ = relayed(mqtt, url=url)
    assert "no connection to" in error_of(home) and states(home) == [0]
    lines = home.cli("check", "--socket", "none").stdout.decode().splitlines()
    assert [line for line in lines if line.startswith("warn") and "no connection to" in line]


# ---- servers that fail

def test_a_server_that_is_down_gets_the_event_later(mqtt):
    mqtt.kill()
    home, bodies = relayed(mqtt, retry=SOON)
    assert "no connection" in error_of(home) and states(home) == [0]
    mqtt.start()
    reader = Subscriber(mqtt)
    settled(home, 1)
    assert reader.until_bodies(1) == bodies


def test_a_server_that_restarts_between_events(mqtt):
    reader = Subscriber(mqtt)
    home, _ = relayed(mqtt, retry=SOON)
    settled(home, 1)
    mqtt.kill()
    mqtt.start()
    deliver(home.start(), 3)
    settled(home, 4)
    reader.until_bodies(4)


def test_a_server_that_hangs_does_not_hold_up_others(mqtt):
    other = Mosquitto()
    Subscriber(mqtt)
    reader = Subscriber(other)
    home = home_with(mqtt_sink(mqtt, timeout="500ms", retry=SOON), mqtt_sink(other, "other"), relay=("out", "other"))
    receiver = home.start()
    deliver(receiver)
    relay = Relay(home).ready()
    settled(home, 2)
    mqtt.child.signal(signal.SIGSTOP)
    deliver(receiver, 3)
    reader.until_bodies(4)
    until(lambda: any("in time" in error for error in attempts(home)), "a timeout")
    assert states(home).count(1) == 5
    mqtt.child.signal(signal.SIGCONT)
    settled(home, 8)
    mqtt.child.signal(signal.SIGSTOP)
    deliver(receiver)
    start = time.monotonic()
    relay.stop()
    assert time.monotonic() - start < 20
    mqtt.child.signal(signal.SIGCONT)


@pytest.mark.parametrize("round_", range(5))
def test_a_server_that_is_killed_under_load_gets_the_rest(mqtt, round_):
    """What it had acknowledged and kept in memory may be lost with it: MQTT promises no more."""
    reader = Subscriber(mqtt)
    home = home_with(mqtt_sink(mqtt, retry=SOON, timeout="2s", max_in_flight=8))
    bodies = deliver(home.start(), 200)
    Relay(home).ready()
    until(lambda: states(home).count(1) > 0, "some have arrived")
    time.sleep(random.uniform(0, 0.02))
    mqtt.kill()
    before = states(home).count(1)
    mqtt.start()
    settled(home, len(bodies))
    until(lambda: len(set(reader.bodies())) >= len(bodies) - before, "those that were acknowledged later")
    assert set(reader.bodies()) <= set(bodies)


def test_a_200_of_store_means_that_the_server_has_acknowledged(mqtt):
    reader = Subscriber(mqtt)
    home = Home(mqtt_sink(mqtt), endpoint(PATH, store=["out"], store_required=True, store_wait="5s"))
    receiver = home.start()
    home.relay = Relay(home).ready()
    body = message()
    expect(fcgi_client.deliver(receiver.socket, body, path=PATH), "stored")
    assert reader.until_bodies(1) == [body]


# ---- check

def test_check_of_a_server(mqtt):
    lines = home_with(mqtt_sink(mqtt)).cli("check", "--socket", "none").stdout.decode().splitlines()
    assert [line for line in lines if line.startswith("ok") and "hookspool.conf(5), MQTT" in line]


@pytest.mark.parametrize("given, why", [
    ({"url": "http://127.0.0.1"}, "write it as"),
    ({"url": "mqtt://user:secret@127.0.0.1"}, "password-file"),
    ({"url": "mqtt://127.0.0.1/x"}, "nothing stands behind"),
    ({"topic": ""}, "not empty"),
    ({"topic": "hooks/#"}, "a topic is text without"),
    ({"topic": "$SYS/x"}, "the server's own"),
    ({"password_file": "password"}, "a password needs a user"),
])
def test_a_wrong_option(children, given, why):
    home = home_with(sink("out", type="mqtt", allow_private=None, **{"url": "mqtt://127.0.0.1", "topic": "t", **given}))
    done = home.cli("check", "--socket", "none")
    text = (done.stdout + done.stderr).decode()
    assert done.returncode != 0 and why in text and re.search(r"hookspool.conf:\d+: ", text) and "secret@" not in text
