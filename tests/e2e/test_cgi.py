# SPDX-License-Identifier: ISC
"""The receiver as a plain CGI program: by hand, and as a web host without any of our packages runs it."""
import os
import subprocess

import pytest

import fcgi_client
from outcomes import expect
from place import BIN, SLOW, USER, as_user, run
from receiver import Home, endpoint
from sender import AUTHORIZATION, Reply, message, padded, signed_headers

PROGRAM = BIN / "hookspool.fcgi"


def variables(home, body, path="/webhook/linkedin", method="POST", headers=(), **more):
    """The environment of one request (RFC 3875)."""
    env = {"GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": method, "SCRIPT_NAME": path, "REMOTE_ADDR": "127.0.0.1",
           "QUERY_STRING": "", "CONTENT_LENGTH": str(len(body)), "HOOKSPOOL_CONF": str(home.conf)}
    for name, value in signed_headers(body, headers):
        name = name.upper().replace("-", "_")
        env[name if name == "CONTENT_TYPE" else "HTTP_" + name] = value
    return {**env, **more}


def parsed(out):
    top, _, body = out.partition(b"\r\n\r\n")
    headers = [line.split(": ", 1) for line in top.decode().split("\r\n")]
    return Reply(int(dict(headers)["Status"].split()[0]), headers, body)


def request(home, body, stdin=None, args=(), **how):
    """One run: the answer and the exit status."""
    env = variables(home, body, **how)
    done = run([PROGRAM, *args], stdin=body if stdin is None else stdin, env=env, user=USER, within=20)
    return parsed(done.stdout), done.returncode


@pytest.fixture(scope="module")
def home():
    return Home(endpoint(), endpoint("/webhook/far", allow=["192.0.2.0/24"]), endpoint("/webhook/small", max_body="1k"),
                endpoint("/webhook/auth", authorization_file=["auth"]), endpoint("/webhook/filtered", events=["x"]),
                endpoint("/webhook/open", scheme="none"),
                endpoint("/webhook/dropbox", scheme="dropbox"), body_timeout="1s")


EXIT = {
    "stored": (0, {}),
    "ignored": (0, {"path": "/webhook/filtered"}),
    "malformed": (65, {"path": "/webhook/open", "body": b"{}"}),
    "incomplete": (65, {"stdin": b"short"}),
    "unauthorized": (77, {"headers": {"X-Webhook-Signature": "sha256="}}),
    "forbidden": (77, {"path": "/webhook/far"}),
    "not_found": (64, {"path": "/other"}),
    "method_not_allowed": (64, {"method": "GET"}),
    "too_large": (65, {"path": "/webhook/small", "body": message(text="x" * 2000)}),
    "unsupported_type": (65, {"path": "/webhook/open", "headers": {"Content-Type": "text/xml"}}),
}


@pytest.mark.parametrize("code", EXIT)
def test_outcome_and_exit_status(home, code):
    status, how = EXIT[code]
    reply, got = request(home, **{"body": message(), **how})
    expect(reply, code)
    assert got == status


def test_duplicate(home):
    body = message()
    assert expect(request(home, body)[0], "stored").json["id"] == expect(request(home, body)[0], "duplicate").json["id"]
    assert home.spool.counters()[("/webhook/linkedin", "duplicate", 1)] == 1, "counted at once"


def test_refused_deliveries_keep_the_log_short():
    """A process commits once, and the log begins anew all the same: a stranger could fill the disk."""
    home = Home(endpoint())
    for _ in range(100):
        expect(request(home, message(), headers={"X-Webhook-Signature": "sha256="})[0], "unauthorized")
    assert (home.spool.dir / "hookspool.db-wal").stat().st_size < 3 << 20


def test_timeout(home):
    body = message()
    child = subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             env={**os.environ, **variables(home, body)}, **as_user(USER))
    with child:
        child.stdin.write(body[:-1])
        child.stdin.flush()
        expect(parsed(child.stdout.read()), "timeout")
        assert child.wait(10 * SLOW) == 75


def test_unavailable():
    reply, status = request(Home(spool="/proc/nowhere/spool"), message())
    expect(reply, "unavailable")
    assert status == 75


def test_broken_configuration_is_answered(home):
    """The sender must come again, not take an empty answer for a final one."""
    broken = Home()
    broken.write("hookspool.conf", "nonsense\n")
    reply, status = request(broken, message())
    expect(reply, "unavailable")
    assert status == 78


@pytest.mark.parametrize("size", [500, 50_000])
def test_broken_configuration_is_answered_through_apache(served, size):
    """The unread body doesn't take the answer back."""
    site = served("mod_cgid", Home())
    site.home.write("hookspool.conf", "nonsense\n")
    for _ in range(10):
        expect(site.deliver("/webhook/linkedin", padded(size)), "unavailable")


def test_body_without_a_length(home):
    body = message()
    expect(request(home, body, CONTENT_LENGTH="")[0], "stored")


def test_authorization_under_its_redirected_name(home):
    """As Apache calls it after mod_rewrite."""
    body = message()
    expect(request(home, body, path="/webhook/auth")[0], "unauthorized")
    expect(request(home, body, path="/webhook/auth", REDIRECT_HTTP_AUTHORIZATION=AUTHORIZATION)[0], "stored")


PATHS = {
    "SCRIPT_NAME and PATH_INFO": {"SCRIPT_NAME": "/webhook", "PATH_INFO": "/linkedin"},
    "PATH_INFO": {"SCRIPT_NAME": "", "PATH_INFO": "/webhook/linkedin"},
    "REQUEST_URI": {"SCRIPT_NAME": "", "REQUEST_URI": "/webhook/linkedin?x=y"},
}


@pytest.mark.parametrize("given", PATHS.values(), ids=PATHS)
def test_path_of_the_request(home, given):
    expect(request(home, message(), **given)[0], "stored")


EVIL = ["-c+{conf}", "-c{conf}", "--config+{conf}", "--mode+fastcgi", "--help", "--version", "--listen+unix:{dir}/evil.sock"]


@pytest.mark.parametrize("query", EVIL)
def test_query_is_no_command_line(site_with_evil, query):
    """Apache makes arguments of a query string without "="; they must not choose the configuration."""
    site, evil = site_with_evil
    query = query.format(conf=evil.conf, dir=evil.dir)
    body = message()
    expect(site.deliver(f"/webhook/linkedin?{query}", body, {"X-Webhook-Signature": None}), "unauthorized")
    expect(site.deliver(f"/webhook/evil?{query}", body, {"X-Webhook-Signature": None}), "not_found")
    expect(site.deliver(f"/webhook/linkedin?{query}", body), "stored")
    assert not evil.spool.events()


@pytest.fixture(params=["mod_cgid", "mod_fcgid"])
def site_with_evil(request, served):
    evil = Home(endpoint("/webhook/linkedin", scheme="none"), endpoint("/webhook/evil", scheme="none"))
    return served(request.param, Home()), evil


@pytest.mark.parametrize("query", ["-c {conf}", "-c{conf}", "--version"])
def test_query_is_no_command_line_by_hand(query, home):
    """The same, should a server do what Apache does in another way."""
    evil = Home(endpoint(scheme="none"))
    args = query.format(conf=evil.conf).split()
    body = message()
    reply, _ = request(home, body, args=args, headers={"X-Webhook-Signature": None}, QUERY_STRING="+".join(args))
    expect(reply, "unauthorized")
    assert not evil.spool.events()


def test_cgi_can_be_forced():
    """--mode cgi serves one delivery without GATEWAY_INTERFACE, which would tell."""
    home, body = Home(endpoint()), message()
    done = run([BIN / "hookspool.fcgi", "-c", home.conf, "--mode", "cgi"], stdin=body, user=USER,
               env=dict(fcgi_client.params(body=body)))
    assert done.returncode == 0 and b"Status: 200 OK" in done.stdout, done.stderr.decode()
    assert home.spool.event()["body"] == body
