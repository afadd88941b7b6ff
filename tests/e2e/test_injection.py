# SPDX-License-Identifier: ISC
"""
A request forged inside a body that an early answer leaves unread must never be served.

A reader that leaves the rest of a request on a kept connection, as libfcgi does, would take it for the
next request, with any parameters the sender likes. The forged request here comes "from" 192.0.2.7 to an endpoint
that asks for nothing else. It is short, the body is full of it, and it is tried at each shift, so that wherever a
reader stops, once it stops right before one.
"""
import pytest

import fcgi_client
import sender
from fcgi_client import STDIN, Fcgi, opening, params, record, stdin, whole
from outcomes import STATUS, expect
from receiver import Home, endpoint
from sender import message, signed_headers

OPEN = "/webhook/open"
FORGED = "192.0.2.7"


def forged_home(max_in_flight=8):
    return Home(
        endpoint(),
        endpoint(OPEN, scheme="none", allow=[FORGED]),
        endpoint("/webhook/plain", scheme="none"),
        endpoint("/webhook/far", allow=["198.51.100.0/24"]),
        endpoint("/webhook/auth", authorization_file=["auth"]),
        endpoint("/webhook/small", max_body="2k"),
        max_in_flight=max_in_flight, body_timeout="1s")


def forged_request():
    listed = [("REQUEST_METHOD", "POST"), ("SCRIPT_NAME", OPEN), ("REMOTE_ADDR", FORGED), ("CONTENT_TYPE", "application/json")]
    body = b'{"event":"forged"}'
    return whole(listed, body)


REQUEST = forged_request()
SHIFTS = range(len(REQUEST))


def forged(shift, times=120):
    return b"x" * shift + REQUEST * times


# What is asked for besides the body, by the answer it gets.
EARLY = {
    "not_found": {"path": "/webhook/none"},
    "forbidden": {"path": "/webhook/far"},
    "method_not_allowed": {"method": "PUT"},
    "unsupported_type": {"path": "/webhook/plain", "headers": {"Content-Type": "text/plain"}},
    "too_large": {"path": "/webhook/small"},
    "unauthorized": {"path": "/webhook/auth"},
    "malformed": {"path": "/webhook/plain"},  # reads it all
}
LENGTHS = {  # answer, path, CONTENT_LENGTH
    "no number": ("incomplete", "/webhook/linkedin", "12x"),
    "too short": ("incomplete", "/webhook/linkedin", "100"),
    "unknown": ("too_large", "/webhook/small", ""),
}


def check_nothing_forged(receiver):
    """Ends the receiver, which answers what is in flight, and looks for the forged request's traces."""
    expect(fcgi_client.deliver(receiver.socket, body := message()), "stored")
    receiver.stop()
    assert not receiver.entries(remote=FORGED), receiver.text()
    assert [event["body"] for event in receiver.home.spool.events()] == [body]
    assert not receiver.home.spool.query("SELECT * FROM reject WHERE remote_addr = ?", FORGED)


@pytest.mark.parametrize("code, how", EARLY.items(), ids=EARLY)
def test_raw_request(receiver, code, how):
    """The whole request is there before the answer. The connection stays good, and in step."""
    one = receiver(home=forged_home())
    for shift in SHIFTS:
        body = forged(shift)
        with Fcgi(one.socket) as fcgi:
            fcgi.send(whole(params(body=body, **how), body))
            expect(fcgi.reply(), code)
            expect(fcgi.deliver(b"{}", path="/webhook/plain"), "malformed")
    check_nothing_forged(one)


@pytest.mark.parametrize("code, how", [early for early in EARLY.items() if early[0] != "malformed"], ids=[k for k in EARLY if k != "malformed"])
def test_raw_with_the_body_to_come(receiver, code, how):
    """The body is sent after the answer."""
    one = receiver(home=forged_home())
    bodies = [(Fcgi(one.socket), forged(shift)) for shift in range(8)]
    for fcgi, body in bodies:
        fcgi.send(opening(params(body=body, **how)))
    for fcgi, body in bodies:
        expect(fcgi.reply(), code)
        give_rest(fcgi, stdin(body) + record(STDIN))
    check_nothing_forged(one)


def give_rest(fcgi, rest):
    """Sends what is left of a body after its answer; nothing may come back."""
    with fcgi:
        try:
            fcgi.send(rest)
            fcgi.sock.shutdown(1)
        except OSError:
            return  # closed already: just as good
        assert fcgi.rest() == b""


@pytest.mark.parametrize("code, path, size", LENGTHS.values(), ids=LENGTHS)
def test_raw_with_a_wrong_length(receiver, code, path, size):
    one = receiver(home=forged_home())
    for shift in SHIFTS:
        body = forged(shift)
        with Fcgi(one.socket) as fcgi:
            fcgi.send(whole(params(path, body, size=size), body))
            expect(fcgi.reply(), code)
            expect(fcgi.deliver(b"{}", path="/webhook/plain"), "malformed")
    check_nothing_forged(one)


def test_raw_larger_than_any_buffer(receiver):
    """The body doesn't fit into what the receiver looks at before it answers."""
    one = receiver(home=forged_home())
    for shift in SHIFTS:
        body = forged(shift, 2000)
        with Fcgi(one.socket) as fcgi:
            fcgi.send(opening(params("/webhook/none", body)))
            give_while_answered(fcgi, stdin(body, 65528) + record(STDIN))
    check_nothing_forged(one)


def give_while_answered(fcgi, rest):
    try:
        fcgi.send(rest)
    except OSError:
        pass
    try:
        expect(fcgi.reply(), "not_found")
        fcgi.sock.shutdown(1)
    except (OSError, EOFError):
        return
    assert fcgi.rest() == b""


def test_raw_timeout(receiver):
    one = receiver(home=forged_home())
    connections = [Fcgi(one.socket) for _ in range(8)]
    for shift, fcgi in enumerate(connections):
        fcgi.send(opening(params(body=forged(shift))) + stdin(b"x" * 100))
    for shift, fcgi in enumerate(connections):
        expect(fcgi.reply(), "timeout")
        give_rest(fcgi, stdin(forged(shift)) + record(STDIN))
    check_nothing_forged(one)


def test_raw_request_while_busy(receiver):
    """While one body is on its way and max-in-flight is 1, others that aren't all there are turned away."""
    one = receiver(home=forged_home(max_in_flight=1))
    connections = [Fcgi(one.socket) for _ in range(9)]
    for shift, fcgi in enumerate(connections):
        fcgi.send(opening(params(body=forged(shift))))
    codes = []
    for shift, fcgi in enumerate(connections):
        codes.append(fcgi.reply().code)
        give_rest(fcgi, stdin(forged(shift)) + record(STDIN))
    assert set(codes) == {"busy", "timeout"} and codes.count("busy") >= 6, codes
    check_nothing_forged(one)


@pytest.mark.parametrize("kind", ["nginx-kept", "nginx-streaming"])
def test_through_nginx(served, kind):
    """On the connections that nginx keeps, with every early answer a sender can get."""
    site = served(kind, forged_home())
    for shift in SHIFTS:
        body = forged(shift)
        for code, how in EARLY.items():
            reply = site.deliver(how.get("path", "/webhook/linkedin"), body, how.get("headers", {}), method=how.get("method", "POST"))
            assert reply.status == STATUS[code]
            assert site.deliver("/webhook/plain", b"{}").status == 400
    check_nothing_forged(site.receivers[0])


def test_through_nginx_late(served):
    """nginx passes the body on as it comes: the answer is out before the forged request is in."""
    site = served("nginx-streaming", forged_home())
    senders = [(shift, *early, site.connect()) for shift, early in enumerate(EARLY.items()) if early[0] != "malformed"]
    for shift, code, how, http in senders:
        headers = signed_headers(forged(shift), how.get("headers", {})) + [("Content-Length", str(len(forged(shift))))]
        http.send(sender.head(how.get("path", "/webhook/linkedin"), headers, how.get("method", "POST")))
    for shift, code, how, http in senders:
        with http:
            expect(http.reply(), code)
            try:
                http.send(forged(shift))
            except OSError:
                pass
    check_nothing_forged(site.receivers[0])
