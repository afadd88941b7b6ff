# SPDX-License-Identifier: ISC
"""Restarts under load, as systemd makes them with the socket kept open: no delivery fails, not even at the first try."""
import signal

import pytest

from oracle import by_fcgi, by_http
from place import until
from receiver import Home, endpoint
from service import Service, nginx_service, portions, rounds, tried

LATER = "/webhook/later"


def unfailing(load):
    assert not load.failures, f"{len(load.failures)} of {load.count} failed: {load.failures[:3]}"


def restart(service, one):
    """TERM, and when it has ended, its successor: systemctl restart."""
    one.signal(signal.SIGTERM)
    assert one.wait(20) == 0, one.text()[-2000:]
    service.again(one)


@pytest.mark.parametrize("processes", [1, 4])
@pytest.mark.parametrize("keep", [False, True], ids=["plain", "kept"])
def test_restart_behind_nginx(rng, children, keep, processes):
    for number in portions():
        with nginx_service(processes, keep) as (service, server):
            with tried("restart", service.home, by_http(server.port), rng, number) as load:
                rounds(load, rng, lambda: restart(service, rng.choice(service.running)), number)
            unfailing(load)


def test_restart_without_a_web_server(rng, children):
    for number in portions():
        service = Service(Home())
        with tried("restart", service.home, by_fcgi(service.socket), rng, number) as load:
            rounds(load, rng, lambda: restart(service, service.running[0]), number)
        unfailing(load)
        service.stop()


def test_reload(rng, children):
    """HUP, each time with another configuration, and once in a while with a broken one."""
    def fault():
        one = rng.choice(service.running)
        text = service.home.conf.read_text()
        before = one.text().count("reload")
        service.home.configure(endpoint(), *[endpoint(LATER)] * rng.randrange(2), log_level=rng.choice(["info", "debug"]))
        if rng.random() < 0.2:
            service.home.write("hookspool.conf", "broken {")
        one.hup()
        until(lambda: one.text().count("reload") > before, "the log's word on the reload")
        service.home.write("hookspool.conf", text)

    for number in portions():
        with nginx_service(2, True) as (service, server):
            with tried("reload", service.home, by_http(server.port), rng, number) as load:
                rounds(load, rng, fault, number)
            unfailing(load)
