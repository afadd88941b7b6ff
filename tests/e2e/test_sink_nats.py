# SPDX-License-Identifier: ISC
"""Sinks of the type nats, on a real server: what a stream gets, once, whatever fails."""
import re
import signal
import time

import pytest

from nats_server import STREAM, Nats
from place import new_dir, until
from receiver import Home, endpoint
from relaying import PATH, Relay, deliver, errors_of, home_with, settled, sink, states
from servers import lasting_port
from test_callers import make_certificates

SOON = ["100ms", "200ms", "1h"]


def nats_sink(server, name="out", **given):
    given.setdefault("url", server.url)
    given.setdefault("subject", "hooks.linkedin")
    return sink(name, type="nats", allow_private=None, **given)


@pytest.fixture
def nats(children):
    return Nats()


def results(home):
    return home.spool.query("SELECT error FROM attempt ORDER BY id")


def relayed(server, n=1, files=None, data=None, **given):
    """Stores n events for the sink, and starts a relay."""
    home = home_with(nats_sink(server, **given), files=files)
    bodies = deliver(home.start(), n, **(data or {}))
    home.relay = Relay(home).ready()
    return home, bodies


def error_of(home):
    return until(lambda: [str(row["error"]) for row in results(home)], "an attempt")[-1]


# ---- what arrives

def test_an_event_is_a_message_of_the_stream(nats):
    home, bodies = relayed(nats, 3)
    settled(home, 3)
    messages = nats.messages()
    assert [m["data"] for m in messages] == bodies and {m["subject"] for m in messages} == {"hooks.linkedin"}
    headers = messages[0]["headers"]
    assert headers["Nats-Msg-Id"].startswith("evt_") and headers["Content-Type"] == "application/json"
    assert headers["Hookspool-Endpoint"] == PATH and headers["Hookspool-Event"] == "message.received"
    assert len({m["headers"]["Nats-Msg-Id"] for m in messages}) == 3


def test_deliveries_says_where_an_event_is(nats):
    home, _ = relayed(nats)
    settled(home, 1)
    assert b"stream HOOKS sequence 1" in home.cli("deliveries", "--json").stdout


def test_subjects_and_bodies_are_templates(nats):
    home, _ = relayed(nats, subject="hooks.{{hookspool.event}}", body='{"e":"{{hookspool.event}}"}')
    settled(home, 1)
    found = nats.messages()[0]
    assert found["subject"] == "hooks.message.received" and found["data"] == b'{"e":"message.received"}'


@pytest.mark.parametrize("text", ["", "a b", "$JS.API.STREAM.DELETE.HOOKS", "a.*", ">", "_INBOX.x", "x" * 1100])
def test_a_subject_that_an_event_makes_wrong_is_refused_alone(nats, text):
    home = home_with(nats_sink(nats, subject="{{hookspool.text}}"))
    receiver = home.start()
    deliver(receiver, text="hooks.good")
    deliver(receiver, text=text)
    deliver(receiver, text="hooks.good")
    Relay(home).ready()
    until(lambda: states(home) == [1, 2, 1], f"the others have arrived: {states(home)}")
    assert nats.count() == 2


def test_an_event_is_stored_once(nats):
    """A server that hangs takes the messages of an attempt that is over, and those of the next one."""
    home, _ = relayed(nats, timeout="500ms", retry=SOON)
    settled(home, 1)
    nats.child.signal(signal.SIGSTOP)
    deliver(home.start(), 3)
    until(lambda: sum("in time" in str(row["error"]) for row in results(home)) >= 3, "all have had an attempt")
    nats.child.signal(signal.SIGCONT)
    settled(home, 4)
    assert nats.count() == 4


def test_an_answer_waits_for_the_stream(nats):
    """store: the 200 comes when the stream has the event."""
    home = Home(nats_sink(nats), endpoint(PATH, store=["out"], store_wait="5s"))
    receiver = home.start()
    Relay(home).ready()
    for n in range(1, 6):
        deliver(receiver)
        assert nats.count() == n
    assert {entry["store"] for entry in receiver.entries(outcome="stored")} == {"done"}


# ---- what is refused, and what is tried again

def test_no_stream_is_a_failure_with_the_fix(children):
    server = Nats(stream=None)
    home, _ = relayed(server, retry=SOON)
    assert "nats stream add" in error_of(home) and states(home) == [0]
    until(lambda: home.spool.query("SELECT sink FROM pause"), "a pause: all events would fail")
    server.stream(name="HOOKS")
    settled(home, 1)
    assert server.count() == 1


def test_a_server_without_jetstream(children):
    server = Nats(stream=None, jetstream=False)
    home, _ = relayed(server)
    assert "without JetStream" in error_of(home) and states(home) == [0]


@pytest.mark.parametrize("stream, settings, why", [
    ({"max_msg_size": 2000}, "", "max-msg-size"),
    ({}, "max_payload: 2000\n", "max_payload"),
])
def test_a_poison_event_is_refused_alone(children, stream, settings, why):
    server = Nats(stream=None, settings=settings)
    server.stream(name="HOOKS", **stream)
    home = home_with(nats_sink(server))
    receiver = home.start()
    for text in ("a", "b" * 4000, "c"):
        deliver(receiver, text=text)
    Relay(home).ready()
    until(lambda: states(home) == [1, 2, 1], "all have ended")
    assert why in str([row["error"] for row in results(home)]) and server.count() == 2


def test_a_full_stream_is_tried_again(children):
    server = Nats(stream=None)
    server.stream(name="HOOKS", max_msgs=1, discard="new")
    home, _ = relayed(server, 2, retry=SOON)
    settled(home, 1)
    until(lambda: "maximum messages exceeded" in str([row["error"] for row in results(home)]), "the second fails")
    server.ask("$JS.API.STREAM.PURGE.HOOKS")
    settled(home, 2)


# ---- ways to it

USERS = 'authorization { users = [ {user: "hook spool", password: "s3cret word"} ] }\n'


def test_a_user_and_a_password(children):
    server = Nats(settings=USERS, user="hook spool", password="s3cret word")
    home, _ = relayed(server, url=server.url.replace(" ", "%20"), password_file="password", files={"password": "s3cret word"})
    settled(home, 1)
    home.relay.stop()
    assert "s3cret" not in home.relay.text()


def test_a_token(children):
    server = Nats(settings='authorization { token: "s3cret" }\n', stream=None)
    home, _ = relayed(server, token_file="token", files={"token": "s3cret"})
    assert "no stream" in error_of(home)


@pytest.mark.parametrize("given", [{"password_file": "password"}, {}])
def test_wrong_credentials(children, given):
    server = Nats(settings=USERS, user="hook spool", password="s3cret word")
    url = f"nats://hook%20spool@127.0.0.1:{server.port}" if given else f"nats://127.0.0.1:{server.port}"
    home, _ = relayed(server, url=url, files={"password": "wrong"}, **given)
    assert re.search("(?i)authorization|authentication", error_of(home)) and states(home) == [0]


def test_a_host_that_is_not_known(nats):
    home, _ = relayed(nats, url="nats://nowhere.invalid")
    assert "nowhere.invalid" in error_of(home) and states(home) == [0]


def test_tls_is_verified(children):
    where = new_dir("ca")
    make_certificates(where)
    for path in where.iterdir():
        path.chmod(0o644)
    server = Nats(stream=None, settings=f'tls {{ cert_file: "{where}/server.pem", key_file: "{where}/server.key" }}\n')
    url, ca = f"tls://localhost:{server.port}", str(where / "ca.pem")
    home = home_with(nats_sink(server, url=url, ca_file=ca), nats_sink(server, "stranger", url=url),
                     nats_sink(server, "name", url=url.replace("localhost", "127.0.0.1"), ca_file=ca),
                     nats_sink(server, "plain", url=url.replace("tls:", "nats:")), relay=("out", "stranger", "name", "plain"))
    deliver(home.start())
    Relay(home).ready()
    errors = errors_of(home, 4)
    assert "no stream" in errors["out"]  # so it is connected
    assert all("no connection" in errors[name] and re.search("SSL|ecure", errors[name]) for name in ("stranger", "name", "plain")), errors


def test_a_creds_file_that_others_may_read(nats):
    home = home_with(nats_sink(nats, creds_file="creds"), files={"creds": "x"})
    (home.dir / "creds").chmod(0o644)
    done = home.cli("check", "--socket", "none")
    assert b"others may read it" in done.stdout


# ---- servers that fail

def test_a_server_that_is_down_gets_the_event_later(nats):
    nats.kill()
    home, _ = relayed(nats, retry=SOON)
    assert "no connection" in error_of(home) and states(home) == [0]
    nats.start()
    settled(home, 1)
    assert nats.count() == 1


def test_a_server_that_restarts_between_events(nats):
    home, _ = relayed(nats, retry=SOON)
    settled(home, 1)
    nats.kill()
    nats.start()
    deliver(home.start(), 3)
    settled(home, 4)
    assert nats.count() == 4


def test_a_server_that_hangs_does_not_hold_up_others(nats):
    other = Nats()
    nats.child.signal(signal.SIGSTOP)
    home = home_with(nats_sink(nats, timeout="500ms", retry=SOON), nats_sink(other, "other"), relay=("out", "other"))
    deliver(home.start(), 3)
    relay = Relay(home).ready()
    until(lambda: other.count() == 3, "the other has all")
    until(lambda: any(re.search("not sent in time|no connection", str(row["error"])) for row in results(home)), "a timeout")
    nats.child.signal(signal.SIGCONT)
    settled(home, 6)
    assert nats.count() == 3
    nats.child.signal(signal.SIGSTOP)
    deliver(home.start(), 1)
    start = time.monotonic()
    relay.stop()
    assert time.monotonic() - start < 20
    nats.child.signal(signal.SIGCONT)


def test_an_answer_that_may_have_arrived_is_not_sent_again(nats):
    answers = nats_sink(nats, "answers", body='{"text":"{{hookspool.reply}}"}', timeout="500ms", retry=SOON)
    home = home_with(answers, sink("out", type="exec", command=["echo", "Hello"], reply="answers", allow_private=None))
    one = home.start()
    Relay(home).ready()
    deliver(one)
    settled(home, 2)
    nats.child.signal(signal.SIGSTOP)
    deliver(one)
    settled(home, 1, state=2)
    nats.child.signal(signal.SIGCONT)
    until(lambda: nats.count() == 2, "both have arrived, once")
    assert "may have arrived" in str([row["error"] for row in results(home)])


def test_a_server_that_hangs_with_its_socket_full(nats):
    """The library waits to write; the deadline comes all the same."""
    home, _ = relayed(nats, timeout="1s", retry=SOON, max_in_flight=64)
    settled(home, 1)
    nats.child.signal(signal.SIGSTOP)
    deliver(home.start(), 64, text="x" * 200_000)
    until(lambda: any("not sent in time" in str(row["error"]) for row in results(home)), "the socket is full")
    assert max(row["ms"] for row in home.spool.query("SELECT ms FROM attempt")) < 3000
    nats.child.signal(signal.SIGCONT)
    settled(home, 65)
    assert nats.count() == 65


# ---- check

def checked(*sinks, **given):
    home = home_with(*sinks, **given)
    receiver = home.start()
    done = home.cli("check", "--socket", f"unix:{receiver.socket}")
    return [line for line in done.stdout.decode().splitlines() if "sink out" in line]


def test_check_of_a_stream_in_files(nats):
    assert any(line.startswith("ok") and "HOOKS is in files" in line and "sync_interval" in line for line in checked(nats_sink(nats)))


@pytest.mark.parametrize("stream, given, grade, finding", [
    ({"storage": "memory"}, {}, "warn", "--storage file"),
    ({"no_ack": True}, {}, "FAIL", "--ack"),
    ({}, {"subject": "other"}, "warn", "nats stream add"),
    ({"storage": "memory"}, {"subject": "hooks.{{hookspool.event}}"}, "warn", "--storage file"),
])
def test_check_warns_of_what_is_not_durable(children, stream, given, grade, finding):
    server = Nats(stream=None)
    server.stream(name="HOOKS", **stream)
    assert [line for line in checked(nats_sink(server, **given)) if line.startswith(grade) and finding in line]


def clustered(replicas):
    """A server of a cluster of three, with a stream."""
    ports = [lasting_port() for _ in range(3)]
    routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in ports)
    servers = [Nats(stream=None, settings=f'server_name: n{port}\ncluster {{ name: c, listen: "127.0.0.1:{port}", routes: [{routes}] }}\n') for port in ports]
    until(lambda: any("new metadata leader" in server.child.text() for server in servers), "a leader", 30)
    until(lambda: "error" not in servers[0].ask("$JS.API.STREAM.CREATE.HOOKS", {**STREAM, "num_replicas": replicas}), "the stream", 30)
    return servers[0]


@pytest.mark.parametrize("replicas, grade, finding", [(1, "warn", "nats stream edit --replicas 3"), (3, "ok", "HOOKS is in files")])
def test_check_of_a_stream_in_a_cluster(children, replicas, grade, finding):
    said = checked(nats_sink(clustered(replicas)))
    assert [line for line in said if line.startswith(grade) and finding in line], said


def test_check_of_a_server_without_jetstream(children):
    server = Nats(stream=None, jetstream=False)
    assert [line for line in checked(nats_sink(server)) if line.startswith("warn") and "JetStream is off" in line]


def test_check_of_a_server_that_is_down(nats):
    nats.kill()
    assert [line for line in checked(nats_sink(nats)) if line.startswith("warn") and "no connection" in line]


@pytest.mark.parametrize("given, why", [
    ({"url": "http://127.0.0.1"}, "write it as"),
    ({"url": "nats://user:secret@127.0.0.1"}, "password-file"),
    ({"url": "nats://127.0.0.1:99999"}, "write it as"),
    ({"url": "nats://127.0.0.1/x"}, "write it as"),
    ({"subject": "a b"}, "a subject is words"),
    ({"subject": "$JS.API"}, "the server's own"),
    ({"subject": "{{"}, "subject"),
    ({"password_file": "password"}, "write url ="),
    ({"token_file": "t", "creds_file": "c"}, "remove the others"),
])
def test_a_wrong_option(nats, given, why):
    home = home_with(nats_sink(nats, **given))
    done = home.cli("check", "--socket", "none")
    text = (done.stdout + done.stderr).decode()
    assert done.returncode != 0 and why in text and re.search(r"hookspool.conf:\d+: ", text) and "secret@" not in text
