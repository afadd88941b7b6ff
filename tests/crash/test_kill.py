# SPDX-License-Identifier: ISC
"""kill -9 and abort() at random moments under load: of receivers, of web servers, through every way to be started."""
import os
import signal
import struct
from pathlib import Path

import pytest

from fcgi_client import GET_VALUES, PARAMS, STDIN, Fcgi, begin, opening, pairs, params, record, stdin
from oracle import ROUNDS, by_fcgi, by_http
from place import until
from receiver import Home
from sender import message
from servers import serving
from service import Service, kill_group, nginx_service, portions, rounds, start_again, tried

KEEP = {"plain": False, "kept": True}
VICTIMS = {"the only handler": (1, 1), "1 of 4 handlers": (4, 1), "all 4 handlers": (4, 4)}


def strike(service, victims):
    """Those receivers are killed at once, and started again."""
    for one in victims:
        one.signal(signal.SIGKILL)
    for one in victims:
        service.again(one)


@pytest.mark.parametrize("keep", KEEP.values(), ids=KEEP)
@pytest.mark.parametrize("name", VICTIMS)
def test_kill_of_receivers(rng, children, name, keep):
    processes, victims = VICTIMS[name]
    for number in portions():
        with nginx_service(processes, keep) as (service, server):
            with tried(f"kill -9 of {name}", service.home, by_http(server.port), rng, number) as load:
                rounds(load, rng, lambda: strike(service, rng.sample(service.running, victims)), number)


@pytest.mark.parametrize("keep", KEEP.values(), ids=KEEP)
def test_kill_of_nginx(rng, children, keep):
    """Master and workers; what they had accepted and not passed on is the sender's to try again."""
    def fault():
        kill_group(server)
        start_again(server)

    for number in portions():
        with nginx_service(2, keep) as (service, server):
            with tried("kill -9 of nginx, master and workers", service.home, by_http(server.port), rng, number) as load:
                rounds(load, rng, fault, number)


@pytest.mark.parametrize("keep", KEEP.values(), ids=KEEP)
def test_kill_of_a_worker_of_nginx(rng, children, keep):
    for number in portions():
        with nginx_service(2, keep) as (service, server):
            with tried("kill -9 of an nginx worker", service.home, by_http(server.port), rng, number) as load:
                rounds(load, rng, lambda: os.kill(rng.choice(below(server.child.pid)), signal.SIGKILL), number)


def below(pid):
    """The processes that it started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def handlers(home):
    """The receivers that Apache started from its copy of the program."""
    return [int(exe.parent.name) for exe in Path("/proc").glob("[0-9]*/exe") if runs(exe, home.dir / "hookspool.fcgi")]


def runs(exe, program):
    try:
        return exe.readlink() == program
    except OSError:
        return False


@pytest.mark.parametrize("all_of_them", [False, True], ids=["one", "all"])
def test_kill_under_mod_fcgid(rng, children, all_of_them):
    """Apache starts them again by itself."""
    def fault():
        found = handlers(site.home)
        for pid in found if all_of_them else rng.sample(found, 1):
            os.kill(pid, signal.SIGKILL)

    name = f"kill -9 of {'all handlers' if all_of_them else 'a handler'} of mod_fcgid"
    for number in portions(-(-ROUNDS // 3)):  # each costs its manager's pause of 3 s
        with serving("mod_fcgid", Home()) as site:
            with tried(name, site.home, by_http(site.port), rng, number, again=by_http(site.port)) as load:
                rounds(load, rng, fault, number)


def hostile(address, *parts):
    """Sends these to a receiver, as far as it takes them, and returns what comes back until it closes."""
    with Fcgi(address) as fcgi:
        try:
            for part in parts:
                fcgi.send(part)
        except OSError:
            pass
        return fcgi.rest()


GIANT = begin() + record(PARAMS, struct.pack("!II", *[0x3FFFFF00 | 1 << 31] * 2)) + record(PARAMS) + record(STDIN)


@pytest.mark.parametrize("processes", [1, 4])
def test_lengths_beyond_the_parameters(rng, children, processes):
    """A length that there is no memory for: its connection is closed, and the receiver goes on."""
    def fault():
        assert not hostile(service.socket, GIANT)
        assert all(one.alive() for one in service.running)

    for number in portions():
        service = Service(Home(), processes, before=["prlimit", "--as=1000000000", "--core=0"])
        with tried("lengths beyond the parameters", service.home, by_fcgi(service.socket), rng, number) as load:
            rounds(load, rng, fault, number)
        service.stop()


OVERFLOW = record(GET_VALUES, pairs([("FCGI_MPXS_CONNS", "")] * 20), request=0)
BODY = message(text="x" * 200_000)
AT = {
    "at the beginning": [OVERFLOW],
    "after the parameters": [opening(params(body=BODY)), OVERFLOW + stdin(BODY) + record(STDIN)],
    "inside the body": [opening(params(body=BODY)) + stdin(BODY[:150_000]), OVERFLOW + stdin(BODY[150_000:]) + record(STDIN)],
}


@pytest.mark.parametrize("parts", AT.values(), ids=AT)
def test_overflow_of_libfcgi(rng, children, parts):
    """A record that would overflow a buffer of libfcgi's: its connection is closed or refused, and no other request notices."""
    def fault():
        answer = hostile(service.socket, *parts)
        assert not answer or b"Status: 400" in answer
        assert service.running[0].alive()

    for number in portions():
        service = Service(Home())
        with tried("overflow records for libfcgi", service.home, by_fcgi(service.socket), rng, number) as load:
            rounds(load, rng, fault, number)
        assert not load.failures
        service.stop()
