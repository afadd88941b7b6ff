# SPDX-License-Identifier: ISC
"""Starting, reloading and stopping, as systemd and an admin do it."""
import signal
import socket
import time

import pytest

import fcgi_client
from fcgi_client import STDIN, Fcgi, opening, params, record, stdin
from outcomes import expect
from place import BIN, SLOW, USER, new_dir, own, run, until
from receiver import Home, endpoint
from sender import SECRET2, message, new_urn, sign

LATER = "/webhook/later"


def reload(one, how):
    """HUP, and the log's word on it."""
    before = len(one.entries())
    one.hup()
    return one.until(lambda: [e for e in one.entries()[before:] if how in e.get("msg", "")], f"{how} in the log")[-1]["msg"]


def test_reload_takes_effect(receiver):
    """On kept connections too, and without losing one."""
    one = receiver()
    with Fcgi(one.socket) as kept:
        expect(kept.deliver(message(), path=LATER), "not_found")
        one.home.configure(endpoint(), endpoint(LATER, secret_file=["secret2"]), log_format="json")
        reload_and_wait(one)
        body = message()
        expect(kept.deliver(body, path=LATER), "unauthorized")
        expect(kept.deliver(body, path=LATER, headers={"X-Webhook-Signature": sign(body, SECRET2)}), "stored")
        expect(kept.deliver(message()), "stored")


def reload_and_wait(one):
    one.hup()
    until(lambda: "configuration reloaded" in one.text(), "the reload")


@pytest.mark.parametrize("kind, reload", [("mod_fcgid", lambda apache: apache.signal(signal.SIGUSR1)), ("mod_cgid", lambda apache: None)],
                         ids=["mod_fcgid", "mod_cgid"])
def test_reload_by_apache(served, kind, reload):
    """By what apachectl graceful sends, where Apache starts the receivers; none is needed where each delivery has its own."""
    site = served(kind, Home())
    expect(site.deliver("/webhook/hookspool.fcgi", message()), "not_found")
    site.home.configure(endpoint("/webhook/hookspool.fcgi"))
    reload(site.child)
    until(lambda: site.deliver("/webhook/hookspool.fcgi", message()).status == 200, "the new endpoint")


BROKEN = {
    "syntax": 'endpoint "/x" {\n secret-file = \n}\n',
    "unknown option": "spool-dir = \"/tmp\"\n",
    "bad value": 'max-body = "a lot"\n',
    "no secret": 'endpoint "/x" {\n}\n',
    "secret file missing": 'endpoint "/x" {\n secret-file = {"nowhere"}\n}\n',
    "secret file readable by others": 'endpoint "/x" {\n secret-file = {"open-to-all"}\n}\n',
    "secret file empty": 'endpoint "/x" {\n secret-file = {"empty"}\n}\n',
    "scheme": 'endpoint "/x" {\n scheme = "stripe2"\n secret-file = {"secret"}\n}\n',
    "range": 'max-in-flight = 0\n',
    "address range": 'endpoint "/x" {\n secret-file = {"secret"}\n allow = {"10.0.0.0/99"}\n}\n',
}


@pytest.fixture(scope="module")
def steady():
    """A receiver that goes on with its first configuration, whatever it is told later."""
    one = Home(files={"empty": " \n"}).start()
    one.home.write("open-to-all", "x", 0o644)
    yield one
    one.stop()


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_broken_configuration(steady, text):
    """A reload keeps the old one and names file and line; a start with it fails with status 78 and the same words."""
    steady.home.write("hookspool.conf", f'spool = "{steady.home.dir}/spool"\n' + endpoint() + text)
    reload(steady, "reload failed")
    assert any(f"{steady.home.conf}:" in e.get("msg", "") for e in steady.entries()[-3:]), steady.text()[-800:]
    expect(fcgi_client.deliver(steady.socket, message()), "stored")
    started = run([BIN / "hookspool.fcgi", "-c", steady.home.conf, "--listen", f"unix:{steady.home.dir}/other"], user=USER)
    assert started.returncode == 78
    assert f"{steady.home.conf}:".encode() in started.stderr


def test_reload_without_a_configuration_keeps_the_old_one(steady):
    steady.home.conf.unlink()
    assert "stays" in reload(steady, "reload failed")
    expect(fcgi_client.deliver(steady.socket, message()), "stored")


def test_sigterm_answers_requests_in_flight(receiver):
    one = receiver()
    urn = new_urn()
    body = message(urn)
    with Fcgi(one.socket) as flying, Fcgi(one.socket) as idle:
        expect(idle.deliver(message()), "stored")
        flying.send(opening(params(body=body)) + stdin(body[:-20]))
        start = time.monotonic()
        one.signal(signal.SIGTERM)
        one.until_entry(msg="stopping")
        flying.send(stdin(body[-20:]) + record(STDIN))
        expect(flying.reply(), "stored")
        assert one.wait(2.0) == 0
        assert time.monotonic() - start < 2.0 * SLOW
    assert one.home.spool.event(key=urn)["body"] == body


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_stops_within_2_s_whatever_peers_do(receiver, number):
    """Unfinished requests of every kind are open."""
    one = receiver(max_in_flight=2)
    body = message()
    openings = [b"", opening(params())[:30], opening(params(body=body)), opening(params(body=body)) + stdin(body[:-1])]
    connections = [Fcgi(one.socket) for _ in range(8)]
    for fcgi, start in zip(connections, openings * 2):
        fcgi.send(start)
    expect(fcgi_client.deliver(one.socket, message()), "stored")
    one.signal(number)
    assert one.wait(2.0) == 0
    assert not one.socket.exists()
    for fcgi in connections:
        fcgi.sock.close()
    assert one.home.spool.sound()


def test_deliveries_during_a_restart(receiver):
    """What was answered 200 before, while or after a restart is stored; nothing else is."""
    home = Home()
    acknowledged = []
    for _ in range(3):
        one = receiver(home=home)
        for _ in range(20):
            acknowledged.append(new_urn())
            expect(fcgi_client.deliver(one.socket, message(acknowledged[-1])), "stored")
        one.signal(signal.SIGTERM)
        while one.alive():
            urn = new_urn()
            try:
                reply = fcgi_client.deliver(one.socket, message(urn))
            except (OSError, EOFError):
                continue
            if reply.status == 200:
                acknowledged.append(urn)
            else:
                expect(reply, "unavailable")
        assert one.wait(2.0) == 0
    assert [event["key"].split()[0] for event in home.spool.events()] == acknowledged


def test_kill_9_loses_nothing_acknowledged(receiver):
    home = Home()
    acknowledged = []
    for _ in range(3):
        one = receiver(home=home)
        for _ in range(20):
            acknowledged.append(new_urn())
            expect(fcgi_client.deliver(one.socket, message(acknowledged[-1])), "stored")
        one.signal(signal.SIGKILL)
        one.wait(2.0)
    assert [event["key"].split()[0] for event in home.spool.events()] == acknowledged
    assert home.spool.sound()


def test_systemd_is_notified(children):
    """systemd is told READY when the socket accepts, RELOADING with the time of it, READY again, and STOPPING."""
    home = Home()
    path = own(new_dir("notify")) / "sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(path))
        own(path)
        notify.settimeout(10 * SLOW)
        one = home.start(env={"NOTIFY_SOCKET": str(path)})
        assert b"READY=1" in notify.recv(4096)
        one.hup()
        reloading = notify.recv(4096)
        assert b"RELOADING=1" in reloading and b"MONOTONIC_USEC=" in reloading
        assert b"READY=1" in notify.recv(4096)
        one.stop()
        assert b"STOPPING=1" in notify.recv(4096)


def test_options_that_need_a_restart_are_refused(receiver):
    one = receiver()
    one.home.configure(endpoint(), endpoint(LATER), journal="delete")
    reload(one, "journal")
    expect(fcgi_client.deliver(one.socket, message(), path=LATER), "not_found")


def test_mod_fcgid_never_has_to_kill(served):
    """Its processes are gone in the 3 s it gives them after TERM; what it starts next serves on."""
    site = served("mod_fcgid", Home())
    for _ in range(5):
        expect(site.deliver("/webhook/linkedin", message()), "stored")
    site.child.end()
    log = site.log.read_text()
    assert "SIGKILL" not in log and "stopping" in log, log[-2000:]
    assert len(site.home.spool.events()) == 5 and site.home.spool.sound()
