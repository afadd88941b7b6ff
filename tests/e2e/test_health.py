# SPDX-License-Identifier: ISC
"""Health: the receiver's path for load balancers, and the page's /health and /ready."""
import fcntl
import time

from fcgi_client import Fcgi, whole
from page import Page, read_answer, variables
from place import SLOW, until
from receiver import Home, endpoint
from relaying import PATH, deliver
from sender import message
from test_cgi import request


def ask(receiver, path="/health", method="GET"):
    with Fcgi(receiver.socket, 20) as connection:
        connection.send(whole(variables(path, user=None, method=method), keep=False))
        return read_answer(connection)


def locked(home):
    """Holds the spool's lock, so that no process can write."""
    lock = (home.spool.dir / "lock").open("r+b")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def test_health_of_the_receiver():
    home = Home(endpoint(PATH), health="/health")
    receiver = home.start()
    deliver(receiver)
    answer = ask(receiver)
    assert (answer.status, answer.body) == (200, b"ok\n") and answer.headers["cache-control"] == "no-store"
    with locked(home):
        until(lambda: ask(receiver).status == 503, "the health is not ok")
        answer = ask(receiver)
        assert (answer.status, answer.body) == (503, b"not ok\n")
    until(lambda: ask(receiver).status == 200, "the health is ok again")
    assert ask(receiver, method="HEAD").status == 200
    time.sleep(1.1)
    assert home.spool.counters() == {(PATH, "stored", True): 1}  # it is counted and logged nowhere
    assert len(receiver.entries(remote="127.0.0.1")) == 1
    receiver.stop()


def test_health_of_cgi():
    home = Home(endpoint(PATH), health="/health")
    reply, status = request(home, b"", path="/health", method="GET")
    assert (reply.status, reply.body, status) == (200, b"ok\n", 0)
    home.spool.dir.chmod(0o500)
    time.sleep(1.1)
    try:
        with locked(home):
            reply, status = request(home, b"", path="/health", method="GET")
            assert (reply.status, reply.body, status) == (503, b"not ok\n", 0)
            reply, status = request(home, b"", path="/health", method="GET")  # from the file of measurements
            assert reply.status == 503
    finally:
        home.spool.dir.chmod(0o700)


def test_health_is_no_endpoints_path():
    home = Home(endpoint(PATH), health=PATH)
    done = home.cli("check")
    assert done.returncode == 2 and b"is an endpoint's path" in done.stdout, done.stdout
    home.configure(endpoint(PATH), health="health")
    assert b"it is a URL's path" in home.cli("check").stdout


def test_health_of_the_page():
    home = Home(endpoint(PATH))
    receiver = home.start()
    page = Page(home)
    deliver(receiver)
    assert page.get("/health", user=None).body == b"ok\n" and page.get("/ready", user=None).body == b"ok\n"
    time.sleep(1.1)
    with locked(home):
        answer = page.get("/health", user=None)
        assert (answer.status, answer.body) == (503, b"not ok\n")
        times = []
        for _ in range(10):  # the receiver was asked just now: most of them take its last answer
            begin = time.monotonic()
            assert page.get("/health", user=None).status == 503
            times.append(time.monotonic() - begin)
        assert min(times) < 0.5, times
    receiver.stop()
    time.sleep(1.1)
    assert page.get("/health", user=None).status == 200  # without a receiver the page tries by itself, as under CGI
    page.stop()
